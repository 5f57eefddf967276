//! Parquet files: the rows are those of an undisturbed run, each once.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{
    in_the_middle_and_last, kill_at_each, kill_at_each_of, kill_at_random, simulator,
    simulator_of_one_form, wanted_kills,
};
use crate::support::command::license_stream;
use crate::support::python::{ENGINES, hive_rows, parquet_rows};
use crate::support::simulation::Simulation;

/// A run into `out`, with a file for each batch.
pub(super) fn command(simulation: &Simulation, out: &Path) -> Command {
    let mut command = license_stream();
    command.args(["parquet", "--quiet", "--file-bytes", "1", "--out"]).arg(out);
    simulation.source(&mut command);
    command
}

/// What makes it put them into directories, in pieces of two batches and of nine files that are open at once.
pub(super) const PARTITIONED: [&str; 6] =
    ["--partition-by", "status,is_paid", "--row-group-bytes", "1", "--file-bytes", "550000"];

/// A run that does.
fn partitioned(simulation: &Simulation, out: &Path) -> Command {
    let mut command = license_stream();
    command.args(["parquet", "--quiet", "--out"]).arg(out).args(PARTITIONED);
    simulation.source(&mut command);
    command
}

/// The rows of all files that a reader of `*.parquet` sees, by snapshot and id, and without the snapshot.
/// A run that is killed when its snapshot was complete already, and only it had not ended, is followed by
/// one that adds another.
fn snapshots(engine: &str, out: &Path) -> Vec<Vec<Value>> {
    let mut snapshots = BTreeMap::<String, Vec<Value>>::new();
    let are_partitioned =
        tree(out).iter().any(|name| name.contains("=") && !name.contains("_license"));
    let rows = if are_partitioned { hive_rows(engine, out) } else { parquet_rows(engine, out) };
    for mut row in rows {
        let snapshot = row.as_object_mut().unwrap().remove("_snapshot_id").unwrap().to_string();
        snapshots.entry(snapshot).or_default().push(row);
    }
    snapshots.values_mut().for_each(|rows| rows.sort_by_cached_key(|row| row["id"].to_string()));
    snapshots.into_values().collect()
}

pub(super) fn assert_undisturbed(out: &Path, undisturbed: &[Value], what: &str) {
    for engine in ENGINES {
        let snapshots = snapshots(engine, out);
        assert!(!snapshots.is_empty(), "{what}: no rows");
        for rows in snapshots {
            assert!(rows == undisturbed, "{what}: {} rows, and not those", rows.len());
        }
    }
    let names = tree(out);
    assert!(!names.iter().any(|name| name.ends_with(".partial")), "{what}: {names:?}");
    assert!(names.iter().any(|name| name == "_SUCCESS"), "{what}: {names:?}");
    // What was copied from a bucket is inspected there.
    if out.join("_license-stream/pending").is_dir() {
        assert_all_complete(license_stream().arg("inspect").arg(out), what);
    }
}

/// The instants at which a snapshot may have its manifest already, in a directory and in a bucket: whoever is killed
/// there is followed by a run that begins another.
const BEHIND: [&str; 10] = [
    "manifest-written",
    "account-settled",
    "lake-settled",
    "checkpoint-written",
    "checkpoint-synced",
    "checkpoint-renamed",
    "bucket-snapshot-complete",
    "bucket-manifest-put",
    "bucket-none-pending",
    "bucket-checkpoint-put",
];

/// The most complete snapshots that a run killed at `point`, `NAME:COUNT`, and the one after it leave.
pub(super) fn most_after(point: &str) -> usize {
    let (name, _) = point.rsplit_once(':').unwrap();
    if BEHIND.contains(&name) { 2 } else { 1 }
}

/// There are no more complete snapshots than that.
pub(super) fn assert_at_most(most: usize, out: &Path, what: &str) {
    let names = tree(&out.join("_license-stream"));
    let is_manifest = |name: &&String| name.ends_with(".json") && !name.contains(".checkpoint.");
    let complete = names.iter().filter(is_manifest).count();
    assert!((1..=most).contains(&complete), "{what}: {complete} snapshots, and not {most} at most");
}

