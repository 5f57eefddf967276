//! Counters of pipelines that are running.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::MissedTickBehavior;

use crate::position::Position;
use crate::reject::{Reject, RejectReason};

/// How far a pipeline is, or all that share it. Share it by `Arc`, and look at it whenever you like: for people,
/// or for metrics.
///
/// Each counter only grows; they are not read at one instant. They are updated for each chunk and each batch,
/// never for each record.
#[derive(Debug, Default)]
pub struct Progress {
    bodies: AtomicU64,
    bytes_read: AtomicU64,
    bytes_written: AtomicU64,
    records: AtomicU64,
    rejected: AtomicU64,
    rejects: [AtomicU64; RejectReason::ALL.len()],
    durable_bytes: AtomicU64,
    durable_records: AtomicU64,
    pieces: AtomicU64,
    begun: AtomicU64,
    running: Mutex<Vec<Arc<SnapshotProgress>>>,
}

impl Progress {
    /// Bodies that began to come: before the first, no server has answered with licenses.
    pub fn bodies(&self) -> u64 {
        self.bodies.load(Ordering::Relaxed)
    }

    /// Bytes of the decoded bodies that were read.
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Ordering::Relaxed)
    }

    /// Bytes that sinks have [written](crate::sink::Sink::bytes_written).
    pub fn bytes_written(&self) -> u64 {
        self.bytes_written.load(Ordering::Relaxed)
    }

    /// Licenses that the sink took. Not all of them need be durable yet.
    pub fn records(&self) -> u64 {
        self.records.load(Ordering::Relaxed)
    }

    /// Records that are no licenses.
    pub fn rejected(&self) -> u64 {
        self.rejected.load(Ordering::Relaxed)
    }

    /// Those of them that were rejected for `reason`.
    pub fn rejected_as(&self, reason: RejectReason) -> u64 {
        self.rejects[reason as usize].load(Ordering::Relaxed)
    }

    /// Bytes of the bodies before which everything has become durable, as far as it is known: a sink is asked
    /// when it took a batch, and about once a second while none comes.
    pub fn durable_bytes(&self) -> u64 {
        self.durable_bytes.load(Ordering::Relaxed)
    }

    /// Records in them, rejected ones included.
    pub fn durable_records(&self) -> u64 {
        self.durable_records.load(Ordering::Relaxed)
    }

    /// Pieces that became whole, such as files.
    pub fn pieces(&self) -> u64 {
        self.pieces.load(Ordering::Relaxed)
    }

    /// The snapshots that are under way, in the order in which they were begun.
    pub fn running(&self) -> Vec<Arc<SnapshotProgress>> {
        self.lock().clone()
    }

    /// Does `work`, such as a run that counts here, and calls `tell` every `period` meanwhile, and once more at
    /// the end.
    ///
    /// `tell` is called by the task that waits for `work`, between two steps of it: no thread and no task is begun
    /// for it, and while it runs, nothing is written. Where it has to wait for something, let it send to a channel.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::time::Duration;
    ///
    /// use license_stream::decode::Limits;
    /// use license_stream::pipeline::{self, Options, Progress};
    /// use license_stream::sink::ndjson::NdjsonSink;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> license_stream::Result<()> {
    /// # let body = futures_util::stream::iter([Ok::<_, license_stream::Error>("{\"id\":\"a\"}\n".into())]);
    /// let progress = Arc::new(Progress::default());
    /// let options = Options { progress: Arc::clone(&progress), ..Options::default() };
    /// let run = pipeline::run(body, NdjsonSink::new(tokio::io::sink(), Limits::default()), options);
    ///
    /// let mut last = 0;
    /// let tell = |progress: &Progress| last = progress.records();
    /// progress.tell_while(run, Duration::from_secs(1), tell).await.into_result()?;
    /// assert_eq!(last, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn tell_while<F: Future>(
        &self,
        work: F,
        period: Duration,
        mut tell: impl FnMut(&Self),
    ) -> F::Output {
        let mut work = pin!(work);
        // No clock ticks faster, and none may stand still.
        let mut ticks = tokio::time::interval(period.max(Duration::from_millis(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.reset();
        loop {
            tokio::select! {
                biased;
                done = &mut work => {
                    tell(self);
                    return done;
                }
                _ = ticks.tick() => tell(self),
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<SnapshotProgress>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How far one snapshot is that is under way.
#[derive(Debug)]
pub struct SnapshotProgress {
    number: u64,
    account: Option<Arc<str>>,
    begun: Instant,
    bytes_read: AtomicU64,
    records: AtomicU64,
    rejected: AtomicU64,
    queued: AtomicU64,
    /// The byte up to which the bodies were read, over all pages.
    read_to: AtomicU64,
    durable_to: AtomicU64,
    is_closing: AtomicBool,
}

impl SnapshotProgress {
    /// Its place among all that were begun, from 0.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// What its account is [called](super::Options::account).
    pub fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }

    /// When it was begun.
    pub fn begun(&self) -> Instant {
        self.begun
    }

    /// As [`Progress::bytes_read`].
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Ordering::Relaxed)
    }

    /// As [`Progress::records`].
    pub fn records(&self) -> u64 {
        self.records.load(Ordering::Relaxed)
    }

    /// As [`Progress::rejected`].
    pub fn rejected(&self) -> u64 {
        self.rejected.load(Ordering::Relaxed)
    }

    /// Bytes of the bodies that are between the reader and the sink.
    pub fn queued_bytes(&self) -> u64 {
        self.queued.load(Ordering::Relaxed)
    }

    /// Whether everything was read, and only the sink is waited for.
    pub fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::Relaxed)
    }

    /// Bytes of the bodies that were read, and are not known to be durable.
    pub fn lag_bytes(&self) -> u64 {
        let read_to = self.read_to.load(Ordering::Relaxed);
        read_to.saturating_sub(self.durable_to.load(Ordering::Relaxed))
    }
}

/// Counts what one run does, and is among those under way until it is dropped.
#[derive(Debug)]
pub(super) struct Counting {
    all: Arc<Progress>,
    own: Arc<SnapshotProgress>,
    /// Up to where everything is durable, what was written, and the pieces of it: as counted.
    settled: Mutex<Settled>,
}

#[derive(Debug)]
struct Settled {
    durable: Position,
    bytes_written: u64,
    pieces: usize,
}

impl Counting {
    pub(super) fn begin(
        all: Arc<Progress>,
        account: Option<Arc<str>>,
        begun_at: Position,
    ) -> Arc<Self> {
        let own = Arc::new(SnapshotProgress {
            number: all.begun.fetch_add(1, Ordering::Relaxed),
            account,
            begun: Instant::now(),
            bytes_read: AtomicU64::default(),
            records: AtomicU64::default(),
            rejected: AtomicU64::default(),
            queued: AtomicU64::default(),
            read_to: AtomicU64::new(begun_at.byte),
            durable_to: AtomicU64::new(begun_at.byte),
            is_closing: AtomicBool::default(),
        });
        all.lock().push(Arc::clone(&own));
        let settled = Settled { durable: begun_at, bytes_written: 0, pieces: 0 };
        Arc::new(Self { all, own, settled: Mutex::new(settled) })
    }

    /// A body begins at `start`, over all pages.
    pub(super) fn body(&self, start: Position) {
        self.all.bodies.fetch_add(1, Ordering::Relaxed);
        self.own.read_to.store(start.byte, Ordering::Relaxed);
    }

    pub(super) fn read(&self, bytes: usize) {
        for counter in [&self.all.bytes_read, &self.own.bytes_read, &self.own.read_to] {
            counter.fetch_add(bytes as u64, Ordering::Relaxed);
        }
    }

    /// A batch of so many bytes of the body is on its way to the sink.
    pub(super) fn queued(&self, bytes: u64) {
        self.own.queued.fetch_add(bytes, Ordering::Relaxed);
    }

    /// A batch has reached the sink, or will not.
    pub(super) fn taken(&self, bytes: u64) {
        self.own.queued.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Nothing more comes; what the sink took it is to make durable.
    pub(super) fn closing(&self) {
        self.own.is_closing.store(true, Ordering::Relaxed);
    }

    pub(super) fn rejected(&self, rejects: &[Reject]) {
        for reject in rejects {
            self.all.rejects[reject.reason as usize].fetch_add(1, Ordering::Relaxed);
        }
        for counter in [&self.all.rejected, &self.own.rejected] {
            counter.fetch_add(rejects.len() as u64, Ordering::Relaxed);
        }
    }

    pub(super) fn written(&self, records: u64) {
        for counter in [&self.all.records, &self.own.records] {
            counter.fetch_add(records, Ordering::Relaxed);
        }
    }

    /// Takes in what a sink says of itself; answers how many of its pieces are new.
    pub(super) fn settle(&self, durable: Position, bytes_written: u64, pieces: usize) -> usize {
        let mut settled = self.settled.lock().unwrap_or_else(PoisonError::into_inner);
        // A run that goes on with a snapshot begins behind what its sink knows of.
        if durable.byte > settled.durable.byte {
            let bytes = durable.byte - settled.durable.byte;
            let records = durable.record.saturating_sub(settled.durable.record);
            self.all.durable_bytes.fetch_add(bytes, Ordering::Relaxed);
            self.all.durable_records.fetch_add(records, Ordering::Relaxed);
            self.own.durable_to.store(durable.byte, Ordering::Relaxed);
            settled.durable = durable;
        }
        // What is taken back was written all the same.
        let bytes = bytes_written.saturating_sub(settled.bytes_written);
        self.all.bytes_written.fetch_add(bytes, Ordering::Relaxed);
        settled.bytes_written = settled.bytes_written.max(bytes_written);
        let news = pieces.saturating_sub(settled.pieces);
        self.all.pieces.fetch_add(news as u64, Ordering::Relaxed);
        settled.pieces = settled.pieces.max(pieces);
        news
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        self.all.lock().retain(|running| !Arc::ptr_eq(running, &self.own));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(byte: u64, record: u64) -> Position {
        Position { byte, line: record + 1, record }
    }

    #[test]
    fn what_is_read_and_not_durable_lags() {
        let progress = Arc::new(Progress::default());
        // Gone on with at byte 60 of a page that begins at byte 50.
        let counting = Counting::begin(Arc::clone(&progress), Some("a".into()), at(60, 6));
        counting.body(at(50, 5));
        counting.read(10);
        let [running] = &progress.running()[..] else { panic!("one runs") };
        assert_eq!((running.account(), running.number(), running.lag_bytes()), (Some("a"), 0, 0));
        counting.read(30);
        assert_eq!((progress.bytes_read(), running.lag_bytes()), (40, 30));
        // The sink knows of nothing yet.
        assert_eq!(counting.settle(Position::START, 0, 0), 0);
        assert_eq!((progress.durable_bytes(), running.lag_bytes()), (0, 30));
        assert_eq!(counting.settle(at(80, 8), 7, 2), 2);
        assert_eq!((progress.durable_bytes(), progress.durable_records()), (20, 2));
        assert_eq!((running.lag_bytes(), progress.bytes_written(), progress.pieces()), (10, 7, 2));
        // Taken back, which undoes nothing that was counted.
        assert_eq!(counting.settle(at(80, 8), 0, 0), 0);
        assert_eq!((progress.bytes_written(), progress.pieces()), (7, 2));
        drop(counting);
        assert!(progress.running().is_empty());
    }

    #[tokio::test]
    async fn it_is_told_while_work_goes_on_and_at_its_end() {
        let progress = Arc::new(Progress::default());
        let counting = Counting::begin(Arc::clone(&progress), None, Position::START);
        // The work goes on until it was told of thrice, and then counts once more.
        let told = tokio::sync::Semaphore::new(0);
        let work = async {
            counting.written(1);
            told.acquire_many(3).await.unwrap().forget();
            counting.written(1);
            "done"
        };
        let mut seen = Vec::new();
        let tell = |progress: &Progress| {
            seen.push(progress.records());
            told.add_permits(1);
        };
        assert_eq!(progress.tell_while(work, Duration::ZERO, tell).await, "done");
        assert_eq!(seen, [1, 1, 1, 2]);
    }

    #[test]
    fn reasons_are_numbered_as_they_are_listed() {
        for (place, reason) in RejectReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, place, "{reason}");
        }
    }
}
