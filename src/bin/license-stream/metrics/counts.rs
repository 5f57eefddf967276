//! What is counted, as values: those of the runs of one job add up.

use license_stream::RejectReason;
use license_stream::sink::kafka::KafkaStatistics;

use crate::waits::RETRIED;

/// How accounts can end.
pub(super) const OUTCOMES: [&str; 6] =
    ["done", "rejected", "failed", "interrupted", "skipped", "not_begun"];

/// What only grows while a run goes on.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    pub(super) records: u64,
    /// By [`RejectReason::ALL`].
    pub(super) rejects: [u64; RejectReason::ALL.len()],
    pub(super) read_bytes: u64,
    pub(super) written_bytes: u64,
    pub(super) durable_bytes: u64,
    pub(super) durable_records: u64,
    pub(super) pieces: u64,
    /// By [`OUTCOMES`].
    pub(super) ended: [u64; OUTCOMES.len()],
    pub(super) begun_anew: u64,
    pub(super) requests: u64,
    pub(super) pages: u64,
    /// By [`RETRIED`]: how many, and the seconds before them.
    pub(super) retries: [(u64, f64); RETRIED.len()],
    /// How many waits, and their seconds.
    pub(super) rate_limits: (u64, f64),
    /// `None` until librdkafka has told of itself.
    pub(super) kafka: Option<KafkaStatistics>,
}

/// What rises and falls.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Levels {
    pub(super) lag_bytes: u64,
    pub(super) queue_bytes: u64,
    pub(super) accounts_running: u64,
}

impl Counts {
    /// What this and `more`, a run that came after, have come to together.
    pub(super) fn plus(mut self, more: &Self) -> Self {
        let both = [
            (&mut self.records, more.records),
            (&mut self.read_bytes, more.read_bytes),
            (&mut self.written_bytes, more.written_bytes),
            (&mut self.durable_bytes, more.durable_bytes),
            (&mut self.durable_records, more.durable_records),
            (&mut self.pieces, more.pieces),
            (&mut self.begun_anew, more.begun_anew),
            (&mut self.requests, more.requests),
            (&mut self.pages, more.pages),
            (&mut self.rate_limits.0, more.rate_limits.0),
        ];
        let by_reason = self.rejects.iter_mut().zip(more.rejects);
        let by_outcome = self.ended.iter_mut().zip(more.ended);
        for (sum, more) in both.into_iter().chain(by_reason).chain(by_outcome) {
            *sum += more;
        }
        self.rate_limits.1 += more.rate_limits.1;
        for (sum, more) in self.retries.iter_mut().zip(more.retries) {
            *sum = (sum.0 + more.0, sum.1 + more.1);
        }
        self.kafka = match (self.kafka, &more.kafka) {
            (before, None) => before,
            (None, Some(more)) => Some(*more),
            (Some(before), Some(more)) => Some(sum(&before, more)),
        };
        self
    }

    /// What stays of a run that has ended: nothing waits any more, and nobody is connected to.
    pub(super) fn settled(mut self) -> Self {
        if let Some(kafka) = &mut self.kafka {
            (kafka.queued_messages, kafka.queued_bytes) = (0, 0);
            (kafka.brokers_up, kafka.brokers_down) = (0, 0);
            (kafka.round_trip_p99, kafka.throttle_max) = (0.0, 0.0);
        }
        self
    }
}

/// Counters add up; what rises and falls is that of the producer of `now`.
fn sum(before: &KafkaStatistics, now: &KafkaStatistics) -> KafkaStatistics {
    let mut sum = *now;
    sum.sent_messages += before.sent_messages;
    sum.sent_bytes += before.sent_bytes;
    sum.requests += before.requests;
    sum.request_retries += before.request_retries;
    sum.request_errors += before.request_errors;
    sum.request_timeouts += before.request_timeouts;
    sum.disconnects += before.disconnects;
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_add_up_and_levels_are_those_of_the_last() {
        let kafka = |sent_messages, brokers_up| {
            let mut kafka = KafkaStatistics::default();
            (kafka.sent_messages, kafka.brokers_up, kafka.queued_bytes) =
                (sent_messages, brokers_up, 7);
            Some(kafka)
        };
        let one = Counts {
            records: 3,
            rejects: [1; RejectReason::ALL.len()],
            retries: [(1, 0.5); 3],
            kafka: kafka(10, 3),
            ..Counts::default()
        };
        let settled = one.clone().settled();
        let of_kafka = settled.kafka.unwrap();
        assert_eq!((of_kafka.sent_messages, of_kafka.brokers_up), (10, 0));
        assert_eq!(of_kafka.queued_bytes, 0);
        // Its producer has told of nothing yet.
        let begun = settled.clone().plus(&Counts { records: 2, ..Counts::default() });
        let of_kafka = begun.kafka.unwrap();
        assert_eq!((begun.records, of_kafka.sent_messages, of_kafka.brokers_up), (5, 10, 0));
        let both = settled.plus(&Counts { kafka: kafka(4, 2), ..one });
        let of_kafka = both.kafka.unwrap();
        assert_eq!((of_kafka.sent_messages, of_kafka.brokers_up), (14, 2));
        assert_eq!((both.records, both.rejects[0], both.retries[2]), (6, 2, (2, 1.0)));
    }
}
