//! Two runs of an account at once, and one whose blob is lost.

use license_stream::simulate::Simulator;

use super::{parquet, summary};
use crate::support::azure::Container;
use crate::support::process::{run, start};
use crate::support::python::{ENGINES, parquet_rows};
use crate::support::truto::Truto;

const COUNT: u64 = 6_000;

#[test]
fn the_later_run_takes_over_and_the_earlier_one_says_so() {
    // Between two files, and in the middle of one: its upload is given up.
    for file_bytes in ["400000", "256000000"] {
        // The earlier one stands still in the middle while the later one does all its work.
        let simulator = || Simulator::new().with_seed(7).with_records(COUNT);
        let held = Truto::start(simulator().with_hold_after_records(COUNT / 2));
        let other = Truto::start(simulator());
        let container = Container::make("overtaken");
        let command = |truto: &Truto| {
            let mut command = parquet(truto, &container);
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
        let there = directory.path().join("container");
        container.get(&there);
        for engine in ENGINES {
            let rows = parquet_rows(engine, &there);
            let mut ids: Vec<_> = rows.iter().map(|row| row["id"].to_string()).collect();
            ids.sort();
            ids.dedup();
            assert_eq!((rows.len() as u64, ids.len() as u64), (COUNT, COUNT), "each once");
        }
        assert!(there.join("_SUCCESS").exists());
        assert_eq!(container.uploads(), [""; 0]);
    }
}

#[test]
fn a_blob_that_is_lost_is_an_error_before_the_api_is_asked() {
    let truto = Truto::start(Simulator::new().with_seed(8).with_records(COUNT).with_log(100));
    let container = Container::make("lost");
    let command = || {
        let mut command = parquet(&truto, &container);
        command.args(["--file-bytes", "1"]);
        command
    };
    let killed = run(command().env("LICENSE_STREAM_KILL_AT", "bucket-checkpoint-put:2"));
    assert_eq!(killed.code, None, "{}", killed.stderr);
    let mut keys = container.keys();
    keys.retain(|key| key.ends_with("-00000.parquet"));
    let [first] = &keys[..] else { panic!("{keys:?}") };
    let first = first.rsplit_once('/').unwrap().1;
    container.remove(first);
    let requests = truto.requests_for_licenses();
    let refused = run(&mut command());
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    let wanted = format!("{}/{first} is not there any more", container.url());
    assert!(refused.stderr.contains(&wanted), "{}", refused.stderr);
    assert_eq!(truto.requests_for_licenses(), requests);
}
