//! `license-stream kafka`

mod delivery;
mod fit;
mod letters;

use std::sync::Arc;
use std::time::Duration;

use license_stream::checkpoint::{
    Beginning, Checkpoint, CheckpointLock, CheckpointStore, Identity, Keeper,
};
use license_stream::cloud::is_overtaken;
use license_stream::pipeline::{Journal, Summary};
use license_stream::sink::kafka::{
    ClientConfig, Delivery, KafkaOptions, KafkaProducer, KafkaReport, KafkaSink, KafkaStore,
    KafkaTopics, Key, TopicFacts,
};
use license_stream::{Error, ErrorKind, Result};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::args::{DeliveryArg, KafkaArgs, ValueArg, typed_name};
use crate::checkpoints::{self, Store, quoted};
use crate::exit::Exit;
use crate::export::Export;
use crate::job::Job;
use crate::metrics::STATISTICS_INTERVAL;
use crate::place::Place;
use crate::remarks::{self, Use};
use crate::screen::say;
use crate::sinks::{Opened, Sinks};
use crate::snapshots::{Destination, Earlier, Remote, Written};
use crate::values::Values;
use crate::wanted::Wanted;
use crate::{records, settings};
use delivery::own_transactional_id;
pub(crate) use delivery::{check_delivery, transactions};
use fit::missing;
pub(crate) use fit::suits;
pub(crate) use letters::LetterTopic;

pub(crate) const CHECK_TIMEOUT: Duration = Duration::from_secs(15);

const PATIENCE: Duration = Duration::from_secs(30);

/// The option of a checkpoint that says how records were delivered, if it was exactly once.
const DELIVERY: &str = "delivery";
const EXACTLY_ONCE: &str = "exactly-once";

/// The option of a checkpoint that says which of the topics of that name it was, one after the other.
const TOPIC_ID: &str = "topic_id";

/// What of a record changes what is in the topic for it, so that a snapshot cannot go on with another.
fn identity_of_records(args: &KafkaArgs) -> Vec<(&'static str, String)> {
    let records = &args.records;
    let key = records.key.iter().map(|key| ("key", key.clone()));
    let tombstones = (!records.tombstone_on.is_empty())
        .then(|| ("tombstone_on", records.tombstone_on.join("\n")));
    let value = args.values.value;
    let value = (value != ValueArg::Json).then(|| ("value", value.name().to_owned()));
    let strict = args.values.strict.then(|| ("strict", true.to_string()));
    key.chain(tombstones).chain(value).chain(strict).collect()
}

