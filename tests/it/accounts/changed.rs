//! A snapshot that is begun anew because the API answered differently than before.

use std::collections::BTreeMap;

use license_stream::simulate::{AccountGroup, Fault, FaultKind};
use serde_json::Value;

use super::{command, group, start};
use crate::support::body::id;
use crate::support::kafka;
use crate::support::process::run;
use crate::support::python::{header, parquet_rows, root, schema_violations, topic_messages};
use crate::support::replies::{Replies, say};
use crate::support::truto::api_command;

const RECORDS: u64 = 3000;

/// The first request is cut behind most of the licenses; whoever asks again finds the first one changed.
fn changing() -> AccountGroup {
    let faults = vec![
        Fault::new(FaultKind::CutAt(1_200_000)).times(1),
        Fault::new(FaultKind::ChangeFromRecord(0)),
    ];
    AccountGroup { faults, ..group(1, RECORDS) }
}

/// What became of each snapshot: its id, outcome, and kind of error.
fn told(summary: &Value) -> Vec<(&str, &str, Option<&str>)> {
    assert_eq!(
        schema_violations(&root().join("schemas/summary.schema.json"), &summary.to_string()),
        [""; 0]
    );
    let snapshots = summary["snapshots"].as_array().unwrap().iter();
    let told = snapshots.map(|it| {
        let outcome = it["outcome"].as_str().unwrap();
        (it["snapshot_id"].as_str().unwrap(), outcome, it["error"]["kind"].as_str())
    });
    told.collect()
}

#[test]
fn what_is_abandoned_leaves_no_file() {
    let (truto, ids) = start([changing()]);
    let directory = tempfile::tempdir().unwrap();
    let mut command = command("parquet", &truto);
    command.args(["--account", &ids[0], "--json", "--file-bytes", "300000"]);
    let got = run(command.args(["--row-group-bytes", "300000", "--out"]).arg(directory.path()));
    assert_eq!(got.code, Some(0), "{}", got.stderr);
    let summary: Value = serde_json::from_str(got.text()).unwrap();
    let told = told(&summary);
    assert_eq!(told.len(), 2, "{summary}");
    assert_eq!((told[0].1, told[0].2), ("abandoned", Some("changed")));
    assert_eq!((told[1].1, told[1].2), ("done", None));
    let rows = parquet_rows("pyarrow", directory.path());
    assert_eq!(rows.len() as u64, RECORDS);
    assert!(rows.iter().all(|row| row["_snapshot_id"] == told[1].0));
    assert_eq!((&summary["records"], &summary["outcome"]), (&RECORDS.into(), &"done".into()));
}

#[test]
fn a_topic_keeps_both_and_tells_them_apart() {
    let (truto, ids) = start([changing()]);
    let topic = kafka::topic("changed");
    let mut command = command("kafka", &truto);
    command.args(["--account", &ids[0], "--json", "--brokers", &kafka::bootstrap()]);
    let got = run(command.args(["--topic", &topic]));
    assert_eq!(got.code, Some(0), "{}", got.stderr);
    let summary: Value = serde_json::from_str(got.text()).unwrap();
    let told = told(&summary);
    let mut counts = BTreeMap::new();
    let messages = topic_messages(&topic);
    for message in &messages {
        let snapshot = header(message, "truto-snapshot");
        *counts.entry(snapshot).or_insert(0) += 1;
    }
    assert_eq!(counts[told[1].0], RECORDS, "{summary}");
    assert_eq!(counts[told[0].0], summary["snapshots"][0]["records"].as_u64().unwrap());
    // What was given up is an entry of its own, and no part of the whole.
    assert_eq!(summary["records"], RECORDS, "{summary}");

    let (truto, ids) = start([changing()]);
    let mut command = self::command("kafka", &truto);
    command.args(["--account", &ids[0], "--brokers", &kafka::bootstrap()]);
    let got = run(command.args(["--topic", &kafka::topic("changed")]));
    assert!(
        got.stderr.contains(&format!("done: {} licenses delivered", "3,000")),
        "{}",
        got.stderr
    );
    assert!(got.stderr.contains("\nleft behind: "), "{}", got.stderr);
}

