//! Parquet files in an object store: the rows are those of an undisturbed run, each once.

use std::process::Command;
use std::rc::Rc;

use serde_json::Value;

use super::parquet::{assert_undisturbed, undisturbed};
use super::{kill_at_each, kill_at_random, simulator, wanted_kills};
use crate::support::command::license_stream;
use crate::support::s3::{self, Bucket, endpoint};
use crate::support::simulation::Simulation;

/// A run into `bucket`, with a file for each batch.
pub(super) fn command(simulation: &Simulation, bucket: &Bucket) -> Command {
    let mut command = license_stream();
    command.args(["parquet", "--quiet", "--file-bytes", "1", "--out", &bucket.url()]);
    s3::settings(simulation.source(&mut command), &endpoint());
    command
}

fn assert_bucket_undisturbed(bucket: &Bucket, undisturbed: &[Value], what: &str) {
    let directory = tempfile::tempdir().unwrap();
    let there = directory.path().join("bucket");
    bucket.get(&there);
    assert_undisturbed(&there, undisturbed, what);
    assert_eq!(bucket.uploads(), [""; 0], "{what}");
}

#[test]
fn killed_at_every_named_instant_a_run_that_is_begun_again_leaves_the_rows_of_an_undisturbed_one() {
    let simulation = Simulation::start(simulator(3));
    let undisturbed = undisturbed(&simulation);
    let points = kill_at_each(|| {
        let bucket = Rc::new(Bucket::make("killed"));
        let command = {
            let (simulation, bucket) = (&simulation, Rc::clone(&bucket));
            move || command(simulation, &bucket)
        };
        let undisturbed = &undisturbed;
        (command, move |what: &str| assert_bucket_undisturbed(&bucket, undisturbed, what))
    });
    assert_eq!(points, 8, "all that there are in a bucket");
}

#[test]
fn killed_at_random_instants_runs_leave_the_rows_of_an_undisturbed_one() {
    let simulation = Simulation::start(simulator(4));
    let undisturbed = undisturbed(&simulation);
    let mut random = fastrand::Rng::with_seed(4);
    let mut kills = 0;
    while kills < wanted_kills() {
        let bucket = Bucket::make("killed");
        kills += kill_at_random(&mut random, || command(&simulation, &bucket));
        assert_bucket_undisturbed(&bucket, &undisturbed, &format!("after {kills} kills"));
    }
    println!("s3: {kills} kills at random instants survived");
}
