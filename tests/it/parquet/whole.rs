//! A file is visible only when it is whole, whatever becomes of the run.

use std::path::{Path, PathBuf};
use std::time::Duration;

use license_stream::simulate::Simulator;
use serde_json::json;

use super::{entries, files, parquet};
use crate::support::body::{id, records, simulated};
use crate::support::python;
use crate::support::run::{Run, run, start};
use crate::support::simulation::Simulation;

const COUNT: u64 = 12_000;
const FILE_BYTES: [&str; 2] = ["--file-bytes", "2000000"];

/// A simulator of [`COUNT`] licenses, and its body.
fn simulator() -> (Simulator, Vec<u8>) {
    let simulator = Simulator::new().with_seed(3).with_records(COUNT);
    let body = simulated(&simulator.licenses(&simulator.accounts()[0]), COUNT);
    (simulator, body)
}

/// Files that an engine would take for Parquet.
fn visible(out: &Path) -> Vec<PathBuf> {
    let is_parquet = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "parquet");
    entries(out).into_iter().filter(is_parquet).collect()
}

/// Reads all that is visible; how many rows there are, which are the first ones of the body.
fn check_visible(out: &Path, body: &[u8]) -> usize {
    let rows = python::agreed(&python::PARQUET_READERS, |engine| python::parquet_rows(engine, out));
    for (row, record) in rows.iter().zip(records(body)) {
        assert_eq!(row["id"], *id(record.bytes));
    }
    rows.len()
}

#[test]
fn a_body_that_is_cut_leaves_whole_files_only() {
    let (simulator, body) = simulator();
    // In the middle of a record.
    let all = records(&body);
    let broken = all[9_000];
    let simulation = Simulation::start(simulator.with_cut_after(broken.byte + 20));
    let directory = tempfile::tempdir().unwrap();
    let mut command = parquet(directory.path());
    let run = run(simulation.source(command.arg("--retries=0").args(FILE_BYTES))).expect(1);

    let place = format!("byte {}, line {}, record 9000", broken.byte, broken.line);
    let error = run.stderr.lines().next().unwrap();
    assert!(error.contains(&format!(": body was cut before its end at {place}")), "{error}");
    let summary = run.summary();
    let snapshot = &summary["snapshots"][0];
    assert_eq!(summary["outcome"], "failed");
    assert_eq!(
        (&snapshot["complete"], &snapshot["error"]["kind"]),
        (&json!(false), &json!("truncated"))
    );
    assert_eq!(summary["bytes_read"], broken.byte + 20);

    // Nothing else: no partial file either.
    assert_eq!(entries(directory.path()), files(&summary));
    let rows = check_visible(directory.path(), &body);
    assert!(files(&summary).len() > 1 && rows <= 9_000, "{summary}");
    assert_eq!(summary["records"], rows);
}

#[test]
fn a_body_that_is_cut_at_once_leaves_nothing() {
    let (simulator, _) = simulator();
    let simulation = Simulation::start(simulator.with_cut_after(0));
    let directory = tempfile::tempdir().unwrap();
    let mut command = parquet(directory.path());
    let run = run(simulation.source(command.arg("--retries=0"))).expect(1);
    // Where nothing came there is no place to tell.
    assert!(run.stderr.contains(": body was cut before its end: "), "{}", run.stderr);
    assert!(!run.stderr.contains("byte 0"), "{}", run.stderr);
    assert_eq!(run.summary()["records"], 0);
    assert!(entries(directory.path()).is_empty());
}

#[test]
fn after_a_kill_every_visible_file_is_whole() {
    let (simulator, body) = simulator();
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path();
    let held_at = body.len() as u64 - 300_000;
    let simulation = Simulation::start(simulator.clone().with_hold_after_bytes(held_at));
    let mut child = start(simulation.source(parquet(out).args(FILE_BYTES)));
    simulation.until_held(&mut child);
    // The files that are whole, and the one in hand: nothing tells of a file but the directory.
    let whole = held_at as usize / 3_000_000;
    while visible(out).len() < whole || entries(out).len() == visible(out).len() {
        assert!(child.try_wait().unwrap().is_none(), "{:?}", Run::of(child));
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let rows = check_visible(out, &body);
    assert!(rows > 0 && rows < COUNT as usize, "{rows}");

    // What was left does not hinder the next run.
    let simulation = Simulation::start(simulator);
    let summary = run(simulation.source(parquet(out).args(FILE_BYTES))).expect(0).summary();
    assert_eq!(summary["snapshots"][0]["resumed_at_record"], rows);
    assert_eq!(check_visible(out, &body), COUNT as usize);
}

#[test]
fn wherever_a_kill_falls_every_visible_file_is_whole() {
    let (simulator, body) = simulator();
    for part in 1..5 {
        let held_at = body.len() as u64 * part / 5;
        let simulation = Simulation::start(simulator.clone().with_hold_after_bytes(held_at));
        let directory = tempfile::tempdir().unwrap();
        let mut child = start(simulation.source(parquet(directory.path()).args(FILE_BYTES)));
        // By now anything can be under way, from the head of the response to the last of these bytes.
        simulation.until_held(&mut child);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(check_visible(directory.path(), &body) < COUNT as usize);
    }
}