pub(crate) async fn run(args: KafkaArgs) -> anyhow::Result<Exit> {
    let mut config = settings::config(&args.brokers, &args.settings)?;
    check_delivery(&args)?;
    let is_exactly_once = args.delivery == DeliveryArg::ExactlyOnce;
    let identity = identity_of_records(&args);
    let mut options = records::options(&args.topic, &args.topics, &args.records, &args.source)?;
    let values = Values::new(&args.values, &options)?.telling(args.report);
    let creation = records::creation(&args.topics)?;
    let transactional_id = own_transactional_id(&args, &options.topic);
    let transactions = transactions(&args, &options.topic);
    let delivery = match is_exactly_once {
        true => Delivery::ExactlyOnce(transactions.clone()),
        false => Delivery::AtLeastOnce,
    };
    let export = Export::new(args.source, args.rejects, args.stop, args.report)?;
    let export = export.skipping(args.checkpoint.skip_newer_than.clone());
    let mut export = export.observed(args.observe, "kafka")?;
    // Only now that signals are listened to: it connects.
    let mut topics = KafkaTopics::new(&config, CHECK_TIMEOUT)?;
    let letter_topic = export.letter_topic().map(|typed| {
        let record_bytes = export.max_record_bytes();
        LetterTopic::new(typed, &options, creation.clone(), record_bytes)
    });
    let letter_topic = letter_topic.transpose()?;
    let asked = creation.clone();
    if let Some(creation) = creation {
        topics = topics.creating(creation);
    }
    options.limits = export.limits();
    let typed = export.source.request.integration;
    options.integration = typed.map(typed_name);
    if let (Some(integration), false) = (typed, args.report.quiet) {
        remarks::tell_of_uses(integration, uses(&options));
    }
    let is_kept = !args.checkpoint.no_checkpoint && !export.source.is_read_once();
    // Before brokers are asked for anything.
    let place = args.checkpoint.checkpoint.as_ref();
    let beside = match is_kept && place.is_none() {
        true => Some(checkpoints::topic_beside(&options.topic)?),
        false => None,
    };
    let lock = match place {
        Some(place) if is_kept && export.source.accounts.are_many() => {
            checkpoints::lock_all(Some(place))?
        }
        _ => None,
    };
    let stop = export.signals.stop();
    let open = async {
        // First the topic, as long as nothing is at stake.
        let mut facts = None;
        if let Some(topic) = options.topic.fixed() {
            facts = topics.ready(topic).await?;
            if let Some(facts) = &facts {
                let asked = asked.as_ref();
                let other = asked.and_then(|asked| records::not_as_asked(facts, topic, asked));
                let remarks = suits(facts, topic, &options)?.into_iter().chain(other);
                remarks.for_each(|words| say!("warning: {words}"));
                fit_batches(&mut config, facts, options.in_flight_bytes);
                options.max_record_bytes = facts.max_record_bytes();
            }
            options.encoding = values.encoding(topic).await?;
        }
        let facts = facts.as_ref();
        let in_flight_bytes = facts.map_or(usize::MAX, |facts| facts.in_flight_bytes(&config));
        let in_flight_bytes = in_flight_bytes.min(options.in_flight_bytes);
        let letters = match letter_topic {
            None => None,
            Some(topic) => {
                let account = export.source.accounts.only().map(str::to_owned);
                Some(topic.open(&config, &topics, account).await?)
            }
        };
        let is_seen = Job::current().is_some_and(|job| job.seen().is_some());
        let own = of_licenses(&config, facts, is_seen || args.observe.metrics.is_some());
        let producer = KafkaProducer::connect(&own, in_flight_bytes, delivery.clone()).await?;
        let mut topic_id = facts.and_then(|facts| facts.id.clone());
        if let (Some(topic), None) = (options.topic.fixed(), facts) {
            producer.check(topic, CHECK_TIMEOUT).await.map_err(|error| missing(topic, error))?;
            // Brokers have made it by now.
            topic_id = topics.describe(topic).await?.and_then(|facts| facts.id);
        }
        let kept = match (&beside, place) {
            (Some(topic), _) => Kept::Beside(match &delivery {
                Delivery::ExactlyOnce(_) => {
                    KafkaStore::through(&producer, &config, topic, PATIENCE).await?
                }
                Delivery::AtLeastOnce => {
                    KafkaStore::claim(&config, topic, &transactions.id, PATIENCE).await?
                }
            }),
            (None, Some(place)) if is_kept => Kept::Elsewhere(place.clone(), place.store()?),
            (None, _) => Kept::Nothing,
        };
        Ok::<_, Error>((producer, topic_id, kept, letters))
    };
    let (producer, topic_id, kept, letters) = tokio::select! {
        opened = open => opened?,
        // Nothing was read yet, and nothing will be.
        () = stop.cancelled() => (KafkaProducer::new(&config, 1)?, None, Kept::Nothing, None),
    };
    export.observed.produces_by(&producer);
    if let Some(letters) = letters {
        export = export.with_letters(letters);
    }
    let typed = match &kept {
        Kept::Elsewhere(place, _) => format!("--checkpoint {}", quoted(&place.to_string())),
        Kept::Nothing | Kept::Beside(_) => {
            checkpoints::in_topic(&args.topic, &args.brokers, &args.settings)
        }
    };
    let sinks = Topics {
        typed,
        config,
        producer,
        topics,
        options,
        values,
        identity,
        transactional_id,
        topic_id,
        kept,
        _lock: lock,
        is_exactly_once,
        is_quiet: args.report.quiet,
    };
    export.run(sinks).await
}

