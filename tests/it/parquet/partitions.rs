//! Files in directories that are named for what is in them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use license_stream::pipeline::{self, Options};
use license_stream::simulate::{Scenario, Simulator};
use license_stream::sink::parquet::{ParquetOptions, ParquetSink};
use serde_json::{Value, json};

use super::{files, parquet};
use crate::support::body::simulated;
use crate::support::command::license_stream;
use crate::support::process::TOKEN;
use crate::support::python::{self, ENGINES, hive_rows, root, schema_violations};
use crate::support::run::{Run, run, run as run_of};
use crate::support::simulation::Simulation;
use crate::support::truto::{Truto, api_command};

/// What values may be, each of which has a directory of its own, and its name.
pub(crate) const NAMED: [(&str, &str); 9] = [
    ("active", "active"),
    ("a/b", "a%2Fb"),
    ("a=b", "a%3Db"),
    ("100%", "100%25"),
    ("a b", "a b"),
    ("é日本", "é日本"),
    ("a%2Fb", "a%252Fb"),
    ("+&<>", "+&<>"),
    ("\ttab\u{7f}", "%09tab%7F"),
];

/// Those that have none: they are where null is, and in `_extra`.
pub(crate) const UNNAMED: [&str; 2] = ["", "__HIVE_DEFAULT_PARTITION__"];

/// A recorded body of a license for each of them, and of one without a status.
pub(crate) fn awkward(directory: &Path) -> PathBuf {
    let statuses = NAMED.iter().map(|(status, _)| *status).chain(UNNAMED).map(Value::from);
    let lines = statuses.chain([Value::Null]).enumerate().map(|(number, status)| {
        format!("{}\n", json!({"id": number.to_string(), "status": status, "name": "n"}))
    });
    let path = directory.join("body.ndjson");
    std::fs::write(&path, lines.collect::<String>()).unwrap();
    path
}

/// The rows that [`awkward`] must become, as far as these columns go: id, status, `_extra`.
pub(crate) fn assert_awkward(rows: &[Value], engine: &str) {
    let unnamed = UNNAMED.map(|status| (Value::Null, Some(json!({"status": status}))));
    let named = NAMED.map(|(status, _)| (Value::from(status), None));
    let wanted = named.into_iter().chain(unnamed).chain([(Value::Null, None)]);
    let wanted: BTreeMap<_, _> =
        wanted.enumerate().map(|(number, row)| (number.to_string(), row)).collect();
    let row = |row: &Value| {
        let extra = row["_extra"].as_str().map(|text| serde_json::from_str(text).unwrap());
        assert_eq!(row["name"], "n");
        (row["id"].as_str().unwrap().to_owned(), (row["status"].clone(), extra))
    };
    assert_eq!(rows.len(), wanted.len(), "{engine}");
    assert_eq!(rows.iter().map(row).collect::<BTreeMap<_, _>>(), wanted, "{engine}");
}

/// The manifest of the only snapshot of a summary, which must be valid.
fn manifest(out: &Path, summary: &Value) -> Value {
    let snapshot = &summary["snapshots"][0];
    let account = snapshot["account"].as_str().unwrap_or("input");
    let name = format!("{account}-{}.json", snapshot["snapshot_id"].as_str().unwrap());
    let text = std::fs::read_to_string(out.join("_license-stream").join(name)).unwrap();
    let manifest: Value = serde_json::from_str(&text).unwrap();
    let schema = root().join("schemas/manifest.schema.json");
    assert_eq!(schema_violations(&schema, &format!("{manifest}\n")), [""; 0]);
    manifest
}

fn inspected(out: &Path) -> Value {
    let run = run(license_stream().args(["inspect", "--json"]).arg(out)).expect(0);
    serde_json::from_str(&run.stdout).unwrap()
}

