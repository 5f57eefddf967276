//! The shapes through another sink, whose batches must be full whatever the framing makes of blocks.

use license_stream::simulate::{SimulatedShape, Simulator};

use crate::support::command::license_stream;
use crate::support::python;
use crate::support::run::run;
use crate::support::simulation::Simulation;

#[test]
fn every_license_is_a_row() {
    for (shape, requests) in [
        (SimulatedShape::PrettyEnvelope, 3),
        (SimulatedShape::KeyedEnvelope, 3),
        (SimulatedShape::Sequence, 1),
    ] {
        let simulator =
            Simulator::new().with_records(5000).with_page_records(2000).with_shape(shape);
        let simulation = Simulation::start(simulator);
        let directory = tempfile::tempdir().unwrap();
        let mut command = license_stream();
        command.args(["parquet", "--json", "--out"]).arg(directory.path());
        let run = run(simulation.source(&mut command)).expect(0);
        let summary = run.summary();
        let snapshot = &summary["snapshots"][0];
        assert_eq!((&snapshot["records"], &snapshot["complete"]), (&5000.into(), &true.into()));
        assert_eq!((&snapshot["requests"], simulation.requests()), (&requests.into(), requests));
        let files = snapshot["files"].as_array().unwrap();
        let rows: u64 = files
            .iter()
            .map(|file| python::parquet_meta(file.as_str().unwrap().as_ref())["rows"].as_u64())
            .map(Option::unwrap)
            .sum();
        assert_eq!(rows, 5000, "{shape}");
    }
}
