//! A file that is being written.

use std::future;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use tokio::task::JoinSet;

#[cfg(feature = "cloud")]
use super::bucket::BucketFile;
use super::claim::Claim;
use super::file::{TemporaryFile, WrittenFile};
use super::format::FileFormat;
use super::gathered::Part;
use super::group::Failure;
use super::lake::Hold;
use super::order::SortColumn;
use super::writer::{GroupFactory, OpenGroup, Writer};
use crate::error::{Error, ErrorKind, Result};

/// A file to which row groups are appended, each while the next one is encoded. Dropped before it is finished, it
/// leaves nothing behind.
#[derive(Debug)]
pub(super) struct OpenFile {
    path: String,
    factory: GroupFactory,
    threads: usize,
    /// Always one task: the one that has the file, until it has put a row group into it.
    appending: JoinSet<Result<Appended>>,
    /// What was appended, or is being appended.
    groups: usize,
    rows: u64,
    /// Bytes of JSON that its rows were made from, or of Arrow, where they were read from other files.
    json_bytes: u64,
}

/// The file behind the last row group that is in it.
#[derive(Debug)]
struct Appended {
    writer: Writer,
    /// The length of that row group.
    last_group_bytes: u64,
}

/// What a file is to have, and how it is encoded.
#[derive(Clone, Debug)]
pub(super) struct Form {
    pub(super) format: FileFormat,
    pub(super) schema: SchemaRef,
    pub(super) properties: WriterProperties,
    /// Columns that are encoded at once.
    pub(super) threads: NonZeroUsize,
}

/// Where the bytes go.
#[derive(Debug)]
pub(super) enum Destination {
    Local(TemporaryFile),
    #[cfg(feature = "cloud")]
    Bucket(BucketFile),
}

impl OpenFile {
    /// Begins the file `name`.
    pub(super) async fn create(claim: &Claim, form: Form, name: String) -> Result<Self> {
        let threads = form.threads.get();
        let file = Destination::create(claim.hold(), name).await?;
        let path = file.path();
        let begun = {
            let path = path.clone();
            move || Writer::begin(form, file).map_err(|error| failed(&path, error))
        };
        let (writer, factory) = blocking(begun).await?;
        let appending = JoinSet::new();
        let mut this =
            Self { path, factory, threads, appending, groups: 0, rows: 0, json_bytes: 0 };
        this.rest(Appended { writer, last_group_bytes: 0 });
        Ok(this)
    }

    /// The rows in it, and the bytes of JSON that they were made from.
    pub(super) fn holds(&self) -> (u64, u64) {
        (self.rows, self.json_bytes)
    }

    /// Whether it is as near to a length of `bytes` as it comes, if the next row group is like the last.
    pub(super) async fn is_nearest_to(&mut self, bytes: u64) -> Result<bool> {
        let appended = self.settle().await?;
        let is_nearest = appended.writer.bytes() + appended.last_group_bytes / 2 >= bytes;
        self.rest(appended);
        Ok(is_nearest)
    }

    /// Begins the row group that is [appended](Self::append) next.
    pub(super) fn begin_group(&self) -> Result<OpenGroup> {
        let begun = self.factory.begin(self.groups, self.threads);
        begun.map_err(|error| failed(&self.path, error))
    }

    /// Begins to encode rows of that row group.
    pub(super) async fn encode(&self, group: &mut OpenGroup, rows: RecordBatch) -> Result<()> {
        group.write(rows).await.map_err(|failure| not_encoded(&self.path, failure))
    }

    /// Begins to put a row group of `rows`, made from `json_bytes` bytes of JSON, into the file, once the one before is
    /// there. What fails of it is told by what is done next with the file.
    pub(super) async fn append(
        mut self,
        group: OpenGroup,
        rows: u64,
        json_bytes: u64,
    ) -> Result<Self> {
        let appended = self.settle().await?;
        self.groups += 1;
        self.rows += rows;
        self.json_bytes += json_bytes;
        self.appending.spawn(appended.append(group, self.path.clone()));
        Ok(self)
    }

    /// Puts a row group of the rows of `part` into the file, which are places in `batches`, in this order.
    pub(super) async fn append_part(
        self,
        batches: Arc<[RecordBatch]>,
        part: Part,
        sort_by: Vec<SortColumn>,
    ) -> Result<Self> {
        let (rows, json_bytes) = (part.rows(), part.json_bytes);
        let mut group = self.begin_group()?;
        let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
        let ordering = tokio::task::spawn_blocking(move || {
            for batch in part.ordered(&batches, &sort_by) {
                // Without a receiver the encoding has failed.
                if sender.blocking_send(batch).is_err() {
                    return;
                }
            }
        });
        while let Some(batch) = receiver.recv().await {
            let batch = batch.map_err(|error| failed(&self.path, error.into()))?;
            self.encode(&mut group, batch).await?;
        }
        ordering.await.map_err(|error| not_encoded(&self.path, Failure::Task(error)))?;
        let mut this = self.append(group, rows, json_bytes).await?;
        // One after the other: there may be many files, each with a row group.
        let appended = this.settle().await?;
        this.rest(appended);
        Ok(this)
    }

