//! A lake whose layout changes, and what people and programs are told of it.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::parquet;
use crate::support::command::license_stream;
use crate::support::python::{python, root};
use crate::support::run::{Run, run};

fn written(lake: &Path, input: &Path, options: &[&str]) -> Run {
    run(parquet(lake).args(options).arg("--input").arg(input)).expect(0)
}

#[test]
fn a_run_of_another_layout_warns_before_and_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let input = directory.path().join("body.ndjson");
    std::fs::write(&input, "{\"id\":\"a\",\"status\":\"x\",\"remote_data\":{\"n\":1}}\n").unwrap();
    let lake = directory.path().join("lake");
    written(&lake, &input, &[]);
    let same = written(&lake, &input, &["--compression", "snappy"]);
    assert_eq!((&*same.stderr, &same.summary()["other_layouts"]), ("", &Value::Null));

    for (options, what) in [
        (
            &["--partition-by", "status"][..],
            "is in no directories, and this run's in directories by status",
        ),
        (&["--as", "arrow"], "is in Parquet files, and this run's in Arrow files"),
        (&["--columns", "id,remote_data"], "which this run leaves out"),
        (
            &["--remote-data", "infer"],
            "has remote_data as JSON text, and this run's remote_data as a struct",
        ),
    ] {
        let other = directory.path().join(options.join(""));
        written(&other, &input, &[]);
        let ran = written(&other, &input, options);
        assert!(ran.stderr.starts_with("warning: "), "{}", ran.stderr);
        assert!(
            ran.stderr.contains(what) && ran.stderr.contains("union_by_name"),
            "{}",
            ran.stderr
        );
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
        let told = &ran.summary()["other_layouts"][0];
        assert_eq!(told["account"], "input");
        assert!(told["differences"][0].as_str().unwrap().contains(what), "{told}");
        assert!(other.join("_SUCCESS").exists());

        let mut check = license_stream();
        check.args(["check", "parquet", "--out"]).arg(&lake).args(options);
        let checked = run(check.arg("--input").arg(&input)).expect(0).stdout;
        let line = checked.lines().find(|line| line.starts_with("warning")).unwrap();
        assert!(line.contains("layout") && line.contains(what), "{checked}");
    }
}

#[test]
fn what_a_look_has_typed_in_another_way_is_told_at_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let lake = directory.path().join("lake");
    let [one, other] = [("one", 1), ("other", 2)].map(|(name, members)| {
        let path = directory.path().join(name);
        let remote = if members == 1 { json!({"n": 1}) } else { json!({"n": 1, "m": "x"}) };
        std::fs::write(&path, json!({"id": "a", "remote_data": remote}).to_string()).unwrap();
        path
    });
    assert_eq!(written(&lake, &one, &["--remote-data", "infer"]).stderr, "");
    assert_eq!(written(&lake, &one, &["--remote-data", "infer"]).stderr, "");
    let ran = written(&lake, &other, &["--remote-data", "infer"]);
    let what = "has remote_data as a struct of other members than this run's";
    assert!(ran.stderr.contains(what), "{}", ran.stderr);
    assert_eq!(ran.summary()["other_layouts"][0]["differences"], json!([what]));
}

#[test]
fn what_is_in_no_file_is_not_said_to_be_kept() {
    let directory = tempfile::tempdir().unwrap();
    let input = directory.path().join("body.ndjson");
    std::fs::write(&input, "{\"id\":\"a\",\"status\":1,\"new\":2}\n").unwrap();
    for (columns, is_kept) in [("id,status", false), ("id,status,_extra", true)] {
        let lake = directory.path().join(columns);
        let summary = written(&lake, &input, &["--columns", columns]).summary();
        assert_eq!(summary["fields_left_out"].as_bool().unwrap_or(false), !is_kept);
        assert_eq!(summary["fields_unexpected"], json!({"status": 1}));
        let mut people = license_stream();
        people.args(["parquet", "--columns", columns, "--out"]).arg(lake.with_extension("people"));
        let told = run(people.arg("--input").arg(&input)).expect(0).stderr;
        let words = if is_kept { "kept in _extra: 1 value of " } else { "left out: 1 value of " };
        assert_eq!(told.matches(words).count(), 2, "{told}");
        assert_eq!(told.contains("kept in _extra"), is_kept, "{told}");
    }
}

#[test]
fn what_a_struct_does_not_hold_is_counted_in_files_and_in_a_stream() {
    let directory = tempfile::tempdir().unwrap();
    let input = directory.path().join("body.ndjson");
    let lines = ["{\"n\":1}", "{\"n\":\"x\"}", "[1]"];
    let lines = lines.map(|remote| format!("{{\"id\":\"a\",\"remote_data\":{remote}}}\n"));
    std::fs::write(&input, lines.concat()).unwrap();
    let schema = directory.path().join("schema.json");
    let json =
        json!({"type": "object", "properties": {"n": {"type": "integer"}, "m": {"$ref": "#/x"}}});
    std::fs::write(&schema, json.to_string()).unwrap();
    let schema = ["--remote-data-schema", schema.to_str().unwrap()];
    let lake = directory.path().join("lake");
    assert_eq!(written(&lake, &input, &schema).summary()["remote_data_not_held"], 2);

    let mut stream = license_stream();
    stream.args(["parquet", "--as", "arrow-stream", "--out", "-", "--columns", "id,remote_data"]);
    let output = stream.args(schema).arg("--input").arg(&input).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    assert!(
        told.contains("kept in _remote_data_extra: what the struct does not hold, of 2 rows of 3"),
        "{told}"
    );
    let file = directory.path().join("stream");
    std::fs::write(&file, &output.stdout).unwrap();
    let rows = crate::support::python::arrow_lines("pyarrow", &file).unwrap();
    let rows: Vec<Value> = rows.iter().map(|row| serde_json::from_str(row).unwrap()).collect();
    assert_eq!(rows[0]["remote_data"], json!({"n": 1}));
    assert_eq!(
        (&rows[0]["_remote_data_extra"], &rows[2]["remote_data"]),
        (&Value::Null, &Value::Null)
    );
}

