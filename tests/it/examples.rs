//! The examples do what their headers say. `cargo test` builds them; `cargo test --test it` does not.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use license_stream::simulate::{DEFAULT_TOKEN, LicenseGenerator, RunningSimulator, Simulator};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::support::compress::Form;
use crate::support::process::kill;
use crate::support::replies::{Answer, Replies, say};
use crate::support::{command, kafka, python, s3};

/// A Truto API that lives as long as this does.
struct Truto {
    simulator: RunningSimulator,
    licenses: LicenseGenerator,
    _runtime: Runtime,
}

impl Truto {
    fn start(simulator: Simulator) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let licenses = simulator.licenses(&simulator.accounts()[0]);
        let simulator = runtime.block_on(async { simulator.start() });
        let simulator = simulator.expect("a free port");
        Self { simulator, licenses, _runtime: runtime }
    }

    fn account(&self) -> &str {
        &self.simulator.accounts()[0]
    }

    /// The license at `index`: its text, and what it says.
    fn license(&self, index: u64) -> (String, Value) {
        let mut text = Vec::new();
        self.licenses.append(index, &mut text);
        let text = String::from_utf8(text).expect("licenses are UTF-8");
        let value = serde_json::from_str(&text).expect("licenses are JSON");
        (text, value)
    }

    /// An example that asks this API.
    fn example(&self, name: &str) -> Command {
        let mut command = example(name);
        command
            .env("TRUTO_BASE_URL", self.simulator.base_url())
            .env("TRUTO_API_TOKEN", DEFAULT_TOKEN)
            .arg(self.account());
        command
    }
}

/// An example as it was built, in the surroundings that the command gets in its tests.
fn example(name: &str) -> Command {
    let path = Path::new(env!("CARGO_BIN_EXE_license-stream"));
    let path = path.with_file_name("examples").join(name);
    assert!(
        path.exists(),
        "{} is not there: run `cargo build --features cli --examples` first, or all of `cargo test`",
        path.display()
    );
    let mut command = Command::new(path);
    for (variable, value) in command::license_stream().get_envs() {
        match value {
            Some(value) => command.env(variable, value),
            None => command.env_remove(variable),
        };
    }
    command
}

/// A new topic that brokers and clients know of.
fn existing_topic() -> String {
    let topic = kafka::topic("examples");
    let ask = || {
        let output = Command::new("kcat")
            .args(["-L", "-b", &kafka::bootstrap(), "-t", &topic])
            .output()
            .expect("kcat, which scripts/prerequisites.sh installs");
        String::from_utf8_lossy(&output.stdout).contains("partition 0, leader")
    };
    // Asking for it makes the broker create it, which takes a moment.
    let exists = (0..100).any(|_| {
        let exists = ask();
        if !exists {
            std::thread::sleep(Duration::from_millis(50));
        }
        exists
    });
    assert!(exists, "topic {topic} was not created");
    topic
}

fn lines(bytes: &[u8]) -> Vec<String> {
    let text = std::str::from_utf8(bytes).expect("examples print UTF-8");
    text.lines().map(str::to_owned).collect()
}

#[test]
fn print_stream_prints_each_license() {
    let truto = Truto::start(Simulator::new().with_records(300));
    let output = truto.example("print_stream").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let lines = lines(&output.stdout);
    assert_eq!(lines.len(), 300);
    for (index, line) in lines.iter().enumerate() {
        let (_, license) = truto.license(index as u64);
        let id = format!("{:?} ", license["id"].as_str().unwrap());
        let assigned = license["assigned_quantity"].as_f64();
        let assigned = format!(": {} of ", assigned.map_or("?".to_owned(), |n| n.to_string()));
        assert!(line.starts_with(&id) && line.contains(&assigned), "{line}\n{license}");
    }
}

#[test]
fn print_stream_fails_if_the_api_does() {
    let truto = Truto::start(Simulator::new().with_records(300).with_error_after(100));
    let output = truto.example("print_stream").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(lines(&output.stdout).len(), 100);
    let error = &lines(&output.stderr)[0];
    assert!(error.contains("the API reported an error in the body"), "{output:?}");
}

#[test]
fn http_to_parquet_writes_files_that_others_read() {
    let truto = Truto::start(Simulator::new().with_records(2000));
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("lake");
    let output = truto.example("http_to_parquet").arg(&out).output().unwrap();
    assert!(output.status.success(), "{output:?}");

    let printed = lines(&output.stdout);
    assert_eq!(printed.last().map(String::as_str), Some("2000 licenses, 0 rejected"));
    assert!(printed[0].contains(".parquet: 2000 rows, "), "{printed:?}");

    for engine in python::ENGINES {
        let rows = python::parquet_rows(engine, &out);
        assert_eq!(rows.len(), 2000, "{engine}");
        for (index, row) in rows.iter().enumerate() {
            let (_, license) = truto.license(index as u64);
            for field in ["id", "name", "status", "is_paid"] {
                let wanted = license.get(field).unwrap_or(&Value::Null);
                assert_eq!(&row[field], wanted, "{engine}, row {index}, {field}");
            }
            assert_eq!(row["remote_data"], Value::Null, "{engine}, row {index}");
            assert_eq!(row["_integrated_account_id"], truto.account(), "{engine}, row {index}");
        }
    }
}

