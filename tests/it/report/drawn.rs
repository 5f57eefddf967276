//! The page as a real browser draws it: on a screen and on a telephone, by day and by night.

use std::path::Path;

use serde_json::{Value, json};

use super::page::{summary, write};
use super::{ACCOUNTS, accounts_file, fill, licenses, report};
use crate::support::browser::{assert_sound, look};
use crate::support::python::duckdb;
use crate::support::run::run;

const WIDTHS: [u32; 2] = [1280, 390];

/// The table below a heading, by the heads of its columns.
fn table<'a>(seen: &'a Value, above: &str) -> &'a Value {
    let mut tables = seen["tables"].as_array().unwrap().iter();
    let found = tables.find(|table| table["above"].as_str().unwrap().starts_with(above));
    found.unwrap_or_else(|| panic!("no table below {above}"))
}

/// The row that begins with `name`.
fn row<'a>(table: &'a Value, name: &str) -> &'a Vec<Value> {
    let mut rows = table["rows"].as_array().unwrap().iter().map(|row| row.as_array().unwrap());
    rows.find(|row| row[0] == name).unwrap_or_else(|| panic!("no row {name}: {table:#}"))
}

/// `1234567` as `1,234,567`.
fn grouped(number: &Value) -> String {
    let digits = number.as_f64().unwrap().to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Asserts how much of a bar's width its part of that colour has.
#[track_caller]
fn assert_part(bar: &Value, tone: &str, share: f64) {
    let parts = bar["parts"].as_array().unwrap();
    let part = parts.iter().find(|part| part["tone"] == tone).unwrap_or_else(|| panic!("{bar:#}"));
    let width = part["width"].as_f64().unwrap();
    assert!((width - share).abs() < 0.002, "{tone}: {width} for {share}: {bar:#}");
}

/// A page on a lake of the accounts and a run over them.
fn made(directory: &Path, word: &str, known: &[(&str, &str)]) -> std::path::PathBuf {
    let (lake, file) = (directory.join("lake"), directory.join("summary.json"));
    for (index, (account, _)) in ACCOUNTS.into_iter().enumerate() {
        fill(&lake, account, &licenses(index as u64, 400 + 300 * index as u64), &[]);
    }
    write(&file, &summary(word));
    let known = accounts_file(directory, known);
    let out = directory.join("report.html");
    run(report(&[&file, &lake], &out).arg("--accounts-file").arg(known)).expect(0);
    out
}

#[test]
fn a_browser_shows_the_figures_at_each_width_and_in_each_scheme() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let page = made(directory, "here", &ACCOUNTS);
    let both = "assigned_quantity is not null and available_quantity is not null";
    let wanted = duckdb(&format!(
        "select _integrated_account_id as account, count(*) as licenses,
            sum(assigned_quantity) filter ({both}) as assigned, sum(available_quantity) filter ({both}) as available,
            count(*) filter ({both}) as seats, count(name) / count(*) as named,
            sum(unit_amount * assigned_quantity) filter (currency = 'EUR') as cost,
            sum(unit_amount * available_quantity) filter (currency = 'EUR') as all_cost
        from '{}/lake/*.parquet' group by 1 order by 1",
        directory.display()
    ));
    let number = |row: &Value, name: &str| row[name].as_f64().unwrap();
    let most = wanted
        .iter()
        .map(|row| number(row, "available").max(number(row, "assigned")))
        .fold(0.0, f64::max);
    let most_cost = wanted
        .iter()
        .map(|row| number(row, "cost").max(number(row, "all_cost")))
        .fold(0.0, f64::max);
    let mut papers = Vec::new();
    for (width, scheme) in WIDTHS.into_iter().flat_map(|width| [(width, "light"), (width, "dark")])
    {
        let seen = look(&page, width, scheme);
        assert_sound(&seen);
        assert_eq!(seen["title"], "License report");
        papers.push(seen["paper"].as_str().unwrap().to_owned());
        let tiles = seen["tiles"].as_array().unwrap();
        for tile in [
            json!(["outcome", "failed"]),
            json!(["licenses written", "1,234,567"]),
            json!(["records rejected", "22"]),
            json!(["accounts", "3"]),
            json!(["licenses", "2,100"]),
        ] {
            assert!(tiles.contains(&tile), "{tile}: {tiles:?}");
        }

        let outcomes = table(&seen, "Accounts by outcome");
        assert_eq!(row(outcomes, "failed")[2..], [json!("1"), json!("25 %")]);
        assert_part(&row(outcomes, "done")[1], "good", 0.25);
        let reasons = table(&seen, "Rejects by reason");
        assert_eq!(row(reasons, "syntax")[2..4], [json!("15"), json!("75 %")]);
        assert_part(&row(reasons, "syntax")[1], "fair", 0.75);
        let accounts = table(&seen, "Each account");
        let failed = row(accounts, ACCOUNTS[1].0);
        assert_eq!(failed[1..3], [json!("Zoom"), json!("failed")]);
        assert!(failed[5].as_str().unwrap().contains("the body was cut here"), "{failed:?}");

        for (name, row_of) in ["DocuSign", "Zoom", "Webex"].into_iter().zip(&wanted) {
            let seats = row(table(&seen, "Seats assigned"), name);
            assert_eq!(seats[3], grouped(&row_of["assigned"]), "{name}");
            assert_eq!(seats[4], grouped(&row_of["available"]), "{name}");
            assert_eq!(seats[6], grouped(&row_of["seats"]), "{name}");
            assert_eq!(seats[7], grouped(&row_of["licenses"]), "{name}");
            assert_part(&seats[1], "track", number(row_of, "available") / most);
            let cost = row(table(&seen, "In EUR"), name);
            assert_eq!(
                cost[2].as_str().unwrap().replace(',', ""),
                format!("{:.2}", number(row_of, "cost"))
            );
            assert_eq!(
                cost[4].as_str().unwrap().replace(',', ""),
                format!("{:.2}", number(row_of, "all_cost"))
            );
            assert_part(&cost[1], "plain", number(row_of, "cost") / most_cost);
            let named = row(table(&seen, name), "name");
            assert_eq!(named[2], format!("{:.0} %", number(row_of, "named") * 100.0));
            assert_eq!(named[3], "promised");
            assert_part(&named[1], "plain", number(row_of, "named"));
        }
        // Zoom promises neither of these; DocuSign promises both.
        assert_eq!(row(table(&seen, "Zoom"), "unit_amount")[3], "came unpromised");
        assert_eq!(row(table(&seen, "Zoom"), "description")[3], "not promised");
        assert_eq!(row(table(&seen, "DocuSign"), "unit_amount")[3], "promised");
        assert_eq!(row(table(&seen, "Zoom"), "remote_data")[3], "no promise");
    }
    assert!(
        papers[0] == papers[2] && papers[1] == papers[3] && papers[0] != papers[1],
        "{papers:?}"
    );
}

