//! What a reject does to a run: `--on-error` and `--max-rejects`.

use std::collections::BTreeMap;

use license_stream::simulate::Simulator;
use serde_json::{Value, json};

use super::Sink;
use super::body::{CONTENT, LIMITS, body, broken, good_ids};
use crate::support::body::{id, records, simulated};
use crate::support::run::{Run, run};

/// A run over the body of broken records.
fn run_over_broken(sink: &Sink, arguments: &[&str]) -> Run {
    let mut input = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut input, &body()).unwrap();
    let mut command = sink.command();
    let run = run(command.args(LIMITS).args(arguments).arg("--input").arg(input.path()));
    assert!(!run.stderr.contains(CONTENT) && !run.stdout.contains(CONTENT), "{run:?}");
    run
}

/// How often each reason occurs.
fn reasons() -> BTreeMap<&'static str, u64> {
    let mut reasons = BTreeMap::new();
    for (reason, _) in broken() {
        *reasons.entry(reason).or_default() += 1;
    }
    reasons
}

/// The summary of a run that a policy ended, after what it says was found in the sink.
fn check_failed(run: &Run, kind: &str, sink: &Sink) -> Value {
    let summary = run.summary();
    let snapshot = &summary["snapshots"][0];
    assert_eq!((&summary["outcome"], &snapshot["complete"]), (&json!("failed"), &json!(false)));
    assert_eq!(snapshot["error"]["kind"], kind);
    assert_eq!(run.stderr, format!("error: {}\n", summary["error"].as_str().unwrap()));
    assert_eq!(summary["records"], sink.ids().len());
    summary
}

#[test]
fn the_first_reject_ends_the_run_behind_the_licenses_before_it() {
    // Far into a body of many batches, so that others are under way.
    let (count, broken) = (20_000, 15_000);
    let simulator = Simulator::new().with_seed(6);
    let body = simulated(&simulator.licenses("account"), count);
    let all = records(&body);
    let place = all[broken];
    let mut cut = body[..place.byte as usize].to_vec();
    cut.extend(format!("  {{\"id\":\"{CONTENT}\",\"name\":}}\n{{\"id\":\"{CONTENT}\"\n").bytes());
    cut.extend(&body[place.byte as usize..]);
    let mut input = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut input, &cut).unwrap();
    let before: Vec<_> = all[..broken].iter().map(|record| id(record.bytes)).collect();

    for sink in Sink::all() {
        let mut command = sink.command();
        let run = run(command.arg("--json").arg("--input").arg(input.path())).expect(1);
        let position = format!("at byte {}, line 15001, record 15000\n", place.byte + 2);
        assert!(run.stderr.starts_with("error: ") && run.stderr.ends_with(&position), "{run:?}");
        assert!(!run.stderr.contains(CONTENT), "{run:?}");
        let summary = check_failed(&run, "record", &sink);
        assert_eq!((&summary["records"], &summary["rejected"]), (&json!(broken), &json!(1)));
        assert_eq!(summary["rejects_by_reason"], json!({"syntax": 1}));
        assert!(sink.ids() == before, "other licenses than those before the reject");
    }
}

#[test]
fn each_kind_of_reject_ends_a_run() {
    for (reason, record) in broken() {
        let [parquet, _] = Sink::all();
        let mut input = tempfile::NamedTempFile::new().unwrap();
        let body = [b"{\"id\":\"good\"}\n\n".to_vec(), record, b"\n{\"id\":\"late\"}\n".to_vec()];
        std::io::Write::write_all(&mut input, &body.concat()).unwrap();
        let mut command = parquet.command();
        command.args(LIMITS).args(["--json", "--input"]).arg(input.path());
        let run = run(&mut command).expect(1);
        assert!(run.stderr.ends_with(" at byte 15, line 3, record 1\n"), "{run:?}");
        assert!(!run.stderr.contains(CONTENT), "{run:?}");
        let summary = run.summary();
        assert_eq!(summary["rejects_by_reason"], json!({reason: 1}));
        assert_eq!(summary["records"], 1, "{reason}");
    }
}

#[test]
fn rejects_that_are_skipped_are_counted_by_reason() {
    for sink in Sink::all() {
        let run = run_over_broken(&sink, &["--on-error", "skip", "--json"]).expect(4);
        assert_eq!(run.stderr, "");
        let summary = run.summary();
        assert_eq!(summary["outcome"], "rejected");
        assert_eq!(summary["rejects_by_reason"], json!(reasons()));
        for counts in [&summary, &summary["snapshots"][0]] {
            assert_eq!(counts["rejected"], broken().len());
            assert_eq!(counts["records"], good_ids().len());
        }
        assert_eq!(summary["snapshots"][0]["complete"], true);
        assert_eq!(sink.ids(), good_ids());
    }
}

#[test]
fn people_are_told_of_the_reasons() {
    for sink in Sink::all() {
        let run = run_over_broken(&sink, &["--on-error", "skip"]).expect(4);
        let start = format!("rejected: {} (", broken().len());
        let told = run.stderr.lines().find(|line| line.starts_with(&start)).expect("a line of it");
        for (reason, count) in reasons() {
            assert!(told.contains(&format!("{count} {reason}")), "{told}");
        }
        assert_eq!(run.stdout, "");
    }
}

#[test]
fn more_rejects_than_allowed_are_too_many() {
    let (rejects, all) = (broken().len(), broken().len() + good_ids().len());
    let percent = rejects as f64 / all as f64 * 100.0;
    for sink in Sink::all() {
        let skip = ["--on-error", "skip", "--json", "--max-rejects"];
        let with = |limit: &str| run_over_broken(&sink, &[&skip[..], &[limit]].concat());
        for limit in [rejects.to_string(), format!("{:.1}%", percent + 0.1), "100%".to_owned()] {
            with(&limit).expect(4);
        }
    }
    for sink in Sink::all() {
        let limit = (rejects - 1).to_string();
        let arguments = ["--on-error", "skip", "--json", "--max-rejects", &limit];
        let run = run_over_broken(&sink, &arguments).expect(1);
        check_failed(&run, "too_many_rejects", &sink);
        let error = format!("error: more than {limit} records were rejected\n");
        assert_eq!(run.stderr, error);
    }
    for sink in Sink::all() {
        let limit = format!("{:.1}%", percent - 0.1);
        let arguments = ["--on-error", "skip", "--json", "--max-rejects", &limit];
        let run = run_over_broken(&sink, &arguments).expect(1);
        let summary = check_failed(&run, "too_many_rejects", &sink);
        // It is known only at the end: what is delivered is all.
        assert_eq!(summary["records"], good_ids().len());
        assert!(
            run.stderr.starts_with(&format!("error: {rejects} of {all} records were rejected"))
        );
    }
}

#[test]
fn a_limit_that_is_none_is_refused() {
    let [parquet, _] = Sink::all();
    for limit in ["-1", "101%", "many", "%", "NaN%", "-1%"] {
        let argument = format!("--max-rejects={limit}");
        let run = run_over_broken(&parquet, &["--on-error", "skip", &argument]).expect(2);
        assert!(run.stderr.contains("--max-rejects"), "{}", run.stderr);
    }
}
