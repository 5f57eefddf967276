//! Connections that are cut at random bytes, between the API and a run, and between a run and a broker.

use std::process::Command;

use super::kafka::{EXACTLY_ONCE, assert_none_lost_at, assert_once_at, command_at};
use super::{ended, parquet, start};
use crate::support::broker::Broker;
use crate::support::kafka::topic;
use crate::support::relay::Relay;
use crate::support::simulation::Simulation;
use license_stream::simulate::Simulator;

/// Pages short enough that one often comes whole.
fn simulator(seed: u64) -> Simulator {
    super::simulator(seed).with_page_records(300.try_into().unwrap())
}

/// `command`, which asks the API through `relay`, and again as often as it takes.
fn through(relay: &Relay, simulation: &Simulation, command: &Command) -> Command {
    let url = simulation.url();
    let relayed = format!("http://{}", relay.address());
    let mut through = Command::new(command.get_program());
    through
        .args(command.get_args().map(|word| if *word == *url { relayed.as_ref() } else { word }));
    through.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    through.args(["--retries", "100"]);
    through
}

#[test]
fn cut_at_random_bytes_from_the_api_runs_leave_the_rows_of_an_undisturbed_one() {
    let simulation = Simulation::start(simulator(8));
    let undisturbed = parquet::undisturbed(&simulation);
    for seed in 0..4 {
        let relay = Relay::to(simulation.port());
        relay.cut(seed, 15, 400_000);
        let directory = tempfile::tempdir().unwrap();
        let command = parquet::command(&simulation, directory.path());
        let mut command = through(&relay, &simulation, &command);
        assert!(ended(start(&mut command)), "nothing kills it");
        assert!(relay.was_cut() > 5, "{} cuts", relay.was_cut());
        let what = format!("seed {seed}, {} cuts", relay.was_cut());
        parquet::assert_undisturbed(directory.path(), &undisturbed, &what);
    }
}

#[test]
fn cut_at_random_bytes_from_the_broker_none_is_lost_and_exactly_once_shows_each_once() {
    let relay = Relay::new();
    let broker = Broker::start_behind(&relay);
    let simulation = Simulation::start(simulator(9));
    for seed in 0..3 {
        for delivery in [&[][..], &EXACTLY_ONCE] {
            let topic = topic("cuts");
            let before = relay.was_cut();
            relay.cut(seed, 30, 900_000);
            let mut command = command_at(&relay.address(), &simulation, &topic, delivery);
            // Not long, so that there are many cuts in a short run.
            command.args(["-X", "reconnect.backoff.ms=20", "-X", "reconnect.backoff.max.ms=200"]);
            assert!(ended(start(&mut command)), "nothing kills it");
            let cuts = relay.was_cut() - before;
            assert!(cuts > 2, "{cuts} cuts");
            let what = format!("seed {seed}, {cuts} cuts");
            if delivery.is_empty() {
                assert_none_lost_at(broker.bootstrap(), &simulator(9), &topic, &what);
            } else {
                assert_once_at(broker.bootstrap(), &simulator(9), &topic, &what);
            }
        }
    }
}
