//! Connections to the store that are cut at random bytes.

use std::path::Path;

use license_stream::simulate::Simulator;
use serde_json::Value;

use super::{parquet, summary};
use crate::support::azure::{ACCOUNT, Container, endpoint};
use crate::support::proxy::Cutter;
use crate::support::python::{ENGINES, parquet_rows};
use crate::support::truto::Truto;

const COUNT: u64 = 4_000;

#[test]
fn what_arrives_is_the_same_whatever_is_cut() {
    let truto = Truto::start(Simulator::new().with_seed(8).with_records(COUNT));
    // What a directory would have got.
    let undisturbed = tempfile::tempdir().unwrap();
    summary(truto.command("parquet").args(["--json", "--out"]).arg(undisturbed.path()));
    let undisturbed = rows(ENGINES[0], undisturbed.path());
    assert_eq!(undisturbed.len() as u64, COUNT);
    let endpoint = endpoint();
    let address = endpoint.strip_suffix(&format!("/{ACCOUNT}")).unwrap();
    let target = address.rsplit_once(':').unwrap().1.parse().unwrap();
    let mut cuts = 0;
    for seed in 1..=3 {
        let container = Container::make("cuts");
        let cutter = Cutter::to(target, seed);
        let mut command = parquet(&truto, &container);
        command.env("AZURE_STORAGE_ENDPOINT", format!("{}/{ACCOUNT}", cutter.url()));
        summary(command.args(["--file-bytes", "150000"]));
        cuts += cutter.cuts();
        let directory = tempfile::tempdir().unwrap();
        let there = directory.path().join("container");
        container.get(&there);
        for engine in ENGINES {
            let rows = rows(engine, &there);
            assert!(rows == undisturbed, "seed {seed}, {engine}: {} rows, not those", rows.len());
        }
        assert!(there.join("_SUCCESS").exists());
        // What was left, because the answer was cut, the next run removes.
        summary(&mut parquet(&truto, &container));
        assert_eq!(container.uploads(), [""; 0], "seed {seed}");
    }
    // How many it takes goes by how what is sent comes together.
    assert!(cuts > 6, "{cuts} cuts");
}

/// By id, and without the snapshot, which is each run's own.
fn rows(engine: &str, directory: &Path) -> Vec<Value> {
    let mut rows = parquet_rows(engine, directory);
    for row in &mut rows {
        row.as_object_mut().unwrap().remove("_snapshot_id").expect("a snapshot");
    }
    rows.sort_by_cached_key(|row| row["id"].to_string());
    rows
}