/// Every file is that of a complete snapshot, and is as its manifest says.
pub(super) fn assert_all_complete(inspect: &mut Command, what: &str) {
    let output = inspect.arg("--json").output().unwrap();
    assert!(output.status.success(), "{what}: {output:?}");
    let seen: Value = serde_json::from_slice(&output.stdout).unwrap();
    for snapshot in seen["snapshots"].as_array().unwrap() {
        assert_eq!(snapshot["state"], "complete", "{what}: {snapshot}");
    }
}

/// The names of all files below, with those of their directories.
fn tree(out: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(out).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type().unwrap().is_dir() {
            names.extend(tree(&entry.path()).iter().map(|below| format!("{name}/{below}")));
        } else {
            names.push(name);
        }
    }
    names
}

pub(super) fn undisturbed(simulation: &Simulation) -> Vec<Value> {
    undisturbed_by(|out| command(simulation, out))
}

pub(super) fn undisturbed_partitioned(simulation: &Simulation) -> Vec<Value> {
    undisturbed_by(|out| partitioned(simulation, out))
}

pub(super) fn undisturbed_by(command: impl Fn(&Path) -> Command) -> Vec<Value> {
    let directory = tempfile::tempdir().unwrap();
    assert!(super::ended(super::start(&mut command(directory.path()))));
    let mut snapshots = snapshots(ENGINES[0], directory.path());
    assert_eq!(snapshots.len(), 1);
    let rows = snapshots.remove(0);
    assert_eq!(rows.len() as u64, super::COUNT);
    rows
}

#[test]
fn killed_at_every_named_instant_a_run_that_is_begun_again_leaves_the_rows_of_an_undisturbed_one() {
    let simulation = Simulation::start(simulator(1));
    let undisturbed = undisturbed(&simulation);
    let points = kill_at_each(|| killed(&simulation, &undisturbed, command));
    assert_eq!(points, 9, "files, the lake and checkpoints");
}

/// A run that types `remote_data` by a look at the first batch.
fn typed(simulation: &Simulation, out: &Path) -> Command {
    let mut command = command(simulation, out);
    command.args(["--remote-data", "infer"]);
    command
}

#[test]
fn killed_at_every_named_instant_a_run_that_types_goes_on_with_the_same_types() {
    let simulation = Simulation::start(simulator_of_one_form(21));
    let undisturbed = undisturbed_by(|out| typed(&simulation, out));
    let points = kill_at_each(|| killed(&simulation, &undisturbed, typed));
    assert_eq!(points, 9, "files, the lake and checkpoints");
}

#[test]
fn killed_between_the_files_of_a_piece_a_run_that_is_begun_again_leaves_those_of_an_undisturbed_one()
 {
    let simulation = Simulation::start(simulator(12));
    let undisturbed = undisturbed_partitioned(&simulation);
    let points = kill_at_each_of(
        in_the_middle_and_last,
        |_| false,
        || killed(&simulation, &undisturbed, partitioned),
    );
    assert_eq!(points, 9, "files, the lake and checkpoints");
}

#[test]
fn a_snapshot_that_has_its_manifest_is_not_gone_on_with_whatever_its_checkpoint_says() {
    let simulation = Simulation::start(simulator(18));
    let undisturbed = undisturbed_partitioned(&simulation);
    for point in ["manifest-written", "account-settled", "lake-settled", "checkpoint-written:2"] {
        let directory = tempfile::tempdir().unwrap();
        let out = directory.path();
        let point = if point.contains(':') { point.to_owned() } else { format!("{point}:1") };
        let killed = partitioned(&simulation, out).env("LICENSE_STREAM_KILL_AT", &point).status();
        assert!(!killed.unwrap().success(), "{point}");
        // With these, the rest of that snapshot would be cut into other files than there are of it.
        let mut next = license_stream();
        next.args(["parquet", "--quiet", "--partition-by", "status,is_paid", "--out"]).arg(out);
        next.args([
            "--file-bytes",
            "550000",
            "--row-group-bytes",
            "200000",
            "--open-partitions",
            "2",
        ]);
        assert!(simulation.source(&mut next).status().unwrap().success(), "{point}");
        assert_undisturbed(out, &undisturbed, &point);
        assert_eq!(snapshots(ENGINES[0], out).len(), if point.contains("check") { 1 } else { 2 });
    }
}

