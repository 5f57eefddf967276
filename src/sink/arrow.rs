//! Licenses as a stream of Arrow batches, for a program that reads them while they come.
//!
//! The bytes are those of Arrow's [IPC streaming format][ipc]: the schema, then batches, then a mark at the
//! end. Readers take a stream whose bytes just end for a whole one; therefore one that is
//! [broken off](ArrowStream::break_off) ends within a message, which they refuse.
//!
//! [ipc]: https://arrow.apache.org/docs/format/Columnar.html#ipc-streaming-format

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::writer::StreamEncoder;
use arrow_schema::ArrowError;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::Mutex;

use super::parquet::marks::plain;
use super::parquet::{ArrowDecoder, not_held};
use super::{Batch, Pace, Sink, not_taken};
use crate::decode::arrow::{BatchOptions, Projection, RemoteSchema, Unexpected};
use crate::error::{Error, ErrorKind, Result};
use crate::position::Position;

/// The head of a message of eight bytes that do not come.
const BROKEN_OFF: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 8, 0, 0, 0];

/// A stream of Arrow batches that one or several snapshots are written to.
///
/// ```
/// use license_stream::decode::arrow::{BatchOptions, Projection};
/// use license_stream::pipeline::{self, Options};
/// use license_stream::sink::arrow::ArrowStream;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> license_stream::Result<()> {
/// # let body = futures_util::stream::iter([Ok::<_, license_stream::Error>("{\"id\":\"a\"}\n".into())]);
/// let stream = ArrowStream::new(tokio::io::stdout(), Projection::of(["id", "name"])?)?;
/// let sink = stream.sink(BatchOptions::default());
/// let summary = pipeline::run(body, sink, Options::default()).await;
/// match summary.into_result() {
///     Ok(_) => stream.finish().await?,
///     Err(_) => stream.break_off().await?,
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct ArrowStream<W> {
    shared: Arc<Mutex<Shared<W>>>,
    columns: Projection,
    remote: Option<RemoteSchema>,
}

struct Shared<W> {
    writer: W,
    /// None once the stream has ended.
    encoder: Option<StreamEncoder>,
    /// Whether a message was begun and not come to its end.
    is_within: bool,
}

impl<W> std::fmt::Debug for Shared<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("has_ended", &self.encoder.is_none()).finish_non_exhaustive()
    }
}

impl<W: AsyncWrite + Send + Unpin> ArrowStream<W> {
    /// A stream of these columns into `writer`. Nothing is written yet.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] if the schema has no form there.
    pub fn new(writer: W, columns: Projection) -> Result<Self> {
        Self::begun(writer, columns, None)
    }

    /// The same with `remote_data` as a struct of these types, and `_remote_data_extra` behind all other columns.
    ///
    /// # Errors
    /// Those of [`new`](Self::new); [`ErrorKind::Configuration`] if `remote_data` is not among the columns.
    pub fn typed(writer: W, columns: Projection, remote_data: RemoteSchema) -> Result<Self> {
        if !columns.contains("remote_data") {
            let message = "remote_data is to be typed and is not written";
            return Err(Error::new(ErrorKind::Configuration, message));
        }
        Self::begun(writer, columns, Some(remote_data))
    }

    fn begun(writer: W, columns: Projection, remote: Option<RemoteSchema>) -> Result<Self> {
        let schema = match &remote {
            Some(remote) => remote.columns(columns.schema()),
            None => Arc::clone(columns.schema()),
        };
        let encoder = StreamEncoder::try_new(&plain(&schema)).map_err(not_encoded)?;
        let shared =
            Arc::new(Mutex::new(Shared { writer, encoder: Some(encoder), is_within: false }));
        Ok(Self { shared, columns, remote })
    }

    /// A sink for one snapshot. The columns of `options` are those of the stream.
    pub fn sink(&self, options: BatchOptions) -> ArrowStreamSink<W> {
        ArrowStreamSink {
            shared: Arc::clone(&self.shared),
            options: BatchOptions { projection: self.columns.clone(), ..options },
            remote: self.remote.clone(),
            report: ArrowStreamReport::default(),
            durable: Position::START,
        }
    }

