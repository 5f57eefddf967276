//! What settings may be, where that is a range or a list.

use std::fmt;

use Allowed::{OneOf, Whole};

/// What a setting may be.
#[derive(Clone, Copy, Debug)]
pub(in crate::sink::kafka) enum Allowed {
    /// A whole number from one to the other.
    Whole(i64, i64),
    OneOf(&'static [&'static str]),
}

const BOOL: Allowed = OneOf(&["true", "false"]);

/// As librdkafka's CONFIGURATION.md has them, by the names of [`NAMES`](super::NAMES).
const ALLOWED: [(&str, Allowed); 64] = [
    ("acks", Whole(-1, 1000)),
    ("allow.auto.create.topics", BOOL),
    ("api.version.request.timeout.ms", Whole(1, 300_000)),
    ("batch.num.messages", Whole(1, 1_000_000)),
    ("batch.size", Whole(1, 2_147_483_647)),
    ("broker.address.family", OneOf(&["any", "v4", "v6"])),
    ("broker.address.ttl", Whole(0, 86_400_000)),
    ("client.dns.lookup", OneOf(&["use_all_dns_ips", "resolve_canonical_bootstrap_servers_only"])),
    ("compression.level", Whole(-1, 12)),
    ("compression.type", OneOf(&["none", "gzip", "snappy", "lz4", "zstd"])),
    ("connections.max.idle.ms", Whole(0, 2_147_483_647)),
    (
        "debug",
        OneOf(&[
            "generic",
            "broker",
            "topic",
            "metadata",
            "feature",
            "queue",
            "msg",
            "protocol",
            "cgrp",
            "security",
            "fetch",
            "interceptor",
            "plugin",
            "consumer",
            "admin",
            "eos",
            "mock",
            "assignor",
            "conf",
            "telemetry",
            "all",
        ]),
    ),
    ("delivery.report.only.error", BOOL),
    ("enable.gapless.guarantee", BOOL),
    ("enable.idempotence", BOOL),
    ("enable.metrics.push", BOOL),
    ("enable.random.seed", BOOL),
    ("enable.ssl.certificate.verification", BOOL),
    ("linger.ms", Whole(0, 900_000)),
    ("log.connection.close", BOOL),
    ("log.thread.name", BOOL),
    ("log_level", Whole(0, 7)),
    ("max.in.flight.requests.per.connection", Whole(1, 1_000_000)),
    ("message.copy.max.bytes", Whole(0, 1_000_000_000)),
    ("message.max.bytes", Whole(1000, 1_000_000_000)),
    ("message.timeout.ms", Whole(0, 2_147_483_647)),
    ("metadata.max.age.ms", Whole(1, 86_400_000)),
    ("metadata.recovery.rebootstrap.trigger.ms", Whole(0, 2_147_483_647)),
    ("metadata.recovery.strategy", OneOf(&["none", "rebootstrap"])),
    (
        "partitioner",
        OneOf(&[
            "random",
            "consistent",
            "consistent_random",
            "murmur2",
            "murmur2_random",
            "fnv1a",
            "fnv1a_random",
        ]),
    ),
    ("queue.buffering.backpressure.threshold", Whole(1, 1_000_000)),
    ("queue.buffering.max.kbytes", Whole(1, 2_147_483_647)),
    ("queue.buffering.max.messages", Whole(0, 2_147_483_647)),
    ("receive.message.max.bytes", Whole(1000, 2_147_483_647)),
    ("reconnect.backoff.max.ms", Whole(0, 3_600_000)),
    ("reconnect.backoff.ms", Whole(0, 3_600_000)),
    ("request.timeout.ms", Whole(1, 900_000)),
    ("retries", Whole(0, 2_147_483_647)),
    ("retry.backoff.max.ms", Whole(1, 300_000)),
    ("retry.backoff.ms", Whole(1, 300_000)),
    ("sasl.kerberos.min.time.before.relogin", Whole(0, 86_400_000)),
    ("sasl.oauthbearer.assertion.algorithm", OneOf(&["RS256", "ES256"])),
    ("sasl.oauthbearer.assertion.claim.exp.seconds", Whole(1, 2_147_483_647)),
    ("sasl.oauthbearer.assertion.claim.jti.include", BOOL),
    ("sasl.oauthbearer.assertion.claim.nbf.seconds", Whole(0, 2_147_483_647)),
    (
        "sasl.oauthbearer.grant.type",
        OneOf(&["client_credentials", "urn:ietf:params:oauth:grant-type:jwt-bearer"]),
    ),
    ("sasl.oauthbearer.metadata.authentication.type", OneOf(&["none", "azure_imds"])),
    ("sasl.oauthbearer.method", OneOf(&["default", "oidc"])),
    ("security.protocol", OneOf(&["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"])),
    ("socket.connection.setup.timeout.ms", Whole(1000, 2_147_483_647)),
    ("socket.keepalive.enable", BOOL),
    ("socket.max.fails", Whole(0, 1_000_000)),
    ("socket.nagle.disable", BOOL),
    ("socket.receive.buffer.bytes", Whole(0, 100_000_000)),
    ("socket.send.buffer.bytes", Whole(0, 100_000_000)),
    ("socket.timeout.ms", Whole(10, 300_000)),
    ("ssl.endpoint.identification.algorithm", OneOf(&["none", "https"])),
    ("statistics.interval.ms", Whole(0, 86_400_000)),
    ("sticky.partitioning.linger.ms", Whole(0, 900_000)),
    ("topic.metadata.propagation.max.ms", Whole(0, 3_600_000)),
    ("topic.metadata.refresh.fast.interval.ms", Whole(1, 60_000)),
    ("topic.metadata.refresh.interval.ms", Whole(-1, 3_600_000)),
    ("topic.metadata.refresh.sparse", BOOL),
    ("transaction.timeout.ms", Whole(1000, 2_147_483_647)),
];