#[test]
fn http_to_kafka_delivers_each_license_once() {
    let truto = Truto::start(Simulator::new().with_records(2000));
    let topic = existing_topic();
    let output = truto
        .example("http_to_kafka")
        .arg(&topic)
        .env("KAFKA_BOOTSTRAP_SERVERS", kafka::bootstrap())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(lines(&output.stdout), ["2000 licenses acknowledged, 0 rejected"]);

    assert_has_each_once(&topic, &truto, 2000);
}

/// Makes sure that who reads what is committed sees each of the first `count` licenses once, as it came.
fn assert_has_each_once(topic: &str, truto: &Truto, count: usize) {
    let mut messages: Vec<_> = python::topic_messages(topic)
        .into_iter()
        .map(|message| {
            let position = message["headers"].as_array().unwrap().iter().find_map(|header| {
                (header[0] == "truto-position").then(|| header[1].as_str().unwrap().to_owned())
            });
            (position.unwrap().parse::<u64>().unwrap(), message)
        })
        .collect();
    messages.sort_by_key(|(position, _)| *position);
    assert_eq!(messages.len(), count);
    for (index, (_, message)) in messages.iter().enumerate() {
        let (text, license) = truto.license(index as u64);
        let key = format!("{}:{}", truto.account(), license["id"].as_str().unwrap());
        assert_eq!(message["key"], json!(key));
        assert_eq!(message["value"], json!(text));
    }
}

#[test]
fn kafka_exactly_once_shows_each_license_once_whenever_it_is_killed() {
    let count = 10_000;
    // Held before the end, no run is complete before it is killed.
    let truto = Truto::start(Simulator::new().with_records(count).with_hold_after_records(9_000));
    let topic = existing_topic();
    let start = || {
        let mut command = truto.example("kafka_exactly_once");
        command.arg(&topic).arg("200000").env("KAFKA_BOOTSTRAP_SERVERS", kafka::bootstrap());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    // However busy the machine is, one run has committed something before it is killed.
    let mut child = start();
    let begun = Instant::now();
    while python::topic_messages(&topic).is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(120), "nothing is committed");
        std::thread::sleep(Duration::from_millis(100));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..8 {
        let mut child = start();
        // On two busy cores a run takes a second or two.
        std::thread::sleep(Duration::from_millis(random.u64(100..1_500)));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    truto.simulator.release();
    let output = start().wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_has_each_once(&topic, &truto, count as usize);
    let committed = lines(&output.stdout)[0].split_once(' ').unwrap().0.parse::<u64>().unwrap();
    assert!(committed < count, "runs that were killed had committed some");
}

#[test]
fn push_decoder_reads_a_recorded_body() {
    let licenses = LicenseGenerator::new(0, "recorded");
    let mut body = Vec::new();
    licenses.write_ndjson(0..10_000, &mut body).unwrap();
    body.extend_from_slice(b"{\"id\":}\n{\"id\":\"last\",\"assigned_quantity\":0.5}");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("body.ndjson");
    std::fs::write(&path, &body).unwrap();

    let output = example("push_decoder").arg(&path).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let printed = lines(&output.stdout);
    let (batches, end) = printed.split_at(printed.len() - 1);
    let count = |line: &String| line.split_once(' ').unwrap().0.parse::<u64>().unwrap();
    assert!(batches.len() > 1, "{printed:?}");
    assert_eq!(batches.iter().map(count).sum::<u64>(), 10_001);
    assert_eq!(end[0], format!("read to byte {}, line 10002, record 10002", body.len()));
    let rejected = lines(&output.stderr);
    assert_eq!(rejected.len(), 1, "{rejected:?}");
    assert!(rejected[0].ends_with(", line 10001, record 10000"), "{rejected:?}");
}

#[test]
fn own_sink_writes_a_table_that_others_read() {
    let truto = Truto::start(Simulator::new().with_records(2000));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("seats.csv");
    let output = truto.example("own_sink").arg(&path).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(lines(&output.stdout), [format!("2000 licenses in {}", path.display())]);

    let read = "import csv, json, sys; print(json.dumps(list(csv.DictReader(open(sys.argv[1], newline='')))))";
    let output = python::python().args(["-c", read]).arg(&path).output().unwrap();
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout).expect("a table");
    assert_eq!(rows.len(), 2000);
    for (index, row) in rows.iter().enumerate() {
        let (_, license) = truto.license(index as u64);
        assert_eq!(row["id"], license["id"], "row {index}");
        assert_eq!(row["name"], license["name"].as_str().unwrap_or_default(), "row {index}");
        let written = row["assigned"].as_str().unwrap().parse::<f64>().ok();
        assert_eq!(written, license["assigned_quantity"].as_f64(), "row {index}");
    }
}

