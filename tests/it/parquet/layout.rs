//! How the rows lie in files and row groups.

use std::ops::Range;
use std::path::Path;

use expect_test::expect;
use license_stream::simulate::Simulator;
use serde_json::{Value, json};

use super::{entries, files, parquet};
use crate::support::body::{edges, id, records, simulated};
use crate::support::python;
use crate::support::run::run;
use crate::support::simulation::Simulation;

/// What one decoder takes at once: files and row groups end with a batch of it.
const BATCH_BYTES: u64 = 1 << 20;

#[test]
fn columns_have_the_types_that_readers_expect() {
    let directory = tempfile::tempdir().unwrap();
    let run = run(parquet(directory.path()).arg("--input").arg(edges())).expect(0);
    let meta = python::parquet_meta(&files(&run.summary())[0]);
    let mut text = String::new();
    for column in meta["columns"].as_array().unwrap() {
        let logical = column["logical_type"].as_str().unwrap_or("-");
        let null = if column["nullable"] == true { "null" } else { "not null" };
        let (path, physical) = (column["path"].as_str(), column["physical_type"].as_str());
        text.push_str(&format!("{} {} {logical} {null}\n", path.unwrap(), physical.unwrap()));
        assert_eq!(column["codecs"], json!(["ZSTD"]));
    }
    expect![[r#"
        id BYTE_ARRAY String not null
        assigned_quantity DOUBLE - null
        available_quantity DOUBLE - null
        created_at INT64 Timestamp(isAdjustedToUTC=true, timeUnit=microseconds, is_from_converted_type=false, force_set_converted_type=false) null
        currency BYTE_ARRAY String null
        description BYTE_ARRAY String null
        is_paid BOOLEAN - null
        name BYTE_ARRAY String null
        products.list.element.id BYTE_ARRAY String null
        products.list.element.name BYTE_ARRAY String null
        products.list.element.status BYTE_ARRAY String null
        remote_data BYTE_ARRAY JSON null
        roles.list.element.id BYTE_ARRAY String null
        roles.list.element.name BYTE_ARRAY String null
        status BYTE_ARRAY String null
        unit_amount DOUBLE - null
        updated_at INT64 Timestamp(isAdjustedToUTC=true, timeUnit=microseconds, is_from_converted_type=false, force_set_converted_type=false) null
        _integrated_account_id BYTE_ARRAY String null
        _snapshot_id BYTE_ARRAY String null
        _extra BYTE_ARRAY JSON null
    "#]].assert_eq(&text);
    assert_eq!(
        meta["created_by"],
        concat!(
            "license-stream version ",
            env!("CARGO_PKG_VERSION"),
            " (build ",
            env!("CARGO_PKG_VERSION"),
            ")"
        )
    );
}

#[test]
fn no_licenses_make_no_file() {
    let directory = tempfile::tempdir().unwrap();
    let input = directory.path().join("empty.ndjson");
    std::fs::write(&input, "\n \n").unwrap();
    let out = directory.path().join("out");
    let summary = run(parquet(&out).arg("--input").arg(&input)).expect(0).summary();
    assert_eq!((&summary["records"], files(&summary).len()), (&json!(0), 0));
    assert!(entries(&out).is_empty());
}

/// The rows of each row group of each file.
fn layout(summary: &Value) -> Vec<Vec<usize>> {
    let rows = |group: &Value| group["rows"].as_u64().unwrap() as usize;
    files(summary)
        .iter()
        .map(|file| {
            let meta = python::parquet_meta(file);
            meta["row_groups"].as_array().unwrap().iter().map(rows).collect()
        })
        .collect()
}

/// Names are as documented, nothing else lies there, and the sizes are those of the summary.
fn check_names(out: &Path, account: &str, summary: &Value) {
    let snapshot_id = summary["snapshots"][0]["snapshot_id"].as_str().unwrap();
    let files = files(summary);
    let expected: Vec<_> = (0..files.len())
        .map(|number| out.join(format!("{account}-{snapshot_id}-{number:05}.parquet")))
        .collect();
    assert_eq!(files, expected);
    assert_eq!(entries(out), expected);
    let bytes: u64 = files.iter().map(|file| file.metadata().unwrap().len()).sum();
    assert_eq!(summary["bytes_written"], bytes);
}

/// Each of the row groups, or files, that lie side by side holds about as much JSON as was asked for;
/// the last may hold less.
fn check_bounds(body: &[u8], parts: &[Range<usize>], limit: u64) {
    let records = records(body);
    let longest = records.iter().map(|record| record.bytes.len() as u64).max().unwrap();
    for (index, rows) in parts.iter().enumerate() {
        let last = records[rows.end - 1];
        // With the line feed.
        let bytes = last.byte + last.bytes.len() as u64 + 1 - records[rows.start].byte;
        assert!(bytes < limit + BATCH_BYTES + longest, "{bytes} bytes in {rows:?}");
        assert!(bytes >= limit || index + 1 == parts.len(), "{bytes} bytes in {rows:?}");
    }
}

/// The rows of parts that follow one another from row `start`.
fn ranges(mut start: usize, lengths: &[usize]) -> Vec<Range<usize>> {
    let next = |length: &usize| {
        start += length;
        start - length..start
    };
    lengths.iter().map(next).collect()
}

#[test]
fn files_and_row_groups_are_bounded_and_do_not_depend_on_chunks() {
    let (count, row_group_bytes, file_bytes) = (20_000, 1_500_000, 4_000_000);
    let simulator = Simulator::new().with_seed(5).with_records(count);
    let account = simulator.accounts()[0].clone();
    let body = simulated(&simulator.licenses(&account), count);
    let options = [
        "--row-group-bytes".to_owned(),
        row_group_bytes.to_string(),
        "--file-bytes".to_owned(),
        file_bytes.to_string(),
    ];
    let directory = tempfile::tempdir().unwrap();
    let ids: Vec<_> = records(&body).iter().map(|record| id(record.bytes)).collect();

    let input = directory.path().join("body.ndjson");
    std::fs::write(&input, &body).unwrap();
    let out = directory.path().join("from a file");
    let mut command = parquet(&out);
    command.args(&options).args(["--account", &account, "--input"]).arg(&input);
    let summary = run(&mut command).expect(0).summary();
    check_names(&out, &account, &summary);
    let expected = layout(&summary);

    assert!(expected.len() > 2 && expected[0].len() > 1, "{expected:?}");
    let lengths: Vec<usize> = expected.iter().map(|groups| groups.iter().sum()).collect();
    assert_eq!(lengths.iter().sum::<usize>(), ids.len());
    let rows_of_files = ranges(0, &lengths);
    check_bounds(&body, &rows_of_files, file_bytes);
    for (rows, groups) in rows_of_files.iter().zip(&expected) {
        check_bounds(&body, &ranges(rows.start, groups), row_group_bytes);
    }

    for chunk_bytes in [1000, 64 << 10, 1 << 20] {
        let simulation = Simulation::start(simulator.clone().with_chunk_bytes(chunk_bytes));
        let out = directory.path().join(format!("in chunks of {chunk_bytes}"));
        let summary = run(simulation.source(parquet(&out).args(&options))).expect(0).summary();
        check_names(&out, &account, &summary);
        assert_eq!(layout(&summary), expected, "chunks of {chunk_bytes}");
        let rows = python::parquet_rows("pyarrow", &out);
        assert!(rows.iter().map(|row| row["id"].as_str().unwrap()).eq(&ids), "order");
    }
}