/// A block of docs/parquet.md that begins so.
fn block(language: &str, begin: &str) -> String {
    let guide = std::fs::read_to_string(root().join("docs/parquet.md")).unwrap();
    let fence = format!("```{language}\n");
    let mut blocks = guide.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.find(|block| block.starts_with(begin)).expect("the block").to_owned()
}

/// What a program of Python's prints, run beside `lake/licenses`.
fn printed(directory: &Path, program: &str) -> String {
    let run = run(python().current_dir(directory).args(["-c", program])).expect(0);
    run.stdout.trim().to_owned()
}

#[test]
fn the_queries_of_the_documents_find_the_newest_snapshots_and_the_rows_of_mixed_layouts() {
    let directory = tempfile::tempdir().unwrap();
    let lake = directory.path().join("lake/licenses");
    let body = |name: &str, ids: &[&str]| {
        let path = directory.path().join(name);
        let lines = ids.iter().map(|id| format!("{{\"id\":\"{id}\",\"status\":\"x\"}}\n"));
        std::fs::write(&path, lines.collect::<String>()).unwrap();
        path
    };
    let [three, two, none] = [("three", &["a", "b", "c"][..]), ("two", &["a", "b"]), ("none", &[])]
        .map(|(n, i)| body(n, i));
    let account = |number: u32| format!("00000000-0000-4000-8000-00000000000{number}");
    for (number, input) in [(1, &two), (1, &three), (2, &two), (3, &three), (3, &none)] {
        written(&lake, input, &["--account", &account(number)]);
    }
    let query = block("sql", "create temp table manifest as");
    let duckdb = |query: &str| {
        let program = format!("import duckdb; print(duckdb.sql({query:?}).fetchall())");
        printed(directory.path(), &program)
    };
    assert_eq!(duckdb("select count(*) from 'lake/licenses/*.parquet'"), "[(10,)]");
    assert_eq!(duckdb(&query), "[(5,)]");
    let program = block("python", "import glob, json") + "print(table.num_rows)";
    assert_eq!(printed(directory.path(), &program), "5");

    // By hand, as the document says: the manifest, and then its files.
    let own = lake.join("_license-stream");
    let names = |folder: &Path| {
        let names = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    let of_first = |name: &&String| name.starts_with(&account(1)) && !name.contains(".checkpoint");
    let manifest = names(&own).iter().find(of_first).unwrap().clone();
    std::fs::remove_file(own.join(&manifest)).unwrap();
    let snapshot = manifest.strip_suffix(".json").unwrap();
    for name in names(&lake).iter().filter(|name| name.starts_with(snapshot)) {
        std::fs::remove_file(lake.join(name)).unwrap();
    }
    run(license_stream().arg("inspect").arg(&lake)).expect(0);
    assert_eq!(duckdb(&query), "[(5,)]");
    assert!(lake.join("_SUCCESS").exists());
    written(&lake, &two, &["--account", &account(1)]);
    assert_eq!(duckdb(&query), "[(4,)]");

    written(&lake, &three, &["--account", &account(2), "--partition-by", "status"]);
    written(&lake, &three, &["--account", &account(2), "--columns", "id"]);
    assert_eq!(duckdb("select count(*) from 'lake/licenses/*.parquet'"), "[(13,)]");
    assert_eq!(duckdb(&block("sql", "select count(*) from (")), "[(16,)]");
}

#[test]
fn the_queries_of_the_documents_count_no_row_twice_where_a_compaction_was_killed() {
    let directory = tempfile::tempdir().unwrap();
    let (input, lake) = (directory.path().join("body"), directory.path().join("lake/licenses"));
    std::fs::write(&input, "{\"id\":\"a\"}\n{\"id\":\"b\"}\n{\"id\":\"c\"}\n").unwrap();
    for account in ["00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"]
    {
        written(&lake, &input, &["--account", account]);
    }
    let files = || std::fs::read_dir(&lake).unwrap().map(|entry| entry.unwrap().path());
    let is_data = |path: &PathBuf| path.extension().is_some_and(|it| it == "parquet");
    let read = |path: PathBuf| (std::fs::read(&path).unwrap(), path);
    let sources: Vec<_> = files().filter(is_data).map(read).collect();
    run(license_stream().arg("compact").arg(&lake)).expect(0);
    // As it is where it was killed between the manifest and the removal of what that replaces.
    for (bytes, path) in &sources {
        std::fs::write(path, bytes).unwrap();
    }
    let count = "import duckdb; print(duckdb.sql(\"select count(*) from 'lake/licenses/*.parquet'\").fetchall())";
    assert_eq!(printed(directory.path(), count), "[(12,)]");
    let query = block("sql", "create temp table manifest as");
    let program = format!("import duckdb; print(duckdb.sql({query:?}).fetchall())");
    assert_eq!(printed(directory.path(), &program), "[(6,)]");
    let program = block("python", "import glob, json") + "print(table.num_rows)";
    assert_eq!(printed(directory.path(), &program), "6");
}
