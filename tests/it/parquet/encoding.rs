//! How values lie in files: codecs, filters, order, metadata.

use std::path::Path;

use license_stream::License;
use license_stream::simulate::Simulator;
use serde_json::{Value, json};

use super::oracle::{self, Row};
use super::{files, parquet};
use crate::support::body::{edges, id, records, simulated};
use crate::support::command::license_stream;
use crate::support::python;
use crate::support::run::run;

/// The rows of a file or directory, in which engines agree.
fn rows(path: &Path) -> Vec<Row> {
    python::agreed(&python::PARQUET_READERS, |engine| {
        let lines = python::parquet_lines(engine, path);
        lines.iter().map(|line| oracle::seen(line)).collect()
    })
}

/// What the records of `body` become.
fn expected(body: &[u8], summary: &Value) -> Vec<Row> {
    let snapshot_id = summary["snapshots"][0]["snapshot_id"].as_str().unwrap();
    let records = records(body);
    let row = |bytes| oracle::expected(bytes, None, snapshot_id).0;
    records.iter().map(|record| row(record.bytes)).collect()
}

/// Runs over `input` with `options`, and answers the only file with what the run said of it.
fn written(out: &Path, input: &Path, options: &[&str]) -> (std::path::PathBuf, Value) {
    let summary = run(parquet(out).args(options).arg("--input").arg(input)).expect(0).summary();
    let [file] = &files(&summary)[..] else { panic!("one file: {summary}") };
    (file.clone(), summary)
}

#[test]
fn every_codec_and_order_has_the_same_values() {
    let directory = tempfile::tempdir().unwrap();
    let body = std::fs::read(edges()).unwrap();
    for (number, (options, codec)) in [
        (&["--compression", "zstd"][..], ["ZSTD", "ZSTD"]),
        (&["--compression", "zstd:19", "--sort-by", "created_at:desc"], ["ZSTD", "ZSTD"]),
        (&["--compression", "snappy", "--sort-by", "unit_amount,id"], ["SNAPPY", "SNAPPY"]),
        (&["--compression", "lz4", "--bloom", "name", "--bloom", "updated_at"], ["LZ4_RAW", "LZ4"]),
        (&["--compression", "none", "--sort-by", "is_paid:desc,name"], ["UNCOMPRESSED"; 2]),
    ]
    .into_iter()
    .enumerate()
    {
        let out = directory.path().join(number.to_string());
        let (file, summary) = written(&out, &edges(), options);
        let (mut seen, mut wanted) = (rows(&file), expected(&body, &summary));
        let is_sorted = options.contains(&"--sort-by");
        assert_eq!(seen != wanted, is_sorted, "{options:?}");
        seen.sort();
        wanted.sort();
        assert_eq!(seen, wanted, "{options:?}");
        let chunks = python::parquet_chunks(&file, None);
        for (column, chunk) in chunks["chunks"].as_object().unwrap() {
            let seen = [&chunk["codec"], &chunk["codec_pyarrow"]];
            assert_eq!(seen, codec, "{options:?}: {column}");
        }
    }
}

#[test]
fn each_column_but_remote_data_has_statistics_and_each_has_an_index_of_its_pages() {
    let directory = tempfile::tempdir().unwrap();
    let (file, _) = written(directory.path(), &edges(), &[]);
    let chunks = python::parquet_chunks(&file, None);
    let chunks = chunks["chunks"].as_object().unwrap();
    assert!(chunks.len() > License::FIELDS.len());
    for (column, chunk) in chunks {
        let is_json = column == "remote_data";
        assert_eq!(chunk["statistics"], !is_json, "{column}");
        assert_eq!(chunk["page_index"], !is_json, "{column}");
        assert_eq!(chunk["bloom"], Value::Null, "{column}");
    }
}

#[test]
fn a_file_says_what_wrote_it_of_what_and_no_secret() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = parquet(directory.path());
    command.env("TRUTO_API_TOKEN", "passw0rd").args(["--account", "an-account", "--input"]);
    let summary = run(command.arg(edges())).expect(0).summary();
    let file = &files(&summary)[0];
    assert_eq!(
        python::parquet_meta(file)["key_values"],
        json!({
            "license_stream.version": env!("CARGO_PKG_VERSION"),
            "license_stream.endpoint": "GET /unified/user-directory/licenses",
            "license_stream.schema_version": "1",
            "license_stream.snapshot_id": summary["snapshots"][0]["snapshot_id"],
            "license_stream.account": "an-account",
        })
    );
    let bytes = std::fs::read(file).unwrap();
    assert!(!bytes.windows(8).any(|window| window == b"passw0rd"));
}