#[test]
fn own_sink_fails_where_the_body_was_cut_and_keeps_what_came() {
    let truto = Truto::start(Simulator::new().with_records(300).with_error_after(100));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("seats.csv");
    let output = truto.example("own_sink").arg(&path).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(std::fs::read_to_string(path).unwrap().lines().count(), 101);
}

#[test]
fn a_sink_of_ones_own_takes_less_than_40_lines() {
    let text = std::fs::read_to_string(python::root().join("examples/own_sink.rs")).unwrap();
    let [_, sink, _] = text.split("// [sink]").collect::<Vec<_>>()[..] else { panic!("{text}") };
    assert!(sink.contains("impl Sink for CsvSink") && sink.contains("struct CsvSink"), "{sink}");
    // What follows the first mark is a remark.
    let code = sink.lines().skip(1).filter(|line| !line.trim().is_empty());
    let code = code.filter(|line| !line.trim_start().starts_with("//")).count();
    assert!((20..40).contains(&code), "{code} lines");
}

/// The example `own_source` before the store at `endpoint`.
fn own_source(from: &str, endpoint: &str, out: &Path) -> Command {
    let mut command = example("own_source");
    s3::settings(&mut command, endpoint).arg(from).arg(out);
    command
}

#[test]
fn own_source_reads_an_object_and_tells_of_its_progress() {
    let licenses = LicenseGenerator::new(0, "recorded");
    let mut body = Vec::new();
    licenses.write_ndjson(0..5_000, &mut body).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let bucket = s3::Bucket::make("own-source");
    for (key, recorded) in [("plain.ndjson", body.clone()), ("a/b.zst", Form::Zstd.compress(&body))]
    {
        let file = directory.path().join("recorded");
        std::fs::write(&file, recorded).unwrap();
        bucket.put(key, &file);
        let out = directory.path().join(key);
        let from = format!("s3://{}/{key}", bucket.name());
        let output = own_source(&from, &s3::endpoint(), &out).arg("100000").output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert_eq!(lines(&output.stdout), ["5000 licenses in 1 files"]);
        let told = lines(&output.stderr);
        let last = format!("{} bytes, 5000 licenses", body.len());
        assert_eq!(told.last(), Some(&last), "{told:?}");
        let rows =
            python::agreed(&python::PARQUET_READERS, |engine| python::parquet_lines(engine, &out));
        assert_eq!(rows.len(), 5_000);
    }
    let missing = format!("s3://{}/missing", bucket.name());
    let output = own_source(&missing, &s3::endpoint(), &directory.path().join("lake"));
    let output = { output }.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(!directory.path().join("lake").exists());
}

#[test]
fn own_source_that_is_stopped_keeps_what_came() {
    let licenses = LicenseGenerator::new(0, "recorded");
    let mut body = Vec::new();
    licenses.write_ndjson(0..100, &mut body).unwrap();
    // Of two pieces, of which the second does not come.
    let (length, last) = (body.len(), body.len() - 1);
    let facts = "ETag: \"1\"\r\nLast-Modified: Thu, 26 Nov 2026 12:00:00 GMT\r\n";
    let head = format!(
        "HTTP/1.1 200 OK\r\n{facts}Connection: close\r\nContent-Length: {}\r\n\r\n",
        2 * length
    );
    let range = format!("{facts}Content-Range: bytes 0-{last}/{}\r\n", 2 * length);
    let text = std::str::from_utf8(&body).unwrap();
    let first = say("206 Partial Content", &range, text);
    let store = Replies::of(vec![Answer::Say(head.into_bytes()), first, Answer::Silence]);
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("lake");
    let mut command = own_source("s3://bucket/body.ndjson", &store.url(), &out);
    command.arg(length.to_string());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let read = format!("{} bytes, ", body.len());
    assert!(told.any(|line| line.starts_with(&read)), "it is told once a second");
    assert!(kill("INT", child.id()));
    let rest: Vec<_> = told.collect();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{rest:?}");
    assert_eq!(lines(&output.stdout), ["100 licenses in 1 files"]);
    assert!(
        rest.iter().any(|line| line == "Error: stopped: the snapshot is not complete"),
        "{rest:?}"
    );
    assert_eq!(
        python::agreed(&python::PARQUET_READERS, |engine| python::parquet_lines(engine, &out))
            .len(),
        100
    );
}
