//! Files in Arrow's IPC file format, in a lake that is kept as one of Parquet files is.

use std::path::{Path, PathBuf};
use std::process::Command;

use expect_test::expect;
use license_stream::simulate::Simulator;
use serde_json::{Value, json};

use super::{files, oracle, parquet};
use crate::support::body::{edges, id, records, simulated};
use crate::support::command::license_stream;
use crate::support::python::{self, root, schema_violations};
use crate::support::run::{run, start};
use crate::support::simulation::Simulation;

fn arrow(out: &Path) -> Command {
    let mut command = parquet(out);
    command.args(["--as", "arrow"]);
    command
}

/// The rows that engines that are not ours see in files, which are the same of each.
fn rows(files: &[PathBuf]) -> Vec<oracle::Row> {
    python::agreed(&python::ENGINES, |engine| {
        let lines = files.iter().flat_map(|file| python::arrow_lines(engine, file).unwrap());
        lines.map(|line| oracle::seen(&line)).collect::<Vec<_>>()
    })
}

fn inspected(place: &Path, code: i32) -> Value {
    let mut command = license_stream();
    let run = run(command.arg("inspect").arg(place).arg("--json")).expect(code);
    serde_json::from_str(&run.stdout).unwrap()
}

#[test]
fn every_edge_is_in_the_files_with_each_codec() {
    let body = std::fs::read(edges()).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let mut sizes = Vec::new();
    for codec in ["none", "lz4", "zstd", "zstd:9"] {
        let out = directory.path().join(codec);
        let mut command = arrow(&out);
        command.args(["--compression", codec, "--row-group-rows", "10"]);
        let summary = run(command.arg("--input").arg(edges())).expect(0).summary();
        let [file] = &files(&summary)[..] else { panic!("{summary}") };
        let snapshot = summary["snapshots"][0]["snapshot_id"].as_str().unwrap();
        assert_eq!(
            file.file_name().unwrap().to_str().unwrap(),
            format!("input-{snapshot}-00000.arrow")
        );
        let expected: Vec<_> = records(&body)
            .iter()
            .map(|record| oracle::expected(record.bytes, None, snapshot).0)
            .collect();
        assert_eq!(rows(std::slice::from_ref(file)), expected, "{codec}");
        assert!(out.join("_SUCCESS").exists());
        sizes.push(file.metadata().unwrap().len());
    }
    // Each in its own way.
    assert!(sizes[1..].iter().all(|size| *size < sizes[0]), "{sizes:?}");
    assert!(sizes[1] != sizes[2] && sizes[2] != sizes[3], "{sizes:?}");
}

