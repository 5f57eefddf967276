//! What `license-stream schema` prints, and what the other schemas in `schemas/` describe.

use std::process::{Command, Stdio};

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
fn a_run_that_is_not_begun_has_a_summary_too() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("out");
    let simulator = Simulator::new().with_records(2_000);
    let simulation = Simulation::start(simulator.clone().with_hold_after_records(500));
    let parquet = |out: &std::path::Path| {
        let mut command = license_stream();
        command.args(["parquet", "--json", "--file-bytes", "1", "--out"]).arg(out);
        command
    };
    let failed = |run: Run, code: i32, kind: Option<&str>, says: &str| {
        let stderr = run.stderr.clone();
        let summary = summary(run, code);
        let error = summary["error"].as_str().unwrap();
        assert_eq!(stderr, format!("error: {error}\n"), "{summary}");
        assert!(error.contains(says), "{summary}");
        assert_eq!(summary["outcome"], "failed");
        assert_eq!(summary["snapshots"][0]["error"]["kind"].as_str(), kind, "{summary}");
    };
    // Another run has it.
    let mut child = start(simulation.source(&mut parquet(&out)));
    simulation.until_held(&mut child);
    let other = run(simulation.source(&mut parquet(&out)));
    failed(other, 1, Some("destination"), "another run is writing to");
    child.kill().unwrap();
    child.wait().unwrap();
    // Other options, and a checkpoint that is none.
    let whole = Simulation::start(simulator);
    let mut killed = parquet(&out);
    killed.env("LICENSE_STREAM_KILL_AT", "checkpoint-renamed:1");
    assert!(!whole.source(&mut killed).status().unwrap().success());
    let mut other = parquet(&out);
    let refused = run(whole.source(other.args(["--max-depth", "9"])));
    failed(refused, 2, Some("configuration"), "was begun with other options");
    let name = format!("_license-stream/{}.checkpoint.json", whole.account());
    std::fs::write(out.join(name), "{").unwrap();
    failed(run(whole.source(&mut parquet(&out))), 1, Some("input"), "checkpoint cannot be read");
    // There is no account to speak of.
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let refused = run(whole.source(&mut parquet(&file)));
    failed(refused, 1, Some("destination"), file.to_str().unwrap());
    let mut other = parquet(&out);
    let refused = run(whole.source(other.args(["--sort-by", "name", "--exclude-field", "name"])));
    failed(refused, 2, None, "leaves out a column that --sort-by names");
    let mut command = license_stream();
    command.args(["kafka", "--json", "--brokers", "127.0.0.1:1", "--topic", "t", "--on-error"]);
    let refused =
        run(command.args(["dead-letter", "--dead-letter"]).arg(&file).arg("--input").arg(&file));
    failed(refused, 2, None, "");
}

#[test]
fn a_summary_that_cannot_be_written_is_a_failure() {
    let directory = tempfile::tempdir().unwrap();
    let command = |out: &str| {
        let mut command = license_stream();
        command.args(["parquet", "--json", "--out"]).arg(directory.path().join(out));
        command.arg("--input").arg(edges());
        command
    };
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let (reader, closed) = std::io::pipe().unwrap();
    drop(reader);
    for (out, stdout) in [("full", full.into()), ("closed", Stdio::from(closed))] {
        let output = command(out).stdout(stdout).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        let says = "error: the summary could not be written to standard output: ";
        assert!(stderr.starts_with(says), "{stderr}");
        assert!(directory.path().join(out).join("_SUCCESS").exists());
    }
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
