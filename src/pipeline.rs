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

mod bookmark;
mod doubt;
#[cfg(test)]
mod endless;
mod job;
mod journal;
#[cfg(test)]
pub(crate) mod kills;
#[cfg(test)]
mod memory;
mod place;
mod policy;
mod progress;
mod reader;
mod source;
mod summary;
mod writer;

use std::num::NonZeroUsize;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use futures_util::Stream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinHandle;
pub use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::error::{Error, Result};
use crate::frame::{Framer, FramerOptions, PageReader};
use crate::position::Span;
use crate::reject::Reject;
use crate::room::Room;
use crate::sink::Sink;
use bookmark::Bookmark;
use doubt::Doubt;
use job::Job;
use journal::Marks;
pub use journal::{Durable, Journal};
pub use place::{PageStart, Place, Reached};
pub use policy::{MaxRejects, OnReject, RejectPolicy};
use progress::Counting;
pub use progress::{Progress, SnapshotProgress};
use reader::Reader;
pub use source::{OneBody, Requests, Source};
pub use summary::{Counts, Outcome, Summary};
use writer::Writer;

/// How a pipeline reads and what it does with what it cannot read.
#[derive(Debug)]
pub struct Options {
    /// Limits of framing. A job for one decoder is a block's worth of bytes.
    pub framer: FramerOptions,
    /// What happens to records that are no licenses.
    pub rejects: RejectPolicy,
    /// Bytes of the body that may be under way between reader and sink. 8 MiB by default. One job
    /// is let through even if it is larger.
    pub queue_bytes: usize,
    /// Counters to watch while it runs.
    pub progress: Arc<Progress>,
    /// What the account is called in them, and in the spans of `tracing`.
    pub account: Option<Arc<str>>,
    /// What the snapshot is called in the spans.
    pub snapshot_id: Option<Arc<str>>,
    /// Where to go on from, as a [`Journal`] had it, and what of the snapshot lies before: that is passed over
    /// once it has proven to be the same, and its rejects count for `rejects` and the outcome. From the first
    /// record on if there is none.
    pub resume: Option<Reached>,
    /// Keeps what has become durable.
    pub journal: Option<Box<dyn Journal>>,
    /// When cancelled, reading ends; what was read is still delivered.
    pub stop: CancellationToken,
    /// When cancelled, the run ends within seconds, however slow the sink is: what is not durable by then
    /// is left to the next run. For those who have waited long enough after `stop`.
    pub halt: CancellationToken,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            framer: FramerOptions::default(),
            rejects: RejectPolicy::default(),
            queue_bytes: 8 << 20,
            progress: Arc::default(),
            account: None,
            snapshot_id: None,
            resume: None,
            journal: None,
            stop: CancellationToken::new(),
            halt: CancellationToken::new(),
        }
    }
}

/// Reads `body` to its end and delivers its licenses to `sink`, in order.
///
/// The answer says what was delivered even where something failed: see [`Summary::error`]. A body
/// that ends in an error is never complete, whatever came before it; neither is one that bears the
/// cursor of a next page, which only a [`Source`] can ask for: see [`run_source`].
///
/// Must be called on a tokio runtime that has its timer. Dropping the future stops the reading and aborts what the sink
/// has not made durable.
///
/// ```
/// use futures_util::stream;
/// use license_stream::decode::Limits;
/// use license_stream::pipeline::{self, OnReject, Options, Outcome, RejectPolicy};
/// use license_stream::sink::ndjson::NdjsonSink;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let chunks = ["{\"id\":\"a\"}\n{\"id\":oo", "ps}\n{\"id\":\"b\"}\n"];
/// let body = stream::iter(chunks.map(|chunk| Ok::<_, license_stream::Error>(chunk.into())));
///
/// let mut out = Vec::new();
/// let sink = NdjsonSink::new(&mut out, Limits::default());
/// let rejects = RejectPolicy { on_reject: OnReject::Skip, ..RejectPolicy::default() };
/// let summary = pipeline::run(body, sink, Options { rejects, ..Options::default() }).await;
///
/// assert_eq!(summary.outcome, Outcome::Rejected);
/// assert_eq!((summary.counts.records, summary.counts.rejected), (2, 1));
/// assert_eq!(out, b"{\"id\":\"a\"}\n{\"id\":\"b\"}\n");
/// # }
/// ```
pub async fn run<S, E, K>(body: S, sink: K, options: Options) -> Summary<K::Report>
where
    S: Stream<Item = Result<Bytes, E>> + Send + 'static,
    E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
    K: Sink,
{
    run_source(OneBody::new(body), sink, options).await
}

