//! Which batches are under way, and up to where all is delivered.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use tokio::sync::{Notify, OwnedSemaphorePermit};

use super::PreparedBlock;
use crate::error::{Error, ErrorKind, Result};
use crate::position::{Position, Span};
use crate::room::Room;

/// What librdkafka keeps of a record beside its value, roughly: key, headers, and its own structures.
const RECORD_OVERHEAD: usize = 256;

/// One sink's account of every batch that waits for delivery reports.
///
/// Reports come in any order, since partitions are served in parallel. A batch is settled once all
/// its records are delivered; the durable position moves over settled batches in order.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    state: Mutex<State>,
    reported: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Batches that are not settled, in the order of the body.
    open: VecDeque<Arc<Entry>>,
    /// Those among them that wait for reports.
    waiting: usize,
    /// Records of the others, and of those before them, that were delivered.
    delivered: u64,
    durable: Position,
    failure: Option<Failure>,
}

/// One batch. Each of its records bears it to librdkafka and back, so that many sinks can share a
/// producer.
///
/// A record's report counts down a number and no more: the ledger is told of the last one only, and of
/// what failed.
#[derive(Debug)]
pub(super) struct Entry {
    /// Gone with its sink; records can outlive that.
    ledger: Weak<Ledger>,
    /// Records that were not reported yet.
    waiting: AtomicU64,
    delivered: AtomicU64,
    end: Position,
    /// What the batch takes of the room in flight: given back once it is settled, or once its sink is
    /// gone and the last of its records was reported.
    _room: Option<OwnedSemaphorePermit>,
    records: u64,
    /// What librdkafka sends without a copy of its own.
    kept: Vec<PreparedBlock>,
}

/// The first record that was not delivered.
#[derive(Debug)]
struct Failure {
    /// Its place in the body, as far as it is known.
    byte: Option<u64>,
    error: KafkaError,
}

impl Ledger {
    /// Opens a batch of `records` from `span`, once there is `room` for its bytes.
    pub(super) async fn open(
        self: &Arc<Self>,
        records: u64,
        span: Span,
        room: &Room,
        kept: Vec<PreparedBlock>,
    ) -> Result<Arc<Entry>> {
        let bytes = span.bytes() as usize + records as usize * RECORD_OVERHEAD;
        let permit = tokio::select! {
            biased;
            () = self.failed() => None,
            permit = room.take(bytes) => permit,
        };
        let mut state = self.lock();
        if state.failure.is_some() {
            return Err(state.error());
        }
        let entry = self.entry(records, span.end, permit, kept);
        state.waiting += usize::from(records > 0);
        state.open.push_back(Arc::clone(&entry));
        state.settle();
        Ok(entry)
    }

    /// Opens a batch of one record that is from no body, and takes no room.
    pub(super) fn open_one(self: &Arc<Self>) -> Arc<Entry> {
        let entry = self.entry(1, Position::START, None, Vec::new());
        let mut state = self.lock();
        state.waiting += 1;
        state.open.push_back(Arc::clone(&entry));
        drop(state);
        entry
    }

    fn entry(
        self: &Arc<Self>,
        records: u64,
        end: Position,
        room: Option<OwnedSemaphorePermit>,
        kept: Vec<PreparedBlock>,
    ) -> Arc<Entry> {
        Arc::new(Entry {
            ledger: Arc::downgrade(self),
            waiting: AtomicU64::new(records),
            delivered: AtomicU64::new(0),
            end,
            _room: room,
            records,
            kept,
        })
    }

    /// Waits for the reports of all records; how many were delivered, and the place before which all are.
    pub(super) async fn settled(&self) -> (u64, Result<Position>) {
        self.wait_until(|state| {
            (state.waiting == 0).then(|| {
                let failed = state.failure.is_some();
                (state.delivered, if failed { Err(state.error()) } else { Ok(state.durable) })
            })
        })
        .await
    }

    /// Whether any record waits for its report.
    pub(super) fn is_waiting(&self) -> bool {
        self.lock().waiting > 0
    }

    /// Records that were delivered, but for those of batches that still wait for reports.
    pub(super) fn delivered(&self) -> u64 {
        self.lock().delivered
    }

    /// The place before which everything is delivered.
    pub(super) fn durable(&self) -> Position {
        self.lock().durable
    }

    async fn failed(&self) {
        self.wait_until(|state| state.failure.is_some().then_some(())).await;
    }

