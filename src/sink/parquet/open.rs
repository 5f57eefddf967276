//! A file that is being written.

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
use super::writer::{OpenGroup, Writer};
use crate::error::{Error, ErrorKind, Result};

/// A file to which row groups are appended. Dropped before it is finished, it leaves nothing behind.
#[derive(Debug)]
pub(super) struct OpenFile {
    writer: Writer,
    /// Row groups that are in the file, and the length of the last.
    groups: usize,
    last_group_bytes: u64,
    /// The last of them on its way to the disk: the end of the file then has little left to wait for.
    syncing: JoinSet<io::Result<()>>,
    threads: usize,
    rows: u64,
    /// Bytes of JSON that its rows were made from, or of Arrow, where they were read from other files.
    json_bytes: u64,
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
        let begun = move || {
            let path = file.path();
            Writer::begin(form, file).map_err(|error| failed(&path, error))
        };
        Ok(Self {
            writer: blocking(begun).await?,
            groups: 0,
            last_group_bytes: 0,
            syncing: JoinSet::new(),
            threads,
            rows: 0,
            json_bytes: 0,
        })
    }

    /// The rows in it, and the bytes of JSON that they were made from.
    pub(super) fn holds(&self) -> (u64, u64) {
        (self.rows, self.json_bytes)
    }

    /// Whether it is as near to a length of `bytes` as it comes, if the next row group is like the last.
    pub(super) fn is_nearest_to(&self, bytes: u64) -> bool {
        self.writer.bytes() + self.last_group_bytes / 2 >= bytes
    }

    /// Begins the row group that is [appended](Self::append) next.
    pub(super) fn begin_group(&self) -> Result<OpenGroup> {
        self.writer.group(self.groups, self.threads).map_err(|error| self.failed(error))
    }

    /// Begins to encode rows of that row group.
    pub(super) async fn encode(&self, group: &mut OpenGroup, rows: RecordBatch) -> Result<()> {
        group.write(rows).await.map_err(|failure| self.not_encoded(failure))
    }

    /// Puts a row group of `rows`, made from `json_bytes` bytes of JSON, into the file.
    pub(super) async fn append(
        mut self,
        group: OpenGroup,
        rows: u64,
        json_bytes: u64,
    ) -> Result<Self> {
        let group = group.close().await.map_err(|failure| self.not_encoded(failure))?;
        self.groups += 1;
        self.rows += rows;
        self.json_bytes += json_bytes;
        let mut this = blocking(move || {
            let before = self.writer.bytes();
            match self.writer.append(group) {
                Ok(()) => {
                    self.last_group_bytes = self.writer.bytes() - before;
                    Ok(self)
                }
                Err(error) => Err(self.failed(error)),
            }
        })
        .await?;
        this.sync().await?;
        Ok(this)
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
            let batch = batch.map_err(|error| self.failed(error.into()))?;
            self.encode(&mut group, batch).await?;
        }
        ordering.await.map_err(|error| self.not_encoded(Failure::Task(error)))?;
        self.append(group, rows, json_bytes).await
    }

    /// Completes the file, and gives it its name once it is on disk.
    pub(super) async fn finish(self, claim: &Claim) -> Result<WrittenFile> {
        let (writer, rows) = (self.writer, self.rows);
        let file = blocking(move || {
            let path = writer.file().path();
            writer.end().map_err(|error| failed(&path, error))
        })
        .await?;
        file.publish(claim.hold(), rows).await
    }

    /// Begins to put on disk what was written, once what was written before is there.
    async fn sync(&mut self) -> Result<()> {
        let handle = match self.writer.file() {
            Destination::Local(file) => file.handle(),
            // Its parts are on their way already.
            #[cfg(feature = "cloud")]
            Destination::Bucket(_) => return Ok(()),
        };
        let handle = handle.map_err(|error| self.failed(error.into()))?;
        while let Some(synced) = self.syncing.join_next().await {
            let synced = synced.unwrap_or_else(|error| Err(io::Error::other(error)));
            synced.map_err(|error| self.failed(error.into()))?;
        }
        self.syncing.spawn_blocking(move || handle.sync_data());
        Ok(())
    }

    pub(super) fn failed(&self, error: ParquetError) -> Error {
        failed(&self.writer.file().path(), error)
    }

    pub(super) fn not_encoded(&self, failure: Failure) -> Error {
        match failure {
            Failure::Encoder(error) => self.failed(error),
            Failure::Task(error) => {
                Error::new(ErrorKind::Internal, "the encoder of the file failed").caused_by(error)
            }
        }
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

fn failed(path: &str, error: ParquetError) -> Error {
    let failed = Error::new(ErrorKind::Destination, format!("{path} could not be written"));
    match error {
        // What failed there is no affair of the crate's.
        ParquetError::External(cause) => failed.caused_by(cause),
        error => failed.caused_by(error),
    }
}
