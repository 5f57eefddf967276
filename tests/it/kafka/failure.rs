//! Runs that fail: they say so, they say where, and what they say is delivered is there.

use std::fmt::Write;
use std::net::TcpListener;
use std::path::PathBuf;

use license_stream::simulate::Simulator;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{check, kafka, kafka_at};
use crate::support::body::{Record, edges, records, simulated};
use crate::support::broker::Broker;
use crate::support::command::license_stream;
use crate::support::kafka::{bootstrap, topic};
use crate::support::python::{create_topic, topic_messages, topic_messages_at};
use crate::support::run::{Run, run, start};
use crate::support::simulation::Simulation;

/// A body of 101 records, of which the one in the middle has 20 kB.
fn body_with_a_large_record() -> (TempDir, PathBuf, String) {
    let mut body = String::new();
    for number in 0..101 {
        let text = if number == 50 { "secret ".repeat(3_000) } else { "short".to_owned() };
        writeln!(body, r#"{{"id":"{number}","description":"{text}"}}"#).unwrap();
    }
    let directory = tempfile::tempdir().unwrap();
    let input = directory.path().join("body.ndjson");
    std::fs::write(&input, &body).unwrap();
    (directory, input, body)
}

/// The summary of a run that could not deliver everything, after it was found consistent.
fn undelivered(run: &Run) -> Value {
    let summary = run.summary();
    let snapshot = &summary["snapshots"][0];
    assert_eq!((&summary["outcome"], &snapshot["complete"]), (&json!("failed"), &json!(false)));
    let kind = snapshot["error"]["kind"].as_str().unwrap();
    assert!(["destination", "record"].contains(&kind), "{kind}");
    assert_eq!(run.stderr, format!("error: {}\n", summary["error"].as_str().unwrap()));
    assert!(!run.stderr.contains("secret"), "{}", run.stderr);
    assert_eq!(summary["records"], snapshot["records"]);
    summary
}

#[test]
fn a_record_that_the_client_refuses_ends_the_run() {
    let (_directory, input, body) = body_with_a_large_record();
    let topic = topic("too-large-for-the-client");
    let mut command = kafka(&topic);
    command.args(["-X", "message.max.bytes=10000", "--input"]).arg(&input);
    let run = run(&mut command).expect(1);
    let summary = undelivered(&run);
    let records = records(body.as_bytes());
    let place = format!(
        ", and 10000 are the most that the producer takes: raise that with -X message.max.bytes, as far as the topic allows at byte {}, line 51, record 50\n",
        records[50].byte
    );
    assert!(run.stderr.starts_with("error: record takes 2"), "{}", run.stderr);
    assert!(run.stderr.ends_with(&place), "{}", run.stderr);
    // The records before it were on their way and have arrived.
    assert_eq!(check(&topic_messages(&topic), &records[..50], None, &summary), 50);
    assert_eq!(summary["records"], 50);
}

#[test]
fn a_record_that_the_topic_does_not_take_ends_the_run_before_it_is_sent() {
    let (_directory, input, body) = body_with_a_large_record();
    let topic = topic("too-large-for-the-topic");
    create_topic(&bootstrap(), &topic, 10_000);

    // Batches of more than the topic takes are made smaller by themselves.
    let run = run(kafka(&topic).arg("--input").arg(&input)).expect(1);
    let summary = undelivered(&run);
    let records = records(body.as_bytes());
    let place = format!(
        ", and 9939 are the most that its topic takes: raise the topic's max.message.bytes at byte {}, line 51, record 50\n",
        records[50].byte
    );
    assert!(run.stderr.ends_with(&place), "{}", run.stderr);
    assert_eq!(check(&topic_messages(&topic), &records[..50], None, &summary), 50);
}

/// Unless its bound was set, the producer takes what the topic does; `check` says what that is.
#[test]
fn a_record_that_a_topic_takes_is_delivered_whatever_the_producer_takes_by_default() {
    let directory = tempfile::tempdir().unwrap();
    let input = directory.path().join("body.ndjson");
    let long = format!("{{\"id\":\"b\",\"name\":\"{}\"}}\n", "x".repeat(3 << 20));
    std::fs::write(&input, format!("{{\"id\":\"a\"}}\n{long}{{\"id\":\"c\"}}\n")).unwrap();
    let topic = topic("large-records");
    create_topic(&bootstrap(), &topic, 4 << 20);

    let checked = |settings: &[&str]| {
        let mut command = license_stream();
        command.args(["check", "kafka", "--brokers", &bootstrap(), "--topic", &topic, "--input"]);
        run(command.arg(&input).args(settings)).expect(0).stdout
    };
    let found = checked(&[]);
    assert!(found.contains(", records up to 4194243 bytes,"), "{found}");
    let found = checked(&["-X", "message.max.bytes=2000000"]);
    let bound = ", records up to 2000000 bytes (the producer's message.max.bytes; the topic takes 4194243),";
    assert!(found.contains(bound), "{found}");

    let failed = run(kafka(&topic)
        .args(["-X", "message.max.bytes=2000000", "--no-checkpoint", "--input"])
        .arg(&input))
    .expect(1);
    assert!(
        failed.stderr.contains("2000000 are the most that the producer takes"),
        "{}",
        failed.stderr
    );
    let done = run(kafka(&topic).arg("--input").arg(&input)).expect(0);
    assert_eq!(done.summary()["records"], json!(3));
    let longest = topic_messages(&topic);
    let longest = longest.iter().map(|message| message["value"].as_str().unwrap().len()).max();
    assert_eq!(longest, Some(long.len() - 1));
}

#[test]
fn a_broker_that_is_not_there_is_an_environment_to_look_at() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = closed.local_addr().unwrap().to_string();
    drop(closed);
    // Takes connections, and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_address = silent.local_addr().unwrap().to_string();
    let started = [nobody, silent_address].map(|address| {
        let child = start(kafka_at(&address, "licenses").arg("--input").arg(edges()));
        (child, address)
    });
    for (child, address) in started {
        let run = Run::of(child).expect(3);
        let error = format!("error: no Kafka broker answers at {address}: ");
        assert!(run.stderr.starts_with(&error), "{}", run.stderr);
        run.began_nothing();
    }
}

