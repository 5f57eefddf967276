//! Licenses into a Kafka topic.
//!
//! A record counts as delivered when the broker has acknowledged it on all in-sync replicas, and not
//! before: every delivery report is awaited. The producer is idempotent, so that a retry inside it
//! neither doubles nor reorders records.
//!
//! librdkafka tries a record again until `message.timeout.ms` is over, five minutes unless set
//! otherwise. The first record that is then not delivered ends the run; reports of all others that are
//! under way are awaited all the same, and counted.

mod config;
mod ledger;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use rdkafka::ClientConfig;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::metadata::MetadataTopic;
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};

use super::{Batch, CheckDecoder, Pace, Sink};
use crate::decode::{CheckedBlock, CheckedRecord, Limits};
use crate::error::{Error, ErrorKind, Result};
use crate::position::Position;
pub use config::producer_config;
use ledger::{Ledger, Reports};

/// How long to wait before asking again for a topic that is being created.
const CREATION_PAUSE: Duration = Duration::from_millis(200);

/// What a [`KafkaSink`] writes, and how.
#[derive(Clone, Debug)]
pub struct KafkaOptions {
    /// The topic.
    pub topic: String,
    /// Integrated account: part of the key, and a header. Keys are the bare `id` without it.
    pub account: Option<String>,
    /// Snapshot id: a header.
    pub snapshot_id: Option<String>,
    /// Bytes of the body whose records may wait for their delivery reports. 16 MiB by default. One batch
    /// is let through even if it is larger.
    pub in_flight_bytes: usize,
    /// Limits of a record.
    pub limits: Limits,
}

impl KafkaOptions {
    /// Options for `topic`, and defaults for everything else.
    pub fn new(topic: impl Into<String>) -> Self {
        Self {
            topic: topic.into(),
            account: None,
            snapshot_id: None,
            in_flight_bytes: 16 << 20,
            limits: Limits::default(),
        }
    }
}

/// Produces each license as it came, keyed by account and `id`.
///
/// ```
/// use license_stream::ErrorKind;
/// use license_stream::sink::kafka::{KafkaOptions, KafkaSink, producer_config};
///
/// let mut config = producer_config("localhost:9092");
/// config.set("compression.type", "zstd"); // any setting of librdkafka
/// let mut options = KafkaOptions::new("saas.licenses");
/// options.account = Some("62f44730-dd91-461e-bd6a-aedd9e0ad79d".to_owned());
/// let sink = KafkaSink::new(&config, options.clone())?;
///
/// config.set("sasl.pasword", "s3cret"); // misspelt, and not shown
/// let error = KafkaSink::new(&config, options).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Configuration);
/// assert!(error.to_string().contains("`sasl.pasword`"));
/// assert!(!format!("{error:?}").contains("s3cret"));
/// # Ok::<(), license_stream::Error>(())
/// ```
///
/// The key is `{account}:{id}`, so that all versions of a license share a partition and their
/// order. The headers are `truto-account`, `truto-snapshot` and `truto-position`, the byte of the
/// body at which the record begins.
pub struct KafkaSink {
    options: KafkaOptions,
    brokers: String,
    producer: Arc<ThreadedProducer<Reports>>,
    ledger: Arc<Ledger>,
    key: String,
    /// Records that librdkafka took.
    sent: u64,
    report: KafkaReport,
}

impl fmt::Debug for KafkaSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaSink").field("options", &self.options).finish_non_exhaustive()
    }
}

/// What a [`KafkaSink`] wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KafkaReport {
    /// Records that the broker acknowledged.
    pub delivered: u64,
    /// Bytes of their keys and values, before compression.
    pub bytes: u64,
}

impl KafkaSink {
    /// A sink with a producer made from `config`; [`producer_config`] is the one to start from.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if librdkafka refuses a setting. The error names it, and not its
    /// value, which may be a secret.
    pub fn new(config: &ClientConfig, options: KafkaOptions) -> Result<Self> {
        let ledger = Arc::new(Ledger::new(options.in_flight_bytes));
        let producer =
            ThreadedProducer::from_config_and_context(config, Reports::new(Arc::clone(&ledger)))
                .map_err(config::refused)?;
        Ok(Self {
            options,
            brokers: config.get("bootstrap.servers").unwrap_or("no address").to_owned(),
            producer: Arc::new(producer),
            ledger,
            key: String::new(),
            sent: 0,
            report: KafkaReport::default(),
        })
    }

