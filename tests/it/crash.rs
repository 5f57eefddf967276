//! The command killed by SIGKILL, at every named instant and at random ones, stopped by signals, cut off,
//! without a broker and without room on the disk, and run again until it is done. What is then at the
//! destination is what an undisturbed run would have left.
//!
//! `make crash` kills at random 200 times and more for each destination, and takes brokers away for a
//! minute; `make test` kills 20 times, and takes them away for some seconds.

mod again;
mod away;
mod azure;
mod compact;
mod cuts;
mod full;
mod kafka;
mod lost;
mod parquet;
mod rejected;
mod s3;
mod stopped;

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use license_stream::simulate::{AccountGroup, Simulator};

use crate::support::azure::Container;
use crate::support::kafka::topic;
use crate::support::s3::Bucket;
use crate::support::simulation::Simulation;

/// A run that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// Kills at random instants, for each destination.
fn wanted_kills() -> u32 {
    match std::env::var("LICENSE_STREAM_CRASH_KILLS") {
        Ok(kills) => kills.parse().expect("LICENSE_STREAM_CRASH_KILLS is a number"),
        Err(_) => 20,
    }
}

/// Licenses of an account, in several pages, that take a run about a third of a second.
const COUNT: u64 = 6_000;

fn simulator(seed: u64) -> Simulator {
    Simulator::new()
        .with_seed(seed)
        .with_records(COUNT)
        .with_page_records(2_500.try_into().unwrap())
        .with_pace(12_000_000.try_into().unwrap())
}

/// The same of one integration, whose `remote_data` is of one form.
fn simulator_of_one_form(seed: u64) -> Simulator {
    let group = AccountGroup {
        integration: Some("Zoom".to_owned()),
        records: COUNT,
        page_records: 2_500.try_into().ok(),
        bytes_per_second: 12_000_000.try_into().ok(),
        ..AccountGroup::default()
    };
    Simulator::new().with_seed(seed).with_groups([group])
}

fn start(command: &mut Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// The failpoints that `command` comes to when nothing disturbs it, and how often.
fn reached(mut command: Command) -> BTreeMap<String, u32> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("reached");
    assert!(ended(start(command.env("LICENSE_STREAM_REACHED", &path))), "nothing kills it");
    let mut times = BTreeMap::new();
    for name in std::fs::read_to_string(path).unwrap().lines() {
        *times.entry(name.to_owned()).or_default() += 1;
    }
    times
}

/// Kills a run at each failpoint that one comes to, and where it does so again also the second time, and runs
/// it again to its end: `next` answers each time a run into a place of its own, and a look at what is there
/// afterwards. At how many points.
fn kill_at_each<R: FnMut() -> Command, L: FnOnce(&str)>(next: impl Fn() -> (R, L)) -> usize {
    kill_at_each_of(twice, |point| point.starts_with("transaction"), next)
}

/// The first two times.
fn twice(times: u32) -> BTreeSet<u32> {
    (1..=2.min(times)).collect()
}

/// The same at other times of those that a run comes to a failpoint. How often it comes to one that `is_by_time` depends
/// on how long it takes, so that a later time may not come.
fn kill_at_each_of<R: FnMut() -> Command, L: FnOnce(&str)>(
    counts: fn(u32) -> BTreeSet<u32>,
    is_by_time: fn(&str) -> bool,
    next: impl Fn() -> (R, L),
) -> usize {
    let points = reached(next().0());
    for (point, times) in &points {
        for count in counts(*times) {
            let (command, look) = next();
            let was_killed = kill_at(point, count, command);
            let may_be_missed = count > 1 && is_by_time(point);
            assert!(was_killed || may_be_missed, "{point} is not reached");
            look(&format!("{point}:{count}"));
        }
    }
    points.len()
}

/// Where a piece is of many files, the first two times say little.
fn in_the_middle_and_last(times: u32) -> BTreeSet<u32> {
    [times.div_ceil(2), times].into()
}

#[test]
fn each_named_instant_is_one_that_runs_are_killed_at() {
    let simulation = Simulation::start(simulator(16));
    let (out, bucket, checkpoints) =
        (tempfile::tempdir().unwrap(), Bucket::make("reached"), tempfile::tempdir().unwrap());
    let container = Container::make("reached");
    let mut commands = vec![
        parquet::command(&simulation, out.path()),
        s3::command(&simulation, &bucket),
        azure::command(&[], &simulation, &container),
    ];
    for options in kafka::ways(checkpoints.path().to_str().unwrap()) {
        commands.push(kafka::command(&simulation, &topic("reached"), &options));
    }
    // In this order: what is merged was read before.
    commands.extend([compact::command(out.path()), compact::command_in(&bucket)]);
    let reached: BTreeSet<_> =
        commands.into_iter().flat_map(reached).map(|(name, _)| name).collect();
    // As the library has them.
    let source = include_str!("../../src/failpoint.rs");
    let (_, list) = source.split_once("points! {").expect("the list of points");
    let (list, _) = list.split_once("\n}").expect("its end");
    let named: BTreeSet<_> = list.split('"').skip(1).step_by(2).map(str::to_owned).collect();
    assert_eq!(reached, named);
}

/// Waits for the end: whether it ended well, and not by a kill.
fn ended(mut child: Child) -> bool {
    let begun = Instant::now();
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None if begun.elapsed() > PATIENCE => {
                let _ = child.kill();
                panic!("the run hangs");
            }
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    if status.success() || status.signal() == Some(9) {
        return status.success();
    }
    let output = child.wait_with_output().unwrap();
    panic!("{status}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Runs `command` until it is killed at the `count`-th time that it comes to `point`, and then again, to
/// its end. Whether it came to that point.
fn kill_at(point: &str, count: u32, mut command: impl FnMut() -> Command) -> bool {
    let at = format!("{point}:{count}");
    let was_killed = !ended(start(command().env("LICENSE_STREAM_KILL_AT", at)));
    if was_killed {
        assert!(ended(start(&mut command())), "nothing kills the second run");
    }
    was_killed
}

/// Runs `command` again and again, killed each time at a random instant, until one run ends before that.
/// How often it was killed.
fn kill_at_random(random: &mut fastrand::Rng, mut command: impl FnMut() -> Command) -> u32 {
    let mut kills = 0;
    loop {
        let mut child = start(&mut command());
        std::thread::sleep(Duration::from_millis(random.u64(20..900)));
        // One that has ended by itself is not killed any more.
        let _ = child.kill();
        if ended(child) {
            return kills;
        }
        kills += 1;
        if kills == 8 {
            assert!(ended(start(&mut command())), "nothing kills the last run");
            return kills;
        }
    }
}