#[test]
fn a_protocol_that_a_listener_does_not_speak_is_told_by_its_setting() {
    let directory = tempfile::tempdir().unwrap();
    let password = directory.path().join("password");
    std::fs::write(&password, "word\n").unwrap();
    let password = format!("sasl.password=@{}", password.display());
    let sasl =
        ["security.protocol=sasl_plaintext", "sasl.mechanism=PLAIN", "sasl.username=u", &password];
    let address = bootstrap();
    let untold = format!(
        "no Kafka broker answers at {address}: look at the port, and at security.protocol, which may"
    );
    let unasked = format!(
        "the brokers at {address} ask for no credentials at this port: look at the port, and at security.protocol"
    );
    for (settings, told) in [(&["security.protocol=ssl"][..], untold), (&sasl[..], unasked)] {
        let mut command = kafka_at(&address, "licenses");
        command
            .args(settings.iter().flat_map(|setting| ["-X", setting]))
            .arg("--input")
            .arg(edges());
        let run = run(&mut command).expect(3);
        assert!(run.stderr.starts_with(&format!("error: {told}")), "{}", run.stderr);
        run.began_nothing();
    }
}

#[test]
fn a_broker_whose_name_has_no_address_is_an_environment_to_look_at() {
    let deliveries = [&[][..], &["--delivery", "exactly-once"], &["--no-checkpoint"]];
    let started = deliveries.map(|delivery| {
        // Names that end so are nobody's (RFC 2606).
        let mut command = kafka_at("broker.invalid:9092", "licenses");
        start(command.args(delivery).arg("--input").arg(edges()))
    });
    for child in started {
        let run = Run::of(child).expect(3);
        assert!(run.stderr.starts_with("error: "), "{}", run.stderr);
        assert!(run.stderr.contains("broker.invalid:9092"), "{}", run.stderr);
        run.began_nothing();
    }
}

#[test]
fn a_broker_that_dies_loses_nothing_that_was_reported() {
    let count = 12_000;
    let simulator = Simulator::new().with_seed(4).with_records(count);
    let account = simulator.accounts()[0].clone();
    let body = simulated(&simulator.licenses(&account), count);
    let simulation = Simulation::start(simulator.with_hold_after_records(count / 2));
    let broker = Broker::start();
    let topic = topic("broker-dies");

    let mut command = kafka_at(broker.bootstrap(), &topic);
    command.args(["-X", "message.timeout.ms=3000", "-X", "reconnect.backoff.max.ms=500"]);
    // A checkpoint that cannot be kept would end the run as well.
    command.arg("--no-checkpoint");
    let mut child = start(simulation.source(&mut command));
    simulation.until_held(&mut child);
    // Only the topic tells that delivery has begun.
    while topic_messages_at(broker.bootstrap(), &topic).is_empty() {
        assert!(child.try_wait().unwrap().is_none(), "{:?}", Run::of(child));
    }
    broker.kill();
    simulation.release();
    let run = Run::of(child).expect(1);
    let summary = undelivered(&run);

    let all: Vec<Record> = records(&body);
    let (_, rest) = run.stderr.split_once("error: record at byte ").expect("a place");
    let (byte, why) = rest.split_once(" was not delivered: ").expect("a reason");
    assert!(all.iter().any(|record| record.byte.to_string() == byte), "{}", run.stderr);
    assert!(why.contains("timed out"), "{}", run.stderr);

    broker.restart();
    let messages = topic_messages_at(broker.bootstrap(), &topic);
    let found = check(&messages, &all, Some(&account), &summary);
    // What arrived and could not be acknowledged any more is there and not reported.
    let reported = summary["records"].as_u64().unwrap() as usize;
    assert!(0 < reported && reported <= found && found < all.len(), "{reported}, {found}");
}
