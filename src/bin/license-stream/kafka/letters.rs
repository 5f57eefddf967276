//! The topic of dead letters.

use license_stream::sink::kafka::{
    ClientConfig, KafkaOptions, KafkaProducer, KafkaTopics, Topic, TopicCreation, TopicFacts,
};
use license_stream::sink::reject::DeadLetters;
use license_stream::{Error, ErrorKind, Result};

use super::CHECK_TIMEOUT;
use super::fit::missing;
use crate::checkpoints;

/// What a letter takes beside the record: its headers, of which the message of the error is the longest.
const AROUND: u64 = 64 << 10;

/// The least that the topic must take: a letter without its bytes, with its headers; and what that is of a batch.
const LEAST_RECORD: usize = 900;
const LEAST_TOPIC: usize = 1_000;

/// Where letters go.
pub(crate) struct LetterTopic {
    pub(crate) name: String,
    /// How it is made, if it is to be.
    pub(crate) creation: Option<TopicCreation>,
}

impl LetterTopic {
    /// The one of that name, or one beside the records'; for records of `record_bytes` at most.
    ///
    /// # Errors
    /// If it is no topic's name, or that of a topic that holds something else.
    pub(crate) fn new(
        typed: Option<&str>,
        options: &KafkaOptions,
        creation: Option<TopicCreation>,
        record_bytes: u64,
    ) -> Result<Self> {
        let wrong = |what: String| {
            Err(Error::new(ErrorKind::Configuration, format!("--dead-letter topic: {what}")))
        };
        let name = typed.map_or_else(|| format!("{}.dlq", options.topic.family()), str::to_owned);
        match name.parse::<Topic>() {
            Err(error) if typed.is_none() => {
                let message = error.message();
                return wrong(format!("{message}; name another with --dead-letter topic:NAME"));
            }
            Err(error) => return wrong(error.message().to_owned()),
            Ok(topic) if topic.fixed().is_none() => {
                return wrong(format!("{name} is a template, and letters have one topic"));
            }
            Ok(_) => {}
        }
        if options.topic.fixed() == Some(&name) {
            return wrong(format!(
                "{name} is where the records go: letters are not mixed with them"
            ));
        }
        if let Some(of) = checkpoints::kept_in(&name) {
            return wrong(format!("{name} is where the checkpoints of topic {of} are"));
        }
        Ok(Self { name, creation: creation.map(|creation| of_letters(creation, record_bytes)) })
    }

    /// Refuses a topic that would not keep letters.
    pub(crate) fn suits(&self, facts: &TopicFacts) -> Result<()> {
        if let Some(bytes) = facts.max_record_bytes().filter(|bytes| *bytes < LEAST_RECORD) {
            let message = format!(
                "topic {} takes records of {bytes} bytes at most, which dead letters have in their headers already: raise its \
                 max.message.bytes to {} or more",
                self.name, LEAST_TOPIC
            );
            return Err(Error::new(ErrorKind::Configuration, message));
        }
        if !facts.is_compacted() {
            return Ok(());
        }
        let message = format!(
            "topic {} is compacted (cleanup.policy={}), and would keep the last dead letter of an account alone: set \
             cleanup.policy=delete, or name another with --dead-letter topic:NAME",
            self.name,
            facts.cleanup_policy.as_deref().unwrap_or_default()
        );
        Err(Error::new(ErrorKind::Configuration, message))
    }

    /// Makes sure of it.
    pub(super) async fn open(
        self,
        config: &ClientConfig,
        topics: &KafkaTopics,
        account: Option<String>,
    ) -> Result<DeadLetters> {
        let mut config = config.clone();
        let topics = match &self.creation {
            Some(creation) => topics.clone().creating(creation.clone()),
            None => topics.clone(),
        };
        let facts = topics.ready(&self.name).await?;
        match &facts {
            Some(facts) => {
                self.suits(facts)?;
                facts.fit_batches(&mut config);
            }
            None => {
                let producer = KafkaProducer::new(&config, 1)?;
                let checked = producer.check(&self.name, CHECK_TIMEOUT).await;
                checked.map_err(|error| missing(&self.name, error))?;
            }
        }
        let most = facts.and_then(|facts| facts.max_record_bytes());
        DeadLetters::to_topic(&config, &self.name, most, account)
    }
}

/// As the records' topic is made, but that it forgets no letter for the sake of another, and takes records that are too
/// large for that.
fn of_letters(mut creation: TopicCreation, record_bytes: u64) -> TopicCreation {
    creation.config.retain(|(name, _)| name != "cleanup.policy" && name != "max.message.bytes");
    let most = (record_bytes + AROUND).min(i32::MAX as u64);
    creation.config.push(("cleanup.policy".to_owned(), "delete".to_owned()));
    creation.config.push(("max.message.bytes".to_owned(), most.to_string()));
    creation
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_have_a_topic_of_their_own() {
        let options = KafkaOptions::new("licenses");
        let refused = |name: &str| {
            let refused = LetterTopic::new(Some(name), &options, None, 1);
            refused.err().unwrap().message().to_owned()
        };
        assert!(refused("licenses").contains("is where the records go"));
        assert!(refused("other.checkpoints").contains("the checkpoints of topic other"));
        assert!(refused("a b").contains("may have only ASCII letters"));
        assert!(refused("a-{status}").contains("is a template"));
        let creation = "partitions=6,config=cleanup.policy=compact,config=max.message.bytes=10";
        let creation = Some(creation.parse().unwrap());
        let topic = LetterTopic::new(None, &options, creation, 1 << 20).unwrap();
        assert_eq!(topic.name, "licenses.dlq");
        let made = topic.creation.unwrap();
        assert_eq!(made.partitions, Some(6));
        let config = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let wanted = [config("cleanup.policy", "delete"), config("max.message.bytes", "1114112")];
        assert_eq!(made.config, wanted);
    }
}
