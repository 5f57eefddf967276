//! Every shape that a stream may take, however it is chunked and paged, through the whole command.

mod broken;
mod faults;
mod lost;
mod parquet;
mod whole;

use std::process::Command;

use license_stream::simulate::{SimulatedShape, Simulator};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::support::body::simulated;
use crate::support::command::license_stream;
use crate::support::run::Run;

const SHAPES: [SimulatedShape; 7] = [
    SimulatedShape::Lines,
    SimulatedShape::Pages { records: 7 },
    SimulatedShape::Envelope,
    SimulatedShape::PrettyEnvelope,
    SimulatedShape::KeyedEnvelope,
    SimulatedShape::Array,
    SimulatedShape::Sequence,
];

/// The shapes that have a place for a cursor.
fn with_cursor() -> impl Iterator<Item = SimulatedShape> {
    let has_cursor = |shape: &_| !matches!(shape, SimulatedShape::Array | SimulatedShape::Sequence);
    SHAPES.into_iter().filter(has_cursor)
}

/// `license-stream ndjson`, with the licenses on standard output and the summary on standard error.
fn ndjson() -> Command {
    let mut command = license_stream();
    command.args(["ndjson", "--json"]);
    command
}

/// The summary of a run whose licenses went to standard output.
#[track_caller]
fn summary(run: &Run) -> Value {
    let line = run.stderr.lines().last().unwrap_or_default();
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {run:#?}"))
}

/// What the summary says of the failure: its kind.
#[track_caller]
fn failure(run: &Run) -> String {
    let snapshot = &summary(run)["snapshots"][0];
    assert_eq!(snapshot["complete"], false, "{run:#?}");
    snapshot["error"]["kind"].as_str().expect("a kind").to_owned()
}

/// The first `count` licenses as lines, as they are in the simulator's bodies.
fn lines(simulator: &Simulator, shape: SimulatedShape, count: u64) -> String {
    let account = &simulator.accounts()[0];
    let licenses = simulator.licenses(account);
    if shape != SimulatedShape::PrettyEnvelope {
        return String::from_utf8(simulated(&licenses, count)).unwrap();
    }
    #[derive(Deserialize)]
    struct Envelope<'a> {
        #[serde(borrow)]
        result: Vec<&'a RawValue>,
    }
    let mut body = Vec::new();
    let whole = Simulator::new().with_records(count).with_shape(shape);
    whole.write_body(account, &mut body).unwrap();
    let envelope: Envelope<'_> = serde_json::from_slice(&body).unwrap();
    assert_eq!(envelope.result.len() as u64, count);
    // On one line: a license over several of them would be no line.
    let line = |record: &&RawValue| record.get().replace('\n', " ") + "\n";
    envelope.result.iter().map(line).collect()
}
