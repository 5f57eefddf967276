//! The row group in hand, its columns encoded side by side.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{FieldRef, Schema};
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves,
};
use parquet::errors::Result;
use tokio::task::{JoinError, JoinSet};

/// A row group whose columns are encoded on several threads at once.
///
/// Each batch is a round: threads take one column after the other, the largest first, until none is
/// left. A column meets its batches in their order whichever thread it is on, so that what it becomes
/// does not depend on the threads, nor on how many there are.
#[derive(Debug)]
pub(super) struct RowGroup {
    columns: Arc<[Mutex<Column>]>,
    threads: usize,
    /// The last batch's round; the next begins when it has ended.
    round: JoinSet<Result<()>>,
}

/// A column of the schema, with an encoder for each of its leaves.
#[derive(Debug)]
struct Column {
    field: FieldRef,
    encoders: Vec<ArrowColumnWriter>,
    chunks: Vec<ArrowColumnChunk>,
}

/// Why a row group was not encoded.
#[derive(Debug)]
pub(super) enum Failure {
    Encoder(parquet::errors::ParquetError),
    Task(JoinError),
}

impl RowGroup {
    /// Begins row group `number` of a file.
    pub(super) fn begin(
        factory: &ArrowRowGroupWriterFactory,
        schema: &Schema,
        number: usize,
        threads: usize,
    ) -> Result<Self> {
        let mut encoders = factory.create_column_writers(number)?.into_iter();
        let column = |field: &FieldRef| {
            let encoders = encoders.by_ref().take(leaves(field)).collect();
            Mutex::new(Column { field: Arc::clone(field), encoders, chunks: Vec::new() })
        };
        let columns = schema.fields().iter().map(column).collect();
        Ok(Self { columns, threads, round: JoinSet::new() })
    }

    /// Begins to encode `batch`, once the batch before has been.
    pub(super) async fn write(&mut self, batch: RecordBatch) -> Result<(), Failure> {
        let mut order: Vec<_> = (0..batch.num_columns()).collect();
        order.sort_by_key(|index| std::cmp::Reverse(batch.column(*index).get_buffer_memory_size()));
        self.round(order, move |column, index| column.write(batch.column(index))).await
    }

    /// The chunks of all leaves, in the order of the schema.
    pub(super) async fn close(mut self) -> Result<Vec<ArrowColumnChunk>, Failure> {
        let order = (0..self.columns.len()).collect();
        self.round(order, |column, _| column.close()).await?;
        self.settle().await?;
        let chunks = |column: &Mutex<Column>| std::mem::take(&mut lock(column).chunks);
        Ok(self.columns.iter().flat_map(chunks).collect())
    }

    /// Begins to do `work` on each column, once the round before has ended.
    async fn round(
        &mut self,
        order: Vec<usize>,
        work: impl Fn(&mut Column, usize) -> Result<()> + Send + Sync + 'static,
    ) -> Result<(), Failure> {
        self.settle().await?;
        let shared = Arc::new((Arc::clone(&self.columns), order, AtomicUsize::new(0), work));
        for _ in 0..self.threads {
            let shared = Arc::clone(&shared);
            self.round.spawn_blocking(move || {
                let (columns, order, next, work) = &*shared;
                while let Some(index) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
                    work(&mut lock(&columns[*index]), *index)?;
                }
                Ok(())
            });
        }
        Ok(())
    }

    async fn settle(&mut self) -> Result<(), Failure> {
        while let Some(done) = self.round.join_next().await {
            done.map_err(Failure::Task)?.map_err(Failure::Encoder)?;
        }
        Ok(())
    }
}

impl Column {
    fn write(&mut self, array: &ArrayRef) -> Result<()> {
        let leaves = compute_leaves(&self.field, array)?;
        self.encoders.iter_mut().zip(leaves).try_for_each(|(encoder, leaf)| encoder.write(&leaf))
    }

    fn close(&mut self) -> Result<()> {
        let encoders = std::mem::take(&mut self.encoders);
        self.chunks = encoders.into_iter().map(ArrowColumnWriter::close).collect::<Result<_>>()?;
        Ok(())
    }
}

/// A column that panicked while it was locked fails the round: nobody meets it half done.
fn lock(column: &Mutex<Column>) -> std::sync::MutexGuard<'_, Column> {
    column.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many columns of Parquet a field becomes.
pub(super) fn leaves(field: &FieldRef) -> usize {
    use arrow_schema::DataType::{List, Struct};
    match field.data_type() {
        List(element) => leaves(element),
        Struct(members) => members.iter().map(leaves).sum(),
        _ => 1,
    }
}