    /// Ends the stream, which is whole. One without batches has its schema.
    ///
    /// # Errors
    /// [`ErrorKind::Destination`] if the writer does not take it; [`ErrorKind::Internal`] if the stream has
    /// ended before.
    pub async fn finish(&self) -> Result<()> {
        let mut shared = self.shared.lock().await;
        let encoder = shared.encoder.take().ok_or_else(has_ended)?;
        let buffers = encoder.finish().map_err(not_encoded)?;
        shared.write(&buffers).await.map(drop)
    }

    /// Ends the stream, which is not whole, so that who reads it does not take it for whole.
    ///
    /// # Errors
    /// Those of [`finish`](Self::finish).
    pub async fn break_off(&self) -> Result<()> {
        let mut shared = self.shared.lock().await;
        shared.encoder.take().ok_or_else(has_ended)?;
        if shared.is_within {
            // It is broken off already, and more could be taken for the rest of the message.
            return Ok(());
        }
        shared.write(&[Buffer::from(BROKEN_OFF)]).await.map(drop)
    }
}

impl<W: AsyncWrite + Send + Unpin> Shared<W> {
    async fn write(&mut self, buffers: &[Buffer]) -> Result<u64> {
        let mut bytes = 0;
        self.is_within = true;
        let written = async {
            for buffer in buffers {
                self.writer.write_all(buffer).await?;
                bytes += buffer.len() as u64;
            }
            self.writer.flush().await
        };
        written.await.map_err(|error| not_taken("output", error))?;
        self.is_within = false;
        Ok(bytes)
    }
}

/// Writes the batches of a snapshot to an [`ArrowStream`].
///
/// A batch is about 1 MiB of JSON, whole, and written before the next is taken. Durable means here: handed
/// to the writer and flushed.
#[derive(Debug)]
pub struct ArrowStreamSink<W> {
    shared: Arc<Mutex<Shared<W>>>,
    options: BatchOptions,
    remote: Option<RemoteSchema>,
    report: ArrowStreamReport,
    durable: Position,
}

/// What an [`ArrowStreamSink`] wrote.
#[derive(Clone, Debug, Default)]
pub struct ArrowStreamReport {
    /// Bytes; those of the schema are among them where this sink was the first, and the mark at the end never.
    pub bytes: u64,
    /// Rows.
    pub rows: u64,
    /// Values that no column holds whole, and that were kept in `_extra`, if that is among the columns.
    pub unexpected: Unexpected,
    /// Rows with something in `_remote_data_extra`.
    pub not_held: u64,
}

impl<W: AsyncWrite + Send + Unpin> Sink for ArrowStreamSink<W> {
    type Decoder = ArrowDecoder;
    type Report = ArrowStreamReport;

    fn decoder(&self) -> ArrowDecoder {
        ArrowDecoder::new(self.options.clone()).typed(self.remote.clone())
    }

    fn pace(&self) -> Pace {
        Pace::Full
    }

    async fn write(&mut self, batch: Batch<(RecordBatch, Unexpected)>) -> Result<()> {
        let (rows, unexpected) = batch.value;
        self.report.unexpected.merge(&unexpected);
        if rows.num_rows() > 0 {
            let mut shared = self.shared.lock().await;
            let encoder = shared.encoder.as_mut().ok_or_else(has_ended)?;
            let buffers = encoder.encode(&rows).map_err(not_encoded)?;
            let written = shared.write(&buffers).await;
            self.report.bytes += written.map_err(|error| error.at(batch.span.start))?;
            self.report.rows += rows.num_rows() as u64;
            self.report.not_held += not_held(&rows);
        }
        self.durable = batch.span.end;
        Ok(())
    }

    fn bytes_written(&self) -> u64 {
        self.report.bytes
    }

    fn durable(&self) -> Position {
        self.durable
    }

    async fn flush(&mut self) -> Result<Position> {
        Ok(self.durable)
    }

    async fn finish(&mut self) -> Result<()> {
        Ok(())
    }

    async fn abort(&mut self) -> Result<()> {
        Ok(())
    }

    fn report(self) -> ArrowStreamReport {
        self.report
    }
}

fn not_encoded(error: ArrowError) -> Error {
    Error::new(ErrorKind::Internal, "the Arrow encoder failed").caused_by(error)
}

fn has_ended() -> Error {
    Error::new(ErrorKind::Internal, "the Arrow stream has ended already")
}
