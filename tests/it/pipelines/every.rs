//! `--every`: again and again, never two at once, and ended by a signal.

use std::time::{Duration, Instant};

use license_stream::simulate::Simulator;
use serde_json::Value;

use super::{Pipeline, defaults};
use crate::support::process::{Running, start};
use crate::support::truto::Truto;

const GIVE_UP: Duration = Duration::from_secs(60);

fn lines(truto: &Truto) -> Pipeline {
    Pipeline::new(&(defaults(truto) + "jobs:\n  - {name: lines, to: ndjson, out: lines}\n"))
}

/// The next object on standard output.
fn next(running: &mut Running) -> Value {
    let line = running.line();
    serde_json::from_slice(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
}

#[test]
fn jobs_run_again_until_a_signal_comes_in_between() {
    let truto = Truto::start(Simulator::new().with_records(10));
    for (every, signal, code) in [("1s", "TERM", 143), ("* * * * * *", "INT", 130)] {
        let pipeline = lines(&truto);
        let before = truto.requests();
        let mut running = start(pipeline.run().args(["--every", every, "--jitter", "0", "--json"]));
        for run in 1..=2 {
            let outcome = next(&mut running);
            assert_eq!((&outcome["run"], &outcome["outcome"]), (&run.into(), &"done".into()));
            assert!(outcome["next_run_at"].as_str().unwrap().len() > 20, "{outcome}");
            assert_eq!(outcome["jobs"][0]["summary"]["records"], 10);
        }
        assert!(truto.requests() >= before + 2);
        running.signal(signal);
        let begun = Instant::now();
        let got = running.finish();
        assert!(begun.elapsed() < Duration::from_secs(20));
        assert_eq!((got.code, got.stderr.as_str()), (Some(code), ""), "{}", got.text());
        assert!(pipeline.read("lines") == truto.licenses(0..10));
    }
}

#[test]
fn a_signal_ends_a_long_wait_at_once_and_the_last_outcome_is_told() {
    let truto = Truto::start(Simulator::new().with_records(10));
    let pipeline = lines(&truto);
    let running = start(pipeline.run().args(["--every", "1d"]));
    until(|| pipeline.path().join("lines").exists());
    // It is told of the run after the file is there.
    std::thread::sleep(Duration::from_millis(500));
    let begun = Instant::now();
    running.signal("TERM");
    let got = running.finish();
    assert!(begun.elapsed() < Duration::from_secs(20));
    assert_eq!(got.code, Some(143), "{}", got.stderr);
    let told: Vec<_> = got.stderr.lines().collect();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].starts_with("lines: done: 10 licenses in lines"), "{told:?}");
    assert!(
        told[1].starts_with("run 1: done: 1 job in ") && told[1].contains("; next at 2"),
        "{told:?}"
    );
    assert!(
        told[2].starts_with(
            "stopped by SIGTERM between two runs; the last run was 1, done: 1 job in "
        ),
        "{told:?}"
    );
}

#[test]
fn a_time_that_comes_while_jobs_run_is_passed_over() {
    let truto = Truto::start(Simulator::new().with_records(100).with_hold_after_records(40));
    let pipeline = lines(&truto);
    let running = start(pipeline.run().args(["--every", "1s", "--jitter", "0"]));
    truto.until_held();
    // Several times come meanwhile; a second run would ask too.
    std::thread::sleep(Duration::from_millis(3_500));
    assert_eq!(truto.requests(), 1);
    truto.release();
    until(|| truto.requests() >= 2);
    running.signal("TERM");
    let got = running.finish();
    let missed = got.stderr.lines().find(|line| line.contains("passed over")).unwrap_or_default();
    let count = missed.strip_prefix("warning: ").and_then(|rest| rest.split(' ').next());
    let count: u64 = count.and_then(|count| count.parse().ok()).unwrap_or_default();
    assert!((2..60).contains(&count), "{}", got.stderr);
    assert_eq!(got.code, Some(143), "{}", got.stderr);
}

#[test]
fn a_signal_during_a_run_stops_that_and_no_other_begins() {
    let truto = Truto::start(Simulator::new().with_records(100).with_hold_after_records(40));
    let pipeline = lines(&truto);
    let running = start(pipeline.run().args(["--every", "1s", "--json"]));
    truto.until_held();
    running.signal("TERM");
    let got = running.finish();
    assert_eq!(got.code, Some(143), "{}", got.stderr);
    let outcome: Value = serde_json::from_str(got.text()).unwrap();
    assert_eq!((&outcome["outcome"], &outcome["run"]), (&"interrupted".into(), &1.into()));
    assert_eq!(outcome["next_run_at"], Value::Null);
    assert_eq!(truto.requests(), 1);
}

#[test]
fn a_run_that_fails_is_followed_by_others() {
    let truto = Truto::start(Simulator::new().with_records(10));
    let pipeline = lines(&truto);
    let token = pipeline.path().join("given");
    std::fs::write(&token, "of-another").unwrap();
    let set = ["--set", "lines.token-file=given", "--every", "1s", "--jitter", "0", "--json"];
    let mut running = start(pipeline.run().args(set));
    let first = next(&mut running);
    assert_eq!((&first["outcome"], &first["exit_code"]), (&"failed".into(), &3.into()));
    // A credential may be renewed meanwhile: it is read by each run.
    std::fs::write(&token, crate::support::process::TOKEN).unwrap();
    let begun = Instant::now();
    while next(&mut running)["outcome"] != "done" {
        assert!(begun.elapsed() < GIVE_UP);
    }
    // The test looks for the token in what the run has left.
    std::fs::remove_file(&token).unwrap();
    running.signal("TERM");
    assert_eq!(running.finish().code, Some(143));
}

fn until(is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < GIVE_UP);
        std::thread::sleep(Duration::from_millis(20));
    }
}