#[test]
fn what_an_earlier_run_had_delivered_of_what_is_given_up_is_counted() {
    // So slow that what is kept first is not the end. Whoever asks again finds the first license changed.
    let slow = AccountGroup {
        faults: vec![Fault::new(FaultKind::ChangeFromRecord(0))],
        bytes_per_second: Some(1_000_000.try_into().unwrap()),
        ..group(1, RECORDS)
    };
    for (delivery, is_exact, is_json) in [
        ("at-least-once", false, true),
        ("at-least-once", false, false),
        ("exactly-once", true, true),
        ("exactly-once", true, false),
    ] {
        let topic = kafka::topic("changed-since");
        let (truto, ids) = start([slow.clone()]);
        let into = |options: &[&str]| {
            let mut command = command("kafka", &truto);
            command.args(["--account", &ids[0], "--brokers", &kafka::bootstrap()]);
            command.args(["--topic", &topic, "--delivery", delivery]);
            if is_exact {
                command.args(["--transaction-bytes", "200000"]);
            }
            if options.is_empty() {
                command.env("LICENSE_STREAM_KILL_AT", "transaction-committed:1");
            }
            run(command.args(options))
        };
        assert_eq!(into(&[]).code, None, "it is killed");
        let got = into(if is_json { &["--json"] } else { &["--no-lookup"] });
        assert_eq!(got.code, Some(0), "{}", got.stderr);
        let mut counts = BTreeMap::<String, u64>::new();
        for message in topic_messages(&topic) {
            *counts.entry(header(&message, "truto-snapshot").to_owned()).or_default() += 1;
        }
        // Their ids sort as they were begun.
        let (first, there) = counts.first_key_value().unwrap();
        if !is_json {
            let (_, left) = got.stderr.split_once("\nleft behind: ").expect("a line of its own");
            assert_eq!(left.starts_with("at least "), !is_exact, "{left}");
            continue;
        }
        let summary: Value = serde_json::from_str(got.text()).unwrap();
        assert_eq!(told(&summary)[0], (first.as_str(), "abandoned", Some("changed")));
        let abandoned = &summary["snapshots"][0];
        let left = abandoned["left_behind"].as_u64().expect("it is counted");
        assert_eq!(abandoned["resumed_at_record"], left, "{summary}");
        assert_eq!(abandoned["records"], 0, "this run has delivered none of it");
        assert!(if is_exact { left == *there } else { left <= *there }, "{left} of {there}");
    }
}

#[test]
fn a_file_is_begun_anew_and_standard_output_cannot_be() {
    let (truto, ids) = start([changing()]);
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("licenses.ndjson");
    let got = run(command("ndjson", &truto).args(["--account", &ids[0], "--out"]).arg(&out));
    assert_eq!(got.code, Some(0), "{}", got.stderr);
    let last = "\nbegun anew: 1 snapshot, because the API answered differently than before\n\
        retried: 1 of 4 requests\n";
    assert!(got.stderr.ends_with(last), "{}", got.stderr);
    let text = std::fs::read(&out).unwrap();
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    assert_eq!(lines.map(id).count() as u64, RECORDS);
    assert!(got.stderr.starts_with("done: 3,000 licenses in "), "{}", got.stderr);

    let (truto, ids) = start([changing()]);
    let mut json = command("ndjson", &truto);
    let got = run(json.args(["--account", &ids[0], "--json", "--out"]).arg(&out));
    let summary: Value = serde_json::from_str(got.text()).unwrap();
    let length = std::fs::metadata(&out).unwrap().len();
    assert_eq!((&summary["records"], &summary["bytes_written"]), (&RECORDS.into(), &length.into()));
    assert_eq!(told(&summary)[0].1, "abandoned");
    assert_eq!(summary["snapshots"][0]["records"], 0, "nothing of it is left");

    // Where it is in vain in the end, what is counted is what is left.
    let (truto, ids) = start([AccountGroup {
        faults: vec![
            Fault::new(FaultKind::CutAt(1_200_000)),
            Fault::new(FaultKind::ChangeFromRecord(0)),
        ],
        ..group(1, RECORDS)
    }]);
    let failed = directory.path().join("failed.ndjson");
    let mut json = command("ndjson", &truto);
    let got = run(json.args(["--account", &ids[0], "--json", "--out"]).arg(&failed));
    assert_eq!(got.code, Some(1), "{}", got.stderr);
    let summary: Value = serde_json::from_str(got.text()).unwrap();
    let text = std::fs::read(directory.path().join("failed.ndjson.partial")).unwrap();
    let count = text.iter().filter(|byte| **byte == b'\n').count();
    assert!(count > 0, "{summary}");
    assert_eq!(
        (&summary["records"], &summary["bytes_written"]),
        (&count.into(), &text.len().into())
    );

    let (truto, ids) = start([changing()]);
    let got = run(command("ndjson", &truto).args(["--account", &ids[0]]));
    assert_eq!(got.code, Some(1), "{}", got.stderr);
    let told = format!("error: account {}: the page was cut, and is another one now", ids[0]);
    assert!(got.stderr.contains(&told), "{}", got.stderr);
    assert!(got.stderr.contains("bytes are not those that came before"), "{}", got.stderr);
    assert!(got.stderr.contains("cannot be taken back: write to a file with --out"));
}

