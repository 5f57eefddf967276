//! Values that are encoded anew, as clients of other makers read them.

mod access;
mod registered;
mod rejects;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use license_stream::simulate::Simulator;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::kafka;
use crate::parquet::oracle;
use crate::support::body::{edges, id, members, records, simulated};
use crate::support::kafka::topic;
use crate::support::python::{header, topic_messages, topic_values};
use crate::support::registry::registry;
use crate::support::run::{Run, run};

/// The values that have a schema in a registry.
const REGISTERED: [&str; 3] = ["avro", "protobuf", "json-schema"];

const ACCOUNT: &str = "62f44730-dd91-461e-bd6a-aedd9e0ad79d";

/// A file of `body`, and the directory that it is in.
fn input(body: &[u8]) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("body.ndjson");
    std::fs::write(&file, body).unwrap();
    (directory, file)
}

/// A run that registers what it needs.
fn produce(topic: &str, value: &str, input: &Path, arguments: &[&str]) -> Run {
    let mut command = kafka(topic);
    command.args(["--value", value, "--schema-registry", &registry(), "--register", "auto"]);
    run(command.args(["--account", ACCOUNT, "--input"]).arg(input).args(arguments))
}

/// The row of a normalized license, which the schema found valid: what is JSON text in other formats is
/// here as it stands.
fn with_text(mut row: Value, text: &str) -> Value {
    for (name, raw) in members(text.as_bytes()).unwrap() {
        if matches!(name.as_str(), "remote_data" | "_extra") {
            row[name] = raw.get().into();
        }
    }
    row
}

/// Produces `body` as `value`, and compares what arrived with what its records say, value for value.
fn check(value: &str, body: &[u8], arguments: &[&str]) {
    let topic = topic("values");
    let (_directory, file) = input(body);
    let summary = produce(&topic, value, &file, arguments).expect(0).summary();
    let snapshot = summary["snapshots"][0]["snapshot_id"].as_str().unwrap();
    let mut unexpected = BTreeMap::new();
    let mut expected: BTreeMap<_, _> = records(body)
        .iter()
        .map(|record| {
            let any = value != "json-schema";
            let (row, fields) = oracle::expected_of(record.bytes, Some(ACCOUNT), snapshot, any);
            for field in fields {
                *unexpected.entry(field).or_insert(0_u64) += 1;
            }
            (record.byte, row)
        })
        .collect();
    assert_eq!(summary["records"], expected.len());
    assert_eq!(summary["fields_unexpected"], json!(unexpected));
    for message in topic_values(&topic, &registry(), value) {
        let position = header(&message, "truto-position").parse().unwrap();
        let mut row = message["row"].clone();
        if let Some(text) = message["text"].as_str() {
            row = with_text(row, text);
        }
        let expected = expected.remove(&position).expect("a record, once");
        assert_eq!(oracle::seen(&row.to_string()), expected, "{value}");
    }
    assert!(expected.is_empty(), "{expected:?}");
}

/// Everything null, everything present, Unicode, extreme numbers, and what fits no field.
#[test]
fn each_format_says_of_the_edges_what_the_body_says() {
    let body = std::fs::read(edges()).unwrap();
    for value in REGISTERED {
        check(value, &body, &[]);
    }
}

#[test]
fn each_format_says_of_many_licenses_what_the_body_says() {
    let body = simulated(&Simulator::new().licenses(ACCOUNT), 3_000);
    for (value, delivery) in
        REGISTERED.into_iter().zip(["at-least-once", "exactly-once", "at-least-once"])
    {
        check(value, &body, &["--delivery", delivery, "-X", "compression.type=zstd"]);
    }
}

/// Keys, and without a registry the bare JSON.
#[test]
fn normalized_json_is_what_the_schema_describes_without_a_header() {
    let (topic, others) = (topic("normalized"), topic("normalized-schema"));
    let mut command = kafka(&topic);
    command.args(["--value", "json-normalized", "--account", ACCOUNT, "--input"]).arg(edges());
    run(&mut command).expect(0);
    produce(&others, "json-schema", &edges(), &[]).expect(0);
    let without_snapshot = |text: &str| {
        let mut members = members(text.as_bytes()).unwrap();
        members.retain(|(name, _)| name != "_snapshot_id");
        members.into_iter().map(|(name, raw)| (name, raw.get().to_owned())).collect::<Vec<_>>()
    };
    let bare: BTreeMap<_, _> = topic_messages(&topic)
        .into_iter()
        .map(|message| {
            let value = message["value"].as_str().unwrap();
            let key = message["key"].as_str().unwrap().to_owned();
            assert_eq!(key, format!("{ACCOUNT}:{}", id(value.as_bytes())));
            (header(&message, "truto-position").to_owned(), without_snapshot(value))
        })
        .collect();
    let framed: BTreeMap<_, _> = topic_values(&others, &registry(), "json-schema")
        .iter()
        .map(|message| {
            let text = message["text"].as_str().unwrap();
            (header(message, "truto-position").to_owned(), without_snapshot(text))
        })
        .collect();
    assert_eq!(bare, framed);
    assert!(bare.len() > 50);
}

#[test]
fn headers_say_what_values_are() {
    let (_directory, file) = input(b"{\"id\":\"a\"}\n");
    for (value, media_type) in [
        ("avro", "application/avro"),
        ("protobuf", "application/protobuf"),
        ("json-schema", "application/json"),
    ] {
        let topic = topic("headers");
        produce(&topic, value, &file, &["--headers", "all", "--cloud-events"]).expect(0);
        let message = topic_values(&topic, &registry(), value).remove(0);
        assert_eq!(header(&message, "content-type"), media_type);
        assert_eq!(header(&message, "ce_specversion"), "1.0");
        assert_eq!(header(&message, "truto-schema-id"), message["schema_id"].to_string());
    }
}
