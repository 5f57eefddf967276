//! What is seen of `run` over its whole life: each job under its name, and counters that go on from run to run.

use std::net::TcpListener;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use license_stream::simulate::Simulator;
use tempfile::TempDir;

use crate::support::command::license_stream;
use crate::support::kafka::{bootstrap, topic};
use crate::support::process::{TOKEN, run};
use crate::support::truto::Truto;
use crate::support::watched::{Samples, Watched, series, value_of_job};

/// `license-stream run` of a file of jobs that read the only account of `truto`, in a directory of its own.
pub(super) fn pipeline(truto: &Truto, more: &str) -> (TempDir, Command) {
    let directory = tempfile::tempdir().unwrap();
    let text = format!(
        "defaults:\n  base-url: {}\n  account: {}\n  no-lookup: true\n  retries: 0\n{more}",
        truto.url(),
        truto.account()
    );
    std::fs::write(directory.path().join("pipeline.yaml"), text).unwrap();
    let mut command = license_stream();
    command.current_dir(directory.path()).env("TRUTO_API_TOKEN", TOKEN);
    command.args(["run", "pipeline.yaml"]);
    (directory, command)
}

#[test]
fn jobs_are_seen_over_all_runs_and_their_counters_only_grow() {
    let truto = Truto::start(Simulator::new().with_records(10));
    let jobs = format!(
        "jobs:\n  - {{name: lines, to: ndjson, out: lines}}\n  - name: feed\n    to: kafka\n    \
         brokers: {}\n    topic: {}\n    settings: {{statistics.interval.ms: 20}}\n",
        bootstrap(),
        topic("seen")
    );
    let (_directory, mut command) = pipeline(&truto, &jobs);
    let watched = Watched::start(command.args(["--every", "2s", "--jitter", "0"]));
    let lines = |it: &Samples, name: &str| value_of_job(it, "lines", "ndjson", name);
    let feed = |it: &Samples, name: &str| value_of_job(it, "feed", "kafka", name);
    let done = "job_runs_total{outcome=\"done\"}";
    // From the beginning on every job is there, also one that has not begun.
    let mut before = watched.scrape();
    assert!(lines(&before, done) <= feed(&before, done) + 1.0);
    let first = watched.until("a run", |it| feed(it, done) >= 1.0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    assert_eq!(lines(&first, "job_last_outcome{outcome=\"done\"}"), 1.0);
    assert_eq!(lines(&first, "job_last_outcome{outcome=\"failed\"}"), 0.0);
    let succeeded = lines(&first, "job_last_success_timestamp_seconds");
    assert!((0.0..60.0).contains(&(now - succeeded)), "{succeeded}");
    assert_eq!(succeeded, lines(&first, "job_last_end_timestamp_seconds"));
    assert_eq!(watched.get("/readyz").status, 200);

    let sent = "license_stream_kafka_sent_messages_total{pipeline_job=\"feed\",sink=\"kafka\"}";
    let later = watched.until("more runs", |it| {
        // Between and during runs: nothing that was there goes, and no counter falls.
        for (name, value) in &before {
            let now = it.get(name).unwrap_or_else(|| panic!("{name} is gone"));
            assert!(!name.contains("_total{") || now >= value, "{name}: {value}, then {now}");
        }
        before = it.clone();
        let is_between = feed(it, "job_running") == 0.0 && lines(it, "job_running") == 0.0;
        is_between && feed(it, done) >= 3.0 && it.contains_key(sent)
    });
    let (of_lines, of_feed) = (lines(&later, done), feed(&later, done));
    assert_eq!(lines(&later, "records_total"), 10.0 * of_lines);
    assert_eq!(lines(&later, "requests_total"), of_lines);
    assert_eq!(lines(&later, "accounts_total{outcome=\"done\"}"), of_lines);
    assert_eq!(feed(&later, "durable_records_total"), 10.0 * of_feed);
    assert!(lines(&later, "job_last_success_timestamp_seconds") > succeeded);
    assert!(later[sent] <= 10.0 * of_feed, "{later:#?}");
    // Nothing is held between two runs.
    for name in
        ["kafka_brokers{state=\"up\"}", "kafka_queue_bytes", "lag_bytes", "accounts_running"]
    {
        assert_eq!(feed(&later, name), 0.0, "{name}");
    }
    assert!(later["license_stream_next_run_timestamp_seconds"] > succeeded);
    watched.signal("TERM");
    assert_eq!(watched.finish().0, Some(143));
}

#[test]
fn a_job_that_fails_keeps_the_time_of_its_last_success() {
    let truto = Truto::start(Simulator::new().with_records(10));
    let jobs = "jobs:\n  - {name: good, to: ndjson, out: good}\n  \
                - {name: bad, to: ndjson, out: bad, token-file: token}\n";
    let (directory, mut command) = pipeline(&truto, jobs);
    let token = directory.path().join("token");
    std::fs::write(&token, TOKEN).unwrap();
    let watched = Watched::start(command.args(["--every", "1s", "--jitter", "0"]));
    let bad = |it: &Samples, name: &str| value_of_job(it, "bad", "ndjson", name);
    let done = "job_runs_total{outcome=\"done\"}";
    watched.until("a run", |it| bad(it, done) >= 1.0);
    std::fs::write(&token, "of-another").unwrap();
    let failed = "job_last_outcome{outcome=\"failed\"}";
    let it = watched.until("a failure", |it| bad(it, failed) == 1.0);
    assert_eq!(bad(&it, "job_last_outcome{outcome=\"done\"}"), 0.0);
    let succeeded = bad(&it, "job_last_success_timestamp_seconds");
    assert!(succeeded > 0.0 && succeeded < bad(&it, "job_last_end_timestamp_seconds"));
    let good = value_of_job(&it, "good", "ndjson", "job_last_outcome{outcome=\"done\"}");
    assert_eq!((good, watched.get("/readyz").status), (1.0, 200));
    watched.signal("TERM");
    assert_eq!(watched.finish().0, Some(143));
}

#[test]
fn all_jobs_have_the_series_of_one_and_a_wait_for_the_first_run_is_ready() {
    let truto = Truto::start(Simulator::new().with_records(10));
    let jobs: String = (0..20)
        .map(|number| format!("  - {{name: job-{number}, to: ndjson, out: out-{number}}}\n"))
        .collect();
    let address = "metrics: ${METRICS:-}\n";
    let (directory, mut command) = pipeline(&truto, &format!("jobs:\n{jobs}{address}"));
    // Once a year, and not today.
    let watched = Watched::start(command.args(["--every", "0 0 29 2 *"]));
    let it = watched.until("a time", |it| it["license_stream_next_run_timestamp_seconds"] > 0.0);
    assert_eq!(watched.get("/readyz").status, 200);
    let of = |job: &str| -> Vec<String> {
        let label = format!("pipeline_job=\"{job}\"");
        series(&it)
            .iter()
            .filter(|it| it.contains(&label))
            .map(|it| it.replace(&label, ""))
            .collect()
    };
    assert_eq!(of("job-0"), of("job-19"));
    assert_eq!((series(&it).len(), of("job-0").len()), (20 * 48 + 3, 36 + 12));
    let text = watched.get("/metrics").body;
    assert_eq!(text.matches("# TYPE license_stream_records_total ").count(), 1);

    // One that is taken is refused before anything begins, whether it is in the file or typed.
    let taken = watched.address().to_string();
    let mut second = license_stream();
    second.current_dir(directory.path()).env("TRUTO_API_TOKEN", TOKEN).env("METRICS", &taken);
    let got = run(second.args(["run", "pipeline.yaml"]));
    let told = format!("error: {taken} cannot be listened on (--metrics)");
    assert_eq!(got.code, Some(3), "{}", got.stderr);
    assert!(got.stderr.starts_with(&told), "{}", got.stderr);
    assert_eq!(truto.requests(), 0);
    // What is typed wins over the file.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let typed = listener.local_addr().unwrap().to_string();
    let got = run(second.args(["--metrics", &typed]));
    assert!(got.stderr.contains(&typed) && !got.stderr.contains(&taken), "{}", got.stderr);
    watched.signal("TERM");
    assert_eq!(watched.finish().0, Some(143));
}
