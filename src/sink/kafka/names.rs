//! The names of librdkafka's settings.

mod allowed;

pub(super) use allowed::allowed;

/// Those of a producer, each by its one name: aliases are left out, as are callbacks and what is internal.
///
/// librdkafka itself lists no more than those that have a value.
const NAMES: [&str; 108] = [
    "acks",
    "allow.auto.create.topics",
    "api.version.request.timeout.ms",
    "batch.num.messages",
    "batch.size",
    "bootstrap.servers",
    "broker.address.family",
    "broker.address.ttl",
    "client.dns.lookup",
    "client.id",
    "client.rack",
    "compression.level",
    "compression.type",
    "connections.max.idle.ms",
    "debug",
    "delivery.report.only.error",
    "enable.gapless.guarantee",
    "enable.idempotence",
    "enable.metrics.push",
    "enable.random.seed",
    "enable.ssl.certificate.verification",
    "https.ca.location",
    "https.ca.pem",
    "linger.ms",
    "log.connection.close",
    "log.thread.name",
    "log_level",
    "max.in.flight.requests.per.connection",
    "message.copy.max.bytes",
    "message.max.bytes",
    "message.timeout.ms",
    "metadata.max.age.ms",
    "metadata.recovery.rebootstrap.trigger.ms",
    "metadata.recovery.strategy",
    "partitioner",
    "queue.buffering.backpressure.threshold",
    "queue.buffering.max.kbytes",
    "queue.buffering.max.messages",
    "receive.message.max.bytes",
    "reconnect.backoff.max.ms",
    "reconnect.backoff.ms",
    "request.timeout.ms",
    "retries",
    "retry.backoff.max.ms",
    "retry.backoff.ms",
    "sasl.kerberos.keytab",
    "sasl.kerberos.kinit.cmd",
    "sasl.kerberos.min.time.before.relogin",
    "sasl.kerberos.principal",
    "sasl.kerberos.service.name",
    "sasl.mechanism",
    "sasl.oauthbearer.assertion.algorithm",
    "sasl.oauthbearer.assertion.claim.aud",
    "sasl.oauthbearer.assertion.claim.exp.seconds",
    "sasl.oauthbearer.assertion.claim.iss",
    "sasl.oauthbearer.assertion.claim.jti.include",
    "sasl.oauthbearer.assertion.claim.nbf.seconds",
    "sasl.oauthbearer.assertion.claim.sub",
    "sasl.oauthbearer.assertion.file",
    "sasl.oauthbearer.assertion.jwt.template.file",
    "sasl.oauthbearer.assertion.private.key.file",
    "sasl.oauthbearer.assertion.private.key.passphrase",
    "sasl.oauthbearer.assertion.private.key.pem",
    "sasl.oauthbearer.client.id",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.config",
    "sasl.oauthbearer.extensions",
    "sasl.oauthbearer.grant.type",
    "sasl.oauthbearer.metadata.authentication.type",
    "sasl.oauthbearer.method",
    "sasl.oauthbearer.scope",
    "sasl.oauthbearer.token.endpoint.url",
    "sasl.password",
    "sasl.username",
    "security.protocol",
    "socket.connection.setup.timeout.ms",
    "socket.keepalive.enable",
    "socket.max.fails",
    "socket.nagle.disable",
    "socket.receive.buffer.bytes",
    "socket.send.buffer.bytes",
    "socket.timeout.ms",
    "ssl.ca.certificate.stores",
    "ssl.ca.location",
    "ssl.ca.pem",
    "ssl.certificate.location",
    "ssl.certificate.pem",
    "ssl.cipher.suites",
    "ssl.crl.location",
    "ssl.curves.list",
    "ssl.endpoint.identification.algorithm",
    "ssl.engine.id",
    "ssl.key.location",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.location",
    "ssl.keystore.password",
    "ssl.providers",
    "ssl.sigalgs.list",
    "statistics.interval.ms",
    "sticky.partitioning.linger.ms",
    "topic.blacklist",
    "topic.metadata.propagation.max.ms",
    "topic.metadata.refresh.fast.interval.ms",
    "topic.metadata.refresh.interval.ms",
    "topic.metadata.refresh.sparse",
    "transaction.timeout.ms",
    "transactional.id",
];

/// The name that may be meant by `name`, which librdkafka does not know.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    super::template::nearest(name, NAMES.into_iter())
}

