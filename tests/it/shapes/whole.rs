//! What is sent is what arrives.

use std::io::{BufRead, BufReader};
use std::sync::mpsc;
use std::time::Duration;

use license_stream::simulate::{SimulatedShape, Simulator};

use super::{SHAPES, lines, ndjson, summary, with_cursor};
use crate::support::command::license_stream;
use crate::support::run::{Run, run, start};
use crate::support::simulation::Simulation;

/// Sizes of chunks, and how many licenses there are in so many of them.
const CHUNKS: [(usize, u64); 4] = [(1, 20), (7, 100), (1000, 1500), (1 << 20, 5000)];

/// Reads all that `simulator` has, in so many requests, and expects just that.
#[track_caller]
fn check(simulator: Simulator, shape: SimulatedShape, records: u64, requests: u64) {
    let simulator = simulator.with_shape(shape).with_records(records);
    let how = format!("{simulator:?}");
    let want = lines(&simulator, shape, records);
    let simulation = Simulation::start(simulator);
    let run = run(simulation.source(&mut ndjson())).expect(0);
    assert!(run.stdout == want, "{how}: not the licenses that were sent\n{}", run.stderr);
    let summary = summary(&run);
    let snapshot = &summary["snapshots"][0];
    assert_eq!(snapshot["complete"], true, "{how}: {summary}");
    assert_eq!(snapshot["records"], records, "{how}: {summary}");
    assert_eq!(snapshot["requests"], requests, "{how}: {summary}");
    assert_eq!(simulation.requests(), requests, "{how}");
}

#[test]
fn one_body_in_chunks_of_every_size() {
    for shape in SHAPES {
        for (chunk_bytes, records) in CHUNKS {
            check(Simulator::new().with_chunk_bytes(chunk_bytes), shape, records, 1);
        }
    }
}

#[test]
fn pages_over_requests_in_chunks_of_every_size() {
    for shape in SHAPES {
        for (chunk_bytes, records) in CHUNKS {
            // The last page is shorter than the others.
            let simulator = Simulator::new().with_chunk_bytes(chunk_bytes);
            let requests = if with_cursor().any(|paged| paged == shape) { 3 } else { 1 };
            check(simulator.with_page_records(records * 2 / 5), shape, records, requests);
        }
    }
}

#[test]
fn pages_without_licenses_are_not_the_end() {
    for shape in with_cursor() {
        let simulator = Simulator::new().with_chunk_bytes(100).with_empty_pages();
        check(simulator.clone(), shape, 20, 2);
        check(simulator.with_page_records(8), shape, 20, 6);
    }
}

#[test]
fn licenses_are_passed_on_while_the_body_stands_still() {
    for shape in SHAPES {
        let simulator =
            Simulator::new().with_records(20).with_shape(shape).with_hold_after_records(10);
        let want = lines(&simulator, shape, 20);
        let simulation = Simulation::start(simulator);
        let mut child = start(simulation.source(&mut ndjson()));
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, received) = mpsc::channel();
        let reader = std::thread::spawn(move || {
            stdout.lines().for_each(|line| sender.send(line.unwrap()).unwrap());
        });
        // In a sequence the next record tells that the one before has ended.
        let before = if shape == SimulatedShape::Sequence { 9 } else { 10 };
        let first = (0..before).map(|_| received.recv_timeout(Duration::from_secs(60)).unwrap());
        let mut got: Vec<_> = first.collect();
        simulation.until_held(&mut child);
        simulation.release();
        got.extend(received.iter());
        reader.join().unwrap();
        Run::of(child).expect(0);
        assert!(want.lines().eq(got), "{shape}");
    }
}

#[test]
fn no_licenses_are_a_whole_answer_too() {
    for shape in SHAPES {
        check(Simulator::new(), shape, 0, 1);
    }
}

#[test]
fn the_cursor_may_stand_first_and_others_beside_it() {
    for shape in with_cursor() {
        for simulator in [
            Simulator::new().with_cursor_first(),
            Simulator::new().with_unknown_members().with_results(),
            Simulator::new().with_unknown_members().with_cursor_first(),
        ] {
            for chunk_bytes in [7, 1 << 20] {
                let simulator = simulator.clone().with_chunk_bytes(chunk_bytes);
                check(simulator.clone(), shape, 20, 1);
                check(simulator.clone().with_page_records(8), shape, 20, 3);
                check(simulator.with_page_records(8).with_empty_pages(), shape, 20, 6);
            }
        }
    }
}

#[test]
fn the_command_plays_what_the_library_does() {
    for shape in SHAPES {
        let simulator =
            Simulator::new().with_records(120).with_page_records(50).with_cursor_first();
        let simulator = match shape {
            // The command's own number of licenses a line.
            SimulatedShape::Pages { .. } => {
                simulator.with_shape(SimulatedShape::Pages { records: 100 })
            }
            shape => simulator.with_shape(shape),
        };
        let mut want = Vec::new();
        simulator.write_body(&simulator.accounts()[0], &mut want).unwrap();
        let mut command = license_stream();
        command.args(["simulate", "--records", "120", "--page-records", "50", "--cursor-first"]);
        command.args(["--shape", &shape.to_string(), "--out", "-"]);
        assert!(run(&mut command).expect(0).stdout.into_bytes() == want, "{shape}");
    }
}