/// What the setting of that name may be, if it is known.
pub(in crate::sink::kafka) fn allowed(name: &str) -> Option<Allowed> {
    ALLOWED.iter().find(|(known, _)| *known == name).map(|(_, allowed)| *allowed)
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Whole(least, most) => write!(f, "a whole number from {least} to {most}"),
            OneOf([rest @ .., last]) => write!(f, "{} or {last}", rest.join(", ")),
            OneOf([]) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::ClientConfig;

    use super::super::NAMES;
    use super::*;

    fn takes(name: &str, value: &str) -> bool {
        ClientConfig::new().set(name, value).create_native_config().is_ok()
    }

    #[test]
    fn librdkafka_takes_what_is_allowed_and_nothing_beside_it() {
        for (name, allowed) in ALLOWED {
            assert!(NAMES.contains(&name), "{name}");
            let (good, bad) = match allowed {
                Whole(least, most) => (
                    vec![least.to_string(), most.to_string()],
                    vec![(least - 1).to_string(), (most + 1).to_string()],
                ),
                OneOf(values) => (
                    values.iter().map(|value| (*value).to_owned()).collect(),
                    vec!["no-such-value".to_owned()],
                ),
            };
            // Those of OIDC are not built in.
            if name.starts_with("sasl.oauthbearer.") {
                continue;
            }
            for value in good {
                assert!(takes(name, &value), "{name}={value}");
            }
            for value in bad {
                assert!(!takes(name, &value), "{name}={value}");
            }
        }
    }

    #[test]
    fn what_is_allowed_is_told_in_words() {
        let told = |name| allowed(name).map(|allowed| allowed.to_string());
        assert_eq!(told("linger.ms").as_deref(), Some("a whole number from 0 to 900000"));
        assert_eq!(told("compression.type").as_deref(), Some("none, gzip, snappy, lz4 or zstd"));
        assert_eq!(told("client.id"), None);
    }
}
