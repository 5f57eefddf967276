//! The topics of a cluster: looked at before anything is read, and made where that is asked.

mod create;
mod creation;
mod describe;
mod question;
mod watch;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{Producer, ThreadedProducer};

use super::aside::ClosedAside;
use super::{bearer, config, store};
use crate::error::{Error, ErrorKind, Result};
pub(super) use create::create;
pub use creation::TopicCreation;
use describe::Described;
use watch::Watch;

/// How long an answer is waited for before the same is asked again, at first. A broker that has just come back says that there
/// is none at all, and what librdkafka asks for then waits for the one in charge until its time is over.
pub(super) const FIRST_PATIENCE: Duration = Duration::from_secs(3);

/// Before asking again for a topic that is being made.
const PAUSE: Duration = Duration::from_millis(50);

/// What a batch of one record takes beside the record.
const BATCH_BYTES: usize = 61;

/// A connection to brokers that looks at topics, and makes those that are missing if it is
/// [told how](Self::creating).
///
/// It is quick to see what will not pass by waiting: credentials that are refused, a certificate that is
/// not trusted. Nothing is written, and no topic comes to be by looking at it.
///
/// ```no_run
/// use std::time::Duration;
/// use license_stream::sink::kafka::{KafkaTopics, TopicCreation, producer_config};
///
/// # async fn run() -> license_stream::Result<()> {
/// let creation: TopicCreation = "partitions=6,replication=3,config=cleanup.policy=compact".parse()?;
/// let topics = KafkaTopics::new(&producer_config("localhost:9092"), Duration::from_secs(15))?
///     .creating(creation);
/// if let Some(facts) = topics.ready("saas.licenses").await? {
///     println!("{} partitions", facts.partitions);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct KafkaTopics {
    inner: Arc<Inner>,
    creation: Option<TopicCreation>,
}

struct Inner {
    link: Arc<ClosedAside<ThreadedProducer<Watch>>>,
    admin: ClosedAside<AdminClient<DefaultClientContext>>,
    config: ClientConfig,
    timeout: Duration,
    ready: Mutex<HashMap<String, Found>>,
}

/// A topic that is ready to be written to, once it is.
type Found = Arc<tokio::sync::Mutex<Option<TopicFacts>>>;

impl Inner {
    fn brokers(&self) -> &str {
        self.config.get("bootstrap.servers").unwrap_or("no address")
    }

    /// For questions; they may be far apart, so each has a token of its own.
    fn admin(&self) -> Result<&AdminClient<DefaultClientContext>> {
        bearer::give(self.admin.inner(), &self.config)?;
        Ok(&self.admin)
    }
}

impl fmt::Debug for KafkaTopics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaTopics")
            .field("brokers", &self.inner.brokers())
            .finish_non_exhaustive()
    }
}

/// What brokers say of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TopicFacts {
    /// Its id, by which it is told from one of the same name that was deleted; `None` where brokers give none.
    pub id: Option<String>,
    /// How many partitions it has.
    pub partitions: usize,
    /// How many of them have no leader: nothing can be written to those.
    pub without_leader: usize,
    /// How many replicas its first partition has.
    pub replicas: usize,
    /// Whether we may write to it, where brokers say so.
    pub may_write: Option<bool>,
    /// Its `max.message.bytes`, where we may see it: the largest batch.
    pub max_message_bytes: Option<usize>,
    /// Its `cleanup.policy`, where we may see it.
    pub cleanup_policy: Option<String>,
    /// Its `min.insync.replicas`, where we may see it.
    pub min_insync_replicas: Option<usize>,
}

impl TopicFacts {
    /// The largest record that it takes whatever else is in the batch, and however well it compresses.
    pub fn max_record_bytes(&self) -> Option<usize> {
        self.max_message_bytes.map(|bytes| bytes.saturating_sub(BATCH_BYTES))
    }

