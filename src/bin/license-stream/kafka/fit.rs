//! Whether a topic and what is produced to it fit together.

use license_stream::sink::kafka::{KafkaOptions, Key, TopicFacts};
use license_stream::{Error, ErrorKind, Result};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// What of a topic does not suit records like these, if it is none that can be lived with; what should be
/// known of the others.
pub(crate) fn suits(
    facts: &TopicFacts,
    topic: &str,
    options: &KafkaOptions,
) -> Result<Vec<String>> {
    options.check_topic(topic, facts)?;
    let policy = facts.cleanup_policy.as_deref().unwrap_or_default();
    let is_vain = !options.tombstone_on.is_empty() && !policy.is_empty() && !facts.is_compacted();
    let vain = is_vain.then(|| {
        format!(
            "topic {topic} is not compacted (cleanup.policy={policy}): tombstones are null values there, and \
             make it forget nothing"
        )
    });
    let shared = match &options.key {
        Key::Template(key) if facts.is_compacted() && !key.fields().any(|field| field == "id") => {
            Some(format!(
                "topic {topic} is compacted (cleanup.policy={policy}), and --key {key} has no {{id}}: of all licenses that have \
                 the same key, it keeps the last alone"
            ))
        }
        _ => None,
    };
    Ok(vain.into_iter().chain(shared).collect())
}

/// Brokers that do not know a topic, and do not make it either.
pub(super) fn missing(topic: &str, error: Error) -> Error {
    let cause = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref());
    match cause.and_then(KafkaError::rdkafka_error_code) {
        Some(code @ RDKafkaErrorCode::UnknownTopicOrPartition) => {
            let message = format!(
                "topic {topic} is not there, and brokers do not make it by themselves: create it, or let \
                 --create-topic do so"
            );
            Error::new(ErrorKind::Destination, message).caused_by(KafkaError::MetadataFetch(code))
        }
        _ => error,
    }
}
