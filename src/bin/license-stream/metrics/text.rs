//! What is seen, in Prometheus' text format.

use std::collections::{BTreeMap, HashMap};
use std::time::{SystemTime, UNIX_EPOCH};

use license_stream::RejectReason;
use license_stream::sink::kafka::KafkaStatistics;
use prometheus::proto::MetricFamily;
use prometheus::{Counter, CounterVec, Gauge, GaugeVec, Opts, Registry, TextEncoder};

use super::counts::{Counts, Levels, OUTCOMES};
use super::seen::{ENDS, Runs};
use super::{Board, Seen};
use crate::waits::RETRIED;

const PREFIX: &str = "license_stream";

/// The label that names a job. Not `job`, which Prometheus gives to what it scrapes: it would be renamed.
const JOB: &str = "pipeline_job";

impl Board {
    /// All of it as it is now.
    pub(super) fn text(&self) -> prometheus::Result<String> {
        let mut families = BTreeMap::new();
        for seen in &self.seen {
            add(&mut families, &of_seen(seen)?);
        }
        if let Some(times) = &self.schedule {
            let metrics = Metrics(Registry::new_custom(Some(PREFIX.to_owned()), None)?);
            let help = "When the jobs run next, since the Unix epoch; while they run, when that was due; or 0.";
            metrics.gauge("next_run_timestamp_seconds", help, seconds(times.next()))?;
            let help = "Times of --every that were passed over, as jobs still ran.";
            metrics.count("runs_passed_over_total", help, times.passed_over())?;
            add(&mut families, &metrics);
        }
        let process = Metrics(Registry::new());
        let help = "Start time of the process since the Unix epoch, in seconds.";
        process.gauge("process_start_time_seconds", help, seconds(Some(self.begun)))?;
        add(&mut families, &process);
        let families: Vec<_> = families.into_values().collect();
        TextEncoder::new().encode_to_string(&families)
    }
}

/// Adds series to those of the same name: each name stands once in the text.
fn add(families: &mut BTreeMap<String, MetricFamily>, metrics: &Metrics) {
    for mut family in metrics.0.gather() {
        for metric in family.mut_metric() {
            // Those of the registry come in no order.
            let mut labels = metric.take_label();
            labels.sort_by(|one, other| one.name().cmp(other.name()));
            metric.set_label(labels);
        }
        match families.get_mut(family.name()) {
            Some(there) => there.mut_metric().extend(family.take_metric()),
            None => {
                families.insert(family.name().to_owned(), family);
            }
        }
    }
}

fn of_seen(seen: &Seen) -> prometheus::Result<Metrics> {
    let mut labels = HashMap::from([("sink".to_owned(), seen.sink().to_owned())]);
    labels.extend(seen.job().map(|name| (JOB.to_owned(), name.to_owned())));
    let metrics = Metrics(Registry::new_custom(Some(PREFIX.to_owned()), Some(labels))?);
    let (counts, levels, runs) = seen.look();
    of_data(&metrics, &counts, levels)?;
    of_source(&metrics, &counts)?;
    if let Some(statistics) = &counts.kafka {
        of_kafka(&metrics, statistics)?;
    }
    if seen.job().is_some() {
        of_runs(&metrics, &runs)?;
    }
    Ok(metrics)
}

fn of_data(metrics: &Metrics, it: &Counts, levels: Levels) -> prometheus::Result<()> {
    metrics.count("records_total", "Licenses that the sink took.", it.records)?;
    let reasons = RejectReason::ALL.map(RejectReason::as_str).into_iter().zip(it.rejects);
    let help = "Records that are no licenses, or that the destination does not take.";
    metrics.counts("rejects_total", help, "reason", reasons)?;
    let help = "Bytes of the bodies that were read, decompressed.";
    metrics.count("read_bytes_total", help, it.read_bytes)?;
    let help =
        "Bytes that the sink wrote: of Parquet those of whole files, of Kafka before compression.";
    metrics.count("written_bytes_total", help, it.written_bytes)?;
    let help = "Bytes of the bodies of which everything before is durable.";
    metrics.count("durable_bytes_total", help, it.durable_bytes)?;
    let help = "Records of the bodies of which everything before is durable, rejects included.";
    metrics.count("durable_records_total", help, it.durable_records)?;
    metrics.count("pieces_total", "Files that became whole.", it.pieces)?;
    let help = "Bytes that were read and are not durable yet, of accounts under way.";
    metrics.level("lag_bytes", help, levels.lag_bytes)?;
    let help = "Bytes of the bodies between the reader and the sink.";
    metrics.level("queue_bytes", help, levels.queue_bytes)?;
    metrics.level("accounts_running", "Accounts that are being read.", levels.accounts_running)?;
    let ended = OUTCOMES.into_iter().zip(it.ended);
    metrics.counts("accounts_total", "Accounts that have ended.", "outcome", ended)?;
    let help = "Snapshots that were given up and begun anew, as the API answered differently.";
    metrics.count("snapshots_begun_anew_total", help, it.begun_anew)?;
    let help = "The version of license-stream; always 1.";
    metrics.levels("build_info", help, "version", [(env!("CARGO_PKG_VERSION"), 1)])
}

