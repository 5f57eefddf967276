//! Runs that are stopped by a signal, whatever they are waiting for, and begun again.

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use license_stream::simulate::Simulator;
use serde_json::{Value, json};

use super::kafka::{EXACTLY_ONCE, assert_none_lost_at, assert_once_at, command_at};
use super::{COUNT, ended, parquet, simulator, start};
use crate::support::broker::Broker;
use crate::support::command::license_stream;
use crate::support::kafka::{bootstrap, topic};
use crate::support::process::kill;
use crate::support::python::{create_topic, duckdb, s3, topic_messages_at};
use crate::support::relay::Relay;
use crate::support::run::run;
use crate::support::s3::{Store, settings};
use crate::support::simulation::Simulation;

/// Signals that a run gets, and how it ends: by itself within --grace, or at once by the second one.
const ENDS: [(&[&str], i32); 3] = [(&["TERM"], 143), (&["INT"], 130), (&["TERM", "INT"], 130)];

/// Sends `signals` to a run, which must end with `code`; what it said.
fn stop(child: Child, signals: &[&str], code: i32) -> String {
    for signal in signals {
        // Two at once could be taken in either order.
        std::thread::sleep(std::time::Duration::from_millis(300));
        assert!(kill(signal, child.id()), "it has ended");
    }
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    stderr
}

#[test]
fn without_a_source_that_goes_on_a_run_ends_and_the_next_has_the_rows_of_an_undisturbed_one() {
    let simulation = Simulation::start(simulator(12));
    let undisturbed = parquet::undisturbed(&simulation);
    // It ends by itself too soon for a second signal.
    for (signals, code) in &ENDS[..2] {
        let code = *code;
        // Stalled: in the second page, a piece of the first is whole.
        let stalled = Simulation::start(simulator(12).with_hold_after_records(2_200));
        let directory = tempfile::tempdir().unwrap();
        let out = directory.path();
        let mut child = start(&mut parquet::command(&stalled, out));
        stalled.until_held(&mut child);
        stop(child, signals, code);
        assert!(!out.join("_SUCCESS").exists());

        // Slow: it goes on while the run ends.
        let pace = 1_000_000.try_into().unwrap();
        let slow = Simulation::start(simulator(12).with_pace(pace));
        stop(start(&mut parquet::command(&slow, out)), signals, code);
        assert!(!out.join("_SUCCESS").exists());

        assert!(ended(start(&mut parquet::command(&simulation, out))), "nothing kills it");
        parquet::assert_undisturbed(out, &undisturbed, &format!("after {signals:?}"));
    }
}

#[test]
fn without_a_broker_that_answers_a_run_ends_within_its_grace_and_the_next_completes_it() {
    let relay = Relay::new();
    let broker = Broker::start_behind(&relay);
    for (signals, code) in ENDS {
        for delivery in [&[][..], &EXACTLY_ONCE] {
            let simulation = Simulation::start(simulator(13).with_hold_after_records(2_000));
            let topic = topic("stopped");
            let mut command = Command::new("env");
            let run = command_at(&relay.address(), &simulation, &topic, delivery);
            command.arg(run.get_program()).args(run.get_args().filter(|word| *word != "--quiet"));
            command.envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))));
            // One that is long enough to outlast the test, where a second signal is to end it.
            command.args(["--grace", if signals.len() == 1 { "1" } else { "3600" }]);
            let mut child = start(&mut command);
            simulation.until_held(&mut child);
            while topic_messages_at(broker.bootstrap(), &topic).is_empty() {
                assert_eq!(child.try_wait().unwrap(), None, "it has ended");
            }
            relay.freeze();
            simulation.release();
            let begun = Instant::now();
            let stderr = stop(child, signals, code);
            // The second that is granted, another to leave in, and what a busy machine takes.
            assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
            let warning = "warning: --grace was over before all that was read was delivered";
            assert_eq!(stderr.contains(warning), signals.len() == 1, "{stderr}");
            let summary = "when --grace was over, before all that was read was delivered: ";
            assert_eq!(stderr.contains(summary), signals.len() == 1, "{stderr}");
            assert!(!stderr.contains("clean flush"), "{stderr}");
            relay.thaw();

            let what = format!("after {signals:?}");
            let mut next = command_at(broker.bootstrap(), &simulation, &topic, delivery);
            assert!(ended(start(&mut next)), "nothing kills it");
            if delivery.is_empty() {
                assert_none_lost_at(broker.bootstrap(), &simulator(13), &topic, &what);
            } else {
                assert_once_at(broker.bootstrap(), &simulator(13), &topic, &what);
            }
        }
    }
}

