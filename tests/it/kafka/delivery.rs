//! Undisturbed runs: every record once, as it came.

use std::fmt::Write;

use license_stream::simulate::Simulator;
use serde_json::json;

use super::{check, kafka};
use crate::support::body::{Record, edges, records, simulated};
use crate::support::python::topic_messages;
use crate::support::run::run;
use crate::support::simulation::Simulation;

/// Reads `topic`, in which each of `expected` must be once.
fn check_all(topic: &str, expected: &[Record], account: Option<&str>, summary: &serde_json::Value) {
    let messages = topic_messages(topic);
    assert_eq!(check(&messages, expected, account, summary), expected.len());
    assert_eq!(
        (&summary["records"], &summary["outcome"]),
        (&json!(expected.len()), &json!("done"))
    );
    let text = |message: &serde_json::Value, name: &str| message[name].as_str().unwrap().len();
    let bytes: usize =
        messages.iter().map(|message| text(message, "key") + text(message, "value")).sum();
    assert_eq!(summary["bytes_written"], bytes);
}

#[test]
fn licenses_that_arrive_over_http_are_delivered_once() {
    let count = 20_000;
    let simulator = Simulator::new().with_seed(2).with_records(count);
    let account = simulator.accounts()[0].clone();
    let body = simulated(&simulator.licenses(&account), count);
    let simulation = Simulation::start(simulator.with_chunk_bytes(10_007));
    let topic = crate::support::kafka::topic("delivery");
    let summary = run(simulation.source(&mut kafka(&topic))).expect(0).summary();
    check_all(&topic, &records(&body), Some(&account), &summary);
    assert_eq!(summary["snapshots"][0]["topic"], topic);
}

#[test]
fn every_edge_is_passed_on_byte_for_byte() {
    let body = std::fs::read(edges()).unwrap();
    let topic = crate::support::kafka::topic("edges");
    let summary = run(kafka(&topic).arg("--input").arg(edges())).expect(0).summary();
    // Without an account the key is the bare id.
    check_all(&topic, &records(&body), None, &summary);
}

#[test]
fn versions_of_a_license_stay_in_order() {
    let mut body = String::new();
    for version in 0..200 {
        for license in 0..20 {
            writeln!(body, r#"{{"id":"license {license}","assigned_quantity":{version}}}"#)
                .unwrap();
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let input = directory.path().join("body.ndjson");
    std::fs::write(&input, &body).unwrap();
    let topic = crate::support::kafka::topic("versions");
    let mut command = kafka(&topic);
    let summary = run(command.args(["--account", "a", "--input"]).arg(&input)).expect(0).summary();
    check_all(&topic, &records(body.as_bytes()), Some("a"), &summary);
}

#[test]
fn a_full_queue_waits_and_loses_nothing() {
    let count = 3_000;
    let simulator = Simulator::new().with_seed(9).with_records(count);
    let account = simulator.accounts()[0].clone();
    let body = simulated(&simulator.licenses(&account), count);
    let simulation = Simulation::start(simulator);
    let topic = crate::support::kafka::topic("queue");
    let mut command = kafka(&topic);
    command.args(["-X", "queue.buffering.max.messages=100", "-X", "linger.ms=1"]);
    let summary = run(simulation.source(&mut command)).expect(0).summary();
    check_all(&topic, &records(&body), Some(&account), &summary);
}
