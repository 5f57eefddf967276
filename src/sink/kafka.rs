//! Licenses into a Kafka topic.
//!
//! A record counts as delivered when the broker has acknowledged it on all in-sync replicas, and not
//! before: every delivery report is awaited. The producer is idempotent, so that a retry inside it
//! neither doubles nor reorders records.
//!
//! librdkafka tries a record again until `message.timeout.ms` is over, five minutes unless set
//! otherwise. The first record that is then not delivered ends the run; reports of all others that are
//! under way are awaited all the same, and counted.
//!
//! How far a snapshot is can be kept in a topic too: a [`KafkaStore`]. A producer that
//! [connects](KafkaProducer::connect) for [exactly once](Delivery::ExactlyOnce) puts records and
//! checkpoints into transactions, so that whoever reads what is committed sees each record of a snapshot
//! once, whenever runs are killed. Three things must then be done in this order: connect, which fences the
//! run before and ends its transaction; open the store [through](KafkaStore::through) the producer, which
//! reads the last checkpoint; and [go on](KafkaSink::keeping) from there. `examples/kafka_exactly_once.rs`
//! does. One sink that fails within a batch ends the transactions of all that share the producer.

mod aside;
mod bearer;
mod config;
mod encoding;
mod headers;
mod key;
#[cfg(test)]
mod kills;
mod ledger;
mod letters;
mod names;
mod options;
mod outgoing;
mod parts;
mod prepare;
mod producer;
mod statistics;
mod store;
mod template;
mod topic;
mod topics;
mod transaction;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

pub use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;

use super::{Batch, Pace, Sink};
use crate::checkpoint::{Beginning, Draft, Identity};
use crate::decode::Unexpected;
use crate::error::{Error, ErrorKind, Result};
use crate::pipeline::Durable;
use crate::position::Position;
pub use config::{SECRET_SETTINGS, check_config, max_record_bytes, producer_config};
pub use encoding::Encoding;
pub use headers::HeaderOptions;
use headers::HeaderPlan;
pub use key::Key;
use ledger::{Entry, Ledger, Unsent};
pub(crate) use letters::TopicLetters;
pub use options::KafkaOptions;
use outgoing::{Outgoing, TopicHandle};
use parts::Parts;
pub use prepare::{FieldIs, KafkaDecoder, PreparedBlock};
use prepare::{KeyPlan, Plan, Prepared};
pub use producer::KafkaProducer;
pub use statistics::KafkaStatistics;
pub use store::{KafkaStore, Seen};
pub use template::Template;
pub use topic::{DEFAULT_MAX_TOPICS, Topic};
pub use topics::{KafkaTopics, TopicCreation, TopicFacts};
use transaction::Transactions;
pub use transaction::{Delivery, TransactionOptions};

/// How long brokers may take to let a topic be written to that is met while records are under way.
const TO_BE_READY: Duration = Duration::from_secs(15);

/// For how long nothing lingers once the last record of a body was sent, or once there is no room for the next.
const TO_SEND_THE_LAST: Duration = Duration::from_millis(20);

/// How long no report comes that is waited for before what is under way is taken to linger.
const TO_SEE_IT_LINGER: Duration = Duration::from_millis(10);

/// How long reports are waited for yet where a run is not waited for any longer.
const TO_LEAVE: Duration = Duration::from_millis(500);

/// Where in the body a record began.
const POSITION_HEADER: &str = "truto-position";

/// Produces each license as it came, or [encoded](KafkaOptions::encoding), keyed by account and `id`.
///
/// ```
/// use license_stream::ErrorKind;
/// use license_stream::sink::kafka::{KafkaOptions, KafkaSink, producer_config};
///
/// let mut config = producer_config("localhost:9092");
/// config.set("compression.type", "zstd"); // any setting of librdkafka
/// let mut options = KafkaOptions::new("saas.licenses");
/// options.account = Some("62f44730-dd91-461e-bd6a-aedd9e0ad79d".into());
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
/// The key is `{account}:{id}` unless [`KafkaOptions::key`] says otherwise, so that all versions of a
/// license share a partition and their order. [`KafkaOptions::headers`] has the headers.
#[derive(Debug)]
pub struct KafkaSink {
    options: KafkaOptions,
    plan: Arc<Plan>,
    headers: HeaderPlan,
    /// The topic, if it is the same for all records.
    topic: Option<String>,
    /// Looks at each topic before its first record, where records differ in their topics.
    topics: Option<KafkaTopics>,
    producer: KafkaProducer,
    /// The topics that records were sent to.
    handles: HashMap<String, TopicHandle>,
    ledger: Arc<Ledger>,
    key: String,
    report: KafkaReport,
    /// Where the snapshot's checkpoint is put into the transactions.
    keeping: Option<(KafkaStore, Draft)>,
    parts: Parts,
}

