//! A producer that sinks share.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::Statistics;
use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::{ClientConfig, FromClientConfigAndContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::metadata::MetadataTopic;
use rdkafka::producer::{Producer, ProducerContext, ThreadedProducer};
use tokio::sync::Notify;

use super::aside::ClosedAside;
use super::ledger::{Entry, Ledger};
use super::outgoing::{Outgoing, TopicHandle};
use super::statistics::KafkaStatistics;
use super::store::Change;
use super::transaction::{Delivery, Transactions};
use super::{bearer, config};
use crate::error::{Error, ErrorKind, Result};
use crate::room::Room;

/// How long to wait before asking again for a topic that is being created: at first, and at most.
const CREATION_PAUSES: (Duration, Duration) =
    (Duration::from_millis(10), Duration::from_millis(200));

/// How long a queue that has no room though nothing is under way is tried again: between two tries, and how often.
const QUEUE_PAUSE: Duration = Duration::from_millis(1);
const QUEUE_PAUSES: u32 = 1_000;

/// How much longer than it may be open, brokers keep a transaction: its last records may still be on the way.
const LATE: Duration = Duration::from_secs(60);

/// Characters of what librdkafka says of an error.
const MAX_REASON: usize = 300;

/// A connection to Kafka that any number of sinks write through, with one bound on what is in flight.
///
/// A producer has threads, connections and buffers of its own: a run over many accounts takes one for
/// all of them. Clones are the same producer.
///
/// ```
/// use license_stream::sink::kafka::{KafkaOptions, KafkaProducer, KafkaSink, producer_config};
///
/// let producer = KafkaProducer::new(&producer_config("localhost:9092"), 16 << 20)?;
/// let sinks = ["account-1", "account-2"].map(|account| {
///     let mut options = KafkaOptions::new("saas.licenses");
///     options.account = Some(account.into());
///     KafkaSink::through(&producer, options)
/// });
/// # drop(sinks);
/// # Ok::<(), license_stream::Error>(())
/// ```
#[derive(Clone)]
pub struct KafkaProducer {
    producer: Arc<Link>,
    brokers: Arc<str>,
    max_record_bytes: usize,
    batch_bytes: usize,
    pub(super) room: Room,
    /// Where records are delivered exactly once.
    pub(super) transactions: Option<Arc<Transactions>>,
}

/// librdkafka, with a thread that takes its delivery reports. One that has gone silent may take long to close.
pub(super) type Link = ClosedAside<ThreadedProducer<Reports>>;

impl fmt::Debug for KafkaProducer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaProducer").field("brokers", &self.brokers).finish_non_exhaustive()
    }
}

impl KafkaProducer {
    /// A producer with the settings of `config`; [`producer_config`](super::producer_config) is the one
    /// to start from. The bodies' bytes whose records may wait for their delivery reports, over all
    /// sinks, are `in_flight_bytes`, at most 4 GiB; one batch is let through even if it is larger.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if librdkafka refuses a setting. The error names it, and not its
    /// value, which may be a secret.
    pub fn new(config: &ClientConfig, in_flight_bytes: usize) -> Result<Self> {
        config::check_queue(config)?;
        let producer = ThreadedProducer::from_config_and_context(config, Reports::of(config))
            .map_err(|error| config::refused(config, error))?;
        bearer::give(producer.client(), config)?;
        Ok(Self {
            producer: Arc::new(ClosedAside::new(producer)),
            brokers: config.get("bootstrap.servers").unwrap_or("no address").into(),
            max_record_bytes: config::max_record_bytes(config),
            batch_bytes: config::batch_bytes(config),
            room: Room::new(in_flight_bytes),
            transactions: None,
        })
    }

    /// The same for records that are delivered as `delivery` says.
    ///
    /// [`Delivery::ExactlyOnce`] fences producers of the same `transactional.id`, and waits until the
    /// transactions that they left open are ended. Whoever then looks for a checkpoint finds the last one:
    /// see [`KafkaStore::through`](super::KafkaStore::through).
    ///
    /// # Errors
    /// Those of [`new`](Self::new); [`ErrorKind::Unreachable`] if no transaction could be begun in time;
    /// [`ErrorKind::Destination`] if the brokers refuse transactions.
    pub async fn connect(
        config: &ClientConfig,
        in_flight_bytes: usize,
        delivery: Delivery,
    ) -> Result<Self> {
        let Delivery::ExactlyOnce(options) = delivery else {
            return Self::new(config, in_flight_bytes);
        };
        let mut config = config.clone();
        config
            .set("transactional.id", &options.id)
            .set("enable.idempotence", "true")
            .set("acks", "all");
        let set = config.get("transaction.timeout.ms").and_then(|timeout| timeout.parse().ok());
        match set.map(Duration::from_millis) {
            // Brokers would abort what is open for longer, and fence whoever goes on with it.
            Some(timeout) if timeout <= options.max_duration => {
                let message = format!(
                    "transaction.timeout.ms must be longer than a transaction may be open, {} s \
                     (--transaction-seconds)",
                    options.max_duration.as_secs_f64()
                );
                return Err(Error::new(ErrorKind::Configuration, message));
            }
            Some(_) => {}
            None => {
                // librdkafka refuses one in which not every record can be tried as long as it may be.
                let tried = config.get("message.timeout.ms").and_then(|time| time.parse().ok());
                let tried = tried.map(Duration::from_millis).unwrap_or_default();
                let timeout = options.timeout.max(options.max_duration + LATE).max(tried);
                config.set("transaction.timeout.ms", timeout.as_millis().to_string());
            }
        }
        let producer = Self::new(&config, in_flight_bytes)?;
        let transactions = Transactions::begin(producer.clone(), options).await?;
        Ok(Self { transactions: Some(Arc::new(transactions)), ..producer })
    }

