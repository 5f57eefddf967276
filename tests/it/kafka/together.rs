//! Two runs at once into one topic: the second takes the place of the first.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Child, Command};

use license_stream::simulate::Simulator;
use serde_json::Value;

use super::kafka;
use crate::support::body::{id, records, simulated};
use crate::support::command::license_stream;
use crate::support::kafka::{bootstrap, topic};
use crate::support::python::{header, python, topic_messages};
use crate::support::run::{Run, run, start};
use crate::support::simulation::Simulation;

const COUNT: u64 = 3_000;

fn simulator() -> Simulator {
    Simulator::new().with_seed(21).with_records(COUNT).with_page_records(1_000.try_into().unwrap())
}

/// A run that has begun, and whose source stands still.
struct First {
    simulation: Simulation,
    child: Child,
}

impl First {
    fn begin(mut command: Command) -> Self {
        let simulation = Simulation::start(simulator().with_hold_after_records(500));
        let mut child = start(simulation.source(&mut command));
        simulation.until_held(&mut child);
        Self { simulation, child }
    }

    /// Lets it go on, to its end.
    fn end(self) -> Run {
        self.simulation.release();
        Run::of(self.child)
    }
}

/// A run from the same account's licenses, to its end.
fn second(mut command: Command) -> Run {
    let simulation = Simulation::start(simulator());
    run(simulation.source(&mut command))
}

fn with(topic: &str, options: &[&str]) -> Command {
    let mut command = kafka(topic);
    command.args(options);
    command
}

fn snapshot(summary: &Value) -> &str {
    summary["snapshots"][0]["snapshot_id"].as_str().unwrap()
}

/// Makes sure that all licenses are in the topic, whichever run brought them.
fn assert_none_lost(topic: &str) {
    let simulator = simulator();
    let body = simulated(&simulator.licenses(&simulator.accounts()[0]), COUNT);
    let ids: std::collections::BTreeSet<_> = topic_messages(topic)
        .iter()
        .map(|message| id(message["value"].as_str().unwrap().as_bytes()))
        .collect();
    assert!(records(&body).iter().all(|record| ids.contains(&id(record.bytes))));
}

#[test]
fn whatever_is_delivered_how_the_second_run_fences_the_first() {
    let exactly_once = ["--delivery", "exactly-once"];
    for (first, then) in [(&[][..], &[][..]), (&[], &exactly_once), (&exactly_once, &[])] {
        let topic = topic("together");
        let held = First::begin(with(&topic, first));
        let second = second(with(&topic, then)).expect(0).summary();
        assert_eq!(second["snapshots"][0]["complete"], true);
        let fenced = held.end().expect(1);
        let error = format!(
            "this run was fenced: another one with the transactional.id license-stream-{topic} has \
             taken its place"
        );
        assert!(fenced.stderr.contains(&error), "{}", fenced.stderr);
        assert_none_lost(&topic);
        // What the first kept last is not what the next run finds.
        let third = self::second(with(&topic, then)).expect(0).summary();
        assert_ne!(snapshot(&third), snapshot(&second));
    }
}

#[test]
fn runs_of_two_accounts_with_an_id_each_do_not_fence_one_another() {
    for delivery in ["at-least-once", "exactly-once"] {
        let topic = topic("together-apart");
        let with_id = |id: &str| {
            let id = format!("{topic}-{id}");
            with(&topic, &["--delivery", delivery, "--transactional-id", &id])
        };
        let held = First::begin(with_id("a"));
        let other = Simulation::start(simulator().with_seed(22));
        assert_ne!(other.account(), held.simulation.account());
        let second = run(other.source(&mut with_id("b"))).expect(0).summary();
        let first = held.end().expect(0).summary();
        let mut messages = BTreeMap::<String, BTreeSet<String>>::new();
        for message in topic_messages(&topic) {
            let snapshot = header(&message, "truto-snapshot").to_owned();
            let key = message["key"].as_str().unwrap().to_owned();
            assert!(messages.entry(snapshot).or_default().insert(key), "a license twice");
        }
        for summary in [&first, &second] {
            assert_eq!(messages[snapshot(summary)].len() as u64, COUNT, "{delivery}");
        }
        assert_eq!(messages.len(), 2);
    }
}

