//! Each account with its own failure, and what is told of all of them.

use std::collections::BTreeMap;

use license_stream::simulate::{AccountGroup, Fault, FaultKind, Refuse};
use serde_json::Value;

use super::{command, counts, group, lines, start};
use crate::support::answers::{Answers, say};
use crate::support::command::license_stream;
use crate::support::process::{TOKEN, run, run_with_input};
use crate::support::python::{root, schema_violations};

fn failing(fault: Fault) -> AccountGroup {
    AccountGroup { faults: vec![fault], ..group(1, 3) }
}

fn remote_401() -> Fault {
    Fault::new(FaultKind::Refuse(Box::new(Refuse::new(401).remote())))
}

#[test]
fn each_account_has_its_own_outcome() {
    let (truto, ids) = start([
        group(2, 3),
        AccountGroup { status: "needs_reauth".to_owned(), ..group(1, 3) },
        AccountGroup { licenses: false, ..group(1, 3) },
        failing(remote_401()),
        failing(Fault::status(403)),
        failing(Fault::status(422)),
        AccountGroup { integration: Some("GitHub".to_owned()), ..group(1, 3) },
        group(1, 0),
    ]);
    let directory = tempfile::tempdir().unwrap();
    let mut command = command("ndjson", &truto);
    command.args(["--all-accounts", "--json", "--out", "lake", "--concurrency", "3"]);
    let got = run(command.current_dir(directory.path()));
    assert_eq!(schema_violations(&root().join("schemas/summary.schema.json"), got.text()), [""; 0]);
    let summary: Value = serde_json::from_str(got.text()).unwrap();
    assert_eq!(got.code, Some(3), "{}", got.stderr);
    assert_eq!(counts(&summary), BTreeMap::from([("done", 3), ("failed", 4), ("skipped", 2)]));
    assert_eq!((&summary["outcome"], &summary["records"]), (&"failed".into(), &6.into()));
    let told: Vec<_> = summary["snapshots"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            let why = it["error"]["kind"].as_str().or(it["reason"].as_str());
            (it["account"].as_str().unwrap(), it["outcome"].as_str().unwrap(), why)
        })
        .collect();
    assert_eq!(
        told,
        [
            (&*ids[0], "done", None),
            (&*ids[1], "done", None),
            (&*ids[2], "skipped", Some("its status is needs_reauth")),
            (&*ids[3], "skipped", Some("it has no licenses")),
            (&*ids[4], "failed", Some("account_unauthorized")),
            (&*ids[5], "failed", Some("forbidden")),
            (&*ids[6], "failed", Some("refused")),
            (&*ids[7], "failed", Some("refused")),
            (&*ids[8], "done", None),
        ]
    );
    let files = std::fs::read_dir(directory.path().join("lake")).unwrap();
    let mut files: Vec<_> =
        files.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    let mut expected: Vec<_> = [0, 1, 8].map(|it: usize| format!("{}.ndjson", ids[it])).into();
    // What keeps a second run away.
    expected.push(".license-stream.lock".to_owned());
    expected.sort();
    assert_eq!(files, expected);
    for id in &ids[..2] {
        let file = directory.path().join(format!("lake/{id}.ndjson"));
        assert_eq!(std::fs::read(file).unwrap(), lines(&truto, id, 3));
    }
}

#[test]
fn a_bad_token_stops_everything() {
    let (truto, ids) = start([group(1, 3), failing(Fault::status(401)), group(2, 3)]);
    let mut command = command("ndjson", &truto);
    command.args(["--json", "--concurrency", "1"]);
    for id in &ids {
        command.args(["--account", id]);
    }
    let got = run(&mut command);
    assert_eq!(got.code, Some(3), "{}", got.stderr);
    let summary: Value = serde_json::from_str(got.stderr.lines().last().unwrap()).unwrap();
    assert_eq!(counts(&summary), BTreeMap::from([("done", 1), ("failed", 1), ("not_begun", 2)]));
    assert!(summary["error"].as_str().unwrap().contains("TRUTO_API_TOKEN"), "{summary}");
    assert_eq!(got.stdout, lines(&truto, &ids[0], 3));
    // Three for each account: what it can do, what it is, and its licenses.
    assert_eq!((truto.requests(), &summary["requests"]), (6, &6.into()));
}

