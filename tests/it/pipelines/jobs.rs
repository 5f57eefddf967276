//! Jobs that run: each with an outcome of its own, and one for all.

use license_stream::simulate::Simulator;
use serde_json::{Value, json};

use super::{Pipeline, defaults};
use crate::support::kafka::{bootstrap, topic};
use crate::support::process::{Run, run, start};
use crate::support::python::{parquet_rows, root, schema_violations};
use crate::support::truto::Truto;

/// The summary of a run that ended with `code`, after it was found valid.
fn summary(run: &Run, code: i32) -> Value {
    assert_eq!(run.code, Some(code), "{}{}", run.stderr, run.text());
    let json = serde_json::from_str(run.text()).unwrap_or_else(|error| panic!("{error}: {run:?}"));
    let violations = |schema: &str, document: &Value| {
        schema_violations(&root().join("schemas").join(schema), &document.to_string())
    };
    assert_eq!(violations("run.schema.json", &json), [""; 0]);
    for job in json["jobs"].as_array().unwrap() {
        if !job["summary"].is_null() {
            assert_eq!(violations("summary.schema.json", &job["summary"]), [""; 0]);
        }
    }
    json
}

/// Name, outcome and exit code of each job.
fn outcomes(summary: &Value) -> Vec<(String, String, u64)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let jobs = summary["jobs"].as_array().unwrap().iter();
    jobs.map(|job| (text(&job["name"]), text(&job["outcome"]), job["exit_code"].as_u64().unwrap()))
        .collect()
}

#[test]
fn two_jobs_move_the_same_licenses_to_two_places() {
    let truto = Truto::start(Simulator::new().with_records(500));
    let jobs = "jobs:\n  - {name: lake, to: parquet, out: lake}\n  - {name: lines, to: ndjson, out: lines.ndjson}\n";
    for concurrency in ["1", "2"] {
        let pipeline = Pipeline::new(&(defaults(&truto) + jobs));
        let got = run(pipeline.run().args(["--json", "--concurrency", concurrency]));
        let summary = summary(&got, 0);
        assert_eq!(got.stderr, "");
        assert_eq!(summary["outcome"], "done");
        assert_eq!(outcomes(&summary), [("lake", "done", 0), ("lines", "done", 0)].map(owned));
        assert_eq!(summary["jobs"][0]["summary"]["records"], json!(500));
        assert!(pipeline.read("lines.ndjson") == truto.licenses(0..500));
        assert_eq!(parquet_rows("duckdb", &pipeline.path().join("lake")).len(), 500);
    }

    // For people, each line names its job.
    let pipeline = Pipeline::new(&(defaults(&truto) + jobs));
    let got = run(&mut pipeline.run());
    let begins: Vec<_> =
        got.stderr.lines().map(|line| line.split(" in ").next().unwrap()).collect();
    assert_eq!(begins, ["lake: done: 500 licenses", "lines: done: 500 licenses", "done: 2 jobs"]);
    assert_eq!((got.code, got.text()), (Some(0), ""));
    let got = run(pipeline.run().args(["--quiet", "--job", "lines"]));
    assert_eq!((got.code, got.stderr.as_str(), got.text()), (Some(0), "", ""));
}

