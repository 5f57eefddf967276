//! A Kafka topic, as a consumer sees it that reads what is committed.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use license_stream::simulate::Simulator;
use serde_json::{Value, json};

use super::{COUNT, ended, kill_at_each_of, kill_at_random, simulator, start, twice, wanted_kills};
use crate::support::body::{id, records, simulated};
use crate::support::command::license_stream;
use crate::support::kafka::{bootstrap, topic};
use crate::support::python::{header, topic_messages_at};
use crate::support::run::run;
use crate::support::simulation::Simulation;

pub(super) const EXACTLY_ONCE: [&str; 4] =
    ["--delivery", "exactly-once", "--transaction-bytes", "800000"];

pub(super) fn command(simulation: &Simulation, topic: &str, options: &[&str]) -> Command {
    command_at(&bootstrap(), simulation, topic, options)
}

/// A run into a topic of `brokers`.
pub(super) fn command_at(
    brokers: &str,
    simulation: &Simulation,
    topic: &str,
    options: &[&str],
) -> Command {
    let mut command = telling(brokers, simulation, topic, options);
    command.arg("--quiet");
    command
}

/// The same that says how it goes.
fn telling(brokers: &str, simulation: &Simulation, topic: &str, options: &[&str]) -> Command {
    let mut command = license_stream();
    command.args(["kafka", "--brokers", brokers, "--topic", topic]);
    // Each of them is looked at.
    command.args(["--headers", "all"]).args(options);
    simulation.source(&mut command);
    command
}

/// How often each license of the account was seen, by snapshot; no other may be there, and each must be as an
/// undisturbed run leaves it: its key, its value, and its headers but for the name of the snapshot. A run that is
/// killed when its snapshot was complete already, and only it had not ended, is followed by one that begins another.
fn seen(simulator: &Simulator, brokers: &str, topic: &str) -> BTreeMap<String, Vec<usize>> {
    let licenses = undisturbed(simulator);
    let mut snapshots = BTreeMap::<String, BTreeMap<String, usize>>::new();
    for message in topic_messages_at(brokers, topic) {
        let snapshot = header(&message, "truto-snapshot").to_owned();
        let message = without_snapshot(&message).to_string();
        *snapshots.entry(snapshot).or_default().entry(message).or_default() += 1;
    }
    assert!(!snapshots.is_empty(), "nothing is in the topic");
    let times = |mut seen: BTreeMap<String, usize>| {
        let times = licenses.iter().map(|license| seen.remove(license).unwrap_or(0)).collect();
        let other = seen.first_key_value();
        assert!(other.is_none(), "{} messages that nobody sent: {other:?}", seen.len());
        times
    };
    snapshots.into_iter().map(|(snapshot, seen)| (snapshot, times(seen))).collect()
}

/// The messages of a run that nothing disturbs, which are the licenses of the simulator.
fn undisturbed(simulator: &Simulator) -> Arc<Vec<String>> {
    static MADE: Mutex<BTreeMap<String, Arc<Vec<String>>>> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    let make = || {
        let (simulation, topic) = (Simulation::start(simulator.clone()), topic("undisturbed"));
        assert!(ended(start(&mut command(&simulation, &topic, &["--no-checkpoint"]))));
        let messages = topic_messages_at(&bootstrap(), &topic);
        let account = simulation.account();
        let body = simulated(&simulator.licenses(account), COUNT);
        let licenses = records(&body).into_iter().map(|record| {
            let key = format!("{account}:{}", id(record.bytes));
            json!([key, str::from_utf8(record.bytes).unwrap()]).to_string()
        });
        let written = messages.iter().map(|it| json!([it["key"], it["value"]]).to_string());
        assert!(
            written.collect::<BTreeSet<_>>() == licenses.collect(),
            "not those of the simulator"
        );
        for message in &messages {
            assert_eq!(header(message, "truto-account"), account);
            assert_eq!(header(message, "content-type"), "application/json");
        }
        let messages: BTreeSet<_> =
            messages.iter().map(|message| without_snapshot(message).to_string()).collect();
        assert_eq!(messages.len() as u64, COUNT);
        Arc::new(messages.into_iter().collect())
    };
    Arc::clone(made.entry(format!("{simulator:?}")).or_insert_with(make))
}

/// What a message says that does not name its snapshot.
fn without_snapshot(message: &Value) -> Value {
    let headers = message["headers"].as_array().unwrap().iter();
    let headers: Vec<_> = headers.filter(|header| header[0] != "truto-snapshot").collect();
    json!({"key": message["key"], "value": message["value"], "headers": headers})
}

#[track_caller]
fn assert_once(seed: u64, topic: &str, what: &str) {
    assert_once_at(&bootstrap(), &simulator(seed), topic, what);
}