    /// The most bytes under way that make sense with a producer of this configuration, see
    /// [`KafkaProducer::new`](super::KafkaProducer::new).
    ///
    /// Of a partition, an idempotent producer has five requests under way at most, and four keep it busy. While records beyond
    /// these wait for longer than `linger.ms`, librdkafka's thread looks at them again without any pause,
    /// which takes a core from whoever else has work to do, and moves no record.
    pub fn in_flight_bytes(&self, config: &ClientConfig) -> usize {
        const REQUESTS: usize = 4;
        self.partitions.max(1).saturating_mul(REQUESTS * config::batch_bytes(config))
    }

    /// The largest `batch.size` with which batches for all partitions fill up within `in_flight_bytes`, at most that of
    /// this configuration: beyond it, records would wait for `linger.ms` whatever is behind them.
    pub fn batch_bytes(&self, config: &ClientConfig, in_flight_bytes: usize) -> usize {
        /// One that is sent, one that fills up, and what is kept of records beside their values.
        const SHARES: usize = 3;
        /// Where a topic has very many partitions, what lingers is sent once there is no room for more.
        const LEAST: usize = 16_384;
        let share = in_flight_bytes / (SHARES * self.partitions.max(1));
        config::batch_bytes(config).min(share.max(LEAST))
    }

    /// Lowers `batch.size`, where it is set to more than it takes: brokers would refuse batches with all that is in them.
    pub fn fit_batches(&self, config: &mut ClientConfig) {
        let Some(most) = self.max_message_bytes else { return };
        let batch = config.get("batch.size").and_then(|bytes| bytes.parse().ok());
        if batch.is_some_and(|bytes: usize| bytes > most) {
            config.set("batch.size", most.to_string());
        }
    }

    /// Lets a producer take records as large as it does (`message.max.bytes`), unless its bound was set. Of a producer
    /// for several topics, it is the others that must not take less.
    pub fn fit_records(&self, config: &mut ClientConfig) {
        if let Some(most) = self.max_message_bytes {
            config::take_records_of(config, most);
        }
    }

    /// Refuses batches of a producer of this configuration that are larger than `topic` takes: brokers would refuse them
    /// with all that is in them.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`], with the largest `batch.size` that would do.
    pub fn check_batches(&self, topic: &str, config: &ClientConfig) -> Result<()> {
        self.check_batches_of(topic, config::batch_bytes(config))
    }

    pub(super) fn check_batches_of(&self, topic: &str, bytes: usize) -> Result<()> {
        match self.max_message_bytes {
            Some(most) if most < bytes => {
                let message = format!(
                    "topic {topic} takes batches of {most} bytes at most (max.message.bytes), and those of this run may have \
                     {bytes}: bound them with -X batch.size={most}"
                );
                Err(Error::new(ErrorKind::Configuration, message))
            }
            _ => Ok(()),
        }
    }

    /// Whether it forgets all but the last of each key, and so takes no record without one.
    pub fn is_compacted(&self) -> bool {
        let policy = self.cleanup_policy.as_deref().unwrap_or_default();
        policy.split(',').any(|policy| policy.trim() == "compact")
    }

    /// What keeps it from [keeping checkpoints](super::KafkaStore), if anything does.
    ///
    /// # Errors
    /// Those of [`check`](Self::check); [`ErrorKind::Configuration`] if it is not compacted, has more than one partition,
    /// or takes too little.
    pub fn check_checkpoints(&self, topic: &str) -> Result<()> {
        self.check(topic)?;
        let wrong = if !self.is_compacted() {
            "its cleanup.policy must be compact".to_owned()
        } else if self.partitions != 1 {
            format!("it has {} partitions, and must have one", self.partitions)
        } else {
            return self.max_message_bytes.map_or(Ok(()), |most| store::has_room(topic, most));
        };
        let message = format!("topic {topic} cannot keep checkpoints: {wrong}");
        Err(Error::new(ErrorKind::Configuration, message))
    }

