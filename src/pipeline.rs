//! The way the data takes: body → frame → decode → sink, all at once and in bounded memory.
//!
//! ```text
//! body ──chunks──▶ reader ──jobs──▶ decoders ──batches, in order──▶ sink
//!                  frames,          as many as                      one batch
//!                  one task         there are threads               at a time
//! ```
//!
//! What is under way between the reader and the sink is bounded in bytes. When the bound is reached
//! the reader stops taking chunks, and so back-pressure reaches the socket. Everything runs on the
//! caller's runtime.

mod job;
mod policy;
mod progress;
mod summary;

use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{FutureExt, Stream, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, ErrorKind, Result};
use crate::frame::{Framer, FramerOptions};
use crate::position::{Position, Span};
use crate::reject::Reject;
use crate::sink::{Batch, Decoder, Pace, Sink};
use job::Job;
pub use policy::{MaxRejects, OnReject, RejectPolicy};
pub use progress::Progress;
pub use summary::{Counts, Outcome, Summary};

/// How a pipeline reads and what it does with what it cannot read.
#[derive(Debug)]
pub struct Options {
    /// Limits of framing. A job for one decoder is a block's worth of bytes.
    pub framer: FramerOptions,
    /// What happens to records that are no licenses.
    pub rejects: RejectPolicy,
    /// Bytes of the body that may be under way between reader and sink. 16 MiB by default. One job
    /// is let through even if it is larger.
    pub queue_bytes: usize,
    /// Counters to watch while it runs.
    pub progress: Arc<Progress>,
    /// When cancelled, reading ends; what was read is still delivered.
    pub stop: CancellationToken,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            framer: FramerOptions::default(),
            rejects: RejectPolicy::default(),
            queue_bytes: 16 << 20,
            progress: Arc::default(),
            stop: CancellationToken::new(),
        }
    }
}

/// Reads `body` to its end and delivers its licenses to `sink`, in order.
///
/// The answer says what was delivered even where something failed: see [`Summary::error`]. A body
/// that ends in an error is never complete, whatever came before it.
///
/// Must be called on a tokio runtime. Dropping the future stops the reading and aborts what the sink
/// has not made durable.
pub async fn run<S, E, K>(body: S, sink: K, options: Options) -> Summary<K::Report>
where
    S: Stream<Item = Result<Bytes, E>> + Send + 'static,
    E: Into<Error> + Send + 'static,
    K: Sink,
{
    let Options { framer, rejects, queue_bytes, progress, stop } = options;
    let (jobs, queue) = mpsc::channel(MAX_JOBS);
    let reader = Reader {
        framer: Framer::new(framer),
        job: Job::new(framer.block_bytes as u64),
        decoder: sink.decoder(),
        pace: sink.pace(),
        fail_fast: rejects.fails_fast(),
        bound: Arc::new(Semaphore::new(queue_bytes)),
        queue_bytes,
        jobs,
        progress: Arc::clone(&progress),
        stop: stop.clone(),
    };
    let reader = AbortOnDrop(tokio::spawn(reader.read(body)));
    Writer { sink, rejects, progress }.write(queue, reader).await
}

/// Jobs that may be under way, however small they are.
const MAX_JOBS: usize = 64;

/// A job on its way: first with a decoder, then, in order, with the sink.
struct Ticket<T> {
    decoded: JoinHandle<Decoded<T>>,
    span: Span,
    /// Its share of the bytes that may be under way; given back once the sink took it.
    _share: OwnedSemaphorePermit,
}

struct Decoded<T> {
    value: T,
    records: u64,
    rejects: Vec<Reject>,
}

struct Reader<D: Decoder> {
    framer: Framer,
    job: Job,
    decoder: D,
    pace: Pace,
    /// Whether nothing behind the first reject is wanted.
    fail_fast: bool,
    bound: Arc<Semaphore>,
    queue_bytes: usize,
    jobs: mpsc::Sender<Ticket<D::Output>>,
    progress: Arc<Progress>,
    stop: CancellationToken,
}

/// How the reading ended.
enum End {
    /// The body was read to its end.
    Complete,
    /// It was told to stop.
    Stopped,
    /// The writer went away: it knows why.
    Abandoned,
}

impl<D: Decoder> Reader<D> {
    async fn read<S, E>(mut self, body: S) -> (Result<End>, Position)
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
        E: Into<Error> + Send,
    {
        let result = self.read_all(body).await;
        (result, self.framer.position())
    }

    async fn read_all<S, E>(&mut self, body: S) -> Result<End>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
        E: Into<Error> + Send,
    {
        let mut body = std::pin::pin!(body);
        let stop = self.stop.clone();
        loop {
            let chunk = match body.next().now_or_never() {
                Some(chunk) => chunk,
                None => {
                    if self.pace == Pace::Eager && !self.submit().await {
                        return Ok(End::Abandoned);
                    }
                    tokio::select! {
                        biased;
                        () = stop.cancelled() => return self.stopped().await,
                        () = self.jobs.closed() => return Ok(End::Abandoned),
                        chunk = body.next() => chunk,
                    }
                }
            };
            let chunk = match chunk {
                Some(Ok(chunk)) => chunk,
                Some(Err(error)) => {
                    // What came whole is delivered; the part of a record that was left is not.
                    self.submit().await;
                    return Err(at(error.into(), self.framer.position()));
                }
                None => break,
            };
            self.progress.read(chunk.len());
            self.framer.push(chunk);
            if !self.drain().await {
                return Ok(End::Abandoned);
            }
            if stop.is_cancelled() {
                return self.stopped().await;
            }
        }
        self.framer.finish();
        let delivered = self.drain().await && self.submit().await;
        Ok(if delivered { End::Complete } else { End::Abandoned })
    }