/// A run that is killed behind its second transaction, of many.
fn kill(simulation: &Simulation, mut command: Command) {
    command.args(["--transaction-bytes", "200000"]);
    command.env("LICENSE_STREAM_KILL_AT", "transaction-committed:2");
    let killed = simulation.source(&mut command).output().unwrap();
    assert_eq!(killed.status.code(), None, "{killed:?}");
}

#[test]
fn a_snapshot_is_gone_on_with_by_runs_of_its_own_id_only() {
    let simulation = Simulation::start(simulator());
    let topic = topic("together-ids");
    let with_id = |options: &[&str]| {
        let mut command = with(&topic, &["--delivery", "exactly-once"]);
        command.args(options);
        command
    };
    let [a, b] = ["a", "b"].map(|id| format!("{topic}-{id}"));
    kill(&simulation, with_id(&["--transactional-id", &a]));
    for (options, is) in [(&["--transactional-id", &*b][..], &*b), (&[], "not set")] {
        let refused = run(simulation.source(&mut with_id(options))).expect(2);
        let wanted = format!("(transactional_id was {a} and is {is})");
        assert!(refused.stderr.contains(&wanted), "{}", refused.stderr);
    }
    let mut same = with_id(&["--transactional-id", &a]);
    let summary = run(simulation.source(&mut same)).expect(0).summary();
    assert!(summary["snapshots"][0]["resumed_at_record"].as_u64() > Some(0), "{summary}");
    assert_eq!(topic_messages(&topic).len() as u64, COUNT, "each once");
    // The id that there is without is no other for being typed.
    let default = format!("license-stream-{topic}");
    kill(&simulation, with_id(&[]));
    run(simulation.source(&mut with_id(&["--transactional-id", &default]))).expect(0);
    assert_eq!(topic_messages(&topic).len() as u64, 2 * COUNT, "each once");
}

#[test]
fn what_was_delivered_to_a_topic_that_was_deleted_is_not_passed_over() {
    const DELETE: &str = r#"
import sys, time
from confluent_kafka.admin import AdminClient
bootstrap, name = sys.argv[1:]
admin = AdminClient({"bootstrap.servers": bootstrap, "allow.auto.create.topics": False})
admin.delete_topics([name])[name].result()
while name in admin.list_topics(timeout=10).topics:
    time.sleep(0.1)
"#;
    let simulation = Simulation::start(simulator());
    let topic = topic("together-deleted");
    let command = || with(&topic, &["--delivery", "exactly-once"]);
    kill(&simulation, command());
    let mut delete = python();
    delete.args(["-c", DELETE, &bootstrap(), &topic]);
    assert!(delete.status().unwrap().success());
    let refused = run(simulation.source(&mut command())).expect(2);
    let wanted = format!("topic {topic} is not the one that snapshot");
    assert!(refused.stderr.contains(&wanted), "{}", refused.stderr);
    let mut reset = license_stream();
    reset.args(["checkpoint", "reset", "--all", "--brokers", &bootstrap(), "--topic", &topic]);
    run(&mut reset).expect(0);
    run(simulation.source(&mut command())).expect(0);
    assert_eq!(topic_messages(&topic).len() as u64, COUNT);
}

#[test]
fn where_checkpoints_are_in_a_directory_the_second_run_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let checkpoint = |directory: &Path| directory.to_str().unwrap().to_owned();
    let options = ["--checkpoint", &checkpoint(directory.path())];
    let topic = topic("together-directory");
    let held = First::begin(with(&topic, &options));
    let refused = second(with(&topic, &options)).expect(1);
    let error = ".lock: another run keeps its checkpoint here";
    assert!(refused.stderr.contains(error), "{}", refused.stderr);
    held.end().expect(0);
    assert_none_lost(&topic);
    assert_eq!(topic_messages(&topic).len() as u64, COUNT, "the second has delivered something");
}