#[test]
fn engines_read_back_each_value_that_directories_are_named_for() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("lake");
    let body = awkward(directory.path());
    let mut command = parquet(&out);
    let run = run(command.args(["--partition-by", "status", "--input"]).arg(body)).expect(0);
    let summary = run.summary();
    for (_, name) in NAMED.into_iter().chain([("", "__HIVE_DEFAULT_PARTITION__")]) {
        let directory = out.join(format!("status={name}"));
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 1, "{name}");
    }
    for engine in ENGINES {
        assert_awkward(&hive_rows(engine, &out), engine);
    }

    let manifest = manifest(&out, &summary);
    let listed = manifest["files"].as_array().unwrap();
    let partitions: BTreeMap<_, _> = listed
        .iter()
        .map(|file| {
            let name = file["name"].as_str().unwrap();
            (name.rsplit_once('/').unwrap().0.to_owned(), file["partition"].clone())
        })
        .collect();
    let wanted = NAMED
        .map(|(value, name)| (format!("status={name}"), json!({ "status": value })))
        .into_iter()
        .chain([("status=__HIVE_DEFAULT_PARTITION__".to_owned(), json!({ "status": null }))]);
    assert_eq!(partitions, wanted.collect());

    let seen = inspected(&out);
    assert_eq!(
        (&seen["success"], &seen["snapshots"][0]["state"]),
        (&json!(true), &json!("complete"))
    );
    let names = |files: &Value| -> Vec<String> {
        let files = files.as_array().unwrap().iter();
        let mut names: Vec<_> =
            files.map(|file| file["name"].as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&seen["files"]), names(&manifest["files"]));
    let values = NAMED.len() + 1;
    let wanted = json!([{ "keys": ["status"], "directories": values, "files": values }]);
    assert_eq!(seen["partitions"], wanted);
    let text = run_of(license_stream().arg("inspect").arg(&out)).expect(0).stdout;
    let told = format!("\npartitioned by status: {values} files in {values} directories\n");
    assert!(text.contains(&told), "{text}");
    std::fs::remove_file(&files(&summary)[0]).unwrap();
    let damaged = run_of(license_stream().args(["inspect", "--json"]).arg(&out));
    let seen: Value = serde_json::from_str(&damaged.expect(1).stdout).unwrap();
    assert_eq!(seen["snapshots"][0]["state"], "damaged");
}

const COUNT: u64 = 5_000;

fn body() -> (Simulator, Vec<u8>) {
    let simulator = Simulator::new().with_seed(21).with_records(COUNT);
    let body = simulated(&simulator.licenses(&simulator.accounts()[0]), COUNT);
    (simulator, body)
}

/// Rows in an order of their own, without what is another in each run.
fn rows_of(mut rows: Vec<Value>, without: &[&str]) -> Vec<Value> {
    for row in &mut rows {
        for name in without.iter().chain(&["_snapshot_id"]) {
            row.as_object_mut().unwrap().remove(*name);
        }
    }
    rows.sort_by_cached_key(Value::to_string);
    rows
}

