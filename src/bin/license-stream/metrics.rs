//! What others can see of a run: counters for Prometheus, and whether it is alive and ready.
//!
//! Nothing is counted here but accounts: the counters are the library's, looked at when somebody asks. No label
//! names an account, so that the number of series does not depend on how many there are.

mod server;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use license_stream::RejectReason;
use license_stream::pipeline::{Outcome, Progress, SnapshotProgress};
use license_stream::sink::kafka::{KafkaProducer, KafkaStatistics};
use license_stream::truto::TrutoClient;
use prometheus::{Counter, Gauge, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts};
use prometheus::{CounterVec, Registry, TextEncoder};
use tokio_util::sync::CancellationToken;

use crate::waits::Waits;
pub(crate) use server::Server;

/// How often librdkafka makes its statistics where they are looked at, in milliseconds: more often than anybody asks.
pub(crate) const STATISTICS_INTERVAL: &str = "5000";

/// How accounts can end.
const OUTCOMES: [&str; 6] = ["done", "rejected", "failed", "interrupted", "skipped", "not_begun"];

/// What there is to be seen of a run.
#[derive(Debug)]
pub(crate) struct Observed {
    sink: &'static str,
    pub(crate) progress: Arc<Progress>,
    pub(crate) waits: Arc<Waits>,
    /// The accounts that have ended, by [`OUTCOMES`].
    ended: [AtomicU64; OUTCOMES.len()],
    begun_anew: AtomicU64,
    client: OnceLock<TrutoClient>,
    producer: OnceLock<KafkaProducer>,
    begun: SystemTime,
    /// Is cancelled when the run is to stop.
    stop: CancellationToken,
}

impl Observed {
    /// A run into `sink` that begins now.
    pub(crate) fn new(sink: &'static str, stop: CancellationToken) -> Self {
        Self {
            sink,
            progress: Arc::default(),
            waits: Arc::default(),
            ended: Default::default(),
            begun_anew: AtomicU64::default(),
            client: OnceLock::new(),
            producer: OnceLock::new(),
            begun: SystemTime::now(),
            stop,
        }
    }

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

    /// Whether licenses have begun to come, and no signal has asked to stop.
    fn is_ready(&self) -> bool {
        self.progress.bodies() > 0 && !self.stop.is_cancelled()
    }

    /// All of it in Prometheus' text format.
    fn text(&self) -> prometheus::Result<String> {
        let labels = HashMap::from([("sink".to_owned(), self.sink.to_owned())]);
        let metrics =
            Metrics(Registry::new_custom(Some("license_stream".to_owned()), Some(labels))?);
        self.of_data(&metrics)?;
        self.of_source(&metrics)?;
        if let Some(statistics) = self.producer.get().and_then(KafkaProducer::statistics) {
            of_kafka(&metrics, &statistics)?;
        }
        let process = Metrics(Registry::new());
        let begun = self.begun.duration_since(UNIX_EPOCH).unwrap_or_default();
        let help = "Start time of the process since the Unix epoch, in seconds.";
        process.gauge("process_start_time_seconds", help, begun.as_secs_f64())?;
        let mut families = metrics.0.gather();
        families.extend(process.0.gather());
        TextEncoder::new().encode_to_string(&families)
    }

    fn of_data(&self, metrics: &Metrics) -> prometheus::Result<()> {
        let it = &self.progress;
        let running = it.running();
        let sum = |of: fn(&SnapshotProgress) -> u64| running.iter().map(|it| of(it)).sum::<u64>();
        metrics.count("records_total", "Licenses that the sink took.", it.records())?;
        let reasons = RejectReason::ALL.map(|reason| (reason.as_str(), it.rejected_as(reason)));
        let help = "Records that are no licenses, or that the destination does not take.";
        metrics.counts("rejects_total", help, "reason", reasons)?;
        let help = "Bytes of the bodies that were read, decompressed.";
        metrics.count("read_bytes_total", help, it.bytes_read())?;
        let help = "Bytes that the sink wrote: of Parquet those of whole files, of Kafka before compression.";
        metrics.count("written_bytes_total", help, it.bytes_written())?;
        let help = "Bytes of the bodies of which everything before is durable.";
        metrics.count("durable_bytes_total", help, it.durable_bytes())?;
        let help = "Records of the bodies of which everything before is durable, rejects included.";
        metrics.count("durable_records_total", help, it.durable_records())?;
        metrics.count("pieces_total", "Files that became whole.", it.pieces())?;
        let help = "Bytes that were read and are not durable yet, of accounts under way.";
        metrics.level("lag_bytes", help, sum(SnapshotProgress::lag_bytes))?;
        let help = "Bytes of the bodies between the reader and the sink.";
        metrics.level("queue_bytes", help, sum(SnapshotProgress::queued_bytes))?;
        metrics.level("accounts_running", "Accounts that are being read.", running.len() as u64)?;
        let ended = OUTCOMES.iter().zip(&self.ended);
        let ended = ended.map(|(name, count)| (*name, count.load(Ordering::Relaxed)));
        metrics.counts("accounts_total", "Accounts that have ended.", "outcome", ended)?;
        let help = "Snapshots that were given up and begun anew, as the API answered differently.";
        metrics.count(
            "snapshots_begun_anew_total",
            help,
            self.begun_anew.load(Ordering::Relaxed),
        )?;
        let opts = Opts::new("build_info", "The version of license-stream; always 1.");
        let build = IntGaugeVec::new(opts, &["version"])?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        metrics.0.register(Box::new(build))
    }

