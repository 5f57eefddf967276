//! Which integration an account is of, asked of the API where neither a flag nor a list has said it.

use license_stream::simulate::{AccountGroup, Fault, FaultEndpoint, Simulator};

use super::ACCOUNT;
use crate::support::command::license_stream;
use crate::support::process::{Run, TOKEN, run};
use crate::support::replies::{Answer, Replies, say};
use crate::support::truto::Truto;

/// An account of each of these integrations, with two licenses.
fn of(integrations: &[&str]) -> (Truto, Vec<String>) {
    let groups = integrations.iter().map(|name| AccountGroup {
        integration: Some((*name).to_owned()),
        records: 2,
        ..AccountGroup::default()
    });
    let simulator = Simulator::new().with_groups(groups.collect::<Vec<_>>());
    let ids = simulator.account_ids().collect();
    (Truto::start(simulator), ids)
}

fn ask(url: &str, token: &str, arguments: &[&str]) -> Run {
    let mut command = license_stream();
    command.env("TRUTO_API_TOKEN", token).args(arguments).args(["--base-url", url]);
    run(&mut command)
}

#[test]
fn what_an_account_needs_is_checked_before_its_licenses_are_asked_for() {
    let (truto, ids) = of(&["GitHub", "Microsoft 365", "Zoom"]);
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("out");
    let cases: [(usize, &[&str], &str); 4] = [
        (
            0,
            &[],
            "GitHub needs an organization_id: set it (--organization-id; per account in --accounts-file)",
        ),
        (
            1,
            &[],
            "Microsoft 365 needs a product: set it (--product; per account in --accounts-file)",
        ),
        (2, &["--product", "onedrive"], "Zoom takes no product: leave it out (--product)"),
        (2, &["--key-by", "currency"], "Zoom gives no `currency` to key licenses by"),
    ];
    for (index, flags, what) in cases {
        let before = truto.requests();
        let to = ["parquet", "--account", &ids[index], "--out", out.to_str().unwrap()];
        let got = ask(&truto.url(), TOKEN, &[&to, flags].concat());
        assert_eq!((got.code, got.text()), (Some(2), ""), "{what}: {}", got.stderr);
        let told = format!("account {}: {what}", ids[index]);
        assert!(got.stderr.contains(&told), "{what}: {}", got.stderr);
        assert_eq!(truto.requests() - before, 1, "{what}");
        assert!(!out.exists(), "{what}");
    }
    let before = truto.requests();
    let got = ask(&truto.url(), TOKEN, &["ndjson", "--account", &ids[0], "--organization-id", "o"]);
    assert_eq!((got.code, got.text().lines().count()), (Some(0), 2), "{}", got.stderr);
    assert_eq!(truto.requests() - before, 2);

    // What was learnt of it is told.
    let lines = directory.path().join("lines");
    let to = ["ndjson", "--json", "--out", lines.to_str().unwrap()];
    let got = ask(&truto.url(), TOKEN, &[&to[..], &["--account", &ids[2]]].concat());
    assert_eq!(got.code, Some(0), "{}", got.stderr);
    let summary: serde_json::Value = serde_json::from_str(got.text()).unwrap();
    assert_eq!(summary["snapshots"][0]["integration"], "Zoom");
}

#[test]
fn whoever_knows_better_is_not_looked_after() {
    let (truto, ids) = of(&["GitHub"]);
    for (flags, code, requests, what) in [
        // The API itself says what is missing.
        (&["--no-lookup"][..], 1, 1, "organization_id"),
        (&["--integration", "Zoom"], 1, 1, "organization_id"),
        (&["--integration", "GitHub"], 2, 0, "GitHub needs an organization_id"),
    ] {
        let before = truto.requests();
        let got = ask(&truto.url(), TOKEN, &[&["ndjson", "--account", &ids[0]], flags].concat());
        assert_eq!((got.code, got.text()), (Some(code), ""), "{flags:?}: {}", got.stderr);
        assert!(got.stderr.contains(what), "{flags:?}: {}", got.stderr);
        assert_eq!(truto.requests() - before, requests, "{flags:?}");
    }
}