/// A run into a directory of its own, and a look at that.
fn killed<'a>(
    simulation: &'a Simulation,
    undisturbed: &'a [Value],
    command: fn(&Simulation, &Path) -> Command,
) -> (impl FnMut() -> Command, impl FnOnce(&str)) {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().to_owned();
    let run = move || command(simulation, &out);
    let look = move |what: &str| {
        assert_undisturbed(directory.path(), undisturbed, what);
        assert_at_most(most_after(what), directory.path(), what);
    };
    (run, look)
}

#[test]
fn another_directory_is_not_gone_on_with_by_a_checkpoint_that_both_share() {
    let simulation = Simulation::start(simulator(7));
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let checkpoints = tempfile::tempdir().unwrap();
    let into = |out: &Path| {
        let mut command = command(&simulation, out);
        command.arg("--checkpoint").arg(checkpoints.path());
        command
    };
    let killed = into(one.path()).env("LICENSE_STREAM_KILL_AT", "checkpoint-renamed:2").status();
    assert!(!killed.unwrap().success());
    let refused = into(other.path()).output().unwrap();
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("out"), "{refused:?}");
    assert!(parquet_files(other.path()).is_empty());
    assert!(into(one.path()).status().unwrap().success());
    assert_eq!(snapshots(ENGINES[0], one.path())[0].len() as u64, super::COUNT);
}

#[test]
fn other_partitions_than_those_of_an_unfinished_snapshot_are_refused() {
    let simulation = Simulation::start(simulator(13));
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path();
    let mut killed = partitioned(&simulation, out);
    let killed = killed.env("LICENSE_STREAM_KILL_AT", "checkpoint-renamed:1").status();
    assert!(!killed.unwrap().success());
    let refused = command(&simulation, out).output().unwrap();
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    let told = "partition_by was status,is_paid and is not set";
    assert!(String::from_utf8_lossy(&refused.stderr).contains(told), "{refused:?}");
    assert!(partitioned(&simulation, out).status().unwrap().success());
    assert_undisturbed(out, &undisturbed_partitioned(&simulation), "with the options as before");
}

pub(super) fn parquet_files(out: &Path) -> Vec<String> {
    let names = std::fs::read_dir(out).unwrap().map(|entry| entry.unwrap().file_name());
    let names = names.map(|name| name.to_string_lossy().into_owned());
    names.filter(|name| name.ends_with(".parquet")).collect()
}

#[test]
fn killed_at_random_instants_runs_leave_the_rows_of_an_undisturbed_one() {
    let simulation = Simulation::start(simulator(2));
    kill_all(&undisturbed(&simulation), "parquet", |out| command(&simulation, out));
}

#[test]
fn killed_at_random_instants_runs_into_partitions_leave_the_rows_of_an_undisturbed_one() {
    let simulation = Simulation::start(simulator(14));
    let undisturbed = undisturbed_partitioned(&simulation);
    kill_all(&undisturbed, "parquet, partitioned", |out| partitioned(&simulation, out));
}

#[test]
fn killed_at_random_instants_runs_that_roll_by_time_leave_the_rows_of_an_undisturbed_one() {
    let simulation = Simulation::start(simulator(17));
    kill_all(&undisturbed(&simulation), "parquet, rolled by time", |out| {
        let mut command = license_stream();
        command.args(["parquet", "--quiet", "--roll", "60ms", "--out"]).arg(out);
        simulation.source(&mut command);
        command
    });
}

fn kill_all(undisturbed: &[Value], what: &str, command: impl Fn(&Path) -> Command) {
    let mut random = fastrand::Rng::with_seed(2);
    let mut kills = 0;
    while kills < wanted_kills() {
        let directory = tempfile::tempdir().unwrap();
        let out = directory.path();
        let killed = kill_at_random(&mut random, || command(out));
        kills += killed;
        let what = format!("after {kills} kills");
        assert_undisturbed(out, undisturbed, &what);
        assert_at_most(1 + killed as usize, out, &what);
    }
    println!("{what}: {kills} kills at random instants survived");
}