#[test]
fn named_accounts_without_licenses_are_skipped_where_there_are_several() {
    let without = AccountGroup { licenses: false, ..group(1, 3) };
    let (truto, ids) = start([group(1, 3), without]);
    let got = run(command("ndjson", &truto).args(["--account", &ids[0], "--account", &ids[1]]));
    assert_eq!((got.code, &got.stdout), (Some(0), &lines(&truto, &ids[0], 3)), "{}", got.stderr);
    let told = format!(
        "accounts: 1 done, 1 skipped\nskipped: 1 account, because it has no licenses: {}\n",
        ids[1]
    );
    assert!(got.stderr.ends_with(&told), "{}", got.stderr);
    // Of the only one that is named it is not asked what it can do: its own request tells.
    let before = truto.requests();
    let got = run(command("ndjson", &truto).args(["--account", &ids[1], "--no-lookup"]));
    assert_eq!((got.code, truto.requests() - before), (Some(1), 1));
    assert!(got.stderr.contains("has no licenses"), "{}", got.stderr);
}

#[test]
fn what_a_file_says_of_an_integration_is_checked_before_anything_is_sent() {
    let github = AccountGroup { integration: Some("GitHub".to_owned()), ..group(1, 3) };
    let (truto, ids) = start([github]);
    let listed = run(command("accounts", &truto).arg("--json"));
    let before = truto.requests();
    let mut command = command("ndjson", &truto);
    let got = run_with_input(command.args(["--accounts-file", "-"]), &listed.stdout);
    assert_eq!(got.code, Some(1), "{}", got.stderr);
    let told = format!("error: account {}: GitHub needs an organization_id", ids[0]);
    assert!(got.stderr.contains(&told), "{}", got.stderr);
    // What it can do, and no more.
    assert_eq!(truto.requests() - before, 1);
}

#[test]
fn what_is_typed_for_all_is_sent_to_each_that_takes_it() {
    let of = |name: &str| AccountGroup { integration: Some(name.to_owned()), ..group(1, 3) };
    let (truto, ids) = start([of("GitHub"), of("Microsoft365"), of("Zoom")]);
    let typed = ["--organization-id", "acme", "--product", "onedrive"];
    let got = run(command("ndjson", &truto).arg("--all-accounts").args(typed));
    assert_eq!(got.code, Some(0), "{}", got.stderr);
    assert!(got.stderr.ends_with("accounts: 3 done\n"), "{}", got.stderr);
    // Of one account they contradict each other, and so they do where nobody says what it takes.
    let got = run(command("ndjson", &truto).args(["--account", &ids[0]]).args(typed));
    assert_eq!(got.code, Some(2), "{}", got.stderr);
    let mut unknown = command("ndjson", &truto);
    unknown.args(["--account", &ids[0], "--account", &ids[1], "--no-lookup"]);
    let got = run(unknown.args(typed));
    assert_eq!(got.code, Some(2), "{}", got.stderr);
    assert_eq!(got.stderr.matches("no integration takes both").count(), 1, "{}", got.stderr);
}

