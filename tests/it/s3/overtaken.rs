//! Two runs of one account at once.

use std::num::NonZeroU64;

use license_stream::simulate::Simulator;

use super::parquet;
use crate::support::python::{ENGINES, parquet_rows};
use crate::support::run::{run, start};
use crate::support::s3::{Bucket, endpoint};
use crate::support::simulation::Simulation;

const COUNT: u64 = 6_000;

#[test]
fn the_later_run_takes_over_and_the_earlier_one_says_so() {
    // Slow enough to be overtaken at any rate: the later one reads another simulation, without a pace.
    let simulator = || Simulator::new().with_seed(7).with_records(COUNT);
    let slow = Simulation::start(simulator().with_pace(NonZeroU64::new(300_000).unwrap()));
    let fast = Simulation::start(simulator());
    let bucket = Bucket::make("overtaken");
    let command = |simulation: &Simulation| {
        let mut command = parquet(&bucket, &endpoint());
        simulation.source(command.args(["--file-bytes", "400000"]));
        command
    };
    let first = start(&mut command(&slow));
    // It has begun once its claim is there, which is before its first file.
    let directory = tempfile::tempdir().unwrap();
    for look in 0.. {
        let there = directory.path().join(look.to_string());
        bucket.get(&there);
        if there.join("_license-stream/pending").exists() {
            break;
        }
    }
    let second = run(&mut command(&fast));
    assert_eq!(second.code, Some(0), "{}", second.stderr);
    let first = first.finish();
    assert_eq!(first.code, Some(1), "{}", first.stderr);
    assert!(first.stderr.contains("another run has taken over"), "{}", first.stderr);

    let there = directory.path().join("end");
    bucket.get(&there);
    for engine in ENGINES {
        let mut ids: Vec<_> =
            parquet_rows(engine, &there).iter().map(|row| row["id"].to_string()).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len() as u64, COUNT);
        assert_eq!(parquet_rows(engine, &there).len() as u64, COUNT, "each once");
    }
    assert!(there.join("_SUCCESS").exists());
    assert_eq!(bucket.uploads(), [""; 0]);
}
