//! Which columns there are.

use std::collections::BTreeSet;

use license_stream::simulate::Simulator;
use serde_json::{Value, json};

use super::{files, parquet};
use crate::support::body::edges;
use crate::support::python;
use crate::support::run::run;
use crate::support::simulation::Simulation;

fn names(row: &Value) -> Vec<&str> {
    row.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn columns_that_are_named_are_those_of_a_run_that_has_all() {
    let directory = tempfile::tempdir().unwrap();
    let [all, some] = ["all", "some"].map(|name| directory.path().join(name));
    run(parquet(&all).arg("--input").arg(edges())).expect(0);
    let mut command = parquet(&some);
    command.args(["--columns", "roles,_extra,created_at,name", "--input"]).arg(edges());
    let summary = run(&mut command).expect(0).summary();
    // Also without an `id`, which all the records have.
    assert_eq!(summary["records"], 57);
    let meta = python::parquet_meta(&files(&summary)[0]);
    let paths: Vec<_> = meta["columns"].as_array().unwrap().iter().map(|c| &c["path"]).collect();
    let wanted =
        ["created_at", "name", "roles.list.element.id", "roles.list.element.name", "_extra"];
    assert_eq!(paths, wanted);
    for engine in python::PARQUET_READERS {
        let mut rows = python::parquet_rows(engine, &all);
        let kept: BTreeSet<_> = ["created_at", "name", "roles", "_extra"].into();
        for row in &mut rows {
            row.as_object_mut().unwrap().retain(|name, _| kept.contains(name.as_str()));
        }
        assert_eq!(python::parquet_rows(engine, &some), rows, "{engine}");
    }
}

#[test]
fn remote_data_that_is_dropped_is_no_column_and_is_not_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path();
    run(parquet(out).args(["--remote-data", "drop", "--input"]).arg(edges())).expect(0);
    let rows = python::parquet_rows("duckdb", out);
    assert!(rows.iter().all(|row| !names(row).contains(&"remote_data")));
    assert!(names(&rows[0]).contains(&"id"));

    let simulator = Simulator::new().with_seed(4).with_records(200);
    let read = |options: &[&str]| {
        let simulation = Simulation::start(simulator.clone());
        let directory = tempfile::tempdir().unwrap();
        let mut command = parquet(directory.path());
        let summary = run(simulation.source(command.args(options))).expect(0).summary();
        assert_eq!(summary["records"], 200);
        summary["bytes_read"].as_u64().unwrap()
    };
    let [with, without] =
        [&["--remote-data", "json"], &["--remote-data", "drop"]].map(|it| read(it));
    assert!(without < with * 3 / 4, "{without} of {with}");
    assert_eq!(without, read(&["--ignore-remote-data"]));
}

#[test]
fn a_snapshot_is_not_gone_on_with_in_other_columns_or_another_order() {
    let simulator = Simulator::new().with_seed(6).with_records(12_000);
    let directory = tempfile::tempdir().unwrap();
    let begin = |options: &[&str], code| {
        let cut = Simulation::start(simulator.clone().with_cut_after(6_000_000));
        let mut command = parquet(directory.path());
        command.args(["--retries=0", "--file-bytes", "2000000"]).args(options);
        run(cut.source(&mut command)).expect(code)
    };
    let begun = begin(&["--columns", "id,name", "--sort-by", "name:desc"], 1).summary();
    assert!(!files(&begun).is_empty());
    for (options, said) in [
        (&[][..], "columns was id,name and is not set; sort_by was name:desc and is not set"),
        (&["--columns", "id,name"], "(sort_by was name:desc and is not set)"),
        (&["--columns", "id,name", "--sort-by", "name"], "sort_by was name:desc and is name"),
        (&["--columns", "id", "--sort-by", "id"], "columns was id,name and is id; sort_by was"),
    ] {
        let refused = begin(options, 2);
        assert!(refused.stderr.contains(said), "{}", refused.stderr);
    }

    // How it is encoded is each file's own affair.
    let whole = Simulation::start(simulator);
    let mut command = parquet(directory.path());
    command.args(["--file-bytes", "2000000", "--columns", "name,id", "--sort-by", "name:desc"]);
    command.args(["--compression", "lz4", "--bloom", "id", "--row-group-rows", "1000"]);
    let summary = run(whole.source(&mut command)).expect(0).summary();
    let resumed = summary["snapshots"][0]["resumed_at_record"].as_u64().unwrap();
    assert!(resumed > 0);
    let rows = python::parquet_rows("pyarrow", directory.path());
    let ids: BTreeSet<_> = rows.iter().map(|row| row["id"].to_string()).collect();
    assert_eq!((rows.len(), ids.len()), (12_000, 12_000));
    assert_eq!(names(&rows[0]), ["id", "name"]);
    let codec = |file: &std::path::PathBuf| {
        python::parquet_chunks(file, None)["chunks"]["id"]["codec"].clone()
    };
    assert_eq!(codec(&files(&begun)[0]), json!("ZSTD"));
    assert_eq!(codec(&files(&summary)[0]), json!("LZ4_RAW"));
}