    async fn stopped(&mut self) -> Result<End> {
        Ok(if self.submit().await { End::Stopped } else { End::Abandoned })
    }

    /// Makes jobs of all the framer has; whether the writer still takes them.
    async fn drain(&mut self) -> bool {
        loop {
            match self.framer.next_block() {
                Ok(None) => return true,
                Ok(Some(block)) => {
                    let mut rest = Some(block);
                    while let Some(block) = rest {
                        rest = self.job.push(block);
                        if self.job.is_full() && !self.submit().await {
                            return false;
                        }
                    }
                }
                Err(error) => {
                    self.job.reject(&error, self.framer.position());
                    if self.fail_fast {
                        self.submit().await;
                        return false;
                    }
                }
            }
        }
    }

    /// Hands the job to a decoder; whether the writer still takes it.
    async fn submit(&mut self) -> bool {
        let Some((blocks, rejects, span)) = self.job.take() else { return true };
        // At least one byte, and never more than there is: a job of one huge record passes alone.
        let bytes = (span.bytes() as usize).clamp(1, self.queue_bytes) as u32;
        let share = tokio::select! {
            biased;
            () = self.jobs.closed() => return false,
            share = Arc::clone(&self.bound).acquire_many_owned(bytes) => share,
        };
        let Ok(_share) = share else { return false };
        let (mut decoder, fail_fast) = (self.decoder.clone(), self.fail_fast);
        let decoded = tokio::task::spawn_blocking(move || {
            let mut rejects = rejects;
            let (value, records) = decoder.decode(blocks, &mut |reject| {
                rejects.push(reject);
                if fail_fast { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            rejects.sort_by_key(|reject| reject.position.byte);
            Decoded { value, records, rejects }
        });
        self.jobs.send(Ticket { decoded, span, _share }).await.is_ok()
    }
}

struct Writer<K: Sink> {
    sink: K,
    rejects: RejectPolicy,
    progress: Arc<Progress>,
}

type ReaderTask = AbortOnDrop<(Result<End>, Position)>;

impl<K: Sink> Writer<K> {
    async fn write(
        mut self,
        mut queue: mpsc::Receiver<Ticket<<K::Decoder as Decoder>::Output>>,
        mut reader: ReaderTask,
    ) -> Summary<K::Report> {
        let mut counts = summary::Counts::default();
        let written = self.write_all(&mut queue, &mut counts).await;
        drop(queue);
        let (read, position) = match (&mut reader.0).await {
            Ok(read) => read,
            Err(error) => (Err(internal(error)), Position::START),
        };
        let read = read.and_then(|end| {
            self.rejects.check_at_end(counts.records, counts.rejected)?;
            Ok(end)
        });
        let (outcome, error) = match (written, read) {
            (Err(error), _) | (Ok(()), Err(error)) => (Outcome::Failed, Some(error)),
            (Ok(()), Ok(End::Stopped)) => (Outcome::Interrupted, None),
            (Ok(()), Ok(End::Abandoned)) => {
                (Outcome::Failed, Some(Error::new(ErrorKind::Internal, "reader stopped early")))
            }
            (Ok(()), Ok(End::Complete)) if counts.rejected > 0 => (Outcome::Rejected, None),
            (Ok(()), Ok(End::Complete)) => (Outcome::Done, None),
        };
        let ends_well = error.as_ref().is_none_or(is_about_records);
        // Asked first, a sink that fails to make durable what it took can still say what is.
        let flushed = if ends_well { self.sink.flush().await.map(drop) } else { Ok(()) };
        let closed = if ends_well && flushed.is_ok() {
            self.sink.finish().await
        } else {
            self.sink.abort().await
        };
        let (report, closing) = match closed {
            Ok(report) => (Some(report), None),
            Err(error) => (None, Some(error)),
        };
        let letters = self.rejects.close().await;
        let error = error.or(flushed.err()).or(closing).or(letters.err());
        let outcome = if error.is_some() { Outcome::Failed } else { outcome };
        Summary { outcome, error, counts, position, report }
    }

    async fn write_all(
        &mut self,
        queue: &mut mpsc::Receiver<Ticket<<K::Decoder as Decoder>::Output>>,
        counts: &mut summary::Counts,
    ) -> Result<()> {
        while let Some(ticket) = queue.recv().await {
            let decoded = ticket.decoded.await.map_err(internal)?;
            counts.add(&decoded.rejects);
            let records = decoded.records;
            self.sink.write(Batch { value: decoded.value, records, span: ticket.span }).await?;
            counts.records += records;
            self.progress.written(records, decoded.rejects.len() as u64);
            self.rejects.take(decoded.rejects, counts.rejected).await?;
        }
        Ok(())
    }
}

/// A task that does not outlive its owner.
struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Whether nothing failed but records: then the licenses before them are delivered all the same.
fn is_about_records(error: &Error) -> bool {
    error.is_record() || error.kind() == ErrorKind::TooManyRejects
}

fn internal(error: tokio::task::JoinError) -> Error {
    Error::new(ErrorKind::Internal, "a task of the pipeline failed").caused_by(error)
}

/// The error with a place, if it has none yet.
fn at(error: Error, position: Position) -> Error {
    if error.position().is_some() { error } else { error.at(position) }
}
