//! The command killed by SIGKILL, at every named instant and at random ones, stopped by signals, cut off,
//! without a broker and without room on the disk, and run again until it is done. What is then at the
//! destination is what an undisturbed run would have left.
//!
//! `make crash` kills at random 200 times and more for each destination, and takes brokers away for a
//! minute; `make test` kills 20 times, and takes them away for some seconds.

mod away;
mod cuts;
mod full;
mod kafka;
mod parquet;
mod s3;
mod stopped;

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use license_stream::simulate::Simulator;

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

/// All names of failpoints, as the library has them: one that is added is tried too.
fn points() -> Vec<&'static str> {
    let source = include_str!("../../src/failpoint.rs");
    let (_, list) = source.split_once("points! {").expect("the list of points");
    let (list, _) = list.split_once("\n}").expect("its end");
    list.split('"').skip(1).step_by(2).collect()
}

fn start(command: &mut Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
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
