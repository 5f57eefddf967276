//! What is produced of a license: key, headers, value, topic.

use std::path::PathBuf;

use license_stream::simulate::Simulator;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::kafka;
use crate::support::kafka::{bootstrap, topic};
use crate::support::python::topic_messages;
use crate::support::run::{Run, run};
use crate::support::truto::Truto;

const BODY: &str = concat!(
    "{\"id\":\"a\",\"name\":\"One\",\"status\":\"active\",\"assigned_quantity\":3}\n",
    "{\"id\":\"b\",\"name\":\"Two {x}\",\"status\":\"inactive\",\"assigned_quantity\":4.0}\n",
    "{\"id\":\"c\",\"name\":null,\"status\":\"in use\"}\n",
);

const ACCOUNT: &str = "62f44730-dd91-461e-bd6a-aedd9e0ad79d";

fn body() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let input = directory.path().join("body.ndjson");
    std::fs::write(&input, BODY).unwrap();
    (directory, input)
}

fn produce(topic: &str, arguments: &[&str]) -> Run {
    let (_directory, input) = body();
    run(kafka(topic).args(["--account", ACCOUNT, "--input"]).arg(&input).args(arguments))
}

/// The messages that a run with these arguments makes, in the order of the body.
fn produced(arguments: &[&str]) -> Vec<Value> {
    let topic = topic("records");
    produce(&topic, arguments).expect(0);
    let mut messages = topic_messages(&topic);
    let lines: Vec<_> = BODY.lines().collect();
    messages.sort_by_key(|message| lines.iter().position(|line| message["value"] == *line));
    messages
}

fn all(messages: &[Value], name: &str) -> Vec<Value> {
    messages.iter().map(|message| message[name].clone()).collect()
}

#[test]
fn keys_are_what_the_template_says() {
    for (template, keys) in [
        ("none", json!([null, null, null])),
        ("{id}", json!(["a", "b", "c"])),
        ("{name|-}/{assigned_quantity|}", json!(["One/3", "Two {x}/4.0", "-/"])),
        ("{{{integrated_account_id}}}", json!(vec![format!("{{{ACCOUNT}}}"); 3])),
    ] {
        assert_eq!(json!(all(&produced(&["--key", template]), "key")), keys, "{template}");
    }
    let keys = ["a", "b", "c"].map(|id| format!("{ACCOUNT}:{id}"));
    assert_eq!(json!(all(&produced(&[]), "key")), json!(keys));
}

#[test]
fn a_field_that_a_key_needs_and_that_is_missing_is_a_reject() {
    let topic = topic("missing");
    let failed = produce(&topic, &["--key", "{name}"]).expect(1);
    let begin = "error: field `name`, which the key is made of, is missing or no single value (`{name|text}` would \
        have a text in its place) at byte ";
    assert!(failed.stderr.starts_with(begin), "{}", failed.stderr);
    assert_eq!(failed.summary()["records"], 2);

    let skipped = produce(&topic, &["--key", "{name}", "--on-error", "skip", "--no-checkpoint"]);
    let summary = skipped.expect(4).summary();
    assert_eq!(summary["rejects_by_reason"], json!({"unroutable": 1}));
}

#[test]
fn a_key_of_what_an_integration_never_gives_is_warned_of() {
    let truto = Truto::start(Simulator::new().with_records(1));
    for (key, is_told) in [("{updated_at}", true), ("{updated_at|none}", false), ("{id}", false)] {
        let mut command = truto.command("kafka");
        command.args(["--brokers", &bootstrap(), "--topic", &topic("never"), "--key", key]);
        let run = run(command.args(["--integration", "pagerduty", "--on-error", "skip"]));
        let told = "warning: PagerDuty gives no updated_at: --key {updated_at} is made of it, and \
            rejects each license; {updated_at|none} would not";
        assert_eq!(run.stderr.contains(told), is_told, "{key}: {}", run.stderr);
        assert_eq!(run.stderr.contains("gives no"), is_told, "{key}: {}", run.stderr);
    }
}

