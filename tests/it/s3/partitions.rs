//! Partitions in a bucket: objects whose names have what values have.

use crate::parquet::partitions::{assert_awkward, awkward};
use crate::support::command::license_stream;
use crate::support::process::run;
use crate::support::python::{ENGINES, hive_rows};
use crate::support::s3::{Bucket, endpoint, settings};

#[test]
fn objects_are_named_as_files_are() {
    let directory = tempfile::tempdir().unwrap();
    let body = awkward(directory.path());
    let bucket = Bucket::make("partitions");
    let exported = |out: &str| {
        let mut command = license_stream();
        command.args(["parquet", "--quiet", "--partition-by", "status", "--out", out, "--input"]);
        let run = run(settings(command.arg(&body), &endpoint()));
        assert_eq!(run.code, Some(0), "{}", run.stderr);
    };
    exported(&bucket.url());
    let there = directory.path().join("there");
    bucket.get(&there);
    for engine in ENGINES {
        assert_awkward(&hive_rows(engine, &there), engine);
    }
    assert_eq!(bucket.uploads(), [""; 0]);
    let here = directory.path().join("here");
    exported(here.to_str().unwrap());
    let directories = |lake: &std::path::Path| {
        let entries = std::fs::read_dir(lake).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> =
            entries.filter(|name| name.to_string_lossy().contains('=')).collect();
        names.sort();
        names
    };
    assert_eq!(directories(&there), directories(&here));

    let mut inspect = license_stream();
    inspect.args(["inspect", "--json", &bucket.url()]);
    let seen = run(settings(&mut inspect, &endpoint()));
    let seen: serde_json::Value = serde_json::from_slice(&seen.stdout).unwrap();
    assert_eq!(seen["snapshots"][0]["state"], "complete");
    assert_eq!(seen["files"].as_array().unwrap().len(), directories(&here).len());
}
