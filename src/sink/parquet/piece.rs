//! The file in hand: what becomes durable at once.

use arrow_array::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::errors::ParquetError;

use super::ParquetOptions;
use super::file::{TemporaryFile, WrittenFile};
use crate::error::{Error, ErrorKind, Result};
use crate::license::License;

/// A Parquet file that is being written. Dropped before it is finished, it leaves nothing behind.
#[derive(Debug)]
pub(super) struct Piece {
    writer: ArrowWriter<TemporaryFile>,
    limits: PieceLimits,
    rows: u64,
    /// Bytes of JSON that went into the file, and into its last row group.
    bytes: u64,
    group_bytes: u64,
}

#[derive(Debug)]
struct PieceLimits {
    row_group_bytes: u64,
    row_group_rows: u64,
    file_bytes: u64,
}

impl Piece {
    /// Begins file `number` of a snapshot.
    pub(super) fn create(options: &ParquetOptions, number: usize) -> Result<Self> {
        let account = options.account.as_deref().unwrap_or("input");
        let name = format!("{account}-{}-{number:05}.parquet", options.snapshot_id);
        let file = TemporaryFile::create(&options.directory, &name)?;
        let path = file.path().display().to_string();
        let writer = ArrowWriter::try_new_with_options(
            file,
            License::schema(),
            ArrowWriterOptions::new().with_properties(options.properties.clone()),
        )
        .map_err(|error| failed(&path, error))?;
        Ok(Self {
            writer,
            limits: PieceLimits {
                row_group_bytes: options.row_group_bytes,
                row_group_rows: options.row_group_rows,
                file_bytes: options.file_bytes,
            },
            rows: 0,
            bytes: 0,
            group_bytes: 0,
        })
    }

    /// Appends rows that were made from `bytes` bytes of JSON.
    pub(super) fn write(&mut self, batch: &RecordBatch, bytes: u64) -> Result<()> {
        self.encode(|writer| writer.write(batch))?;
        self.rows += batch.num_rows() as u64;
        self.bytes += bytes;
        self.group_bytes += bytes;
        let group_rows = self.writer.in_progress_rows() as u64;
        if self.group_bytes >= self.limits.row_group_bytes
            || group_rows >= self.limits.row_group_rows
        {
            self.group_bytes = 0;
            self.encode(ArrowWriter::flush)?;
        }
        Ok(())
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes >= self.limits.file_bytes
    }

    /// Completes the file, and gives it its name once it is on disk.
    pub(super) fn finish(self) -> Result<WrittenFile> {
        let path = self.writer.inner().path().display().to_string();
        let file = self.writer.into_inner().map_err(|error| failed(&path, error))?;
        file.publish(self.rows)
    }

    fn encode(
        &mut self,
        work: impl FnOnce(&mut ArrowWriter<TemporaryFile>) -> Result<(), ParquetError>,
    ) -> Result<()> {
        work(&mut self.writer)
            .map_err(|error| failed(&self.writer.inner().path().display().to_string(), error))
    }
}

fn failed(path: &str, error: ParquetError) -> Error {
    Error::new(ErrorKind::Destination, format!("{path} could not be written")).caused_by(error)
}
