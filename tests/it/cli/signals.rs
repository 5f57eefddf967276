//! SIGINT and SIGTERM: what came is delivered, and then it ends.

use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use license_stream::simulate::{
    AccountGroup, Fault, FaultKind, LicenseGenerator, Listing, Simulator, Stall,
};
use serde_json::Value;

use crate::support::command::license_stream;
use crate::support::process::{Run, Running, TOKEN, run, start};
use crate::support::scripted::Scripted;
use crate::support::truto::{Truto, api_command};
use crate::support::{kafka, python};

/// The summary of a run that a signal has stopped, with the only snapshot in it.
fn interrupted(summary: &str) -> (Value, Value) {
    let summary: Value = serde_json::from_str(summary).unwrap();
    let snapshot = summary["snapshots"][0].clone();
    assert_eq!(summary["outcome"], "interrupted");
    assert_eq!(snapshot["complete"], false);
    assert_eq!(snapshot["error"], Value::Null);
    (summary, snapshot)
}

/// A run over standard input that is stopped while the pipe is open, and the body it could read from.
///
/// A pipe holds far less than the body, so most of it was read when the last byte has been written.
fn stopped_at_the_pipe(command: &mut Command, signal: &str) -> (Run, Vec<u8>) {
    let mut body = Vec::new();
    LicenseGenerator::new(3, "a").write_ndjson(0..8000, &mut body).unwrap();
    assert!(body.len() > 4 << 20);
    let mut running = start(command.args(["--input", "-"]).stdin(Stdio::piped()));
    let mut stdin = running.stdin.take().unwrap();
    stdin.write_all(&body).unwrap();
    running.signal(signal);
    let run = running.finish();
    drop(stdin);
    (run, body)
}

/// The records that came whole, of those that the summary says were read.
fn whole_lines<'a>(body: &'a [u8], summary: &Value) -> &'a [u8] {
    let read = &body[..summary["bytes_read"].as_u64().unwrap() as usize];
    let end = read.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    assert!(end > 1 << 20, "{summary}");
    &body[..end]
}

fn count(lines: &[u8]) -> usize {
    lines.iter().filter(|byte| **byte == b'\n').count()
}

#[test]
fn lines_that_came_are_on_standard_output() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let truto = Truto::start(Simulator::new().with_records(100).with_hold_after_records(40));
        let mut running = start(truto.command("ndjson").arg("--json"));
        let mut lines = Vec::new();
        for _ in 0..40 {
            lines.extend(running.line());
        }
        assert!(lines == truto.licenses(0..40));
        running.signal(signal);
        let got = running.finish();
        assert_eq!((got.code, got.text()), (Some(code), ""), "{}", got.stderr);
        let (summary, snapshot) = interrupted(&got.stderr);
        assert_eq!((&summary["records"], &snapshot["records"]), (&40.into(), &40.into()));
    }
}

#[test]
fn a_list_of_accounts_that_does_not_end_is_waited_for_no_longer_than_a_signal() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let truto = Truto::start(Simulator::new().with_records(10));
        let out = tempfile::tempdir().unwrap();
        let mut command = license_stream();
        command.env("TRUTO_API_TOKEN", TOKEN).args([
            "ndjson",
            "--json",
            "--base-url",
            &truto.url(),
        ]);
        command.args(["--accounts-file", "-", "--out"]).arg(out.path());
        let mut running = start(command.stdin(Stdio::piped()));
        let mut stdin = running.stdin.take().unwrap();
        writeln!(stdin, "{}", truto.account()).unwrap();
        std::thread::sleep(Duration::from_millis(500));
        running.signal(signal);
        let got = running.finish();
        drop(stdin);
        assert_eq!(got.code, Some(code), "{}", got.stderr);
        let summary: Value = serde_json::from_str(got.text()).unwrap();
        assert_eq!((&summary["outcome"], &summary["records"]), (&"interrupted".into(), &0.into()));
    }
}

