//! Order and number of records across retries: a broker that dies in mid-run and comes back.

use license_stream::simulate::Simulator;
use serde_json::json;

use super::{check, kafka_at};
use crate::support::body::{records, simulated};
use crate::support::broker::Broker;
use crate::support::kafka::topic;
use crate::support::python::topic_messages_at;
use crate::support::run::{Run, start};
use crate::support::simulation::Simulation;

#[test]
fn records_of_a_key_stay_in_order_and_single_while_a_broker_is_away() {
    let count = 12_000;
    let simulator = Simulator::new().with_seed(6).with_records(count);
    let account = simulator.accounts()[0].clone();
    let body = simulated(&simulator.licenses(&account), count);
    let simulation = Simulation::start(simulator.with_hold_after_records(count / 2));
    let broker = Broker::start();
    let topic = topic("retries");

    let mut command = kafka_at(broker.bootstrap(), &topic);
    // Small batches, so that several of each partition are under way when it dies.
    command.args(["-X", "batch.size=20000", "-X", "linger.ms=1"]);
    command.args(["-X", "reconnect.backoff.max.ms=500"]);
    let mut child = start(simulation.source(&mut command));
    simulation.until_held(&mut child);
    while topic_messages_at(broker.bootstrap(), &topic).is_empty() {
        assert!(child.try_wait().unwrap().is_none(), "{:?}", Run::of(child));
    }
    broker.kill();
    // What comes now has nowhere to go, and is tried again.
    simulation.release();
    broker.restart();
    let summary = Run::of(child).expect(0).summary();
    assert_eq!(summary["records"], json!(count));

    // Each once, with its key, and within its partition in the order of the body.
    let all = records(&body);
    let messages = topic_messages_at(broker.bootstrap(), &topic);
    assert_eq!(check(&messages, &all, Some(&account), &summary), all.len());
}