#[test]
fn a_lake_of_arrow_files_is_looked_at() {
    let simulator = Simulator::new().with_seed(3).with_records(20_000);
    let simulation = Simulation::start(simulator);
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path();
    let mut command = arrow(out);
    command.args(["--columns", "id,name,created_at", "--row-group-bytes", "3000000"]);
    command.args(["--file-bytes", "6000000"]);
    let summary = run(simulation.source(&mut command)).expect(0).summary();
    let written = files(&summary);
    assert!(written.len() > 1);

    let lake = inspected(out, 0);
    assert_eq!(lake["snapshots"][0]["state"], "complete");
    assert_eq!(lake["snapshots"][0]["rows"], 20_000);
    assert_eq!((&lake["broken"], &lake["success"]), (&json!([]), &json!(true)));
    let first = inspected(&written[0], 0);
    assert!(first["row_groups"].as_array().unwrap().len() > 1, "{first}");
    let said = &first["metadata"];
    assert_eq!(said["license_stream.snapshot_id"], summary["snapshots"][0]["snapshot_id"]);
    assert_eq!(said["license_stream.account"], summary["snapshots"][0]["account"]);
    let text = run(license_stream().arg("inspect").arg(out)).expect(0).stdout;
    let columns = text.split("\n\n").last().unwrap();
    expect![[r#"
        column      type                codec  compressed  uncompressed
        id          string                                               never null
        created_at  timestamp(us, UTC)
        name        string
    "#]]
    .assert_eq(columns);

    // What is broken is told of, and what another program wrote is not taken for ours.
    std::fs::write(out.join("other.arrow"), "ARROW1").unwrap();
    let lake = inspected(out, 1);
    assert_eq!(lake["broken"][0]["name"], "other.arrow");
    // Nothing of it is merged.
    let before: Vec<_> = written.iter().map(|file| std::fs::read(file).unwrap()).collect();
    std::fs::remove_file(out.join("other.arrow")).unwrap();
    run(license_stream().arg("compact").arg(out)).expect(0);
    assert!(before == written.iter().map(|file| std::fs::read(file).unwrap()).collect::<Vec<_>>());
}

#[test]
fn after_a_kill_the_next_run_goes_on_and_has_the_rows_of_an_undisturbed_one() {
    let count = 12_000;
    let simulator = Simulator::new().with_seed(8).with_records(count);
    let body = simulated(&simulator.licenses(&simulator.accounts()[0]), count);
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path();
    let options = ["--file-bytes", "2000000", "--row-group-bytes", "500000"];
    let held = Simulation::start(simulator.clone().with_hold_after_bytes(6_000_000));
    let mut child = start(held.source(arrow(out).args(options)));
    held.until_held(&mut child);
    let checkpoints = || {
        let own = std::fs::read_dir(out.join("_license-stream")).into_iter().flatten();
        let names = own.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.ends_with(".checkpoint.json")).count()
    };
    while checkpoints() == 0 {
        assert!(child.try_wait().unwrap().is_none(), "it ended");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!out.join("_SUCCESS").exists());

    let whole = Simulation::start(simulator);
    let summary = run(whole.source(arrow(out).args(options))).expect(0).summary();
    let snapshot = &summary["snapshots"][0];
    assert!(snapshot["resumed_at_record"].as_u64().unwrap() > 0);
    assert!(out.join("_SUCCESS").exists());
    let manifest = format!(
        "{}-{}.json",
        snapshot["account"].as_str().unwrap(),
        snapshot["snapshot_id"].as_str().unwrap()
    );
    let text = std::fs::read_to_string(out.join("_license-stream").join(manifest)).unwrap();
    let schema = root().join("schemas/manifest.schema.json");
    let manifest: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(schema_violations(&schema, &format!("{manifest}\n")), [""; 0]);
    let listed = manifest["files"].as_array().unwrap().iter();
    let listed: Vec<_> = listed.map(|file| out.join(file["name"].as_str().unwrap())).collect();
    let seen = rows(&listed).into_iter();
    let seen: Vec<String> = seen.map(|row| serde_json::from_str(&row["id"]).unwrap()).collect();
    let ids: Vec<_> = records(&body).iter().map(|record| id(record.bytes)).collect();
    assert_eq!(seen, ids);
    assert_eq!(inspected(out, 0)["snapshots"][0]["state"], "complete");
}

#[test]
fn rows_are_sorted_and_partitioned_as_in_parquet_files() {
    let simulation = Simulation::start(Simulator::new().with_seed(5).with_records(3_000));
    let directory = tempfile::tempdir().unwrap();
    let (one, other) = (directory.path().join("parquet"), directory.path().join("arrow"));
    let options = ["--partition-by", "status", "--sort-by", "name:desc,id"];
    let summary = run(simulation.source(parquet(&one).args(options))).expect(0).summary();
    let parquets = files(&summary);
    let summary = run(simulation.source(arrow(&other).args(options))).expect(0).summary();
    let arrows = files(&summary);
    assert!(arrows.len() > 1 && arrows.len() == parquets.len());
    let without_snapshot = |lines: Vec<String>| -> Vec<oracle::Row> {
        let mut rows: Vec<_> = lines.iter().map(|line| oracle::seen(line)).collect();
        rows.iter_mut().for_each(|row| drop(row.remove("_snapshot_id")));
        rows
    };
    for (parquet, arrow) in parquets.iter().zip(&arrows) {
        assert_eq!(parquet.parent().unwrap().file_name(), arrow.parent().unwrap().file_name());
        let expected = without_snapshot(python::parquet_lines("pyarrow", parquet));
        assert_eq!(without_snapshot(python::arrow_lines("pyarrow", arrow).unwrap()), expected);
    }
}

#[test]
fn what_an_arrow_file_has_not_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("out");
    for (options, said) in [
        (&["--bloom", "id"][..], "an Arrow file has no bloom filter, as of column id"),
        (&["--compression", "snappy"], "cannot be compressed with SNAPPY: zstd, lz4 and none can"),
        (&["--row-group-bytes", "2000000000"], "a row group of an Arrow file has 1073741824 bytes"),
    ] {
        let refused = run(arrow(&out).args(options).arg("--input").arg(edges())).expect(2);
        assert!(refused.stderr.contains(said), "{options:?}: {}", refused.stderr);
    }
    assert!(!out.exists());
}
