//! Parquet files in Azure's blobs, where uploads are staged: the rows are those of an undisturbed run, each once.

use std::process::Command;
use std::rc::Rc;

use serde_json::Value;

use super::parquet::{
    PARTITIONED, assert_all_complete, assert_at_most, assert_undisturbed, most_after, undisturbed,
    undisturbed_partitioned,
};
use super::{
    in_the_middle_and_last, kill_at_each, kill_at_each_of, kill_at_random, simulator, wanted_kills,
};
use crate::support::azure::{Container, settings};
use crate::support::command::license_stream;
use crate::support::simulation::Simulation;

pub(super) fn command(options: &[&str], simulation: &Simulation, container: &Container) -> Command {
    let mut command = license_stream();
    command.args(["parquet", "--quiet", "--out", &container.url()]).args(options);
    settings(simulation.source(&mut command));
    command
}

/// With a file for each batch.
const FILES: [&str; 2] = ["--file-bytes", "1"];

fn assert_container_undisturbed(
    container: &Container,
    undisturbed: &[Value],
    most: usize,
    what: &str,
) {
    let directory = tempfile::tempdir().unwrap();
    let there = directory.path().join("container");
    container.get(&there);
    assert_undisturbed(&there, undisturbed, what);
    assert_at_most(most, &there, what);
    let mut inspect = license_stream();
    settings(inspect.args(["inspect", &container.url()]));
    assert_all_complete(&mut inspect, what);
    assert_eq!(container.uploads(), [""; 0], "{what}");
}

/// A run into a container of its own, and a look at that.
fn killed<'a>(
    simulation: &'a Simulation,
    undisturbed: &'a [Value],
    options: &'a [&str],
) -> (impl FnMut() -> Command, impl FnOnce(&str)) {
    let container = Rc::new(Container::make("killed"));
    let run = {
        let container = Rc::clone(&container);
        move || command(options, simulation, &container)
    };
    let look = move |what: &str| {
        // `_SUCCESS` is staged too, when the snapshot is complete.
        let most = if what.starts_with("staged-") { 2 } else { most_after(what) };
        assert_container_undisturbed(&container, undisturbed, most, what);
    };
    (run, look)
}

#[test]
fn killed_at_every_named_instant_a_run_that_is_begun_again_leaves_the_rows_of_an_undisturbed_one() {
    let simulation = Simulation::start(simulator(3));
    let undisturbed = undisturbed(&simulation);
    let points = kill_at_each(|| killed(&simulation, &undisturbed, &FILES));
    assert_eq!(points, 10, "those in a bucket, and two of staged uploads");
}

#[test]
fn killed_between_the_files_of_a_piece_a_run_that_is_begun_again_leaves_those_of_an_undisturbed_one()
 {
    let simulation = Simulation::start(simulator(15));
    let undisturbed = undisturbed_partitioned(&simulation);
    let points = kill_at_each_of(
        in_the_middle_and_last,
        |_| false,
        || killed(&simulation, &undisturbed, &PARTITIONED),
    );
    assert_eq!(points, 10, "those in a bucket, and two of staged uploads");
}

#[test]
fn killed_at_random_instants_runs_leave_the_rows_of_an_undisturbed_one() {
    let simulation = Simulation::start(simulator(4));
    let undisturbed = undisturbed(&simulation);
    let mut random = fastrand::Rng::with_seed(4);
    let mut kills = 0;
    while kills < wanted_kills() {
        let container = Container::make("killed");
        let killed = kill_at_random(&mut random, || command(&FILES, &simulation, &container));
        kills += killed;
        let what = format!("after {kills} kills");
        assert_container_undisturbed(&container, &undisturbed, 1 + killed as usize, &what);
    }
    println!("azure: {kills} kills at random instants survived");
}
