//! The log: what it tells, and what it never does.

use std::collections::BTreeSet;

use license_stream::simulate::{AccountGroup, Fault, FaultKind, Simulator};
use serde_json::Value;

use crate::support::process::{Run, run};
use crate::support::truto::Truto;

/// An account whose first answer is refused, and whose second is cut.
fn faulty(records: u64) -> Truto {
    let faults = vec![Fault::status(502).times(1), Fault::new(FaultKind::CutAt(5000)).times(1)];
    let group = AccountGroup { count: 1, records, faults, ..AccountGroup::default() };
    Truto::start(Simulator::new().with_groups([group]))
}

/// A log of JSON, event by event.
#[track_caller]
fn events(run: &Run) -> Vec<Value> {
    let event = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    run.stderr.lines().map(event).collect()
}

fn messages(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["message"].as_str().unwrap()).collect()
}

#[track_caller]
fn event<'a>(events: &'a [Value], message: &str) -> &'a Value {
    let mut found = events.iter().filter(|event| event["message"] == message);
    found.next().unwrap_or_else(|| panic!("no event `{message}` in {:#?}", messages(events)))
}

/// Texts of the licenses that nothing else has by chance.
fn content(lines: &[u8]) -> BTreeSet<String> {
    fn gather(value: &Value, texts: &mut BTreeSet<String>) {
        match value {
            Value::String(text) if text.len() >= 8 => drop(texts.insert(text.clone())),
            Value::Array(values) => values.iter().for_each(|value| gather(value, texts)),
            Value::Object(members) => members.values().for_each(|value| gather(value, texts)),
            _ => {}
        }
    }
    let mut texts = BTreeSet::new();
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        gather(&serde_json::from_slice(line).unwrap(), &mut texts);
    }
    assert!(texts.len() > 100, "{}", texts.len());
    texts
}

#[test]
fn each_decisive_instant_is_told_with_account_and_snapshot() {
    let truto = faulty(100);
    let directory = tempfile::tempdir().unwrap();
    let mut command = truto.command("parquet");
    command.current_dir(directory.path()).args(["--out", "lake", "--log-format", "json", "-vv"]);
    let got = run(&mut command);
    assert_eq!(got.code, Some(0), "{}", got.stderr);
    let events = events(&got);
    let snapshot = event(&events, "snapshot complete");
    assert_eq!((&snapshot["records"], &snapshot["retries"]), (&100.into(), &2.into()));
    for message in [
        "snapshot begun",
        "page asked for",
        "request",
        "answer",
        "retry",
        "page cut: it is asked for again",
        "what came of the page before has come again: going on behind it",
        "page read to its end",
        "checkpoint written",
        "piece complete",
    ] {
        let event = event(&events, message);
        assert_eq!(event["account"], truto.account(), "{event}");
        assert_eq!(event["snapshot"], snapshot["snapshot"], "{event}");
        assert_eq!(event["target"].as_str().unwrap().split("::").next(), Some("license_stream"));
        assert!(event["timestamp"].as_str().unwrap().ends_with('Z'), "{event}");
    }
    let request = event(&events, "request");
    assert_eq!(request["path"], "/unified/user-directory/licenses");
    assert_eq!(event(&events, "answer")["status"], 502);
    assert_eq!(event(&events, "retry")["number"], 1);
    assert_eq!(event(&events, "piece complete")["records"], 100);
    // What people are told is there once, as an event: the waits of -v are not told a second time.
    let told = |what: &str| got.stderr.matches(what).count();
    assert_eq!(
        (told("retried: 2 of 3 requests"), told("retry 1 of 5 in")),
        (1, 0),
        "{}",
        got.stderr
    );
    let said = events.iter().filter(|event| event["target"] == "license_stream_said");
    assert!(said.clone().count() >= 2 && said.clone().all(|event| event["level"] == "INFO"));
}

