//! `license-stream inspect`: what is told of files and directories.

use std::path::Path;

use expect_test::expect;
use license_stream::simulate::Simulator;
use serde_json::{Value, json};

use super::{files, parquet};
use crate::support::body::edges;
use crate::support::command::license_stream;
use crate::support::python;
use crate::support::run::{Run, run};
use crate::support::simulation::Simulation;

fn inspect(place: &Path, options: &[&str]) -> Run {
    run(license_stream().arg("inspect").arg(place).args(options))
}

/// What is printed as JSON, which is one object.
fn seen(place: &Path, code: i32) -> Value {
    serde_json::from_str(&inspect(place, &["--json"]).expect(code).stdout).unwrap()
}

/// Without what is another each time, or with each version.
fn steady(text: &str, summary: &Value) -> String {
    let snapshot = summary["snapshots"][0]["snapshot_id"].as_str().unwrap();
    text.replace(snapshot, "00000000-0000-0000-0000-000000000000")
        .replace(env!("CARGO_PKG_VERSION"), "VERSION")
}

#[test]
fn a_file_is_told_of() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = parquet(directory.path());
    command.args(["--columns", "id,created_at,is_paid,roles,remote_data,unit_amount"]);
    command.args(["--compression", "none", "--sort-by", "unit_amount:desc,id", "--bloom", "id"]);
    let summary = run(command.arg("--input").arg(edges())).expect(0).summary();
    let file = &files(&summary)[0];
    let text = inspect(file, &[]).expect(0).stdout;
    expect![[r#"
        input-00000000-0000-0000-0000-000000000000-00000.parquet: 57 rows in 1 row group of 4.49 kB
        written by license-stream version VERSION (build VERSION)
        row groups sorted by unit_amount desc, id
        license_stream.endpoint = GET /unified/user-directory/licenses
        license_stream.schema_version = 1
        license_stream.snapshot_id = 00000000-0000-0000-0000-000000000000
        license_stream.version = VERSION

        row group  rows  compressed  uncompressed
        0          57    2.13 kB     2.13 kB

        column                   type                codec         compressed  uncompressed
        id                       string              uncompressed  1.53 kB     1.53 kB       never null, bloom filter
        created_at               timestamp(us, UTC)  uncompressed  99 B        99 B
        is_paid                  boolean             uncompressed  31 B        31 B
        remote_data              json                uncompressed  159 B       159 B         no page index
        roles.list.element.id    string              uncompressed  103 B       103 B
        roles.list.element.name  string              uncompressed  109 B       109 B
        unit_amount              double              uncompressed  100 B       100 B
    "#]].assert_eq(&steady(&text, &summary));

    // What others say of it is the same.
    let seen = seen(file, 0);
    let meta = python::parquet_meta(file);
    assert_eq!((&seen["rows"], &seen["created_by"]), (&meta["rows"], &meta["created_by"]));
    assert_eq!(seen["metadata"], meta["key_values"]);
    assert_eq!(seen["bytes"], file.metadata().unwrap().len());
    let paths = |columns: &Value| -> Vec<Value> {
        columns.as_array().unwrap().iter().map(|column| column["path"].clone()).collect()
    };
    assert_eq!(paths(&seen["columns"]), paths(&meta["columns"]));
    let chunks = python::parquet_chunks(file, None)["chunks"].clone();
    for column in seen["columns"].as_array().unwrap() {
        let chunk = &chunks[column["path"].as_str().unwrap()];
        assert_eq!(column["compressed_bytes"], chunk["bytes"]);
        assert_eq!(column["page_index"], chunk["page_index"]);
        assert_eq!(column["bloom_filter"], chunk["bloom"].is_u64());
    }
    assert_eq!(seen["row_groups"][0]["uncompressed_bytes"], meta["row_groups"][0]["bytes"]);
    assert_eq!(seen["sorted_by"], json!(["unit_amount desc", "id"]));
}

#[test]
fn a_directory_is_told_of_from_its_first_run_on() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path();
    let simulator = Simulator::new().with_seed(9).with_records(12_000);
    let options = ["--file-bytes", "2000000", "--retries=0"];
    let cut = Simulation::start(simulator.clone().with_cut_after(6_000_000));
    let begun = run(cut.source(parquet(out).args(options))).expect(1).summary();
    let account = begun["snapshots"][0]["account"].as_str().unwrap();
    std::fs::write(out.join(".a-x-00000.parquet.partial"), "PAR1").unwrap();
    let there = seen(out, 0);
    let count = files(&begun).len();
    assert!(count > 0 && there["files"].as_array().unwrap().len() == count);
    assert_eq!((&there["success"], &there["pending"]), (&json!(false), &json!([account])));
    assert_eq!(there["partial"], json!([".a-x-00000.parquet.partial"]));
    assert_eq!(there["snapshots"][0]["state"], "unfinished");
    assert_eq!(there["snapshots"][0]["rows"], begun["records"]);
    let text = inspect(out, &[]).expect(0).stdout;
    for said in [
        "no _SUCCESS: something is unfinished\n".to_owned(),
        format!("unfinished: the last snapshot of {account}\n"),
        "part of a file: .a-x-00000.parquet.partial\n".to_owned(),
    ] {
        assert!(text.contains(&said), "{text}");
    }
    std::fs::remove_file(out.join(".a-x-00000.parquet.partial")).unwrap();

    let whole = Simulation::start(simulator);
    run(whole.source(parquet(out).args(options))).expect(0);
    // And a second account, with other columns.
    let mut command = parquet(out);
    run(command.args(["--remote-data", "drop", "--compression", "lz4", "--input"]).arg(edges()))
        .expect(0);
    let there = seen(out, 0);
    let snapshots = there["snapshots"].as_array().unwrap();
    let told = |snapshot: &Value| (snapshot["account"].clone(), snapshot["rows"].clone());
    let told: Vec<_> = snapshots.iter().map(told).collect();
    assert_eq!(told, [(json!(account), json!(12_000)), (json!("input"), json!(57))]);
    assert!(snapshots.iter().all(|snapshot| snapshot["state"] == "complete"), "{there}");
    assert_eq!((&there["success"], &there["pending"]), (&json!(true), &json!([])));
    let column = |path: &str| {
        let mut columns = there["columns"].as_array().unwrap().iter();
        columns.find(|column| column["path"] == path).unwrap().clone()
    };
    let all = there["files"].as_array().unwrap().len() as u64;
    assert_eq!(
        (&column("id")["files"], &column("id")["codecs"]),
        (&json!(all), &json!(["lz4_raw", "zstd"]))
    );
    assert_eq!(column("remote_data")["files"], json!(all - 1));
    // Each of these files has one row group.
    let there = super::entries(out);
    let chunks =
        there.iter().map(|file| python::parquet_chunks(file, None)["chunks"]["name"].clone());
    let bytes: u64 = chunks.map(|chunk| chunk["bytes"].as_u64().unwrap()).sum();
    assert_eq!(column("name")["compressed_bytes"], bytes);
    let text = inspect(out, &[]).expect(0).stdout;
    assert!(text.contains("_SUCCESS: what was begun is complete\n"), "{text}");
    assert!(text.contains(&format!("in {} of {all} files\n", all - 1)), "{text}");
}