/// What a [`KafkaSink`] wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KafkaReport {
    /// Records that the broker acknowledged.
    pub delivered: u64,
    /// Bytes of their keys and values, before compression.
    pub bytes: u64,
    /// How many records were produced as tombstones, by [`KafkaOptions::tombstone_on`].
    pub tombstones: u64,
    /// What the records said that their format has no field for; nothing where values are as they came.
    pub unexpected: Unexpected,
}

impl KafkaSink {
    /// A sink with a producer of its own, made from `config`; [`producer_config`] is the one to start
    /// from.
    ///
    /// # Errors
    /// Those of [`KafkaOptions::check`] and of [`KafkaProducer::new`].
    pub fn new(config: &ClientConfig, options: KafkaOptions) -> Result<Self> {
        options.check()?;
        let producer = KafkaProducer::new(config, options.in_flight_bytes)?;
        Ok(Self::through(&producer, options))
    }

    /// A sink that shares `producer` with others.
    pub fn through(producer: &KafkaProducer, options: KafkaOptions) -> Self {
        let (account, snapshot) = (options.account.as_ref(), options.snapshot_id.as_ref());
        let headers = HeaderPlan::new(&options.headers, options.encoding, account, snapshot);
        let (plan, topic) = options.plan(producer, &headers);
        Self {
            options,
            plan: Arc::new(plan),
            headers,
            topic,
            topics: None,
            producer: producer.clone(),
            handles: HashMap::new(),
            ledger: Arc::default(),
            key: String::new(),
            report: KafkaReport::default(),
            keeping: None,
            parts: Parts::default(),
        }
    }

    /// The same sink, which puts into each transaction how far the snapshot that begins with `beginning`
    /// is: whatever a kill leaves, records and checkpoint are committed together or not at all. `store`
    /// must be [through](KafkaStore::through) the same producer.
    ///
    /// That a snapshot is complete is for a [`Keeper`](crate::checkpoint::Keeper) with the same store to
    /// say. Without transactions it is that which keeps all.
    #[must_use]
    pub fn keeping(
        mut self,
        store: &KafkaStore,
        identity: Identity,
        beginning: &Beginning,
    ) -> Self {
        self.keeping = Some((store.clone(), Draft::of(identity, beginning)));
        self
    }

    /// The same sink, which has `topics` look at each topic before its first record. It matters where the
    /// topic is a template; a fixed one is better looked at [before](KafkaTopics::ready) anything is read.
    #[must_use]
    pub fn with_topics(mut self, topics: &KafkaTopics) -> Self {
        self.topics = Some(topics.clone());
        self
    }

    /// The topic, if it is the same for all records.
    pub fn topic(&self) -> Option<&str> {
        self.topic.as_deref()
    }

    /// [`KafkaProducer::check`] for the sink's topic, if there is but one.
    ///
    /// # Errors
    /// Those of [`KafkaProducer::check`].
    pub async fn check(&self, timeout: Duration) -> Result<()> {
        match &self.topic {
            Some(topic) => self.producer.check(topic, timeout).await,
            None => Ok(()),
        }
    }

    async fn send_all(&mut self, records: u64, entry: &Arc<Entry>) -> Result<()> {
        let mut unsent = Unsent::of(entry, records);
        for record in entry.kept().iter().flat_map(PreparedBlock::records) {
            let sent = self.send(record, entry).await;
            sent.map_err(|error| self.not_taken(record, error))?;
            unsent.records -= 1;
        }
        Ok(())
    }

