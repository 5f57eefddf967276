//! A file in an object store, of which what is wanted is read.

use std::io::{self, Read};

use bytes::{Buf, Bytes};
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};
use tokio::runtime::Handle;

use crate::cloud::Bucket;

/// What is asked for where nobody says how much is wanted: the head of a page.
const HEAD_BYTES: u64 = 16 << 10;

/// An object. It is read from a thread that may wait, of the runtime that it was made in.
#[derive(Debug)]
pub(super) struct Object {
    bucket: Bucket,
    name: String,
    bytes: u64,
    runtime: Handle,
}

impl Object {
    /// Object `name` of so many bytes.
    pub(super) fn of(bucket: &Bucket, name: &str, bytes: u64) -> Self {
        let (bucket, name) = (bucket.clone(), name.to_owned());
        Self { bucket, name, bytes, runtime: Handle::current() }
    }

    fn read(&self, start: u64, length: u64) -> Result<Bytes> {
        let end = start.saturating_add(length).min(self.bytes);
        let read = self.bucket.read_range(&self.name, start..end.max(start));
        self.runtime.block_on(read).map_err(|error| ParquetError::External(Box::new(error)))
    }
}

impl Length for Object {
    fn len(&self) -> u64 {
        self.bytes
    }
}

impl ChunkReader for Object {
    type T = Stretch;

    fn get_read(&self, start: u64) -> Result<Stretch> {
        let Self { bucket, name, bytes, runtime } = self;
        let object = Self {
            bucket: bucket.clone(),
            name: name.clone(),
            bytes: *bytes,
            runtime: runtime.clone(),
        };
        Ok(Stretch { object, next: start, head: Bytes::new() })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let read = self.read(start, length as u64)?;
        if read.len() == length {
            return Ok(read);
        }
        let (found, name) = (read.len(), &self.name);
        Err(ParquetError::EOF(format!("{name} has {found} of {length} bytes behind {start}")))
    }
}

/// What lies behind some place of an object.
#[derive(Debug)]
pub(super) struct Stretch {
    object: Object,
    next: u64,
    head: Bytes,
}

impl Read for Stretch {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.head.is_empty() {
            self.head = self.object.read(self.next, HEAD_BYTES).map_err(io::Error::other)?;
            self.next += self.head.len() as u64;
        }
        let count = buffer.len().min(self.head.len());
        self.head.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
    use parquet::arrow::ArrowWriter;
    use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
    use parquet::file::metadata::PageIndexPolicy;

    use super::*;

    #[tokio::test]
    async fn page_by_page_an_object_has_the_rows_that_were_written() {
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..50_000));
        let texts = (0..50_000).map(|number| format!("{number:0100}"));
        let texts: ArrayRef = Arc::new(StringArray::from_iter_values(texts));
        let rows = RecordBatch::try_from_iter([("number", numbers), ("text", texts)]).unwrap();
        let mut file = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut file, rows.schema(), None).unwrap();
        writer.write(&rows).unwrap();
        writer.close().unwrap();
        let store = Arc::new(object_store::memory::InMemory::new());
        let bucket = Bucket::new(store, "lake", "memory:///lake");
        let bytes = file.len() as u64;
        bucket.put("a.parquet", file).await.unwrap();
        for index in [PageIndexPolicy::Skip, PageIndexPolicy::Required] {
            let object = Object::of(&bucket, "a.parquet", bytes);
            let read = tokio::task::spawn_blocking(move || {
                let options = ArrowReaderOptions::new().with_offset_index_policy(index);
                let reader = ParquetRecordBatchReaderBuilder::try_new_with_options(object, options);
                let batches = reader.unwrap().with_batch_size(777).build().unwrap();
                batches.collect::<Result<Vec<_>, _>>().unwrap()
            });
            let mut start = 0;
            for batch in read.await.unwrap() {
                assert_eq!(batch, rows.slice(start, batch.num_rows()));
                start += batch.num_rows();
            }
            assert_eq!(start, 50_000);
        }
        let object = Object::of(&bucket, "a.parquet", bytes);
        let missed = tokio::task::spawn_blocking(move || object.get_bytes(10, 1 << 40)).await;
        assert!(missed.unwrap().is_err());
    }
}
