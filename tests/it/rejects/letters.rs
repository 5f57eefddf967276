//! Dead letters: each reject with its place, its reason and its bytes.

use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Sink;
use super::body::{CONTENT, LIMITS, body, broken, good_ids};
use crate::support::body::{Record, records};
use crate::support::python::{root, schema_violations};
use crate::support::run::run;

fn dead_letter<'a>(command: &'a mut Command, letters: &Path, input: &Path) -> &'a mut Command {
    command
        .args(["--json", "--on-error", "dead-letter", "--dead-letter"])
        .arg(letters)
        .args(LIMITS)
        .arg("--input")
        .arg(input)
}

/// The letters that the body should make, without their messages.
fn expected(body: &[u8], account: Option<&str>) -> Vec<Value> {
    let records = records(body);
    // Every second record is broken.
    let rejected = records.iter().enumerate().skip(1).step_by(2);
    let letter = |((number, record), (reason, bytes)): ((usize, &Record), (&str, Vec<u8>))| {
        assert_eq!(record.bytes, bytes);
        let mut letter = json!({
            "account": account, "byte": record.byte, "line": record.line, "record": number,
            "reason": reason,
        });
        if reason != "too_long" {
            letter["length"] = json!(bytes.len());
            match String::from_utf8(bytes) {
                Ok(text) => letter["text"] = json!(text),
                Err(error) => letter["base64"] = json!(STANDARD.encode(error.as_bytes())),
            }
        }
        letter
    };
    rejected.zip(broken()).map(letter).collect()
}

/// Compares the letters of a file, which are valid by their schema. Their messages say something, and
/// not what the record says.
fn check(path: &Path, expected: &[Value]) {
    let text = std::fs::read_to_string(path).unwrap();
    let schema = root().join("schemas/reject.schema.json");
    assert_eq!(schema_violations(&schema, &text), [""; 0]);
    assert_eq!(text.lines().count(), expected.len());
    for (line, expected) in text.lines().zip(expected) {
        let mut letter: Value = serde_json::from_str(line).unwrap();
        let message = letter.as_object_mut().unwrap().remove("message").unwrap();
        assert_eq!(&letter, expected);
        let message = message.as_str().unwrap();
        assert!(!message.is_empty() && !message.contains(CONTENT), "{message}");
    }
}

#[test]
fn every_reject_is_kept_with_its_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let input = directory.path().join("body.ndjson");
    let body = body();
    std::fs::write(&input, &body).unwrap();
    for (number, sink) in Sink::all().into_iter().enumerate() {
        let letters = directory.path().join(format!("{number}.ndjson"));
        let run = run(dead_letter(&mut sink.command(), &letters, &input)).expect(4);
        assert_eq!(run.stderr, "");
        assert!(!run.stdout.contains(CONTENT), "{}", run.stdout);
        assert_eq!(run.summary()["rejected"], broken().len());
        check(&letters, &expected(&body, None));
        assert_eq!(sink.ids(), good_ids());
    }
}

#[test]
fn letters_of_a_further_run_are_appended_and_name_its_account() {
    let directory = tempfile::tempdir().unwrap();
    let (input, letters) = (directory.path().join("body"), directory.path().join("letters"));
    let body = body();
    std::fs::write(&input, &body).unwrap();
    let [parquet, _] = Sink::all();
    run(dead_letter(&mut parquet.command(), &letters, &input)).expect(4);
    let mut command = parquet.command();
    run(dead_letter(command.args(["--account", "an-account"]), &letters, &input)).expect(4);
    let both = [expected(&body, None), expected(&body, Some("an-account"))].concat();
    check(&letters, &both);
}

#[test]
fn letters_that_cannot_be_kept_are_no_letters() {
    let directory = tempfile::tempdir().unwrap();
    let input = directory.path().join("body.ndjson");
    std::fs::write(&input, body()).unwrap();
    let [parquet, _] = Sink::all();

    let missing = directory.path().join("no/such/directory");
    let run_one = run(dead_letter(&mut parquet.command(), &missing, &input)).expect(2);
    assert!(run_one.stderr.contains(missing.to_str().unwrap()), "{}", run_one.stderr);

    // It can be opened, and takes nothing.
    let full = run(dead_letter(&mut parquet.command(), Path::new("/dev/full"), &input)).expect(1);
    let error = "error: dead letters could not be written to /dev/full: ";
    assert!(full.stderr.starts_with(error), "{}", full.stderr);
    assert!(!full.stderr.contains(CONTENT), "{}", full.stderr);
    assert_eq!(full.summary()["outcome"], "failed");
}
