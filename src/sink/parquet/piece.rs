//! The file in hand: what becomes durable at once.

use std::io::{self, Write};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowRowGroupWriterFactory, ArrowWriterOptions,
};
use parquet::errors::ParquetError;
use parquet::file::writer::SerializedFileWriter;
use tokio::task::JoinSet;

use super::ParquetOptions;
#[cfg(feature = "cloud")]
use super::bucket::BucketFile;
use super::claim::Claim;
use super::file::{TemporaryFile, WrittenFile};
use super::group::{Failure, RowGroup};
use super::lake::Hold;
use super::order::{SortColumn, sorted};
use crate::error::{Error, ErrorKind, Result};

/// A Parquet file that is being written. Dropped before it is finished, it leaves nothing behind.
#[derive(Debug)]
pub(super) struct Piece {
    writer: Writer,
    factory: ArrowRowGroupWriterFactory,
    schema: SchemaRef,
    order: Arc<[SortColumn]>,
    /// The row group in hand, once it has rows.
    group: Option<Group>,
    /// Row groups that are in the file.
    groups: usize,
    /// The last of them on its way to the disk: the end of the file then has little left to wait for.
    syncing: JoinSet<io::Result<()>>,
    limits: PieceLimits,
    rows: u64,
    /// Bytes of JSON that went into the file, and into its last row group.
    bytes: u64,
    group_bytes: u64,
    group_rows: u64,
}

/// A row group in hand.
#[derive(Debug)]
enum Group {
    Encoded(RowGroup),
    /// Rows that are sorted once all of them are there.
    Unsorted(Vec<RecordBatch>),
}

/// What appends whole row groups to the file.
type Writer = SerializedFileWriter<PieceFile>;

/// Where the bytes go.
#[derive(Debug)]
enum PieceFile {
    Local(TemporaryFile),
    #[cfg(feature = "cloud")]
    Bucket(BucketFile),
}

#[derive(Debug)]
struct PieceLimits {
    row_group_bytes: u64,
    row_group_rows: u64,
    file_bytes: u64,
    threads: usize,
}

impl Piece {
    /// Begins file `number` of a snapshot.
    pub(super) async fn create(
        claim: &Claim,
        options: &ParquetOptions,
        number: usize,
    ) -> Result<Self> {
        let file = PieceFile::create(claim.hold(), options.file_name(number)).await?;
        let properties = options.file_properties()?;
        let schema = Arc::clone(options.columns.schema());
        let created = move || {
            let path = file.path();
            let options = ArrowWriterOptions::new().with_properties(properties);
            ArrowWriter::try_new_with_options(file, schema, options)
                .and_then(ArrowWriter::into_serialized_writer)
                .map_err(|error| failed(&path, error))
        };
        let (writer, factory) = blocking(created).await?;
        Ok(Self {
            writer,
            factory,
            schema: Arc::clone(options.columns.schema()),
            order: options.sort_by.as_slice().into(),
            group: None,
            groups: 0,
            syncing: JoinSet::new(),
            limits: PieceLimits {
                row_group_bytes: options.row_group_bytes,
                row_group_rows: options.row_group_rows,
                file_bytes: options.file_bytes,
                threads: options.threads.get(),
            },
            rows: 0,
            bytes: 0,
            group_bytes: 0,
            group_rows: 0,
        })
    }

    /// Appends rows that were made from `bytes` bytes of JSON. Their encoding goes on after the answer.
    pub(super) async fn write(mut self, batch: RecordBatch, bytes: u64) -> Result<Self> {
        let mut group = match self.group.take() {
            Some(group) => group,
            None if self.order.is_empty() => Group::Encoded(self.begin_group()?),
            None => Group::Unsorted(Vec::new()),
        };
        self.rows += batch.num_rows() as u64;
        self.bytes += bytes;
        self.group_bytes += bytes;
        self.group_rows += batch.num_rows() as u64;
        match &mut group {
            Group::Encoded(group) => self.encode(group, batch).await?,
            Group::Unsorted(batches) => batches.push(batch),
        }
        let is_full = self.group_bytes >= self.limits.row_group_bytes
            || self.group_rows >= self.limits.row_group_rows;
        self.group = Some(group);
        if is_full { self.close_group().await } else { Ok(self) }
    }