    /// What keeps it from being written to, if anything does.
    ///
    /// # Errors
    /// [`ErrorKind::Forbidden`] if we may not; [`ErrorKind::Destination`] if too few replicas could ever
    /// acknowledge.
    pub fn check(&self, topic: &str) -> Result<()> {
        if self.may_write == Some(false) {
            let message =
                format!("topic {topic} may not be written to: its ACLs lack Write for this user");
            return Err(Error::new(ErrorKind::Forbidden, message));
        }
        if self.min_insync_replicas.is_some_and(|min| min > self.replicas) {
            let message = format!(
                "topic {topic} takes nothing with acks=all: min.insync.replicas is above its {} replicas",
                self.replicas
            );
            return Err(Error::new(ErrorKind::Destination, message));
        }
        Ok(())
    }
}

impl KafkaTopics {
    /// Connects with what `config` says, as a [`KafkaProducer`](super::KafkaProducer) would. Each question
    /// may take `timeout`.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if librdkafka refuses a setting.
    pub fn new(config: &ClientConfig, timeout: Duration) -> Result<Self> {
        let mut config = config.clone();
        // It would fence a run.
        config.remove("transactional.id");
        config.set("allow.auto.create.topics", "false");
        let watch = Watch::new(&config);
        // With all other settings, so that those which contradict each other are refused here already.
        let link = ThreadedProducer::from_config_and_context(&config, watch);
        let link = link.map_err(|error| config::refused(&config, error))?;
        let link = Arc::new(ClosedAside::new(link));
        bearer::give(link.client(), &config)?;
        // It produces nothing: brokers need not know it as a producer.
        for setting in
            ["enable.idempotence", "enable.gapless.guarantee", "acks", "request.required.acks"]
        {
            config.remove(setting);
        }
        let admin = config.create().map_err(|error| config::refused(&config, error))?;
        let admin = ClosedAside::new(admin);
        Ok(Self {
            inner: Arc::new(Inner { link, admin, config, timeout, ready: Mutex::default() }),
            creation: None,
        })
    }

    /// The same, which makes a topic that is missing as `creation` says.
    #[must_use]
    pub fn creating(self, creation: TopicCreation) -> Self {
        Self { creation: Some(creation), ..self }
    }

    /// What brokers say of `topic`; `None` if there is no such topic.
    ///
    /// # Errors
    /// [`ErrorKind::Unauthorized`] if the credentials are refused; [`ErrorKind::Unreachable`] if brokers
    /// cannot be reached, securely where that is asked; [`ErrorKind::Forbidden`] if the topic is not for us
    /// to see.
    pub async fn describe(&self, topic: &str) -> Result<Option<TopicFacts>> {
        let link = Arc::clone(&self.inner.link);
        let (name, timeout) = (topic.to_owned(), self.inner.timeout);
        let asked = tokio::task::spawn_blocking(move || {
            let watch = Arc::clone(link.context());
            let is_vain = || watch.failure().is_some();
            let deadline = Instant::now() + timeout;
            let mut patience = FIRST_PATIENCE;
            loop {
                let left = deadline.saturating_duration_since(Instant::now());
                match describe::describe(link.client(), &name, left.min(patience), is_vain) {
                    // A connection broke: librdkafka does not ask again by itself.
                    Ok(Err(RDKafkaErrorCode::BrokerTransportFailure)) if left > PAUSE => {
                        std::thread::sleep(PAUSE);
                    }
                    Err(KafkaError::AdminOp(RDKafkaErrorCode::OperationTimedOut))
                        if left > patience && !is_vain() =>
                    {
                        patience *= 2;
                    }
                    answered => return answered,
                }
            }
        });
        let answered = asked.await.map_err(|error| {
            Error::new(ErrorKind::Internal, "looking at a topic did not end").caused_by(error)
        })?;
        let described = match answered {
            Ok(described) => described,
            Err(error) => return Err(self.unanswered(error)),
        };
        let described = match described {
            Ok(described) => described,
            Err(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
                return Ok(None);
            }
            Err(RDKafkaErrorCode::TopicAuthorizationFailed) => {
                let message = format!(
                    "topic {topic} may not be looked at: its ACLs lack Describe, and perhaps Write, for this \
                     user"
                );
                return Err(Error::new(ErrorKind::Forbidden, message));
            }
            Err(code) => {
                let message = format!("topic {topic} cannot be looked at");
                return Err(Error::new(ErrorKind::Destination, message)
                    .caused_by(KafkaError::AdminOp(code)));
            }
        };
        Ok(Some(self.with_configuration(topic, described).await))
    }

