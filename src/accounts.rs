//! Many accounts in one run: each with its own snapshot, sink and failure, in memory that is bounded
//! over all of them.
//!
//! ```text
//! accounts ──in order──▶ as many at once as `concurrency` says ──▶ one answer an account
//!                          account ─▶ source ─▶ pipeline ─▶ sink
//!                          account ─▶ source ─▶ pipeline ─▶ sink      one queue for all of them
//! ```
//!
//! Accounts are begun in the order in which they come, each as soon as one before it has ended. Each runs
//! in a task of its own, and waits in turn for its share of the queue, so that a long one does not hold
//! up the others.
//!
//! - A token that is refused ([`ErrorKind::Unauthorized`]) stops everything: no account could be read.
//!   Any other failure is its account's own, unless [`fail_fast`](Options::fail_fast) is set.
//! - Where the API answers the same request differently than before ([`ErrorKind::Changed`]), what was
//!   written of the snapshot is [taken back](crate::sink::Sink::discard) as far as the sink can, and the
//!   account is begun anew, with another snapshot id, [`MAX_RENEWALS`] times at most.
//!
//! ```
//! use std::sync::Arc;
//!
//! use futures_util::stream;
//! use license_stream::accounts::{self, Begun, Options, Snapshot};
//! use license_stream::decode::Limits;
//! use license_stream::pipeline::{OneBody, Outcome};
//! use license_stream::sink::ndjson::NdjsonSink;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> license_stream::Result<()> {
//! let names = stream::iter(["a", "b", "c"].map(Ok));
//! // With truto::LicensePages as the source, this reads from the API.
//! let begin = async |name: Arc<&'static str>, attempt: u32| {
//!     if *name == "b" {
//!         return Ok(Begun::Skip("it has no licenses".to_owned()));
//!     }
//!     let body = stream::iter([Ok::<_, license_stream::Error>(r#"{"id":"1"}"#.into())]);
//!     let sink = NdjsonSink::new(tokio::io::sink(), Limits::default());
//!     let snapshot = Snapshot::new(format!("{name}-{attempt}"), OneBody::new(body), sink);
//!     Ok(Begun::Snapshot(Box::new(snapshot)))
//! };
//! let mut runs = accounts::run(names, begin, Options::default());
//! let mut records = 0;
//! while let Some(ended) = runs.next().await {
//!     let ended = ended?;
//!     match ended.outcome() {
//!         Some(outcome) => assert_eq!(outcome, Outcome::Done),
//!         None => println!("{} was not read: {:?}", ended.account, ended.end),
//!     }
//!     records += ended.snapshots.iter().map(|snapshot| snapshot.summary.counts.records).sum::<u64>();
//! }
//! assert_eq!(records, 2);
//! # Ok(())
//! # }
//! ```

mod ended;
mod snapshot;
mod task;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, Stream, StreamExt};
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::error::{Error, ErrorKind, Result};
use crate::frame::FramerOptions;
use crate::pipeline::{Progress, Source};
use crate::room::Room;
use crate::sink::Sink;
pub use ended::{End, Ended};
pub use snapshot::{Begun, EndedSnapshot, Snapshot};
use task::Task;

/// How often an account is begun anew in one run because the API answered differently than before.
pub const MAX_RENEWALS: usize = 3;

/// How many accounts are read at once unless something else is said.
///
/// At an answer in half a second and two requests an account, these are 32 requests a second: below
/// the 50 that Truto allows a token, with room for others who use it.
pub const DEFAULT_CONCURRENCY: usize = 8;

/// Bytes of the bodies that readers may gather, over all of them, before they ask for a share of the
/// queue; see [`Options::block_bytes`].
const GATHERED_BYTES: usize = 16 << 20;

/// What a reader gathers at least, so that many accounts at once do not make tiny jobs.
const MIN_BLOCK_BYTES: usize = 64 << 10;

