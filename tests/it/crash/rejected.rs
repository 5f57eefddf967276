//! Rejects of a snapshot that a killed run had begun: they count for how it ends, whichever run ends it.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use license_stream::simulate::{BreakRecords, Breakage, FaultKind};
use serde_json::{Value, json};

use super::parquet::command as parquet;
use super::{COUNT, ended, kafka, simulator, start};
use crate::support::command::license_stream;
use crate::support::kafka::topic;
use crate::support::python::{parquet_rows, root, schema_violations};
use crate::support::run::{Run, run};
use crate::support::simulation::Simulation;

const SKIP: [&str; 2] = ["--on-error", "skip"];

/// An account of which these records are broken.
fn simulation(seed: u64, broken: &[u64]) -> Simulation {
    let fault = FaultKind::BreakRecords(BreakRecords::new(broken, Breakage::Value));
    Simulation::start(simulator(seed).with_fault(fault))
}

/// Kills a run when its first checkpoint is there.
fn kill(command: &mut Command) {
    let instants = match command.get_args().next().unwrap().to_str() {
        Some("kafka") => "transaction-committed:1",
        _ => "checkpoint-renamed:1",
    };
    assert!(!ended(start(command.env("LICENSE_STREAM_KILL_AT", instants))));
}

/// The summary of a run that ended with `code`, which its schema allows.
fn summary(run: Run, code: i32) -> Value {
    let run = run.expect(code);
    let schema = root().join("schemas/summary.schema.json");
    assert_eq!(schema_violations(&schema, &run.stdout), [""; 0]);
    run.summary()
}

/// What is in `out`: each license once, but for the broken ones.
fn assert_each_once(out: &Path, broken: usize) {
    let rows = parquet_rows("pyarrow", out);
    let ids: BTreeSet<_> = rows.iter().map(|row| row["id"].as_str().unwrap()).collect();
    assert_eq!((rows.len(), ids.len()), (COUNT as usize - broken, COUNT as usize - broken));
}

#[test]
fn what_an_earlier_run_rejected_is_in_outcome_exit_code_and_summary() {
    let simulation = simulation(51, &[3, 5, 7, 9]);
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path();
    let mut commands: Vec<Box<dyn Fn() -> Command>> = vec![Box::new(|| {
        let mut command = parquet(&simulation, out);
        command.args(SKIP);
        command
    })];
    for delivery in [&[][..], &kafka::EXACTLY_ONCE] {
        let (topic, simulation) = (topic("crash-rejected"), &simulation);
        commands.push(Box::new(move || {
            let mut command = kafka::command(simulation, &topic, delivery);
            command.args(SKIP);
            command
        }));
    }
    for command in commands {
        kill(&mut command());
        let ended = summary(run(command().arg("--json")), 4);
        let snapshot = &ended["snapshots"][0];
        assert!(snapshot["resumed_at_record"].as_u64() > Some(9), "{ended}");
        assert_eq!(
            (&ended["outcome"], &ended["accounts"]["rejected"]),
            (&json!("rejected"), &json!(1))
        );
        for counts in [&ended, snapshot] {
            assert_eq!((&counts["rejected"], &counts["rejected_before"]), (&json!(0), &json!(4)));
        }
        assert_eq!(
            (&snapshot["outcome"], &snapshot["complete"]),
            (&json!("rejected"), &json!(true))
        );
    }
    assert_each_once(out, 4);
}

#[test]
fn people_are_told_of_what_an_earlier_run_rejected() {
    let simulation = simulation(52, &[3, 5, 7, 9]);
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("out");
    let letters = directory.path().join("letters");
    let command = || {
        let mut command = license_stream();
        command.args(["parquet", "--file-bytes", "1", "--out"]).arg(&out);
        simulation.source(&mut command);
        command
    };
    let resumed = |told: &str| {
        let said = " that an earlier run had delivered, and 4 records that it had rejected\n";
        assert!(told.contains("\nresumed: behind 1,") && told.contains(said), "{told}");
    };
    kill(command().args(SKIP));
    let told = run(command().args(SKIP)).expect(4).stderr;
    assert!(told.starts_with("rejected: "), "{told}");
    resumed(&told);
    // Letters of what was skipped are nowhere.
    kill(command().args(SKIP));
    let mut keeping = command();
    keeping.args(["--on-error", "dead-letter", "--dead-letter"]).arg(&letters);
    let told = run(&mut keeping).expect(4).stderr;
    resumed(&told);
    let said = "\nno dead letters in this run: of what an earlier run had rejected\n";
    assert!(told.contains(said), "{told}");
    assert!(std::fs::read(&letters).unwrap().is_empty());
}

#[test]
fn a_limit_of_rejects_holds_for_the_snapshot_and_not_for_each_run() {
    let simulation = simulation(53, &[3, 5, 7, 9, 5_000, 5_001]);
    for (limit, says, enough) in [
        ("5", "more than 5 records were rejected", "6"),
        ("0.09%", "6 of 6000 records were rejected, more than 0.09", "0.11%"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let out = directory.path();
        let command = |limit: &str| {
            let mut command = parquet(&simulation, out);
            command.args(SKIP).args(["--max-rejects", limit, "--json"]);
            command
        };
        kill(&mut command(limit));
        // And once more, with nothing or little left to read.
        for _ in 0..2 {
            let run = run(&mut command(limit));
            assert!(run.stderr.contains(says), "{}", run.stderr);
            assert_eq!(summary(run, 1)["snapshots"][0]["error"]["kind"], "too_many_rejects");
            assert!(!out.join("_SUCCESS").exists());
        }
        summary(run(&mut command(enough)), 4);
        assert_each_once(out, 6);
    }
}

#[test]
fn what_was_begun_with_rejects_is_not_completed_where_none_may_be() {
    let simulation = simulation(54, &[3, 5, 7, 9]);
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path();
    kill(parquet(&simulation, out).args(SKIP));
    let requests = simulation.requests();
    let refused = run(&mut parquet(&simulation, out)).expect(2).stderr;
    let says = "and 4 records that an earlier run rejected are left out of it, which --on-error fail does not allow";
    assert!(refused.contains(says), "{refused}");
    assert_eq!(simulation.requests(), requests, "the API was asked for licenses");
    assert!(!out.join("_SUCCESS").exists());
    run(parquet(&simulation, out).args(SKIP)).expect(4);
    assert_each_once(out, 4);
}

#[test]
fn what_a_run_delivers_before_the_record_that_ends_it_is_there_once_in_the_end() {
    let simulation = simulation(55, &[3_000]);
    // A file for each batch, and one for several.
    for bytes in ["1", "1500000"] {
        for ends in [&[][..], &["--on-error", "skip", "--max-rejects", "0"]] {
            let directory = tempfile::tempdir().unwrap();
            let out = directory.path();
            let command = || {
                let mut command = license_stream();
                command.args(["parquet", "--json", "--file-bytes", bytes, "--out"]).arg(out);
                simulation.source(&mut command);
                command
            };
            let begun = summary(run(command().args(ends)), 1);
            assert!(begun["records"].as_u64() > Some(2_000), "{begun}");
            let resumed = summary(run(command().args(SKIP)), 4);
            // What is in one file with it is made anew as a whole.
            let is_resumed = resumed["snapshots"][0]["resumed_at_record"].is_u64();
            assert_eq!(is_resumed, bytes == "1", "{resumed}");
            assert_each_once(out, 1);
        }
    }
}