#[test]
fn a_log_has_the_job_of_each_event() {
    let truto = Truto::start(Simulator::new().with_records(5));
    let jobs = format!(
        "jobs:\n  - {{name: lake, to: parquet, out: lake}}\n  - {{name: lines, to: ndjson, out: lines}}\n  - {{name: feed, to: kafka, \
         brokers: '{}', topic: {}}}\n",
        bootstrap(),
        topic("log-of-jobs")
    );
    let pipeline = Pipeline::new(&(defaults(&truto) + &jobs));
    let got = run(pipeline.run().args(["--log-format", "json", "-vv", "--concurrency", "3"]));
    assert_eq!(got.code, Some(0), "{}", got.stderr);
    let events: Vec<Value> =
        got.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for message in ["snapshot begun", "request", "answer", "snapshot complete"] {
        let of: Vec<_> = events.iter().filter(|event| event["message"] == message).collect();
        let mut jobs: Vec<_> = of.iter().map(|event| event["job"].as_str().unwrap()).collect();
        jobs.sort_unstable();
        assert_eq!(jobs, ["feed", "lake", "lines"], "{message}: {of:?}");
    }
    let committed: Vec<_> =
        events.iter().filter(|event| event["message"] == "transaction committed").collect();
    assert!(!committed.is_empty());
    assert!(committed.iter().all(|event| event["job"] == "feed"), "{committed:?}");
    // What people are told is there, too.
    assert!(
        events.iter().any(|event| event["message"].as_str().unwrap().starts_with("done: 3 jobs"))
    );

    let got = run(pipeline.run().args(["--job", "lines", "-vv"]));
    assert!(got.stderr.contains("job{job=\"lines\"}"), "{}", got.stderr);
    let got = run(pipeline.run().args(["--job", "lines"]).env("RUST_LOG", "info"));
    assert!(got.stderr.contains("snapshot complete"), "{}", got.stderr);
}

#[test]
fn jobs_at_once_tell_now_and_then_how_far_each_is() {
    let truto = Truto::start(Simulator::new().with_records(3).with_hold_after_records(2));
    let jobs = "concurrency: 2\njobs:\n  - {name: a, to: ndjson, out: a}\n  - {name: b, to: ndjson, out: b}\n";
    let flags = [&[][..], &["--quiet"], &["--json"]];
    // Each in a place of its own, as they run at the same time.
    let others = flags.map(|_| Pipeline::new(&(defaults(&truto) + jobs)));
    let runs: Vec<_> =
        flags.iter().zip(&others).map(|(flags, it)| start(it.run().args(*flags))).collect();
    std::thread::sleep(std::time::Duration::from_secs(7));
    truto.release();
    let told: Vec<_> = runs.into_iter().map(|run| run.finish().stderr).collect();
    for job in ["a", "b"] {
        let begin = format!("{job}: under way: 2 licenses · ");
        assert!(told[0].lines().any(|line| line.starts_with(&begin)), "{}", told[0]);
    }
    assert_eq!((told[1].as_str(), told[2].as_str()), ("", ""));
}

fn owned((name, outcome, code): (&str, &str, u64)) -> (String, String, u64) {
    (name.to_owned(), outcome.to_owned(), code)
}

#[test]
fn the_worst_job_counts_and_takes_no_other_with_it() {
    let truto = Truto::start(Simulator::new().with_records(10));
    let rejecting = "  - {name: rejecting, to: ndjson, out: rejecting, input: broken, on-error: skip, account: ~,
        base-url: ~, no-lookup: ~, retries: ~}\n";
    let failing =
        "  - {name: failing, to: ndjson, out: failing, input: broken, account: ~, base-url: ~,
        no-lookup: ~, retries: ~}\n";
    let away = "  - {name: away, to: parquet, out: away, base-url: 'http://127.0.0.1:1'}\n";
    let unable = "  - {name: unable, to: parquet, out: lake, token-file: no/such/file}\n";
    let fine = "  - {name: fine, to: ndjson, out: fine}\n";
    let all = [
        (rejecting, ("rejecting", "rejected", 4)),
        (failing, ("failing", "failed", 1)),
        (away, ("away", "failed", 3)),
        (unable, ("unable", "failed", 2)),
    ];
    for (count, code) in [(1, 4), (2, 1), (3, 3), (4, 2)] {
        let jobs: String = all[..count].iter().map(|(text, _)| *text).collect();
        let pipeline = Pipeline::new(&format!("{}jobs:\n{jobs}{fine}", defaults(&truto)));
        std::fs::write(pipeline.path().join("broken"), "{\"id\":\"1\"}\n{}\n").unwrap();
        let got = run(pipeline.run().arg("--json"));
        let summary = summary(&got, code);
        let wanted = all[..count].iter().map(|(_, wanted)| owned(*wanted));
        let wanted: Vec<_> = wanted.chain([owned(("fine", "done", 0))]).collect();
        assert_eq!(outcomes(&summary), wanted, "{}", got.stderr);
        assert!(pipeline.read("fine") == truto.licenses(0..10));
        if count == 4 {
            let error = "--token-file no/such/file cannot be read";
            let job = &summary["jobs"][3];
            assert!(job["error"].as_str().unwrap().starts_with(error), "{job}");
            assert!(job["summary"].is_null());
            assert!(got.stderr.contains(&format!("unable: error: {error}")), "{}", got.stderr);
        }
    }
}