#[test]
fn neither_the_token_nor_a_license_is_in_any_log() {
    for format in ["text", "json"] {
        for verb in ["parquet", "ndjson"] {
            let truto = faulty(200);
            let directory = tempfile::tempdir().unwrap();
            let mut command = truto.command(verb);
            command.current_dir(directory.path()).args(["--out", "out", "--log-format", format]);
            // Of every crate, not only of this one. The token is looked for by whoever runs it.
            let got = run(command.args(["--json", "-vvv"]).env("RUST_LOG", "trace"));
            assert_eq!(got.code, Some(0), "{}", got.stderr);
            assert!(got.stderr.contains("hyper"), "{}", got.stderr);
            assert!(got.stderr.lines().count() > 30, "{}", got.stderr);
            for text in content(&truto.licenses(0..200)) {
                assert!(!got.stderr.contains(&text), "{text} in {}", got.stderr);
            }
        }
    }
}

#[test]
fn nothing_of_a_reject_is_in_any_log() {
    let directory = tempfile::tempdir().unwrap();
    let input = directory.path().join("body");
    std::fs::write(
        &input,
        "{\"id\":\"good\"}\n{\"id\":\"content-of-a-reject\n{\"x\":\"and-another\"}\n",
    )
    .unwrap();
    for flags in [&["--on-error", "skip"][..], &[]] {
        let mut command = crate::support::command::license_stream();
        command.args(["ndjson", "--log-format", "json", "--input"]).arg(&input).args(flags);
        let got = run(command.env("RUST_LOG", "trace"));
        let found = events(&got);
        assert!(messages(&found).contains(&"snapshot begun"), "{}", got.stderr);
        assert!(
            !got.stderr.contains("content-of") && !got.stderr.contains("and-another"),
            "{}",
            got.stderr
        );
        if flags.is_empty() {
            assert_eq!(event(&found, "snapshot failed")["kind"], "record");
            assert!(found.iter().any(|event| event["level"] == "ERROR"), "{}", got.stderr);
        }
    }
}

#[test]
fn the_level_is_what_was_asked_for() {
    let levels = |flags: &[&str], filter: Option<&str>| {
        let truto = faulty(20);
        let mut command = truto.command("ndjson");
        command.args(flags);
        if let Some(filter) = filter {
            command.env("RUST_LOG", filter);
        }
        let got = run(&mut command);
        assert_eq!(got.code, Some(0), "{}", got.stderr);
        let has = |level: &str| got.stderr.contains(&format!(" {level} "));
        (has("INFO"), has("DEBUG"), has("TRACE"), got.stderr)
    };
    let (info, debug, _, text) = levels(&[], None);
    assert!(!info && !debug && !text.contains("retry"), "{text}");
    // As it was before there was a log.
    let (info, debug, _, text) = levels(&["-v"], None);
    assert!(!info && !debug && text.contains(": retry 1 of 5 in "), "{text}");
    let (info, debug, _, text) = levels(&["--log-format", "text"], None);
    assert!(info && !debug, "{text}");
    let (info, debug, _, text) = levels(&["-v", "--log-format", "text"], None);
    assert!(info && !debug && !text.contains(": retry 1 of 5 in "), "{text}");
    let (info, debug, _, text) = levels(&["-vv"], None);
    assert!(info && debug, "{text}");
    let (info, debug, _, text) = levels(&[], Some("license_stream::truto=debug"));
    assert!(info && debug && !text.contains("snapshot complete"), "{text}");
    let (info, _, _, text) = levels(&["-v"], Some("warn"));
    assert!(!info && text.contains(": retry 1 of 5 in "), "{text}");
    let (info, _, trace, text) = levels(&["--quiet"], Some("trace"));
    assert!(!info && !trace && text.is_empty(), "{text}");

    let mut command = faulty(1).command("ndjson");
    let got = run(command.env("RUST_LOG", "license_stream=loud"));
    assert_eq!(got.code, Some(2), "{}", got.stderr);
    assert!(got.stderr.starts_with("error: RUST_LOG is no filter of a log"), "{}", got.stderr);
}
