//! Two runs over several accounts at once: the second is refused, before it has asked for or written anything.

use std::path::Path;
use std::process::Command;

use license_stream::checkpoint::CheckpointLock;
use license_stream::simulate::Simulator;
use serde_json::Value;

use super::{command, counts, group};
use crate::support::command::license_stream;
use crate::support::process::{run, start};
use crate::support::truto::Truto;

const RECORDS: u64 = 2_000;

fn simulator() -> Simulator {
    Simulator::new().with_seed(14).with_groups([group(4, RECORDS)])
}

/// A run over all accounts of `truto`, two of them at once.
fn all(verb: &str, truto: &Truto, out: &Path) -> Command {
    let mut command = command(verb, truto);
    command.args(["--all-accounts", "--concurrency", "2", "--json", "--out"]).arg(out);
    command
}

/// What a second run is told that a first one, into `out`, keeps away.
#[track_caller]
fn assert_refused(command: &mut Command, out: &Path) {
    let refused = run(command);
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    let told = format!("error: another run is writing to {}: it holds ", out.display());
    assert!(refused.stderr.starts_with(&told), "{}", refused.stderr);
    let summary: Value = serde_json::from_str(refused.text()).unwrap();
    assert_eq!(
        (&summary["outcome"], &summary["snapshots"]),
        (&"failed".into(), &Value::Array(vec![]))
    );
}

#[test]
fn a_second_run_into_a_directory_is_refused_and_does_the_first_no_harm() {
    for verb in ["parquet", "ndjson"] {
        let held = Truto::start(simulator().with_hold_after_records(RECORDS / 2));
        let other = Truto::start(simulator());
        let directory = tempfile::tempdir().unwrap();
        let out = directory.path().join("out");
        let first = start(&mut all(verb, &held, &out));
        held.until_so_many_held(2);
        for _ in 0..2 {
            assert_refused(&mut all(verb, &other, &out), &out);
        }
        assert_eq!(other.requests(), 0, "{verb}: it was refused before it asked");
        held.release();
        let first = first.finish();
        assert_eq!(first.code, Some(0), "{verb}: {}", first.stderr);
        let summary: Value = serde_json::from_str(first.text()).unwrap();
        assert_eq!((counts(&summary), &summary["records"]), ([("done", 4)].into(), &8_000.into()));
        if verb == "parquet" {
            let seen = inspected(&out);
            assert_eq!(seen["success"], true);
            assert_eq!(seen["snapshots"].as_array().unwrap().len(), 4);
        }
        // The file that was locked is there still, and keeps nobody away.
        assert_eq!(run(&mut all(verb, &other, &out)).code, Some(0), "{verb}");
    }
}

#[test]
fn one_that_is_killed_keeps_no_other_away() {
    let truto = Truto::start(simulator());
    let directory = tempfile::tempdir().unwrap();
    let killed = run(
        all("parquet", &truto, directory.path()).env("LICENSE_STREAM_KILL_AT", "file-synced:1")
    );
    assert_eq!(killed.code, None, "{}", killed.stderr);
    let again = run(&mut all("parquet", &truto, directory.path()));
    assert_eq!(again.code, Some(0), "{}", again.stderr);
}

#[test]
fn a_run_of_one_account_is_no_matter_of_theirs_but_for_that_account() {
    let held = Truto::start(simulator().with_hold_after_records(RECORDS / 2));
    let other = Truto::start(simulator());
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path();
    let one = |truto: &Truto, account: &str| {
        let mut command = command("parquet", truto);
        command.args(["--json", "--account", account, "--out"]).arg(out);
        command
    };
    let ids: Vec<_> = simulator().account_ids().collect();
    let first = start(&mut one(&held, &ids[2]));
    held.until_held();
    let all_of_them = run(&mut all("parquet", &other, out));
    assert_eq!(all_of_them.code, Some(1), "{}", all_of_them.stderr);
    let told = format!("error: account {}: another run is writing to ", ids[2]);
    assert!(all_of_them.stderr.starts_with(&told), "{}", all_of_them.stderr);
    let summary: Value = serde_json::from_str(all_of_them.text()).unwrap();
    assert_eq!(counts(&summary), [("done", 3), ("failed", 1)].into());
    held.release();
    assert_eq!(first.finish().code, Some(0));

    // The other way around.
    let held = Truto::start(simulator().with_hold_after_records(RECORDS / 2));
    let first = start(&mut all("parquet", &held, out));
    held.until_so_many_held(2);
    assert_eq!(run(&mut one(&other, &ids[3])).code, Some(0), "it is not its turn yet");
    let refused = run(&mut one(&other, &ids[0]));
    assert!(refused.stderr.contains("another run is writing to "), "{}", refused.stderr);
    held.release();
    assert_eq!(first.finish().code, Some(0));
    assert_eq!(inspected(out)["success"], true);
}

#[test]
fn where_checkpoints_are_in_a_directory_of_another_run_a_second_is_refused() {
    let truto = Truto::start(simulator());
    let (kept, directory) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let lock = CheckpointLock::take_all(kept.path()).unwrap();
    let mut parquet = all("parquet", &truto, directory.path());
    // Nothing listens there.
    let mut kafka = command("kafka", &truto);
    kafka.args(["--all-accounts", "--json", "--brokers", "127.0.0.1:1", "--topic", "licenses"]);
    for command in [&mut parquet, &mut kafka] {
        let refused = run(command.arg("--checkpoint").arg(kept.path()));
        assert_eq!(refused.code, Some(1), "{}", refused.stderr);
        let told =
            ".checkpoints.lock: another run over several accounts keeps its checkpoints here; ";
        assert!(refused.stderr.contains(told), "{}", refused.stderr);
    }
    assert_eq!(truto.requests(), 0, "it was refused before it asked");
    drop(lock);
    assert_eq!(run(&mut parquet).code, Some(0));
}

fn inspected(out: &Path) -> Value {
    let seen = run(license_stream().args(["inspect", "--json"]).arg(out));
    assert_eq!(seen.code, Some(0), "{}", seen.stderr);
    serde_json::from_str(seen.text()).unwrap()
}
