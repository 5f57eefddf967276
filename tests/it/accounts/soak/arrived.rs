//! What has come to a destination, by account, and what was to come there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::parquet::oracle;
use crate::support::body::{id, records};
use crate::support::kafka;
use crate::support::python::{header, parquet_lines, topic_messages};

/// Where the licenses of a run go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Destination {
    Files,
    Parquet,
    Kafka,
    Stdout,
    KafkaExactlyOnce,
}

/// A destination of one run.
pub(super) enum Outlet {
    Files(PathBuf),
    Parquet(PathBuf),
    Topic(String),
    Stdout,
}

/// What the summary has of an account.
#[derive(Debug)]
pub(super) struct Entry(pub(super) Value);

impl Entry {
    pub(super) fn outcome(&self) -> &str {
        self.0["outcome"].as_str().expect("an outcome")
    }

    /// The kind of its error, or the reason why it was not read.
    pub(super) fn why(&self) -> Option<&str> {
        self.0["error"]["kind"].as_str().or(self.0["reason"].as_str())
    }

    pub(super) fn count(&self, name: &str) -> u64 {
        self.0[name].as_u64().expect("a count")
    }

    fn snapshot(&self) -> Option<&str> {
        self.0["snapshot_id"].as_str()
    }
}

impl Destination {
    pub(super) const ALL: [Self; 5] =
        [Self::Files, Self::Parquet, Self::Kafka, Self::Stdout, Self::KafkaExactlyOnce];

    pub(super) fn verb(self) -> &'static str {
        match self {
            Self::Files | Self::Stdout => "ndjson",
            Self::Parquet => "parquet",
            Self::Kafka | Self::KafkaExactlyOnce => "kafka",
        }
    }

    pub(super) fn is_stdout(self) -> bool {
        self == Self::Stdout
    }

    /// Lets `command` write here.
    pub(super) fn outlet(self, command: &mut Command, directory: &Path) -> Outlet {
        let path = directory.join("lake");
        match self {
            Self::Files => {
                command.arg("--out").arg(&path);
                Outlet::Files(path)
            }
            Self::Parquet => {
                command.arg("--out").arg(&path);
                Outlet::Parquet(path)
            }
            Self::Kafka | Self::KafkaExactlyOnce => {
                let topic = kafka::topic("soak");
                command.args(["--brokers", &kafka::bootstrap(), "--topic", &topic]);
                if self == Self::KafkaExactlyOnce {
                    command.args(["--delivery", "exactly-once"]);
                }
                Outlet::Topic(topic)
            }
            Self::Stdout => Outlet::Stdout,
        }
    }
}

impl Outlet {
    /// What has arrived of each account, in its last snapshot; `account_of` knows whose a license is.
    pub(super) fn arrived(
        &self,
        stdout: &[u8],
        entries: &BTreeMap<String, Entry>,
        account_of: impl Fn(&str) -> Option<String>,
    ) -> BTreeMap<String, Vec<String>> {
        let mut arrived: BTreeMap<String, Vec<String>> = BTreeMap::new();
        match self {
            Self::Files(directory) => {
                for entry in std::fs::read_dir(directory).unwrap() {
                    let path = entry.unwrap().path();
                    // What is not whole is there too, as `ACCOUNT.ndjson.partial`.
                    let name = path.file_name().unwrap().to_str().unwrap();
                    // What keeps a second run away is no account's.
                    if name.starts_with('.') {
                        continue;
                    }
                    let account = name.split_once('.').unwrap().0.to_owned();
                    let lines = std::fs::read(&path).unwrap();
                    arrived.insert(account, values(&lines));
                }
            }
            Self::Stdout => {
                for record in records(stdout) {
                    let account = account_of(&id(record.bytes));
                    let account = account.unwrap_or_else(|| "of nobody".to_owned());
                    arrived.entry(account).or_default().push(value(record.bytes));
                }
            }
            Self::Parquet(directory) => {
                for line in parquet_lines("duckdb", directory) {
                    let row = oracle::seen(&line);
                    let account = serde_json::from_str(&row["_integrated_account_id"]).unwrap();
                    arrived.entry(account).or_default().push(row_text(row));
                }
            }
            Self::Topic(topic) => {
                for message in topic_messages(topic) {
                    let account = message["key"].as_str().unwrap().split(':').next().unwrap();
                    let last = entries.get(account).and_then(Entry::snapshot);
                    if last == Some(header(&message, "truto-snapshot")) {
                        let text = message["value"].as_str().unwrap();
                        let account = arrived.entry(account.to_owned()).or_default();
                        account.push(value(text.as_bytes()));
                    }
                }
            }
        }
        arrived
    }

    /// What the license on `line` is to be here.
    pub(super) fn expected(&self, line: &[u8], account: &str, entry: &Entry) -> String {
        match self {
            Self::Parquet(_) => {
                let snapshot = entry.snapshot().expect("a snapshot that was begun");
                row_text(oracle::expected(line, Some(account), snapshot).0)
            }
            _ => value(line),
        }
    }

    /// These must be the same, in their order where there is one.
    pub(super) fn assert_same(
        &self,
        mut found: Vec<String>,
        mut expected: Vec<String>,
        told: &str,
    ) {
        // Over the partitions of a topic there is none.
        if matches!(self, Self::Topic(_)) {
            found.sort();
            expected.sort();
        }
        assert_eq!(found.len(), expected.len(), "{told}");
        for (place, (found, expected)) in found.iter().zip(&expected).enumerate() {
            assert_eq!(found, expected, "license {place} of {told}");
        }
    }
}

/// A row, whatever white space the texts of JSON in it came with.
fn row_text(mut row: oracle::Row) -> String {
    if let Some(remote_data) = row.get_mut("remote_data") {
        let text: Option<String> = serde_json::from_str(remote_data).unwrap();
        *remote_data = text.map_or_else(|| "null".to_owned(), |text| value(text.as_bytes()));
    }
    if let Some(extra) = row.get_mut("_extra") {
        extra.retain(|character| !character.is_ascii_whitespace());
    }
    format!("{row:?}")
}

/// A license, whatever white space it came with.
fn value(license: &[u8]) -> String {
    serde_json::from_slice::<Value>(license).unwrap().to_string()
}

fn values(lines: &[u8]) -> Vec<String> {
    records(lines).iter().map(|record| value(record.bytes)).collect()
}
