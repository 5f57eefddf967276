//! Every way of compression, as the broker keeps it and another client reads it.

use std::collections::BTreeSet;

use super::kafka_at;
use crate::support::body::{edges, records};
use crate::support::broker::Broker;
use crate::support::kafka::topic;
use crate::support::python::topic_messages_at;
use crate::support::run::run;

/// How the batches of a segment are compressed, by the number that Kafka's protocol has for it: the lowest
/// three bits of a batch's attributes.
fn codecs(segment: &[u8]) -> BTreeSet<u8> {
    let mut codecs = BTreeSet::new();
    let mut rest = segment;
    // Offset, length, epoch of the leader, format, checksum, attributes.
    while let Some(length) = rest.get(8..12) {
        let length = u32::from_be_bytes(length.try_into().unwrap()) as usize;
        if length == 0 {
            break;
        }
        codecs.insert(rest[22] & 0b111);
        rest = &rest[12 + length..];
    }
    codecs
}

#[test]
fn whatever_compresses_them_records_are_read_by_others() {
    let broker = Broker::start();
    let body = std::fs::read(edges()).unwrap();
    let mut expected: Vec<_> =
        records(&body).iter().map(|it| String::from_utf8(it.bytes.to_vec()).unwrap()).collect();
    expected.sort();
    for (name, number) in [("none", 0), ("gzip", 1), ("snappy", 2), ("lz4", 3), ("zstd", 4)] {
        let topic = topic(name);
        let setting = format!("compression.type={name}");
        let mut command = kafka_at(broker.bootstrap(), &topic);
        command.args(["--create-topic", "partitions=1", "-X", &setting, "--input"]).arg(edges());
        run(&mut command).expect(0);
        let messages = topic_messages_at(broker.bootstrap(), &topic);
        let mut found: Vec<_> =
            messages.iter().map(|it| it["value"].as_str().unwrap().to_owned()).collect();
        found.sort();
        assert_eq!(found, expected, "{name}");
        let segment = broker.partition(&topic, 0).join("00000000000000000000.log");
        assert_eq!(codecs(&std::fs::read(segment).unwrap()), BTreeSet::from([number]), "{name}");
    }
}
