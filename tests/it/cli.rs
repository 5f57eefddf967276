//! What people and scripts see of the command: help, messages, summaries, signals, exit codes.

mod checkpoints;
mod failures;
mod help;
mod integrations;
mod signals;
mod simulate;
mod summary;

use std::process::Command;

use license_stream::simulate::Simulator;

use crate::support::command::license_stream;
use crate::support::process::{TOKEN, run, run_with_input, start};
use crate::support::scripted::Refusing;
use crate::support::truto::{Truto, api_command};

/// Two licenses around a line that is none.
const BROKEN: &[u8] = b"{\"id\":\"1\"}\n{\"id\":2}\n{\"id\":\"3\"}\n";

#[test]
fn each_exit_code_has_its_occasion() {
    let truto = Truto::start(Simulator::new().with_records(3));
    assert_eq!(run(&mut truto.command("ndjson")).code, Some(0));

    let cut = Truto::start(Simulator::new().with_cut_after(10));
    assert_eq!(run(cut.command("ndjson").arg("--retries=0")).code, Some(1));

    assert_eq!(run(license_stream().arg("ndjson")).code, Some(2));

    let refusing = Refusing::take();
    let url = format!("http://127.0.0.1:{}", refusing.port());
    assert_eq!(
        run(&mut api_command("ndjson", &url, "62f44730-dd91-461e-bd6a-aedd9e0ad79d")).code,
        Some(3)
    );

    let mut skip = license_stream();
    skip.args(["ndjson", "--input", "-", "--on-error", "skip"]);
    assert_eq!(run_with_input(&mut skip, BROKEN).code, Some(4));

    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let held = Truto::start(Simulator::new().with_records(3).with_hold_after_records(1));
        let mut running = start(&mut held.command("ndjson"));
        running.line();
        running.signal(signal);
        assert_eq!(running.finish().code, Some(code));
    }
}

#[test]
fn quiet_says_nothing_but_errors() {
    let mut skip = license_stream();
    skip.args(["ndjson", "--quiet", "--input", "-", "--on-error", "skip"]);
    let got = run_with_input(&mut skip, BROKEN);
    assert_eq!((got.code, got.stderr.as_str()), (Some(4), ""));

    let mut fail = license_stream();
    let got = run_with_input(fail.args(["ndjson", "-q", "--input", "-"]), BROKEN);
    assert_eq!((got.code, got.text()), (Some(1), "{\"id\":\"1\"}\n"));
    assert_eq!(got.stderr.lines().count(), 1, "{}", got.stderr);
    assert!(got.stderr.starts_with("error: "), "{}", got.stderr);
}

#[test]
fn the_first_broken_record_ends_the_run_behind_those_before_it() {
    let mut command = license_stream();
    let got = run_with_input(command.args(["ndjson", "--input", "-"]), BROKEN);
    assert_eq!((got.code, got.text()), (Some(1), "{\"id\":\"1\"}\n"));
    assert!(got.stderr.contains(" at byte 11, line 2, record 1"), "{}", got.stderr);
}

#[test]
fn broken_records_are_skipped_or_kept_as_dead_letters() {
    let directory = tempfile::tempdir().unwrap();
    let letters = directory.path().join("letters");
    let want = "{\"id\":\"1\"}\n{\"id\":\"3\"}\n";
    for extra in [&["--on-error", "skip"][..], &["--on-error", "dead-letter", "--dead-letter"]] {
        let mut command = license_stream();
        command.args(["ndjson", "--input", "-"]).args(extra);
        if extra.len() == 3 {
            command.arg(&letters);
        }
        let got = run_with_input(&mut command, BROKEN);
        assert_eq!((got.code, got.text()), (Some(4), want), "{}", got.stderr);
    }
    let kept = std::fs::read_to_string(&letters).unwrap();
    let letter: serde_json::Value = serde_json::from_str(&kept).unwrap();
    assert_eq!((&letter["text"], &letter["byte"]), (&"{\"id\":2}".into(), &11.into()));
}

#[test]
fn too_many_rejects_are_a_failure() {
    let body = "{}\n{\"id\":\"1\"}\n".repeat(3);
    for (limit, code) in [("3", 4), ("2", 1), ("0", 1), ("50%", 4), ("49.9%", 1)] {
        let mut command = license_stream();
        command.args(["ndjson", "--input", "-", "--on-error", "skip", "--max-rejects", limit]);
        let got = run_with_input(&mut command, body.as_bytes());
        assert_eq!(got.code, Some(code), "{limit}: {}", got.stderr);
        assert_eq!(got.stderr.contains("error: "), code == 1, "{limit}: {}", got.stderr);
    }
}

#[test]
fn whoever_stops_listening_makes_no_panic() {
    // Standard error first: what a run says of itself is then lost, and no more.
    let truto = Truto::start(Simulator::new().with_records(3).with_hold_after_records(1));
    let mut running = start(&mut truto.command("ndjson"));
    running.line();
    running.close_stderr();
    truto.release();
    assert_eq!(running.finish().code, Some(0));

    // `simulate | true`: nobody would know where it listens.
    let (code, stderr) =
        listened_to_by_nobody(license_stream().args(["simulate", "--listen=127.0.0.1:0"]));
    assert_eq!(code, Some(1), "{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
}

#[test]
fn whoever_has_seen_enough_of_a_list_makes_no_error() {
    let truto = Truto::start(Simulator::new().with_records(3));
    let lake = tempfile::tempdir().unwrap();
    let mut parquet = truto.command("parquet");
    assert_eq!(run(parquet.arg("--out").arg(lake.path())).code, Some(0));

    for arguments in [
        &["--help"][..],
        &["schema", "json-schema"],
        &["integrations"],
        &["completions", "bash"],
        &["inspect", "{lake}"],
        &["checkpoint", "show", "--json", "--out", "{lake}"],
    ] {
        let mut command = license_stream();
        command.args(arguments.iter().map(|argument| match *argument {
            "{lake}" => lake.path().as_os_str(),
            plain => plain.as_ref(),
        }));
        assert_eq!(listened_to_by_nobody(&mut command), (Some(0), String::new()), "{arguments:?}");
    }
    let mut accounts = license_stream();
    accounts.env("TRUTO_API_TOKEN", TOKEN).args(["accounts", "--base-url", &truto.url()]);
    assert_eq!(listened_to_by_nobody(&mut accounts), (Some(0), String::new()));
}

/// How `command` ends, and what it says, where its standard output is a pipe that nobody reads.
fn listened_to_by_nobody(command: &mut Command) -> (Option<i32>, String) {
    let (reading, writing) = std::io::pipe().unwrap();
    drop(reading);
    let ended = command.stdout(writing).output().unwrap();
    (ended.status.code(), String::from_utf8(ended.stderr).unwrap())
}
