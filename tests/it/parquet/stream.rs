//! Arrow batches on standard output.

use std::io::Read;
use std::path::Path;
use std::process::Command;

use license_stream::License;
use license_stream::simulate::Simulator;
use serde_json::Value;

use super::oracle;
use crate::support::body::{edges, id, records, simulated};
use crate::support::command::license_stream;
use crate::support::process::{Run, run};
use crate::support::python;
use crate::support::simulation::Simulation;

fn stream() -> Command {
    let mut command = license_stream();
    command.args(["parquet", "--as", "arrow-stream", "--out", "-", "--json"]);
    command
}

/// The summary, which is all of standard error but for what was kept in `_extra`.
fn summary(run: &Run) -> Value {
    let line = run.stderr.lines().find(|line| line.starts_with('{')).expect("a summary");
    serde_json::from_str(line).unwrap()
}

/// The stream as a file, for the readers.
fn file(directory: &Path, bytes: &[u8]) -> std::path::PathBuf {
    let path = directory.join("stream");
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn every_edge_is_in_the_stream_as_it_is_in_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let got = run(stream().arg("--input").arg(edges()));
    assert_eq!(got.code, Some(0), "{}", got.stderr);
    let summary = summary(&got);
    let snapshot_id = summary["snapshots"][0]["snapshot_id"].as_str().unwrap();
    // Of accounts, that is: the mark at the end, of eight bytes, is of none.
    assert_eq!(summary["bytes_written"], got.stdout.len() - 8);
    let body = std::fs::read(edges()).unwrap();
    let expected = records(&body);
    let expected: Vec<_> =
        expected.iter().map(|record| oracle::expected(record.bytes, None, snapshot_id).0).collect();
    assert_eq!(summary["records"], expected.len());
    let path = file(directory.path(), &got.stdout);
    for engine in python::ENGINES {
        let rows = python::arrow_lines(engine, &path).unwrap();
        let rows: Vec<_> = rows.iter().map(|line| oracle::seen(line)).collect();
        assert_eq!(rows, expected, "{engine}");
    }
}

#[test]
fn batches_come_while_the_body_does_and_in_its_order() {
    let count = 12_000;
    let simulator = Simulator::new().with_seed(14).with_records(count);
    let body = simulated(&simulator.licenses(&simulator.accounts()[0]), count);
    let simulation = Simulation::start(simulator.with_hold_after_bytes(body.len() as u64 / 2));
    let directory = tempfile::tempdir().unwrap();
    let mut command = stream();
    command.args(["--columns", "name,id"]).stdout(std::process::Stdio::piped());
    let mut child = simulation.source(&mut command).spawn().unwrap();
    simulation.until_held(&mut child);
    let mut stdout = child.stdout.take().unwrap();
    // Half of the body is not sent before this was read.
    let mut bytes = vec![0; 50_000];
    stdout.read_exact(&mut bytes).unwrap();
    simulation.release();
    stdout.read_to_end(&mut bytes).unwrap();
    assert!(child.wait().unwrap().success());
    let path = file(directory.path(), &bytes);
    let ids: Vec<_> = records(&body).iter().map(|record| id(record.bytes)).collect();
    for engine in python::ENGINES {
        let rows = python::arrow_lines(engine, &path).unwrap();
        let row = |line: &String| serde_json::from_str::<Value>(line).unwrap();
        let rows: Vec<_> = rows.iter().map(row).collect();
        assert!(rows.iter().map(|row| row["id"].as_str().unwrap()).eq(&ids), "{engine}");
        assert_eq!(rows[0].as_object().unwrap().len(), 2);
    }
}

#[test]
fn a_run_that_fails_leaves_a_stream_that_readers_refuse() {
    let simulator = Simulator::new().with_seed(2).with_records(12_000);
    let directory = tempfile::tempdir().unwrap();
    for cut_after in [6_000_000, 0] {
        let cut = Simulation::start(simulator.clone().with_cut_after(cut_after));
        let got = run(cut.source(stream().arg("--retries=0")));
        assert_eq!(got.code, Some(1), "{}", got.stderr);
        let path = file(directory.path(), &got.stdout);
        for engine in python::ENGINES {
            let refused = python::arrow_lines(engine, &path).unwrap_err();
            assert!(!refused.is_empty(), "{engine}");
        }
        assert_eq!(got.stdout.len() > 1_000_000, cut_after > 0);
    }
}

#[test]
fn no_licenses_make_a_stream_of_the_schema_alone() {
    let directory = tempfile::tempdir().unwrap();
    let input = directory.path().join("empty.ndjson");
    std::fs::write(&input, "\n").unwrap();
    let got = run(stream().arg("--input").arg(&input));
    assert_eq!(got.code, Some(0), "{}", got.stderr);
    let path = file(directory.path(), &got.stdout);
    for engine in python::ENGINES {
        assert_eq!(python::arrow_lines(engine, &path), Ok(Vec::new()), "{engine}");
    }
    let schema = License::schema();
    let names: Vec<_> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(python::arrow_columns(&path), names);
}

#[test]
fn what_a_stream_has_not_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("out");
    for (options, said) in [
        (&["--out", "-"][..], "--out - is standard output, to which no file can be written"),
        (&["--as", "arrow-stream", "--out", "lake"], "goes to standard output: --out -"),
        (&["--as", "arrow-stream", "--out", "-", "--bloom", "id"], "--bloom is of files"),
        (
            &["--as", "arrow-stream", "--out", "-", "--row-group-rows", "9"],
            "--row-group-rows is of files",
        ),
        (&["--as", "arrow-stream", "--out", "-", "--compression", "none"], "--compression is of"),
        (&["--as", "arrow-stream", "--out", "-", "--sort-by", "id"], "--sort-by is of files"),
        (&["--as", "arrow-stream", "--out", "-", "--checkpoint", "c"], "--checkpoint is of"),
    ] {
        let mut command = license_stream();
        command.current_dir(directory.path()).arg("parquet").args(options);
        let got = run(command.arg("--input").arg(edges()));
        assert_eq!((got.code, got.stdout.len()), (Some(2), 0), "{options:?}: {}", got.stderr);
        assert!(got.stderr.contains(said), "{options:?}: {}", got.stderr);
    }
    assert!(!out.exists() && std::fs::read_dir(directory.path()).unwrap().count() == 0);
}
