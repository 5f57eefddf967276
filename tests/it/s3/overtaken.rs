//! Two runs at once: of one account, and over several.

use std::collections::BTreeMap;
use std::process::Command;

use license_stream::simulate::{AccountGroup, Simulator};
use serde_json::Value;

use super::{inspected, summary};
use crate::stores;
use crate::support::command::license_stream;
use crate::support::process::{TOKEN, run, start};
use crate::support::s3::{self, Bucket, endpoint};
use crate::support::truto::Truto;

#[test]
fn the_later_run_takes_over_and_the_earlier_one_says_so() {
    // Between two files, and in the middle of one: its upload is given up.
    for file_bytes in ["400000", "256000000"] {
        stores::the_later_run_takes_over::<Bucket>(file_bytes);
    }
}

/// Several accounts of some pages each.
fn several() -> Simulator {
    let group = AccountGroup { count: 6, records: 900, ..AccountGroup::default() };
    Simulator::new().with_seed(14).with_groups([group])
}

/// A run over several accounts, two of them at once.
fn all(truto: &Truto, bucket: &Bucket) -> Command {
    let mut command = license_stream();
    command.args(["parquet", "--all-accounts", "--concurrency", "2", "--json"]);
    command.args(["--base-url", &truto.url(), "--out", &bucket.url()]);
    command.env("TRUTO_API_TOKEN", TOKEN);
    s3::settings(&mut command, &endpoint());
    command
}

/// How many snapshots there are of each account, all of them complete.
fn snapshots(bucket: &Bucket) -> BTreeMap<String, u32> {
    let seen = inspected(bucket);
    assert_eq!((&seen["success"], &seen["pending"]), (&true.into(), &serde_json::json!([])));
    let mut snapshots = BTreeMap::new();
    for snapshot in seen["snapshots"].as_array().unwrap() {
        assert_eq!(snapshot["state"], "complete", "{snapshot}");
        *snapshots.entry(snapshot["account"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    snapshots
}

#[test]
fn a_later_run_over_several_accounts_ends_the_earlier_one_as_a_whole() {
    let held = Truto::start(several().with_hold_after_records(400));
    let other = Truto::start(several());
    let bucket = Bucket::make("overtaken-all");
    let first = start(&mut all(&held, &bucket));
    held.until_so_many_held(2);
    let second = summary(&mut all(&other, &bucket));
    assert_eq!(second["accounts"]["done"], 6);
    held.release();
    let first = first.finish();
    assert_eq!(first.code, Some(1), "{}", first.stderr);
    assert!(first.stderr.contains(": another run has taken over: "), "{}", first.stderr);
    assert!(!first.stderr.contains("run again"), "{}", first.stderr);
    let told: Value = serde_json::from_str(first.text()).unwrap();
    let accounts = &told["accounts"];
    assert_eq!(accounts["done"], 0, "{}", first.stderr);
    let others: u64 =
        ["failed", "interrupted"].iter().map(|outcome| accounts[outcome].as_u64().unwrap()).sum();
    assert!(others <= 3 && accounts["not_begun"].as_u64().unwrap() >= 3, "{accounts}");
    let snapshots = snapshots(&bucket);
    assert_eq!(snapshots.len(), 6);
    assert!(snapshots.values().all(|count| *count == 1), "{snapshots:?}");
    assert_eq!(bucket.uploads(), [""; 0]);
}

#[test]
fn it_does_so_where_it_has_not_come_to_the_same_accounts_yet() {
    let held = Truto::start(several().with_hold_after_records(400));
    let other = Truto::start(several());
    let bucket = Bucket::make("overtaken-some");
    let ids: Vec<_> = several().account_ids().collect();
    let first = start(&mut all(&held, &bucket));
    held.until_so_many_held(2);
    // Those that the first has not begun.
    let mut second = all(&other, &bucket);
    let directory = tempfile::tempdir().unwrap();
    let list = directory.path().join("accounts");
    std::fs::write(&list, format!("{}\n{}\n", ids[4], ids[5])).unwrap();
    let arguments: Vec<_> = second.get_args().map(ToOwned::to_owned).collect();
    let mut some = license_stream();
    some.args(arguments.iter().filter(|argument| *argument != "--all-accounts"));
    some.arg("--accounts-file").arg(&list).env("TRUTO_API_TOKEN", TOKEN);
    s3::settings(&mut some, &endpoint());
    let ran = run(&mut some);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("there is no _SUCCESS in "), "{}", ran.stderr);
    held.release();
    let first = first.finish();
    assert_eq!(first.code, Some(1), "{}", first.stderr);
    let told: Value = serde_json::from_str(first.text()).unwrap();
    // What was being read has been read to its end, or will be.
    assert!(told["accounts"]["not_begun"].as_u64().unwrap() >= 2, "{}", first.stderr);
    // Begun again, it leaves what there would be after a kill.
    second.args(["--skip-newer-than", "1h"]);
    summary(&mut second);
    let snapshots = snapshots(&bucket);
    assert_eq!(snapshots.len(), 6);
    assert!(snapshots.values().all(|count| *count == 1), "{snapshots:?}");
}

#[test]
fn a_run_of_one_account_takes_that_one_alone() {
    let held = Truto::start(several().with_hold_after_records(400));
    let other = Truto::start(several());
    let bucket = Bucket::make("overtaken-one");
    let ids: Vec<_> = several().account_ids().collect();
    let first = start(&mut all(&held, &bucket));
    held.until_so_many_held(2);
    let mut one = other.command("parquet");
    one.args(["--json", "--out", &bucket.url()]);
    s3::settings(&mut one, &endpoint());
    assert_eq!(other.account(), ids[0]);
    summary(&mut one);
    held.release();
    let first = first.finish();
    assert_eq!(first.code, Some(1), "{}", first.stderr);
    let told: Value = serde_json::from_str(first.text()).unwrap();
    assert_eq!(
        (&told["accounts"]["done"], &told["accounts"]["failed"]),
        (&5.into(), &1.into()),
        "{}",
        first.stderr
    );
    let seen = inspected(&bucket);
    assert_eq!(seen["pending"], serde_json::json!([]));
    assert_eq!(seen["snapshots"].as_array().unwrap().len(), 6);
}