fn of_source(metrics: &Metrics, it: &Counts) -> prometheus::Result<()> {
    let help = "Requests that were sent to the API, retries included.";
    metrics.count("requests_total", help, it.requests)?;
    let help = "Pages of licenses, or recorded bodies, that began to come.";
    metrics.count("pages_total", help, it.pages)?;
    let kinds = RETRIED.map(license_stream::ErrorKind::as_str);
    let help = "Requests that were made again, by what had failed.";
    let counts = kinds.into_iter().zip(it.retries.map(|(count, _)| count));
    metrics.counts("retries_total", help, "reason", counts)?;
    let help = "Seconds that were waited before retries, counted when a wait begins.";
    let seconds = kinds.into_iter().zip(it.retries.map(|(_, seconds)| seconds));
    metrics.totals("retry_wait_seconds_total", help, "reason", seconds)?;
    let (waits, seconds) = it.rate_limits;
    let help = "Waits for a rate limit, of the client's own or of the API's.";
    metrics.count("rate_limit_waits_total", help, waits)?;
    let help = "Seconds that requests waited for a rate limit, counted when a wait begins.";
    metrics.total("rate_limit_wait_seconds_total", help, seconds)
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
    metrics.levels("kafka_brokers", "Brokers by their connection.", "state", brokers)?;
    let help =
        "The 99th percentile of the time from a request to its answer, of the slowest broker.";
    metrics.gauge("kafka_round_trip_p99_seconds", help, it.round_trip_p99)?;
    let help = "The longest time for which a broker has throttled lately.";
    metrics.gauge("kafka_throttle_seconds", help, it.throttle_max)
}

fn of_runs(metrics: &Metrics, it: &Runs) -> prometheus::Result<()> {
    let help = "Whether the job runs: 1, or 0.";
    metrics.level("job_running", help, it.is_running.into())?;
    let help = "Runs of the job that have ended, by how.";
    metrics.counts("job_runs_total", help, "outcome", ENDS.into_iter().zip(it.ended))?;
    let last = it.last;
    let is_last = |end| u64::from(last.is_some_and(|last| last.outcome == end));
    let help = "How the last run of the job ended: that outcome is 1, the others are 0.";
    metrics.levels("job_last_outcome", help, "outcome", ENDS.map(|end| (end, is_last(end))))?;
    let help = "How long the last run of the job took; 0 before it has ended once.";
    let took = last.map(|last| last.took.as_secs_f64()).unwrap_or_default();
    metrics.gauge("job_last_duration_seconds", help, took)?;
    let help = "When the last run of the job ended, since the Unix epoch; 0 before one did.";
    let ended_at = seconds(last.map(|last| last.ended_at));
    metrics.gauge("job_last_end_timestamp_seconds", help, ended_at)?;
    let help = "When a run of the job last ended as done or rejected, since the Unix epoch; 0 before one did.";
    metrics.gauge("job_last_success_timestamp_seconds", help, seconds(it.succeeded_at))
}

/// Seconds since the Unix epoch; 0 for no time.
fn seconds(time: Option<SystemTime>) -> f64 {
    let since = time.map(|time| time.duration_since(UNIX_EPOCH).unwrap_or_default());
    since.unwrap_or_default().as_secs_f64()
}

/// Takes metrics with the values that they have now.
struct Metrics(Registry);

impl Metrics {
    fn count(&self, name: &str, help: &str, value: u64) -> prometheus::Result<()> {
        self.total(name, help, value as f64)
    }

    fn counts<'a>(
        &self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (&'a str, u64)>,
    ) -> prometheus::Result<()> {
        self.totals(name, help, label, values.into_iter().map(|(of, count)| (of, count as f64)))
    }

    fn total(&self, name: &str, help: &str, value: f64) -> prometheus::Result<()> {
        let counter = Counter::new(name, help)?;
        counter.inc_by(value);
        self.0.register(Box::new(counter))
    }

    fn totals<'a>(
        &self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (&'a str, f64)>,
    ) -> prometheus::Result<()> {
        let counters = CounterVec::new(Opts::new(name, help), &[label])?;
        for (of, value) in values {
            counters.with_label_values(&[of]).inc_by(value);
        }
        self.0.register(Box::new(counters))
    }

    fn level(&self, name: &str, help: &str, value: u64) -> prometheus::Result<()> {
        self.gauge(name, help, value as f64)
    }

    fn levels<'a>(
        &self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (&'a str, u64)>,
    ) -> prometheus::Result<()> {
        let gauges = GaugeVec::new(Opts::new(name, help), &[label])?;
        for (of, value) in values {
            gauges.with_label_values(&[of]).set(value as f64);
        }
        self.0.register(Box::new(gauges))
    }

    fn gauge(&self, name: &str, help: &str, value: f64) -> prometheus::Result<()> {
        let gauge = Gauge::new(name, help)?;
        gauge.set(value);
        self.0.register(Box::new(gauge))
    }
}
