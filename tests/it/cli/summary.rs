//! The summary of a run, for people and for machines.

use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use expect_test::expect_file;
use license_stream::simulate::Simulator;
use serde_json::Value;

use super::BROKEN;
use crate::support::command::license_stream;
use crate::support::kafka;
use crate::support::process::{Run, run, run_with_input, start};
use crate::support::scripted::{Refusing, Scripted, response};
use crate::support::truto::{Truto, api_command};

const TWO: &[u8] = b"{\"id\":\"1\"}\n{\"id\":\"2\"}\n";

/// What the names of runs that write to a file end in.
const FILES: [&str; 2] = ["to a file", "is typed"];

/// Runs that end in each way, each with its name.
struct Runs {
    runs: Vec<(&'static str, Run)>,
    /// What is another one each time.
    port: String,
    topic: String,
}

impl Runs {
    /// The text without what differs from time to time.
    fn stable(&self, text: &str) -> String {
        text.replace(&self.port, "PORT").replace(&self.topic, "TOPIC")
    }
}

/// Makes the runs, with `flags` added to all of them.
fn runs(flags: &[&str], directory: &Path) -> Runs {
    let input = |verb: &str, more: &[&str], body: &[u8]| {
        let mut command = license_stream();
        command.args([verb, "--input", "-"]).args(more).args(flags).current_dir(directory);
        run_with_input(&mut command, body)
    };
    let api = |mut command: Command| run(command.args(flags).current_dir(directory));
    let plan = Simulator::new().with_records(3);
    let whole = Truto::start(plan.clone());
    let cut = Truto::start(plan.clone().with_cut_after(1000));
    let topic = kafka::topic("summary");
    let brokers = kafka::bootstrap();
    let skip = ["--on-error", "skip"];
    let unexpected = b"{\"id\":\"1\",\"is_paid\":\"yes\",\"re\\u001b[31mgion\":1}\n\
        {\"id\":\"2\",\"is_paid\":1,\"name\":[]}\n";
    let refusing = Refusing::take();
    let port = refusing.port().to_string();
    let refusing = format!("http://127.0.0.1:{port}");
    let mut unreachable = api_command("ndjson", &refusing, "62f44730-dd91-461e-bd6a-aedd9e0ad79d");
    unreachable.arg("--retries=1");
    let missing = Scripted::answer(response("404 Not Found", "", "{\"message\":\"not here\"}"));
    let runs = vec![
        ("ndjson, done", api(whole.command("ndjson"))),
        ("ndjson, done, to a file", {
            let mut command = whole.command("ndjson");
            command.args(["--out", "licenses.ndjson"]);
            api(command)
        }),
        ("ndjson, of an account whose integration is typed", {
            let mut command = whole.command("ndjson");
            command.args(["--integration", "zoom", "--out", "of-zoom.ndjson"]);
            api(command)
        }),
        ("ndjson, one license of a recorded body", input("ndjson", &[], b"{\"id\":\"1\"}\n")),
        ("ndjson, rejected", input("ndjson", &skip, BROKEN)),
        ("ndjson, failed at a record", input("ndjson", &[], BROKEN)),
        ("ndjson, failed at a cut", {
            let mut command = cut.command("ndjson");
            command.arg("--retries=0");
            api(command)
        }),
        (
            "ndjson, refused",
            api(api_command("ndjson", &missing.url(), "62f44730-dd91-461e-bd6a-aedd9e0ad79d")),
        ),
        ("ndjson, unreachable", api(unreachable)),
        ("ndjson, interrupted", interrupted(&plan, flags)),
        ("parquet, done", input("parquet", &["--out", "lake", "--account", "a"], TWO)),
        ("parquet, values kept in _extra", input("parquet", &["--out", "lake"], unexpected)),
        ("parquet, failed at a record", input("parquet", &["--out", "lake"], BROKEN)),
        (
            "kafka, rejected",
            input("kafka", &["--brokers", &brokers, "--topic", &topic, skip[0], skip[1]], BROKEN),
        ),
    ];
    Runs { runs, port, topic }
}

/// Stopped by SIGINT behind the first of its licenses.
fn interrupted(plan: &Simulator, flags: &[&str]) -> Run {
    let truto = Truto::start(plan.clone().with_hold_after_records(1));
    let mut running = start(truto.command("ndjson").args(flags).stdin(Stdio::null()));
    assert_eq!(running.line(), truto.licenses(0..1));
    running.signal("INT");
    running.finish()
}

/// What stands between `before` and `after`, wherever they do, made the same.
fn blank(text: &str, before: &str, after: &[char], with: &str) -> String {
    let mut blanked = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(before) {
        let (head, tail) = rest.split_at(at + before.len());
        blanked += head;
        blanked += with;
        rest = &tail[tail.find(after).unwrap()..];
    }
    blanked + rest
}

#[test]
fn machines_get_one_object() {
    let directory = tempfile::tempdir().unwrap();
    let mut golden = String::new();
    let runs = runs(&["--json"], directory.path());
    for (name, run) in &runs.runs {
        // Where the data goes to standard output, the summary is the last line of the other one.
        let data_on_stdout =
            name.starts_with("ndjson") && !FILES.iter().any(|end| name.ends_with(end));
        let line = if data_on_stdout { run.stderr.lines().last().unwrap() } else { run.text() };
        let object: Value = serde_json::from_str(line).unwrap_or_else(|error| {
            panic!("{name}: {error}: {line}");
        });
        let snapshot = object["snapshots"][0]["snapshot_id"].as_str().unwrap();
        let mut line = line.trim_end().replace(snapshot, "SNAPSHOT");
        line = blank(&line, "\"elapsed_seconds\":", &[','], "SECONDS");
        if name.starts_with("parquet") {
            line = blank(&line, "\"bytes_written\":", &[','], "BYTES");
        }
        writeln!(golden, "{name} → {}\n{}", run.code.unwrap(), runs.stable(&line)).unwrap();
    }
    expect_file!["../../golden/summary-json.txt"].assert_eq(&golden);
}

#[test]
fn more_unknown_fields_than_have_names_are_counted() {
    let directory = tempfile::tempdir().unwrap();
    let fields: Vec<_> = (0..150).map(|field| format!("\"x{field}\":1")).collect();
    let body = format!("{{\"id\":\"1\",{}}}\n", fields.join(","));
    let mut command = license_stream();
    command
        .args(["parquet", "--input", "-", "--out", "lake", "--json"])
        .current_dir(directory.path());
    let run = run_with_input(&mut command, body.as_bytes());
    let summary: Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(summary["fields_unknown"].as_object().map(serde_json::Map::len), Some(100));
    assert_eq!(summary["fields_unknown_total"], 150);
}

#[test]
fn people_get_a_sentence() {
    let directory = tempfile::tempdir().unwrap();
    let mut golden = String::new();
    let runs = runs(&[], directory.path());
    for (name, run) in &runs.runs {
        let mut text = blank(&run.stderr, " read in ", &['\n'], "… s (…/s)");
        if name.starts_with("parquet") {
            text = blank(&text, " file of ", &['i'], "… ");
            assert_eq!(run.text(), "");
        }
        writeln!(golden, "{name} → {}\n{}", run.code.unwrap(), runs.stable(&text)).unwrap();
    }
    assert!(golden.chars().all(|character| character == '\n' || !character.is_control()));
    expect_file!["../../golden/summary-text.txt"].assert_eq(&golden);
}
