//! What is no license, or does not fit, where values are encoded.

use std::collections::BTreeSet;

use license_stream::simulate::Simulator;
use serde_json::{Value, json};

use super::{ACCOUNT, input, produce};
use crate::kafka::kafka;
use crate::support::body::edges;
use crate::support::command::license_stream;
use crate::support::kafka::{bootstrap, topic};
use crate::support::process::kill;
use crate::support::python::{create_topic, header, topic_messages, topic_values};
use crate::support::registry::registry;
use crate::support::run::{Run, run, start};
use crate::support::simulation::Simulation;

#[test]
fn strict_rejects_what_it_rejects_in_columns() {
    let directory = tempfile::tempdir().unwrap();
    let mut columns = license_stream();
    columns.args(["parquet", "--json", "--strict", "--on-error", "skip", "--out"]);
    let columns =
        run(columns.arg(directory.path()).arg("--input").arg(edges())).expect(4).summary();
    for value in ["avro", "protobuf", "json-schema"] {
        let strict =
            produce(&topic("strict"), value, &edges(), &["--strict", "--on-error", "skip"]);
        let strict = strict.expect(4).summary();
        // What is no object is none of the normalized schema's `remote_data`.
        let more = if value == "json-schema" { 4 } else { 0 };
        let rejected = columns["rejected"].as_u64().unwrap() + more;
        assert_eq!(strict["rejected"], rejected, "{value}");
        assert_eq!(strict["rejects_by_reason"], json!({"unexpected_type": rejected}));
        // Lists whose elements have more members are no unexpected type, and are counted.
        assert_eq!(strict["fields_unexpected"], columns["fields_unexpected"], "{value}");
    }
}

#[test]
fn dead_letters_have_the_bytes_as_they_came() {
    let lines = [
        "{\"id\":\"a\", \"name\":\"\\u0041\"}",
        "{\"id\":}",
        "{ \"id\":\"b\",\"is_paid\":\"yes\"}",
    ];
    let (_directory, file) = input((lines.join("\n") + "\n").as_bytes());
    let topic = topic("lettered-values");
    let letters = ["--strict", "--on-error", "dead-letter", "--dead-letter", "topic:"];
    let summary = produce(&topic, "avro", &file, &letters).expect(4).summary();
    assert_eq!(summary["rejects_by_reason"], json!({"syntax": 1, "unexpected_type": 1}));
    let mut letters = topic_messages(&format!("{topic}.dlq"));
    letters.sort_by_key(|letter| header(letter, "truto-line").to_owned());
    let found: Vec<_> = letters.iter().map(|letter| letter["value"].clone()).collect();
    assert_eq!(found, [json!(lines[1]), json!(lines[2])]);
    let values = topic_values(&topic, &registry(), "avro");
    assert_eq!((values.len(), &values[0]["row"]["name"]), (1, &json!("A")));
}

/// Escapes take six bytes each in the body, and one in Avro; what an account adds is not in the body at all.
#[test]
fn a_record_is_too_large_by_what_it_is_encoded_as() {
    let escaped = format!("{{\"id\":\"a\",\"name\":\"{}\"}}\n", "\\u0041".repeat(2_000));
    let (_directory, file) = input(escaped.as_bytes());
    let (fits, refused) = (topic("fits"), topic("fits-not"));
    create_topic(&bootstrap(), &fits, 10_000);
    create_topic(&bootstrap(), &refused, 10_000);
    produce(&fits, "avro", &file, &[]).expect(0);
    assert_eq!(topic_values(&fits, &registry(), "avro").len(), 1);
    let as_it_came = run(kafka(&refused).arg("--input").arg(&file).args(["--on-error", "skip"]));
    let summary = as_it_came.expect(4).summary();
    assert_eq!(summary["rejects_by_reason"], json!({"too_large": 1}));
}

#[test]
fn a_license_that_is_gone_is_a_tombstone_in_any_format() {
    let body = b"{\"id\":\"a\",\"status\":\"active\"}\n{\"id\":\"b\",\"status\":\"inactive\"}\n";
    let (_directory, file) = input(body);
    let topic = topic("tombstone-values");
    produce(&topic, "protobuf", &file, &["--tombstone-on", "status=inactive"]).expect(0);
    let mut rows: Vec<_> = topic_values(&topic, &registry(), "protobuf")
        .iter()
        .map(|message| message["row"]["id"].clone())
        .collect();
    rows.sort_by_key(Value::to_string);
    assert_eq!(rows, [json!("a"), Value::Null]);
    let keys: Vec<_> = topic_messages(&topic)
        .into_iter()
        .filter(|message| message["value"].is_null())
        .map(|message| message["key"].clone())
        .collect();
    assert_eq!(keys, [json!(format!("{ACCOUNT}:b"))]);
}

/// A snapshot that was begun in one format is not finished in another.
#[test]
fn a_run_goes_on_only_with_the_values_that_it_began_with() {
    const COUNT: u64 = 3_000;
    let topic = topic("resumed-values");
    let simulator = || Simulator::new().with_records(COUNT);
    let from = |simulation: &Simulation, value: &str, arguments: &[&str]| {
        let mut command = kafka(&topic);
        command.args(["--value", value]).args(arguments);
        if !value.starts_with("json") {
            command.args(["--schema-registry", &registry(), "--register", "auto"]);
        }
        simulation.source(&mut command);
        command
    };
    let held = Simulation::start(simulator().with_hold_after_records(COUNT / 2));
    let mut child = start(&mut from(&held, "avro", &[]));
    held.until_held(&mut child);
    assert!(kill("TERM", child.id()), "it has ended");
    Run::of(child).expect(143);

    let simulation = Simulation::start(simulator());
    for (value, arguments, option) in [
        ("json", &[][..], "value"),
        ("json-normalized", &[], "value"),
        ("protobuf", &["--subject-strategy", "record"], "value"),
        ("avro", &["--strict"], "strict"),
    ] {
        let refused = run(&mut from(&simulation, value, arguments)).expect(2);
        let begin = format!("was begun with other options ({option}");
        assert!(refused.stderr.contains(&begin), "{value}: {}", refused.stderr);
    }
    run(&mut from(&simulation, "avro", &[])).expect(0);
    let ids: BTreeSet<_> = topic_values(&topic, &registry(), "avro")
        .iter()
        .map(|message| message["row"]["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids.len() as u64, COUNT);
}