/// How long a cursor lives is not known: one that was kept may have expired when the next run comes.
#[test]
fn a_listing_whose_cursor_is_refused_is_begun_anew() {
    // More than one batch holds, so that there is a file of each page when the next is asked for.
    let licenses = (0..3_000).map(|id| format!(r#"{{"id":"{id}","name":"{id:>500}"}}"#));
    let licenses = licenses.collect::<Vec<_>>().join(",");
    let page = |cursor: &str| {
        let body = format!(r#"{{"result":[{licenses}],"next_cursor":{cursor}}}"#);
        say("200 OK", "Content-Type: application/json\r\n", &body)
    };
    let expired =
        || say("400 Bad Request", "", r#"{"statusCode":400,"message":"cursor has expired"}"#);
    let forbidden = say("403 Forbidden", "", "{}");
    let directory = tempfile::tempdir().unwrap();
    let parquet = |answers| {
        let api = Replies::of(answers);
        let mut command =
            api_command("parquet", &api.url(), "4d93a80d-7601-4c47-aeed-518a4dc1bb2e");
        command.args(["--file-bytes", "1", "--json", "--out"]).arg(directory.path());
        (run(&mut command), api.requests().len())
    };
    // Between two runs: the first leaves a checkpoint within its second page.
    let (got, _) = parquet(vec![page("\"c\""), page("\"d\""), forbidden]);
    assert_eq!(got.code, Some(3), "{}", got.stderr);
    let (got, requests) = parquet(vec![expired(), page("null")]);
    assert_eq!((got.code, requests), (Some(0), 2), "{}", got.stderr);
    let summary: Value = serde_json::from_str(got.text()).unwrap();
    assert_eq!(told(&summary)[0].2, Some("changed"));
    let why = summary["snapshots"][0]["error"]["message"].as_str().unwrap();
    assert!(why.contains("which the API gave, is refused: it may have expired"), "{why}");
    assert!(why.contains("cursor has expired"), "{why}");
    // Within one, and not for ever.
    let (got, requests) = parquet(vec![page("\"c\""), expired(), page("null")]);
    assert_eq!((got.code, requests), (Some(0), 3), "{}", got.stderr);
    let answers = (0..4).flat_map(|_| [page("\"c\""), expired()]).collect();
    let (got, requests) = parquet(answers);
    assert_eq!((got.code, requests), (Some(1), 8), "{}", got.stderr);
    let whole =
        std::fs::read_dir(directory.path().join("_license-stream")).unwrap().filter(|entry| {
            let name = entry.as_ref().unwrap().file_name().into_string().unwrap();
            name.ends_with(".json") && !name.contains("checkpoint")
        });
    assert_eq!(whole.count(), 2, "manifests");
}
