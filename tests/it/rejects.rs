//! Records that are no licenses, on their way into Parquet files and into a topic.

mod body;
mod letters;
mod policy;

use std::collections::BTreeMap;
use std::process::Command;

use tempfile::TempDir;

use crate::support::command::license_stream;
use crate::support::kafka::{bootstrap, topic};
use crate::support::python::{parquet_rows, topic_messages};

/// A destination of licenses.
enum Sink {
    Parquet(TempDir),
    Kafka(String),
}

impl Sink {
    /// One of each kind, with nothing in it.
    fn all() -> [Self; 2] {
        [Self::Parquet(tempfile::tempdir().unwrap()), Self::Kafka(topic("rejects"))]
    }

    /// The command that writes into it.
    fn command(&self) -> Command {
        let mut command = license_stream();
        match self {
            Self::Parquet(out) => command.args(["parquet", "--out"]).arg(out.path()),
            Self::Kafka(topic) => {
                command.args(["kafka", "--brokers", &bootstrap(), "--topic", topic])
            }
        };
        command
    }

    /// The ids of the licenses in it, in the order of the body.
    fn ids(&self) -> Vec<String> {
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        match self {
            Self::Parquet(out) => {
                parquet_rows("pyarrow", out.path()).iter().map(|row| text(&row["id"])).collect()
            }
            Self::Kafka(topic) => {
                let mut found = BTreeMap::new();
                for message in topic_messages(topic) {
                    let position = message["headers"].as_array().unwrap().last().unwrap();
                    let byte: u64 = position[1].as_str().unwrap().parse().unwrap();
                    assert_eq!(found.insert(byte, text(&message["key"])), None);
                }
                found.into_values().collect()
            }
        }
    }
}
