//! What a sink of a topic writes, and how.

use std::sync::Arc;

use super::encoding::Encoding;
use super::headers::{HeaderOptions, HeaderPlan};
use super::key::Key;
use super::prepare::{FieldIs, KeyPlan, Plan};
use super::producer::KafkaProducer;
use super::template::Known;
use super::topic::Topic;
use super::topics::TopicFacts;
use crate::decode::Limits;
use crate::error::{Error, ErrorKind, Result};

/// What a [`KafkaSink`](super::KafkaSink) writes, and how.
#[derive(Clone, Debug)]
pub struct KafkaOptions {
    /// The topic, or how it is made.
    pub topic: Topic,
    /// How the key is made.
    pub key: Key,
    /// How values are encoded; `None`, the default, leaves the bytes as they came.
    pub encoding: Option<Encoding>,
    /// Which headers there are.
    pub headers: HeaderOptions,
    /// A record of which any of these holds becomes a tombstone: its value is null, so that a compacted
    /// topic forgets its key.
    pub tombstone_on: Vec<FieldIs>,
    /// Integrated account: part of the key. Keys are the bare `id` without it.
    pub account: Option<Arc<str>>,
    /// The account's integration, for templates.
    pub integration: Option<Arc<str>>,
    /// Snapshot id: a header.
    pub snapshot_id: Option<Arc<str>>,
    /// Bytes of the body whose records may wait for their delivery reports, where the sink makes its own
    /// producer; see [`KafkaProducer::new`]. 8 MiB by default.
    pub in_flight_bytes: usize,
    /// The largest record that the topic takes, if that is known: see
    /// [`TopicFacts::max_record_bytes`](super::TopicFacts::max_record_bytes). A larger one is a
    /// [reject](crate::RejectReason::TooLarge), as one above the producer's `message.max.bytes` is in any
    /// case.
    pub max_record_bytes: Option<usize>,
    /// Limits of a record.
    pub limits: Limits,
    /// Whether any JSON is taken, as `truto_response_format=raw` brings it. Keys are then the account,
    /// or there are none without it.
    pub any_json: bool,
}

impl KafkaOptions {
    /// Options for the topic of that name, and defaults for everything else.
    pub fn new(topic: impl Into<String>) -> Self {
        Self {
            topic: Topic::named(topic),
            key: Key::default(),
            encoding: None,
            headers: HeaderOptions::default(),
            tombstone_on: Vec::new(),
            account: None,
            integration: None,
            snapshot_id: None,
            in_flight_bytes: 8 << 20,
            max_record_bytes: None,
            limits: Limits::default(),
            any_json: false,
        }
    }

    /// Refuses what contradicts itself, which would make rejects of all records.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if a template names what is not known of the snapshot, tombstones are
    /// to have no key, or what is no license is to be encoded as one.
    pub fn check(&self) -> Result<()> {
        let known = self.known();
        self.key.check(known)?;
        self.topic.check(known)?;
        if self.key == Key::None && !self.tombstone_on.is_empty() {
            let message = "a tombstone is for a key: records without keys can have none";
            return Err(Error::new(ErrorKind::Configuration, message));
        }
        if self.any_json && self.encoding.is_some() {
            let message = "what may be any JSON has no fields to encode: leave it as it comes";
            return Err(Error::new(ErrorKind::Configuration, message));
        }
        Ok(())
    }

    /// Refuses a topic that takes no records like these.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if it is compacted, and records have no keys.
    pub fn check_topic(&self, topic: &str, facts: &TopicFacts) -> Result<()> {
        if self.key != Key::None || !facts.is_compacted() {
            return Ok(());
        }
        let policy = facts.cleanup_policy.as_deref().unwrap_or_default();
        let message = format!(
            "topic {topic} is compacted (cleanup.policy={policy}) and takes no record without a key: leave \
             --key none away"
        );
        Err(Error::new(ErrorKind::Configuration, message))
    }

    /// The topic, where it is the same for all records of this account.
    pub fn constant_topic(&self) -> Option<String> {
        self.topic.bind(self.known()).constant().map(str::to_owned)
    }

    /// The topic of all records of this account, where that follows from a template.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if it would be no name of a topic; [`ErrorKind::Destination`] if it
    /// would be [one too many](Topic::with_max_topics).
    pub fn account_topic(&self) -> Result<Option<String>> {
        let bound = self.topic.bind(self.known());
        let Some(topic) = bound.constant().filter(|_| self.topic.fixed().is_none()) else {
            return Ok(None);
        };
        self.topic.using(topic)?;
        Ok(Some(topic.to_owned()))
    }

    fn known(&self) -> Known<'_> {
        Known {
            account: self.account.as_deref(),
            integration: self.integration.as_deref(),
            snapshot: self.snapshot_id.as_deref(),
        }
    }

    /// How records are prepared; the topic, if it is the same for all of them.
    pub(super) fn plan(
        &self,
        producer: &KafkaProducer,
        headers: &HeaderPlan,
    ) -> (Plan, Option<String>) {
        let known = self.known();
        let account_len = self.account.as_ref().map_or(0, |account| account.len());
        let key = match &self.key {
            Key::Default => KeyPlan::Default { account_len },
            Key::None => KeyPlan::None,
            Key::Template(template) => KeyPlan::Template(template.bind(known)),
        };
        let topic = self.topic.bind(known);
        let constant = topic.constant().map(str::to_owned);
        let of_topic = self.max_record_bytes.unwrap_or(usize::MAX);
        let of_producer = producer.max_record_bytes();
        let plan = Plan {
            limits: self.limits,
            any_json: self.any_json,
            encode: self.encoding.map(|encoding| encoding.options(self)),
            key,
            topic: constant.is_none().then_some(topic),
            tombstones: self.tombstone_on.clone(),
            header_bytes: headers.most_bytes(),
            max_bytes: of_topic.min(of_producer),
            is_bound_by_topic: of_topic <= of_producer,
        };
        (plan, constant)
    }
}
