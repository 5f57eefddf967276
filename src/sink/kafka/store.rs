//! Checkpoints in a topic, beside the data.

mod claim;
mod topic;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rdkafka::ClientConfig;
use tokio::sync::OnceCell;

use super::KafkaProducer;
use super::transaction::Transactions;
use crate::checkpoint::{Checkpoint, CheckpointStore, Listed};
use crate::error::{Error, ErrorKind, Result};
use claim::Claim;
pub(super) use topic::has_room;

/// Keeps checkpoints in a compacted topic of one partition, keyed by what they are found by.
///
/// The topic is read once, to its end, when the store is opened; from then on the store knows what
/// there is, since it is the one that writes. So a run over many accounts reads it no oftener than a run
/// over one. What is kept is acknowledged by all in-sync replicas once [`save`](CheckpointStore::save)
/// answers.
///
/// By convention the topic is `TOPIC.checkpoints`, beside the topic of the data. It is made if there is
/// none, with the broker's default replication; that takes the right to create topics, and to describe
/// their configuration.
///
/// ```no_run
/// use std::time::Duration;
/// use license_stream::checkpoint::{Beginning, CheckpointStore, Identity, Keeper};
/// use license_stream::sink::kafka::{KafkaStore, producer_config};
///
/// # async fn run() -> license_stream::Result<()> {
/// let config = producer_config("localhost:9092");
/// let store = KafkaStore::open(&config, "saas.licenses.checkpoints", Duration::from_secs(30)).await?;
/// let identity = Identity::new("62f44730-dd91-461e-bd6a-aedd9e0ad79d");
/// let beginning = Beginning::of(store.load(identity.key()).await?, &identity)?;
/// let keeper = Keeper::new(store.clone(), identity, &beginning);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct KafkaStore {
    inner: Arc<Inner>,
}

struct Inner {
    topic: Arc<str>,
    kept: Arc<Kept>,
    way: Way,
}

/// How checkpoints get into the topic.
enum Way {
    /// Each by itself.
    Own {
        /// For the producer, which only those need who keep something.
        config: ClientConfig,
        producer: OnceCell<KafkaProducer>,
    },
    /// Each in a transaction of its own, of which only the last run that claimed the topic has any.
    Claim(Claim),
    /// In the transactions of the records.
    Transactions(Arc<Transactions>),
}

impl fmt::Debug for KafkaStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaStore").field("topic", &self.inner.topic).finish_non_exhaustive()
    }
}

impl KafkaStore {
    /// The store in `topic`, which is made if it is not there. `config` says where the brokers are and
    /// how they are spoken to, as for a [`KafkaProducer`].
    ///
    /// # Errors
    /// [`ErrorKind::Unreachable`] if no broker answers within `timeout`, or not all could be read by then;
    /// [`ErrorKind::Configuration`] if the topic is not compacted, has more than one partition, or takes less than 16 KiB;
    /// [`ErrorKind::Destination`] if it can be neither found nor made.
    pub async fn open(config: &ClientConfig, topic: &str, timeout: Duration) -> Result<Self> {
        let config = of_its_own(config);
        let kept = topic::read(&config, topic, timeout).await?;
        Ok(Self::by_itself(config, topic, kept))
    }

    /// The same for who only looks at checkpoints, or forgets them: `None` where there is no such topic, and
    /// none is made. A transaction that has not ended is waited for as long as one of a run under way takes, and
    /// not as long as one that a killed run has left.
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    pub async fn find(
        config: &ClientConfig,
        topic: &str,
        timeout: Duration,
    ) -> Result<Option<Seen>> {
        let config = of_its_own(config);
        let seen = topic::look(&config, topic, timeout).await?;
        Ok(seen.map(|seen| Seen {
            store: Self::by_itself(config, topic, seen.content),
            remark: seen.is_withheld.then(|| topic::withheld(topic)),
        }))
    }

