//! A file that is merged into another.

use std::fs::File;

use arrow_array::RecordBatch;
#[cfg(feature = "cloud")]
use bytes::Bytes;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;
use parquet::file::reader::ChunkReader;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::live::LiveFile;
use crate::error::{Error, ErrorKind, Result};
use crate::sink::parquet::lake::Place;
use crate::sink::parquet::looked::Looked;
use crate::sink::parquet::open::blocking;
use crate::sink::parquet::proof;

/// About so many bytes, uncompressed and encoded, become a batch, and so many rows at most: of them decoded are
/// few in memory at once.
const BATCH_BYTES: u64 = 1 << 20;
const BATCH_ROWS: u64 = 2048;

/// What is asked of an object store at once.
#[cfg(feature = "cloud")]
const RANGE_BYTES: u64 = 8 << 20;

/// A small file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a> {
    place: &'a Looked,
    file: &'a LiveFile,
}

impl<'a> Source<'a> {
    pub(super) fn of(place: &'a Looked, file: &'a LiveFile) -> Self {
        Self { place, file }
    }

    /// Makes sure that it is as it was written. In an object store it is when it is read.
    ///
    /// # Errors
    /// [`ErrorKind::Destination`] if it is not, with its snapshot.
    pub(super) async fn prove(self) -> Result<()> {
        match &self.place.0.0 {
            Place::Directory(directory) => {
                let (directory, piece) = (directory.clone(), self.file.piece.clone());
                match blocking(move || proof::damage(&directory, &piece)).await? {
                    Some(what) => Err(self.damaged(&what)),
                    None => Ok(()),
                }
            }
            #[cfg(feature = "cloud")]
            Place::Bucket(_) => Ok(()),
        }
    }

    /// Begins to read its rows.
    pub(super) async fn open(self) -> Result<Rows> {
        let (path, name) = (self.place.path_of(&self.file.piece.name), &self.file.piece.name);
        let (sender, batches) = mpsc::channel(1);
        let reading = match &self.place.0.0 {
            Place::Directory(directory) => {
                let path = directory.join(name);
                tokio::task::spawn_blocking(move || match File::open(path) {
                    Ok(file) => send(file, &sender),
                    Err(error) => Err(error.into()),
                })
            }
            #[cfg(feature = "cloud")]
            Place::Bucket(bucket) => {
                let bytes = self.whole(bucket).await?;
                tokio::task::spawn_blocking(move || send(bytes, &sender))
            }
        };
        Ok(Rows { path, batches, reading })
    }

    /// All of an object, proven.
    #[cfg(feature = "cloud")]
    async fn whole(self, bucket: &crate::cloud::Bucket) -> Result<Bytes> {
        let piece = &self.file.piece;
        let mut digester = crate::digest::Digester::default();
        let mut bytes = Vec::with_capacity(usize::try_from(piece.bytes).unwrap_or_default());
        while (bytes.len() as u64) < piece.bytes {
            let start = bytes.len() as u64;
            let end = (start + RANGE_BYTES).min(piece.bytes);
            let read = bucket.read_range(&piece.name, start..end).await?;
            if read.is_empty() {
                return Err(self.damaged(&proof::of_length(start, piece)));
            }
            digester.update(&read);
            bytes.extend_from_slice(&read);
        }
        match piece.digest {
            Some(digest) if digest != digester.digest() => Err(self.damaged(proof::CHANGED)),
            _ => Ok(bytes.into()),
        }
    }

    /// What is wrong with it.
    pub(super) fn damaged(self, what: &str) -> Error {
        self.file.damaged(&self.place.path_of(&self.file.piece.name), what)
    }
}

/// The rows of a file, which are read on a thread of their own. Dropped, that ends.
#[derive(Debug)]
pub(super) struct Rows {
    path: String,
    batches: mpsc::Receiver<RecordBatch>,
    reading: JoinHandle<Result<(), ParquetError>>,
}

impl Rows {
    pub(super) async fn next(&mut self) -> Option<RecordBatch> {
        self.batches.recv().await
    }

    /// What kept them from being all.
    pub(super) async fn end(self) -> Result<()> {
        let read = self.reading.await.map_err(|error| {
            Error::new(ErrorKind::Internal, "the Parquet decoder failed").caused_by(error)
        })?;
        read.map_err(|error| {
            let message = format!("{} could not be read", self.path);
            Error::new(ErrorKind::Destination, message).caused_by(error)
        })
    }
}

fn send(
    file: impl ChunkReader + 'static,
    sender: &mpsc::Sender<RecordBatch>,
) -> Result<(), ParquetError> {
    for batch in reader(file)? {
        if sender.blocking_send(batch?).is_err() {
            // Nobody waits for more.
            break;
        }
    }
    Ok(())
}

fn reader(file: impl ChunkReader + 'static) -> Result<ParquetRecordBatchReader, ParquetError> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(file)?;
    let metadata = builder.metadata();
    let bytes: i64 = metadata.row_groups().iter().map(|group| group.total_byte_size().max(0)).sum();
    let rows = metadata.file_metadata().num_rows().max(1) as u64;
    let row_bytes = (bytes as u64 / rows).max(1);
    let batch_rows = (BATCH_BYTES / row_bytes).clamp(1, BATCH_ROWS);
    builder.with_batch_size(batch_rows as usize).build()
}
