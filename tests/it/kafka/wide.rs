//! A topic of more partitions than batches of the usual size can fill at once.

use std::process::Child;
use std::time::{Duration, Instant};

use license_stream::simulate::Simulator;
use serde_json::json;

use super::kafka;
use crate::support::body::simulated;
use crate::support::kafka::topic;
use crate::support::run::{Run, start};

/// Shorter than `linger.ms`, which is as long as a transaction may take, and much longer than a run that does not wait for it.
const SOON: Duration = Duration::from_secs(100);

#[test]
fn records_do_not_linger_where_there_is_no_room_for_more() {
    let count = 30_000;
    let simulator = Simulator::new().with_seed(6).with_records(count);
    let directory = tempfile::tempdir().unwrap();
    let input = directory.path().join("body.ndjson");
    std::fs::write(&input, simulated(&simulator.licenses(&simulator.accounts()[0]), count))
        .unwrap();
    // 24 batches of the second size are more than may be under way. The first is made smaller by itself.
    for batch in [None, Some("batch.size=900000")] {
        for delivery in ["at-least-once", "exactly-once"] {
            let mut command = kafka(&topic("wide"));
            command.args(["--create-topic", "partitions=24", "--delivery", delivery]);
            command.args(["-X", "linger.ms=115000"]);
            command.args(batch.iter().flat_map(|batch| ["-X", batch])).arg("--input").arg(&input);
            let run = ended(start(&mut command), &format!("{batch:?} {delivery}"));
            assert_eq!(run.expect(0).summary()["records"], json!(count), "{batch:?} {delivery}");
        }
    }
}

fn ended(mut child: Child, what: &str) -> Run {
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > SOON {
            child.kill().unwrap();
            panic!("{what} waited for linger.ms: {:?}", Run::of(child));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Run::of(child)
}
