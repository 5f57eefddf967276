//! Dead letters in a topic.

use std::fmt::Write;

use serde_json::{Value, json};

use super::kafka;
use crate::support::kafka::{bootstrap, topic};
use crate::support::python::{create_topic, header, python, topic_messages};
use crate::support::run::run;

const ACCOUNT: &str = "62f44730-dd91-461e-bd6a-aedd9e0ad79d";

/// A body with a broken line, a license of 20 kB and one of 200 kB among small ones; the lines.
fn body() -> Vec<String> {
    let mut lines = Vec::new();
    for number in 0..60 {
        let mut line = String::new();
        let text = "x".repeat(match number {
            20 => 20_000,
            40 => 200_000,
            _ => 10,
        });
        write!(line, r#"{{"id":"{number}","description":"{text}"}}"#).unwrap();
        if number == 10 {
            line.pop();
        }
        lines.push(line);
    }
    lines
}

fn letters_of(delivery: &str) {
    let lines = body();
    let directory = tempfile::tempdir().unwrap();
    let input = directory.path().join("body.ndjson");
    std::fs::write(&input, lines.join("\n") + "\n").unwrap();

    let records = topic("lettered");
    create_topic(&bootstrap(), &records, 10_000);
    let letters = format!("{records}.dlq");
    create_topic(&bootstrap(), &letters, 100_000);
    let mut command = kafka(&records);
    command.args(["--account", ACCOUNT, "--delivery", delivery, "--on-error", "dead-letter"]);
    command.args(["--dead-letter", "topic:", "--input"]).arg(&input);
    let summary = run(&mut command).expect(4).summary();
    assert_eq!(summary["rejects_by_reason"], json!({"syntax": 1, "too_large": 2}));
    // Its neighbours went on.
    assert_eq!(summary["records"], 57);
    assert_eq!(topic_messages(&records).len(), 57);

    let mut found = topic_messages(&letters);
    assert_eq!(found.len(), 3);
    let record = |message: &Value| header(message, "truto-record").parse::<usize>().unwrap();
    found.sort_by_key(record);
    let expected = [
        (10, "record", "syntax", json!(lines[10])),
        (20, "destination", "too_large", json!(lines[20])),
        // No topic takes that: what it was is told all the same.
        (40, "destination", "too_large", Value::Null),
    ];
    for (message, (number, class, reason, value)) in found.iter().zip(expected) {
        assert_eq!(record(message), number);
        assert_eq!(message["value"], value, "{number}");
        assert_eq!(message["key"], ACCOUNT);
        assert_eq!(header(message, "truto-account"), ACCOUNT);
        assert_eq!(header(message, "truto-error-class"), class);
        assert_eq!(header(message, "truto-reason"), reason);
        assert_eq!(header(message, "truto-length"), lines[number].len().to_string());
        let byte: usize = lines[..number].iter().map(|line| line.len() + 1).sum();
        assert_eq!(header(message, "truto-position"), byte.to_string());
        assert!(!header(message, "truto-message").contains("xxx"));
    }
}

#[test]
fn rejects_are_in_a_topic_with_their_bytes_and_reasons() {
    letters_of("at-least-once");
}

#[test]
fn rejects_of_transactions_are_there_too() {
    letters_of("exactly-once");
}

/// Until a topic takes messages that are older than a moment, it refuses each.
const REFUSING: &str = r#"
import sys
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic, ResourceType
_, brokers, topic, what = sys.argv
admin, setting = AdminClient({"bootstrap.servers": brokers}), "message.timestamp.before.max.ms"
if what == "create":
    done = admin.create_topics([NewTopic(topic, 1, 1, config={setting: "0"})])
else:
    entry = ConfigEntry(setting, None, incremental_operation=AlterConfigOpType.DELETE)
    done = admin.incremental_alter_configs([ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])])
for each in done.values():
    each.result()
"#;