#[test]
fn whoever_wants_to_is_told_of_waits() {
    let blocked = vec![Fault::status(503).times(1)];
    let (truto, ids) = start([AccountGroup { faults: blocked, ..group(1, 3) }]);
    let mut command = super::command("ndjson", &truto);
    let got = run(command.args(["-v", "--no-lookup", "--account", &ids[0]]));
    assert!(got.stderr.contains(": retry 1 of 1 in "), "{}", got.stderr);

    let faults = vec![Fault::status(502).times(1), Fault::new(FaultKind::CutAt(10)).times(1)];
    let (truto, ids) = start([AccountGroup { faults, ..group(1, 3) }]);
    let mut command = super::command("ndjson", &truto);
    let got = run(command.args(["-v", "--no-lookup", "--account", &ids[0]]));
    assert_eq!(got.code, Some(0), "{}", got.stderr);
    let lines: Vec<_> = got.stderr.lines().collect();
    let told = format!("account {}: the API failed (status 502: a simulated failure): ", ids[0]);
    assert!(lines[0].starts_with(&format!("{told}retry 1 of 5 in 0.")), "{}", got.stderr);
    assert!(lines[1].contains(": body was cut before its end: retry 1 of 5 in "), "{}", lines[1]);
    assert_eq!(lines[3], "retried: 2 of 3 requests", "{}", got.stderr);

    // Whose request it was is told of those too that got no answer.
    let faults = vec![Fault::new(FaultKind::HangUp).times(1)];
    let (truto, ids) = start([AccountGroup { faults, ..group(2, 3) }]);
    let mut command = super::command("ndjson", &truto);
    command.args(["-v", "--no-lookup", "--account", &ids[0], "--account", &ids[1]]);
    let directory = tempfile::tempdir().unwrap();
    let got = run(command.arg("--out").arg(directory.path()));
    assert_eq!(got.code, Some(0), "{}", got.stderr);
    let retries: Vec<_> = got.stderr.lines().filter(|it| it.contains(": retry 1 of 5 ")).collect();
    for id in &ids {
        let told = format!("account {id}: 127.0.0.1:");
        let its = retries.iter().filter(|line| line.starts_with(&told)).count();
        assert_eq!(its, 1, "{}", got.stderr);
    }
}

#[test]
fn whoever_wants_to_fails_fast() {
    let (truto, ids) = start([failing(Fault::status(403)), group(3, 3)]);
    let mut command = command("ndjson", &truto);
    command.args(["--all-accounts", "--fail-fast", "--concurrency", "1"]);
    let got = run(&mut command);
    assert_eq!((got.code, got.text()), (Some(3), ""), "{}", got.stderr);
    assert!(got.stderr.contains(&format!("error: account {}: ", ids[0])), "{}", got.stderr);
    assert!(got.stderr.contains("accounts: 1 failed, 3 not begun\n"), "{}", got.stderr);
}

#[test]
fn people_are_told_of_twenty_failures_five_of_a_kind_and_how_many_more() {
    let refused = [400, 403, 404, 405, 409];
    let (truto, ids) = start([
        AccountGroup { count: 3, ..failing(Fault::status(refused[0])) },
        AccountGroup { count: 23, ..failing(Fault::status(refused[1])) },
        AccountGroup { count: 5, ..failing(Fault::status(refused[2])) },
        AccountGroup { count: 5, ..failing(Fault::status(refused[3])) },
        AccountGroup { count: 5, ..failing(Fault::status(refused[4])) },
        AccountGroup { status: "connecting".to_owned(), ..group(1, 3) },
        group(2, 3),
    ]);
    let got = run(command("ndjson", &truto).arg("--all-accounts"));
    assert_eq!(got.code, Some(3), "{}", got.stderr);
    let lines: Vec<_> = got.stderr.lines().collect();
    let errors = lines.iter().filter(|line| line.starts_with("error: account "));
    assert_eq!(errors.clone().count(), 20, "{}", got.stderr);
    for status in refused {
        let of_status = format!("(status {status}:");
        assert!(errors.clone().filter(|line| line.contains(&of_status)).count() <= 5);
    }
    assert_eq!(
        lines[20],
        "error: and 21 more accounts failed (18 forbidden, 3 refused): --json names each"
    );
    assert!(lines[21].starts_with("failed: 6 licenses written, "), "{}", lines[21]);
    assert_eq!(lines[22], "accounts: 2 done, 41 failed, 1 skipped");
    let skipped = format!("skipped: 1 account, because its status is connecting: {}", ids[41]);
    assert_eq!(lines[23], skipped);
}