    /// The last statistics that librdkafka gave: none before the first, and none at all unless
    /// `statistics.interval.ms` is set in its configuration.
    pub fn statistics(&self) -> Option<KafkaStatistics> {
        *self.producer.context().statistics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn link(&self) -> &Arc<Link> {
        &self.producer
    }

    /// How many reports have come.
    pub(super) fn reported(&self) -> u64 {
        self.producer.context().seen()
    }

    pub(super) fn brokers(&self) -> &str {
        &self.brokers
    }

    /// The largest record that it takes, with all that belongs to it: its `message.max.bytes`.
    pub(super) fn max_record_bytes(&self) -> usize {
        self.max_record_bytes
    }

    /// The largest batch that it makes.
    pub(super) fn batch_bytes(&self) -> usize {
        self.batch_bytes
    }

    /// Makes sure that the brokers answer and that the topic is there, or is being made by them.
    ///
    /// # Errors
    /// [`ErrorKind::Unreachable`] if no broker answers within `timeout`;
    /// [`ErrorKind::Destination`] if the topic cannot be written to.
    pub async fn check(&self, topic: &str, timeout: Duration) -> Result<()> {
        let deadline = Instant::now() + timeout;
        let (mut pause, longest) = CREATION_PAUSES;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let code = match self.topic_error(topic, left).await? {
                None => return Ok(()),
                Some(code) => code,
            };
            // Brokers that create topics by themselves say this until the new one is there.
            let may_come = matches!(
                code,
                RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::LeaderNotAvailable
            );
            if !may_come || left < pause {
                let message = format!("topic {topic} cannot be written to");
                return Err(Error::new(ErrorKind::Destination, message)
                    .caused_by(KafkaError::MetadataFetch(code)));
            }
            tokio::time::sleep(pause).await;
            pause = longest.min(pause * 2);
        }
    }

    async fn topic_error(
        &self,
        topic: &str,
        timeout: Duration,
    ) -> Result<Option<RDKafkaErrorCode>> {
        let (producer, topic) = (Arc::clone(&self.producer), topic.to_owned());
        let asked = tokio::task::spawn_blocking(move || {
            let metadata = producer.client().fetch_metadata(Some(&topic), timeout)?;
            Ok(metadata.topics().first().and_then(MetadataTopic::error))
        });
        let answer: Result<_, KafkaError> = asked.await.map_err(|error| {
            Error::new(ErrorKind::Internal, "the Kafka check did not end").caused_by(error)
        })?;
        let topic_error = answer.map_err(|error| {
            let message = format!("no Kafka broker answers at {}", self.brokers);
            Error::new(ErrorKind::Unreachable, message).caused_by(error)
        })?;
        Ok(topic_error.map(RDKafkaErrorCode::from))
    }

    /// Delivers one message to the only partition of `topic`; `None` is a tombstone.
    pub(super) async fn keep(&self, topic: &str, key: &str, value: Option<&[u8]>) -> Result<()> {
        let ledger = Arc::new(Ledger::default());
        let refused =
            |error| Error::new(ErrorKind::Destination, "the message was refused").caused_by(error);
        let (topic, entry) = (self.topic(topic).map_err(refused)?, ledger.open_one());
        let mut record = Outgoing::copied(&topic, &entry, value);
        record.partition = Some(0);
        record.key = Some(key.as_bytes());
        self.send(record).await.map_err(refused)?;
        ledger.settled().await.1.map(drop)
    }

    /// Puts a checkpoint into the open transaction.
    pub(super) async fn enqueue(&self, change: &Change) -> Result<(), KafkaError> {
        // Nobody asks for its report: a transaction that lost a message cannot be committed.
        let (topic, entry) = (self.topic(&change.topic)?, Arc::new(Ledger::default()).open_one());
        let mut record = Outgoing::copied(&topic, &entry, change.json.as_deref());
        record.partition = Some(0);
        record.key = Some(change.key.as_bytes());
        self.send(record).await
    }

    pub(super) fn topic(&self, name: &str) -> Result<TopicHandle, KafkaError> {
        TopicHandle::new(&self.producer, name)
    }