/// Makes batches as large as fill up within what may be under way, and as the topic takes.
fn fit_batches(config: &mut ClientConfig, facts: &TopicFacts, in_flight_bytes: usize) {
    facts.fit_batches(config);
    if settings::has_default_batches(config) {
        let bytes = facts.batch_bytes(config, in_flight_bytes);
        config.set("batch.size", bytes.to_string());
    }
}

/// The settings of the producer of licenses, into a topic of which these are the `facts`, where it is one that is known.
fn of_licenses(
    config: &ClientConfig,
    facts: Option<&TopicFacts>,
    is_watched: bool,
) -> ClientConfig {
    let mut config = config.clone();
    // Of this topic alone: that of letters may take less, and not tell.
    if let Some(facts) = facts {
        facts.fit_records(&mut config);
    }
    if is_watched && config.get("statistics.interval.ms").is_none() {
        config.set("statistics.interval.ms", STATISTICS_INTERVAL);
    }
    // Deleted while the run is under way, it would be made anew without a word, and without what was delivered.
    let is_told_apart = facts.is_some_and(|facts| facts.id.is_some());
    if is_told_apart && config.get("allow.auto.create.topics").is_none() {
        config.set("allow.auto.create.topics", "false");
    }
    config
}

/// What keys and topics are made of.
fn uses(options: &KafkaOptions) -> Vec<Use> {
    let key = match &options.key {
        Key::Template(key) => Some(key),
        Key::Default | Key::None => None,
    };
    let of = |flag: &str, text: String, fields: Vec<&'static str>| {
        let what = |field| {
            let cure = format!("{{{field}|none}}");
            (
                field,
                format!("{flag} {text} is made of it, and rejects each license; {cure} would not"),
            )
        };
        fields.into_iter().map(what).collect::<Vec<_>>()
    };
    let topic = of("--topic", options.topic.to_string(), options.topic.needed_fields().collect());
    let key = key.map(|key| of("--key", key.to_string(), key.needed_fields().collect()));
    key.into_iter().flatten().chain(topic).collect()
}

/// One topic, or those of one template, which all accounts share, and one producer.
struct Topics {
    /// The flags that say where checkpoints are.
    typed: String,
    /// What the producer was made with.
    config: ClientConfig,
    producer: KafkaProducer,
    topics: KafkaTopics,
    /// Those of every snapshot.
    options: KafkaOptions,
    values: Values,
    /// What checkpoints are of, beside the source and the topic.
    identity: Vec<(&'static str, String)>,
    /// The `transactional.id` that was chosen, if one was.
    transactional_id: Option<String>,
    /// The id of the topic, where it is one and brokers give it one.
    topic_id: Option<String>,
    kept: Kept,
    /// That of checkpoints in a directory, where there are many accounts.
    _lock: Option<CheckpointLock>,
    is_exactly_once: bool,
    is_quiet: bool,
}

/// Where checkpoints are.
enum Kept {
    Nothing,
    /// In a directory, or an object store.
    Elsewhere(Place, Store),
    /// In a topic; in the transactions of the records, if there are such.
    Beside(KafkaStore),
}

impl Topics {
    /// What a checkpoint is of.
    fn identity_of(&self, identity: Identity) -> Identity {
        let mut identity = identity.with("topic", &self.options.topic);
        for (name, value) in &self.identity {
            identity = identity.with(*name, value);
        }
        if let (Kept::Beside(_), Some(id)) = (&self.kept, &self.transactional_id) {
            // Whoever goes on with a snapshot must fence the run that has begun it, should it live.
            identity = identity.with("transactional_id", id);
        }
        if let Some(id) = &self.topic_id {
            identity = identity.with(TOPIC_ID, id);
        }
        if self.is_exactly_once {
            identity = identity.with(DELIVERY, EXACTLY_ONCE);
        }
        identity
    }

