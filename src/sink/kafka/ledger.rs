//! Which batches are under way, and up to where all is delivered.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rdkafka::ClientContext;
use rdkafka::error::KafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::ProducerContext;
use tokio::sync::Notify;

use crate::error::{Error, ErrorKind, Result};
use crate::position::{Position, Span};

/// What librdkafka keeps of a record beside its value, roughly: key, headers, and its own structures.
const RECORD_OVERHEAD: usize = 256;

/// An account of every batch that waits for delivery reports.
///
/// Reports come in any order, since partitions are served in parallel. A batch is settled once all
/// its records are delivered; the durable position moves over settled batches in order.
#[derive(Debug)]
pub(super) struct Ledger {
    state: Mutex<State>,
    reported: Notify,
    max_bytes: usize,
}

#[derive(Debug, Default)]
struct State {
    /// Batches under way, in the order of the body.
    open: VecDeque<Entry>,
    bytes: usize,
    /// Reports so far, of success and failure.
    reports: u64,
    delivered: u64,
    durable: Position,
    failure: Option<Failure>,
}

#[derive(Debug)]
struct Entry {
    /// Records whose delivery is not yet reported.
    waiting: u64,
    bytes: usize,
    end: Position,
}

/// The first record that was not delivered.
#[derive(Debug)]
struct Failure {
    byte: u64,
    error: KafkaError,
}

impl Ledger {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self { state: Mutex::default(), reported: Notify::new(), max_bytes }
    }

    /// Opens a batch of `records` from `span`, once there is room for its bytes.
    pub(super) async fn open(&self, records: u64, span: Span) -> Result<()> {
        let bytes = span.bytes() as usize + records as usize * RECORD_OVERHEAD;
        self.wait_until(|state| {
            if state.failure.is_some() {
                return Some(Err(state.error()));
            }
            let has_room = state.open.is_empty() || state.bytes + bytes <= self.max_bytes;
            has_room.then(|| {
                state.bytes += bytes;
                state.open.push_back(Entry { waiting: records, bytes, end: span.end });
                state.settle();
                Ok(())
            })
        })
        .await
    }

    /// The place before which everything is delivered.
    pub(super) fn durable(&self) -> Position {
        self.lock().durable
    }

    /// Reports so far, of success and failure.
    pub(super) fn reports(&self) -> u64 {
        self.lock().reports
    }

    /// Waits for a report beyond the first `seen`.
    pub(super) async fn report_after(&self, seen: u64) {
        self.wait_until(|state| (state.reports > seen).then_some(())).await;
    }

    /// Waits for the reports of all `sent` records; how many were delivered, and the place before
    /// which all are.
    pub(super) async fn settled(&self, sent: u64) -> (u64, Result<Position>) {
        self.wait_until(|state| {
            (state.reports == sent).then(|| {
                let failed = state.failure.is_some();
                (state.delivered, if failed { Err(state.error()) } else { Ok(state.durable) })
            })
        })
        .await
    }

    /// Takes the report of the record at `byte` of the body.
    fn report(&self, byte: u64, result: Result<(), KafkaError>) {
        let mut state = self.lock();
        state.reports += 1;
        match result {
            Ok(()) => {
                state.delivered += 1;
                let batch = state.open.partition_point(|entry| entry.end.byte <= byte);
                if let Some(entry) = state.open.get_mut(batch) {
                    entry.waiting -= 1;
                    state.settle();
                }
            }
            Err(error) => {
                state.failure.get_or_insert(Failure { byte, error });
            }
        }
        drop(state);
        self.reported.notify_one();
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

impl State {
    /// Closes what is settled at the front.
    fn settle(&mut self) {
        while let Some(entry) = self.open.front().filter(|entry| entry.waiting == 0) {
            self.bytes -= entry.bytes;
            self.durable = entry.end;
            self.open.pop_front();
        }
    }

    fn error(&self) -> Error {
        let (byte, source) = match &self.failure {
            Some(failure) => (failure.byte, Some(failure.error.clone())),
            None => (0, None),
        };
        let message = format!("record at byte {byte} was not delivered");
        let error = Error::new(ErrorKind::Destination, message);
        match source {
            Some(source) => error.caused_by(source),
            None => error,
        }
    }
}

/// Hands librdkafka's delivery reports to the ledger.
pub(super) struct Reports {
    ledger: Arc<Ledger>,
}

impl Reports {
    pub(super) fn new(ledger: Arc<Ledger>) -> Self {
        Self { ledger }
    }
}

impl ClientContext for Reports {}

impl ProducerContext for Reports {
    /// The byte of the body at which the record begins.
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, byte: usize) {
        let result = result.as_ref().map(drop).map_err(|(error, _)| error.clone());
        self.ledger.report(byte as u64, result);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use rdkafka::error::RDKafkaErrorCode;

    fn at(byte: u64) -> Position {
        Position { byte, line: 1, record: 0 }
    }

    fn span(start: u64, end: u64) -> Span {
        Span { start: at(start), end: at(end) }
    }

    #[test]
    fn the_durable_place_never_passes_what_is_under_way() {
        let ledger = Ledger::new(10_000);
        ledger.open(2, span(0, 20)).now_or_never().unwrap().unwrap();
        ledger.open(1, span(20, 30)).now_or_never().unwrap().unwrap();
        ledger.report(20, Ok(()));
        assert_eq!(ledger.lock().durable, at(0));
        ledger.report(10, Ok(()));
        assert_eq!(ledger.lock().durable, at(0));
        ledger.report(0, Ok(()));
        assert_eq!(ledger.lock().durable, at(30));
        assert_eq!(ledger.settled(3).now_or_never().unwrap().1.unwrap(), at(30));
    }

    #[test]
    fn a_batch_waits_for_room_but_one_always_passes() {
        let ledger = Ledger::new(100);
        ledger.open(1, span(0, 1000)).now_or_never().unwrap().unwrap();
        assert!(ledger.open(1, span(1000, 1001)).now_or_never().is_none());
        ledger.report(0, Ok(()));
        ledger.open(1, span(1000, 1001)).now_or_never().unwrap().unwrap();
    }

    #[test]
    fn a_batch_without_licenses_is_settled_with_those_before_it() {
        let ledger = Ledger::new(10_000);
        ledger.open(1, span(0, 10)).now_or_never().unwrap().unwrap();
        ledger.open(0, span(10, 20)).now_or_never().unwrap().unwrap();
        assert_eq!(ledger.lock().durable, at(0));
        ledger.report(5, Ok(()));
        assert_eq!(ledger.lock().durable, at(20));
    }

    #[test]
    fn the_first_failure_is_kept_and_stops_the_next_batch() {
        let ledger = Ledger::new(10_000);
        let failure = || KafkaError::MessageProduction(RDKafkaErrorCode::MessageTimedOut);
        ledger.open(3, span(0, 30)).now_or_never().unwrap().unwrap();
        ledger.report(10, Err(failure()));
        ledger.report(20, Err(failure()));
        assert!(ledger.settled(3).now_or_never().is_none(), "one report is missing");
        ledger.report(0, Ok(()));
        let (delivered, settled) = ledger.settled(3).now_or_never().unwrap();
        assert_eq!(delivered, 1);
        assert_eq!(settled.unwrap_err().message(), "record at byte 10 was not delivered");
        let next = ledger.open(1, span(30, 40)).now_or_never().unwrap();
        assert_eq!(next.unwrap_err().kind(), ErrorKind::Destination);
    }
}