/// A body of so many simulated licenses, as a file.
fn simulated_file(directory: &Path, count: u64) -> (std::path::PathBuf, Vec<u8>) {
    let simulator = Simulator::new().with_seed(21).with_records(count);
    let body = simulated(&simulator.licenses(&simulator.accounts()[0]), count);
    let path = directory.join("body.ndjson");
    std::fs::write(&path, &body).unwrap();
    (path, body)
}

#[test]
fn a_bloom_filter_excludes_what_is_not_there_and_nothing_that_is() {
    let directory = tempfile::tempdir().unwrap();
    let (input, body) = simulated_file(directory.path(), 12_000);
    let options = ["--bloom", "id", "--row-group-bytes", "2000000"];
    let (file, _) = written(&directory.path().join("out"), &input, &options);
    let ids: Vec<_> = records(&body).iter().map(|record| id(record.bytes)).collect();
    for there in [&ids[0], &ids[6_000], &ids[11_999]] {
        let excludes = python::parquet_chunks(&file, Some(["id", there]))["excludes"].clone();
        let excludes = excludes.as_array().unwrap();
        assert!(excludes.len() > 2 && excludes.contains(&json!(false)), "{excludes:?}");
        assert!(excludes.contains(&json!(true)), "the others do without it: {excludes:?}");
    }
    // One in a hundred is not excluded; of twenty in all row groups, hardly any.
    let mut excluded = 0;
    for number in 0..5 {
        let probed = python::parquet_chunks(&file, Some(["id", &format!("no such id {number}")]));
        let excludes = probed["excludes"].as_array().unwrap();
        excluded += excludes.iter().filter(|excludes| **excludes == json!(true)).count();
    }
    assert!(excluded > 10, "{excluded}");
    let chunks = python::parquet_chunks(&file, None)["chunks"].clone();
    assert!(chunks["id"]["bloom"].as_u64() > Some(1_000), "{chunks}");
    assert_eq!(chunks["name"]["bloom"], Value::Null);
}

#[test]
fn rows_are_sorted_within_each_row_group_and_files_say_so() {
    let directory = tempfile::tempdir().unwrap();
    let (input, _) = simulated_file(directory.path(), 12_000);
    let text = |row: &Row, column: &str| row[column].clone();
    let plain = rows(&written(&directory.path().join("plain"), &input, &[]).0);
    let options = ["--sort-by", "status:desc,id", "--row-group-rows", "3000"];
    let (file, _) = written(&directory.path().join("sorted"), &input, &options);

    let groups = python::parquet_meta(&file)["row_groups"].clone();
    let lengths: Vec<_> = groups.as_array().unwrap().iter().map(|g| g["rows"].as_u64()).collect();
    assert!(lengths.len() > 2, "{lengths:?}");
    let declared = python::parquet_chunks(&file, None)["sorting"].clone();
    assert_eq!(declared, json!(vec![["status desc", "id"]; lengths.len()]));

    let seen = rows(&file);
    let mut start = 0;
    for length in lengths {
        let range = start..start + length.unwrap() as usize;
        start = range.end;
        let is_before = |row: &Row, next: &Row| {
            let [status, other] = [row, next].map(|row| text(row, "status"));
            match (status.as_str(), other.as_str()) {
                // Nulls come last, whatever the direction.
                ("null", "null") => text(row, "id") <= text(next, "id"),
                ("null", _) => false,
                (_, "null") => true,
                _ => status > other || status == other && text(row, "id") <= text(next, "id"),
            }
        };
        assert!(seen[range.clone()].windows(2).all(|pair| is_before(&pair[0], &pair[1])));
        // The rows of the row group are those that came.
        let without_snapshot = |rows: &[Row]| {
            let mut rows = rows.to_vec();
            rows.iter_mut().for_each(|row| drop(row.remove("_snapshot_id")));
            rows.sort();
            rows
        };
        assert_eq!(without_snapshot(&seen[range.clone()]), without_snapshot(&plain[range]));
    }
    assert_eq!(start, plain.len());
}

