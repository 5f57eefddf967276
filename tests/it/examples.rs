//! The examples do what their headers say. `cargo test` builds them; `cargo test --test it` does not.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use license_stream::simulate::{DEFAULT_TOKEN, LicenseGenerator, RunningSimulator, Simulator};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::support::{command, kafka, python};

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
