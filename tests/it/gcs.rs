//! Parquet files and checkpoints in Google Cloud Storage: a server that is our own reading of its protocol.

use std::path::Path;
use std::process::Command;

use license_stream::simulate::Simulator;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use serde_json::{Value, json};

use crate::parquet::partitions::{assert_awkward, awkward};
use crate::support::command::license_stream;
use crate::support::gcs::{Gcs, account};
use crate::support::process::{run, run_with_input, start};
use crate::support::python::{ENGINES, hive_rows, parquet_rows};
use crate::support::truto::Truto;

const COUNT: u64 = 5_000;

/// A run that writes what `truto` has to `gcs`.
fn parquet(truto: &Truto, gcs: &Gcs) -> Command {
    let mut command = truto.command("parquet");
    command.args(["--json", "--file-bytes", "400000", "--out", &gcs.url()]);
    gcs.settings(&mut command);
    command
}

/// The summary of a run that must end well.
#[track_caller]
fn summary(command: &mut Command) -> Value {
    let run = run(command);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    serde_json::from_slice(&run.stdout).unwrap()
}

/// Rows without what is another in each run.
fn rows(engine: &str, directory: &Path) -> Vec<Value> {
    let mut rows = parquet_rows(engine, directory);
    rows.iter_mut().for_each(|row| drop(row.as_object_mut().unwrap().remove("_snapshot_id")));
    rows.sort_by_cached_key(|row| row["id"].to_string());
    rows
}

/// Each once, and nothing is left of uploads.
fn assert_whole(gcs: &Gcs, truto: &Truto, what: &str) {
    let directory = tempfile::tempdir().unwrap();
    let (there, here) = (directory.path().join("bucket"), directory.path().join("directory"));
    gcs.get(&there);
    summary(truto.command("parquet").args(["--json", "--out"]).arg(&here));
    for engine in ENGINES {
        assert!(rows(engine, &there) == rows(engine, &here), "{what}, {engine}");
    }
    assert!(there.join("_SUCCESS").exists(), "{what}");
    assert_eq!(gcs.uploads(), [""; 0], "{what}");
}

#[test]
fn a_bucket_holds_what_a_directory_would_and_is_looked_at_and_compacted_like_one() {
    let truto = Truto::start(Simulator::new().with_seed(4).with_records(COUNT));
    let gcs = Gcs::start();
    let done = summary(&mut parquet(&truto, &gcs));
    let files = done["snapshots"][0]["files"].as_array().unwrap();
    assert!(files.len() > 1 && files[0].as_str().unwrap().starts_with(&gcs.url()), "{files:?}");
    assert_whole(&gcs, &truto, "written");
    let command = |arguments: &[&str]| {
        let mut command = license_stream();
        gcs.settings(command.args(arguments).args([&gcs.url(), "--json"]));
        summary(&mut command)
    };
    command(&["compact"]);
    assert_whole(&gcs, &truto, "compacted");
    let seen = command(&["inspect"]);
    assert_eq!(seen["files"].as_array().unwrap().len(), 1);
    assert_eq!((&seen["success"], &seen["pending"]), (&true.into(), &json!([])));
    let shown = command(&["checkpoint", "show", "--out"]);
    assert_eq!((&shown["records"], &shown["is_complete"]), (&COUNT.into(), &true.into()));
}

#[test]
fn objects_are_named_as_files_are() {
    let directory = tempfile::tempdir().unwrap();
    let body = awkward(directory.path());
    let gcs = Gcs::start();
    let mut command = license_stream();
    command.args(["parquet", "--quiet", "--partition-by", "status", "--out", &gcs.url()]);
    let exported = run(gcs.settings(command.arg("--input").arg(&body)));
    assert_eq!(exported.code, Some(0), "{}", exported.stderr);
    let there = directory.path().join("there");
    gcs.get(&there);
    for engine in ENGINES {
        assert_awkward(&hive_rows(engine, &there), engine);
    }
}

