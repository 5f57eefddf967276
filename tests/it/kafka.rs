//! What is in a topic of a real broker, as a client sees it that is not ours.

mod checkpoints;
mod codecs;
mod delivery;
mod exactly_once;
mod failure;
mod job;
mod letters;
mod mock;
mod murmur2;
mod partitions;
mod records;
mod retries;
mod secrets;
mod secured;
mod settings;
mod together;
mod topics;
mod values;
mod wide;

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::body::{Record, id};
use crate::support::command::license_stream;
use crate::support::kafka::bootstrap;

/// How many partitions the broker of the tests gives to a topic.
const PARTITIONS: u64 = 3;

/// `license-stream kafka` to `topic` of `brokers`, which tells of its run in JSON.
fn kafka_at(brokers: &str, topic: &str) -> Command {
    let mut command = license_stream();
    command.args(["kafka", "--json", "--brokers", brokers, "--topic", topic]);
    command
}

/// The same to the broker of the tests.
fn kafka(topic: &str) -> Command {
    kafka_at(&bootstrap(), topic)
}

/// Compares messages with the records that they should be of: each at most once, with its bytes, key
/// and headers, in its key's partition, and there in the order of the body. Answers how many there
/// are.
fn check(messages: &[Value], records: &[Record], account: Option<&str>, summary: &Value) -> usize {
    let snapshot = &summary["snapshots"][0];
    let mut expected: BTreeMap<u64, &Record> =
        records.iter().map(|record| (record.byte, record)).collect();
    let mut last = BTreeMap::new();
    for message in messages {
        let headers = message["headers"].as_array().unwrap();
        let position = headers.last().unwrap()[1].as_str().unwrap();
        let byte = position.parse().unwrap();
        let record = expected.remove(&byte).expect("a position of a record, and of one message");
        assert_eq!(message["value"].as_str().unwrap().as_bytes(), record.bytes);

        let id = id(record.bytes);
        let key = account.map_or(id.clone(), |account| format!("{account}:{id}"));
        assert_eq!(message["key"], key);
        let partition = murmur2::partition(key.as_bytes(), PARTITIONS);
        assert_eq!(message["partition"], partition, "{key}");

        let expected = [
            json!(["truto-snapshot", snapshot["snapshot_id"]]),
            json!(["truto-position", position]),
        ];
        assert_eq!(headers, &expected);

        // They come by partition and offset.
        let before = last.insert(partition, byte);
        assert!(before < Some(byte), "{byte} behind {before:?} in partition {partition}");
    }
    messages.len()
}