    fn of_source(&self, metrics: &Metrics) -> prometheus::Result<()> {
        let requests = self.client.get().map(TrutoClient::requests).unwrap_or_default();
        let help = "Requests that were sent to the API, retries included.";
        metrics.count("requests_total", help, requests.made)?;
        let help = "Pages of licenses, or recorded bodies, that began to come.";
        metrics.count("pages_total", help, self.progress.bodies())?;
        let retries: Vec<_> = self.waits.retries().collect();
        let help = "Requests that were made again, by what had failed.";
        let counts = retries.iter().map(|(reason, count, _)| (*reason, *count));
        metrics.counts("retries_total", help, "reason", counts)?;
        let (waits, seconds) = self.waits.rate_limits();
        let help = "Waits for a rate limit, of the client's own or of the API's.";
        metrics.count("rate_limit_waits_total", help, waits)?;
        let help = "Seconds that requests waited for a rate limit, counted when a wait begins.";
        metrics.total("rate_limit_wait_seconds_total", help, seconds)?;
        let opts = Opts::new(
            "retry_wait_seconds_total",
            "Seconds that were waited before retries, counted when a wait begins.",
        );
        let waited = CounterVec::new(opts, &["reason"])?;
        for (reason, _, seconds) in retries {
            waited.with_label_values(&[reason]).inc_by(seconds);
        }
        metrics.0.register(Box::new(waited))
    }
}

fn of_kafka(metrics: &Metrics, it: &KafkaStatistics) -> prometheus::Result<()> {
    let help = "Messages in librdkafka that wait to be sent or acknowledged.";
    metrics.level("kafka_queue_messages", help, it.queued_messages)?;
    metrics.level("kafka_queue_bytes", "Their bytes.", it.queued_bytes)?;
    let help = "Messages that were sent to brokers, those that were sent again included.";
    metrics.count("kafka_sent_messages_total", help, it.sent_messages)?;
    let help = "Bytes that were sent to brokers, compressed.";
    metrics.count("kafka_sent_bytes_total", help, it.sent_bytes)?;
    metrics.count("kafka_requests_total", "Requests that were sent to brokers.", it.requests)?;
    let help = "Requests to brokers that were sent again.";
    metrics.count("kafka_request_retries_total", help, it.request_retries)?;
    let help = "Requests to brokers that could not be sent.";
    metrics.count("kafka_request_errors_total", help, it.request_errors)?;
    let help = "Requests to brokers without an answer in time.";
    metrics.count("kafka_request_timeouts_total", help, it.request_timeouts)?;
    let help = "Connections to brokers that ended.";
    metrics.count("kafka_disconnects_total", help, it.disconnects)?;
    let brokers = [("up", it.brokers_up), ("down", it.brokers_down)];
    let levels =
        IntGaugeVec::new(Opts::new("kafka_brokers", "Brokers by their connection."), &["state"])?;
    for (state, count) in brokers {
        levels.with_label_values(&[state]).set(signed(count));
    }
    metrics.0.register(Box::new(levels))?;
    let help =
        "The 99th percentile of the time from a request to its answer, of the slowest broker.";
    metrics.gauge("kafka_round_trip_p99_seconds", help, it.round_trip_p99)?;
    let help = "The longest time for which a broker has throttled lately.";
    metrics.gauge("kafka_throttle_seconds", help, it.throttle_max)
}

/// Takes metrics with the values that they have now.
struct Metrics(Registry);

impl Metrics {
    fn count(&self, name: &str, help: &str, value: u64) -> prometheus::Result<()> {
        let counter = IntCounter::new(name, help)?;
        counter.inc_by(value);
        self.0.register(Box::new(counter))
    }

    fn counts<'a>(
        &self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (&'a str, u64)>,
    ) -> prometheus::Result<()> {
        let counters = IntCounterVec::new(Opts::new(name, help), &[label])?;
        for (of, value) in values {
            counters.with_label_values(&[of]).inc_by(value);
        }
        self.0.register(Box::new(counters))
    }

    fn total(&self, name: &str, help: &str, value: f64) -> prometheus::Result<()> {
        let counter = Counter::new(name, help)?;
        counter.inc_by(value);
        self.0.register(Box::new(counter))
    }

    fn level(&self, name: &str, help: &str, value: u64) -> prometheus::Result<()> {
        let gauge = IntGauge::new(name, help)?;
        gauge.set(signed(value));
        self.0.register(Box::new(gauge))
    }

    fn gauge(&self, name: &str, help: &str, value: f64) -> prometheus::Result<()> {
        let gauge = Gauge::new(name, help)?;
        gauge.set(value);
        self.0.register(Box::new(gauge))
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