    /// The checkpoint `found` for a run that may deliver in another way than the one before. Exactly once, none
    /// goes on with a snapshot of which something may be there twice; at least once, any does.
    fn as_delivered(&self, mut found: Checkpoint) -> Option<Checkpoint> {
        let was_exactly_once = found.options.remove(DELIVERY).is_some();
        if !self.is_exactly_once {
            return Some(found);
        }
        if was_exactly_once {
            found.options.insert(DELIVERY.to_owned(), EXACTLY_ONCE.to_owned());
            return Some(found);
        }
        if !found.is_complete && !self.is_quiet {
            say!(
                "warning: snapshot {} of {} was delivered at least once so far, so that records of it may be \
                 there twice: a new one is begun",
                found.snapshot_id,
                found.key
            );
        }
        None
    }

    /// The checkpoint `found`, of what was delivered to the topic. What was delivered to another of its name, which
    /// was deleted since, is in this one no more.
    fn in_topic(&self, mut found: Checkpoint) -> Result<Checkpoint> {
        let topic = self.options.topic.to_string();
        // One of another name is told as what it is: an option that has changed.
        let is_of_name = found.options.get("topic").is_none_or(|name| *name == topic);
        match (found.options.get(TOPIC_ID), &self.topic_id) {
            (Some(then), Some(now)) if then != now && !found.is_complete && is_of_name => {
                let message = format!(
                    "topic {} is not the one that snapshot {} was delivered to so far: that was deleted, or is \
                     in another cluster (its id was {then} and is {now}); to begin a new snapshot, forget this \
                     one by `license-stream checkpoint reset`",
                    self.options.topic, found.snapshot_id
                );
                Err(Error::new(ErrorKind::Configuration, message).of_account(found.key))
            }
            // One of a version that did not know it, or of brokers that did not say.
            (None, Some(now)) => {
                found.options.insert(TOPIC_ID.to_owned(), now.clone());
                Ok(found)
            }
            (Some(_), None) => {
                found.options.remove(TOPIC_ID);
                Ok(found)
            }
            _ => Ok(found),
        }
    }
}

impl Sinks for Topics {
    type Sink = KafkaSink;

    async fn sink(
        &self,
        wanted: &Wanted,
        identity: Identity,
        attempt: u32,
    ) -> Result<Opened<KafkaSink>> {
        let identity = self.identity_of(identity);
        let mut lock = None;
        let store: Option<Store> = match &self.kept {
            Kept::Nothing => None,
            Kept::Elsewhere(place, store) => {
                // First the lock: what is read behind it cannot change any more. An object store has none,
                // and the run that reads a checkpoint there takes it over.
                if let Place::Directory(directory) = place {
                    lock = Some(CheckpointLock::take(directory, identity.key())?);
                }
                Some(Arc::clone(store))
            }
            Kept::Beside(store) => Some(Arc::new(store.clone())),
        };
        let found = match &store {
            Some(store) if attempt == 0 => store.load(identity.key()).await?,
            _ => None,
        };
        let found = found.and_then(|found| self.as_delivered(found));
        let found = found.map(|found| self.in_topic(found)).transpose()?;
        let beginning = Beginning::of(found, &identity)?;
        let mut options = self.options.clone();
        options.account.clone_from(&wanted.account);
        options.snapshot_id = Some(beginning.snapshot_id().into());
        if let Some(integration) = wanted.known_name() {
            options.integration = Some(integration);
        }
        options.check()?;
        if let Some(topic) = options.account_topic()? {
            match self.topics.ready(&topic).await? {
                Some(facts) => {
                    suits(&facts, &topic, &options)?;
                    facts.check_batches(&topic, &self.config)?;
                    options.max_record_bytes = facts.max_record_bytes();
                }
                None => {
                    let checked = self.producer.check(&topic, CHECK_TIMEOUT).await;
                    checked.map_err(|error| missing(&topic, error))?;
                }
            }
        }
        // Where records differ in their topics, the schema does not depend on it.
        let topic = options.constant_topic().unwrap_or_default();
        options.encoding = self.values.encoding(&topic).await?;
        let mut sink = KafkaSink::through(&self.producer, options).with_topics(&self.topics);
        if let Kept::Beside(store) = &self.kept {
            sink = sink.keeping(store, identity.clone(), &beginning);
        }
        let journal = store.map(|store| {
            let keeper = Keeper::new(store, identity, &beginning).holding(lock);
            Box::new(keeper) as Box<dyn Journal>
        });
        Ok(Opened { sink, beginning, journal })
    }