#[test]
fn who_is_skipped_is_named_and_no_failure() {
    let listed =
        |status: &str, count| AccountGroup { status: status.to_owned(), ..group(count, 3) };
    let (truto, mut ids) = start([listed("needs_reauth", 12), listed("connecting", 2)]);
    // In whatever order they end.
    ids[..12].sort_unstable();
    ids[12..].sort_unstable();
    let got = run(command("ndjson", &truto).arg("--all-accounts"));
    assert_eq!((got.code, got.text()), (Some(0), ""), "{}", got.stderr);
    let told = format!(
        "accounts: 14 skipped\n\
        skipped: 2 accounts, because their status is connecting: {}\n\
        skipped: 12 accounts, because their status is needs_reauth: {}, and 2 more\n",
        ids[12..].join(", "),
        ids[..10].join(", ")
    );
    assert!(got.stderr.ends_with(&told), "{}", got.stderr);
    let warning = "warning: every account was skipped: nothing was read\n";
    assert!(got.stderr.contains(warning), "{}", got.stderr);
    // A status that is not documented may be one in which licenses can be had: asking for them tells.
    let (truto, ids) = start([listed("paused", 1)]);
    let got = run(command("ndjson", &truto).arg("--all-accounts"));
    assert_eq!((got.code, got.stdout), (Some(0), lines(&truto, &ids[0], 3)), "{}", got.stderr);
}

#[test]
fn an_account_under_an_id_that_is_none_fails_by_itself() {
    let listing = r#"{"result":[{"id":"../../etc?x=1","status":"active"}]}"#;
    for verb in ["ndjson", "parquet"] {
        let api = Answers::of(vec![say("200 OK", "Content-Type: application/json\r\n", listing)]);
        let directory = tempfile::tempdir().unwrap();
        let mut command = license_stream();
        command.env("TRUTO_API_TOKEN", TOKEN).current_dir(directory.path());
        command.args([verb, "--base-url", &api.url(), "--all-accounts", "--out", "out", "--json"]);
        let got = run(&mut command);
        let summary: Value = serde_json::from_str(got.text()).unwrap();
        assert_eq!(got.code, Some(1), "{}", got.stderr);
        assert_eq!(counts(&summary), BTreeMap::from([("failed", 1)]));
        assert!(got.stderr.contains("error: account ../../etc?x=1: "), "{}", got.stderr);
        assert_eq!(api.requests().len(), 1, "the listing, and nothing under that id");
    }
}

#[test]
fn no_account_at_all_is_no_failure() {
    let (truto, _) = start([group(2, 3)]);
    let got = run(command("ndjson", &truto).args(["--all-accounts", "--tenant", "nobody"]));
    assert_eq!((got.code, got.text()), (Some(0), ""));
    assert!(got.stderr.ends_with("accounts: none\n"), "{}", got.stderr);
}

#[test]
fn what_one_listed_account_lacks_is_no_wrong_usage() {
    let github = AccountGroup { integration: Some("GitHub".to_owned()), ..group(1, 3) };
    let (truto, ids) = start([group(1, 3), github]);
    let got = run(command("ndjson", &truto).arg("--all-accounts"));
    assert_eq!(got.code, Some(1), "{}", got.stderr);
    assert_eq!(got.stdout, lines(&truto, &ids[0], 3));
    let told = format!("error: account {}: ", ids[1]);
    assert!(
        got.stderr.contains(&told) && got.stderr.contains("--organization-id"),
        "{}",
        got.stderr
    );
}

#[test]
fn a_run_over_no_account_says_so() {
    let (truto, _) = start([group(1, 3)]);
    let got = run(command("ndjson", &truto).args(["--all-accounts", "--tenant", "nobody"]));
    assert_eq!((got.code, got.text()), (Some(0), ""), "{}", got.stderr);
    assert!(
        got.stderr.contains("warning: no account that the token can see fits"),
        "{}",
        got.stderr
    );
    let mut empty = command("ndjson", &truto);
    let got = run_with_input(empty.args(["--accounts-file", "-"]), "\u{feff}# none\n".as_bytes());
    assert_eq!((got.code, got.text()), (Some(0), ""), "{}", got.stderr);
    assert!(
        got.stderr.contains("warning: no account is named in --accounts-file"),
        "{}",
        got.stderr
    );
}