    fn by_itself(config: ClientConfig, topic: &str, kept: BTreeMap<String, Arc<[u8]>>) -> Self {
        Self::by(Way::Own { config, producer: OnceCell::new() }, topic, kept)
    }

    fn by(way: Way, topic: &str, kept: BTreeMap<String, Arc<[u8]>>) -> Self {
        let kept = Arc::new(Kept(Mutex::new(kept)));
        Self { inner: Arc::new(Inner { topic: topic.into(), kept, way }) }
    }

    /// The same, claimed for a run with the transactional id `id`: it fences whoever claimed it before under
    /// the same id, so that of two runs at once the first ends with an error when it next keeps something.
    /// Each checkpoint is a transaction of its own, and is tried as long as a record is: see librdkafka's
    /// `message.timeout.ms`.
    ///
    /// # Errors
    /// Those of [`open`](Self::open), and of [`KafkaProducer::connect`].
    pub async fn claim(
        config: &ClientConfig,
        topic: &str,
        id: &str,
        timeout: Duration,
    ) -> Result<Self> {
        let claim = Claim::take(config, topic, id, timeout).await?;
        let mut config = config.clone();
        config.remove("transactional.id");
        let kept = topic::read(&config, topic, timeout).await?;
        Ok(Self::by(Way::Claim(claim), topic, kept))
    }

    /// The same, for the records that go through `producer`. Where they do so in transactions, checkpoints
    /// are in these: a sink that [keeps](super::KafkaSink::keeping) here puts one beside its records, and
    /// what a [`Keeper`](crate::checkpoint::Keeper) has to say of the same place is there already.
    ///
    /// A transactional producer has ended what earlier ones left open by the time that it exists. So the
    /// checkpoint that is found belongs to the last records that a consumer sees.
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    pub async fn through(
        producer: &KafkaProducer,
        config: &ClientConfig,
        topic: &str,
        timeout: Duration,
    ) -> Result<Self> {
        let Some(transactions) = &producer.transactions else {
            return Self::open(config, topic, timeout).await;
        };
        let mut config = config.clone();
        config.remove("transactional.id");
        let kept = topic::read(&config, topic, timeout).await?;
        Ok(Self::within(transactions, topic, kept))
    }

    /// The store in `topic`, which has `kept` in it, and takes more by `transactions`.
    pub(super) fn within(
        transactions: &Arc<Transactions>,
        topic: &str,
        kept: BTreeMap<String, Arc<[u8]>>,
    ) -> Self {
        Self::by(Way::Transactions(Arc::clone(transactions)), topic, kept)
    }

    /// The checkpoint as it is put into a transaction.
    pub(super) fn change(&self, checkpoint: &Checkpoint) -> Change {
        self.change_of(&checkpoint.key, Some(checkpoint.to_json().into()))
    }

    fn change_of(&self, key: &str, json: Option<Arc<[u8]>>) -> Change {
        let Inner { topic, kept, .. } = &*self.inner;
        Change { topic: Arc::clone(topic), key: key.to_owned(), json, kept: Arc::clone(kept) }
    }

    /// Whether what is kept says as much as `checkpoint`: then it was in a transaction.
    fn has(&self, checkpoint: &Checkpoint) -> bool {
        let kept = self.inner.kept.get(&checkpoint.key);
        let kept = kept.and_then(|json| Checkpoint::from_json(&json).ok());
        kept.is_some_and(|kept| {
            kept.snapshot_id == checkpoint.snapshot_id
                && kept.place.position >= checkpoint.place.position
                && kept.is_complete >= checkpoint.is_complete
        })
    }

    /// The topic.
    pub fn topic(&self) -> &str {
        &self.inner.topic
    }

    fn parse(&self, key: &str, json: &[u8]) -> Result<Checkpoint> {
        Checkpoint::from_json(json).map_err(|error| {
            error.map_message(|message| format!("topic {}, key {key}: {message}", self.topic()))
        })
    }

