//! `run --check` and `check`: the same live probes, after which nothing has moved.

use license_stream::simulate::Simulator;
use serde_json::Value;

use super::{Pipeline, defaults};
use crate::support::command::license_stream;
use crate::support::kafka::{bootstrap, topic};
use crate::support::process::{Run, TOKEN, run};
use crate::support::python::{root, s3};
use crate::support::replies::{Replies, say};
use crate::support::s3::{self, Bucket, endpoint};
use crate::support::truto::Truto;

/// Job, subject and result of each finding; what it says.
fn findings(run: &Run) -> Vec<([String; 3], String)> {
    let finding = |line: &str| {
        let finding: Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| finding[name].as_str().unwrap_or_default().to_owned();
        (["job", "what", "result"].map(text), text("message"))
    };
    run.text().lines().map(finding).collect()
}

fn found(run: &Run) -> Vec<String> {
    findings(run).into_iter().map(|(finding, _)| finding.join(" ")).collect()
}

/// The names of what lies in a directory.
fn names(pipeline: &Pipeline) -> Vec<String> {
    let entries = std::fs::read_dir(pipeline.path()).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn each_job_is_looked_at_and_nothing_moves() {
    let truto = Truto::start(Simulator::new().with_records(10));
    let jobs = "jobs:\n  - {name: lake, to: parquet, out: a/lake, checkpoint: kept}\n  - {name: lines, to: ndjson, \
                out: lines, on-error: dead-letter, dead-letter: letters}\n";
    let pipeline = Pipeline::new(&(defaults(&truto) + jobs));
    let got = run(pipeline.run().args(["--check", "--json"]));
    assert_eq!((got.code, got.stderr.as_str()), (Some(0), ""));
    let of = |job: &str, what: &[&str]| -> Vec<String> {
        what.iter().map(|what| format!("{job} {what} ok")).collect()
    };
    let lake = of("lake", &["token", "accounts", "licenses", "out", "checkpoints"]);
    let lines = of("lines", &["token", "accounts", "licenses", "out", "dead letters"]);
    assert_eq!(found(&got), [lake, lines].concat());
    assert_eq!(names(&pipeline), ["pipeline.yaml"]);
    assert_eq!(truto.requests_for_licenses(), 0);

    // For people a line each, and none but what is wrong if they want it so.
    let got = run(pipeline.run().arg("--check"));
    assert_eq!(got.text().lines().count(), 10);
    assert!(
        got.text().starts_with("ok       lake: token        http://127.0.0.1:"),
        "{}",
        got.text()
    );
    assert_eq!(run(pipeline.run().args(["--check", "--quiet"])).text(), "");

    // The command says the same of the same flags.
    let mut check = truto.command("check");
    let url = truto.url();
    check = {
        let mut command = std::process::Command::new(check.get_program());
        command.current_dir(pipeline.path()).env("TRUTO_API_TOKEN", TOKEN);
        command.args(["check", "parquet", "--out", "a/lake", "--checkpoint", "kept", "--json"]);
        command.args(["--base-url", &url, "--account", truto.account(), "--no-lookup"]);
        command
    };
    let got = run(&mut check);
    assert_eq!(got.code, Some(0), "{}", got.stderr);
    let own: Vec<_> = found(&got).iter().map(|finding| format!("lake{finding}")).collect();
    assert_eq!(own, of("lake", &["token", "accounts", "licenses", "out", "checkpoints"]));
}

#[test]
fn what_is_wrong_is_told_of_each_job_with_the_worst_exit() {
    let truto = Truto::start(Simulator::new().with_records(10));
    let jobs = "jobs:
  - {name: token, to: ndjson, out: lines, token-file: other}
  - {name: away, to: ndjson, out: lines-of-away, base-url: 'http://127.0.0.1:1'}
  - {name: nobody, to: ndjson, out: lines-of-nobody, account: 00000000-0000-4000-8000-000000000000}
  - {name: place, to: parquet, out: file/lake}
  - {name: nowhere, to: ndjson, out: no/such/lines}
  - {name: columns, to: parquet, out: lake, format: raw}
";
    let pipeline = Pipeline::new(&(defaults(&truto) + jobs));
    for (name, text) in [("other", "another-token"), ("file", "")] {
        std::fs::write(pipeline.path().join(name), text).unwrap();
    }
    let got = run(pipeline.run().args(["--check", "--json"]));
    assert_eq!(got.code, Some(2), "{}", got.stderr);
    let failed: Vec<_> =
        findings(&got).into_iter().filter(|(finding, _)| finding[2] == "failed").collect();
    let told: Vec<_> = failed.iter().map(|(finding, _)| finding[..2].join(" ")).collect();
    let wanted = [
        "token token",
        "away token",
        "nobody accounts",
        "place out",
        "nowhere out",
        "columns settings",
    ];
    assert_eq!(told, wanted);
    for ((_, message), what) in failed.iter().zip([
        "look at TRUTO_API_TOKEN or --token-file",
        "cannot be connected to",
        "there is no such account",
        "file/lake cannot be written to",
        "no/such/lines cannot be written to",
        "raw",
    ]) {
        assert!(message.contains(what), "{what}: {message}");
    }
    assert_eq!(names(&pipeline), ["file", "other", "pipeline.yaml"]);
    for (job, code) in [("token", 3), ("away", 3), ("nobody", 1), ("place", 1)] {
        assert_eq!(run(pipeline.run().args(["--check", "--job", job])).code, Some(code), "{job}");
    }
}

#[test]
fn an_api_that_cannot_be_asked_is_asked_for_one_job_only() {
    let jobs = "defaults: {token-account: true, base-url: 'http://127.0.0.1:1'}\njobs:\n  - {name: one, to: ndjson, out: one}\n  \
                - {name: two, to: ndjson, out: two}\n  - {name: three, to: ndjson, out: three, base-url: 'http://127.0.0.1:2'}\n";
    let got = run(Pipeline::new(jobs).run().args(["--check", "--json", "--quiet"]));
    assert_eq!((got.code, got.stderr.as_str()), (Some(3), ""), "{}", got.text());
    let failed: Vec<_> =
        findings(&got).into_iter().filter(|(finding, _)| finding[2] == "failed").collect();
    let told = |place: usize| failed[place].1.as_str();
    assert_eq!(failed.len(), 3);
    assert!(told(0).contains("127.0.0.1:1 cannot be connected to"), "{}", told(0));
    // Not as often as a run would.
    assert!(told(0).contains("3 times"), "{}", told(0));
    assert_eq!(told(1), format!("{} (found for job one, and not asked again)", told(0)));
    assert!(told(2).contains("127.0.0.1:2 ") && !told(2).contains("job one"), "{}", told(2));

    // What is waited for is told, unless nobody wants to know.
    let got = run(Pipeline::new(jobs).run().args(["--check", "--job", "one", "-v"]));
    assert!(got.stderr.contains("retry 1 of 2 in "), "{}", got.stderr);
}

#[test]
fn a_log_is_written_of_a_check() {
    let truto = Truto::start(Simulator::new().with_records(10));
    let directory = tempfile::tempdir().unwrap();
    let topic = topic("check-log");
    let kafka = ["--brokers", &bootstrap(), "--topic", &topic];
    for (to, flags) in [("parquet", &["--out", "lake"][..]), ("kafka", &kafka), ("ndjson", &[])] {
        let mut command = std::process::Command::new(truto.command("check").get_program());
        command.current_dir(directory.path()).env("TRUTO_API_TOKEN", TOKEN);
        command.args(["check", to, "--base-url", &truto.url(), "--account", truto.account()]);
        let got = run(command.args(flags).args(["--log-format", "json", "-vv"]));
        let events: Vec<Value> =
            got.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(got.code, Some(0), "{}{}", got.text(), got.stderr);
        assert!(events.iter().any(|event| event["message"] == "request"), "{to}: {events:?}");
        // The log has a form of its own: what was found is what --json says.
        let is_line = |line: &str| line.starts_with("ok ") || line.starts_with("warning ");
        assert!(got.text().lines().all(is_line), "{}", got.text());
        let got = run(command.arg("--json"));
        assert!(findings(&got).len() >= 3, "{}", got.text());
        let help = run(license_stream().args(["check", to, "-h"]));
        let told = ["Print each thing that was found as a JSON object", "What was found is on"];
        let help = help.text().split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(told.iter().all(|told| help.contains(told)), "{help}");
    }
}

#[test]
fn a_bucket_is_written_to_and_left_as_it_was() {
    let truto = Truto::start(Simulator::new().with_records(10));
    let bucket = Bucket::make("check");
    let text = |url: &str| {
        format!("{}jobs:\n  - {{name: lake, to: parquet, out: '{url}'}}\n", defaults(&truto))
    };
    let pipeline = Pipeline::new(&text(&bucket.url()));
    let mut command = pipeline.run();
    let got = run(s3::settings(&mut command, &endpoint()).args(["--check", "--json"]));
    assert_eq!(got.code, Some(0), "{}{}", got.text(), got.stderr);
    assert_eq!(found(&got).last().map(String::as_str), Some("lake out ok"));
    let copy = tempfile::tempdir().unwrap();
    bucket.get(&copy.path().join("lake"));
    assert!(!copy.path().join("lake").exists(), "{}", s3(&endpoint(), &["uploads", "x"]));

    let pipeline = Pipeline::new(&text("s3://there-is-no-such-bucket/a"));
    let mut command = pipeline.run();
    let got = run(s3::settings(&mut command, &endpoint()).args(["--check", "--json"]));
    assert_eq!(got.code, Some(1), "{}", got.text());
    let (finding, message) = findings(&got).pop().unwrap();
    assert_eq!(finding, ["lake", "out", "failed"].map(str::to_owned));
    assert!(message.contains("NoSuchBucket"), "{message}");
}

#[test]
fn a_bucket_that_minds_no_conditions_is_told_of_and_its_object_removed() {
    let missing = || say("404 Not Found", "", "<Error><Code>NoSuchKey</Code></Error>");
    let put = || say("200 OK", "ETag: \"1\"\r\n", "");
    let careless = Replies::of(vec![missing(), put(), put(), say("204 No Content", "", "")]);
    let pipeline =
        Pipeline::new("jobs:\n  - {name: lake, to: parquet, out: 's3://bucket/a', input: body}\n");
    std::fs::write(pipeline.path().join("body"), "").unwrap();
    let mut command = pipeline.run();
    let got = run(s3::settings(&mut command, &careless.url()).args(["--check", "--json"]));
    assert_eq!(got.code, Some(2), "{}", got.text());
    assert!(got.text().contains("s3://bucket/a keeps no conditional puts"), "{}", got.text());
    let heads: Vec<_> = careless.requests().into_iter().map(|request| request.head).collect();
    for (head, method) in heads.iter().zip(["GET", "PUT", "PUT"]) {
        let begin = format!("{method} /bucket/a/_license-stream/check-");
        assert!(head.starts_with(&begin), "{heads:?}");
    }
    assert!(heads.len() == 4 && heads[3].starts_with("POST /bucket?delete "), "{heads:?}");
}

#[test]
fn the_example_is_ready_to_run_where_its_servers_are() {
    let truto = Truto::start(Simulator::new().with_records(10).with_accounts(2));
    let text = std::fs::read_to_string(root().join("examples/pipeline.yaml")).unwrap();
    let pipeline = Pipeline::new(&text);
    let topic = topic("example");
    let with = |arguments: &[&str]| {
        let mut command = pipeline.run();
        command.env("TRUTO_BASE_URL", truto.url()).env("BROKERS", bootstrap()).env("TOPIC", &topic);
        run(command.args(arguments))
    };
    let got = with(&["--check", "--json"]);
    assert_eq!(got.code, Some(0), "{}{}", got.text(), got.stderr);
    let found = found(&got);
    for finding in ["lake token ok", "lake out ok", "feed brokers ok", "feed topic ok"] {
        assert!(found.iter().any(|it| it == finding), "{finding}: {found:?}");
    }
    let got = with(&["--json"]);
    assert_eq!(got.code, Some(0), "{}{}", got.text(), got.stderr);
    let summary: Value = serde_json::from_str(got.text()).unwrap();
    for job in summary["jobs"].as_array().unwrap() {
        assert_eq!(job["summary"]["records"], 20, "{summary}");
    }
}