#[track_caller]
pub(super) fn assert_once_at(brokers: &str, simulator: &Simulator, topic: &str, what: &str) {
    for (snapshot, times) in seen(simulator, brokers, topic) {
        let wrong = times.iter().filter(|times| **times != 1).count();
        assert_eq!(wrong, 0, "{what}: licenses of {snapshot} that were not seen once");
    }
}

#[track_caller]
fn assert_none_lost(seed: u64, topic: &str, what: &str) {
    assert_none_lost_at(&bootstrap(), &simulator(seed), topic, what);
}

/// The last snapshot is whole. One that was left before its first checkpoint was not gone on with.
#[track_caller]
pub(super) fn assert_none_lost_at(brokers: &str, simulator: &Simulator, topic: &str, what: &str) {
    // Their ids, UUIDv7, sort as they were begun.
    let (snapshot, times) = seen(simulator, brokers, topic).pop_last().unwrap();
    let lost = times.iter().filter(|times| **times == 0).count();
    assert_eq!(lost, 0, "{what}: licenses of {snapshot} that were not seen");
}

/// The ways to deliver and to keep checkpoints: exactly once, and at least once beside the topic and in
/// `directory`.
pub(super) fn ways(directory: &str) -> [Vec<&str>; 3] {
    [EXACTLY_ONCE.to_vec(), Vec::new(), vec!["--checkpoint", directory]]
}

#[test]
fn killed_at_every_named_instant_none_is_lost_and_exactly_once_shows_each_once() {
    let simulation = Simulation::start(simulator(3));
    for (way, wanted) in [(0, 3), (1, 3), (2, 3)] {
        // No piece of a topic ends with a checkpoint: one is kept every second.
        let is_by_time =
            |point: &str| point.starts_with("transaction") || point.starts_with("checkpoint");
        let points = kill_at_each_of(twice, is_by_time, || {
            let (topic, directory) = (topic("crash-named"), tempfile::tempdir().unwrap());
            let path = directory.path().to_str().unwrap().to_owned();
            let command = {
                let (simulation, topic) = (&simulation, topic.clone());
                move || command(simulation, &topic, &ways(&path)[way])
            };
            let look = move |what: &str| {
                let what = format!("{}, {what}", ["exactly once", "at least once", "files"][way]);
                if way == 0 {
                    assert_once(3, &topic, &what);
                } else {
                    assert_none_lost(3, &topic, &what);
                }
                drop(directory);
            };
            (command, look)
        });
        assert_eq!(points, wanted, "those of transactions, or of a file");
    }
}

#[test]
fn killed_at_random_instants_exactly_once_shows_each_license_once() {
    let simulation = Simulation::start(simulator(4));
    let mut random = fastrand::Rng::with_seed(4);
    let mut kills = 0;
    while kills < wanted_kills() {
        let topic = topic("crash-exactly-once");
        kills += kill_at_random(&mut random, || command(&simulation, &topic, &EXACTLY_ONCE));
        assert_once(4, &topic, &format!("after {kills} kills"));
    }
    println!("kafka, exactly once: {kills} kills at random instants survived");
}

#[test]
fn killed_at_random_instants_at_least_once_loses_no_license() {
    let simulation = Simulation::start(simulator(5));
    let mut random = fastrand::Rng::with_seed(5);
    let mut kills = 0;
    while kills < wanted_kills() {
        let topic = topic("crash-at-least-once");
        kills += kill_at_random(&mut random, || command(&simulation, &topic, &[]));
        assert_none_lost(5, &topic, &format!("after {kills} kills"));
    }
    println!("kafka, at least once: {kills} kills at random instants survived");
}

#[test]
fn exactly_once_no_run_goes_on_with_what_was_delivered_at_least_once() {
    let simulation = Simulation::start(simulator(17));
    // So slow that what is kept first is not the end.
    let slow = Simulation::start(simulator(17).with_pace(500_000.try_into().unwrap()));
    for (then, now) in [(&[][..], &EXACTLY_ONCE[..]), (&EXACTLY_ONCE, &[])] {
        let topic = topic("crash-delivery");
        let at = ("LICENSE_STREAM_KILL_AT", "transaction-committed:1");
        assert!(!ended(start(command(&slow, &topic, then).env(at.0, at.1))));
        let mut next = match now.is_empty() {
            true => command(&simulation, &topic, now),
            false => telling(&bootstrap(), &simulation, &topic, now),
        };
        let run = run(&mut next).expect(0);
        let snapshots = seen(&simulator(17), &bootstrap(), &topic);
        let (_, last) = snapshots.last_key_value().unwrap();
        if now.is_empty() {
            assert_eq!((snapshots.len(), run.stderr.as_str()), (1, ""), "it goes on");
            assert!(last.iter().all(|times| *times > 0));
        } else {
            assert_eq!(snapshots.len(), 2, "it begins anew");
            assert!(run.stderr.contains("was delivered at least once so far"), "{}", run.stderr);
            assert!(last.iter().all(|times| *times == 1));
        }
    }
}
