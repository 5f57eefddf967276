//! The topic of checkpoints: made, checked, and read to its end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::{ClientConfig, ClientContext};
use rdkafka::{Offset, TopicPartitionList};

use crate::error::{Error, ErrorKind, Result};
use crate::sink::kafka::aside::ClosedAside;
use crate::sink::kafka::topics::{FIRST_PATIENCE, TopicCreation, create};
use crate::sink::kafka::{bearer, config};

/// What the topic holds, by key.
type Content = BTreeMap<String, Arc<[u8]>>;

type Admin = AdminClient<DefaultClientContext>;

/// How long a topic that was made may stay unknown.
const TO_APPEAR: Duration = Duration::from_secs(5);

/// How long a transaction of a run that is under way may take to end: it is open for 5 s.
const TO_COMMIT: Duration = Duration::from_secs(7);

/// The least that an answer is waited for.
const TO_ANSWER: Duration = Duration::from_secs(1);

/// What a checkpoint may have of bytes, with its key and what a batch adds. One has some hundred; what it is of is as long
/// as it was typed.
const ROOM: usize = 16_384;

/// Before asking again for what is about to be.
const PAUSE: Duration = Duration::from_millis(50);

/// What there is to be seen of a topic.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) content: Content,
    /// What was written behind the begin of a transaction that has not ended is not in the content.
    pub(super) is_withheld: bool,
}

/// Everything that is in `topic`, which is made if it is not there.
pub(super) async fn read(config: &ClientConfig, topic: &str, timeout: Duration) -> Result<Content> {
    match read_or(true, config, topic, timeout).await?.unwrap_or_default() {
        Seen { content, is_withheld: false } => Ok(content),
        Seen { is_withheld: true, .. } => Err(Error::new(
            ErrorKind::Unreachable,
            format!("the checkpoints in topic {topic} cannot be read: {OPEN}"),
        )),
    }
}

/// The same for who only looks: `None` if there is no such topic.
pub(super) async fn look(
    config: &ClientConfig,
    topic: &str,
    timeout: Duration,
) -> Result<Option<Seen>> {
    read_or(false, config, topic, timeout).await
}

/// That not all of `topic` was seen.
pub(super) fn withheld(topic: &str) -> String {
    format!("what was kept last in topic {topic} cannot be seen yet: {OPEN}")
}

/// Why what was written to a topic is not shown, and until when.
const OPEN: &str = "a transaction in it has not ended; a run that was killed has left it, or one is under way. \
    It ends when the next run of the same job begins, one with the same transactional.id, or by itself within \
    transaction.timeout.ms: 2 minutes after the kill, and 5 of a run that delivers at least once, unless they \
    were set";

async fn read_or(
    makes: bool,
    config: &ClientConfig,
    topic: &str,
    timeout: Duration,
) -> Result<Option<Seen>> {
    let deadline = Instant::now() + timeout;
    let mut config = config.clone();
    // The end that is asked for is that of all that was written, and not where the first open transaction
    // begins.
    config.set("isolation.level", "read_uncommitted");
    let admin: Admin = config.create().map_err(|error| config::refused(&config, error))?;
    bearer::give(admin.inner(), &config)?;
    // It may still be asked when whoever asks has gone.
    let admin = Arc::new(ClosedAside::new(admin));
    if makes {
        find_or_make(&admin, topic, deadline).await?;
    }
    let is_known = makes || is_known(&admin, topic, deadline).await?;
    let topic = topic.to_owned();
    let read = tokio::task::spawn_blocking(move || {
        if !is_known && !is_listed(&admin, &topic, deadline)? {
            return Ok(None);
        }
        if !is_known {
            return Err(undescribed(&topic));
        }
        wait_for_leader(&admin, &topic, deadline)?;
        read_to_end(makes, &config, &admin, &topic, deadline).map(Some)
    });
    read.await.map_err(|error| {
        Error::new(ErrorKind::Internal, "reading the checkpoints did not end").caused_by(error)
    })?
}

