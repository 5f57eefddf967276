//! How far a run is, where standard error is no terminal: a line now and then.

use std::time::Duration;

use license_stream::simulate::Simulator;

use crate::support::process::{Running, start};
use crate::support::truto::Truto;

#[test]
fn a_line_tells_now_and_then_how_far_it_is_unless_nobody_reads_it() {
    let truto = Truto::start(Simulator::new().with_records(3).with_hold_after_records(2));
    let flags = [&[][..], &["--quiet"], &["--json"], &["--json", "--log-format", "json"]];
    let mut runs = flags.map(|flags| start(truto.command("ndjson").args(flags)));
    runs.iter_mut().for_each(|run| drop(run.line()));
    // The first is written after five seconds, the next one five after that.
    std::thread::sleep(Duration::from_secs(7));
    truto.release();
    let [plain, quiet, json, log] = runs.map(Running::finish);
    let lines: Vec<_> = plain.stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{}", plain.stderr);
    assert!(lines[0].starts_with("under way: 2 licenses · "), "{}", plain.stderr);
    assert!(lines[0].ends_with("/s · 5 s"), "{}", plain.stderr);
    assert!(!plain.stderr.contains('\u{1b}'), "{}", plain.stderr);
    assert_eq!(quiet.stderr, "");
    assert_eq!(json.stderr.lines().count(), 1, "{}", json.stderr);
    let told = log.stderr.lines().filter(|line| line.contains("under way: 2 licenses")).count();
    assert_eq!(told, 1, "{}", log.stderr);
}

#[test]
fn a_destination_that_takes_nothing_is_told_of_as_what_is_waited_for() {
    let truto = Truto::start(Simulator::new().with_records(20_000));
    // Nobody reads what it writes, until it has said so.
    let run = start(&mut truto.command("ndjson"));
    std::thread::sleep(Duration::from_secs(8));
    let run = run.finish();
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let told = "waiting for standard output, which has taken nothing for ";
    let lines: Vec<_> = run.stderr.lines().filter(|line| line.contains(told)).collect();
    assert_eq!(lines.len(), 1, "{}", run.stderr);
    assert!(lines[0].starts_with("under way: "), "{}", run.stderr);
    assert!(lines[0].ends_with(" s: nothing is lost"), "{}", run.stderr);
}