#[test]
fn killed_at_instants_a_run_that_is_begun_again_leaves_the_rows_of_an_undisturbed_one() {
    let truto = Truto::start(Simulator::new().with_seed(5).with_records(COUNT));
    for point in [
        "bucket-claimed:1",
        "bucket-upload-begun:2",
        "bucket-parts-sent:2",
        "bucket-upload-completed:2",
        "bucket-checkpoint-put:2",
        "bucket-manifest-put:1",
    ] {
        let gcs = Gcs::start();
        let killed = run(parquet(&truto, &gcs).env("LICENSE_STREAM_KILL_AT", point));
        assert_eq!(killed.code, None, "{point}: {}", killed.stderr);
        if !point.starts_with("bucket-manifest") {
            summary(&mut parquet(&truto, &gcs));
            assert_whole(&gcs, &truto, point);
        } else {
            let mut inspect = license_stream();
            let inspect = inspect.args(["inspect", "--json", &gcs.url()]);
            assert_eq!(summary(gcs.settings(inspect))["snapshots"][0]["state"], "complete");
        }
    }
}

#[test]
fn answers_that_are_lost_do_no_harm() {
    let truto = Truto::start(Simulator::new().with_seed(6).with_records(COUNT));
    for every in [2, 3, 5] {
        let gcs = Gcs::start().losing(every);
        let done = summary(&mut parquet(&truto, &gcs));
        assert_eq!(done["snapshots"][0]["complete"], true, "{done}");
        let directory = tempfile::tempdir().unwrap();
        gcs.get(&directory.path().join("bucket"));
        let rows = parquet_rows(ENGINES[0], &directory.path().join("bucket"));
        assert_eq!(rows.len() as u64, COUNT, "every {every}");
        // What was begun twice, because the answer was lost, the next run gives up, but for that of `_SUCCESS`.
        let gcs = gcs.losing(0);
        summary(&mut parquet(&truto, &gcs));
        let left = gcs.uploads();
        assert!(left.iter().all(|name| name.ends_with("/_SUCCESS")), "{left:?}");
    }
}

#[test]
fn the_later_run_takes_over_and_the_earlier_one_says_so() {
    let simulator = || Simulator::new().with_seed(7).with_records(COUNT);
    let held = Truto::start(simulator().with_hold_after_records(COUNT / 2));
    let other = Truto::start(simulator());
    let gcs = Gcs::start();
    let first = start(&mut parquet(&held, &gcs));
    held.until_held();
    summary(&mut parquet(&other, &gcs));
    held.release();
    let first = first.finish();
    assert_eq!(first.code, Some(1), "{}", first.stderr);
    assert!(first.stderr.contains("error: another run has taken over: "), "{}", first.stderr);
    assert_whole(&gcs, &other, "overtaken");
}

#[test]
fn what_does_not_fit_is_told_and_no_secret_is_shown() {
    let gcs = Gcs::start();
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.into_os_string().into_string().unwrap()
    };
    let other = account(&PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap());
    let broken = account(&PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap());
    let broken = broken.replace("BEGIN PRIVATE", "BEGIN S3CRET");
    let credentials = "GOOGLE_APPLICATION_CREDENTIALS";
    let cases = [
        ("gs://no-such-bucket/a", [("UNUSED", String::new())], 1, "NoSuchBucket"),
        ("gs://lakes/a", [(credentials, file("other", &other))], 3, "AuthenticationRequired"),
        ("gs://lakes/a", [(credentials, file("no", "\"s3cret\""))], 2, "(line 1, column "),
        ("gs://lakes/a", [(credentials, file("pem", &broken))], 2, "no RSA key in PEM"),
        (
            "gs://lakes/a",
            [(credentials, "/missing".to_owned())],
            2,
            "GOOGLE_APPLICATION_CREDENTIALS names a file that is not there",
        ),
        (
            "gs://lakes/a",
            [("GOOGLE_BASE_URL", "http://gcs.example".to_owned())],
            2,
            "GOOGLE_ALLOW_HTTP",
        ),
        (
            "gs://lakes/a",
            [("GOOGLE_BASE_URL", "http://127.0.0.1:9".to_owned())],
            3,
            "look at the network and at GOOGLE_BASE_URL",
        ),
        ("gs://lakes/a//b", [("UNUSED", String::new())], 2, "this cannot be a prefix"),
    ];
    for (url, set, code, words) in cases {
        let mut command = license_stream();
        command.args(["parquet", "--input", "-", "--out", url]);
        let ran = run_with_input(gcs.settings(&mut command).envs(set), b"{\"id\":\"a\"}\n");
        assert_eq!(ran.code, Some(code), "{words}: {}", ran.stderr);
        assert!(ran.stderr.contains(url) && ran.stderr.contains(words), "{words}: {}", ran.stderr);
        assert!(!ran.stderr.to_lowercase().contains("s3cret"), "{}", ran.stderr);
    }
    assert_eq!(gcs.keys(), [""; 0]);
}
