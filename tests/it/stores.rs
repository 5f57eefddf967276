//! What holds of each object store, whatever its protocol: the tests of each call it.

use std::path::Path;
use std::process::Command;

use license_stream::simulate::Simulator;
use serde_json::Value;

use crate::support::command::license_stream;
use crate::support::kafka;
use crate::support::process::{run, start};
use crate::support::proxy::{Cutter, Denier};
use crate::support::python::{ENGINES, parquet_rows};
use crate::support::store::Store;
use crate::support::truto::Truto;

/// A run that writes what `truto` has to `store`.
pub(crate) fn parquet<S: Store>(truto: &Truto, store: &S) -> Command {
    parquet_through(&S::server(), truto, store)
}

/// The same by another way to the server.
fn parquet_through<S: Store>(address: &str, truto: &Truto, store: &S) -> Command {
    let mut command = truto.command("parquet");
    command.args(["--json", "--out", &store.url()]);
    S::settings(&mut command, address);
    command
}

/// The summary of a run that must end well.
#[track_caller]
pub(crate) fn summary(command: &mut Command) -> Value {
    let run = run(command);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    serde_json::from_slice(&run.stdout).unwrap()
}

/// By id, and without the snapshot, which is each run's own.
pub(crate) fn rows(engine: &str, directory: &Path) -> Vec<Value> {
    let mut rows = parquet_rows(engine, directory);
    for row in &mut rows {
        row.as_object_mut().unwrap().remove("_snapshot_id").expect("a snapshot");
    }
    rows.sort_by_cached_key(|row| row["id"].to_string());
    rows
}

/// The earlier run stands still in the middle while the later one does all its work.
pub(crate) fn the_later_run_takes_over<S: Store>(file_bytes: &str) {
    const COUNT: u64 = 6_000;
    let simulator = || Simulator::new().with_seed(7).with_records(COUNT);
    let held = Truto::start(simulator().with_hold_after_records(COUNT / 2));
    let other = Truto::start(simulator());
    let store = S::make("overtaken");
    let command = |truto: &Truto| {
        let mut command = parquet(truto, &store);
        command.args(["--file-bytes", file_bytes]);
        command
    };
    let first = start(&mut command(&held));
    held.until_held();
    summary(&mut command(&other));
    held.release();
    let first = first.finish();
    assert_eq!(first.code, Some(1), "{}", first.stderr);
    assert!(first.stderr.contains("error: another run has taken over: "), "{}", first.stderr);
    // That would take over from the other in its turn.
    assert!(!first.stderr.contains("run again"), "{}", first.stderr);

    let directory = tempfile::tempdir().unwrap();
    let there = directory.path().join("there");
    store.get(&there);
    for engine in ENGINES {
        let rows = parquet_rows(engine, &there);
        let mut ids: Vec<_> = rows.iter().map(|row| row["id"].to_string()).collect();
        ids.sort();
        ids.dedup();
        assert_eq!((rows.len() as u64, ids.len() as u64), (COUNT, COUNT), "each once");
    }
    assert!(there.join("_SUCCESS").exists());
    assert_eq!(store.uploads(), [""; 0]);
}

/// Connections to the server are cut at random bytes.
pub(crate) fn what_arrives_is_the_same_whatever_is_cut<S: Store>() {
    const COUNT: u64 = 4_000;
    let truto = Truto::start(Simulator::new().with_seed(8).with_records(COUNT));
    // What a directory would have got.
    let undisturbed = tempfile::tempdir().unwrap();
    summary(truto.command("parquet").args(["--json", "--out"]).arg(undisturbed.path()));
    let undisturbed = rows(ENGINES[0], undisturbed.path());
    assert_eq!(undisturbed.len() as u64, COUNT);
    let target = S::server().rsplit_once(':').unwrap().1.parse().unwrap();
    let mut cuts = 0;
    for seed in 1..=3 {
        let store = S::make("cuts");
        let cutter = Cutter::to(target, seed);
        let mut command = parquet_through(&cutter.url(), &truto, &store);
        summary(command.args(["--file-bytes", "150000"]));
        cuts += cutter.cuts();
        let directory = tempfile::tempdir().unwrap();
        let there = directory.path().join("there");
        store.get(&there);
        for engine in ENGINES {
            let rows = rows(engine, &there);
            assert!(rows == undisturbed, "seed {seed}, {engine}: {} rows, not those", rows.len());
        }
        assert!(there.join("_SUCCESS").exists());
        // What was begun twice or left, because the answer was cut, the next run gives up or removes.
        summary(&mut parquet(&truto, &store));
        assert_eq!(store.uploads(), [""; 0], "seed {seed}");
    }
    // How many it takes goes by how what is sent comes together.
    assert!(cuts > 6, "{cuts} cuts");
}

/// Of every so-manieth write the store says that it failed, when it has done it.
pub(crate) fn what_was_done_and_answered_by_500_is_there_once<S: Store>() {
    const COUNT: u64 = 3_000;
    let truto = Truto::start(Simulator::new().with_seed(6).with_records(COUNT));
    let target = S::server().rsplit_once(':').unwrap().1.parse().unwrap();
    for every in [1, 2, 3] {
        let store = S::make("denied");
        let denier = Denier::to(target, every);
        let mut command = parquet_through(&denier.url(), &truto, &store);
        let run = run(command.args(["--file-bytes", "400000"]));
        assert!(denier.denied() > 0);
        let directory = tempfile::tempdir().unwrap();
        let there = directory.path().join("there");
        if every == 1 {
            // Nothing can be known of such a store, and what to do is said.
            assert_eq!(run.code, Some(3), "{}", run.stderr);
            assert!(run.stderr.contains("500 Internal Server Error"), "{}", run.stderr);
        } else {
            assert_eq!(run.code, Some(0), "every {every}: {}", run.stderr);
            store.get(&there);
            for engine in ENGINES {
                let mut ids: Vec<_> =
                    parquet_rows(engine, &there).iter().map(|row| row["id"].to_string()).collect();
                let rows = ids.len() as u64;
                ids.sort();
                ids.dedup();
                assert_eq!((rows, ids.len() as u64), (COUNT, COUNT), "every {every}, {engine}");
            }
            assert!(there.join("_SUCCESS").exists());
        }
        // What was begun twice, because it was said to have failed, the next run gives up or removes.
        summary(&mut parquet(&truto, &store));
        assert_eq!(store.uploads(), [""; 0], "every {every}");
    }
}

pub(crate) fn checkpoints_of_a_topic_can_be_there<S: Store>() {
    let truto = Truto::start(Simulator::new().with_seed(6).with_records(300));
    let store = S::make("checkpoints");
    let mut command = truto.command("kafka");
    let brokers = kafka::bootstrap();
    command.args(["--json", "--brokers", &brokers, "--topic", &kafka::topic("stores")]);
    command.args(["--checkpoint", &store.url()]);
    summary(S::settings(&mut command, &S::server()));
    let mut command = license_stream();
    command.args(["checkpoint", "reset", "--all", "--checkpoint", &store.url()]);
    let reset = run(S::settings(&mut command, &S::server()));
    assert_eq!(reset.code, Some(0), "{}", reset.stderr);
    let told = format!("reset: the next run of {} begins a new snapshot", truto.account());
    assert!(reset.stderr.contains(&told), "{}", reset.stderr);
}