    async fn wait_until<T>(&self, mut condition: impl FnMut(&mut State) -> Option<T>) -> T {
        loop {
            // A notification between the look and the wait is kept for the wait: only the sink's
            // one task waits here, and `notify_one` leaves a permit behind.
            if let Some(answer) = condition(&mut self.lock()) {
                return answer;
            }
            self.reported.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that holds the lock can panic half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// The licenses of the batch, if it was opened with them.
    pub(super) fn kept(&self) -> &[PreparedBlock] {
        &self.kept
    }

    /// Where in the body the record begins that was sent as `value`, if the batch keeps it.
    pub(super) fn byte_of(&self, value: &[u8]) -> Option<u64> {
        let mut records = self.kept.iter().flat_map(PreparedBlock::records);
        let sent = records.find(|it| std::ptr::eq(it.value, value))?;
        Some(sent.record.raw.position.byte)
    }

    /// Takes the report of one of its records; `byte` tells which one, where that is asked.
    pub(super) fn report(
        &self,
        result: Result<(), KafkaError>,
        byte: impl FnOnce() -> Option<u64>,
    ) {
        match result {
            Ok(()) => {
                self.delivered.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => {
                if let Some(ledger) = self.ledger.upgrade() {
                    let failure = || Failure { byte: byte(), error };
                    ledger.lock().failure.get_or_insert_with(failure);
                    ledger.reported.notify_one();
                }
            }
        }
        self.count_down(1);
    }

    fn count_down(&self, records: u64) {
        // What was counted before, by whichever thread, is seen by the one that comes to zero.
        if records == 0 || self.waiting.fetch_sub(records, Ordering::AcqRel) != records {
            return;
        }
        let Some(ledger) = self.ledger.upgrade() else { return };
        let mut state = ledger.lock();
        state.waiting -= 1;
        state.delivered += self.delivered.load(Ordering::Relaxed);
        state.settle();
        drop(state);
        ledger.reported.notify_one();
    }

    /// Whether all of it is delivered.
    fn is_settled(&self) -> bool {
        self.waiting.load(Ordering::Acquire) == 0
            && self.delivered.load(Ordering::Relaxed) == self.records
    }
}

/// The records of a batch that are still to be sent: once this is dropped, they are not waited for.
#[derive(Debug)]
pub(super) struct Unsent<'a> {
    entry: &'a Entry,
    pub(super) records: u64,
}

impl<'a> Unsent<'a> {
    pub(super) fn of(entry: &'a Entry, records: u64) -> Self {
        Self { entry, records }
    }
}

impl Drop for Unsent<'_> {
    fn drop(&mut self) {
        self.entry.count_down(self.records);
    }
}

impl State {
    /// Closes what is settled at the front.
    fn settle(&mut self) {
        while let Some(entry) = self.open.front().filter(|entry| entry.is_settled()) {
            self.durable = entry.end;
            self.open.pop_front();
        }
    }

