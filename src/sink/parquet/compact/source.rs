//! A file that is merged into another.

use std::fs::File;

use arrow_array::RecordBatch;
#[cfg(feature = "cloud")]
use bytes::Bytes;
use parquet::arrow::arrow_reader::{
    ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::PageIndexPolicy;
use parquet::file::reader::ChunkReader;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::live::LiveFile;
#[cfg(feature = "cloud")]
use crate::cloud::Bucket;
#[cfg(feature = "cloud")]
use crate::digest::Digester;
use crate::error::{Error, ErrorKind, Result};
use crate::sink::parquet::lake::Place;
use crate::sink::parquet::looked::Looked;
#[cfg(feature = "cloud")]
use crate::sink::parquet::object::Object;
use crate::sink::parquet::open::blocking;
use crate::sink::parquet::proof;

/// About so many bytes, uncompressed and encoded, become a batch, and so many rows at most: of them decoded are
/// few in memory at once.
const BATCH_BYTES: u64 = 1 << 20;
const BATCH_ROWS: u64 = 2048;

/// What is asked of an object store at once.
#[cfg(feature = "cloud")]
const RANGE_BYTES: u64 = 2 << 20;

/// The longest object that is read once, into memory. One that is longer is read to prove it, and then again page
/// by page.
#[cfg(feature = "cloud")]
const MOST_HELD_BYTES: u64 = 16 << 20;

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
            Place::Bucket(bucket) => match self.read(bucket).await? {
                Some(bytes) => tokio::task::spawn_blocking(move || send(bytes, &sender)),
                None => {
                    let object = Object::of(bucket, name, self.file.piece.bytes);
                    tokio::task::spawn_blocking(move || send(object, &sender))
                }
            },
        };
        Ok(Rows { path, batches, reading })
    }

    /// Proves an object by reading it to its end; all of it, if that may be held.
    #[cfg(feature = "cloud")]
    async fn read(self, bucket: &Bucket) -> Result<Option<Bytes>> {
        let piece = &self.file.piece;
        let is_held = piece.bytes <= MOST_HELD_BYTES;
        let (mut digester, mut held, mut start) = (Digester::default(), Vec::new(), 0);
        while start < piece.bytes {
            let end = (start + RANGE_BYTES).min(piece.bytes);
            let read = bucket.read_range(&piece.name, start..end).await?;
            if read.len() as u64 != end - start {
                return Err(self.damaged("is shorter than what was written"));
            }
            digester.update(&read);
            if is_held {
                held.extend_from_slice(&read);
            }
            start = end;
        }
        match piece.digest {
            Some(digest) if digest != digester.digest() => Err(self.damaged(proof::CHANGED)),
            _ => Ok(is_held.then(|| held.into())),
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
    // With the index of pages, each is one request.
    let options = ArrowReaderOptions::new().with_offset_index_policy(PageIndexPolicy::Optional);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options)?;
    let metadata = builder.metadata();
    let bytes: i64 = metadata.row_groups().iter().map(|group| group.total_byte_size().max(0)).sum();
    let rows = metadata.file_metadata().num_rows().max(1) as u64;
    let row_bytes = (bytes as u64 / rows).max(1);
    let batch_rows = (BATCH_BYTES / row_bytes).clamp(1, BATCH_ROWS);
    builder.with_batch_size(batch_rows as usize).build()
}
