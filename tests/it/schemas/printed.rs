//! What `license-stream schema` prints, and what the other schemas in `schemas/` describe.

use std::process::Command;

use expect_test::expect_file;
use license_stream::simulate::Simulator;
use serde_json::{Value, json};

use crate::support::body::{edges, simulated};
use crate::support::command::license_stream;
use crate::support::kafka;
use crate::support::python::{root, schema_violations};
use crate::support::run::{Run, run, start};
use crate::support::simulation::Simulation;

fn violations(schema: &str, documents: &str) -> Vec<String> {
    schema_violations(&root().join("schemas").join(schema), documents)
}

#[test]
fn each_form_is_the_file_of_that_name() {
    for (form, file) in [
        ("arrow", expect_file!["../../../schemas/license.arrow.txt"]),
        ("parquet", expect_file!["../../../schemas/license.parquet.txt"]),
        ("avro", expect_file!["../../../schemas/license.avsc"]),
        ("protobuf", expect_file!["../../../schemas/license.proto"]),
        ("json-schema", expect_file!["../../../schemas/license.schema.json"]),
        ("json-normalized", expect_file!["../../../schemas/license.normalized.schema.json"]),
        ("pipeline", expect_file!["../../../schemas/pipeline.schema.json"]),
    ] {
        let run = run(license_stream().args(["schema", form])).expect(0);
        file.assert_eq(&run.stdout);
        assert_eq!(run.stderr, "");
    }
}

#[test]
fn simulated_licenses_are_valid() {
    let body = simulated(&Simulator::new().licenses("account"), 2_000);
    assert!(violations("license.schema.json", &String::from_utf8(body).unwrap()).is_empty());

    // The schema is not so wide that anything passes.
    let broken = "{\"id\":\"\"}\n{\"id\":\"a\",\"is_paid\":1}\n{\"id\":\"a\",\"roles\":[[]]}\n[]";
    assert_eq!(violations("license.schema.json", broken).len(), 4);
}

/// The summary of a run that ended with `code`, after it was found valid.
fn summary(run: Run, code: i32) -> Value {
    let run = run.expect(code);
    assert_eq!(violations("summary.schema.json", &run.stdout), [""; 0]);
    run.summary()
}

#[test]
fn the_summary_of_every_outcome_is_valid() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("out");
    let parquet = || {
        let mut command = license_stream();
        command.args(["parquet", "--json", "--out"]).arg(&out);
        command
    };
    let outcome = |summary: Value| (summary["outcome"].clone(), summary["error"].is_null());

    let done = summary(run(parquet().arg("--input").arg(edges())), 0);
    assert!(done["fields_unexpected"]["products"].as_u64() > Some(1), "{done}");
    assert_eq!(outcome(done), (json!("done"), true));

    // Every reason that there is.
    let input = directory.path().join("broken.ndjson");
    let deep = format!("{{\"id\":{}{}}}", "[".repeat(200), "]".repeat(200));
    let long = format!("{{\"id\":\"{}\"}}", "x".repeat(2_000));
    // With one license, without which it would be no listing.
    let mut body = format!("{{\"id\":\"a\"}}\n{{\n7\n{{}}\n{deep}\n{long}\n").into_bytes();
    body.extend(b"{\"id\":\"\xff\"}");
    std::fs::write(&input, body).unwrap();
    let mut command = parquet();
    command.args(["--on-error", "skip", "--max-record-bytes", "1000", "--input"]).arg(&input);
    let rejected = summary(run(&mut command), 4);
    assert_eq!(rejected["rejects_by_reason"].as_object().unwrap().len(), 6, "{rejected}");
    assert_eq!(outcome(rejected), (json!("rejected"), true));

    let failed = summary(run(parquet().arg("--input").arg(&input)), 1);
    assert_eq!(outcome(failed), (json!("failed"), false));

    let held = Simulator::new().with_hold_after_records(500);
    let simulation = Simulation::start(held);
    let mut child = start(simulation.source(&mut parquet()));
    simulation.until_held(&mut child);
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let interrupted = summary(Run::of(child), 143);
    assert_eq!(outcome(interrupted), (json!("interrupted"), true));
}

#[test]
fn the_summary_names_the_topic_and_neither_for_lines() {
    let topic = kafka::topic("summary");
    let mut command = license_stream();
    command.args(["kafka", "--json", "--brokers", &kafka::bootstrap(), "--topic", &topic]);
    let produced = summary(run(command.arg("--input").arg(edges())), 0);
    let snapshot = &produced["snapshots"][0];
    assert_eq!((&snapshot["topic"], &snapshot["files"]), (&json!(topic), &Value::Null));

    let directory = tempfile::tempdir().unwrap();
    let mut command = license_stream();
    command.args(["ndjson", "--json", "--out"]).arg(directory.path().join("lines"));
    let lines = summary(run(command.arg("--input").arg(edges())), 0);
    assert_eq!(lines["snapshots"][0]["topic"], Value::Null);
}
