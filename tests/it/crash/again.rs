//! Runs over many accounts that are killed and begun again with `--skip-newer-than`: each account has one complete
//! snapshot in the end, however often that was, and what is in it is what an undisturbed run would have left.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use license_stream::simulate::{AccountGroup, DEFAULT_TOKEN, Simulator};
use serde_json::Value;

use super::kafka::EXACTLY_ONCE;
use super::parquet::assert_all_complete;
use super::{ended, kill_at_each, kill_at_random, start, wanted_kills};
use crate::support::command::license_stream;
use crate::support::kafka::{bootstrap, topic};
use crate::support::python::{ENGINES, header, parquet_rows, topic_messages_at};
use crate::support::s3::{self, Bucket, endpoint};
use crate::support::simulation::Simulation;

/// Accounts that are read; one more has no place for licenses.
const COMPLETE: usize = 8;

/// Several files of the larger accounts, and one of each small one, which is whole only when its snapshot is.
const FILE_BYTES: &str = "300000";

/// Some of several pieces, which take a run about a third of a second each; small ones of one piece, which end
/// together with what is kept of them; empty ones.
fn simulator(seed: u64) -> Simulator {
    let group = |count, records| AccountGroup {
        count,
        records,
        page_records: Some(900.try_into().unwrap()),
        bytes_per_second: Some(4_000_000.try_into().unwrap()),
        ..AccountGroup::default()
    };
    let groups = [
        group(1, 40),
        group(2, 2_000),
        AccountGroup { licenses: false, ..group(1, 5) },
        group(2, 30),
        group(1, 0),
        group(1, 1_500),
        group(1, 20),
    ];
    Simulator::new().with_seed(seed).with_groups(groups)
}

/// A run of `verb` over all accounts, begun again or not.
fn command(verb: &str, simulation: &Simulation) -> Command {
    let mut command = license_stream();
    command.args([verb, "--quiet", "--all-accounts", "--concurrency", "3"]);
    command.args(["--skip-newer-than", "1h", "--base-url", &simulation.url()]);
    command.env("TRUTO_API_TOKEN", DEFAULT_TOKEN);
    command
}

fn parquet(simulation: &Simulation, out: &Path) -> Command {
    let mut command = command("parquet", simulation);
    command.args(["--file-bytes", FILE_BYTES, "--out"]).arg(out);
    command
}

fn bucket(simulation: &Simulation, bucket: &Bucket) -> Command {
    let mut command = command("parquet", simulation);
    command.args(["--file-bytes", FILE_BYTES, "--out", &bucket.url()]);
    s3::settings(&mut command, &endpoint());
    command
}

fn kafka(simulation: &Simulation, topic: &str) -> Command {
    let mut command = command("kafka", simulation);
    command.args(["--brokers", &bootstrap(), "--topic", topic]).args(EXACTLY_ONCE);
    command
}

/// The rows of all files, but for their snapshots, of which each account may have one only.
fn rows(engine: &str, out: &Path, what: &str) -> Vec<Value> {
    let mut snapshots = BTreeMap::<String, String>::new();
    let mut rows = parquet_rows(engine, out);
    for row in &mut rows {
        let account = row["_integrated_account_id"].to_string();
        let snapshot = row.as_object_mut().unwrap().remove("_snapshot_id").unwrap().to_string();
        let first = snapshots.entry(account.clone()).or_insert_with(|| snapshot.clone());
        assert_eq!(*first, snapshot, "{what}: account {account} has two snapshots");
    }
    let place = |row: &Value| [row["_integrated_account_id"].to_string(), row["id"].to_string()];
    rows.sort_by_cached_key(place);
    rows
}

/// How many snapshots each account has, complete ones and others, of which none may be there; and `_SUCCESS`.
fn assert_one_snapshot_each(inspect: &mut Command, what: &str) {
    assert_all_complete(inspect, what);
    let seen: Value = serde_json::from_slice(&inspect.output().unwrap().stdout).unwrap();
    assert_eq!(seen["success"], true, "{what}");
    let mut snapshots = BTreeMap::<&str, u32>::new();
    for snapshot in seen["snapshots"].as_array().unwrap() {
        *snapshots.entry(snapshot["account"].as_str().unwrap()).or_default() += 1;
    }
    assert_eq!(snapshots.len(), COMPLETE, "{what}: {snapshots:?}");
    assert!(snapshots.values().all(|count| *count == 1), "{what}: {snapshots:?}");
}

fn undisturbed(simulation: &Simulation) -> Vec<Value> {
    let directory = tempfile::tempdir().unwrap();
    assert!(ended(start(&mut parquet(simulation, directory.path()))), "nothing kills it");
    let rows = rows(ENGINES[0], directory.path(), "undisturbed");
    assert_eq!(rows.len(), 40 + 4_000 + 60 + 1_500 + 20);
    rows
}

fn assert_undisturbed(out: &Path, undisturbed: &[Value], what: &str) {
    // One engine: that all of them read such files is shown elsewhere, and each takes its time.
    let rows = rows(ENGINES[0], out, what);
    assert!(rows == undisturbed, "{what}: {} rows, and not those", rows.len());
}

fn assert_directory(out: &Path, undisturbed: &[Value], what: &str) {
    assert_undisturbed(out, undisturbed, what);
    assert_one_snapshot_each(license_stream().arg("inspect").arg(out), what);
}