/// Asks for the topic's configuration first: asking for the topic itself could create it, with
/// properties that do not suit.
async fn find_or_make(
    admin: &Arc<ClosedAside<Admin>>,
    topic: &str,
    deadline: Instant,
) -> Result<()> {
    let until = deadline.min(Instant::now() + TO_APPEAR);
    loop {
        match settings(admin, topic, deadline).await? {
            Some(settings) => {
                return settings.suit(topic).and_then(|()| settings.have_room(topic));
            }
            None if left(until) < PAUSE => return Err(undescribed(topic)),
            None => make(admin, topic, deadline).await?,
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// What matters of the topic's configuration.
struct Settings {
    cleanup_policy: String,
    max_message_bytes: Option<usize>,
}

impl Settings {
    /// For who reads what is there.
    fn suit(&self, topic: &str) -> Result<()> {
        let policy = &self.cleanup_policy;
        if policy.split(',').any(|policy| policy.trim() == "compact") {
            return Ok(());
        }
        let message = format!(
            "topic {topic} cannot keep checkpoints: its cleanup.policy is {policy}, and must be compact"
        );
        Err(Error::new(ErrorKind::Configuration, message))
    }

    /// For who adds to it.
    fn have_room(&self, topic: &str) -> Result<()> {
        self.max_message_bytes.map_or(Ok(()), |most| has_room(topic, most))
    }
}

/// Refuses a topic that takes batches of `most` bytes at most, if that is less than a checkpoint may have.
pub(in crate::sink::kafka) fn has_room(topic: &str, most: usize) -> Result<()> {
    if most >= ROOM {
        return Ok(());
    }
    let message = format!(
        "topic {topic} cannot keep checkpoints: it takes {most} bytes at most, and one of them may have {ROOM}; raise its \
         max.message.bytes"
    );
    Err(Error::new(ErrorKind::Configuration, message))
}

fn undescribed(topic: &str) -> Error {
    let message = format!(
        "topic {topic} is there, and brokers do not tell its configuration: checkpoints need the right \
         DescribeConfigs on it"
    );
    Error::new(ErrorKind::Destination, message)
}

/// Whether brokers tell of `topic`, which then must suit.
async fn is_known(admin: &Admin, topic: &str, deadline: Instant) -> Result<bool> {
    let settings = settings(admin, topic, deadline).await?;
    settings.map(|settings| settings.suit(topic)).transpose().map(|suits| suits.is_some())
}

/// Whether `topic` is among all that there are. Asked for by its name it could be made.
fn is_listed(admin: &Admin, topic: &str, deadline: Instant) -> Result<bool> {
    let metadata = admin.inner().fetch_metadata(None, left(deadline));
    let metadata = metadata.map_err(|error| unanswered(topic, error))?;
    Ok(metadata.topics().iter().any(|listed| listed.name() == topic))
}

/// `None` if there is no such topic, or it is not for us to see: rdkafka does not tell which.
async fn settings(admin: &Admin, topic: &str, deadline: Instant) -> Result<Option<Settings>> {
    let ask = |time| async move {
        let options = AdminOptions::new().request_timeout(Some(time));
        admin.describe_configs(&[ResourceSpecifier::Topic(topic)], &options).await
    };
    let answered = patiently(deadline, ask).await;
    let described = answered.map_err(|error| unanswered(topic, error))?.pop();
    let resource = described.and_then(std::result::Result::ok);
    Ok(resource.and_then(|resource| {
        let value = |name: &str| resource.get(name)?.value.clone();
        let max_message_bytes = value("max.message.bytes").and_then(|bytes| bytes.parse().ok());
        Some(Settings { cleanup_policy: value("cleanup.policy")?, max_message_bytes })
    }))
}

/// Asks again where a connection broke, or where the broker in charge was not known in time: librdkafka does not by itself.
async fn patiently<T, F>(deadline: Instant, ask: impl Fn(Duration) -> F) -> Result<T, KafkaError>
where
    F: Future<Output = Result<T, KafkaError>>,
{
    let mut patience = FIRST_PATIENCE;
    loop {
        match ask(left(deadline).min(patience)).await {
            Err(KafkaError::AdminOp(RDKafkaErrorCode::BrokerTransportFailure))
                if left(deadline) > PAUSE =>
            {
                tokio::time::sleep(PAUSE).await;
            }
            Err(KafkaError::AdminOp(RDKafkaErrorCode::OperationTimedOut))
                if left(deadline) > PAUSE =>
            {
                patience *= 2;
            }
            answered => return answered,
        }
    }
}

async fn make(admin: &Arc<ClosedAside<Admin>>, topic: &str, deadline: Instant) -> Result<()> {
    let ask = |time| {
        let (admin, topic) = (Arc::clone(admin), topic.to_owned());
        async move {
            let made = tokio::task::spawn_blocking(move || {
                create(admin.inner(), &topic, &TopicCreation::of_checkpoints(), time, false)
            });
            made.await.unwrap_or(Err(KafkaError::Canceled))
        }
    };
    let answered = patiently(deadline, ask).await;
    match answered.map_err(|error| unanswered(topic, error))? {
        Ok(()) => Ok(()),
        // Another run may have been faster.
        Err(refusal) if refusal.code == RDKafkaErrorCode::TopicAlreadyExists => Ok(()),
        Err(refusal) => {
            let message = format!(
                "topic {topic}, which keeps the checkpoints, is not there and cannot be made: create it with \
                 one partition and cleanup.policy=compact, or keep checkpoints elsewhere"
            );
            let kind = match refusal.code {
                RDKafkaErrorCode::ClusterAuthorizationFailed
                | RDKafkaErrorCode::TopicAuthorizationFailed => ErrorKind::Forbidden,
                _ => ErrorKind::Destination,
            };
            Err(Error::new(kind, message).caused_by(refusal))
        }
    }
}

/// A new topic is known before its partition can be read.
fn wait_for_leader(admin: &Admin, topic: &str, deadline: Instant) -> Result<()> {
    loop {
        let metadata = admin.inner().fetch_metadata(Some(topic), left(deadline));
        let metadata = metadata.map_err(|error| unanswered(topic, error))?;
        let partitions = metadata.topics().first().map_or(&[][..], |topic| topic.partitions());
        match partitions {
            [only] if only.leader() >= 0 => return Ok(()),
            [] | [_] if left(deadline) < PAUSE => {
                let message = format!("the partition of topic {topic} has no leader");
                return Err(Error::new(ErrorKind::Unreachable, message));
            }
            [] | [_] => std::thread::sleep(PAUSE),
            several => {
                let message = format!(
                    "topic {topic} cannot keep checkpoints: it has {} partitions, and must have one",
                    several.len()
                );
                return Err(Error::new(ErrorKind::Configuration, message));
            }
        }
    }
}

/// Reads `topic`; all of it, if that is needed, before it answers with anything.
fn read_to_end(
    needs_all: bool,
    config: &ClientConfig,
    admin: &Admin,
    topic: &str,
    deadline: Instant,
) -> Result<Seen> {
    let unread = |error| unanswered(topic, error);
    let end = end(|| admin.inner().fetch_watermarks(topic, 0, left(deadline)), deadline);
    let end = end.map_err(unread)?;
    let mut seen = Seen::default();
    if end == 0 {
        return Ok(seen);
    }
    let mut config = config.clone();
    config
        .set("isolation.level", "read_committed")
        // The client wants one. It is never joined: the partition is assigned, and no offset committed.
        .set("group.id", "license-stream-checkpoints")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        // That there is no more is told once a fetch has waited for it, half a second unless it is told.
        .set("fetch.wait.max.ms", "10");
    let consumer = BaseConsumer::from_config_and_context(&config, Quiet);
    let consumer = consumer.map_err(|error| config::refused(&config, error))?;
    let consumer = ClosedAside::new(consumer);
    bearer::give(consumer.client(), &config)?;
    // What was written behind an open transaction is not shown before that ends. It may be what this job
    // kept, and the transaction another's.
    // The last answer may take longer than what is left by then.
    let stable_end = || consumer.fetch_watermarks(topic, 0, left(deadline).max(TO_ANSWER));
    // Who only looks can do with less, and does not wait for what may take minutes.
    let patience = if needs_all { left(deadline) } else { TO_COMMIT.min(left(deadline) / 2) };
    let until = Instant::now() + patience;
    while stable_end().map_err(unread)?.1 < end {
        if left(until) < PAUSE {
            seen.is_withheld = true;
            break;
        }
        std::thread::sleep(PAUSE);
    }
    if seen.is_withheld && needs_all {
        return Ok(seen);
    }
    let mut partition = TopicPartitionList::new();
    partition.add_partition_offset(topic, 0, Offset::Beginning).map_err(unread)?;
    consumer.assign(&partition).map_err(unread)?;
    let mut last_error = KafkaError::NoMessageReceived;
    loop {
        match consumer.poll(left(deadline)) {
            Some(Ok(message)) => {
                let key = String::from_utf8_lossy(message.key().unwrap_or_default());
                match message.payload() {
                    Some(json) => seen.content.insert(key.into_owned(), json.into()),
                    None => seen.content.remove(&*key),
                };
            }
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(seen),
            Some(Err(error)) if is_final(&error) => return Err(unread(error)),
            // Tried again by the client.
            Some(Err(error)) => last_error = error,
            None => {}
        }
        if left(deadline).is_zero() {
            return Err(unread(last_error));
        }
    }
}

/// Logs what matters of a consumer: not that it has no use for the producer's settings, nor that it has come to an end.
struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        if facility != "CONFWARN" {
            DefaultClientContext.log(level, facility, message);
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if !matches!(error, KafkaError::PartitionEOF(_)) {
            DefaultClientContext.error(error, reason);
        }
    }
}

impl ConsumerContext for Quiet {}

/// The end of a partition. A broker may not know yet that it leads one that has just come to be.
fn end(
    ask: impl Fn() -> Result<(i64, i64), KafkaError>,
    deadline: Instant,
) -> Result<i64, KafkaError> {
    use RDKafkaErrorCode::{LeaderNotAvailable, NotLeaderForPartition};
    loop {
        match ask() {
            Err(error)
                if matches!(
                    error.rdkafka_error_code(),
                    Some(NotLeaderForPartition | LeaderNotAvailable)
                ) && left(deadline) > PAUSE =>
            {
                std::thread::sleep(PAUSE);
            }
            answered => return answered.map(|(_, end)| end),
        }
    }
}

fn is_final(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::TopicAuthorizationFailed | RDKafkaErrorCode::UnknownTopicOrPartition
        )
    )
}

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

fn unanswered(topic: &str, error: KafkaError) -> Error {
    let message = format!("the checkpoints in topic {topic} could not be reached");
    let kind = if is_final(&error) { ErrorKind::Destination } else { ErrorKind::Unreachable };
    let failed = Error::new(kind, message).caused_by(error);
    match kind {
        ErrorKind::Unreachable => {
            failed.advising("look at the brokers' addresses, and whether they answer")
        }
        _ => failed,
    }
}
