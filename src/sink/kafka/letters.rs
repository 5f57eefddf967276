//! Dead letters in a topic.

use std::sync::Arc;

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};

use super::ledger::{Entry, Ledger, Unsent};
use super::outgoing::Outgoing;
use super::{KafkaProducer, POSITION_HEADER, decimal, wire_bytes};
use crate::error::{Error, ErrorKind, Result};
use crate::position::{Position, Span};
use crate::reject::{Reject, RejectReason};

/// Bytes of letters that may wait for their delivery reports, over all accounts.
const IN_FLIGHT_BYTES: usize = 4 << 20;

/// The rejects of one account on their way into a topic.
///
/// They have a producer of their own: a record that is not taken into a transaction, or that is aborted
/// with one, must not take its letter with it.
#[derive(Debug)]
pub(crate) struct TopicLetters {
    topic: Arc<str>,
    producer: KafkaProducer,
    max_bytes: usize,
    ledger: Arc<Ledger>,
}

impl TopicLetters {
    /// `max_bytes` is what the topic takes of a record, if that is known.
    pub(crate) fn new(
        config: &ClientConfig,
        topic: &str,
        max_bytes: Option<usize>,
    ) -> Result<Self> {
        let mut config = config.clone();
        config.remove("transactional.id");
        // Letters are few, and all that is delivered waits for them.
        config.set("linger.ms", "5");
        if let Some(max_bytes) = max_bytes {
            // librdkafka takes no lower bound than this.
            config.set("message.max.bytes", max_bytes.max(1_000).to_string());
        }
        let producer = KafkaProducer::new(&config, IN_FLIGHT_BYTES)?;
        let max_bytes = max_bytes.unwrap_or(usize::MAX).min(producer.max_record_bytes());
        Ok(Self { topic: topic.into(), producer, max_bytes, ledger: Arc::default() })
    }

    /// The same topic for the rejects of another account.
    pub(crate) fn another(&self) -> Self {
        let Self { topic, producer, max_bytes, ledger: _ } = self;
        let (topic, producer) = (Arc::clone(topic), producer.clone());
        Self { topic, producer, max_bytes: *max_bytes, ledger: Arc::default() }
    }

    pub(crate) async fn write(&self, account: Option<&str>, rejects: &[Reject]) -> Result<()> {
        let bytes =
            rejects.iter().filter_map(|reject| reject.bytes.as_ref()).map(|it| it.len() as u64);
        let span =
            Span { start: Position::START, end: Position { byte: bytes.sum(), ..Position::START } };
        let count = rejects.len() as u64;
        let entry = self.ledger.open(count, span, &self.producer.room, Vec::new()).await;
        let entry = entry.map_err(|error| self.failed(error))?;
        let mut unsent = Unsent::of(&entry, count);
        for reject in rejects {
            let sent = self.send(account, reject, &entry).await;
            sent.map_err(|error| self.failed(error))?;
            unsent.records -= 1;
        }
        Ok(())
    }

    pub(crate) async fn flush(&self) -> Result<()> {
        self.ledger.settled().await.1.map(drop).map_err(|error| self.failed(error))
    }

    async fn send(
        &self,
        account: Option<&str>,
        reject: &Reject,
        entry: &Arc<Entry>,
    ) -> Result<(), KafkaError> {
        let (headers, header_bytes) = headers(account, reject);
        let key = account.unwrap_or_default();
        let fits = |bytes: usize| wire_bytes(key.len(), bytes, header_bytes) <= self.max_bytes;
        let bytes = reject.bytes.as_deref();
        // What no topic takes is told of all the same; cut short it would be another record.
        let value = bytes.filter(|bytes| fits(bytes.len()));
        let topic = self.producer.topic(&self.topic)?;
        let mut record = Outgoing::copied(&topic, entry, value);
        record.key = account.map(str::as_bytes);
        record.headers = Some(headers);
        self.producer.send(record).await
    }

    fn failed(&self, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        let message = format!("dead letters could not be written to topic {}", self.topic);
        Error::new(ErrorKind::Destination, message).caused_by(error)
    }
}

/// What a letter says beside the record's bytes, and how many bytes that takes at most.
fn headers(account: Option<&str>, reject: &Reject) -> (OwnedHeaders, usize) {
    let Reject { position, reason, message, bytes } = reject;
    let mut digits = [[0; 20]; 4];
    let [byte, line, record, length] = &mut digits;
    let length = bytes.as_ref().map(|bytes| decimal(bytes.len() as u64, length));
    // A record that is a license, and only not for this destination, is told apart at a glance.
    let class = match reason {
        RejectReason::TooLarge | RejectReason::Unroutable => "destination",
        _ => "record",
    };
    let all = [
        ("truto-account", account),
        ("truto-error-class", Some(class)),
        ("truto-reason", Some(reason.as_str())),
        ("truto-message", Some(message)),
        (POSITION_HEADER, Some(decimal(position.byte, byte))),
        ("truto-line", Some(decimal(position.line, line))),
        ("truto-record", Some(decimal(position.record, record))),
        ("truto-length", length),
    ];
    let mut headers = OwnedHeaders::new_with_capacity(all.len());
    let mut size = 0;
    for (key, value) in all.into_iter().filter_map(|(key, value)| Some((key, value?))) {
        headers = headers.insert(Header { key, value: Some(value) });
        size += super::headers::size(key.len(), value.len());
    }
    (headers, size)
}