    /// Makes sure that the brokers answer and that the topic is there, or is being made by them.
    ///
    /// # Errors
    /// [`ErrorKind::Unreachable`] if no broker answers within `timeout`;
    /// [`ErrorKind::Destination`] if the topic cannot be written to.
    pub async fn check(&self, timeout: Duration) -> Result<()> {
        let deadline = Instant::now() + timeout;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let code = match self.topic_error(left).await? {
                None => return Ok(()),
                Some(code) => code,
            };
            // Brokers that create topics by themselves say this until the new one is there.
            let may_come = matches!(
                code,
                RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::LeaderNotAvailable
            );
            if !may_come || left < CREATION_PAUSE {
                let message = format!("topic {} cannot be written to", self.options.topic);
                return Err(Error::new(ErrorKind::Destination, message)
                    .caused_by(KafkaError::MetadataFetch(code)));
            }
            tokio::time::sleep(CREATION_PAUSE).await;
        }
    }

    async fn topic_error(&self, timeout: Duration) -> Result<Option<RDKafkaErrorCode>> {
        let (producer, topic) = (Arc::clone(&self.producer), self.options.topic.clone());
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

    /// Hands a record to librdkafka, which copies it.
    async fn send(&mut self, record: CheckedRecord<'_>) -> Result<()> {
        self.key.clear();
        if let Some(account) = &self.options.account {
            self.key.push_str(account);
            self.key.push(':');
        }
        self.key.push_str(record.id);
        let byte = record.raw.position.byte;
        let mut position = [0; 20];
        let mut message = BaseRecord::with_opaque_to(&self.options.topic, byte as usize)
            .key(self.key.as_bytes())
            .payload(record.raw.bytes)
            .headers(self.headers(decimal(byte, &mut position)));
        let mut seen = None;
        loop {
            match self.producer.send(message) {
                Ok(()) => {
                    self.sent += 1;
                    self.report.bytes += (self.key.len() + record.raw.bytes.len()) as u64;
                    return Ok(());
                }
                // The bound on bytes in flight is lower than librdkafka's own queue: this is for
                // those who have set that lower still. Records that are under way will be reported,
                // and make room. The reports are counted before the next try, so that none is
                // missed between a try and the wait.
                Err((error, refused)) if is_queue_full(&error) => {
                    if let Some(seen) = seen {
                        if seen == self.sent {
                            return Err(self.not_taken(record.raw.position, error));
                        }
                        self.ledger.report_after(seen).await;
                    }
                    seen = Some(self.ledger.reports());
                    message = refused;
                }
                Err((error, _)) => return Err(self.not_taken(record.raw.position, error)),
            }
        }
    }

    fn headers(&self, position: &str) -> OwnedHeaders {
        let mut headers = OwnedHeaders::new_with_capacity(3);
        if let Some(account) = &self.options.account {
            headers = headers.insert(Header { key: "truto-account", value: Some(account) });
        }
        if let Some(snapshot) = &self.options.snapshot_id {
            headers = headers.insert(Header { key: "truto-snapshot", value: Some(snapshot) });
        }
        headers.insert(Header { key: "truto-position", value: Some(position) })
    }

    fn not_taken(&self, position: Position, error: KafkaError) -> Error {
        let topic = &self.options.topic;
        let message = if is_too_large(&error) {
            format!("topic {topic} did not take the record, which is above message.max.bytes,")
        } else {
            format!("topic {topic} did not take the record")
        };
        Error::new(ErrorKind::Destination, message).at(position).caused_by(error)
    }

    /// Waits for the reports of all that was sent, and counts what was delivered.
    async fn settle(&mut self) -> Result<Position> {
        let (delivered, settled) = self.ledger.settled(self.sent).await;
        self.report.delivered = delivered;
        settled
    }
}

impl Sink for KafkaSink {
    type Decoder = CheckDecoder;
    type Report = KafkaReport;

    fn decoder(&self) -> CheckDecoder {
        CheckDecoder { limits: self.options.limits }
    }

    fn pace(&self) -> Pace {
        Pace::Eager
    }

    async fn write(&mut self, batch: Batch<Vec<CheckedBlock>>) -> Result<()> {
        self.ledger.open(batch.records, batch.span).await?;
        for record in batch.value.iter().flat_map(CheckedBlock::records) {
            self.send(record).await?;
        }
        Ok(())
    }

    fn durable(&self) -> Position {
        self.ledger.durable()
    }

    async fn flush(&mut self) -> Result<Position> {
        self.settle().await
    }

    async fn finish(&mut self) -> Result<()> {
        self.settle().await.map(drop)
    }

    /// What is under way cannot be taken back, so its reports are awaited here too.
    async fn abort(&mut self) -> Result<()> {
        // What failed is known by then: it is why this is called.
        let _ = self.settle().await;
        Ok(())
    }

    fn report(self) -> KafkaReport {
        self.report
    }
}

fn is_too_large(error: &KafkaError) -> bool {
    matches!(error, KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge))
}

fn is_queue_full(error: &KafkaError) -> bool {
    matches!(error, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull))
}

/// `value` in decimal, without an allocation.
fn decimal(mut value: u64, digits: &mut [u8; 20]) -> &str {
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    std::str::from_utf8(&digits[at..]).unwrap_or_default()
}
