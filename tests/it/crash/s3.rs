//! Parquet files in an object store: the rows are those of an undisturbed run, each once.

use std::process::Command;
use std::rc::Rc;

use serde_json::Value;

use super::parquet::{
    PARTITIONED, assert_all_complete, assert_at_most, assert_undisturbed, most_after, undisturbed,
    undisturbed_by, undisturbed_partitioned,
};
use super::{
    in_the_middle_and_last, kill_at_each, kill_at_each_of, kill_at_random, simulator,
    simulator_of_one_form, wanted_kills,
};
use crate::support::command::license_stream;
use crate::support::s3::{self, Bucket, endpoint};
use crate::support::simulation::Simulation;

/// A run into `bucket`, with a file for each batch.
pub(super) fn command(simulation: &Simulation, bucket: &Bucket) -> Command {
    command_with(&["--file-bytes", "1"], simulation, bucket)
}

/// One that puts them into directories.
fn partitioned(simulation: &Simulation, bucket: &Bucket) -> Command {
    command_with(&PARTITIONED, simulation, bucket)
}

fn command_with(options: &[&str], simulation: &Simulation, bucket: &Bucket) -> Command {
    let mut command = license_stream();
    command.args(["parquet", "--quiet", "--out", &bucket.url()]).args(options);
    s3::settings(simulation.source(&mut command), &endpoint());
    command
}

/// The rows are those, in so many complete snapshots at most.
fn assert_bucket_undisturbed(bucket: &Bucket, undisturbed: &[Value], most: usize, what: &str) {
    let directory = tempfile::tempdir().unwrap();
    let there = directory.path().join("bucket");
    bucket.get(&there);
    assert_undisturbed(&there, undisturbed, what);
    assert_at_most(most, &there, what);
    let mut inspect = license_stream();
    s3::settings(inspect.args(["inspect", &bucket.url()]), &endpoint());
    assert_all_complete(&mut inspect, what);
    assert_eq!(bucket.uploads(), [""; 0], "{what}");
}

#[test]
fn killed_at_every_named_instant_a_run_that_is_begun_again_leaves_the_rows_of_an_undisturbed_one() {
    let simulation = Simulation::start(simulator(3));
    let undisturbed = undisturbed(&simulation);
    let points = kill_at_each(|| killed(&simulation, &undisturbed, command));
    assert_eq!(points, 8, "all that there are in a bucket");
}

/// A run that types `remote_data` by a look at the first batch.
fn typed(simulation: &Simulation, bucket: &Bucket) -> Command {
    command_with(&["--file-bytes", "1", "--remote-data", "infer"], simulation, bucket)
}

#[test]
fn killed_at_every_named_instant_a_run_that_types_goes_on_with_the_same_types() {
    let simulation = Simulation::start(simulator_of_one_form(22));
    let undisturbed = undisturbed_by(|out| {
        let mut command = super::parquet::command(&simulation, out);
        command.args(["--remote-data", "infer"]);
        command
    });
    let points = kill_at_each(|| killed(&simulation, &undisturbed, typed));
    assert_eq!(points, 8, "all that there are in a bucket");
}

#[test]
fn killed_between_the_files_of_a_piece_a_run_that_is_begun_again_leaves_those_of_an_undisturbed_one()
 {
    let simulation = Simulation::start(simulator(15));
    let undisturbed = undisturbed_partitioned(&simulation);
    let points = kill_at_each_of(
        in_the_middle_and_last,
        |_| false,
        || killed(&simulation, &undisturbed, partitioned),
    );
    assert_eq!(points, 8, "all that there are in a bucket");
}

#[test]
fn a_snapshot_that_has_its_manifest_is_not_gone_on_with_whatever_its_checkpoint_says() {
    let simulation = Simulation::start(simulator(19));
    let undisturbed = undisturbed_partitioned(&simulation);
    let (mut command, look) = killed(&simulation, &undisturbed, partitioned);
    let killed = command().env("LICENSE_STREAM_KILL_AT", "bucket-manifest-put:1").status();
    assert!(!killed.unwrap().success());
    assert!(command().status().unwrap().success());
    look("bucket-manifest-put:1");
}

#[test]
fn where_the_marks_are_lost_what_is_unfinished_is_found_out_anew() {
    let simulation = Simulation::start(simulator(20));
    let undisturbed = undisturbed(&simulation);
    let bucket = Bucket::make("marks");
    let run = || command(&simulation, &bucket);
    assert!(run().status().unwrap().success());
    let killed = run().env("LICENSE_STREAM_KILL_AT", "bucket-upload-completed:2").status();
    assert!(!killed.unwrap().success());
    bucket.remove("_license-stream/pending");
    assert!(run().arg("--no-checkpoint").status().unwrap().success());
    assert_bucket_undisturbed(&bucket, &undisturbed, 2, "without marks");
}

/// A run into a bucket of its own, and a look at that.
fn killed<'a>(
    simulation: &'a Simulation,
    undisturbed: &'a [Value],
    command: fn(&Simulation, &Bucket) -> Command,
) -> (impl FnMut() -> Command, impl FnOnce(&str)) {
    let bucket = Rc::new(Bucket::make("killed"));
    let run = {
        let bucket = Rc::clone(&bucket);
        move || command(simulation, &bucket)
    };
    let look = move |what: &str| {
        assert_bucket_undisturbed(&bucket, undisturbed, most_after(what), what);
    };
    (run, look)
}

#[test]
fn killed_at_random_instants_runs_leave_the_rows_of_an_undisturbed_one() {
    let simulation = Simulation::start(simulator(4));
    kill_all(&undisturbed(&simulation), "s3", |bucket| command(&simulation, bucket));
}

#[test]
fn killed_at_random_instants_runs_into_partitions_leave_the_rows_of_an_undisturbed_one() {
    let simulation = Simulation::start(simulator(16));
    let undisturbed = undisturbed_partitioned(&simulation);
    kill_all(&undisturbed, "s3, partitioned", |bucket| partitioned(&simulation, bucket));
}

fn kill_all(undisturbed: &[Value], what: &str, command: impl Fn(&Bucket) -> Command) {
    let mut random = fastrand::Rng::with_seed(4);
    let mut kills = 0;
    while kills < wanted_kills() {
        let bucket = Bucket::make("killed");
        let killed = kill_at_random(&mut random, || command(&bucket));
        kills += killed;
        let what = format!("after {kills} kills");
        assert_bucket_undisturbed(&bucket, undisturbed, 1 + killed as usize, &what);
    }
    println!("{what}: {kills} kills at random instants survived");
}
