//! `remote_data` as a typed struct: with what is beside it, what was there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use futures_util::stream;
use license_stream::pipeline;
use license_stream::sink::parquet::{ParquetOptions, ParquetSink, RemoteData};
use serde_json::{Value, json};

use super::{files, parquet};
use crate::support::command::license_stream;
use crate::support::python::{self, ENGINES};
use crate::support::run::{Run, run};

/// Bytes of licenses that a look sees, and some more.
const LOOKED_AT: usize = 1_300_000;

/// A body of licenses whose `remote_data` is of one form as far as a look goes, and of many behind that.
fn body(total: usize) -> String {
    let mut body = String::new();
    for number in 0.. {
        if body.len() >= total {
            break;
        }
        let tags = &["a", "b", "é"][..number % 4 % 3];
        let mut data = json!({
            "seats": number, "price": number as f64 / 8.0, "trial": number % 3 == 0, "sku": format!("E{}", number % 5),
            "plan": {"id": format!("p{}", number % 7), "limits": {"users": number % 100}},
            "tags": tags, "parts": [{"n": number, "name": "x"}, {"n": -1}], "filler": "z".repeat(60)
        });
        let mut text = None;
        if body.len() >= LOOKED_AT {
            match number % 16 {
                0 => data["seats"] = json!("many"),
                1 => data["seats"] = Value::Null,
                2 => data["new"] = json!({"deep": [1, "x", null]}),
                3 => data["plan"]["more"] = json!(1.5),
                4 => data["plan"] = json!("none"),
                5 => data["parts"] = json!([{"n": 1.5}, null, 7, {"n": 2, "z": []}]),
                6 => data = json!([1, {"seats": 2}]),
                7 => data = json!("text"),
                8 => data = Value::Null,
                9 => data = json!({}),
                // What serde_json would not write.
                10 => {
                    text = Some(
                        r#"{"seats":18446744073709551616,"price":9007199254740993,"trial":1}"#,
                    );
                }
                11 => {
                    text = Some(
                        r#"{ "price" : 0.1000000000000000055 , "s\u0065ats":-0, "sku":"\u00e9\n" }"#,
                    );
                }
                12 => {
                    text = Some(r#"{"plan":{"limits":{"users":1e2}},"price":-1.50e1,"seats":4.0}"#);
                }
                13 => text = Some(r#"{"seats":1,"sku":"a","seats":2}"#),
                14 => text = Some(r#"{"seats":3,"plan":{"id":"a","id":"b"},"x":1,"x":2}"#),
                _ => {}
            }
        }
        let data = text.map_or_else(|| data.to_string(), str::to_owned);
        let status = ["active", "expired"][number % 2];
        let price = number % 50;
        body.push_str(&format!(
            "{{\"id\":\"{number:06}\",\"status\":\"{status}\",\"unit_amount\":{price},\"remote_data\":{data}}}\n"
        ));
    }
    body
}

fn written(directory: &Path, total: usize) -> PathBuf {
    let path = directory.join("body.ndjson");
    std::fs::write(&path, body(total)).unwrap();
    path
}

/// Puts the files together as the guide says; whether that is what was there, and how much was in each of both.
fn assert_whole(input: &Path, files: &[PathBuf]) -> Value {
    let found = ["duckdb", "pyarrow"].map(|engine| {
        let found = python::remote_data(engine, input, files);
        assert_eq!((&found["differ"], &found["left"]), (&json!([]), &json!(0)), "{engine}");
        found
    });
    assert_eq!(found[0], found[1]);
    found[0].clone()
}

const ACCOUNT: &str = "62f44730-dd91-461e-bd6a-aedd9e0ad79d";

fn inspected(place: &Path) -> Value {
    run(license_stream().args(["inspect", "--json"]).arg(place)).expect(0).summary()
}

#[test]
fn whatever_comes_struct_and_text_together_are_what_was_there() {
    let directory = tempfile::tempdir().unwrap();
    let input = written(directory.path(), 2_600_000);
    for (name, options) in [
        ("parquet", &["--file-bytes", "900000", "--columns", "id,status,remote_data"][..]),
        ("arrow", &["--as", "arrow", "--row-group-bytes", "600000"]),
    ] {
        let out = directory.path().join(name);
        let mut command = parquet(&out);
        command.args(["--remote-data", "infer"]).args(options).arg("--input").arg(&input);
        let summary = run(&mut command).expect(0).summary();
        let found = assert_whole(&input, &files(&summary));
        assert_eq!(found["rows"], summary["records"]);
        let count = |name: &str| found[name].as_u64().unwrap();
        assert!(count("typed") > count("rows") * 3 / 4, "{found}");
        assert!(count("extra") > 1_000 && count("extra") < count("rows") * 2 / 3, "{found}");
    }

    let file = std::fs::read_dir(directory.path().join("parquet")).unwrap();
    let file = file.map(|it| it.unwrap().path()).find(|it| it.extension().is_some()).unwrap();
    let meta = python::parquet_meta(&file);
    let types: Vec<_> = meta["columns"].as_array().unwrap().iter().skip(1).collect();
    let types: Vec<_> = types
        .iter()
        .map(|it| format!("{} {} {}", it["path"], it["physical_type"], it["logical_type"]))
        .collect();
    expect_test::expect![[r#"
        "remote_data.filler" "BYTE_ARRAY" "String"
        "remote_data.parts.list.element.n" "INT64" null
        "remote_data.parts.list.element.name" "BYTE_ARRAY" "String"
        "remote_data.plan.id" "BYTE_ARRAY" "String"
        "remote_data.plan.limits.users" "INT64" null
        "remote_data.price" "DOUBLE" null
        "remote_data.seats" "INT64" null
        "remote_data.sku" "BYTE_ARRAY" "String"
        "remote_data.tags.list.element" "BYTE_ARRAY" "String"
        "remote_data.trial" "BOOLEAN" null
        "status" "BYTE_ARRAY" "String"
        "_remote_data_extra" "BYTE_ARRAY" "JSON""#]]
    .assert_eq(&types.join("\n"));
}

#[test]
fn directories_and_orders_are_as_with_text() {
    let directory = tempfile::tempdir().unwrap();
    let input = written(directory.path(), 2_000_000);
    let read = |name: &str, options: &[&str]| {
        let out = directory.path().join(name);
        let mut command = parquet(&out);
        // A column behind the struct: its place among the leaves is another then.
        command
            .args(["--partition-by", "status", "--sort-by", "unit_amount:desc,id"])
            .args(options);
        let summary = run(command.arg("--input").arg(&input)).expect(0).summary();
        let sorted_by = &inspected(&files(&summary)[0])["sorted_by"];
        assert_eq!(sorted_by, &json!(["unit_amount desc", "id"]));
        // In the order of the rows within files.
        ENGINES.map(|engine| {
            let mut rows = python::parquet_rows(engine, &out);
            for row in &mut rows {
                let row = row.as_object_mut().unwrap();
                row.retain(|name, _| !name.contains("remote_data") && name != "_snapshot_id");
            }
            rows
        })
    };
    let text = read("text", &[]);
    assert!(text[0][0]["unit_amount"].as_f64() > text[0][1_000]["unit_amount"].as_f64());
    assert!(text == read("typed", &["--remote-data", "infer"]));
}

#[test]
fn the_same_files_come_however_the_body_is_chunked() {
    let body = body(2_400_000).into_bytes();
    let snapshot = "01a20c7e-5167-7459-84d1-21cf616966d5";
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let written = |size: usize| {
        let directory = tempfile::tempdir().unwrap();
        let chunks: Vec<_> = body.chunks(size).map(<[u8]>::to_vec).collect();
        let chunks = chunks.into_iter().map(|it| Ok::<_, license_stream::Error>(it.into()));
        let mut options = ParquetOptions::new(directory.path(), snapshot);
        (options.remote_data, options.file_bytes) = (RemoteData::Infer, 1);
        let summary = runtime.block_on(async {
            let sink = ParquetSink::new(options).await.unwrap();
            pipeline::run(stream::iter(chunks), sink, Default::default()).await
        });
        let files = summary.into_result().unwrap().report.files;
        files.iter().map(|file| std::fs::read(&file.path).unwrap()).collect::<Vec<_>>()
    };
    let whole = written(body.len());
    assert!(whole.len() > 1, "{}", whole.len());
    for size in [4_099, 100_003, 1 << 20] {
        assert!(written(size) == whole, "chunks of {size}");
    }
}

#[test]
fn a_run_that_goes_on_takes_the_types_from_the_files_that_are_there() {
    let directory = tempfile::tempdir().unwrap();
    let input = written(directory.path(), 3_900_000);
    for form in ["parquet", "arrow"] {
        let read = |out: &Path, kill: Option<&str>| {
            let mut command = parquet(out);
            command.args(["--remote-data", "infer", "--file-bytes", "1", "--as", form]);
            command.arg("--input").arg(&input);
            command.envs(kill.map(|point| ("LICENSE_STREAM_KILL_AT", point)));
            command.output().unwrap()
        };
        let out = directory.path().join(form);
        // Two files are there, of which the second has members that none of the first has.
        assert!(!read(&out, Some("checkpoint-renamed:2")).status.success());
        let output = read(&out, None);
        let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(summary["snapshots"][0]["resumed_at_record"].as_u64().unwrap() > 0, "{summary}");
        let lake = inspected(&out);
        assert_eq!(lake["snapshots"].as_array().unwrap().len(), 1);
        assert_eq!(
            (&lake["snapshots"][0]["state"], &lake["success"]),
            (&json!("complete"), &json!(true))
        );

        let other = directory.path().join(format!("{form}-undisturbed"));
        assert!(read(&other, None).status.success());
        let names = |out: &Path| -> Vec<PathBuf> {
            let files = inspected(out)["files"].as_array().unwrap().clone();
            files.iter().map(|file| out.join(file["name"].as_str().unwrap())).collect()
        };
        let [here, there] = [&out, &other].map(|out| names(out));
        assert_eq!((here.len(), there.len()), (4, 4));
        assert_whole(&input, &here);
        let said = |file: &PathBuf| {
            let file = inspected(file);
            (file["columns"].clone(), file["metadata"]["license_stream.remote_data_schema"].clone())
        };
        for (one, other) in here.iter().zip(&there) {
            let ((columns, schema), (_, undisturbed)) = (said(one), said(other));
            assert_eq!(schema, undisturbed);
            assert!(schema.is_string() && columns.is_array());
        }
    }
}

#[test]
fn by_a_schema_from_a_file_all_have_one_struct() {
    let directory = tempfile::tempdir().unwrap();
    let input = written(directory.path(), 2_000_000);
    let schema = directory.path().join("schema.json");
    let json = json!({
        "type": "object", "required": ["sku"], "properties": {
            "seats": {"type": ["integer", "null"]}, "price": {"type": "number", "minimum": 0}, "never": {"type": "boolean"}
        }
    });
    std::fs::write(&schema, json.to_string()).unwrap();
    let out = directory.path().join("out");
    let mut command = parquet(&out);
    command.arg("--remote-data-schema").arg(&schema).arg("--input").arg(&input);
    let summary = run(&mut command).expect(0).summary();
    assert_whole(&input, &files(&summary));
    let printed =
        run(license_stream().arg("inspect").arg(&out).arg("--remote-data-schema")).expect(0);
    let printed: Value = serde_json::from_str(&printed.stdout).unwrap();
    let members: BTreeSet<_> = printed["properties"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(members, ["seats", "price", "never"].map(str::to_owned).into());
    assert_eq!(printed, inspected(&out)["remote_data_schema"]);
}

#[test]
fn an_unfinished_snapshot_is_gone_on_with_by_the_same_types_only() {
    let directory = tempfile::tempdir().unwrap();
    let input = written(directory.path(), 2_400_000);
    let [one, other] = ["one", "other"].map(|name| {
        let path = directory.path().join(name);
        let json = format!(r#"{{"type":"object","properties":{{"{name}":{{"type":"string"}}}}}}"#);
        std::fs::write(&path, json).unwrap();
        path.to_str().unwrap().to_owned()
    });
    let out = directory.path().join("out");
    let read = |options: &[&str], kill: Option<&str>| {
        let mut command = parquet(&out);
        command.args(["--file-bytes", "1", "--input"]).arg(&input).args(options);
        command.envs(kill.map(|point| ("LICENSE_STREAM_KILL_AT", point)));
        command
    };
    let begun = ["--remote-data-schema", &one];
    assert!(!read(&begun, Some("checkpoint-renamed:1")).status().unwrap().success());
    for (options, said) in [
        (&["--remote-data-schema", &other][..], "(remote_data_schema was "),
        (
            &["--remote-data", "infer"],
            "(remote_data was not set and is infer; remote_data_schema was ",
        ),
        (&[], " and is not set)"),
    ] {
        let refused = run(&mut read(options, None)).expect(2);
        assert!(refused.stderr.contains(said), "{}", refused.stderr);
    }
    let summary = run(&mut read(&begun, None)).expect(0).summary();
    assert!(summary["snapshots"][0]["resumed_at_record"].as_u64().unwrap() > 0);

    // Files that say the types have to be those that were written.
    let out = directory.path().join("changed");
    let read = |kill: Option<&str>| {
        let mut command = parquet(&out);
        command.args(["--file-bytes", "1", "--remote-data", "infer", "--input"]).arg(&input);
        command.envs(kill.map(|point| ("LICENSE_STREAM_KILL_AT", point)));
        command
    };
    assert!(!read(Some("checkpoint-renamed:1")).status().unwrap().success());
    let file = super::entries(&out).into_iter().find(|it| it.extension().is_some()).unwrap();
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() - 1]).unwrap();
    let refused = run(&mut read(None)).expect(1);
    assert!(
        refused.stderr.contains("the snapshot that it is of cannot be gone on with"),
        "{}",
        refused.stderr
    );
}

#[test]
fn files_of_unlike_structs_are_not_merged_and_those_of_the_same_are() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("out");
    let bodies = [
        r#"{"id":"1","remote_data":{"a":1,"b":"x"}}"#,
        r#"{"id":"2","remote_data":{"a":2,"b":"y","c":{"d":true}}}"#,
        r#"{"id":"3","remote_data":{"a":3,"b":"z","odd":[]}}"#,
        r#"{"id":"4","remote_data":{"a":0.5,"b":4}}"#,
    ];
    for (index, line) in bodies.into_iter().enumerate() {
        let input = directory.path().join(format!("{index}.ndjson"));
        std::fs::write(&input, format!("{line}\n")).unwrap();
        let mut command = parquet(&out);
        let account = format!("0000000{index}-0000-4000-8000-000000000000");
        command.args(["--remote-data", "infer", "--account", &account, "--input"]).arg(&input);
        run(&mut command).expect(0);
    }
    let rows = || {
        let rows = python::duckdb(&format!(
            "select id, json_merge_patch(to_json(remote_data), coalesce(_remote_data_extra, '{{}}')) as data
                from read_parquet('{}/*.parquet', union_by_name = true) order by id",
            out.display()
        ));
        rows.iter().map(Value::to_string).collect::<Vec<_>>()
    };
    let before = rows();
    // What they agree on.
    let agreed =
        run(license_stream().arg("inspect").arg(&out).arg("--remote-data-schema")).expect(0).stdout;
    let agreed: Value = serde_json::from_str(&agreed).unwrap();
    let wanted = json!({"a": {"type": "number"}, "c": {"type": "object", "properties": {"d": {"type": "boolean"}}}});
    assert_eq!(agreed["properties"], wanted);

    run(license_stream().arg("compact").arg(&out)).expect(0);
    let files = super::entries(&out);
    assert_eq!(files.len(), 3, "{files:?}");
    assert_eq!(rows(), before);
    let merged = files.iter().find(|it| it.to_str().unwrap().contains("compacted-")).unwrap();
    let schema = &inspected(merged)["metadata"]["license_stream.remote_data_schema"];
    let schema: Value = serde_json::from_str(schema.as_str().unwrap()).unwrap();
    assert_eq!(schema["properties"], json!({"a": {"type": "integer"}, "b": {"type": "string"}}));
}

#[test]
fn where_no_member_has_a_type_all_is_text() {
    let directory = tempfile::tempdir().unwrap();
    let input = directory.path().join("body.ndjson");
    let lines = ["[1]", r#"{"a":[]}"#, "null", r#"{"a":"x"}"#, r#"{"a":1}"#];
    let lines: String =
        lines.iter().map(|data| format!("{{\"id\":\"a\",\"remote_data\":{data}}}\n")).collect();
    std::fs::write(&input, lines).unwrap();
    for form in ["parquet", "arrow"] {
        let out = directory.path().join(form);
        let mut command = parquet(&out);
        command.args(["--remote-data", "infer", "--as", form, "--input"]).arg(&input);
        let summary = run(&mut command).expect(0).summary();
        assert_eq!(summary["records"], 5);
        assert_eq!(summary["remote_data_untyped"], 1);
        let columns = inspected(&files(&summary)[0])["columns"].as_array().unwrap().clone();
        let has = |name: &str| columns.iter().any(|column| column["path"] == name);
        assert!(has("remote_data") && !has("_remote_data_extra"), "{columns:?}");
    }
}

#[test]
fn what_contradicts_it_is_refused_before_anything_is_made() {
    let directory = tempfile::tempdir().unwrap();
    let input = written(directory.path(), 1_000);
    let [broken, mixed] =
        [("broken", "{"), ("mixed", r#"{"type":"object","properties":{"a":{"type":"any"}}}"#)].map(
            |(name, text)| {
                let path = directory.path().join(name);
                std::fs::write(&path, text).unwrap();
                path.to_str().unwrap().to_owned()
            },
        );
    let out = directory.path().join("out");
    let refused = |options: &[&str]| -> Run {
        run(parquet(&out).args(options).arg("--input").arg(&input)).expect(2)
    };
    for (options, said) in [
        (
            &["--remote-data", "infer", "--columns", "id,name"][..],
            "remote_data is to be typed and is not written",
        ),
        (
            &["--remote-data", "infer", "--sort-by", "remote_data"],
            "rows cannot be sorted by remote_data where it is typed",
        ),
        (
            &["--remote-data", "infer", "--bloom", "remote_data"],
            "remote_data can have no bloom filter where it is typed",
        ),
        (
            &["--remote-data-schema", &broken],
            &*format!(
                "--remote-data-schema {broken}: the schema of remote_data is no JSON, at line 1, column 1"
            ),
        ),
        (&["--remote-data-schema", &mixed], "it types no member of remote_data"),
        (
            &["--remote-data-schema", "/nowhere/at/all"],
            "--remote-data-schema /nowhere/at/all cannot be read",
        ),
        (
            &["--remote-data-schema", &mixed, "--remote-data", "json"],
            "goes with --remote-data infer only",
        ),
    ] {
        let told = refused(options).stderr;
        assert!(told.contains(said), "{options:?}: {told}");
    }
    for (options, said) in [
        (
            &["--remote-data", "infer", "--exclude-field", "remote_data"][..],
            "--exclude-field remote_data leaves out a column that --remote-data infer names",
        ),
        (
            &["--remote-data-schema", &mixed, "--ignore-remote-data"],
            "--ignore-remote-data leaves out a column that --remote-data-schema names",
        ),
    ] {
        let mut command = parquet(&out);
        command.env("TRUTO_API_TOKEN", "t").args(["--account", ACCOUNT]).args(options);
        let told = run(&mut command).expect(2).stderr;
        assert!(told.contains(said), "{options:?}: {told}");
    }
    assert!(!out.exists());
    let mut command = license_stream();
    command.args(["parquet", "--as", "arrow-stream", "--out", "-", "--remote-data", "infer"]);
    let told = run(command.arg("--input").arg(&input)).expect(2).stderr;
    assert!(told.contains("name the types by --remote-data-schema"), "{told}");
    run(parquet(&out).arg("--input").arg(&input)).expect(0);
    let none = run(license_stream().arg("inspect").arg(&out).arg("--remote-data-schema")).expect(1);
    assert!(none.stderr.contains("has no typed remote_data"), "{}", none.stderr);
}