    /// Completes the file, and gives it its name once it is on disk.
    pub(super) async fn finish(mut self, claim: &Claim) -> Result<WrittenFile> {
        let (Appended { writer, .. }, path) = (self.settle().await?, self.path);
        let file = blocking(move || writer.end().map_err(|error| failed(&path, error))).await?;
        file.publish(claim.hold(), self.rows).await
    }

    /// The file, once no row group is on its way into it.
    async fn settle(&mut self) -> Result<Appended> {
        match self.appending.join_next().await {
            Some(Ok(appended)) => appended,
            Some(Err(error)) => Err(not_encoded(&self.path, Failure::Task(error))),
            None => Err(Error::new(ErrorKind::Internal, "a file was written to after a failure")),
        }
    }

    /// Keeps the file, into which nothing is on its way, where [`settle`](Self::settle) finds it.
    fn rest(&mut self, appended: Appended) {
        self.appending.spawn(future::ready(Ok(appended)));
    }
}

impl Appended {
    /// Appends `group` once it is encoded, and puts it on disk, so that the end of the file does not wait for all of it.
    async fn append(mut self, group: OpenGroup, path: String) -> Result<Self> {
        let group = group.close().await.map_err(|failure| not_encoded(&path, failure))?;
        blocking(move || {
            let before = self.writer.bytes();
            let appended = self.writer.append(group);
            appended
                .and_then(|()| Ok(self.writer.file().sync()?))
                .map_err(|error| failed(&path, error))?;
            self.last_group_bytes = self.writer.bytes() - before;
            Ok(self)
        })
        .await
    }
}

impl Destination {
    async fn create(hold: &Hold, name: String) -> Result<Self> {
        match hold.clone() {
            Hold::Local(hold) => blocking(move || hold.create(&name).map(Self::Local)).await,
            #[cfg(feature = "cloud")]
            Hold::Bucket(hold) => hold.create(&name).await.map(Self::Bucket),
        }
    }

    fn path(&self) -> String {
        match self {
            Self::Local(file) => file.path().display().to_string(),
            #[cfg(feature = "cloud")]
            Self::Bucket(file) => file.path().to_owned(),
        }
    }

    /// Bytes that were taken so far.
    pub(super) fn bytes(&self) -> u64 {
        match self {
            Self::Local(file) => file.bytes(),
            #[cfg(feature = "cloud")]
            Self::Bucket(file) => file.bytes(),
        }
    }

    /// Puts on disk what was taken so far. The parts of an upload are on their way already.
    fn sync(&self) -> io::Result<()> {
        match self {
            Self::Local(file) => file.sync(),
            #[cfg(feature = "cloud")]
            Self::Bucket(_) => Ok(()),
        }
    }

    async fn publish(self, hold: &Hold, rows: u64) -> Result<WrittenFile> {
        match (self, hold) {
            (Self::Local(file), _) => blocking(move || file.publish(rows)).await,
            #[cfg(feature = "cloud")]
            (Self::Bucket(file), Hold::Bucket(hold)) => hold.publish(file, rows).await,
            #[cfg(feature = "cloud")]
            (Self::Bucket(_), Hold::Local(_)) => {
                Err(Error::new(ErrorKind::Internal, "a file was not made by its claim"))
            }
        }
    }
}

impl Write for Destination {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Local(file) => file.write(bytes),
            #[cfg(feature = "cloud")]
            Self::Bucket(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Local(file) => file.flush(),
            #[cfg(feature = "cloud")]
            Self::Bucket(file) => file.flush(),
        }
    }
}

/// Runs `work`, which keeps the CPU or the disk busy, beside the runtime.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        Error::new(ErrorKind::Internal, "writing the file failed").caused_by(error)
    })?
}

fn not_encoded(path: &str, failure: Failure) -> Error {
    match failure {
        Failure::Encoder(error) => failed(path, error),
        Failure::Task(error) => {
            Error::new(ErrorKind::Internal, "the encoder of the file failed").caused_by(error)
        }
    }
}

fn failed(path: &str, error: ParquetError) -> Error {
    let failed = Error::new(ErrorKind::Destination, format!("{path} could not be written"));
    match error {
        // What failed there is no affair of the crate's.
        ParquetError::External(cause) => failed.caused_by(cause),
        error => failed.caused_by(error),
    }
}
