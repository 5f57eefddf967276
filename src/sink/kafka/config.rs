//! Settings of the producer.

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaConfRes;

use super::names;
use crate::error::{Error, ErrorKind, Result};

/// librdkafka's settings for delivering without loss, to which you add your own.
///
/// Idempotence with `acks=all` is what the guarantees rest on. `linger.ms` is much longer than
/// librdkafka's 5 ms: larger batches cost the broker less and compress better, and while records wait for
/// longer than it, librdkafka polls without a pause. What is the last of a body does not wait for it.
pub fn producer_config(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", brokers)
        .set("client.id", "license-stream")
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("linger.ms", "200")
        // librdkafka checks CRCs of its own requests only if asked; the broker checks them anyway.
        .set("batch.size", "1000000")
        // A broker that stood still is left out by the others for a while, and forgotten here; without this, a client
        // may know of none for minutes once it is back (librdkafka 2.12.1).
        .set("metadata.recovery.rebootstrap.trigger.ms", "10000")
        // As Java clients do, so that a key has one partition whoever writes it.
        .set("partitioner", "murmur2_random")
        // The sink bounds the bytes in flight itself. This must only not be lower.
        .set("queue.buffering.max.messages", "1000000")
        .set("queue.buffering.max.kbytes", "1048576");
    config
}

/// Settings whose values are secrets.
pub const SECRET_SETTINGS: [&str; 8] = [
    "sasl.password",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.password",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.config",
    "sasl.oauthbearer.assertion.private.key.passphrase",
    "sasl.oauthbearer.assertion.private.key.pem",
];

/// The secrets in a configuration.
pub(super) fn secrets(config: &ClientConfig) -> Vec<String> {
    let secrets = SECRET_SETTINGS.iter().filter_map(|name| config.get(name));
    secrets.filter(|secret| !secret.is_empty()).map(str::to_owned).collect()
}

/// What librdkafka says, as it can be shown: without `secrets`, should one be in it, and so many characters of it. A secret
/// is looked for before anything else is changed, or cut.
pub(super) fn shown(reason: &str, secrets: &[String], most: usize) -> String {
    let clean = |reason: String, secret: &String| reason.replace(secret, "…");
    crate::printable(&secrets.iter().fold(reason.to_owned(), clean), most)
}

/// What librdkafka takes of a record unless its `message.max.bytes` says otherwise.
const MAX_RECORD_BYTES: usize = 1_000_000;

/// The largest record in bytes that a producer of this configuration takes (`message.max.bytes`), whatever the topic does.
pub fn max_record_bytes(config: &ClientConfig) -> usize {
    let configured = config.get("message.max.bytes").and_then(|bytes| bytes.parse().ok());
    configured.unwrap_or(MAX_RECORD_BYTES)
}

/// Lets a producer take records of so many bytes, unless its bound was set. Batches stay as they are, and a record that is
/// larger than one goes alone.
pub(super) fn take_records_of(config: &mut ClientConfig, bytes: usize) {
    /// The most that librdkafka lets itself be set to.
    const MOST: usize = 1_000_000_000;
    if config.get("message.max.bytes").is_some() {
        return;
    }
    // A record that is larger than the queue would wait for room for ever.
    let queue = queue_kbytes(config).map_or(usize::MAX, |kbytes| kbytes.saturating_mul(1024));
    let bytes = bytes.min(queue).min(MOST);
    if bytes > MAX_RECORD_BYTES {
        config.set("message.max.bytes", bytes.to_string());
    }
}

/// What the producer's queue holds, if it is bounded.
fn queue_kbytes(config: &ClientConfig) -> Option<usize> {
    let set = config.get("queue.buffering.max.kbytes").and_then(|kbytes| kbytes.parse().ok());
    // 0 is none.
    set.filter(|kbytes| *kbytes > 0)
}