/// How a run over many accounts reads.
#[derive(Clone, Debug)]
pub struct Options {
    /// Accounts that are read at once at most. [`DEFAULT_CONCURRENCY`] by default.
    ///
    /// Each has one record in hand at least, so [`FramerOptions::max_record_bytes`] counts once for
    /// each.
    pub concurrency: usize,
    /// Whether the first account that fails ends the run.
    pub fail_fast: bool,
    /// Limits of framing.
    pub framer: FramerOptions,
    /// Bytes of the bodies that may be under way between readers and sinks, over all accounts. 8 MiB by
    /// default. One job is let through even if it is larger.
    pub queue_bytes: usize,
    /// Counters to watch, over all accounts.
    pub progress: Arc<Progress>,
    /// When cancelled, reading ends and no account is begun any more; what was read is still delivered.
    pub stop: CancellationToken,
    /// When cancelled, the run ends within seconds; see [`pipeline::Options::halt`](crate::pipeline::Options::halt).
    pub halt: CancellationToken,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            concurrency: DEFAULT_CONCURRENCY,
            fail_fast: false,
            framer: FramerOptions::default(),
            queue_bytes: 8 << 20,
            progress: Arc::default(),
            stop: CancellationToken::new(),
            halt: CancellationToken::new(),
        }
    }
}

impl Options {
    /// Bytes of a job: those of `framer`, or fewer with very many accounts at once. It follows from the
    /// options alone, and so do the places where pieces of a sink end.
    pub fn block_bytes(&self) -> usize {
        let share = GATHERED_BYTES / self.concurrency.max(1);
        self.framer.block_bytes.min(share.max(MIN_BLOCK_BYTES))
    }
}

/// Begins to read `accounts`; nothing happens until [`Runs::next`] is called.
///
/// `begin` makes the snapshot of an account, or says why there is none. Its second argument is the number
/// of snapshots of the account that this run has given up before. It is called in the account's own
/// task, so it may ask a server for what it has to know.
///
/// Must be called on a tokio runtime.
pub fn run<A, S, K, B, F>(
    accounts: impl Stream<Item = Result<A>> + Send + 'static,
    begin: B,
    options: Options,
) -> Runs<A, S, K>
where
    A: Send + Sync + 'static,
    S: Source,
    K: Sink + 'static,
    K::Report: 'static,
    B: Fn(Arc<A>, u32) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Begun<S, K>>> + Send + 'static,
{
    let stop = options.stop.child_token();
    let room = Room::new(options.queue_bytes);
    Runs {
        accounts: Some(Box::pin(accounts)),
        begin: Arc::new(move |account, attempt| begin(account, attempt).boxed()),
        options,
        room,
        stop,
        running: JoinSet::new(),
        places: HashMap::new(),
        next: 0,
        knows_all: false,
    }
}

/// Makes the snapshot of an account.
type Begin<A, S, K> = dyn Fn(Arc<A>, u32) -> BoxFuture<'static, Result<Begun<S, K>>> + Send + Sync;

/// A run over many accounts. Dropped, it stops, and what the sinks have not made durable is aborted.
#[must_use = "nothing is read unless it is asked for what comes next"]
pub struct Runs<A, S: Source, K: Sink> {
    /// The accounts that are still to come; `None` behind the last, and behind an error.
    accounts: Option<Pin<Box<dyn Stream<Item = Result<A>> + Send>>>,
    begin: Arc<Begin<A, S, K>>,
    options: Options,
    room: Room,
    stop: CancellationToken,
    running: JoinSet<Ended<A, K::Report>>,
    /// Which account each task has, for those that do not live to say so.
    places: HashMap<Id, (u64, Arc<A>)>,
    next: u64,
    knows_all: bool,
}

impl<A, S: Source, K: Sink> fmt::Debug for Runs<A, S, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runs").field("running", &self.places.len()).finish_non_exhaustive()
    }
}