    async fn with_configuration(&self, topic: &str, described: Described) -> TopicFacts {
        let configuration = self.configuration(ResourceSpecifier::Topic(topic)).await;
        let value = |name: &str| configuration.as_ref()?.get(name)?.value.clone();
        let Described { id, partitions, without_leader, replicas, may_write, .. } = described;
        TopicFacts {
            id,
            partitions,
            without_leader,
            replicas,
            may_write,
            max_message_bytes: value("max.message.bytes").and_then(|bytes| bytes.parse().ok()),
            cleanup_policy: value("cleanup.policy"),
            min_insync_replicas: value("min.insync.replicas").and_then(|count| count.parse().ok()),
        }
    }

    /// `None` if we may not see it.
    async fn configuration(&self, resource: ResourceSpecifier<'_>) -> Option<ConfigResource> {
        let options = AdminOptions::new().request_timeout(Some(self.inner.timeout));
        let answered = self.inner.admin().ok()?.describe_configs(&[resource], &options).await;
        answered.ok()?.pop()?.ok()
    }

    /// Whether brokers make a topic that is missing as soon as it is written to; `None` if they do not say.
    pub async fn come_by_themselves(&self) -> Option<bool> {
        let link = Arc::clone(&self.inner.link);
        let timeout = self.inner.timeout;
        // Any broker knows.
        let broker =
            tokio::task::spawn_blocking(move || describe::any_broker(link.client(), timeout));
        let broker = broker.await.ok()??;
        let configuration = self.configuration(ResourceSpecifier::Broker(broker)).await?;
        let value = configuration.get("auto.create.topics.enable")?.value.clone()?;
        value.parse().ok()
    }

    /// Makes sure that `topic` can be written to, and answers what brokers say of it. `None` if it is not
    /// there, and was not to be made: brokers may make it themselves, which
    /// [`KafkaProducer::check`](super::KafkaProducer::check) finds out.
    ///
    /// Whoever asks while it is being made waits for that, and what was once found is what all later ones are answered.
    ///
    /// # Errors
    /// Those of [`describe`](Self::describe); [`ErrorKind::Forbidden`] or [`ErrorKind::Destination`] if it
    /// can be neither written to nor made.
    pub async fn ready(&self, topic: &str) -> Result<Option<TopicFacts>> {
        let found = {
            let mut ready = self.inner.ready.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(ready.entry(topic.to_owned()).or_default())
        };
        let mut found = found.lock().await;
        if found.is_none() {
            *found = self.make_ready(topic).await?;
        }
        Ok(found.clone())
    }