#[test]
fn whatever_files_are_partitioned_by_the_rows_are_the_same() {
    let (_, body) = body();
    let directory = tempfile::tempdir().unwrap();
    let input = directory.path().join("body.ndjson");
    std::fs::write(&input, body).unwrap();
    let written = |options: &[&str]| {
        let out = tempfile::tempdir_in(directory.path()).unwrap();
        let mut command = parquet(out.path());
        let summary = run(command.args(options).arg("--input").arg(&input)).expect(0).summary();
        assert_eq!(summary["records"], COUNT);
        (out, summary)
    };
    let (plain, _) = written(&[]);
    let expected = rows_of(python::parquet_rows(ENGINES[0], plain.path()), &[]);
    for (options, keys) in [
        (&["--partition-by", "status"][..], &["status"][..]),
        // Many more directories than files may be open, and several pieces.
        (
            &[
                "--partition-by",
                "date(created_at)",
                "--open-partitions",
                "3",
                "--row-group-bytes",
                "2000000",
            ],
            &["created_at_date"],
        ),
        (
            &[
                "--partition-by",
                "status,year(updated_at),month(created_at)",
                "--row-group-bytes",
                "1",
            ],
            &["status", "updated_at_year", "created_at_month"],
        ),
        (
            &[
                "--partition-by",
                "snapshot,account,currency",
                "--file-bytes",
                "600000",
                "--sort-by",
                "id",
            ],
            &["snapshot", "account", "currency"],
        ),
        (&["--partition-by", "is_paid", "--file-bytes", "1"], &["is_paid"]),
    ] {
        let (out, summary) = written(options);
        let manifest = manifest(out.path(), &summary);
        for file in manifest["files"].as_array().unwrap() {
            let partition = file["partition"].as_object().unwrap();
            assert!(
                partition.len() == keys.len()
                    && keys.iter().all(|key| partition.contains_key(*key))
            );
        }
        let added: Vec<_> =
            keys.iter().copied().filter(|key| expected[0].get(*key).is_none()).collect();
        for engine in ENGINES {
            let mut rows = hive_rows(engine, out.path());
            for row in &mut rows {
                for key in keys {
                    check(row, key, &summary);
                }
            }
            assert!(rows_of(rows, &added) == expected, "{engine} {options:?}");
        }
        assert_eq!(inspected(out.path())["snapshots"][0]["state"], "complete");
    }
}

/// Whether what a row's directory is named for is what the row says.
fn check(row: &mut Value, key: &str, summary: &Value) {
    let time = |row: &Value, column: &str, length: usize| match row[column].as_i64() {
        Some(micros) => {
            Value::from(&license_stream::Timestamp::from_micros(micros).to_string()[..length])
        }
        None => Value::Null,
    };
    match key {
        "snapshot" => assert_eq!(row[key], summary["snapshots"][0]["snapshot_id"]),
        "account" => assert_eq!(row[key], "input"),
        "created_at_date" => assert_eq!(row[key], time(row, "created_at", 10)),
        "created_at_month" => assert_eq!(row[key], time(row, "created_at", 7)),
        "updated_at_year" => assert_eq!(row[key], time(row, "updated_at", 4)),
        "is_paid" => {
            row[key] = match row[key].as_str() {
                None => Value::Null,
                Some(text) => json!(text.parse::<bool>().unwrap()),
            }
        }
        _ => {}
    }
}

#[test]
fn files_and_directories_do_not_depend_on_threads_or_chunks() {
    let (simulator, body) = body();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let account = &simulator.accounts()[0];
    let written = |threads: usize, chunk_bytes: usize| -> BTreeMap<String, Vec<u8>> {
        let directory = tempfile::tempdir().unwrap();
        let mut options =
            ParquetOptions::new(directory.path(), "01a20c7e-5167-7459-84d1-21cf616966d5");
        options.account = Some(account.as_str().into());
        options.partition_by = ["status", "currency"].map(|field| field.parse().unwrap()).to_vec();
        (options.row_group_bytes, options.file_bytes) = (1_000_000, 700_000);
        options.open_partitions = 4.try_into().unwrap();
        options.threads = threads.try_into().unwrap();
        let chunks: Vec<_> = body
            .chunks(chunk_bytes)
            .map(|chunk| Ok::<_, license_stream::Error>(chunk.to_vec().into()))
            .collect();
        let body = futures_util::stream::iter(chunks);
        let sink = runtime.block_on(ParquetSink::new(options)).unwrap();
        let summary = runtime.block_on(pipeline::run(body, sink, Options::default()));
        let files = summary.into_result().unwrap().report.files;
        files.iter().map(|file| (file.name.clone(), std::fs::read(&file.path).unwrap())).collect()
    };
    let expected = written(1, 1 << 20);
    let pieces = |number: &str| expected.keys().filter(|name| name.contains(number)).count();
    assert!(pieces("-00000.parquet") > 1 && pieces("-00001.parquet") > 1, "{:?}", expected.keys());
    for (threads, chunk_bytes) in [(2, 100_000), (7, 1 << 14)] {
        assert!(written(threads, chunk_bytes) == expected, "{threads} threads");
    }
}

