//! What a lake adds up to: the same as DuckDB says, however its files lie.

use std::collections::BTreeMap;
use std::path::Path;

use license_stream::License;
use license_stream::simulate::{AccountGroup, Simulator};
use license_stream::sink::parquet::{LakeSurvey, LicenseFigures};
use serde_json::{Value, json};

use super::{ACCOUNTS, fill, licenses};
use crate::support::command::license_stream;
use crate::support::process::TOKEN;
use crate::support::python::duckdb;
use crate::support::run::run;
use crate::support::truto::Truto;

/// Two snapshots of each account, of which the second counts; their ids.
fn filled(lake: &Path, options: &[&str]) -> Vec<String> {
    let mut last = Vec::new();
    for round in 0..2 {
        last.clear();
        for (index, (account, _)) in ACCOUNTS.into_iter().enumerate() {
            let licenses = licenses(round * 10 + index as u64, 900 + 50 * index as u64);
            let summary = fill(lake, account, &licenses, options);
            last.push(summary["snapshots"][0]["snapshot_id"].as_str().unwrap().to_owned());
        }
    }
    last
}

fn survey(lake: &Path) -> LakeSurvey {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(LakeSurvey::of(lake)).unwrap()
}

/// The figures of the snapshots as DuckDB has them, by id.
fn by_duckdb(lake: &Path, snapshots: &[String], fields: &[&str]) -> BTreeMap<String, Value> {
    let ids: Vec<_> = snapshots.iter().map(|id| format!("'{id}'")).collect();
    let rows = format!(
        "(select * from read_parquet('{}/**/*.parquet', hive_partitioning = true, hive_types_autocast = false,
            union_by_name = true) where _snapshot_id in ({}))",
        lake.display(),
        ids.join(",")
    );
    let counts: Vec<_> =
        fields.iter().map(|field| format!("count({field}) as n_{field}")).collect();
    let both = "assigned_quantity is not null and available_quantity is not null";
    let query = format!(
        "select _snapshot_id as id, count(*) as licenses, {}, coalesce(sum(assigned_quantity), 0) as assigned,
            coalesce(sum(available_quantity), 0) as available, count(*) filter ({both}) as seats,
            coalesce(sum(assigned_quantity) filter ({both}), 0) as seats_assigned,
            coalesce(sum(available_quantity) filter ({both}), 0) as seats_available,
            count(*) filter (assigned_quantity > available_quantity) as exceeded,
            coalesce(sum(assigned_quantity - available_quantity)
                filter (assigned_quantity > available_quantity), 0) as excess
        from {rows} group by 1",
        counts.join(", ")
    );
    let costs = format!(
        "select _snapshot_id as id, nullif(currency, '') as currency, count(*) as priced,
            count(unit_amount * assigned_quantity) as assigned, count(unit_amount * available_quantity) as available,
            coalesce(sum(unit_amount * assigned_quantity), 0) as cost_assigned,
            coalesce(sum(unit_amount * available_quantity), 0) as cost_available
        from {rows} where unit_amount is not null group by 1, 2 order by 1, 2 nulls first"
    );
    let costs = duckdb(&costs);
    let of = |mut row: Value| {
        let id = row["id"].take();
        let costs = costs.iter().filter(|cost| cost["id"] == id).map(|cost| {
            let mut cost = cost.clone();
            cost.as_object_mut().unwrap().remove("id");
            cost
        });
        row["costs"] = costs.collect();
        row.as_object_mut().unwrap().remove("id");
        (id.as_str().unwrap().to_owned(), row)
    };
    duckdb(&query).into_iter().map(of).collect()
}

/// The same of ours.
fn as_duckdb(figures: &LicenseFigures, fields: &[&str]) -> Value {
    let cost =
        |(currency, cost): (&Option<String>, &license_stream::sink::parquet::CostFigures)| {
            json!({
                "currency": currency, "priced": cost.priced, "assigned": cost.assigned.licenses,
                "available": cost.available.licenses, "cost_assigned": cost.assigned.sum,
                "cost_available": cost.available.sum,
            })
        };
    let mut row = json!({
        "licenses": figures.licenses, "assigned": figures.assigned.sum, "available": figures.available.sum,
        "seats": figures.seats.licenses, "seats_assigned": figures.seats.assigned,
        "seats_available": figures.seats.available, "exceeded": figures.seats.exceeded,
        "excess": figures.seats.excess, "costs": figures.costs.iter().map(cost).collect::<Vec<_>>(),
    });
    for field in fields {
        let found = figures.field(field);
        assert_eq!(found.kept, figures.licenses, "{field}");
        row[format!("n_{field}")] = found.given.into();
    }
    row
}

/// Sums of fractions depend on their order, in the last of their digits.
fn rounded(value: &Value) -> Value {
    match value {
        Value::Array(values) => values.iter().map(rounded).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), rounded(value))).collect()
        }
        Value::Number(number) if number.is_f64() => {
            json!(format!("{:.9e}", number.as_f64().unwrap()))
        }
        other => other.clone(),
    }
}

#[track_caller]
fn assert_figures(lake: &Path, snapshots: &[String], fields: &[&str]) -> LakeSurvey {
    let survey = survey(lake);
    let ids: Vec<_> = survey.counted.iter().map(|it| it.snapshot_id.as_str()).collect();
    assert_eq!(ids, snapshots);
    let wanted = by_duckdb(lake, snapshots, fields);
    assert_eq!(wanted.len(), ACCOUNTS.len());
    for counted in &survey.counted {
        let found = as_duckdb(&counted.figures, fields);
        assert_eq!(rounded(&found), rounded(&wanted[&counted.snapshot_id]));
    }
    survey
}

