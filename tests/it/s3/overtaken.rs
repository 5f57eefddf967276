//! Two runs of one account at once.

use license_stream::simulate::Simulator;

use super::{parquet, summary};
use crate::support::process::start;
use crate::support::python::{ENGINES, parquet_rows};
use crate::support::s3::Bucket;
use crate::support::truto::Truto;

const COUNT: u64 = 6_000;

#[test]
fn the_later_run_takes_over_and_the_earlier_one_says_so() {
    // Between two files, and in the middle of one: its upload is given up.
    for file_bytes in ["400000", "256000000"] {
        overtake(file_bytes);
    }
}

fn overtake(file_bytes: &str) {
    // The earlier one stands still in the middle while the later one does all its work.
    let simulator = || Simulator::new().with_seed(7).with_records(COUNT);
    let held = Truto::start(simulator().with_hold_after_records(COUNT / 2));
    let other = Truto::start(simulator());
    let bucket = Bucket::make("overtaken");
    let command = |truto: &Truto| {
        let mut command = parquet(truto, &bucket);
        command.args(["--file-bytes", file_bytes]);
        command
    };
    let first = start(&mut command(&held));
    held.until_held();
    summary(&mut command(&other));
    held.release();
    let first = first.finish();
    assert_eq!(first.code, Some(1), "{}", first.stderr);
    assert!(first.stderr.contains("error: another run has taken over: "), "{}", first.stderr);

    let directory = tempfile::tempdir().unwrap();
    let there = directory.path().join("bucket");
    bucket.get(&there);
    for engine in ENGINES {
        let rows = parquet_rows(engine, &there);
        let mut ids: Vec<_> = rows.iter().map(|row| row["id"].to_string()).collect();
        ids.sort();
        ids.dedup();
        assert_eq!((rows.len() as u64, ids.len() as u64), (COUNT, COUNT), "each once");
    }
    assert!(there.join("_SUCCESS").exists());
    assert_eq!(bucket.uploads(), [""; 0]);
}
