//! What librdkafka says of itself.

use rdkafka::Statistics;
use rdkafka::statistics::Broker;

/// What is going on in a [`KafkaProducer`](super::KafkaProducer), over all of its brokers and topics.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct KafkaStatistics {
    /// Messages that wait to be sent or to be acknowledged.
    pub queued_messages: u64,
    /// Their bytes.
    pub queued_bytes: u64,
    /// Messages that were sent, those that were sent again included.
    pub sent_messages: u64,
    /// Bytes that were sent to brokers: compressed, with all that belongs to a request.
    pub sent_bytes: u64,
    /// Requests that were sent to brokers.
    pub requests: u64,
    /// Requests that were sent again.
    pub request_retries: u64,
    /// Requests that could not be sent.
    pub request_errors: u64,
    /// Requests that got no answer in time.
    pub request_timeouts: u64,
    /// Connections to brokers that ended.
    pub disconnects: u64,
    /// Brokers that are connected.
    pub brokers_up: u64,
    /// Brokers that are wanted and not connected.
    pub brokers_down: u64,
    /// The 99th percentile of the time from a request to its answer, of the slowest broker, in seconds.
    pub round_trip_p99: f64,
    /// The longest time for which a broker has throttled, in seconds.
    pub throttle_max: f64,
}

impl KafkaStatistics {
    pub(super) fn of(said: &Statistics) -> Self {
        let brokers = || said.brokers.values();
        let sum = |count: fn(&Broker) -> u64| brokers().map(count).sum::<u64>();
        let most = |time: fn(&Broker) -> i64| brokers().map(time).max().unwrap_or_default();
        let is_wanted = |broker: &&Broker| broker.source != "internal" && broker.nodeid >= 0;
        let is_up = |broker: &&Broker| broker.state == "UP";
        // Addresses to begin with matter only until the cluster has told of its own.
        let has_nodes = brokers().any(|broker| is_wanted(&broker));
        let wanted =
            || brokers().filter(|it| is_wanted(it) || (!has_nodes && it.source != "internal"));
        Self {
            queued_messages: said.msg_cnt,
            queued_bytes: said.msg_size,
            sent_messages: positive(said.txmsgs),
            sent_bytes: positive(said.tx_bytes),
            requests: positive(said.tx),
            request_retries: sum(|broker| broker.txretries),
            request_errors: sum(|broker| broker.txerrs),
            request_timeouts: sum(|broker| broker.req_timeouts),
            disconnects: sum(|broker| broker.disconnects.map_or(0, positive)),
            brokers_up: wanted().filter(is_up).count() as u64,
            brokers_down: wanted().filter(|broker| !is_up(broker)).count() as u64,
            // Microseconds.
            round_trip_p99: most(|broker| broker.rtt.as_ref().map_or(0, |it| it.p99)) as f64 / 1e6,
            // Milliseconds.
            throttle_max: most(|broker| broker.throttle.as_ref().map_or(0, |it| it.max)) as f64
                / 1e3,
        }
    }
}

fn positive(count: i64) -> u64 {
    u64::try_from(count).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use rdkafka::statistics::Window;

    use super::*;

    #[test]
    fn brokers_are_added_up_and_internal_ones_are_none() {
        let broker = |id, source: &str, state: &str| Broker {
            nodeid: id,
            source: source.to_owned(),
            state: state.to_owned(),
            txretries: 2,
            disconnects: Some(1),
            rtt: Some(Window { p99: 1500, ..Window::default() }),
            ..Broker::default()
        };
        let brokers = [
            broker(-1, "internal", "INIT"),
            broker(-1, "configured", "DOWN"),
            broker(1, "learned", "UP"),
            broker(2, "learned", "CONNECT"),
        ];
        let brokers = brokers.into_iter().enumerate();
        let brokers = brokers.map(|(place, broker)| (place.to_string(), broker)).collect();
        let said = Statistics { msg_cnt: 7, tx: -1, brokers, ..Statistics::default() };
        let found = KafkaStatistics::of(&said);
        assert_eq!((found.queued_messages, found.requests, found.request_retries), (7, 0, 8));
        assert_eq!((found.brokers_up, found.brokers_down, found.disconnects), (1, 1, 4));
        assert_eq!(found.round_trip_p99, 0.0015);
        let none = Statistics {
            brokers: said.brokers.into_iter().take(0).collect(),
            ..Statistics::default()
        };
        assert_eq!(KafkaStatistics::of(&none), KafkaStatistics::default());
    }
}