    async fn write(&self, change: Change) -> Result<()> {
        let not_kept = |error| {
            let message =
                format!("checkpoint {} was not kept in topic {}", change.key, change.topic);
            Error::new(ErrorKind::Destination, message).caused_by(error)
        };
        match &self.inner.way {
            Way::Own { config, producer } => {
                let producer = producer
                    .get_or_try_init(|| async { KafkaProducer::new(config, IN_FLIGHT_BYTES) })
                    .await?;
                let key = &change.key;
                let kept = producer.keep(&change.topic, key, change.json.as_deref()).await;
                kept.map_err(not_kept)?;
                change.apply();
                Ok(())
            }
            Way::Claim(claim) => {
                claim.write(&change).await?;
                change.apply();
                Ok(())
            }
            Way::Transactions(transactions) => {
                let number = transactions.enter().await?.end(0, Some(change));
                transactions.commit_through(number).await
            }
        }
    }
}

/// Checkpoints in a topic, as far as they can be seen.
#[derive(Clone, Debug)]
pub struct Seen {
    /// What was committed.
    pub store: KafkaStore,
    /// Where a transaction has not ended: that what was kept since it began is not among it, and why that is.
    pub remark: Option<String>,
}

/// The settings of one that writes each checkpoint by itself.
fn of_its_own(config: &ClientConfig) -> ClientConfig {
    let mut config = config.clone();
    // It would fence, or be fenced by, the producer of the records.
    config.remove("transactional.id");
    // A checkpoint is waited for, and there is none to batch it with.
    config.set("linger.ms", "0").set("acks", "all").set("enable.idempotence", "true");
    config
}

/// Checkpoints that may be under way. They are small, and each is waited for.
const IN_FLIGHT_BYTES: usize = 1 << 20;

impl CheckpointStore for KafkaStore {
    fn load<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Checkpoint>>> {
        let json = self.inner.kept.get(key);
        async move { json.map(|json| self.parse(key, &json)).transpose() }.boxed()
    }

    fn save<'a>(&'a self, checkpoint: &'a Checkpoint) -> BoxFuture<'a, Result<()>> {
        async move {
            let is_there = matches!(self.inner.way, Way::Transactions(_)) && self.has(checkpoint);
            if is_there { Ok(()) } else { self.write(self.change(checkpoint)).await }
        }
        .boxed()
    }

    fn remove<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool>> {
        async move {
            let there_is_one = self.inner.kept.get(key).is_some();
            // The transaction in hand may have one that is not there yet: this takes its place.
            let may_come = matches!(self.inner.way, Way::Transactions(_));
            if there_is_one || may_come {
                self.write(self.change_of(key, None)).await?;
            }
            Ok(there_is_one)
        }
        .boxed()
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<Listed>>> {
        let all = self.inner.kept.lock().clone();
        let listed = |(key, json): (String, Arc<[u8]>)| {
            let checkpoint = self.parse(&key, &json);
            Listed { key, checkpoint }
        };
        std::future::ready(Ok(all.into_iter().map(listed).collect())).boxed()
    }
}

/// A checkpoint on its way into the topic.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) topic: Arc<str>,
    pub(super) key: String,
    /// `None` is a tombstone.
    pub(super) json: Option<Arc<[u8]>>,
    kept: Arc<Kept>,
}

impl Change {
    /// It is in the topic now.
    pub(super) fn apply(self) {
        self.kept.put(self.key, self.json);
    }
}

/// The topic's content: as JSON, since that is smaller, and one that cannot be read stops nobody but
/// whom it concerns.
#[derive(Debug, Default)]
struct Kept(Mutex<BTreeMap<String, Arc<[u8]>>>);

impl Kept {
    fn get(&self, key: &str) -> Option<Arc<[u8]>> {
        self.lock().get(key).cloned()
    }

    fn put(&self, key: String, json: Option<Arc<[u8]>>) {
        match json {
            Some(json) => self.lock().insert(key, json),
            None => self.lock().remove(&key),
        };
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<[u8]>>> {
        // Changes are single calls, so none is half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