    fn begin_group(&self) -> Result<RowGroup> {
        RowGroup::begin(&self.factory, &self.schema, self.groups, self.limits.threads)
            .map_err(|error| self.failed(error))
    }

    async fn encode(&self, group: &mut RowGroup, batch: RecordBatch) -> Result<()> {
        group.write(batch).await.map_err(|failure| self.not_encoded(failure))
    }

    /// Encodes the rows of a row group in their order.
    async fn encode_sorted(&self, batches: Vec<RecordBatch>) -> Result<RowGroup> {
        let mut group = self.begin_group()?;
        let order = Arc::clone(&self.order);
        let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
        let sorting = tokio::task::spawn_blocking(move || {
            for batch in sorted(&batches, &order) {
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
        sorting.await.map_err(|error| self.not_encoded(Failure::Task(error)))?;
        Ok(group)
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes >= self.limits.file_bytes
    }

    /// Completes the file, and gives it its name once it is on disk.
    pub(super) async fn finish(self, claim: &Claim) -> Result<WrittenFile> {
        let this = self.close_group().await?;
        let (writer, rows) = (this.writer, this.rows);
        let file = blocking(move || {
            let path = writer.inner().path();
            writer.into_inner().map_err(|error| failed(&path, error))
        })
        .await?;
        file.publish(claim.hold(), rows).await
    }

    /// Puts the row group in hand into the file.
    async fn close_group(mut self) -> Result<Self> {
        let group = match self.group.take() {
            None => return Ok(self),
            Some(Group::Encoded(group)) => group,
            Some(Group::Unsorted(batches)) => self.encode_sorted(batches).await?,
        };
        let chunks = group.close().await.map_err(|failure| self.not_encoded(failure))?;
        (self.group_bytes, self.group_rows) = (0, 0);
        self.groups += 1;
        let mut this = blocking(move || match append(&mut self.writer, chunks) {
            Ok(()) => Ok(self),
            Err(error) => Err(self.failed(error)),
        })
        .await?;
        this.sync().await?;
        Ok(this)
    }

    /// Begins to put on disk what was written, once what was written before is there.
    async fn sync(&mut self) -> Result<()> {
        let handle = match self.writer.inner() {
            PieceFile::Local(file) => file.handle(),
            // Its parts are on their way already.
            #[cfg(feature = "cloud")]
            PieceFile::Bucket(_) => return Ok(()),
        };
        let handle = handle.map_err(|error| self.failed(error.into()))?;
        while let Some(synced) = self.syncing.join_next().await {
            let synced = synced.unwrap_or_else(|error| Err(io::Error::other(error)));
            synced.map_err(|error| self.failed(error.into()))?;
        }
        self.syncing.spawn_blocking(move || handle.sync_data());
        Ok(())
    }

    fn failed(&self, error: ParquetError) -> Error {
        failed(&self.writer.inner().path(), error)
    }

    fn not_encoded(&self, failure: Failure) -> Error {
        match failure {
            Failure::Encoder(error) => self.failed(error),
            Failure::Task(error) => {
                Error::new(ErrorKind::Internal, "the Parquet encoder failed").caused_by(error)
            }
        }
    }
}

impl PieceFile {
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

impl Write for PieceFile {
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

fn append(writer: &mut Writer, chunks: Vec<ArrowColumnChunk>) -> Result<(), ParquetError> {
    let mut group = writer.next_row_group()?;
    for chunk in chunks {
        chunk.append_to_row_group(&mut group)?;
    }
    group.close().map(drop)
}

/// Runs `work`, which keeps the CPU or the disk busy, beside the runtime.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        Error::new(ErrorKind::Internal, "writing the Parquet file failed").caused_by(error)
    })?
}

fn failed(path: &str, error: ParquetError) -> Error {
    Error::new(ErrorKind::Destination, format!("{path} could not be written")).caused_by(error)
}