#[test]
fn a_signal_ends_the_job_that_runs_and_those_behind_it_do_not_begin() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let truto = Truto::start(Simulator::new().with_records(100).with_hold_after_records(40));
        let jobs = "jobs:\n  - {name: lines, to: ndjson, out: lines}\n  - {name: lake, to: parquet, out: lake}\n";
        let pipeline = Pipeline::new(&(defaults(&truto) + jobs));
        let running = start(pipeline.run().arg("--json"));
        truto.until_held();
        running.signal(signal);
        let got = running.finish();
        let summary = summary(&got, code);
        assert_eq!(summary["outcome"], "interrupted");
        let code = code as u64;
        let wanted = [("lines", "interrupted", code), ("lake", "not_begun", code)].map(owned);
        assert_eq!(outcomes(&summary), wanted);
        assert!(!pipeline.path().join("lake").exists());

        // What it has kept is gone on with, as of the command.
        truto.release();
        let pipeline =
            Pipeline::new(&(defaults(&truto) + "jobs: [{name: lines, to: ndjson, out: lines}]\n"));
        assert_eq!(run(&mut pipeline.run()).code, Some(0));
    }
}

#[test]
fn jobs_at_once_are_as_many_as_there_may_be() {
    let truto = Truto::start(Simulator::new().with_records(100).with_hold_after_records(40));
    let jobs: String = (0..3)
        .map(|number| format!("  - {{name: j{number}, to: ndjson, out: o{number}}}\n"))
        .collect();
    let pipeline = Pipeline::new(&format!("concurrency: 2\n{}jobs:\n{jobs}", defaults(&truto)));
    let running = start(&mut pipeline.run());
    truto.until_so_many_held(2);
    assert_eq!(truto.requests(), 2);
    truto.release();
    assert_eq!(running.finish().code, Some(0));
    assert_eq!(truto.requests(), 3);
}

#[test]
fn data_on_standard_output_stays_alone_there() {
    let truto = Truto::start(Simulator::new().with_records(20));
    let jobs = "jobs:\n  - {name: lines, to: ndjson}\n  - {name: lake, to: parquet, out: lake}\n";
    let pipeline = Pipeline::new(&(defaults(&truto) + jobs));
    let got = run(pipeline.run().arg("--json"));
    assert_eq!(got.code, Some(0), "{}", got.stderr);
    assert!(got.stdout == truto.licenses(0..20));
    let summary: Value = serde_json::from_str(&got.stderr).unwrap();
    assert_eq!(summary["jobs"][0]["summary"]["records"], json!(20));
}

#[test]
fn a_variable_cannot_bring_in_more_than_a_value() {
    let truto = Truto::start(Simulator::new().with_records(5));
    let text = defaults(&truto) + "jobs:\n  - name: a\n    to: ndjson\n    out: ${OUT}\n";
    let pipeline = Pipeline::new(&text);
    let evil = "x\n    input: body # ${HOME}";
    assert_eq!(run(pipeline.run().env("OUT", evil)).code, Some(0));
    assert!(pipeline.read(evil) == truto.licenses(0..5));
}