    /// The same, as a part of a transaction.
    async fn send_part(
        &mut self,
        transactions: &Transactions,
        batch: Batch<()>,
        entry: &Arc<Entry>,
    ) -> Result<()> {
        let mut part = transactions.enter().await?;
        let bytes = self.report.bytes;
        let mut unsent = Unsent::of(entry, batch.records);
        for record in entry.kept().iter().flat_map(PreparedBlock::records) {
            if let Err(error) = self.send(record, entry).await {
                part.refused(&error);
                return Err(self.not_taken(record, error));
            }
            part.sent();
            unsent.records -= 1;
        }
        let checkpoint =
            self.keeping.as_ref().zip(batch.reached).map(|((store, draft), reached)| {
                store.change(&draft.checkpoint(Durable::under_way(reached)))
            });
        let number = part.end(self.report.bytes - bytes, checkpoint);
        self.parts.push(number, batch.span.end, batch.records);
        Ok(())
    }

    /// Makes sure of the topics that a batch is the first to go to.
    async fn make_ready(&mut self, batch: &Batch<Vec<PreparedBlock>>) -> Result<()> {
        for topic in batch.value.iter().flat_map(PreparedBlock::topics) {
            if self.handles.contains_key(topic) {
                continue;
            }
            self.options.topic.using(topic)?;
            let facts = match &self.topics {
                Some(topics) => topics.ready(topic).await?,
                None => None,
            };
            match facts {
                Some(facts) => {
                    self.options.check_topic(topic, &facts)?;
                    facts.check_batches_of(topic, self.producer.batch_bytes())?;
                }
                None => self.producer.check(topic, TO_BE_READY).await?,
            }
            let handle = self.producer.topic(topic).map_err(|error| {
                let message = format!("topic {topic} cannot be written to");
                Error::new(ErrorKind::Destination, message).caused_by(error)
            })?;
            self.handles.insert(topic.to_owned(), handle);
        }
        Ok(())
    }

    /// The error to end with that began as `error`: where the transaction fails for a reason of its own,
    /// that says more.
    async fn explained(&self, error: Error) -> Error {
        let Some(transactions) = &self.producer.transactions else { return error };
        match transactions.failure().await {
            Some(failure) if failure.is_fatal() => failure.error(),
            _ => error,
        }
    }

    /// Sends `it`, which `entry` keeps.
    async fn send(&mut self, it: Prepared<'_>, entry: &Arc<Entry>) -> Result<(), KafkaError> {
        if let KeyPlan::Default { .. } = self.plan.key {
            self.key.clear();
            if let Some(account) = &self.options.account {
                self.key.push_str(account);
                if !it.record.id.is_empty() {
                    self.key.push(':');
                }
            }
            self.key.push_str(it.record.id);
        }
        let own_key = (!self.key.is_empty()).then_some(self.key.as_str());
        let topic = it.topic.or(self.topic.as_deref()).unwrap_or_default();
        let handle = match self.handles.get(topic) {
            Some(handle) => handle,
            None => {
                let handle = self.producer.topic(topic)?;
                self.handles.entry(topic.to_owned()).or_insert(handle)
            }
        };
        let value = (!it.is_tombstone).then_some(it.value);
        #[expect(unsafe_code, reason = "librdkafka need not copy what the batch keeps")]
        // SAFETY: `it` is of a block of `entry`, which nobody changes.
        let mut message = unsafe { Outgoing::kept(handle, entry, value) };
        message.key = it.key.or(own_key).map(str::as_bytes);
        message.headers = self.headers.of(it.record.raw.position.byte);
        let bytes = message.key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len);
        self.producer.send(message).await?;
        self.report.bytes += bytes as u64;
        self.report.tombstones += u64::from(it.is_tombstone);
        Ok(())
    }

    fn not_taken(&self, it: Prepared<'_>, error: KafkaError) -> Error {
        let topic = it.topic.or(self.topic.as_deref()).unwrap_or_default();
        let message = format!("topic {topic} did not take the record");
        Error::new(ErrorKind::Destination, message).at(it.record.raw.position).caused_by(error)
    }

    /// What `waiting` for reports comes to. Where none come, records linger, such as those that are spread over more
    /// partitions than can fill their batches: they are sent as they are.
    async fn unless_lingering<T>(&self, waiting: impl Future<Output = T>) -> T {
        tokio::pin!(waiting);
        loop {
            let seen = self.producer.reported();
            let done = tokio::time::timeout(TO_SEE_IT_LINGER, waiting.as_mut()).await;
            if let Ok(done) = done {
                return done;
            }
            if self.producer.reported() == seen {
                let link = Arc::clone(self.producer.link());
                let sending = move || producer::flush(&link, TO_SEND_THE_LAST);
                tokio::select! {
                    done = waiting.as_mut() => return done,
                    _ = tokio::task::spawn_blocking(sending) => {}
                }
            }
        }
    }

    /// Waits for the reports of all that was sent, or until it is committed.
    async fn settle(&mut self) -> Result<Position> {
        let Some(transactions) = self.producer.transactions.clone() else {
            if self.ledger.is_waiting() {
                let link = Arc::clone(self.producer.link());
                // Not waited for: others that share the producer may go on sending.
                tokio::task::spawn_blocking(move || producer::flush(&link, TO_SEND_THE_LAST));
            }
            return self.unless_lingering(self.ledger.settled()).await.1;
        };
        let committed = transactions.commit_through(self.parts.last()).await;
        self.parts.advance(transactions.committed());
        committed.map(|()| self.parts.durable)
    }
}