fn assert_bucket(bucket: &Bucket, undisturbed: &[Value], what: &str) {
    let directory = tempfile::tempdir().unwrap();
    let there = directory.path().join("bucket");
    bucket.get(&there);
    assert_undisturbed(&there, undisturbed, what);
    let mut inspect = license_stream();
    s3::settings(inspect.args(["inspect", &bucket.url()]), &endpoint());
    assert_one_snapshot_each(&mut inspect, what);
}

/// How often each license came, by account and id, of which each account may have one snapshot only.
fn messages(topic: &str, what: &str) -> BTreeMap<String, u32> {
    let (mut snapshots, mut times) = (BTreeMap::<String, String>::new(), BTreeMap::new());
    for message in topic_messages_at(&bootstrap(), topic) {
        let key = message["key"].as_str().unwrap().to_owned();
        let (account, _) = key.split_once(':').unwrap();
        let snapshot = header(&message, "truto-snapshot").to_owned();
        let first = snapshots.entry(account.to_owned()).or_insert_with(|| snapshot.clone());
        assert_eq!(*first, snapshot, "{what}: account {account} has two snapshots");
        *times.entry(key).or_default() += 1;
    }
    times
}

fn assert_topic(topic: &str, undisturbed: &[Value], what: &str) {
    let wanted = undisturbed.iter().map(|row| {
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        (format!("{}:{}", text("_integrated_account_id"), text("id")), 1)
    });
    let seen = messages(topic, what);
    assert!(seen == wanted.collect(), "{what}: {} licenses, and not each of them once", seen.len());
}

#[test]
fn killed_at_every_named_instant_an_account_in_a_directory_has_one_complete_snapshot() {
    let simulation = Simulation::start(simulator(21));
    let undisturbed = undisturbed(&simulation);
    let points = kill_at_each(|| {
        let directory = tempfile::tempdir().unwrap();
        let out = directory.path().to_owned();
        let run = {
            let simulation = &simulation;
            move || parquet(simulation, &out)
        };
        let undisturbed = &undisturbed;
        (run, move |what: &str| assert_directory(directory.path(), undisturbed, what))
    });
    assert_eq!(points, 9, "files, the lake and checkpoints");
}

#[test]
fn killed_at_every_named_instant_an_account_in_a_bucket_has_one_complete_snapshot() {
    let simulation = Simulation::start(simulator(22));
    let undisturbed = undisturbed(&simulation);
    let points = kill_at_each(|| {
        let there = std::rc::Rc::new(Bucket::make("again"));
        let run = {
            let (simulation, there) = (&simulation, there.clone());
            move || bucket(simulation, &there)
        };
        let undisturbed = &undisturbed;
        (run, move |what: &str| assert_bucket(&there, undisturbed, what))
    });
    assert_eq!(points, 8, "all that there are in a bucket");
}

#[test]
fn killed_at_every_named_instant_an_account_in_a_topic_has_one_complete_snapshot() {
    let simulation = Simulation::start(simulator(23));
    let undisturbed = undisturbed(&simulation);
    let points = kill_at_each(|| {
        let topic = topic("again-named");
        let run = {
            let (simulation, topic) = (&simulation, topic.clone());
            move || kafka(simulation, &topic)
        };
        let undisturbed = &undisturbed;
        (run, move |what: &str| assert_topic(&topic, undisturbed, what))
    });
    assert_eq!(points, 3, "those of transactions");
}

#[test]
fn killed_at_random_instants_an_account_in_a_directory_has_one_complete_snapshot() {
    let simulation = Simulation::start(simulator(24));
    let undisturbed = undisturbed(&simulation);
    let mut random = fastrand::Rng::with_seed(24);
    let mut kills = 0;
    while kills < wanted_kills() {
        let directory = tempfile::tempdir().unwrap();
        kills += kill_at_random(&mut random, || parquet(&simulation, directory.path()));
        assert_directory(directory.path(), &undisturbed, &format!("after {kills} kills"));
    }
    println!("parquet, many accounts: {kills} kills at random instants survived");
}

#[test]
fn killed_at_random_instants_an_account_in_a_bucket_has_one_complete_snapshot() {
    let simulation = Simulation::start(simulator(25));
    let undisturbed = undisturbed(&simulation);
    let mut random = fastrand::Rng::with_seed(25);
    let mut kills = 0;
    while kills < wanted_kills() {
        let there = Bucket::make("again");
        kills += kill_at_random(&mut random, || bucket(&simulation, &there));
        assert_bucket(&there, &undisturbed, &format!("after {kills} kills"));
    }
    println!("s3, many accounts: {kills} kills at random instants survived");
}

#[test]
fn killed_at_random_instants_an_account_in_a_topic_has_one_complete_snapshot() {
    let simulation = Simulation::start(simulator(26));
    let undisturbed = undisturbed(&simulation);
    let mut random = fastrand::Rng::with_seed(26);
    let mut kills = 0;
    while kills < wanted_kills() {
        let topic = topic("again");
        kills += kill_at_random(&mut random, || kafka(&simulation, &topic));
        assert_topic(&topic, &undisturbed, &format!("after {kills} kills"));
    }
    println!("kafka, many accounts, exactly once: {kills} kills at random instants survived");
}
