//! `license-stream report`: the figures by DuckDB, and the page by a browser.

mod drawn;
mod figures;
mod integrations;
mod page;
mod refusals;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value, json};

use crate::support::command::license_stream;
use crate::support::run::run;

/// Accounts, with what they are connected to by the name that directories have.
const ACCOUNTS: [(&str, &str); 3] = [
    ("11111111-1111-4111-8111-111111111111", "docusign"),
    ("22222222-2222-4222-8222-222222222222", "zoom"),
    ("33333333-3333-4333-8333-333333333333", "webex"),
];

fn report(places: &[&Path], out: &Path) -> Command {
    let mut command = license_stream();
    command.arg("report").args(places).arg("--out").arg(out);
    command
}

/// Licenses with all that sums can meet: quantities that are null, more seats than there are, prices without a
/// quantity or a currency. Sums of them are exact, in whatever order.
fn licenses(seed: u64, count: u64) -> Vec<Value> {
    let license = |number: u64| {
        let draw = |what: u64, below: u64| {
            let mixed =
                (seed * 1_000_003 + number * 101 + what).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            (mixed >> 33) % below
        };
        let fields = [
            ("assigned_quantity", json!(draw(1, 60))),
            ("available_quantity", json!(draw(2, 50))),
            ("unit_amount", json!(draw(3, 400) as f64 / 4.0)),
            ("currency", json!(["EUR", "USD", "", "JPY"][draw(4, 4) as usize])),
            ("name", json!(format!("seat {}", draw(5, 9)))),
            ("is_paid", json!(draw(6, 2) == 1)),
            ("created_at", json!("2024-09-01T10:00:00Z")),
            ("products", json!([{"id": "p"}])),
            ("roles", json!([])),
            ("remote_data", json!({"n": number})),
        ];
        let is_there = |index: usize| draw(100 + index as u64, 5) > 0;
        let fields = fields.into_iter().enumerate().filter(|(index, _)| is_there(*index));
        let fields = fields.map(|(_, (name, value))| (name.to_owned(), value));
        let mut license: Map<_, _> = fields.collect();
        license.insert("id".to_owned(), json!(number.to_string()));
        Value::from(license)
    };
    (0..count).map(license).collect()
}

/// Reads a body of `licenses` for an account into `lake`; what the run says.
fn fill(lake: &Path, account: &str, licenses: &[Value], options: &[&str]) -> Value {
    let body: String = licenses.iter().map(|license| format!("{license}\n")).collect();
    let file = tempfile::NamedTempFile::new().unwrap();
    // One line is no license.
    std::fs::write(file.path(), format!("{body}{{\"id\":\n")).unwrap();
    let mut command = license_stream();
    command.args(["parquet", "--json", "--on-error", "skip", "--input"]).arg(file.path());
    command.args(["--account", account, "--out"]).arg(lake);
    run(command.args(options)).expect(4).summary()
}

/// A file that says what the accounts are connected to.
fn accounts_file(directory: &Path, accounts: &[(&str, &str)]) -> PathBuf {
    let line = |(id, name): &(&str, &str)| {
        format!("{}\n", json!({"id": id, "integration": {"name": name}}))
    };
    let path = directory.join("accounts.ndjson");
    std::fs::write(&path, accounts.iter().map(line).collect::<String>()).unwrap();
    path
}