#[test]
fn an_answer_that_does_not_tell_holds_nothing_up() {
    let json = "Content-Type: application/json\r\n";
    let another =
        r#"{"id":"00000000-0000-4000-8000-000000000000","integration":{"name":"github"}}"#;
    let unknown = format!(r#"{{"id":"{ACCOUNT}","integration":{{"name":"made up"}}}}"#);
    for first in [
        // A token may be good for licenses, and not for this: even so is a 401 no bad token.
        say("401 Unauthorized", json, r#"{"message":"no"}"#),
        say("403 Forbidden", json, r#"{"message":"no"}"#),
        say("404 Not Found", json, r#"{"message":"no"}"#),
        say("500 Internal Server Error", json, ""),
        say("200 OK", json, "[]"),
        say("200 OK", json, another),
        say("200 OK", json, &unknown),
        say("200 OK", "Content-Type: text/html\r\n", "<html>"),
        Answer::HangUp,
    ] {
        let license = say("200 OK", "Content-Type: application/x-ndjson\r\n", "{\"id\":\"1\"}\n");
        let api = Replies::of(vec![first.clone(), license]);
        let got = ask(&api.url(), TOKEN, &["ndjson", "--account", ACCOUNT]);
        let delivered = (Some(0), "{\"id\":\"1\"}\n");
        assert_eq!((got.code, got.text()), delivered, "{first:?}: {}", got.stderr);
        let heads: Vec<_> = api.requests().into_iter().map(|request| request.head).collect();
        assert_eq!(heads.len(), 2, "{first:?}: asked once, and not again");
        assert!(heads[0].starts_with(&format!("GET /integrated-account/{ACCOUNT} HTTP")));
        assert!(heads[1].starts_with("GET /unified/user-directory/licenses?"));
    }
}

#[test]
fn the_account_of_a_scoped_token_is_looked_up_as_itself() {
    let (truto, ids) = of(&["Zoom", "GitHub"]);
    let asked = |id: &str| {
        let token = format!("{TOKEN}.{id}");
        ask(&truto.url(), &token, &["ndjson", "--token-account"])
    };
    let got = asked(&ids[0]);
    assert_eq!((got.code, got.text().lines().count()), (Some(0), 2), "{}", got.stderr);
    let before = truto.requests();
    let got = asked(&ids[1]);
    assert_eq!((got.code, got.text()), (Some(2), ""), "{}", got.stderr);
    assert!(got.stderr.contains("GitHub needs an organization_id"), "{}", got.stderr);
    assert_eq!(truto.requests() - before, 1);
}

#[test]
fn of_several_accounts_only_the_one_that_lacks_something_fails() {
    let (truto, ids) = of(&["GitHub", "Zoom"]);
    let both = ["ndjson", "--account", &ids[0], "--account", &ids[1]];
    let got = ask(&truto.url(), TOKEN, &both);
    assert_eq!((got.code, got.text().lines().count()), (Some(1), 2), "{}", got.stderr);
    let told = format!("error: account {}: GitHub needs an organization_id", ids[0]);
    assert!(got.stderr.contains(&told), "{}", got.stderr);
    // Of each what it can do and what it is; and the licenses of one.
    assert_eq!(truto.requests(), 5);
    // What is typed for all is for those that take it.
    let got = ask(&truto.url(), TOKEN, &[&both[..], &["--organization-id", "o"]].concat());
    assert_eq!((got.code, got.text().lines().count()), (Some(0), 4), "{}", got.stderr);
}

#[test]
fn columns_that_stay_empty_are_told_once_for_each_integration() {
    let (truto, ids) = of(&["PagerDuty", "PagerDuty", "Zoom"]);
    let warnings = |flags: &[&str]| {
        let directory = tempfile::tempdir().unwrap();
        let out = directory.path().join("out");
        let to = ["parquet", "--out", out.to_str().unwrap()];
        let got = ask(&truto.url(), TOKEN, &[&to, flags].concat());
        assert_eq!(got.code, Some(0), "{flags:?}: {}", got.stderr);
        let mut names: Vec<_> = got
            .stderr
            .lines()
            .filter_map(|line| line.strip_prefix("warning: ")?.split_once(" gives no "))
            .map(|(name, _)| name.to_owned())
            .collect();
        names.sort();
        names
    };
    assert_eq!(warnings(&["--account", &ids[0]]), ["PagerDuty"]);
    assert_eq!(warnings(&["--account", &ids[0], "--no-lookup"]), [""; 0]);
    assert_eq!(warnings(&["--all-accounts"]), ["PagerDuty", "Zoom"]);
    assert_eq!(warnings(&["--all-accounts", "--quiet"]), [""; 0]);
}

#[test]
fn a_lookup_that_fails_is_of_its_account_alone() {
    let fault = Fault::status(403).on(FaultEndpoint::Account);
    let group = AccountGroup { faults: vec![fault], records: 1, ..AccountGroup::default() };
    let truto = Truto::start(Simulator::new().with_groups([group]));
    let got = ask(&truto.url(), TOKEN, &["ndjson", "--account", truto.account(), "--json"]);
    let summary: serde_json::Value = serde_json::from_str(&got.stderr).unwrap();
    // The run's requests have it, and those of the snapshot are for licenses.
    let requests = (&summary["requests"], &summary["snapshots"][0]["requests"]);
    assert_eq!((got.code, requests), (Some(0), (&2.into(), &1.into())), "{summary}");
}
