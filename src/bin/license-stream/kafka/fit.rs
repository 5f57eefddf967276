//! Whether a topic and what is produced to it fit together.

use license_stream::sink::kafka::{ClientConfig, KafkaOptions, Key, TopicFacts};
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

/// A batch that is larger than the topic takes would be refused with all that is in it.
pub(super) fn fit_batches(config: &mut ClientConfig, facts: &TopicFacts) {
    let Some(most) = facts.max_message_bytes else { return };
    let batch = config.get("batch.size").and_then(|bytes| bytes.parse().ok());
    if batch.is_some_and(|bytes: usize| bytes > most) {
        config.set("batch.size", most.to_string());
    }
}

/// What librdkafka takes of a record if nothing is set, and the most that it can be set to.
const DEFAULT_RECORD_BYTES: usize = 1_000_000;
const MOST_RECORD_BYTES: usize = 1_000_000_000;

/// Lets a producer take records as large as the topic does, unless its bound was set. Batches stay as they are, and a
/// record that is larger than one goes alone.
pub(crate) fn fit_records(config: &mut ClientConfig, facts: &TopicFacts) {
    let Some(most) = facts.max_message_bytes else { return };
    if config.get("message.max.bytes").is_some() {
        return;
    }
    let bytes = most.min(queue_bytes(config)).min(MOST_RECORD_BYTES);
    if bytes > DEFAULT_RECORD_BYTES {
        config.set("message.max.bytes", bytes.to_string());
    }
}

/// What librdkafka's queue holds: a record that is larger would wait for room for ever.
fn queue_bytes(config: &ClientConfig) -> usize {
    let kbytes = config.get("queue.buffering.max.kbytes").and_then(|kbytes| kbytes.parse().ok());
    // 0 is none.
    kbytes
        .filter(|kbytes| *kbytes > 0)
        .map_or(usize::MAX, |kbytes: usize| kbytes.saturating_mul(1024))
}

/// The largest record that a producer of this configuration takes.
pub(crate) fn producer_record_bytes(config: &ClientConfig) -> usize {
    let set = config.get("message.max.bytes").and_then(|bytes| bytes.parse().ok());
    set.unwrap_or(DEFAULT_RECORD_BYTES)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_bounds_what_a_producer_takes() {
        let mut config = ClientConfig::new();
        assert_eq!(producer_record_bytes(&config), DEFAULT_RECORD_BYTES);
        assert_eq!(queue_bytes(&config), usize::MAX);
        config.set("queue.buffering.max.kbytes", "0");
        assert_eq!(queue_bytes(&config), usize::MAX);
        config.set("queue.buffering.max.kbytes", "2000").set("message.max.bytes", "5000");
        assert_eq!((queue_bytes(&config), producer_record_bytes(&config)), (2_048_000, 5_000));
    }
}
