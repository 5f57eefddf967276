//! The row group in hand, its columns encoded side by side.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{FieldRef, Schema};
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves,
};
use parquet::errors::Result;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};

/// Batches that may be with the columns: the longest column goes on with the next one, while others are at this.
const AHEAD: usize = 3;

/// A row group whose columns are encoded on several threads at once.
///
/// Each column has a queue, and a thread takes the column that has the most to do. A column meets its batches in
/// their order whichever thread it is on, so that what it becomes does not depend on the threads, nor on how
/// many there are.
#[derive(Debug)]
pub(super) struct RowGroup {
    columns: Arc<Columns>,
    ahead: Arc<Semaphore>,
    most_threads: usize,
    threads: JoinSet<Result<()>>,
}

/// What threads share.
#[derive(Debug)]
struct Columns {
    encoders: Box<[Mutex<Column>]>,
    queues: Mutex<Queues>,
}

/// A column of the schema, with an encoder for each of its leaves.
#[derive(Debug)]
struct Column {
    field: FieldRef,
    encoders: Vec<ArrowColumnWriter>,
    chunks: Vec<ArrowColumnChunk>,
}

/// What is to be done with each column.
#[derive(Debug)]
struct Queues {
    columns: Box<[Queue]>,
    /// How many threads there are to empty them.
    threads: usize,
}

#[derive(Debug, Default)]
struct Queue {
    tasks: VecDeque<Task>,
    bytes: usize,
    /// Whether a thread is at the column.
    is_taken: bool,
}

#[derive(Debug)]
enum Task {
    /// To encode these rows; their batch is through once all of its columns are.
    Encode(ArrayRef, Option<Arc<OwnedSemaphorePermit>>),
    Close,
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
        let encoders: Box<_> = schema.fields().iter().map(column).collect();
        let columns = encoders.iter().map(|_| Queue::default()).collect();
        let queues = Mutex::new(Queues { columns, threads: 0 });
        Ok(Self {
            columns: Arc::new(Columns { encoders, queues }),
            ahead: Arc::new(Semaphore::new(AHEAD)),
            most_threads: threads,
            threads: JoinSet::new(),
        })
    }

    /// Begins to encode `batch`, once few enough are being encoded.
    pub(super) async fn write(&mut self, batch: RecordBatch) -> Result<(), Failure> {
        let permit = loop {
            tokio::select! {
                biased;
                // One that failed leaves what no other takes, and that would be waited for.
                Some(ended) = self.threads.join_next() => succeeded(ended)?,
                permit = Arc::clone(&self.ahead).acquire_owned() => break permit,
            }
        };
        // It is never closed.
        let permit = permit.map(Arc::new).ok();
        let columns = batch.columns().iter();
        self.hand_out(columns.map(|rows| Task::Encode(Arc::clone(rows), permit.clone())));
        Ok(())
    }

    /// The chunks of all leaves, in the order of the schema.
    pub(super) async fn close(mut self) -> Result<Vec<ArrowColumnChunk>, Failure> {
        self.hand_out(std::iter::repeat_with(|| Task::Close));
        while let Some(ended) = self.threads.join_next().await {
            succeeded(ended)?;
        }
        let chunks = |column: &Mutex<Column>| std::mem::take(&mut lock(column).chunks);
        Ok(self.columns.encoders.iter().flat_map(chunks).collect())
    }

    /// Gives each column what is to be done with it next.
    fn hand_out(&mut self, tasks: impl Iterator<Item = Task>) {
        let mut queues = lock(&self.columns.queues);
        for (queue, task) in queues.columns.iter_mut().zip(tasks) {
            queue.bytes += task.bytes();
            queue.tasks.push_back(task);
        }
        while queues.threads < self.most_threads {
            queues.threads += 1;
            let columns = Arc::clone(&self.columns);
            self.threads.spawn_blocking(move || columns.encode());
        }
    }
}

