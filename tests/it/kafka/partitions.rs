//! A key's partition, beside what a Java client makes of it.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::kafka;
use crate::support::kafka::{bootstrap, topic};
use crate::support::python::{root, topic_messages};
use crate::support::run::run;

/// Keys of every length modulo four, of several scripts.
fn ids() -> Vec<String> {
    let short = (1..40).map(|length| "abcdefgh".repeat(5)[..length].to_owned());
    let others = ["é", "開発", "🙂", "a b", "-", "Ω≈ç√∫"].map(str::to_owned);
    short.chain(others).chain((0..200).map(|number| format!("license-{number}"))).collect()
}

/// Produces a message of each key by Kafka's own console producer.
fn produce_by_java(topic: &str, keys: &[String]) {
    let jars = Command::new(root().join("scripts/kafka.sh")).arg("fetch").output().unwrap();
    let jars = String::from_utf8(jars.stdout).unwrap();
    let mut command = Command::new("java");
    command
        .args(["-Dfile.encoding=UTF-8", "-cp", &format!("{}/*", jars.trim())])
        .args(["org.apache.kafka.tools.ConsoleProducer", "--bootstrap-server", &bootstrap()])
        .args(["--topic", topic, "--reader-property", "parse.key=true"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    for key in keys {
        writeln!(stdin, "{key}\tvalue").unwrap();
    }
    drop(stdin);
    assert!(child.wait().unwrap().success(), "{command:?}");
}

fn partitions(messages: &[Value]) -> BTreeMap<String, u64> {
    let one = |message: &Value| {
        (message["key"].as_str().unwrap().to_owned(), message["partition"].as_u64().unwrap())
    };
    messages.iter().map(one).collect()
}

#[test]
fn each_key_has_the_partition_that_a_java_client_gives_it() {
    let ids = ids();
    let directory = tempfile::tempdir().unwrap();
    let input = directory.path().join("body.ndjson");
    let lines = ids.iter().map(|id| format!("{}\n", serde_json::json!({"id": id})));
    std::fs::write(&input, lines.collect::<String>()).unwrap();

    let (ours, java) = (topic("partitions"), topic("partitions-java"));
    run(kafka(&ours).arg("--input").arg(&input)).expect(0);
    produce_by_java(&java, &ids);
    let found = partitions(&topic_messages(&ours));
    assert_eq!(found.len(), ids.len());
    assert_eq!(found, partitions(&topic_messages(&java)));
}
