//! The demo, with the cluster inside of it: what it says has arrived is what it was asked for.

use crate::support::command::license_stream;
use crate::support::python::{ENGINES, parquet_rows};
use crate::support::run::run;

#[test]
fn shows_what_arrived_where() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("lake");
    let mut command = license_stream();
    let shown =
        run(command.args(["demo", "--records", "3000", "--out"]).arg(&out)).expect(0).stdout;

    assert_eq!(shown.matches("✓ 3,000 licenses").count(), 2, "{shown}");
    assert!(shown.contains("librdkafka's mock cluster inside this process"), "{shown}");
    assert!(shown.contains("3,000 rows in 1 row group of 17 columns"), "{shown}");
    let in_partitions: u64 = shown
        .lines()
        .filter_map(|line| line.trim().strip_prefix("partition "))
        .filter_map(|line| line.split_whitespace().nth(1)?.replace(',', "").parse::<u64>().ok())
        .sum();
    assert_eq!(in_partitions, 3000, "{shown}");
    // A path is as long as it is; everything else fits a terminal of 80 columns.
    let own = shown.lines().filter(|line| !line.contains("duckdb"));
    assert!(own.clone().all(|line| line.chars().count() <= 80), "{shown}");
    for engine in ENGINES {
        assert_eq!(parquet_rows(engine, &out).len(), 3000);
    }
}