impl Columns {
    /// Takes one column after the other, until none has anything to do.
    fn encode(&self) -> Result<()> {
        let mut queues = lock(&self.queues);
        while let Some((index, tasks)) = queues.take() {
            drop(queues);
            let mut column = lock(&self.encoders[index]);
            tasks.into_iter().try_for_each(|task| column.take(task))?;
            drop(column);
            queues = lock(&self.queues);
            queues.columns[index].is_taken = false;
        }
        queues.threads -= 1;
        Ok(())
    }
}

impl Queues {
    /// What the column with the most to do has to do, if any has that no thread is at.
    fn take(&mut self) -> Option<(usize, VecDeque<Task>)> {
        let columns = self.columns.iter_mut().enumerate();
        let idle = columns.filter(|(_, queue)| !queue.is_taken && !queue.tasks.is_empty());
        let (index, queue) = idle.max_by_key(|(_, queue)| queue.bytes)?;
        queue.is_taken = true;
        queue.bytes = 0;
        Some((index, std::mem::take(&mut queue.tasks)))
    }
}

impl Task {
    /// How much it is.
    fn bytes(&self) -> usize {
        match self {
            Self::Encode(rows, _) => rows.get_buffer_memory_size(),
            Self::Close => 0,
        }
    }
}

impl Column {
    fn take(&mut self, task: Task) -> Result<()> {
        match task {
            Task::Encode(rows, _batch) => self.write(&rows),
            Task::Close => self.close(),
        }
    }

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

fn succeeded(ended: Result<Result<()>, JoinError>) -> Result<(), Failure> {
    ended.map_err(Failure::Task)?.map_err(Failure::Encoder)
}

/// What panicked while it was locked fails the row group: nobody meets it half done.
fn lock<T>(locked: &Mutex<T>) -> MutexGuard<'_, T> {
    locked.lock().unwrap_or_else(PoisonError::into_inner)
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

#[cfg(test)]
mod tests {
    use arrow_array::{Int64Array, StringArray};
    use arrow_schema::{DataType, Field};
    use parquet::arrow::ArrowWriter;

    use super::*;

    fn schema() -> Arc<Schema> {
        let number = Field::new("number", DataType::Int64, false);
        let text = Field::new("text", DataType::Utf8, false);
        Arc::new(Schema::new(vec![number, text]))
    }

    fn batch(number: i64) -> RecordBatch {
        let numbers = Int64Array::from_iter_values(number..number + 100);
        let texts = StringArray::from_iter_values((0..100).map(|row| format!("{number} {row}")));
        RecordBatch::try_new(schema(), vec![Arc::new(numbers), Arc::new(texts)]).unwrap()
    }

    fn begun(threads: usize) -> RowGroup {
        let writer = ArrowWriter::try_new(Vec::new(), schema(), None).unwrap();
        let (_, factory) = writer.into_serialized_writer().unwrap();
        RowGroup::begin(&factory, &schema(), 0, threads).unwrap()
    }

    #[tokio::test]
    async fn a_column_that_cannot_be_encoded_is_told_of_and_not_waited_for() {
        let mut group = begun(2);
        let good = batch(0);
        // Of a type that the encoder of the first column does not take.
        let columns = [Arc::clone(good.column(1)), Arc::clone(good.column(1))];
        let fields = ["number", "text"].map(|name| Field::new(name, DataType::Utf8, false));
        let schema = Arc::new(Schema::new(fields.to_vec()));
        let bad = RecordBatch::try_new(schema, columns.to_vec()).unwrap();
        let mut failed = None;
        for batch in [vec![good; AHEAD], vec![bad; 3 * AHEAD]].concat() {
            failed = group.write(batch).await.err();
            if failed.is_some() {
                break;
            }
        }
        assert!(matches!(failed, Some(Failure::Encoder(_) | Failure::Task(_))), "{failed:?}");
    }
}