fn refused(options: &[&str]) -> Run {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("lake");
    let mut command = parquet(&out);
    let body = awkward(directory.path());
    let run = run(command.arg("--input").arg(body).args(options)).expect(2);
    assert!(!out.exists(), "{options:?}");
    run
}

#[test]
fn what_contradicts_itself_is_refused_before_anything_is_written() {
    for (options, told) in [
        (&["--partition-by", "id"][..], "there is no partition by \"id\"; there are account, "),
        (&["--partition-by", "date(name)"], "there is no partition by \"date(name)\""),
        (&["--partition-by", "status,status"], "files are to be partitioned by status twice"),
        (
            &["--partition-by", "status", "--sort-by", "status"],
            "rows cannot be sorted by status, which directories are named for",
        ),
        (
            &["--partition-by", "status", "--bloom", "status"],
            "column status has a bloom filter and is not written",
        ),
        (&["--partition-by", "status", "--columns", "status"], "no column is left"),
        (
            &["--partition-by", "integration"],
            "--partition-by integration is of accounts that are asked for: a recorded body does not say its integration",
        ),
        (
            &["--partition-by", "status", "--open-partitions", "0"],
            "it is a number of files, 1 at least",
        ),
        (&["--file-bytes", "10M"], "it is a whole number of bytes, 1 at least, or one with a unit"),
        (
            &["--partition-by", "status", "--row-group-bytes", "1073741825"],
            "a row group that is sorted or partitioned has 1073741824 bytes at most",
        ),
    ] {
        let stderr = refused(options).stderr;
        assert!(stderr.contains(told), "{options:?}: {stderr}");
    }
}

#[test]
fn an_integration_that_was_named_has_its_directory() {
    let simulation = Simulation::start(Simulator::new().with_records(10));
    let directory = tempfile::tempdir().unwrap();
    let mut command = parquet(directory.path());
    command.args(["--integration", "PagerDuty", "--partition-by", "integration,account"]);
    let summary = run(simulation.source(&mut command)).expect(0).summary();
    let account = summary["snapshots"][0]["account"].as_str().unwrap();
    let wanted = directory.path().join(format!("integration=pagerduty/account={account}"));
    assert_eq!(files(&summary)[0].parent(), Some(&*wanted));
}

#[test]
fn an_integration_that_was_not_named_is_asked_for() {
    let id = "62f44730-dd91-461e-bd6a-aedd9e0ad79d";
    let scenario = format!(
        "{{\"accounts\": [{{\"ids\": [\"{id}\"], \"integration\": \"Zoom\", \"records\": 10}}]}}"
    );
    let truto = Truto::start(Simulator::from(scenario.parse::<Scenario>().unwrap()));
    let directory = tempfile::tempdir().unwrap();
    let mut command = license_stream();
    command.env("TRUTO_API_TOKEN", TOKEN).args([
        "parquet",
        "--base-url",
        &truto.url(),
        "--account",
        id,
    ]);
    command.args(["--json", "--partition-by", "integration", "--out"]).arg(directory.path());
    let summary = run(&mut command).expect(0).summary();
    let parent = files(&summary)[0].parent().unwrap().to_owned();
    let name = parent.file_name().unwrap().to_str().unwrap();
    assert_eq!(name, "integration=Zoom");

    let mut command = api_command("parquet", &truto.url(), id);
    command.args(["--partition-by", "integration", "--out"]).arg(directory.path());
    let told = run(&mut command).expect(2).stderr;
    assert!(
        told.contains("which --no-lookup does not let it ask: name it by --integration"),
        "{told}"
    );
}
