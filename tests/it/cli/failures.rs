//! What `--json` prints where a command fails before there is anything else to print.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::command::license_stream;
use crate::support::python::{root, schema_violations};
use crate::support::run::{Run, run};

/// `words` as they are typed in `directory`, where nothing is but a file of jobs.
fn command(directory: &Path, words: &str) -> Command {
    let pipeline = "jobs:\n  - name: raw\n    to: ndjson\n    token-account: true\n";
    std::fs::write(directory.join("jobs.yaml"), pipeline).unwrap();
    let mut command = license_stream();
    command.current_dir(directory).args(words.split(' '));
    command
}

/// The one object in `told`, which must be a line, and its error that is told to people too.
fn object(run: &Run, told: &str, error: &str) -> Value {
    let line = told.lines().find(|line| line.starts_with('{'));
    let object: Value = serde_json::from_str(line.unwrap_or_else(|| panic!("{run:#?}"))).unwrap();
    let said = object[error].as_str().unwrap_or_else(|| panic!("{run:#?}"));
    assert!(run.stderr.contains(&format!("error: {said}\n")), "{run:#?}");
    object
}

#[test]
fn a_command_that_fails_at_once_says_so_in_json_with_the_same_exit_code() {
    let directory = tempfile::tempdir().unwrap();
    for (words, code) in [
        ("checkpoint show --out missing", 2),
        ("checkpoint reset --all --out missing", 2),
        ("checkpoint reset --account a --checkpoint missing", 2),
        ("checkpoint reset --all --topic no/name --brokers localhost:1", 2),
        ("inspect missing", 1),
        ("inspect jobs.yaml", 1),
        ("accounts", 2),
        ("compact missing", 1),
    ] {
        let plain = run(&mut command(directory.path(), words)).expect(code);
        assert_eq!(plain.stdout, "", "{words}");
        let told = run(command(directory.path(), words).arg("--json")).expect(code);
        assert_eq!(told.stdout.lines().count(), 1, "{told:#?}");
        assert_eq!(told.stderr, plain.stderr);
        let mut object = object(&told, &told.stdout, "error");
        object.as_object_mut().unwrap().remove("error");
        let wanted = match words {
            "compact missing" => json!({ "outcome": "failed", "is_complete": false }),
            _ => json!({}),
        };
        assert_eq!(object, wanted, "{words}");
    }
}

#[test]
fn a_log_that_cannot_be_begun_is_told_in_the_form_of_the_command() {
    let directory = tempfile::tempdir().unwrap();
    for (words, error, has) in [
        ("parquet --token-account --out lake", "error", "snapshots"),
        ("kafka --token-account --topic t --brokers localhost:1", "error", "snapshots"),
        ("ndjson --token-account --out file", "error", "snapshots"),
        ("run jobs.yaml", "error", "jobs"),
        ("run jobs.yaml --check", "message", "what"),
        ("check parquet --token-account --out lake", "message", "result"),
        ("integrations", "error", "error"),
    ] {
        let mut command = command(directory.path(), words);
        let told = run(command.arg("--json").env("RUST_LOG", "license_stream=loud")).expect(2);
        let object = object(&told, &told.stdout, error);
        assert!(!object[has].is_null(), "{told:#?}");
    }
}

#[test]
fn a_run_of_jobs_that_cannot_begin_is_an_object_by_its_schema() {
    let directory = tempfile::tempdir().unwrap();
    let schema = root().join("schemas/run.schema.json");
    let missing = run(&mut command(directory.path(), "run missing.yaml --json")).expect(2);
    let told = object(&missing, &missing.stdout, "error");
    assert_eq!((&told["outcome"], &told["exit_code"]), (&json!("failed"), &json!(2)));
    assert_eq!(told["jobs"], json!([]));
    assert_eq!(schema_violations(&schema, &missing.stdout), [""; 0]);
    // Where licenses go to standard output, nothing else does.
    let words = "run jobs.yaml --json --set raw.shape=round";
    let stdout = run(&mut command(directory.path(), words)).expect(2);
    assert_eq!(stdout.stdout, "", "{stdout:#?}");
    assert_eq!(object(&stdout, &stdout.stderr, "error")["jobs"], json!([]));
    // The file as it results is no JSON, and so is what keeps it from being read.
    let words = "run missing.yaml --json --print-config";
    assert_eq!(run(&mut command(directory.path(), words)).expect(2).stdout, "");
}
