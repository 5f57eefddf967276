//! Runs that nothing disturbs.

use license_stream::simulate::Simulator;
use serde_json::json;

use super::{parquet, rows, summary};
use crate::parquet::partitions::{assert_awkward, awkward};
use crate::stores;
use crate::support::azure::{Container, settings};
use crate::support::command::license_stream;
use crate::support::process::run;
use crate::support::python::{ENGINES, hive_rows, parquet_rows};
use crate::support::truto::Truto;

const COUNT: u64 = 5_000;

#[test]
fn a_container_holds_what_a_directory_would_and_is_looked_at_and_compacted_like_one() {
    let truto = Truto::start(Simulator::new().with_seed(4).with_records(COUNT));
    let container = Container::make("export");
    let done = summary(parquet(&truto, &container).args(["--file-bytes", "1500000"]));
    let files = done["snapshots"][0]["files"].as_array().unwrap();
    assert!(files.len() > 1, "{files:?}");
    assert!(files.iter().all(|file| file.as_str().unwrap().starts_with(&container.url())));
    assert_eq!(container.uploads(), [""; 0]);

    let directory = tempfile::tempdir().unwrap();
    let (there, here) = (directory.path().join("container"), directory.path().join("directory"));
    container.get(&there);
    summary(truto.command("parquet").args(["--json", "--out"]).arg(&here));
    for engine in ENGINES {
        assert!(rows(engine, &there) == rows(engine, &here), "{engine}");
    }
    assert!(there.join("_SUCCESS").exists());

    let inspect = |place: &str| {
        let mut command = license_stream();
        command.args(["inspect", "--json", place]);
        summary(settings(&mut command))
    };
    let seen = inspect(&container.url());
    assert_eq!(seen, inspect(there.to_str().unwrap()));
    assert_eq!((&seen["success"], &seen["pending"]), (&true.into(), &json!([])));
    assert_eq!(seen["files"], inspect(&container.url_with_account())["files"]);
    let file = inspect(files[0].as_str().unwrap());
    assert_eq!(file["rows"], seen["files"][0]["rows"]);
    let mut report = license_stream();
    let reported = run(settings(report.args(["report", &container.url(), "--out", "-"])));
    assert!(
        reported.code == Some(0) && reported.text().contains(">5,000</"),
        "{}",
        reported.stderr
    );

    let mut compact = license_stream();
    summary(settings(compact.args(["compact", "--json", &container.url()])));
    let compacted = directory.path().join("compacted");
    container.get(&compacted);
    assert!(rows(ENGINES[0], &compacted) == rows(ENGINES[0], &here));
    let left = inspect(&container.url());
    assert_eq!(left["files"].as_array().unwrap().len(), 1);
    assert_eq!((&left["success"], &left["pending"]), (&true.into(), &json!([])));
    assert_eq!(container.uploads(), [""; 0]);

    let mut show = license_stream();
    show.args(["checkpoint", "show", "--json", "--out", &container.url()]);
    let shown = summary(settings(&mut show));
    assert_eq!((&shown["records"], &shown["is_complete"]), (&COUNT.into(), &true.into()));
}

#[test]
fn a_file_of_several_blocks_is_whole() {
    let truto = Truto::start(Simulator::new().with_seed(5).with_records(60_000));
    let container = Container::make("blocks");
    let done = summary(&mut parquet(&truto, &container));
    // A block is 5 MiB.
    assert!(done["bytes_written"].as_u64().unwrap() > 6 << 20, "{done}");
    let directory = tempfile::tempdir().unwrap();
    let there = directory.path().join("container");
    container.get(&there);
    assert_eq!(parquet_rows(ENGINES[0], &there).len(), 60_000);
    assert_eq!(container.uploads(), [""; 0]);
}

#[test]
fn blobs_are_named_as_files_are() {
    let directory = tempfile::tempdir().unwrap();
    let body = awkward(directory.path());
    let container = Container::make("partitions");
    let mut command = license_stream();
    command.args(["parquet", "--quiet", "--partition-by", "status", "--out", &container.url()]);
    let exported = run(settings(command.arg("--input").arg(&body)));
    assert_eq!(exported.code, Some(0), "{}", exported.stderr);
    let there = directory.path().join("there");
    container.get(&there);
    for engine in ENGINES {
        assert_awkward(&hive_rows(engine, &there), engine);
    }
    assert_eq!(container.uploads(), [""; 0]);
}

#[test]
fn checkpoints_of_a_topic_can_be_in_a_container() {
    stores::checkpoints_of_a_topic_can_be_there::<Container>();
}

#[test]
fn a_shared_access_signature_of_the_container_is_enough_and_is_not_shown() {
    let truto = Truto::start(Simulator::new().with_seed(7).with_records(COUNT));
    let container = Container::make("signature");
    let signature = container.signature();
    let mut command = parquet(&truto, &container);
    command.args(["--file-bytes", "1500000", "--verbose"]).env("RUST_LOG", "trace");
    command.env_remove("AZURE_STORAGE_ACCOUNT_KEY").env("AZURE_STORAGE_SAS_TOKEN", &signature);
    let done = run(&mut command);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let (_, secret) = signature.split_once("sig=").unwrap();
    assert!(!done.stderr.contains(&secret[..12]), "{}", done.stderr);
    assert_eq!(container.uploads(), [""; 0]);
    assert!(container.keys().iter().any(|key| key.ends_with("/_SUCCESS")));
}
