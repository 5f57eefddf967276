//! A stream that says it failed, or does not end as it should, is never a complete snapshot.

use license_stream::ErrorKind;
use license_stream::decode::Limits;
use license_stream::pipeline::{self, Options};
use license_stream::simulate::{DEFAULT_TOKEN, SimulatedShape, Simulator};
use license_stream::sink::ndjson::NdjsonSink;
use license_stream::truto::{LicenseRequest, Token, TrutoClient};

use super::{SHAPES, failure, lines, ndjson, summary, with_cursor};
use crate::support::run::{Run, run};
use crate::support::simulation::Simulation;

const RECORDS: u64 = 50;

fn simulator(shape: SimulatedShape) -> Simulator {
    Simulator::new().with_records(RECORDS).with_shape(shape)
}

/// The run, which must have failed, and the number of requests.
#[track_caller]
fn fail(simulator: Simulator) -> (Run, u64) {
    let simulation = Simulation::start(simulator);
    // The simulator cuts each answer at the same byte: asking again would not help.
    let run = run(simulation.source(ndjson().arg("--retries=0"))).expect(1);
    (run, simulation.requests())
}

#[test]
fn an_error_in_the_middle_fails_the_run_and_keeps_what_came_before() {
    for shape in SHAPES {
        for (chunk_bytes, after) in [(7, 33), (1 << 20, 33), (1 << 20, 0), (7, RECORDS)] {
            for page_records in [RECORDS, 20] {
                let simulator = simulator(shape)
                    .with_chunk_bytes(chunk_bytes)
                    .with_page_records(page_records)
                    .with_error_after(after);
                let want = lines(&simulator, shape, after);
                let (run, _) = fail(simulator);
                assert_eq!(failure(&run), "upstream", "{shape}: {run:#?}");
                assert!(run.stdout == want, "{shape}, {after}: {run:#?}");
                assert_eq!(summary(&run)["records"], after);
                let error = run.stderr.lines().next().unwrap();
                assert!(error.contains("(status 502: the simulated provider failed)"), "{error}");
            }
        }
    }
}

#[test]
fn an_error_is_no_record_to_be_skipped() {
    for shape in SHAPES {
        let simulation = Simulation::start(simulator(shape).with_error_after(33));
        let mut command = ndjson();
        command.args(["--on-error", "skip"]);
        let run = run(simulation.source(&mut command)).expect(1);
        assert_eq!(failure(&run), "upstream", "{shape}: {run:#?}");
        assert_eq!(summary(&run)["rejected"], 0);
    }
}

#[test]
fn a_partial_response_is_not_complete() {
    for shape in with_cursor() {
        for simulator in [
            simulator(shape),
            simulator(shape).with_cursor_first(),
            simulator(shape).with_page_records(20),
        ] {
            let want = lines(&simulator, shape, RECORDS);
            let (run, _) = fail(simulator.with_partial_response());
            assert_eq!(failure(&run), "upstream", "{shape}: {run:#?}");
            assert!(run.stdout == want, "{shape}: {run:#?}");
        }
    }
}

#[test]
fn a_cursor_that_repeats_ends_the_run() {
    for shape in with_cursor() {
        for (simulator, requests) in [
            (simulator(shape).with_page_records(20), 3),
            (simulator(shape).with_page_records(20).with_empty_pages(), 6),
            (simulator(shape), 2),
        ] {
            let (run, asked) = fail(simulator.with_repeating_cursor());
            assert_eq!(failure(&run), "upstream", "{shape}: {run:#?}");
            assert!(run.stderr.contains("a cursor came a second time"), "{run:#?}");
            assert_eq!(asked, requests, "{shape}");
        }
    }
}

#[tokio::test]
async fn a_cursor_that_leads_back_to_where_the_reading_began_ends_the_run() {
    let simulator = simulator(SimulatedShape::Lines).with_page_records(20).with_repeating_cursor();
    let account = simulator.accounts()[0].clone();
    let mut body = Vec::new();
    simulator.write_body(&account, &mut body).unwrap();
    let last: serde_json::Value =
        serde_json::from_slice(body.trim_ascii_end().rsplit(|byte| *byte == b'\n').next().unwrap())
            .unwrap();
    let running = simulator.start().unwrap();

    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let token = Token::new(DEFAULT_TOKEN).unwrap();
    let client = TrutoClient::new(http, &running.base_url(), token).unwrap();
    let mut request = LicenseRequest::new(account);
    request.next_cursor = last["next_cursor"].as_str().map(str::to_owned);
    let sink = NdjsonSink::new(tokio::io::sink(), Limits::default());
    let summary = pipeline::run_source(client.pages(request), sink, Options::default()).await;
    assert_eq!(summary.error.map(|error| error.kind()), Some(ErrorKind::Upstream));
    // From the second page to the third, and not to the second again.
    assert_eq!((summary.counts.records, running.requests()), (30, 2));
}

#[test]
fn a_cut_is_seen_in_every_shape() {
    for shape in SHAPES {
        let simulator = simulator(shape);
        let mut body = Vec::new();
        simulator.write_body(&simulator.accounts()[0], &mut body).unwrap();
        let length = body.len() as u64;
        let want = lines(&simulator, shape, RECORDS);
        // In the middle, within the last bytes, and behind them, where only the terminator is missing.
        for (cut, chunk_bytes) in
            [(length / 2, 100), (length / 2, 1 << 20), (length - 1, 7), (length, 1000)]
        {
            let (run, _) =
                fail(simulator.clone().with_chunk_bytes(chunk_bytes).with_cut_after(cut));
            assert_eq!(failure(&run), "truncated", "{shape}, {cut}: {run:#?}");
            assert!(want.starts_with(&run.stdout), "{shape}, {cut}: {run:#?}");
            let whole = run.stdout.lines().count() as u64;
            assert!(run.stdout.is_empty() || run.stdout.ends_with('\n'));
            // No part of a record was given out, and none was kept back that came whole.
            let least = if cut == length / 2 { RECORDS * 2 / 5 } else { RECORDS - 1 };
            assert!(whole >= least, "{shape}, {cut}: {whole}");
        }
        // A later page: the one before is too short to be cut.
        if with_cursor().any(|paged| paged == shape) {
            let (run, requests) = fail(simulator.with_empty_pages().with_cut_after(length / 2));
            assert_eq!((failure(&run).as_str(), requests), ("truncated", 2), "{shape}");
            assert!(!run.stdout.is_empty() && want.starts_with(&run.stdout), "{shape}: {run:#?}");
        }
    }
}