#[test]
fn while_a_store_stands_still_a_run_ends_within_its_grace_and_the_next_writes_what_was_lost() {
    // A file a second, and eight of them: the first is seen long before the last.
    const RECORDS: u64 = 40_000;
    let store = Store::start();
    s3(store.endpoint(), &["make", "lakes"]);
    let pace = 3_000_000.try_into().unwrap();
    let simulator = Simulator::new().with_seed(15).with_records(RECORDS).with_pace(pace);
    let simulation = Simulation::start(simulator);
    let mut command = license_stream();
    command.args(["parquet", "--quiet", "--out", "s3://lakes/lake", "--grace", "1"]);
    // Row groups that are in hand while their file is under way.
    command.args(["--file-bytes", "3000000", "--row-group-bytes", "1000000"]);
    settings(simulation.source(&mut command), store.endpoint());
    let mut child = start(&mut command);
    while !s3(store.endpoint(), &["keys", "lakes"]).contains(".parquet") {
        assert_eq!(child.try_wait().unwrap(), None, "it has ended");
    }
    store.signal("STOP");
    // The next piece is full, and what finishes it waits.
    std::thread::sleep(Duration::from_secs(2));
    stop(child, &["TERM"], 143);
    store.signal("CONT");

    assert!(ended(start(&mut command)), "nothing kills it");
    let directory = tempfile::tempdir().unwrap();
    s3(store.endpoint(), &["get", "lakes", directory.path().to_str().unwrap()]);
    let lake = directory.path().join("lake");
    assert!(lake.join("_SUCCESS").exists());
    let rows = duckdb(&format!(
        "select count(*) as rows, count(distinct id) as ids, count(distinct _snapshot_id) as snapshots
        from '{}/*.parquet'",
        lake.display()
    ));
    assert_eq!(rows, [json!({ "rows": RECORDS, "ids": RECORDS, "snapshots": 1 })]);
}

/// The only checkpoint beside `topic`, as the command shows it.
fn checkpoint(topic: &str) -> Value {
    let mut show = license_stream();
    show.args(["checkpoint", "show", "--json", "--brokers", &bootstrap(), "--topic", topic]);
    serde_json::from_str(&run(&mut show).expect(0).stdout).expect("one checkpoint")
}

#[test]
fn while_a_slow_source_goes_on_what_was_read_is_in_the_topic_and_kept_and_the_next_run_goes_on_there()
 {
    let whole = Simulation::start(simulator(14));
    for (signals, code) in &ENDS[..2] {
        for delivery in [&[][..], &EXACTLY_ONCE] {
            let slow = Simulation::start(simulator(14).with_pace(500_000.try_into().unwrap()));
            let topic = topic("stopped-slow");
            create_topic(&bootstrap(), &topic, 1_000_000);
            let mut command = command_at(&bootstrap(), &slow, &topic, delivery);
            let mut child = start(command.args(["--grace", "60"]));
            while topic_messages_at(&bootstrap(), &topic).is_empty() {
                assert_eq!(child.try_wait().unwrap(), None, "it has ended");
            }
            let begun = Instant::now();
            stop(child, signals, *code);
            // The source would have gone on for longer.
            assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());

            let kept = checkpoint(&topic);
            let messages = topic_messages_at(&bootstrap(), &topic);
            assert_eq!(
                (&kept["is_complete"], &kept["records"]),
                (&false.into(), &messages.len().into())
            );
            assert!((1..COUNT as usize).contains(&messages.len()), "{} messages", messages.len());

            assert!(ended(start(&mut command_at(&bootstrap(), &whole, &topic, delivery))));
            // In the same snapshot, and nothing twice, however it is delivered.
            let last = checkpoint(&topic);
            assert_eq!((&last["is_complete"], &last["records"]), (&true.into(), &COUNT.into()));
            assert_eq!(last["snapshot_id"], kept["snapshot_id"]);
            assert_once_at(
                &bootstrap(),
                &simulator(14),
                &topic,
                &format!("after {signals:?}, {delivery:?}"),
            );
        }
    }
}