#[test]
fn what_contradicts_itself_is_refused_before_any_broker_is_asked() {
    let (_directory, input) = body();
    for (arguments, message) in [
        (vec!["--key", "{nam}"], "--key: there is no `nam`: did you mean `name`?"),
        (vec!["--key", "{integration}"], "names integration, which is not known here"),
        (vec!["--key", "none", "--tombstone-on", "status=x"], "--tombstone-on goes with keys"),
        (vec!["--tombstone-on", "state=x"], "--tombstone-on: there is no `state`: did you mean"),
        (vec!["--tombstone-on", "products=x"], "--tombstone-on: `products` is no single value"),
        (vec!["--tombstone-on", "roles=x"], "--tombstone-on: `roles` is no single value"),
        (vec!["--tombstone-on", "remote_data=x"], "--tombstone-on: `remote_data` is no single"),
        (vec!["--header", "x"], "--header is written NAME=VALUE"),
        (
            vec!["--header", "ce_id=x"],
            "--header: header `ce_id`: names that begin with `ce_` are ours",
        ),
        (vec!["--create-topic", "partitions=0"], "--create-topic: partitions and replication are"),
    ] {
        let mut command = kafka(&topic("refused"));
        let run = run(command.arg("--input").arg(&input).args(&arguments)).expect(2);
        assert!(run.stderr.contains(message), "{arguments:?}: {}", run.stderr);
    }
    let unknown = run(kafka("{foo}").arg("--input").arg(&input)).expect(2);
    let told =
        "error: --topic: there is no `foo`, but integrated_account_id, integration, status\n";
    assert_eq!(unknown.stderr, told);
    for name in ["a b", "l/{status}", "{name}"] {
        let run = run(kafka(name).arg("--input").arg(&input)).expect(2);
        assert!(run.stderr.starts_with("error: --topic: topic `"), "{}", run.stderr);
    }
}

#[test]
fn headers_are_those_that_are_asked_for() {
    let names = |arguments: &[&str]| {
        let headers = produced(arguments)[0]["headers"].clone();
        let names = headers.as_array().unwrap().iter().map(|header| header[0].clone());
        names.collect::<Vec<_>>()
    };
    assert_eq!(json!(names(&[])), json!(["truto-snapshot", "truto-position"]));
    assert_eq!(json!(names(&["--headers", "none"])), json!([]));
    let all = ["truto-account", "truto-snapshot", "content-type", "x", "truto-position"];
    assert_eq!(json!(names(&["--headers", "all", "--header", "x=y=z"])), json!(all));
    let events = ["content-type", "ce_specversion", "ce_type", "ce_source", "ce_time", "ce_id"];
    assert_eq!(json!(names(&["--cloud-events"])), json!(events));
}

/// The attributes that CloudEvents 1.0 requires, and what it requires of them.
#[test]
fn cloud_events_are_told_apart_and_complete() {
    let topic = topic("events");
    let summary = produce(&topic, &["--cloud-events"]).expect(0).summary();
    let snapshot = summary["snapshots"][0]["snapshot_id"].as_str().unwrap();
    let mut ids = std::collections::BTreeSet::new();
    for message in topic_messages(&topic) {
        let header = |name| crate::support::python::header(&message, name).to_owned();
        assert_eq!(header("ce_specversion"), "1.0");
        assert_eq!(header("ce_type"), "one.truto.user-directory.license");
        let source = format!("/unified/user-directory/licenses?integrated_account_id={ACCOUNT}");
        assert_eq!(header("ce_source"), source);
        assert_eq!(header("content-type"), "application/json");
        assert!(header("ce_id").starts_with(&format!("{snapshot}/")));
        let time: license_stream::Timestamp = header("ce_time").parse().unwrap();
        let age = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        assert!((age.as_micros() as i64 - time.as_micros()).abs() < 3_600_000_000);
        ids.insert(header("ce_id"));
    }
    assert_eq!(ids.len(), 3);
}

#[test]
fn a_license_that_is_gone_becomes_a_tombstone() {
    let topic = topic("tombstones");
    let run = produce(&topic, &["--tombstone-on", "status=inactive", "--tombstone-on", "id=x"]);
    assert_eq!(run.expect(0).summary()["tombstones"], 1);
    let mut values: Vec<_> = topic_messages(&topic)
        .into_iter()
        .map(|message| (message["key"].as_str().unwrap().to_owned(), message["value"].clone()))
        .collect();
    values.sort_by(|one, other| one.0.cmp(&other.0));
    let lines: Vec<_> = BODY.lines().collect();
    let values: Vec<_> = values.into_iter().map(|(_, value)| value).collect();
    assert_eq!(values, [json!(lines[0]), Value::Null, json!(lines[2])]);

    // Now that the topic is there, it is seen not to be compacted; and a value that nothing has is seen by the count.
    let mistyped = produce(&topic, &["--tombstone-on", "status=Inactive"]).expect(0);
    assert_eq!(mistyped.summary()["tombstones"], 0);
    let words = format!("topic {topic} is not compacted (cleanup.policy=delete)");
    assert!(mistyped.stderr.contains(&words), "{mistyped:?}");
}
