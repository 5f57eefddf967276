//! Every value of every row.

use std::collections::BTreeMap;
use std::path::Path;

use expect_test::expect_file;
use license_stream::License;
use license_stream::simulate::Simulator;
use serde_json::{Value, json};

use super::oracle::{self, Row};
use super::parquet;
use crate::support::body::{Record, edges, id, members, records, simulated};
use crate::support::python;
use crate::support::run::run;
use crate::support::simulation::Simulation;

/// Compares what both engines see in `out` with what the records of `body` should become; answers
/// the rows.
fn check(out: &Path, body: &[u8], account: Option<&str>, summary: &Value) -> Vec<Row> {
    let snapshot = &summary["snapshots"][0];
    let snapshot_id = snapshot["snapshot_id"].as_str().unwrap();
    let mut unexpected = BTreeMap::new();
    let expected: Vec<_> = records(body)
        .iter()
        .map(|record| {
            let (row, fields) = oracle::expected(record.bytes, account, snapshot_id);
            for field in fields {
                *unexpected.entry(field).or_insert(0_u64) += 1;
            }
            row
        })
        .collect();
    for engine in python::PARQUET_READERS {
        let lines = python::parquet_lines(engine, out);
        assert_eq!(lines.len(), expected.len(), "{engine}");
        for (line, expected) in lines.iter().zip(&expected) {
            assert_eq!(&oracle::seen(line), expected, "{engine}");
        }
    }
    for counts in [summary, snapshot] {
        assert_eq!(counts["records"], expected.len());
        assert_eq!(counts["rejected"], 0);
        assert_eq!(counts["bytes_read"], body.len());
    }
    assert_eq!(summary["fields_unexpected"], json!(unexpected));
    assert_eq!(summary["fields_unknown"], json!(unknown(body)));
    assert_eq!(summary["fields_unknown_total"], unknown(body).values().sum::<u64>());
    assert_eq!(uuid::Uuid::parse_str(snapshot_id).unwrap().get_version_num(), 7);
    assert_eq!(snapshot["account"], json!(account));
    assert_eq!((&summary["outcome"], &snapshot["complete"]), (&json!("done"), &json!(true)));
    expected
}

/// How often a field of each unknown name occurs, however the name is spelled.
fn unknown(body: &[u8]) -> BTreeMap<String, u64> {
    let mut unknown = BTreeMap::new();
    for (name, _) in records(body).iter().flat_map(|record| members(record.bytes).unwrap()) {
        if !License::FIELDS.contains(&name.as_str()) {
            *unknown.entry(name).or_default() += 1;
        }
    }
    unknown
}

#[test]
fn every_edge_becomes_the_row_that_is_documented() {
    let directory = tempfile::tempdir().unwrap();
    let body = std::fs::read(edges()).unwrap();
    let out = directory.path().join("made/for/it");
    let summary = run(parquet(&out).arg("--input").arg(edges())).expect(0).summary();
    let rows = check(&out, &body, None, &summary);

    // The same for people to read, without what is null.
    let mut text = String::new();
    for mut row in rows {
        text.push_str(&format!("{}\n", row.remove("id").unwrap()));
        row.remove("_snapshot_id");
        for (column, value) in row.iter().filter(|(_, value)| *value != "null") {
            text.push_str(&format!("    {column} = {value}\n"));
        }
    }
    expect_file!["../../golden/edges.rows.txt"].assert_eq(&text);
}

#[test]
fn an_account_is_in_every_row() {
    let directory = tempfile::tempdir().unwrap();
    let body = std::fs::read(edges()).unwrap();
    let account = "62f44730-dd91-461e-bd6a-aedd9e0ad79d";
    let mut command = parquet(directory.path());
    command.args(["--account", account, "--input"]).arg(edges());
    let summary = run(&mut command).expect(0).summary();
    check(directory.path(), &body, Some(account), &summary);
}

#[test]
fn strict_reading_rejects_what_would_not_fit() {
    let directory = tempfile::tempdir().unwrap();
    let body = std::fs::read(edges()).unwrap();
    let mut command = parquet(directory.path());
    command.args(["--strict", "--on-error", "skip", "--input"]).arg(edges());
    let summary = run(&mut command).expect(4).summary();

    // A member that is not known is kept, but it is not of an unexpected type.
    let fits = |record: &&Record| {
        let (row, unexpected) = oracle::expected(record.bytes, None, "");
        unexpected.is_empty() || row["id"] == "\"list: unknown member\""
    };
    let all = records(&body);
    let (fitting, others): (Vec<&Record>, Vec<_>) = all.iter().partition(fits);
    assert!(others.len() > 10);
    assert_eq!(summary["rejects_by_reason"], json!({"unexpected_type": others.len()}));
    let expected: Vec<_> = fitting.iter().map(|record| id(record.bytes)).collect();
    let rows = python::parquet_rows("duckdb", directory.path());
    assert!(rows.iter().map(|row| row["id"].as_str().unwrap()).eq(&expected), "{rows:#?}");
}

#[test]
fn licenses_that_arrive_over_http_become_rows() {
    let records = 20_000;
    let simulator = Simulator::new().with_seed(11).with_records(records);
    let account = simulator.accounts()[0].clone();
    let body = simulated(&simulator.licenses(&account), records);
    let simulation = Simulation::start(simulator);
    let directory = tempfile::tempdir().unwrap();
    let mut command = parquet(directory.path());
    command.args(["--row-group-bytes", "3000000", "--file-bytes", "7000000"]);
    let summary = run(simulation.source(&mut command)).expect(0).summary();
    check(directory.path(), &body, Some(&account), &summary);
    assert!(super::files(&summary).len() > 1, "{summary}");
    assert_eq!(summary["snapshots"][0]["requests"], 1);
}