#[test]
fn letters_that_a_topic_refused_are_made_anew_by_the_next_run() {
    let directory = tempfile::tempdir().unwrap();
    let input = directory.path().join("body.ndjson");
    std::fs::write(&input, "{\"id\":\"1\"}\n{\"id\":\"2\"\n{\"id\":\"3\"}\n").unwrap();
    let records = topic("unlettered");
    create_topic(&bootstrap(), &records, 10_000);
    let letters = format!("{records}.dlq");
    let refusing = |what: &str| {
        let arguments = ["-c", REFUSING, &bootstrap(), &letters, what];
        assert!(python().args(arguments).status().unwrap().success());
    };
    refusing("create");
    let command = |kept: &str| {
        let mut command = kafka(&records);
        command.args([
            "--account",
            ACCOUNT,
            "--on-error",
            "dead-letter",
            "--dead-letter",
            "topic:",
        ]);
        if !kept.is_empty() {
            command.arg("--checkpoint").arg(directory.path().join(kept));
        }
        command.arg("--input").arg(&input);
        command
    };
    // In the topic of checkpoints, and in a directory.
    for kept in ["", "kept"] {
        for _ in 0..2 {
            let failed = run(&mut command(kept)).expect(1);
            assert!(
                failed.stderr.contains("dead letters could not be written"),
                "{}",
                failed.stderr
            );
        }
    }
    assert!(topic_messages(&letters).is_empty());
    refusing("take");
    for (kept, written) in [("", 1), ("kept", 2)] {
        run(&mut command(kept)).expect(4);
        assert_eq!(topic_messages(&letters).len(), written);
    }
}

#[test]
fn a_topic_of_letters_is_made_such_that_it_keeps_them() {
    let lines = body();
    let directory = tempfile::tempdir().unwrap();
    let input = directory.path().join("body.ndjson");
    std::fs::write(&input, lines.join("\n") + "\n").unwrap();
    let records = topic("kept");
    let command = |topic: &str, letters: &str| {
        let mut command = kafka(topic);
        command.args(["--account", ACCOUNT, "--on-error", "dead-letter", "--dead-letter", letters]);
        command.arg("--input").arg(&input);
        command
    };
    let how = "partitions=1,config=cleanup.policy=compact,config=max.message.bytes=10000";
    run(command(&records, "topic:").args(["--create-topic", how])).expect(4);
    let found: Vec<_> =
        topic_messages(&format!("{records}.dlq")).iter().map(|it| it["value"].clone()).collect();
    // Two of them are too large for the other topic, and have one key.
    assert_eq!(found, [json!(lines[10]), json!(lines[20]), json!(lines[40])]);
    // What would forget them is not taken.
    let refused = run(&mut command(&topic("other"), &format!("topic:{records}"))).expect(2);
    assert!(refused.stderr.contains("would keep the last dead letter"), "{}", refused.stderr);
}

#[test]
fn a_topic_of_dead_letters_needs_brokers() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = crate::support::command::license_stream();
    command.current_dir(directory.path()).args(["ndjson", "--on-error", "dead-letter"]);
    command.args(["--dead-letter", "topic:x", "--input"]).arg(crate::support::body::edges());
    let run = run(&mut command).expect(2);
    assert_eq!(run.stderr, "error: --dead-letter topic: goes with `kafka`, which has brokers\n");
}

#[test]
fn letters_that_their_topic_does_not_take_go_there_without_their_bytes() {
    let records = topic("small");
    let letters = format!("{records}.dlq");
    // Of less than librdkafka lets a producer have as its own limit.
    create_topic(&bootstrap(), &letters, 1_030);
    let directory = tempfile::tempdir().unwrap();
    let input = directory.path().join("body.ndjson");
    let broken = format!("{{\"id\":\"{}\"", "x".repeat(1_100));
    std::fs::write(&input, format!("{broken}\n{{\"id\":\"a\"}}\n")).unwrap();
    let produce = |records: &str| {
        let mut command = kafka(records);
        command.args(["--account", ACCOUNT, "--on-error", "dead-letter"]);
        run(command.args(["--dead-letter", "topic:", "--input"]).arg(&input))
    };
    assert_eq!(produce(&records).expect(4).summary()["records"], 1);
    let found = topic_messages(&letters);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["value"], Value::Null);
    assert_eq!(header(&found[0], "truto-reason"), "syntax");

    let records = topic("smaller");
    create_topic(&bootstrap(), &format!("{records}.dlq"), 300);
    let refused = produce(&records).expect(2);
    assert!(refused.stderr.contains("takes records of 239 bytes at most"), "{}", refused.stderr);
}