#[test]
fn lines_that_came_are_in_the_partial_file_and_an_older_whole_one_stays() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("lines"), "older").unwrap();
    let mut command = license_stream();
    command.current_dir(directory.path()).args(["ndjson", "--json", "--out", "lines"]);
    let (got, body) = stopped_at_the_pipe(&mut command, "INT");
    assert_eq!(got.code, Some(130), "{}", got.stderr);
    let (summary, _) = interrupted(got.text());
    let want = whole_lines(&body, &summary);
    assert!(std::fs::read(directory.path().join("lines.partial")).unwrap() == want);
    assert_eq!(std::fs::read_to_string(directory.path().join("lines")).unwrap(), "older");
    assert_eq!(summary["records"], count(want));
}

#[test]
fn a_run_that_does_not_know_all_accounts_yet_is_not_done() {
    let group = AccountGroup { count: 4, records: 5, ..AccountGroup::default() };
    // The first page never comes, or the second, when the accounts of the first have ended.
    for (after, ended) in [(0, 0), (1, 2)] {
        let stalled = Fault::new(FaultKind::StallHead(Stall::Forever)).after(after);
        let listing = Listing { page_records: 2, faults: vec![stalled], ..Listing::default() };
        let simulator = Simulator::new().with_groups([group.clone()]).with_listing(listing);
        for (signal, code) in [("INT", 130), ("TERM", 143)] {
            let truto = Truto::start(simulator.clone());
            let directory = tempfile::tempdir().unwrap();
            let mut command = license_stream();
            command.env("TRUTO_API_TOKEN", TOKEN).current_dir(directory.path());
            command.args(["parquet", "--base-url", &truto.url(), "--all-accounts"]);
            let running = start(command.args(["--out", "lake", "--json"]));
            let requests = if after == 0 { 1 } else { 2 + 2 * ended };
            while truto.requests() < requests {
                std::thread::sleep(Duration::from_millis(10));
            }
            std::thread::sleep(Duration::from_millis(500));
            running.signal(signal);
            let got = running.finish();
            assert_eq!(got.code, Some(code), "{}", got.stderr);
            let summary: Value = serde_json::from_str(got.text()).unwrap();
            assert_eq!(summary["outcome"], "interrupted");
            assert_eq!(summary["accounts"]["done"], ended);
            assert!(got.stderr.contains("before it knew all accounts"), "{}", got.stderr);
            assert!(!directory.path().join("lake/_SUCCESS").exists());
        }
    }
}

#[test]
fn a_parquet_file_is_whole() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = license_stream();
    command.current_dir(directory.path()).args(["parquet", "--json", "--out", "lake"]);
    let (got, body) = stopped_at_the_pipe(&mut command, "TERM");
    assert_eq!(got.code, Some(143), "{}", got.stderr);
    let (summary, snapshot) = interrupted(got.text());
    let want: Vec<_> = whole_lines(&body, &summary)
        .split_inclusive(|byte| *byte == b'\n')
        .map(|line| serde_json::from_slice::<Value>(line).unwrap()["id"].clone())
        .collect();
    assert_eq!(summary["records"], want.len());
    let [file] = &snapshot["files"].as_array().unwrap()[..] else { panic!("{snapshot}") };
    let file = directory.path().join(Path::new(file.as_str().unwrap()));
    for engine in python::ENGINES {
        let rows = python::parquet_rows(engine, &file);
        assert!(rows.iter().map(|row| &row["id"]).eq(&want), "{engine}");
    }
    let lake = std::fs::read_dir(directory.path().join("lake")).unwrap();
    let mut names: Vec<_> = lake.map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    // No `_SUCCESS`: the snapshot is a part.
    assert_eq!(names[..1], ["_license-stream"]);
    assert_eq!(names[1..], [file.file_name().unwrap()]);
}

