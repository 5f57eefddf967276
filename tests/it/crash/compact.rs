//! Compactions: the rows are those that there were, each once.

use std::path::Path;
use std::process::Command;
use std::rc::Rc;

use serde_json::Value;

use super::parquet::{self, PARTITIONED, assert_undisturbed, undisturbed, undisturbed_partitioned};
use super::{ended, kill_at_each, kill_at_random, s3, simulator, start, wanted_kills};
use crate::support::command::license_stream;
use crate::support::python::ENGINES;
use crate::support::run::run;
use crate::support::s3::{Bucket, endpoint, settings};
use crate::support::simulation::Simulation;

pub(super) fn command(out: &Path) -> Command {
    let mut command = license_stream();
    command.args(["compact", "--quiet"]).arg(out);
    command
}

pub(super) fn command_in(bucket: &Bucket) -> Command {
    let mut command = license_stream();
    command.args(["compact", "--quiet", &bucket.url()]);
    settings(&mut command, &endpoint());
    command
}

/// A lake with a snapshot in several files.
fn fill(simulation: &Simulation, out: &Path, options: &[&str]) {
    let mut command = license_stream();
    command.args(["parquet", "--quiet", "--out"]).arg(out).args(options);
    assert!(ended(start(simulation.source(&mut command))));
}

fn copied(lake: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    let status = Command::new("cp").arg("-r").arg(lake.join(".")).arg(copy.path()).status();
    assert!(status.unwrap().success());
    copy
}

fn assert_compacted(out: &Path, undisturbed: &[Value], what: &str) {
    assert_undisturbed(out, undisturbed, what);
    let seen = run(license_stream().args(["inspect", "--json"]).arg(out)).expect(0).summary();
    assert_eq!(seen["pending"], serde_json::json!([]), "{what}");
    let files = seen["files"].as_array().unwrap();
    let name = |file: &Value| file["name"].as_str().unwrap().to_owned();
    assert!(files.iter().all(|file| name(file).contains("compacted-")), "{what}: {seen}");
}

#[test]
fn killed_at_every_named_instant_a_compaction_that_is_begun_again_leaves_the_rows_that_there_were()
{
    let simulation = Simulation::start(simulator(21));
    for (options, undisturbed) in [
        (&["--file-bytes", "1"][..], undisturbed(&simulation)),
        (&PARTITIONED, undisturbed_partitioned(&simulation)),
    ] {
        let lake = tempfile::tempdir().unwrap();
        fill(&simulation, lake.path(), options);
        let points = kill_at_each(|| {
            let copy = copied(lake.path());
            let out = copy.path().to_owned();
            let undisturbed = &undisturbed;
            let run = move || command(&out);
            (run, move |what: &str| assert_compacted(copy.path(), undisturbed, what))
        });
        assert_eq!(points, 9, "files and what is said of them");
    }
}

#[test]
fn an_account_is_read_whatever_a_killed_compaction_has_left() {
    let simulation = Simulation::start(simulator(22));
    let undisturbed = undisturbed(&simulation);
    let lake = tempfile::tempdir().unwrap();
    fill(&simulation, lake.path(), &["--file-bytes", "1"]);
    for point in
        ["file-synced", "file-durable", "compact-merged", "compact-committed", "compact-replaced"]
    {
        let copy = copied(lake.path());
        let out = copy.path();
        let mut killed = command(out);
        killed.env("LICENSE_STREAM_KILL_AT", format!("{point}:1"));
        assert!(!ended(start(&mut killed)), "{point} is not reached");
        assert!(!out.join("_SUCCESS").exists(), "{point}");
        assert!(ended(start(&mut parquet::command(&simulation, out))), "{point}");
        // It says nothing of the compaction's.
        assert!(!out.join("_SUCCESS").exists(), "{point}");
        assert!(ended(start(&mut command(out))), "{point}");
        assert_compacted(out, &undisturbed, point);
        let rows = crate::support::python::parquet_rows(ENGINES[0], out).len() as u64;
        assert_eq!(rows, 2 * super::COUNT, "{point}");
    }
}

#[test]
fn killed_at_random_instants_compactions_leave_the_rows_that_there_were() {
    let simulation = Simulation::start(simulator(23));
    let undisturbed = undisturbed_partitioned(&simulation);
    let lake = tempfile::tempdir().unwrap();
    fill(&simulation, lake.path(), &PARTITIONED);
    let mut random = fastrand::Rng::with_seed(9);
    let mut kills = 0;
    while kills < wanted_kills() {
        let copy = copied(lake.path());
        kills += kill_at_random(&mut random, || command(copy.path()));
        assert_compacted(copy.path(), &undisturbed, &format!("after {kills} kills"));
    }
    println!("compact: {kills} kills at random instants survived");
}

#[test]
fn in_a_bucket_killed_at_every_named_instant_it_leaves_the_rows_that_there_were() {
    let simulation = Simulation::start(simulator(24));
    let undisturbed = undisturbed(&simulation);
    let points = kill_at_each(|| {
        let bucket = Rc::new(Bucket::make("compacted"));
        assert!(ended(start(&mut s3::command(&simulation, &bucket))));
        let (in_it, undisturbed) = (Rc::clone(&bucket), &undisturbed);
        let look = move |what: &str| {
            let directory = tempfile::tempdir().unwrap();
            let there = directory.path().join("bucket");
            bucket.get(&there);
            assert_compacted(&there, undisturbed, what);
            assert_eq!(bucket.uploads(), [""; 0], "{what}");
        };
        (move || command_in(&in_it), look)
    });
    assert_eq!(points, 10, "all that there are in a bucket, but of checkpoints");
}
