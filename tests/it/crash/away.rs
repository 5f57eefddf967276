//! Brokers that are away for a while, in mid-run.

use std::time::Duration;

use super::kafka::{EXACTLY_ONCE, assert_none_lost_at, assert_once_at, command_at};
use super::{ended, simulator, start};
use crate::support::broker::Broker;
use crate::support::kafka::topic;
use crate::support::python::topic_messages_at;
use crate::support::simulation::Simulation;

/// How long they are away.
fn absence() -> Duration {
    let seconds = match std::env::var("LICENSE_STREAM_CRASH_AWAY") {
        Ok(seconds) => seconds.parse().expect("LICENSE_STREAM_CRASH_AWAY is a number of seconds"),
        Err(_) => 3,
    };
    Duration::from_secs(seconds)
}

/// What a test does to a broker.
type Step = fn(&Broker);

/// A run into a new topic, during which the broker is away between `leave` and `come_back`. It must end
/// well.
fn run(broker: &Broker, options: &[&str], leave: Step, come_back: Step) -> String {
    let simulation = Simulation::start(simulator(7).with_hold_after_records(2_000));
    let topic = topic("away");
    let mut child = start(&mut command_at(broker.bootstrap(), &simulation, &topic, options));
    simulation.until_held(&mut child);
    // Only the topic tells that delivery has begun.
    while topic_messages_at(broker.bootstrap(), &topic).is_empty() {
        assert_eq!(child.try_wait().unwrap(), None, "it has ended");
    }
    leave(broker);
    simulation.release();
    std::thread::sleep(absence());
    come_back(broker);
    assert!(ended(child), "nothing kills it");
    topic
}

#[test]
fn a_broker_that_stands_still_or_dies_and_comes_back_is_waited_for() {
    let broker = Broker::start();
    let ways: [(Step, Step); 2] =
        [(Broker::stand_still, Broker::go_on), (Broker::kill, Broker::restart)];
    for (leave, come_back) in ways {
        let topic = run(&broker, &[], leave, come_back);
        // The producer is idempotent: what it had sent before is not there twice.
        assert_once_at(broker.bootstrap(), &simulator(7), &topic, "at least once");
        let topic = run(&broker, &EXACTLY_ONCE, leave, come_back);
        assert_once_at(broker.bootstrap(), &simulator(7), &topic, "exactly once");
    }
    println!("kafka: a broker that was away for {} s, 4 times, survived", absence().as_secs());
}

#[test]
fn a_run_that_did_not_wait_as_long_is_gone_on_with() {
    let broker = Broker::start();
    let simulation = Simulation::start(simulator(7).with_hold_after_records(2_000));
    let topic = topic("away-too-long");
    let impatient = ["-X", "message.timeout.ms=2000"];
    let mut child = start(&mut command_at(broker.bootstrap(), &simulation, &topic, &impatient));
    simulation.until_held(&mut child);
    while topic_messages_at(broker.bootstrap(), &topic).is_empty() {
        assert_eq!(child.try_wait().unwrap(), None, "it has ended");
    }
    broker.stand_still();
    simulation.release();
    let output = child.wait_with_output().unwrap();
    broker.go_on();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    // Of the records, or of a checkpoint, whichever was waiting first.
    let says = [" was not delivered: ", "the brokers did not say within 2 s what became of "];
    assert!(says.iter().any(|words| stderr.contains(words)), "{stderr}");
    let mut command = command_at(broker.bootstrap(), &simulation, &topic, &[]);
    assert!(ended(start(&mut command)), "nothing kills it");
    assert_none_lost_at(
        broker.bootstrap(),
        &simulator(7),
        &topic,
        "after an absence that was too long",
    );
}