/// What a request for one partition holds at most, of a producer of this configuration.
pub(super) fn batch_bytes(config: &ClientConfig) -> usize {
    let configured = config.get("batch.size").and_then(|bytes| bytes.parse().ok());
    configured.unwrap_or(MAX_RECORD_BYTES).min(max_record_bytes(config))
}

/// Refuses a queue that a single record may be too large for: it would wait for room that never comes.
pub(super) fn check_queue(config: &ClientConfig) -> Result<()> {
    let least = max_record_bytes(config).div_ceil(1024);
    match queue_kbytes(config) {
        Some(kbytes) if kbytes < least => {
            let message = format!(
                "queue.buffering.max.kbytes={kbytes} is less than one record may have (message.max.bytes): {least} is the \
                 least"
            );
            Err(Error::new(ErrorKind::Configuration, message))
        }
        _ => Ok(()),
    }
}

/// Refuses names and values that librdkafka does, and settings of consumers, before there is any connection.
///
/// # Errors
/// [`ErrorKind::Configuration`], which names the setting and does not show its value: that may be a secret.
pub fn check_config(config: &ClientConfig) -> Result<()> {
    check_uses(config)?;
    config.create_native_config().map(drop).map_err(|error| refused(config, error))?;
    check_queue(config)
}

/// Refuses what librdkafka would leave aside without a word.
fn check_uses(config: &ClientConfig) -> Result<()> {
    // In the order of their names, so that the same settings have the same error.
    let map = config.config_map();
    let of_consumers = map.keys().filter(|name| names::is_of_consumers(name)).min();
    let Some(name) = of_consumers else { return Ok(()) };
    let message = format!("`{name}` is a setting of consumers: nothing is consumed here");
    Err(Error::new(ErrorKind::Configuration, message))
}

/// Characters of a name that are shown where it is none.
const MAX_NAME: usize = 100;

/// The error of a setting that librdkafka refused.
///
/// Its own message shows the value, and that may be a password that was put under a wrong name. Whether it is the
/// name or the value is told.
pub(super) fn refused(config: &ClientConfig, error: KafkaError) -> Error {
    let of_java = match &error {
        KafkaError::ClientConfig(_, _, name, _) => {
            names::of_java(name).map(|instead| (name, instead))
        }
        _ => None,
    };
    if let Some((name, instead)) = of_java {
        let message =
            format!("{name} is a setting of Java's clients, and not of librdkafka: {instead}");
        return Error::new(ErrorKind::Configuration, message);
    }
    match error {
        KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, _, name, _) => {
            let shown = crate::printable(&name, MAX_NAME);
            let message = match names::nearest(&name) {
                Some(nearest) => {
                    format!("librdkafka has no setting `{shown}`: did you mean `{nearest}`?")
                }
                None => format!(
                    "librdkafka has no setting `{shown}`: look up its name in librdkafka's CONFIGURATION.md"
                ),
            };
            Error::new(ErrorKind::Configuration, message)
        }
        KafkaError::ClientConfig(_, why, name, _) => {
            let begin = format!("Configuration property \"{name}\" not supported in this build: ");
            let message = match why.strip_prefix(&begin) {
                Some(why) => {
                    format!(
                        "librdkafka has the setting `{name}`, but not as it is built here: {why}"
                    )
                }
                None => match names::allowed(&name) {
                    Some(allowed) => format!(
                        "librdkafka has the setting `{name}`, and refuses its value: it may be {allowed}"
                    ),
                    None => format!(
                        "librdkafka has the setting `{name}`, and refuses its value: look up what it may be in \
                         librdkafka's CONFIGURATION.md"
                    ),
                },
            };
            Error::new(ErrorKind::Configuration, message)
        }
        // A value that contradicts another is repeated, and may be a secret under a wrong name.
        other => {
            let reason = secrets(config)
                .iter()
                .fold(other.to_string(), |reason, secret| reason.replace(secret, "…"));
            Error::new(ErrorKind::Configuration, "no Kafka producer can be made").caused_by(reason)
        }
    }
}