    fn error(&self) -> Error {
        let place = match &self.failure {
            Some(Failure { byte: Some(byte), .. }) => format!("record at byte {byte}"),
            _ => "a record".to_owned(),
        };
        let what = format!("{place} was not delivered");
        match &self.failure {
            Some(failure) => failed(what, failure.error.clone()),
            None => Error::new(ErrorKind::Destination, what),
        }
    }
}

/// The error of what brokers refused, with what can be done about it.
pub(super) fn failed(what: String, error: KafkaError) -> Error {
    use RDKafkaErrorCode::{
        MessageSizeTooLarge, MessageTimedOut, TopicAuthorizationFailed, UnknownPartition,
        UnknownTopic, UnknownTopicOrPartition,
    };
    let (kind, cure) = match error.rdkafka_error_code() {
        Some(TopicAuthorizationFailed) => (
            ErrorKind::Forbidden,
            "its topic may not be written to any more: give this user Write on it",
        ),
        Some(MessageSizeTooLarge) => (
            ErrorKind::Destination,
            "it, or its batch, is larger than its topic takes: raise its max.message.bytes, or bound batches with -X batch.size and \
             records with -X message.max.bytes",
        ),
        Some(UnknownTopic | UnknownTopicOrPartition | UnknownPartition) => (
            ErrorKind::Destination,
            "its topic is not there any more, nor what was delivered to it: create it, and run again after \
                 `license-stream checkpoint reset`, so that all is delivered anew",
        ),
        Some(MessageTimedOut) => (
            ErrorKind::Destination,
            "brokers did not take it within message.timeout.ms: look whether they are up, and the topic still there",
        ),
        _ => return Error::new(ErrorKind::Destination, what).caused_by(error),
    };
    Error::new(kind, what).advising(cure).caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn at(byte: u64) -> Position {
        Position { byte, line: 1, record: 0 }
    }

    fn open(
        ledger: &Arc<Ledger>,
        room: &Room,
        records: u64,
        (start, end): (u64, u64),
    ) -> Arc<Entry> {
        try_open(ledger, room, records, (start, end)).unwrap().unwrap()
    }

    fn try_open(
        ledger: &Arc<Ledger>,
        room: &Room,
        records: u64,
        (start, end): (u64, u64),
    ) -> Option<Result<Arc<Entry>>> {
        ledger
            .open(records, Span { start: at(start), end: at(end) }, room, Vec::new())
            .now_or_never()
    }

    fn delivered(entry: &Entry) {
        entry.report(Ok(()), || unreachable!("asked of what failed only"));
    }

    fn lost(entry: &Entry, byte: u64) {
        let error = KafkaError::MessageProduction(RDKafkaErrorCode::MessageTimedOut);
        entry.report(Err(error), || Some(byte));
    }

    #[test]
    fn the_durable_place_never_passes_what_is_under_way() {
        let (ledger, room) = (Arc::new(Ledger::default()), Room::new(10_000));
        let first = open(&ledger, &room, 2, (0, 20));
        let second = open(&ledger, &room, 1, (20, 30));
        delivered(&second);
        assert_eq!(ledger.lock().durable, at(0));
        delivered(&first);
        assert_eq!(ledger.lock().durable, at(0));
        delivered(&first);
        assert_eq!(ledger.lock().durable, at(30));
        assert_eq!(ledger.settled().now_or_never().unwrap().1.unwrap(), at(30));
    }

    #[test]
    fn a_batch_waits_for_room_but_one_always_passes() {
        let (ledger, room) = (Arc::new(Ledger::default()), Room::new(100));
        let first = open(&ledger, &room, 1, (0, 1000));
        assert!(try_open(&ledger, &room, 1, (1000, 1001)).is_none());
        delivered(&first);
        drop(first);
        open(&ledger, &room, 1, (1000, 1001));
    }

    #[test]
    fn sinks_share_the_room_and_nothing_else() {
        let room = Room::new(1_000);
        let (one, other) = (Arc::new(Ledger::default()), Arc::new(Ledger::default()));
        let first = open(&one, &room, 1, (0, 700));
        assert!(try_open(&other, &room, 1, (0, 700)).is_none());
        lost(&first, 0);
        assert!(one.settled().now_or_never().unwrap().1.is_err());
        drop(one);
        assert!(try_open(&other, &room, 1, (0, 700)).is_none(), "a record is still under way");
        drop(first);
        let second = open(&other, &room, 1, (0, 700));
        delivered(&second);
        assert_eq!(other.settled().now_or_never().unwrap().1.unwrap(), at(700));
    }

    #[test]
    fn a_batch_without_licenses_is_settled_with_those_before_it() {
        let (ledger, room) = (Arc::new(Ledger::default()), Room::new(10_000));
        let first = open(&ledger, &room, 1, (0, 10));
        open(&ledger, &room, 0, (10, 20));
        assert_eq!(ledger.lock().durable, at(0));
        delivered(&first);
        assert_eq!(ledger.lock().durable, at(20));
    }

    #[test]
    fn a_batch_that_is_broken_off_is_waited_for_as_far_as_it_was_sent() {
        let (ledger, room) = (Arc::new(Ledger::default()), Room::new(10_000));
        let batch = open(&ledger, &room, 3, (0, 30));
        drop(Unsent::of(&batch, 2));
        assert!(ledger.settled().now_or_never().is_none(), "one report is missing");
        delivered(&batch);
        let (delivered, settled) = ledger.settled().now_or_never().unwrap();
        assert_eq!((delivered, settled.unwrap()), (1, at(0)));
    }

    #[test]
    fn the_first_failure_is_kept_and_stops_the_next_batch() {
        let (ledger, room) = (Arc::new(Ledger::default()), Room::new(10_000));
        let batch = open(&ledger, &room, 3, (0, 30));
        lost(&batch, 10);
        lost(&batch, 20);
        assert!(ledger.settled().now_or_never().is_none(), "one report is missing");
        delivered(&batch);
        let (delivered, settled) = ledger.settled().now_or_never().unwrap();
        assert_eq!(delivered, 1);
        assert_eq!(settled.unwrap_err().message(), "record at byte 10 was not delivered");
        let next = try_open(&ledger, &room, 1, (30, 40)).unwrap();
        assert_eq!(next.unwrap_err().kind(), ErrorKind::Destination);
    }
}