#[test]
fn messages_that_came_are_in_the_topic() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let topic = kafka::topic("signals");
        let brokers = kafka::bootstrap();
        let truto = Truto::start(Simulator::new().with_records(100).with_hold_after_records(1));
        let mut command = truto.command("kafka");
        let running = start(command.args(["--json", "--brokers", &brokers, "--topic", &topic]));
        truto.until_held();
        // The one license before the hold: that it can be consumed shows that it was received.
        let mut kcat = Command::new("timeout");
        kcat.args([
            "120",
            "kcat",
            "-C",
            "-q",
            "-b",
            &brokers,
            "-t",
            &topic,
            "-o",
            "beginning",
            "-c",
            "1",
        ]);
        assert_eq!(run(&mut kcat).stdout, truto.licenses(0..1));
        running.signal(signal);
        let got = running.finish();
        assert_eq!(got.code, Some(code), "{}", got.stderr);
        let (summary, _) = interrupted(got.text());
        assert_eq!(summary["records"], 1);
        let messages = python::topic_messages(&topic);
        assert_eq!(messages.len(), 1);
        let value = format!("{}\n", messages[0]["value"].as_str().unwrap());
        assert_eq!(value.as_bytes(), truto.licenses(0..1));
    }
}

#[test]
fn the_part_of_a_record_that_came_is_not_delivered() {
    let plan = Simulator::new().with_records(3);
    let first = Truto::start(plan.clone()).licenses(0..1).len() as u64;
    let truto = Truto::start(plan.with_hold_after_bytes(first + 20));
    let mut running = start(&mut truto.command("ndjson"));
    assert_eq!(running.line(), truto.licenses(0..1));
    truto.until_held();
    running.signal("INT");
    let got = running.finish();
    assert_eq!((got.code, got.text()), (Some(130), ""), "{}", got.stderr);
}

#[test]
fn a_server_that_does_not_answer_can_be_left() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let running = start(&mut api_command("ndjson", &url, "62f44730-dd91-461e-bd6a-aedd9e0ad79d"));
    let (_connection, _) = silent.accept().unwrap();
    running.signal("INT");
    assert_eq!(running.finish().code, Some(130));
}

#[test]
fn a_broker_that_does_not_answer_can_be_left() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let brokers = silent.local_addr().unwrap().to_string();
    let mut command = license_stream();
    command.args(["kafka", "--input", "/dev/null", "--brokers", &brokers, "--topic", "t"]);
    let running = start(&mut command);
    let (_connection, _) = silent.accept().unwrap();
    running.signal("TERM");
    let got = running.finish();
    assert_eq!(got.code, Some(143), "{}", got.stderr);
}

/// A run that writes a license longer than any pipe into one that is not read: what came cannot be
/// delivered.
fn stuck(options: &[&str]) -> (Scripted, Running) {
    let license = format!("{{\"id\":\"1\",\"name\":\"{}\"}}\n", "x".repeat(4 << 20));
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n";
    let api = Scripted::answer_and_stay(format!("{head}{license}"));
    let mut command = api_command("ndjson", &api.url(), "62f44730-dd91-461e-bd6a-aedd9e0ad79d");
    let mut running = start(command.args(options));
    assert_eq!(running.byte(), b'{');
    (api, running)
}

#[test]
fn what_cannot_be_delivered_is_waited_for_no_longer_than_the_grace() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let (_api, running) = stuck(&["--grace", "0.2"]);
        running.signal(signal);
        assert_eq!(running.wait(), Some(code));
    }
}

#[test]
fn a_second_signal_ends_at_once() {
    let (api, running) = stuck(&["--grace", "3600"]);
    running.signal("INT");
    // The first signal ends the reading, and so the connection is closed.
    api.request();
    running.signal("TERM");
    let (code, said) = running.wait_and_hear();
    let told = "error: ended at once by a second signal, SIGTERM: what was not delivered is left to the next run\n";
    assert_eq!(code, Some(143));
    assert!(said.ends_with(told), "{said}");
}