#[test]
fn one_record_and_one_row_group_are_whole_with_all_options() {
    let directory = tempfile::tempdir().unwrap();
    let options = ["--compression", "lz4", "--bloom", "id", "--sort-by", "name,id:desc"];
    let one = directory.path().join("one.ndjson");
    // Extremes of what columns hold, and an empty list beside one that is null.
    let record = concat!(
        r#"{"id":"\u0000é開😀","assigned_quantity":1.7976931348623157e308,"available_quantity":5e-324,"#,
        r#""unit_amount":-1.7976931348623157e308,"created_at":"0001-01-01T00:00:00Z","#,
        r#""updated_at":"9999-12-31T23:59:59.999999Z","products":[],"roles":null}"#,
    );
    std::fs::write(&one, record).unwrap();
    let (file, summary) = written(&directory.path().join("one"), &one, &options);
    let wanted = expected(record.as_bytes(), &summary);
    assert_eq!((&*wanted[0]["products"], &*wanted[0]["roles"]), ("[]", "null"));
    assert_eq!(wanted[0]["created_at"], "-62135596800000000");
    assert_eq!(rows(&file), wanted);

    // A row group that is full with the last record: none that is empty follows.
    let (input, body) = simulated_file(directory.path(), 500);
    let bytes = body.len().to_string();
    for limit in [["--row-group-rows", "500"], ["--row-group-bytes", &bytes]] {
        let out = directory.path().join(limit[0]);
        let (file, _) = written(&out, &input, &[&options[..], &limit].concat());
        let groups = python::parquet_meta(&file)["row_groups"].clone();
        assert_eq!(groups.as_array().unwrap().len(), 1, "{groups}");
        assert_eq!(groups[0]["rows"], 500);
        assert_eq!(rows(&file).len(), 500);
    }
}

#[test]
fn what_cannot_be_written_so_is_refused_before_anything_is_made() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("out");
    for (options, said) in [
        (
            &["--compression", "gzip"][..],
            "it is zstd, zstd:LEVEL with a level from 1 to 22, snappy",
        ),
        (&["--compression", "zstd:23"], "with a level from 1 to 22"),
        (&["--bloom", "ids"], "there is no column \"ids\"; there are id, assigned_quantity"),
        (&["--bloom", "roles"], "column roles can have no bloom filter"),
        (&["--sort-by", "products"], "rows cannot be sorted by products, a column of lists"),
        (&["--sort-by", "id,id"], "rows are to be sorted by id twice"),
        (&["--sort-by", "id:up"], "\"up\" is no order of id"),
        (&["--sort-by", "id", "--columns", "name"], "sorted by \"id\", which is not written"),
        (&["--bloom", "id", "--columns", "name"], "id has a bloom filter and is not written"),
        (&["--sort-by", "id", "--row-group-bytes", "1073741825"], "has 1073741824 bytes at most"),
        (&["--columns", "id,name,id"], "column id is named twice"),
        (&["--columns", "id,nmae"], "there is no column \"nmae\""),
        (&["--columns", "remote_data", "--remote-data", "drop"], "that --columns names"),
    ] {
        let mut command = license_stream();
        command.arg("parquet").args(options).arg("--out").arg(&out).arg("--input").arg(edges());
        let run = run(&mut command).expect(2);
        assert!(run.stderr.contains(said), "{options:?}: {}", run.stderr);
        assert!(!out.exists(), "{options:?}");
    }
}

#[test]
fn remote_data_of_a_hundred_megabytes_are_read_back_whole() {
    let directory = tempfile::tempdir().unwrap();
    let mut random = fastrand::Rng::with_seed(3);
    let part: String = std::iter::repeat_with(|| random.alphanumeric()).take(1 << 20).collect();
    let blob = part.repeat(96);
    let input = directory.path().join("body.ndjson");
    let body = format!(
        "{{\"id\":\"a\"}}\n{{\"id\":\"b\",\"remote_data\":{{\"blob\":\"{blob}\"}}}}\n{{\"id\":\"c\"}}\n"
    );
    std::fs::write(&input, body).unwrap();
    let out = directory.path().join("out");
    let (file, _) = written(&out, &input, &["--max-record-bytes", "101MiB"]);
    for engine in python::PARQUET_READERS {
        let rows = python::parquet_rows(engine, &file);
        let ids: Vec<_> = rows.iter().map(|row| row["id"].as_str().unwrap()).collect();
        assert_eq!(ids, ["a", "b", "c"], "{engine}");
        let parsed = |value: &Value| match value {
            Value::String(text) => serde_json::from_str(text).unwrap(),
            other => other.clone(),
        };
        let read = parsed(&rows[1]["remote_data"]);
        assert!(read["blob"].as_str() == Some(&blob), "{engine} reads something else");
    }
}