impl Sink for KafkaSink {
    type Decoder = KafkaDecoder;
    type Report = KafkaReport;

    fn decoder(&self) -> KafkaDecoder {
        KafkaDecoder { plan: Arc::clone(&self.plan) }
    }

    fn pace(&self) -> Pace {
        Pace::Eager
    }

    fn is_exactly_once(&self) -> bool {
        self.producer.transactions.is_some()
    }

    async fn write(&mut self, batch: Batch<Vec<PreparedBlock>>) -> Result<()> {
        self.make_ready(&batch).await?;
        for unexpected in batch.value.iter().filter_map(PreparedBlock::unexpected) {
            self.report.unexpected.merge(unexpected);
        }
        let room = &self.producer.room;
        let Batch { value, records, span, reached } = batch;
        let batch = Batch { value: (), records, span, reached };
        let opened = self.unless_lingering(self.ledger.open(records, span, room, value)).await;
        let written = match (opened, self.producer.transactions.clone()) {
            (Err(error), _) => Err(error),
            (Ok(entry), None) => self.send_all(records, &entry).await,
            (Ok(entry), Some(transactions)) => {
                self.parts.advance(transactions.committed());
                self.send_part(&transactions, batch, &entry).await
            }
        };
        match written {
            Ok(()) => Ok(()),
            Err(error) => Err(self.explained(error).await),
        }
    }

    fn durable(&self) -> Position {
        match &self.producer.transactions {
            None => self.ledger.durable(),
            Some(transactions) => self.parts.durable_at(transactions.committed()),
        }
    }

    fn bytes_written(&self) -> u64 {
        self.report.bytes
    }

    async fn flush(&mut self) -> Result<Position> {
        match &self.producer.transactions {
            None => self.settle().await,
            Some(_) => Ok(self.durable()),
        }
    }

    async fn finish(&mut self) -> Result<()> {
        self.settle().await.map(drop)
    }

    /// What is under way cannot be taken back, so its reports are awaited here too. Of a transaction, it is
    /// whole batches, and others' as well.
    async fn abort(&mut self) -> Result<()> {
        // What failed is known by then: it is why this is called.
        let _ = self.settle().await;
        Ok(())
    }

    /// Nothing has to be removed: brokers that answer say what became of the rest in no time, and those that stand
    /// still say nothing however long they are waited for.
    fn time_to_leave(&self) -> Duration {
        TO_LEAVE
    }

    /// What is known to be delivered by now: not all that was waited for must have been.
    fn report(mut self) -> KafkaReport {
        match &self.producer.transactions {
            None => self.report.delivered = self.ledger.delivered(),
            Some(transactions) => {
                self.parts.advance(transactions.committed());
                self.report.delivered = self.parts.delivered;
            }
        }
        self.report
    }
}

/// Bytes that a record takes on the wire at most, as librdkafka reckons.
fn wire_bytes(key: usize, value: usize, headers: usize) -> usize {
    /// Lengths, offset and time.
    const AROUND: usize = 36;
    key + value + headers + AROUND
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