impl<A, S, K> Runs<A, S, K>
where
    A: Send + Sync + 'static,
    S: Source,
    K: Sink + 'static,
    K::Report: 'static,
{
    /// The next account that has ended, in the order in which they end; `None` behind the last.
    ///
    /// Once the run is stopped, accounts that are known but were not begun are answered too, so that
    /// each can be named. An error is one of the accounts' own stream, which ends there: the
    /// accounts that were begun before are answered behind it.
    pub async fn next(&mut self) -> Option<Result<Ended<A, K::Report>>> {
        loop {
            if self.stop.is_cancelled() {
                return match self.running.join_next_with_id().await {
                    Some(joined) => Some(Ok(self.ended(joined))),
                    None => self.not_begun().map(Ok),
                };
            }
            let has_room = self.running.len() < self.options.concurrency.max(1);
            let is_idle = self.running.is_empty();
            let account = async {
                match &mut self.accounts {
                    Some(accounts) if has_room => accounts.next().await,
                    Some(_) => std::future::pending().await,
                    None if is_idle => None,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                Some(joined) = self.running.join_next_with_id() => {
                    return Some(Ok(self.ended(joined)));
                }
                () = self.stop.cancelled() => {}
                account = account => match account {
                    Some(Ok(account)) => self.start(account),
                    Some(Err(error)) => {
                        self.accounts = None;
                        if error.kind() == ErrorKind::Unauthorized || self.options.fail_fast {
                            self.stop.cancel();
                        }
                        return Some(Err(error));
                    }
                    None if self.accounts.take().is_none() => return None,
                    None => self.knows_all = true,
                },
            }
        }
    }

    /// Whether the accounts were read to their end. Where a run is stopped before, there may be some that
    /// [`next`](Self::next) has not answered.
    pub fn knows_all(&self) -> bool {
        self.knows_all
    }

    /// Ends the reading: what was read is still delivered, and no account is begun any more.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    fn start(&mut self, account: A) {
        let (index, account) = (self.next, Arc::new(account));
        self.next += 1;
        let task = Task {
            begin: Arc::clone(&self.begin),
            framer: FramerOptions {
                block_bytes: self.options.block_bytes(),
                ..self.options.framer
            },
            room: self.room.clone(),
            progress: Arc::clone(&self.options.progress),
            stop: self.stop.clone(),
            halt: self.options.halt.clone(),
        };
        let running = self.running.spawn(task.run(index, Arc::clone(&account)).in_current_span());
        self.places.insert(running.id(), (index, account));
    }

    fn ended(
        &mut self,
        joined: Result<(Id, Ended<A, K::Report>), tokio::task::JoinError>,
    ) -> Ended<A, K::Report> {
        let ended = match joined {
            Ok((id, ended)) => {
                self.places.remove(&id);
                ended
            }
            Err(error) => {
                let place = self.places.remove(&error.id());
                let (index, account) = place.expect("each task has an account until it is joined");
                let error =
                    Error::new(ErrorKind::Internal, "a task of the run failed").caused_by(error);
                Ended { index, account, snapshots: Vec::new(), end: End::Failed(error) }
            }
        };
        let ends_all =
            |error: &Error| self.options.fail_fast || error.kind() == ErrorKind::Unauthorized;
        if ended.error().is_some_and(ends_all) {
            self.stop.cancel();
        }
        ended
    }

    /// The next account that will not be begun, as far as it is known without waiting.
    fn not_begun(&mut self) -> Option<Ended<A, K::Report>> {
        let known = self.accounts.as_mut()?.next().now_or_never();
        self.knows_all |= matches!(known, Some(None));
        let Some(Some(Ok(account))) = known else {
            self.accounts = None;
            return None;
        };
        let index = self.next;
        self.next += 1;
        let account = Arc::new(account);
        Some(Ended { index, account, snapshots: Vec::new(), end: End::NotBegun })
    }
}
