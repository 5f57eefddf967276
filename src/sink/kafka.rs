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

mod config;
mod ledger;
mod parts;
mod producer;
mod store;
mod transaction;

use std::sync::Arc;
use std::time::Duration;

pub use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::BaseRecord;

use super::{Batch, CheckDecoder, Pace, Sink};
use crate::checkpoint::{Beginning, Draft, Identity};
use crate::decode::{CheckedBlock, CheckedRecord, Limits};
use crate::error::{Error, ErrorKind, Result};
use crate::pipeline::Durable;
use crate::position::Position;
pub use config::producer_config;
use ledger::{Entry, Ledger, Unsent};
use parts::Parts;
pub use producer::KafkaProducer;
pub use store::KafkaStore;
use transaction::Transactions;
pub use transaction::{Delivery, TransactionOptions};

/// Where in the body a record began.
const POSITION_HEADER: &str = "truto-position";

/// What a [`KafkaSink`] writes, and how.
#[derive(Clone, Debug)]
pub struct KafkaOptions {
    /// The topic.
    pub topic: String,
    /// Integrated account: part of the key, and a header. Keys are the bare `id` without it.
    pub account: Option<Arc<str>>,
    /// Snapshot id: a header.
    pub snapshot_id: Option<Arc<str>>,
    /// Bytes of the body whose records may wait for their delivery reports, where the sink makes its own
    /// producer; see [`KafkaProducer::new`]. 16 MiB by default.
    pub in_flight_bytes: usize,
    /// Limits of a record.
    pub limits: Limits,
    /// Whether any JSON is taken, as `truto_response_format=raw` brings it. Keys are then the account,
    /// or there are none without it.
    pub any_json: bool,
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
            any_json: false,
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
/// The key is `{account}:{id}`, so that all versions of a license share a partition and their
/// order. The headers are `truto-account`, `truto-snapshot` and `truto-position`, the byte of the
/// body at which the record begins.
#[derive(Debug)]
pub struct KafkaSink {
    options: KafkaOptions,
    producer: KafkaProducer,
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
}

impl KafkaSink {
    /// A sink with a producer of its own, made from `config`; [`producer_config`] is the one to start
    /// from.
    ///
    /// # Errors
    /// Those of [`KafkaProducer::new`].
    pub fn new(config: &ClientConfig, options: KafkaOptions) -> Result<Self> {
        let producer = KafkaProducer::new(config, options.in_flight_bytes)?;
        Ok(Self::through(&producer, options))
    }

    /// A sink that shares `producer` with others.
    pub fn through(producer: &KafkaProducer, options: KafkaOptions) -> Self {
        Self {
            options,
            producer: producer.clone(),
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

    /// [`KafkaProducer::check`] for the sink's topic.
    ///
    /// # Errors
    /// Those of [`KafkaProducer::check`].
    pub async fn check(&self, timeout: Duration) -> Result<()> {
        self.producer.check(&self.options.topic, timeout).await
    }

    async fn send_all(
        &mut self,
        batch: &Batch<Vec<CheckedBlock>>,
        entry: &Arc<Entry>,
    ) -> Result<()> {
        let mut unsent = Unsent::of(entry, batch.records);
        for record in batch.value.iter().flat_map(CheckedBlock::records) {
            let sent = self.send(record, entry).await;
            sent.map_err(|error| self.not_taken(record.raw.position, error))?;
            unsent.records -= 1;
        }
        Ok(())
    }

    /// The same, as a part of a transaction.
    async fn send_part(
        &mut self,
        transactions: &Transactions,
        batch: Batch<Vec<CheckedBlock>>,
        entry: &Arc<Entry>,
    ) -> Result<()> {
        let mut part = transactions.enter().await?;
        let bytes = self.report.bytes;
        let mut unsent = Unsent::of(entry, batch.records);
        for record in batch.value.iter().flat_map(CheckedBlock::records) {
            if let Err(error) = self.send(record, entry).await {
                part.refused(&error);
                return Err(self.not_taken(record.raw.position, error));
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

    /// The error to end with that began as `error`: where the transaction fails for a reason of its own,
    /// that says more.
    async fn explained(&self, error: Error) -> Error {
        let Some(transactions) = &self.producer.transactions else { return error };
        match transactions.failure().await {
            Some(failure) if failure.is_fatal() => failure.error(),
            _ => error,
        }
    }

    async fn send(
        &mut self,
        record: CheckedRecord<'_>,
        batch: &Arc<Entry>,
    ) -> Result<(), KafkaError> {
        self.key.clear();
        if let Some(account) = &self.options.account {
            self.key.push_str(account);
            if !record.id.is_empty() {
                self.key.push(':');
            }
        }
        self.key.push_str(record.id);
        let mut position = [0; 20];
        let mut message = BaseRecord::with_opaque_to(&self.options.topic, Arc::clone(batch))
            .payload(record.raw.bytes)
            .headers(self.headers(decimal(record.raw.position.byte, &mut position)));
        if !self.key.is_empty() {
            message = message.key(self.key.as_bytes());
        }
        self.producer.send(message).await?;
        self.report.bytes += (self.key.len() + record.raw.bytes.len()) as u64;
        Ok(())
    }

    fn headers(&self, position: &str) -> OwnedHeaders {
        let mut headers = OwnedHeaders::new_with_capacity(3);
        if let Some(account) = &self.options.account {
            headers = headers.insert(Header { key: "truto-account", value: Some(&**account) });
        }
        if let Some(snapshot) = &self.options.snapshot_id {
            headers = headers.insert(Header { key: "truto-snapshot", value: Some(&**snapshot) });
        }
        headers.insert(Header { key: POSITION_HEADER, value: Some(position) })
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

    /// Waits for the reports of all that was sent, or until it is committed.
    async fn settle(&mut self) -> Result<Position> {
        let Some(transactions) = self.producer.transactions.clone() else {
            return self.ledger.settled().await.1;
        };
        let committed = transactions.commit_through(self.parts.last()).await;
        self.parts.advance(transactions.committed());
        committed.map(|()| self.parts.durable)
    }
}

impl Sink for KafkaSink {
    type Decoder = CheckDecoder;
    type Report = KafkaReport;

    fn decoder(&self) -> CheckDecoder {
        CheckDecoder { limits: self.options.limits, any_json: self.options.any_json }
    }

    fn pace(&self) -> Pace {
        Pace::Eager
    }

    fn is_exactly_once(&self) -> bool {
        self.producer.transactions.is_some()
    }

    async fn write(&mut self, batch: Batch<Vec<CheckedBlock>>) -> Result<()> {
        let room = &self.producer.room;
        let opened = self.ledger.open(batch.records, batch.span, room).await;
        let written = match (opened, self.producer.transactions.clone()) {
            (Err(error), _) => Err(error),
            (Ok(entry), None) => self.send_all(&batch, &entry).await,
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

fn is_too_large(error: &KafkaError) -> bool {
    matches!(error, KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge))
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