#[test]
fn sums_and_coverage_are_those_of_duckdb_however_files_lie_and_after_they_are_merged() {
    let many = ["--file-bytes", "40000", "--row-group-rows", "100"];
    let by_currency = ["--partition-by", "account,currency,is_paid"];
    let no_status = [
        "--columns",
        "id,name,assigned_quantity,available_quantity,unit_amount,currency,_snapshot_id",
    ];
    let all = License::FIELDS;
    let some = ["id", "name", "assigned_quantity", "available_quantity", "unit_amount", "currency"];
    let forms: [(&[&str], &[&str]); 4] =
        [(&[], &all), (&many, &all), (&by_currency, &all), (&no_status, &some)];
    for (options, fields) in forms {
        let lake = tempfile::tempdir().unwrap();
        let snapshots = filled(lake.path(), options);
        let before = assert_figures(lake.path(), &snapshots, fields);
        assert!(before.counted.iter().all(|it| it.rejected == 1 && it.integration.is_none()));
        if fields.len() < all.len() {
            assert!(before.counted.iter().all(|it| it.figures.field("status").kept == 0));
        }

        // The rows of all six snapshots are in the same files then.
        run(license_stream().arg("compact").arg(lake.path()).arg("-q")).expect(0);
        let merged = assert_figures(lake.path(), &snapshots, fields);
        assert!(merged.inspection.compactions.iter().any(|it| it.files > 0), "{options:?}");
        assert_eq!(merged.counted, before.counted);
    }
}

#[test]
fn directories_say_which_integration_an_account_is_of() {
    let group = |(id, name): (&str, &str)| AccountGroup {
        ids: vec![id.to_owned()],
        integration: Some(name.to_owned()),
        records: 3000,
        ..AccountGroup::default()
    };
    let truto = Truto::start(Simulator::new().with_seed(5).with_groups(ACCOUNTS.map(group)));
    let lake = tempfile::tempdir().unwrap();
    let mut command = license_stream();
    command.env("TRUTO_API_TOKEN", TOKEN);
    command.args(["parquet", "--json", "--all-accounts", "--base-url", &truto.url()]);
    command.args(["--partition-by", "integration,month(created_at)", "--out"]).arg(lake.path());
    let summary = run(&mut command).expect(0).summary();
    let snapshots = summary["snapshots"].as_array().unwrap().iter();
    let mut snapshots: Vec<_> = snapshots
        .map(|it| (it["account"].as_str().unwrap(), it["snapshot_id"].as_str().unwrap().to_owned()))
        .collect();
    snapshots.sort();
    let snapshots: Vec<_> = snapshots.into_iter().map(|(_, id)| id).collect();
    let before = assert_figures(lake.path(), &snapshots, &License::FIELDS);
    let named = |survey: &LakeSurvey| -> Vec<_> {
        survey.counted.iter().map(|it| it.integration.clone().unwrap()).collect()
    };
    assert_eq!(named(&before), ACCOUNTS.map(|(_, name)| name));
    run(license_stream().arg("compact").arg(lake.path()).arg("-q")).expect(0);
    assert_eq!(named(&assert_figures(lake.path(), &snapshots, &License::FIELDS)), named(&before));
}

#[test]
fn arrow_files_have_the_figures_of_parquet_files() {
    let figures = |options: &[&str]| {
        let lake = tempfile::tempdir().unwrap();
        filled(lake.path(), options);
        survey(lake.path()).counted.into_iter().map(|it| it.figures).collect::<Vec<_>>()
    };
    let parquet = figures(&[]);
    assert_eq!(parquet.len(), ACCOUNTS.len());
    let small = ["--as", "arrow", "--row-group-rows", "70", "--file-bytes", "60000"];
    assert_eq!(figures(&small), parquet);
    assert_eq!(figures(&["--as", "arrow", "--partition-by", "is_paid"]), parquet);
    // Typed, `remote_data` is in two columns, or all in one.
    let typed = ["--remote-data", "infer", "--file-bytes", "60000"];
    assert_eq!(figures(&typed), parquet);
    assert_eq!(figures(&[&typed[..], &["--as", "arrow"]].concat()), parquet);
    let schema = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(schema.path(), r#"{"type":"object","properties":{"n":{"type":"string"}}}"#)
        .unwrap();
    assert_eq!(figures(&["--remote-data-schema", schema.path().to_str().unwrap()]), parquet);
}

#[test]
fn only_complete_snapshots_count() {
    let lake = tempfile::tempdir().unwrap();
    let lake = lake.path();
    let snapshots = filled(lake, &[]);
    // The last one of the first account has lost its manifest: the one before it counts.
    let own = lake.join("_license-stream");
    std::fs::remove_file(own.join(format!("{}-{}.json", ACCOUNTS[0].0, snapshots[0]))).unwrap();
    // And that of the second a file: it is damaged.
    let file = format!("{}-{}-00000.parquet", ACCOUNTS[1].0, snapshots[1]);
    std::fs::remove_file(lake.join(file)).unwrap();
    let survey = survey(lake);
    let licenses: Vec<_> = survey.counted.iter().map(|it| it.figures.licenses).collect();
    assert_eq!(licenses, [900, 950, 1000]);
    let is_last = survey.counted.iter().zip(&snapshots).map(|(it, last)| it.snapshot_id == *last);
    assert_eq!(is_last.collect::<Vec<_>>(), [false, false, true]);
}
