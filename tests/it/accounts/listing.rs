//! `license-stream accounts`

use std::collections::{BTreeMap, BTreeSet};

use expect_test::expect_file;
use license_stream::simulate::{
    AccountGroup, Fault, FaultKind, Listing, PLANTED_SECRET, Simulator,
};
use serde_json::Value;

use super::{command, counts, group, start};
use crate::support::command::license_stream;
use crate::support::process::{Run, TOKEN, run};
use crate::support::scripted::response;
use crate::support::series::Series;
use crate::support::truto::Truto;

/// Accounts of every kind, with names that are wider than the table.
fn kinds() -> Vec<AccountGroup> {
    let named = |ids: &[&str], status: &str, integration: Option<&str>| AccountGroup {
        ids: ids.iter().map(|id| (*id).to_owned()).collect(),
        status: status.to_owned(),
        integration: integration.map(str::to_owned),
        ..AccountGroup::default()
    };
    vec![
        named(&["00000000-0000-4000-8000-00000000000a"], "active", Some("Azure Active Directory")),
        named(&["00000000-0000-4000-8000-00000000000b"], "post_install_error", Some("GitHub")),
        AccountGroup {
            tenant: Some("größe\u{1b}[31m许可许可许可许可".to_owned()),
            sandbox: true,
            ..named(&["00000000-0000-4000-8000-00000000000c"], "needs_reauth", None)
        },
    ]
}

