//! What can be asked for, and may not come as it is wanted.

use super::asking;
use crate::support::process::run;

const ONE: &str = "{\"id\":\"1\"}\n";

/// What a run with `arguments` says beside its summary.
fn warnings(verb: &str, arguments: &[&str]) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let (_api, mut command) = asking(verb, &[ONE]);
    if verb == "parquet" {
        command.args(["--out", "out"]);
    }
    let got = run(command.args(arguments).current_dir(directory.path()));
    assert_eq!(got.code, Some(0), "{arguments:?}: {}", got.stderr);
    let warnings = got.stderr.lines().filter_map(|line| line.strip_prefix("warning: "));
    warnings.map(str::to_owned).collect()
}

#[test]
fn columns_that_stay_empty_are_told_where_the_integration_is_known() {
    let pagerduty = "PagerDuty gives no created_at, currency, products, status, unit_amount, updated_at: \
        these columns will be null";
    assert_eq!(warnings("parquet", &["--integration", "pagerduty"]), [pagerduty]);
    assert_eq!(warnings("parquet", &["--integration", "pagerduty", "--json"]), [pagerduty]);
    assert_eq!(warnings("parquet", &["--integration", "pagerduty", "--quiet"]), [""; 0]);
    assert_eq!(warnings("parquet", &[]), [""; 0]);
    // Of those that are wanted, and no others.
    let some = ["--integration", "pagerduty", "--columns", "id,currency,name"];
    let told = "PagerDuty gives no currency: the column will be null";
    assert_eq!(warnings("parquet", &some), [told]);
    let none = [&some[..3], &["id,name"]].concat();
    assert_eq!(warnings("parquet", &none), [""; 0]);
    let excluded = ["created_at", "products", "status", "unit_amount", "updated_at"];
    let excluded = excluded.iter().flat_map(|field| ["--exclude-field", field]);
    let excluded: Vec<_> = some[..2].iter().copied().chain(excluded).collect();
    let told = warnings("parquet", &excluded);
    assert!(
        told.contains(&"PagerDuty gives no currency: the column will be null".to_owned()),
        "{told:?}"
    );
    // Where bytes go, nothing is empty.
    assert_eq!(warnings("ndjson", &["--integration", "pagerduty"]), [""; 0]);
}

#[test]
fn directories_that_are_named_for_what_never_comes_are_told() {
    let pagerduty = ["--integration", "pagerduty", "--columns", "id,name"];
    let by = |field| [&pagerduty[..], &["--partition-by", field]].concat();
    let told = "PagerDuty gives no created_at: --partition-by date(created_at) puts every license into \
        one directory";
    assert!(warnings("parquet", &by("date(created_at)")).contains(&told.to_owned()));
    for field in ["account", "name", "snapshot"] {
        assert_eq!(warnings("parquet", &by(field)), [""; 0], "{field}");
    }
}

#[test]
fn wishes_that_cannot_be_met_or_cost_licenses_are_told() {
    for (arguments, what) in [
        (&["--exclude-field", "naem"][..], "`naem` is no field of a license that is documented"),
        (&["--integration", "zoom", "--exclude-field", "roles"], "Zoom gives no `roles`"),
        (&["--key-by", "name"], "licenses that share a `name` replace one another"),
        (&["--cursor", "c"], "begins at a cursor"),
    ] {
        let told = warnings("ndjson", arguments);
        assert!(told.len() == 1 && told[0].contains(what), "{arguments:?}: {told:?}");
        let quiet = [arguments, &["--quiet"]].concat();
        assert_eq!(warnings("ndjson", &quiet), [""; 0]);
    }
}
