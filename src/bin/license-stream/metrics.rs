//! What others can see of a run: counters for Prometheus, and whether it is alive and ready.
//!
//! Nothing is counted here but accounts and jobs: the counters are the library's, looked at when somebody asks. No
//! label names an account, so that the number of series does not depend on how many there are.

mod board;
mod counts;
mod seen;
mod server;
mod text;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use license_stream::RejectReason;
use license_stream::pipeline::{Outcome, Progress};
use license_stream::sink::kafka::KafkaProducer;
use license_stream::truto::TrutoClient;

use crate::waits::Waits;
pub(crate) use board::Board;
use counts::{Counts, Levels, OUTCOMES};
pub(crate) use seen::Seen;
pub(crate) use server::Server;

/// How often librdkafka makes its statistics where they are looked at, in milliseconds: more often than anybody asks.
pub(crate) const STATISTICS_INTERVAL: &str = "5000";

/// What there is to be seen of a run into one sink.
#[derive(Debug, Default)]
pub(crate) struct Observed {
    pub(crate) progress: Arc<Progress>,
    pub(crate) waits: Arc<Waits>,
    /// The accounts that have ended, by [`OUTCOMES`].
    ended: [AtomicU64; OUTCOMES.len()],
    begun_anew: AtomicU64,
    client: OnceLock<TrutoClient>,
    producer: OnceLock<KafkaProducer>,
}

impl Observed {
    /// Whose requests are counted.
    pub(crate) fn asks_by(&self, client: &TrutoClient) {
        // There is one in a run.
        let _ = self.client.set(client.clone());
    }

    /// What produces.
    pub(crate) fn produces_by(&self, producer: &KafkaProducer) {
        // There is one in a run.
        let _ = self.producer.set(producer.clone());
    }

    /// An account has ended that had so many snapshots; `outcome` is that of the last, if it was read.
    pub(crate) fn ended(&self, outcome: Option<Outcome>, is_skipped: bool, snapshots: usize) {
        let name = match outcome {
            Some(outcome) => outcome.as_str(),
            None if is_skipped => "skipped",
            None => "not_begun",
        };
        if let Some(place) = OUTCOMES.iter().position(|outcome| *outcome == name) {
            self.ended[place].fetch_add(1, Ordering::Relaxed);
        }
        let given_up = snapshots.saturating_sub(1) as u64;
        self.begun_anew.fetch_add(given_up, Ordering::Relaxed);
    }

    /// What it has come to so far.
    fn counts(&self) -> Counts {
        let it = &self.progress;
        let mut retries = self.waits.retries();
        Counts {
            records: it.records(),
            rejects: RejectReason::ALL.map(|reason| it.rejected_as(reason)),
            read_bytes: it.bytes_read(),
            written_bytes: it.bytes_written(),
            durable_bytes: it.durable_bytes(),
            durable_records: it.durable_records(),
            pieces: it.pieces(),
            ended: self.ended.each_ref().map(|count| count.load(Ordering::Relaxed)),
            begun_anew: self.begun_anew.load(Ordering::Relaxed),
            requests: self.client.get().map_or(0, |client| client.requests().made),
            pages: it.bodies(),
            retries: std::array::from_fn(|_| {
                retries.next().map_or((0, 0.0), |(_, count, seconds)| (count, seconds))
            }),
            rate_limits: self.waits.rate_limits(),
            kafka: self.producer.get().and_then(KafkaProducer::statistics),
        }
    }

    /// What there is of it at this instant.
    fn levels(&self) -> Levels {
        let running = self.progress.running();
        Levels {
            lag_bytes: running.iter().map(|it| it.lag_bytes()).sum(),
            queue_bytes: running.iter().map(|it| it.queued_bytes()).sum(),
            accounts_running: running.len() as u64,
        }
    }
}