fn ids(run: &Run) -> Vec<String> {
    let parse = |line| serde_json::from_str::<Value>(line).unwrap();
    run.text().lines().map(|line| parse(line)["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_table_is_whole_where_no_terminal_is_and_disturbs_none() {
    let (truto, _) = start(kinds());
    let got = run(&mut command("accounts", &truto));
    assert_eq!((got.code, got.stderr.as_str()), (Some(0), "3 accounts\n"));
    assert!(got.text().chars().all(|it| it == '\n' || !it.is_control()));
    assert!(got.text().contains("Azure Active Directory  "), "{}", got.text());
    expect_file!["../../golden/accounts.txt"].assert_eq(got.text());
}

#[test]
fn the_settings_of_an_account_are_never_printed() {
    let (truto, _) = start(kinds());
    for flags in [&[][..], &["--json"]] {
        let got = run(command("accounts", &truto).args(flags));
        let printed = format!("{}{}", got.text(), got.stderr);
        assert!(printed.contains("00000000-0000-4000-8000-00000000000a"), "{printed}");
        assert!(!printed.contains(PLANTED_SECRET) && !printed.contains("context"), "{printed}");
    }
}

#[test]
fn pages_that_never_have_a_further_account_come_to_an_end() {
    let page = |number: usize| {
        let body = format!(r#"{{"result":[{{"id":"a"}}],"next_cursor":"c{number}"}}"#);
        response("200 OK", "Content-Type: application/json\r\nConnection: close\r\n", &body)
    };
    let api = Series::answer((0..1_100).map(page).collect());
    let mut command = license_stream();
    command.env("TRUTO_API_TOKEN", TOKEN).args(["accounts", "--base-url", &api.url()]);
    let got = run(&mut command);
    assert_eq!(got.code, Some(1), "{}", got.stderr);
    assert!(got.stderr.contains("1000 pages in a row had no further account"), "{}", got.stderr);
    assert_eq!(api.requests().len(), 1_001);
}

#[test]
fn each_filter_is_asked_for_and_pages_are_followed() {
    let groups = [
        AccountGroup { tenant: Some("acme".to_owned()), ..group(3, 1) },
        AccountGroup { sandbox: true, ..group(2, 1) },
        AccountGroup { environment: "staging".to_owned(), ..group(2, 1) },
        AccountGroup { integration: Some("Zoom".to_owned()), ..group(2, 1) },
        AccountGroup { status: "connecting".to_owned(), ..group(2, 1) },
    ];
    let listing = Listing { page_records: 2, results: true, ..Listing::default() };
    let truto = Truto::start(Simulator::new().with_groups(groups).with_listing(listing));
    for (flags, count) in [
        (&[][..], 11),
        (&["--tenant", "acme"], 3),
        (&["--tenant", "acme", "--tenant", "tenant-4"], 4),
        (&["--sandbox"], 2),
        (&["--no-sandbox"], 9),
        (&["--environment", "staging"], 2),
        (&["--integration-name", "Zoom"], 2),
        (&["--integration-name", "zoom"], 2),
        (&["--status", "connecting", "--status", "needs_reauth"], 2),
        (&["--status", "active", "--sandbox", "--environment", "staging"], 0),
    ] {
        let got = run(command("accounts", &truto).arg("--json").args(flags));
        assert_eq!((got.code, ids(&got).len()), (Some(0), count), "{flags:?}: {}", got.stderr);
        let told = "no account that the token can see fits the filters\n";
        assert_eq!(got.stderr == told, count == 0, "{flags:?}: {}", got.stderr);
    }
}

/// Pages of four accounts, of which each but the first begins with the last two of the page before.
fn shifted(faults: Vec<Fault>) -> Truto {
    let listing = Listing { page_records: 4, overlap: 2, faults, ..Listing::default() };
    Truto::start(Simulator::new().with_groups([group(10, 3)]).with_listing(listing))
}

#[test]
fn an_account_that_is_listed_twice_is_one() {
    let truto = shifted(vec![]);
    let got = run(command("accounts", &truto).arg("--json"));
    let listed = ids(&got);
    let distinct: BTreeSet<_> = listed.iter().collect();
    assert_eq!((got.code, listed.len(), distinct.len()), (Some(0), 10, 10), "{}", got.stderr);

    // One after the other, a second reading would replace the first or add to it; at once, it would be in
    // its way.
    for concurrency in ["1", "8"] {
        let lake = tempfile::tempdir().unwrap();
        let mut command = command("parquet", &truto);
        command.args(["--all-accounts", "--json", "--concurrency", concurrency, "--out"]);
        let got = run(command.arg(lake.path()));
        let summary: Value = serde_json::from_str(got.text()).unwrap();
        assert_eq!((got.code, &summary["records"]), (Some(0), &30.into()), "{}", got.stderr);
        assert_eq!(counts(&summary), BTreeMap::from([("done", 10)]));
        let files = std::fs::read_dir(lake.path()).unwrap().map(|it| it.unwrap().path());
        assert_eq!(files.filter(|it| it.extension() == Some("parquet".as_ref())).count(), 10);
    }
}

#[test]
fn a_list_that_says_to_be_a_part_is_not_all_accounts() {
    let truto = shifted(vec![Fault::new(FaultKind::Partial).times(1)]);
    let got = run(command("accounts", &truto).arg("--json"));
    let lines: Vec<Value> =
        got.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [accounts @ .., last] = lines.as_slice() else { panic!("{}", got.stderr) };
    assert_eq!((got.code, accounts.len()), (Some(1), 10), "{}", got.stderr);
    assert!(accounts.iter().all(|account| account["id"].is_string()), "{accounts:?}");
    let error = last["error"].as_str().unwrap();
    assert_eq!(got.stderr, format!("error: {error}\n"));
    assert!(error.contains("is_partial_response"), "{error}");
    // Nor is it when it is given to a run.
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("accounts.ndjson");
    std::fs::write(&file, got.text()).unwrap();
    let mut command_of_file = command("ndjson", &truto);
    command_of_file.arg("--accounts-file").arg(&file).arg("--out").arg(directory.path());
    let refused = run(&mut command_of_file);
    assert_eq!((refused.code, refused.text()), (Some(2), ""), "{}", refused.stderr);
    assert!(refused.stderr.contains("accounts.ndjson, line 11: "), "{}", refused.stderr);

    let truto = shifted(vec![Fault::new(FaultKind::Partial).times(1)]);
    let lake = tempfile::tempdir().unwrap();
    let mut command = command("parquet", &truto);
    let got = run(command.args(["--all-accounts", "--json", "--out"]).arg(lake.path()));
    let summary: Value = serde_json::from_str(got.text()).unwrap();
    assert_eq!((got.code, &summary["outcome"]), (Some(1), &"failed".into()), "{}", got.stderr);
    assert_eq!(counts(&summary), BTreeMap::from([("done", 10)]));
    assert!(summary["error"].as_str().unwrap().contains("is_partial_response"), "{summary}");
    assert!(!lake.path().join("_SUCCESS").exists(), "of which nobody knows whether it is all");
}

#[test]
fn what_goes_wrong_with_a_listing_is_told() {
    for (fault, code, message) in [
        (Fault::status(401), 3, "TRUTO_API_TOKEN"),
        (Fault::status(403), 3, "permission"),
        (Fault::status(404), 1, "404"),
    ] {
        let listing = Listing { faults: vec![fault], ..Listing::default() };
        let simulator = Simulator::new().with_groups([group(2, 1)]).with_listing(listing);
        let truto = Truto::start(simulator);
        for verb in [&["accounts"][..], &["ndjson", "--all-accounts"]] {
            let got = run(command(verb[0], &truto).args(&verb[1..]));
            assert_eq!((got.code, got.text()), (Some(code), ""), "{verb:?}: {}", got.stderr);
            assert!(got.stderr.contains(message), "{}", got.stderr);
        }
    }
}
