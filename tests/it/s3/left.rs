//! What earlier runs have left in a bucket that is unfinished, or damaged.

use license_stream::simulate::{AccountGroup, Simulator};
use serde_json::{Value, json};

use super::{inspected, summary};
use crate::support::command::license_stream;
use crate::support::process::{TOKEN, run};
use crate::support::s3::{Bucket, endpoint, settings};
use crate::support::truto::Truto;

struct Lake {
    truto: Truto,
    ids: Vec<String>,
    bucket: Bucket,
}

impl Lake {
    fn make(name: &str) -> Self {
        let group = AccountGroup { count: 2, records: 2_000, ..AccountGroup::default() };
        let simulator = Simulator::new().with_seed(9).with_groups([group]);
        let ids = simulator.account_ids().collect();
        Self { truto: Truto::start(simulator), ids, bucket: Bucket::make(name) }
    }

    fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = license_stream();
        command.args(arguments).args(["--out", &self.bucket.url()]);
        command.env("TRUTO_API_TOKEN", TOKEN);
        settings(&mut command, &endpoint());
        command
    }

    fn parquet(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = self.command(&["parquet", "--json", "--file-bytes", "1"]);
        command.args(["--base-url", &self.truto.url()]).args(arguments);
        command
    }

    fn names(&self, account: &str) -> Vec<String> {
        let seen = inspected(&self.bucket);
        let files = seen["files"].as_array().unwrap().iter();
        let names = files.map(|file| file["name"].as_str().unwrap().to_owned());
        names.filter(|name| name.starts_with(account)).collect()
    }
}

#[test]
fn an_account_that_is_not_listed_any_more_is_told_and_can_be_removed() {
    let lake = Lake::make("vanished");
    let [first, gone] = &lake.ids[..] else { panic!("two accounts") };
    let mut one = lake.parquet(&["--account", gone]);
    let killed = run(one.env("LICENSE_STREAM_KILL_AT", "bucket-checkpoint-put:2"));
    assert_eq!(killed.code, None, "{}", killed.stderr);
    assert!(!lake.names(gone).is_empty());

    let ran = run(&mut lake.parquet(&["--account", first]));
    let summed_up: Value = serde_json::from_str(ran.text()).unwrap();
    assert_eq!((ran.code, &summed_up["pending"]), (Some(0), &json!([gone])));
    let place = lake.bucket.url();
    let command = format!("`license-stream checkpoint reset --out {place} --account {gone}`");
    assert!(ran.stderr.contains(&command), "{}", ran.stderr);

    let reset = run(&mut lake.command(&["checkpoint", "reset", "--account", gone]));
    assert_eq!(reset.code, Some(0), "{}", reset.stderr);
    assert!(reset.stderr.contains(" of an unfinished one removed"), "{}", reset.stderr);
    let seen = inspected(&lake.bucket);
    assert_eq!((&seen["success"], &seen["pending"]), (&false.into(), &json!([])));
    assert_eq!(lake.names(gone), [""; 0]);
    assert_eq!(lake.bucket.uploads(), [""; 0]);
    let done = summary(&mut lake.parquet(&["--account", first]));
    assert_eq!(done["pending"], Value::Null);
    assert_eq!(inspected(&lake.bucket)["success"], true);
}

#[test]
fn one_whose_last_snapshot_has_lost_an_object_is_read_again() {
    let lake = Lake::make("damaged");
    let all = ["--all-accounts", "--skip-newer-than", "1h"];
    summary(&mut lake.parquet(&all));
    let lost = lake.names(&lake.ids[1]).pop().unwrap();
    lake.bucket.remove(&lost);
    let ran = run(&mut lake.parquet(&all));
    let again: Value = serde_json::from_str(ran.text()).unwrap();
    let accounts = &again["accounts"];
    assert_eq!((&accounts["done"], &accounts["skipped"]), (&1.into(), &1.into()), "{}", ran.stderr);
    let told = format!("it is damaged: {}/{lost} is not there any more\n", lake.bucket.url());
    assert!(ran.stderr.contains(&told), "{}", ran.stderr);
    assert_eq!(summary(&mut lake.parquet(&all))["accounts"]["skipped"], 2);
}