#[test]
fn long_words_and_large_numbers_stay_on_a_telephone_and_nothing_that_was_read_is_run() {
    let directory = tempfile::tempdir().unwrap();
    let hostile =
        format!("<img src=x onerror=alert(1)><script>alert(2)</script>{}", "x".repeat(500));
    let known = ACCOUNTS.map(|(id, _)| (id, hostile.as_str()));
    let page = made(directory.path(), &hostile, &known);
    let huge = json!({"id": "a", "assigned_quantity": 9e14, "available_quantity": 8e14, "unit_amount": 123456789.5,
        "currency": "<script>alert(3)</script>"});
    let lake = directory.path().join("lake");
    fill(&lake, ACCOUNTS[0].0, &[huge], &[]);
    let mut told = summary(&hostile);
    told["records"] = u64::MAX.into();
    told["rejects_by_reason"] = json!({hostile.as_str(): u64::MAX});
    let file = directory.path().join("summary.json");
    write(&file, &told);
    let known = accounts_file(directory.path(), &known);
    run(report(&[&file, &lake], &page).arg("--accounts-file").arg(known)).expect(0);
    for width in [1280, 390, 320] {
        let seen = look(&page, width, "light");
        assert_sound(&seen);
        assert!(seen["text"].as_str().unwrap().contains("<script>alert(3)</script>"));
    }
}