    async fn last(&self, identity: Identity) -> Result<Option<Checkpoint>> {
        let identity = self.identity_of(identity);
        let last = match &self.kept {
            Kept::Nothing => None,
            Kept::Elsewhere(_, store) => store.peek(identity.key()).await?,
            Kept::Beside(store) => store.peek(identity.key()).await?,
        };
        // What is wrong with an unfinished one is told where it is gone on with.
        let last = last.filter(|last| last.is_complete).and_then(|last| self.as_delivered(last));
        let last = last.map(|last| self.in_topic(last)).transpose()?;
        Ok(last.filter(|last| identity.is_of(last)))
    }

    fn written(&self, _: Option<&str>, summary: &mut Summary<KafkaReport>, _: bool) -> Written {
        Written {
            destination: Destination::Topic(self.options.topic.to_string()),
            into: self.place(0, 0),
            records: summary.report.delivered,
            bytes: summary.report.bytes,
            unexpected: summary.report.unexpected.clone(),
            tombstones: (!self.options.tombstone_on.is_empty())
                .then_some(summary.report.tombstones),
            // A transaction that a killed run has left is taken back, by the brokers.
            remote: Remote::default(),
            earlier: if self.is_exactly_once { Earlier::Known } else { Earlier::AtLeast },
        }
    }

    fn checkpoints(&self) -> String {
        self.typed.clone()
    }

    fn uses(&self) -> Vec<Use> {
        uses(&self.options)
    }

    fn destination(&self) -> String {
        match self.options.topic.fixed() {
            Some(topic) => format!("topic {topic}"),
            None => format!("topics {}", self.options.topic),
        }
    }

    fn place(&self, _: u64, _: u64) -> String {
        match self.options.topic.fixed() {
            Some(topic) => format!("delivered to topic {topic}"),
            None => format!("delivered to topics {}", self.options.topic),
        }
    }

    /// What is produced waits in librdkafka for its reports. Before that, one batch with the sink and one
    /// with each decoder are enough to keep it busy; more would only be memory.
    fn queue_bytes(&self) -> usize {
        4 << 20
    }

    /// Brokers that do not take a record within librdkafka's time-out will take none of the others; a
    /// record that is too large is its account's own.
    async fn is_shared(&self, error: &Error) -> bool {
        // Nothing tells a run of one account from one of many where checkpoints are in an object store.
        if is_overtaken(error) {
            return true;
        }
        // A transaction that fails takes the records of all accounts with it.
        if self.is_exactly_once && error.kind() == ErrorKind::Destination {
            return true;
        }
        let cause = std::error::Error::source(error);
        let code = cause.and_then(|cause| match cause.downcast_ref::<KafkaError>() {
            Some(error) => error.rdkafka_error_code(),
            None => cause.downcast_ref::<RDKafkaErrorCode>().copied(),
        });
        code.is_some_and(|code| {
            !matches!(code, RDKafkaErrorCode::MessageSizeTooLarge | RDKafkaErrorCode::InvalidRecord)
        })
    }
}
