//! Connections to the store that are cut at random bytes.

use license_stream::simulate::Simulator;

use super::{parquet, parquet_through, summary};
use crate::support::proxy::Cutter;
use crate::support::python::{ENGINES, parquet_rows};
use crate::support::s3::{Bucket, endpoint};
use crate::support::truto::Truto;

const COUNT: u64 = 4_000;

#[test]
fn what_arrives_is_the_same_whatever_is_cut() {
    let truto = Truto::start(Simulator::new().with_seed(8).with_records(COUNT));
    let target = endpoint().rsplit_once(':').unwrap().1.parse().unwrap();
    for seed in 1..=3 {
        let bucket = Bucket::make("cuts");
        let cutter = Cutter::to(target, seed);
        let mut command = parquet_through(&cutter.url(), &truto, &bucket);
        summary(command.args(["--file-bytes", "150000"]));
        assert!(cutter.cuts() > 2, "seed {seed}: {} cuts", cutter.cuts());
        let directory = tempfile::tempdir().unwrap();
        let there = directory.path().join("bucket");
        bucket.get(&there);
        for engine in ENGINES {
            let rows = parquet_rows(engine, &there);
            let mut ids: Vec<_> = rows.iter().map(|row| row["id"].to_string()).collect();
            ids.sort();
            ids.dedup();
            assert_eq!((rows.len() as u64, ids.len() as u64), (COUNT, COUNT), "seed {seed}");
        }
        assert!(there.join("_SUCCESS").exists());
        // What was begun twice, because the answer was cut, the next run gives up.
        summary(&mut parquet(&truto, &bucket));
        assert_eq!(bucket.uploads(), [""; 0], "seed {seed}");
    }
}
