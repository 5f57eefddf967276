//! When files end.

use std::path::Path;

use license_stream::simulate::Simulator;
use serde_json::Value;

use super::{files, parquet};
use crate::support::body::{id, records, simulated};
use crate::support::command::license_stream;
use crate::support::python;
use crate::support::run::{Run, run};

const COUNT: u64 = 20_000;

/// A body in a file, and its records' ids.
fn body(directory: &Path) -> (std::path::PathBuf, Vec<String>) {
    let simulator = Simulator::new().with_seed(23).with_records(COUNT);
    let body = simulated(&simulator.licenses(&simulator.accounts()[0]), COUNT);
    let path = directory.join("body.ndjson");
    std::fs::write(&path, &body).unwrap();
    (path, records(&body).iter().map(|record| id(record.bytes)).collect())
}

/// The files of a run with these options, in order; all rows are in them, in the order of the body.
fn rolled(options: &[&str]) -> Vec<Value> {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("lake");
    let (input, ids) = body(directory.path());
    let mut command = parquet(&out);
    let summary = run(command.args(options).arg("--input").arg(input)).expect(0).summary();
    let rows = python::parquet_rows("duckdb", &out);
    assert!(rows.iter().map(|row| row["id"].as_str().unwrap()).eq(&ids), "{options:?}");
    let inspected = |file: &std::path::PathBuf| -> Value {
        let run = run(license_stream().args(["inspect", "--json"]).arg(file)).expect(0);
        serde_json::from_str(&run.stdout).unwrap()
    };
    files(&summary).iter().map(inspected).collect()
}

fn of(file: &Value, name: &str) -> u64 {
    file[name].as_u64().unwrap()
}

#[test]
fn a_file_ends_with_the_row_group_with_which_it_is_nearest_to_the_size_wanted() {
    let target = 500_000;
    let files = rolled(&["--roll", "500kB"]);
    let (_, full) = files.split_last().unwrap();
    assert!(full.len() > 2, "{}", files.len());
    for file in full {
        let groups: Vec<_> = file["row_groups"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| of(it, "compressed_bytes"))
            .collect();
        let last = groups.last().unwrap();
        // Behind the row groups comes what is said of them.
        let written: u64 = groups.iter().sum();
        let tolerance = last / 2 + 20_000;
        assert!(groups.len() > 1 && written.abs_diff(target) <= tolerance, "{groups:?}");
        assert!(of(file, "bytes").abs_diff(target) <= tolerance, "{file}");
    }
}

#[test]
fn a_file_ends_with_the_batch_with_which_it_has_the_rows_wanted() {
    let files = rolled(&["--roll", "rows=4000"]);
    let (_, full) = files.split_last().unwrap();
    assert!(full.len() > 1);
    for file in full {
        // A batch is some 1 MiB of JSON.
        assert!((4_000..7_000).contains(&of(file, "rows")), "{}", file["rows"]);
    }
}

#[test]
fn a_file_ends_when_its_time_has_come_and_not_before() {
    assert_eq!(rolled(&["--roll", "10h"]).len(), 1);
    let batches = rolled(&["--file-bytes", "1"]);
    let files = rolled(&["--roll", "1ms"]);
    assert!(files.len() > 1 && files.len() <= batches.len(), "{} files", files.len());
}

#[test]
fn what_comes_first_ends_a_file() {
    let all = rolled(&["--roll", "rows=1000000000,10h", "--file-bytes", "1"]);
    assert_eq!(all.len(), rolled(&["--roll", "rows=1,1GiB"]).len());
    assert!(all.len() > 1);
    // Without `--file-bytes` nothing else does.
    assert_eq!(rolled(&["--roll", "100GiB"]).len(), 1);
}

#[test]
fn partitions_are_rolled_together() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("lake");
    let (input, ids) = body(directory.path());
    let mut command = parquet(&out);
    command.args(["--roll", "rows=2000", "--partition-by", "is_paid"]);
    let summary = run(command.arg("--input").arg(input)).expect(0).summary();
    let mut found: Vec<_> = python::hive_rows("duckdb", &out)
        .iter()
        .map(|row| row["id"].as_str().unwrap().to_owned())
        .collect();
    let mut ids = ids;
    found.sort();
    ids.sort();
    assert!(found == ids);
    let of_piece = |number: &str| {
        files(&summary).iter().filter(|file| file.to_string_lossy().ends_with(number)).count()
    };
    assert!(of_piece("-00000.parquet") > 1 && of_piece("-00002.parquet") > 1);
}

#[test]
fn what_is_no_way_to_roll_is_refused() {
    let refused = |options: &[&str]| -> Run {
        let mut command = license_stream();
        command.args(["parquet", "--input", "body.ndjson"]).args(options);
        run(&mut command).expect(2)
    };
    let stderr = refused(&["--out", "lake", "--roll", "256"]).stderr;
    assert!(stderr.contains("\"256\" is none of them: a size as 256MiB (B, kB, "), "{stderr}");
    assert!(stderr.contains("so 1.5GB is 1500MB"), "{stderr}");
    let stderr = refused(&["--out", "-", "--as", "arrow-stream", "--roll", "1m"]).stderr;
    assert!(stderr.contains("--roll is of files, and does not go with"), "{stderr}");
}
