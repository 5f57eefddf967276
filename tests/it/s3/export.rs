//! Runs that nothing disturbs.

use license_stream::simulate::Simulator;
use serde_json::Value;

use super::{parquet, rows, summary};
use crate::stores;
use crate::support::command::license_stream;
use crate::support::python::{ENGINES, parquet_lines, parquet_rows};
use crate::support::s3::{Bucket, endpoint, settings};
use crate::support::truto::Truto;

const COUNT: u64 = 5_000;

#[test]
fn a_bucket_holds_what_a_directory_would() {
    let truto = Truto::start(Simulator::new().with_seed(4).with_records(COUNT));
    let bucket = Bucket::make("export");
    let sizes = ["--file-bytes", "1500000"];
    let run_to_bucket = || summary(parquet(&truto, &bucket).args(sizes));
    let done = run_to_bucket();
    let files = done["snapshots"][0]["files"].as_array().unwrap();
    assert!(files.len() > 1, "{files:?}");
    assert!(files.iter().all(|file| file.as_str().unwrap().starts_with(&bucket.url())));

    let directory = tempfile::tempdir().unwrap();
    let (there, here) = (directory.path().join("bucket"), directory.path().join("directory"));
    bucket.get(&there);
    summary(truto.command("parquet").arg("--json").args(sizes).arg("--out").arg(&here));
    for engine in ENGINES {
        assert!(rows(engine, &there) == rows(engine, &here), "{engine}");
    }
    let snapshot = done["snapshots"][0]["snapshot_id"].as_str().unwrap();
    let manifest = format!("_license-stream/{}-{snapshot}.json", truto.account());
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(there.join(manifest)).unwrap()).unwrap();
    assert_eq!(manifest["records"], COUNT);
    for file in manifest["files"].as_array().unwrap() {
        let bytes = std::fs::read(there.join(file["name"].as_str().unwrap())).unwrap();
        assert_eq!(file["bytes"], bytes.len());
    }
    assert!(there.join("_SUCCESS").exists());
    assert_eq!(bucket.uploads(), [""; 0]);

    // The next run adds a snapshot.
    run_to_bucket();
    let again = directory.path().join("again");
    bucket.get(&again);
    assert_eq!(parquet_rows(ENGINES[0], &again).len() as u64, 2 * COUNT);

    // It is looked at like a directory.
    let inspect = |place: &str| {
        let mut command = license_stream();
        command.args(["inspect", "--json", place]);
        summary(settings(&mut command, &endpoint()))
    };
    let seen = inspect(&bucket.url());
    assert_eq!(seen, inspect(again.to_str().unwrap()));
    assert_eq!((&seen["success"], &seen["pending"]), (&true.into(), &serde_json::json!([])));
    let snapshots = seen["snapshots"].as_array().unwrap();
    assert!(snapshots.len() == 2 && snapshots.iter().all(|it| it["state"] == "complete"));
    let file = inspect(files[0].as_str().unwrap());
    assert_eq!(
        (&file["name"], &file["rows"]),
        (&seen["files"][0]["name"], &seen["files"][0]["rows"])
    );

    let mut show = license_stream();
    show.args(["checkpoint", "show", "--json", "--out", &bucket.url()]);
    let shown = summary(settings(&mut show, &endpoint()));
    assert_eq!((&shown["records"], &shown["is_complete"]), (&COUNT.into(), &true.into()));
}

#[test]
fn a_file_of_several_parts_is_whole() {
    let truto = Truto::start(Simulator::new().with_seed(5).with_records(60_000));
    let bucket = Bucket::make("parts");
    let done = summary(&mut parquet(&truto, &bucket));
    // A part is 5 MiB.
    assert!(done["bytes_written"].as_u64().unwrap() > 6 << 20, "{done}");
    let directory = tempfile::tempdir().unwrap();
    let there = directory.path().join("bucket");
    bucket.get(&there);
    for engine in ENGINES {
        assert_eq!(parquet_lines(engine, &there).len(), 60_000, "{engine}");
    }
    assert_eq!(bucket.uploads(), [""; 0]);
}

#[test]
fn checkpoints_of_a_topic_can_be_in_a_bucket() {
    stores::checkpoints_of_a_topic_can_be_there::<Bucket>();
}
