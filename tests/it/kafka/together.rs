//! Two runs at once into one topic: the second takes the place of the first.

use std::path::Path;
use std::process::{Child, Command};

use license_stream::simulate::Simulator;
use serde_json::Value;

use super::kafka;
use crate::support::body::{id, records, simulated};
use crate::support::kafka::topic;
use crate::support::python::topic_messages;
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
fn runs_with_an_id_each_do_not_fence_one_another() {
    let topic = topic("together-apart");
    let held = First::begin(with(&topic, &["--transactional-id", &format!("{topic}-a")]));
    second(with(&topic, &["--transactional-id", &format!("{topic}-b")])).expect(0);
    held.end().expect(0);
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