#[test]
fn what_is_no_longer_as_its_manifest_has_it_is_damaged_and_what_is_no_parquet_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path();
    let summary = run(parquet(out).arg("--input").arg(edges())).expect(0).summary();
    let file = &files(&summary)[0];
    let whole = std::fs::read(file).unwrap();
    std::fs::remove_file(file).unwrap();
    assert_eq!(seen(out, 1)["snapshots"][0]["state"], "damaged");
    assert!(inspect(out, &[]).expect(1).stdout.contains(" damaged "));

    // Whatever of the file's end is there: no panic, and the reason.
    let mut wrong_length = whole.clone();
    let at = whole.len() - 8;
    wrong_length[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    let mut garbage = whole.clone();
    garbage[at - 500..at].fill(0xff);
    for (bytes, reason) in [
        (&b""[..], "it does not end as a Parquet file does"),
        (b"PAR1", "it does not end as a Parquet file does"),
        (b"{\"id\":\"a\"}\n", "it does not end as a Parquet file does"),
        (&whole[..whole.len() - 1], "it does not end as a Parquet file does"),
        (&wrong_length, "its metadata would be longer than the file"),
        (&garbage, "its metadata cannot be read: "),
        (b"PAR1\0\0\0\0PAR1", "its metadata cannot be read: "),
    ] {
        std::fs::write(file, bytes).unwrap();
        let broken = &seen(out, 1)["broken"];
        assert!(broken[0]["reason"].as_str().unwrap().starts_with(reason), "{broken}");
        let run = inspect(file, &[]).expect(1);
        let said = format!("error: {} is no Parquet file: {reason}", file.display());
        assert!(run.stderr.starts_with(&said) && run.stdout.is_empty(), "{run:?}");
    }

    std::fs::write(file, &whole).unwrap();
    assert_eq!(seen(out, 0)["snapshots"][0]["state"], "complete");

    let empty = tempfile::tempdir().unwrap();
    let run = inspect(empty.path(), &[]).expect(1);
    let said = format!(
        "error: {} holds no file of licenses, and nothing of a run\n",
        empty.path().display()
    );
    assert_eq!(run.stderr, said);
    let missing = out.join("missing.parquet");
    let run = inspect(&missing, &[]).expect(1);
    assert!(
        run.stderr.starts_with(&format!("error: {} cannot be read", missing.display())),
        "{run:?}"
    );
}

#[test]
fn a_manifest_that_cannot_be_read_is_named_and_hides_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path();
    let ids: Vec<_> = (0..2)
        .map(|_| {
            let summary = run(parquet(out).arg("--input").arg(edges())).expect(0).summary();
            summary["snapshots"][0]["snapshot_id"].as_str().unwrap().to_owned()
        })
        .collect();
    let name = format!("_license-stream/input-{}.json", ids[0]);
    let path = out.join(&name);
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..50]).unwrap();
    let there = seen(out, 1);
    let states: Vec<_> = there["snapshots"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["snapshot_id"].as_str().unwrap(), it["state"].as_str().unwrap()))
        .collect();
    assert_eq!(states, [(&*ids[0], "damaged"), (&*ids[1], "complete")]);
    assert_eq!((&there["broken"][0]["name"], &there["success"]), (&json!(name), &json!(true)));
    assert_eq!(there["files"].as_array().unwrap().len(), 2);
    let text = inspect(out, &[]).expect(1).stdout;
    assert!(text.contains(&format!("not what its name says: {name}: ")), "{text}");
    // One that is gone leaves its files to nobody.
    std::fs::remove_file(&path).unwrap();
    let there = seen(out, 1);
    assert_eq!(
        (&there["snapshots"][0]["state"], &there["broken"]),
        (&json!("orphaned"), &json!([]))
    );
}