    async fn make_ready(&self, topic: &str) -> Result<Option<TopicFacts>> {
        let deadline = Instant::now() + self.inner.timeout;
        let mut facts = self.describe(topic).await?;
        if let (None, Some(creation)) = (&facts, &self.creation) {
            self.create(topic, creation, false).await?;
            loop {
                facts = self.describe(topic).await?;
                let is_there = facts.as_ref().is_some_and(|facts| facts.without_leader == 0);
                if is_there || Instant::now() > deadline {
                    break;
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
        if let Some(facts) = &facts {
            facts.check(topic)?;
        }
        Ok(facts)
    }

    /// Whether brokers would make `topic` by `creation`, which none is made by.
    ///
    /// # Errors
    /// Those of [`ready`](Self::ready) where it cannot be made.
    pub async fn could_make(&self, topic: &str, creation: &TopicCreation) -> Result<()> {
        self.create(topic, creation, true).await
    }

    async fn create(&self, topic: &str, creation: &TopicCreation, is_trial: bool) -> Result<()> {
        let link = Arc::clone(&self.inner.link);
        let (name, creation, timeout) = (topic.to_owned(), creation.clone(), self.inner.timeout);
        let made = tokio::task::spawn_blocking(move || {
            create(link.client(), &name, &creation, timeout, is_trial)
        });
        let made = made.await.map_err(|error| {
            Error::new(ErrorKind::Internal, "making a topic did not end").caused_by(error)
        })?;
        let cannot =
            |kind| Error::new(kind, format!("topic {topic} is not there, and cannot be made"));
        match made {
            Err(error) => Err(cannot(ErrorKind::Unreachable).caused_by(error)),
            Ok(Ok(())) => Ok(()),
            Ok(Err(refusal)) => match refusal.code {
                // Another run may have been faster.
                RDKafkaErrorCode::TopicAlreadyExists => Ok(()),
                RDKafkaErrorCode::ClusterAuthorizationFailed
                | RDKafkaErrorCode::TopicAuthorizationFailed => {
                    let cannot = cannot(ErrorKind::Forbidden).caused_by(refusal);
                    Err(cannot.advising("its ACLs lack Create for this user"))
                }
                _ => Err(cannot(ErrorKind::Configuration).caused_by(refusal)),
            },
        }
    }

    fn unanswered(&self, error: KafkaError) -> Error {
        let brokers = self.inner.brokers();
        match self.inner.link.context().failure() {
            Some(failure) => failure.error(brokers),
            None => {
                let message = format!("no Kafka broker answers at {brokers}");
                match self.inner.link.context().last() {
                    Some(reason) => {
                        let advice = watch::advice(&reason);
                        let error = Error::new(ErrorKind::Unreachable, message);
                        error.caused_by(reason).advising(advice)
                    }
                    // A server that expects TLS says nothing to who does not begin with it.
                    None => {
                        let message = format!(
                            "no Kafka broker answers at {brokers}: look at the address, and at security.protocol, which \
                             may be another there"
                        );
                        Error::new(ErrorKind::Unreachable, message).caused_by(error)
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(partitions: usize, max_message_bytes: Option<usize>) -> TopicFacts {
        TopicFacts {
            id: None,
            partitions,
            without_leader: 0,
            replicas: 1,
            may_write: None,
            max_message_bytes,
            cleanup_policy: None,
            min_insync_replicas: None,
        }
    }

    #[test]
    fn a_producer_takes_what_the_topic_and_its_own_queue_do() {
        let fitted = |settings: &[(&str, &str)], most| {
            let mut config = ClientConfig::new();
            for (name, value) in settings {
                config.set(*name, *value);
            }
            facts(1, most).fit_records(&mut config);
            config::max_record_bytes(&config)
        };
        assert_eq!(fitted(&[], None), 1_000_000);
        assert_eq!(fitted(&[], Some(5_000)), 1_000_000);
        assert_eq!(fitted(&[], Some(5_000_000)), 5_000_000);
        assert_eq!(fitted(&[("message.max.bytes", "5000")], Some(5_000_000)), 5_000);
        assert_eq!(fitted(&[("queue.buffering.max.kbytes", "2000")], Some(5_000_000)), 2_048_000);
        assert_eq!(fitted(&[("queue.buffering.max.kbytes", "0")], Some(usize::MAX)), 1_000_000_000);
    }

    #[test]
    fn batches_fill_up_whatever_the_partitions() {
        let config = super::super::producer_config("localhost:9092");
        let batch = |partitions| facts(partitions, None).batch_bytes(&config, 8 << 20);
        assert_eq!([batch(0), batch(1), batch(2)], [1_000_000; 3]);
        assert_eq!([batch(3), batch(24)], [932_067, 116_508]);
        assert_eq!(batch(5_000), 16_384);
    }
}