    /// Hands a record to librdkafka.
    pub(super) async fn send(&self, mut record: Outgoing<'_>) -> Result<(), KafkaError> {
        let reports = self.producer.context();
        let mut pauses = 0;
        loop {
            // Counted before the try, so that a report that comes between it and the wait is not
            // missed.
            let seen = reports.seen();
            match self.try_send(&mut record, seen) {
                Ok(true) => return Ok(()),
                Ok(false) => reports.after(seen).await,
                // What was reported last may still be in the queue.
                Err(error) if is_queue_full(&error) && pauses < QUEUE_PAUSES => {
                    pauses += 1;
                    tokio::time::sleep(QUEUE_PAUSE).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether librdkafka took the record; it does not for now, if its queue is full.
    fn try_send(&self, record: &mut Outgoing<'_>, seen: u64) -> Result<bool, KafkaError> {
        // Held, so that what is under way is known exactly while sinks share the producer.
        let sent = &self.producer.context().sent;
        let mut sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
        match record.enqueue() {
            Ok(()) => {
                *sent += 1;
                Ok(true)
            }
            // The bound on bytes in flight is lower than librdkafka's own queue: this is for those
            // who have set that lower still. Records that are under way will be reported, and make
            // room.
            Err(error) if is_queue_full(&error) && seen < *sent => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Waits until all that was sent is reported, at most for `timeout`, and lets nothing linger meanwhile.
///
/// rdkafka's own `flush` asks for that anew every 100 ms, and takes as long.
pub(super) fn flush(link: &Link, timeout: Duration) {
    let milliseconds = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    #[expect(unsafe_code, reason = "to call a function of librdkafka's")]
    // SAFETY: the pointer is that of a client that `link` keeps alive, and the function may be called from
    // any thread. The reports are taken by the thread of `link`. What it answers is seen by who commits.
    unsafe {
        rdkafka::bindings::rd_kafka_flush(link.client().native_ptr(), milliseconds);
    }
}

/// Waits until a broker answers, at most for `timeout`; about no topic, so that none is made by it.
pub(super) fn connect(link: &Link, timeout: Duration) {
    let milliseconds = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    let mut answer = std::ptr::null();
    #[expect(unsafe_code, reason = "rdkafka's function asks about all topics, or about one")]
    // SAFETY: the client is alive, and no topic means those that it knows. An answer is ours to destroy.
    unsafe {
        let client = link.client().native_ptr();
        rdkafka::bindings::rd_kafka_metadata(
            client,
            0,
            std::ptr::null_mut(),
            &raw mut answer,
            milliseconds,
        );
        if !answer.is_null() {
            rdkafka::bindings::rd_kafka_metadata_destroy(answer);
        }
    }
}

fn is_queue_full(error: &KafkaError) -> bool {
    matches!(error, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull))
}

/// Hands librdkafka's delivery reports to the ledgers, and counts them.
#[derive(Debug, Default)]
pub(super) struct Reports {
    sent: Mutex<u64>,
    seen: AtomicU64,
    came: Notify,
    /// Whether anybody ever waited for `came`: as a rule nobody does, and there are many reports.
    is_waited_for: AtomicBool,
    statistics: Mutex<Option<KafkaStatistics>>,
    /// What is left out of what brokers are said to have done.
    secrets: Vec<String>,
}

impl Reports {
    fn of(config: &ClientConfig) -> Self {
        Self { secrets: config::secrets(config), ..Self::default() }
    }

    fn seen(&self) -> u64 {
        self.seen.load(Ordering::SeqCst)
    }

    /// Waits for a report beyond the first `seen`.
    async fn after(&self, seen: u64) {
        loop {
            let came = self.came.notified();
            // Set before the look, as a report is counted before it looks here: one of the two sees the
            // other.
            self.is_waited_for.store(true, Ordering::SeqCst);
            if self.seen() > seen {
                return;
            }
            came.await;
        }
    }
}

impl ClientContext for Reports {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(
        &self,
        setting: Option<&str>,
    ) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        bearer::refreshed(setting)
    }

    fn stats(&self, statistics: Statistics) {
        let statistics = KafkaStatistics::of(&statistics);
        *self.statistics.lock().unwrap_or_else(PoisonError::into_inner) = Some(statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let reason = config::shown(reason, &self.secrets, MAX_REASON);
        let code = error.rdkafka_error_code().map(|code| code.to_string());
        tracing::warn!(code, reason, "kafka error");
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = Arc<Entry>;

    fn delivery(&self, result: &DeliveryResult<'_>, batch: Arc<Entry>) {
        match result {
            Ok(_) => batch.report(Ok(()), || None),
            Err((error, message)) => {
                let byte = || message.payload().and_then(|value| batch.byte_of(value));
                batch.report(Err(error.clone()), byte);
            }
        }
        self.seen.fetch_add(1, Ordering::SeqCst);
        if self.is_waited_for.load(Ordering::SeqCst) {
            self.came.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::kafka::transaction::TransactionOptions;

    #[tokio::test]
    async fn transactions_that_brokers_would_abort_are_refused_before_anything_is_sent() {
        let mut config = super::super::producer_config("127.0.0.1:9");
        config.set("transaction.timeout.ms", "8000");
        let mut options = TransactionOptions::of_topic("licenses");
        options.max_duration = Duration::from_secs(8);
        let error = KafkaProducer::connect(&config, 1, Delivery::ExactlyOnce(options));
        let error = error.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.message().contains("transaction.timeout.ms must be longer"), "{error}");
    }
}