/// Settings of Java's clients that librdkafka has under other names or not at all, and what is given here instead.
const OF_JAVA: [(&str, &str); 13] = [
    (
        "sasl.jaas.config",
        "give sasl.mechanism, sasl.username and sasl.password=@FILE (a password that was typed in it could be read by \
         every process on this machine)",
    ),
    ("ssl.truststore.location", "give the authority as PEM, with ssl.ca.location"),
    ("ssl.truststore.certificates", "give the authority as PEM, with ssl.ca.location"),
    ("ssl.truststore.password", "an authority as PEM, with ssl.ca.location, has none"),
    ("ssl.truststore.type", "give the authority as PEM, with ssl.ca.location"),
    ("ssl.keystore.type", "ssl.keystore.location is PKCS#12"),
    ("ssl.keystore.key", "give ssl.key.location or ssl.key.pem=@FILE"),
    (
        "ssl.keystore.certificate.chain",
        "give ssl.certificate.location or ssl.certificate.pem=@FILE",
    ),
    ("buffer.memory", "give queue.buffering.max.kbytes"),
    ("max.request.size", "give message.max.bytes"),
    ("max.block.ms", "give message.timeout.ms"),
    ("key.serializer", "leave it away: --key says what keys are made of"),
    ("value.serializer", "leave it away: --value says how values are encoded"),
];

/// What to give instead of `name`, if that is a setting of Java's.
pub(super) fn of_java(name: &str) -> Option<&'static str> {
    OF_JAVA.iter().find(|(java, _)| *java == name).map(|(_, instead)| *instead)
}

/// Settings that only consumers have, also by their aliases: librdkafka takes them of a producer without a word.
const OF_CONSUMERS: [&str; 31] = [
    "auto.commit.enable",
    "auto.commit.interval.ms",
    "auto.offset.reset",
    "check.crcs",
    "consume.callback.max.messages",
    "coordinator.query.interval.ms",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.partition.eof",
    "fetch.error.backoff.ms",
    "fetch.max.bytes",
    "fetch.message.max.bytes",
    "fetch.min.bytes",
    "fetch.queue.backoff.ms",
    "fetch.wait.max.ms",
    "group.id",
    "group.instance.id",
    "group.protocol",
    "group.protocol.type",
    "group.remote.assignor",
    "heartbeat.interval.ms",
    "isolation.level",
    "max.partition.fetch.bytes",
    "max.poll.interval.ms",
    "offset.store.method",
    "offset.store.path",
    "offset.store.sync.interval.ms",
    "partition.assignment.strategy",
    "queued.max.messages.kbytes",
    "queued.min.messages",
    "session.timeout.ms",
];

/// Whether it is a setting of consumers alone.
pub(super) fn is_of_consumers(name: &str) -> bool {
    OF_CONSUMERS.contains(&name)
}

#[cfg(test)]
mod tests {
    use rdkafka::ClientConfig;
    use rdkafka::error::KafkaError;
    use rdkafka::types::RDKafkaConfRes;

    use super::*;

    #[test]
    fn librdkafka_knows_each() {
        for name in NAMES {
            let refused = ClientConfig::new().set(name, "x").create_native_config().err();
            if let Some(KafkaError::ClientConfig(how, why, ..)) = refused {
                assert_ne!(how, RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, "{name}: {why}");
            }
        }
    }

    #[test]
    fn settings_of_consumers_are_librdkafka_s_and_none_of_a_producer() {
        for name in OF_CONSUMERS {
            assert!(!NAMES.contains(&name), "{name}");
            let refused = ClientConfig::new().set(name, "x").create_native_config().err();
            if let Some(KafkaError::ClientConfig(how, why, ..)) = refused {
                assert_ne!(how, RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, "{name}: {why}");
            }
        }
    }

    #[test]
    fn librdkafka_takes_none_of_java_s() {
        for (name, _) in OF_JAVA {
            let taken = ClientConfig::new().set(name, "x").create_native_config();
            assert!(taken.is_err(), "{name}");
        }
    }

    #[test]
    fn the_nearest_name_is_found_where_one_is_near() {
        for (typed, meant) in [
            ("sasl.pasword", Some("sasl.password")),
            ("ssl.ca.file", Some("ssl.ca.pem")),
            ("compresion.type", Some("compression.type")),
            ("linger", Some("linger.ms")),
            ("security-protocol", Some("security.protocol")),
            ("no.such.setting", None),
            ("auto.offset.reset", None),
            ("schema.registry.url", None),
            ("xyzzy", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed), meant, "{typed}");
        }
    }
}
