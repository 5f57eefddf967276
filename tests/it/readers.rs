//! The readers tell the truth: what other programs wrote is what they print.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{kafka, python};

const WRITE_PARQUET: &str = r#"
import sys
import pyarrow as pa, pyarrow.parquet as pq

schema = pa.schema([
    pa.field("id", pa.string(), nullable=False),
    ("amount", pa.float64()),
    ("at", pa.timestamp("us", "UTC")),
    ("paid", pa.bool_()),
    ("roles", pa.list_(pa.struct([("id", pa.string()), ("name", pa.string())]))),
    ("remote", pa.json_()),
])
rows = [
    {"id": "1", "amount": 10.0, "at": 1704164645678901, "paid": True, "remote": '{"a": [1]}',
     "roles": [{"id": "a", "name": "Ünï 😀\u2028\u0000"}, {"id": None, "name": None}, None]},
    {"id": "2"},
    {"id": "3", "amount": 0.1, "at": -1, "paid": False, "roles": [], "remote": "null"},
]
pq.write_table(pa.Table.from_pylist(rows, schema), sys.argv[1], compression="zstd", row_group_size=2)
"#;

#[test]
fn all_engines_see_the_same_rows() {
    let directory = tempfile::tempdir().unwrap();
    // Beside the data, names that engines skip.
    for hidden in ["_temporary", ".staging"] {
        std::fs::create_dir(directory.path().join(hidden)).unwrap();
        std::fs::write(directory.path().join(hidden).join("1.parquet"), "not Parquet").unwrap();
    }
    let file = directory.path().join("rows.parquet");
    let status = python::python().args(["-c", WRITE_PARQUET]).arg(&file).status().unwrap();
    assert!(status.success());

    let expected = [
        json!({
            "id": "1", "amount": 10.0, "at": 1_704_164_645_678_901_i64, "paid": true,
            "roles": [
                {"id": "a", "name": "Ünï 😀\u{2028}\u{0}"}, {"id": null, "name": null}, null,
            ],
            "remote": r#"{"a": [1]}"#,
        }),
        json!({
            "id": "2", "amount": null, "at": null, "paid": null, "roles": null, "remote": null,
        }),
        json!({
            "id": "3", "amount": 0.1, "at": -1, "paid": false, "roles": [], "remote": "null",
        }),
    ];
    for engine in python::PARQUET_READERS {
        assert_eq!(python::parquet_rows(engine, &file), expected, "{engine}");
        assert_eq!(python::parquet_rows(engine, directory.path()), expected, "{engine}");
    }

    let meta = python::parquet_meta(&file);
    let rows: Vec<_> = meta["row_groups"].as_array().unwrap().iter().map(|g| &g["rows"]).collect();
    assert_eq!(rows, [2, 1]);
    assert_eq!(
        meta["columns"][0],
        json!({
            "path": "id", "physical_type": "BYTE_ARRAY", "logical_type": "String",
            "nullable": false, "codecs": ["ZSTD"],
        })
    );
    assert_eq!(meta["columns"][6]["logical_type"], "JSON");
}

#[test]
fn a_topic_is_read_to_its_end() {
    let topic = kafka::topic("readers");
    let produce = |arguments: &[&str], input: &[u8]| {
        let mut kcat = Command::new("kcat")
            .args(["-P", "-b", &kafka::bootstrap(), "-t", &topic])
            .args(arguments)
            .stdin(Stdio::piped())
            .spawn()
            .expect("kcat, which scripts/prerequisites.sh installs");
        kcat.stdin.take().unwrap().write_all(input).unwrap();
        assert!(kcat.wait().unwrap().success());
    };
    produce(&["-p", "2", "-k", "schlüssel", "-H", "name=value"], "{\"id\":\"😀\"}\n".as_bytes());
    produce(&["-p", "0"], b"\xff\n");
    produce(&["-p", "0", "-Z", "-K", "="], b"gone=\n");

    let mut messages = python::topic_messages(&topic);
    for message in &mut messages {
        let timestamp = message.as_object_mut().unwrap().remove("timestamp");
        assert!(timestamp.is_some_and(|t| t.as_u64().is_some()));
    }
    let message = |partition: u32, offset: u32, key: Value, headers: Value, value: Value| {
        json!({
            "partition": partition, "offset": offset, "key": key, "headers": headers, "value": value,
        })
    };
    assert_eq!(
        messages,
        [
            message(0, 0, Value::Null, json!([]), json!({"base64": "/w=="})),
            message(0, 1, json!("gone"), json!([]), Value::Null),
            message(2, 0, json!("schlüssel"), json!([["name", "value"]]), json!(r#"{"id":"😀"}"#)),
        ]
    );
}