/// [`run`] for all the bodies of `source`, one after the other. Positions count over all of them.
///
/// With `truto::LicensePages` as the source that is all of an account's licenses, however many pages
/// the API makes of them; the [crate's documentation](crate#a-pipeline-into-a-sink) has an example.
pub async fn run_source<S: Source, K: Sink>(
    source: S,
    sink: K,
    options: Options,
) -> Summary<K::Report> {
    let room = Room::new(options.queue_bytes);
    run_within(source, sink, options, room).await
}

/// [`run_source`] in a `room` that runs may share: `queue_bytes` says nothing then.
pub(crate) async fn run_within<S: Source, K: Sink>(
    source: S,
    sink: K,
    options: Options,
    room: Room,
) -> Summary<K::Report> {
    let Options { account, snapshot_id, .. } = &options;
    let span = tracing::error_span!(
        "snapshot",
        account = account.as_deref(),
        snapshot = snapshot_id.as_deref()
    );
    run_in_span(source, sink, options, room).instrument(span).await
}

async fn run_in_span<S: Source, K: Sink>(
    source: S,
    sink: K,
    options: Options,
    room: Room,
) -> Summary<K::Report> {
    let Options { framer, rejects, progress, account, resume, journal, stop, halt, .. } = options;
    let (resume, before) = resume.map(|Reached { place, counts }| (place, counts)).unzip();
    let begun_at = resume.as_ref().map(|place: &Place| place.position).unwrap_or_default();
    match &resume {
        None => tracing::info!("snapshot begun"),
        Some(_) => tracing::info!(
            byte = begun_at.byte,
            record = begun_at.record,
            "snapshot gone on with: what lies before is read again and compared"
        ),
    }
    let counting = Counting::begin(progress, account, begun_at);
    let (jobs, queue) = mpsc::channel(MAX_JOBS);
    let reader = Reader {
        framer: Framer::new(framer),
        options: framer,
        job: Job::new(framer.block_bytes as u64),
        decoder: sink.decoder(),
        pace: sink.pace(),
        fail_fast: rejects.fails_fast(),
        room,
        jobs,
        counting: Arc::clone(&counting),
        bytes_read: 0,
        stop,
        lines: PageReader::default(),
        bookmark: Bookmark::default(),
        is_untried: true,
        doubt: None,
        resume,
    };
    let wording = source.wording();
    let reader = AbortOnDrop(tokio::spawn(reader.read(source).in_current_span()));
    let marks = journal.map(Marks::of);
    let writer = Writer {
        sink,
        rejects,
        counting,
        marks,
        begun_at,
        before: before.unwrap_or_default(),
        sound: None,
        doubt: None,
        dispelled: None,
        first_reject: None,
    };
    let mut summary = writer.write(queue, reader, halt).await;
    summary.error = summary.error.map(wording);
    tell(&summary);
    summary
}

/// Logs how a run has ended.
fn tell<R>(summary: &Summary<R>) {
    let Counts { records, rejected, .. } = summary.counts;
    let Summary { bytes_read, bodies, requests, .. } = summary;
    let (pages, requests, retries) = (*bodies, requests.made, requests.retried);
    match &summary.error {
        Some(error) => tracing::warn!(
            kind = error.kind().as_str(),
            error = error.with_causes(),
            records,
            rejected,
            bytes_read,
            pages,
            requests,
            retries,
            "snapshot failed"
        ),
        None if summary.outcome.is_complete() => {
            tracing::info!(
                records,
                rejected,
                bytes_read,
                pages,
                requests,
                retries,
                "snapshot complete"
            );
        }
        None => tracing::info!(
            records,
            rejected,
            bytes_read,
            pages,
            requests,
            retries,
            "snapshot interrupted"
        ),
    }
}

/// Decoders that may work at once, of all pipelines of this process: one a core, and one that is ready
/// when another ends.
static DECODERS: LazyLock<Semaphore> = LazyLock::new(|| {
    Semaphore::new(std::thread::available_parallelism().map_or(1, NonZeroUsize::get) + 1)
});

/// Jobs that may be under way, however small they are.
const MAX_JOBS: usize = 16;

/// A job on its way: first with a decoder, then, in order, with the sink.
struct Ticket<T> {
    decoded: JoinHandle<Decoded<T>>,
    span: Span,
    /// Where reading can go on from behind it.
    place: Place,
    /// Whether the body that it is of, and no other, may be no listing.
    doubt: Option<Doubt>,
    /// Its share of the bytes that may be under way; given back once the sink took it.
    _share: OwnedSemaphorePermit,
}

struct Decoded<T> {
    value: T,
    records: u64,
    rejects: Vec<Reject>,
    /// What ends the run behind all that.
    failure: Option<Error>,
}

/// A task that does not outlive its owner.
struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
