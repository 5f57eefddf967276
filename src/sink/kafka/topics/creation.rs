//! How a topic is made that is missing.

use std::str::FromStr;

use crate::error::{Error, ErrorKind, Result};

/// How a topic is made: written `partitions=6,replication=3,config=cleanup.policy=compact`, each part as
/// wanted, and `config` as often as wanted. What is left out is as brokers have it by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicCreation {
    /// Its partitions.
    pub partitions: Option<i32>,
    /// The replicas of each.
    pub replication: Option<i32>,
    /// Its configuration, by name.
    pub config: Vec<(String, String)>,
}

impl FromStr for TopicCreation {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text).map_err(|what| Error::new(ErrorKind::Configuration, what))
    }
}

impl TopicCreation {
    /// As a [`KafkaStore`](crate::sink::kafka::KafkaStore) makes its topic: compacted, of one partition.
    pub fn of_checkpoints() -> Self {
        Self {
            partitions: Some(1),
            config: vec![("cleanup.policy".to_owned(), "compact".to_owned())],
            ..Self::default()
        }
    }

    fn parse(text: &str) -> Result<Self, &'static str> {
        const WHAT: &str = "a topic is made with partitions=N, replication=N and config=NAME=VALUE, separated by commas";
        let mut creation = Self::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            match part.split_once('=') {
                Some(("partitions", count)) => creation.partitions = Some(positive(count)?),
                Some(("replication", count)) => creation.replication = Some(positive(count)?),
                Some(("config", setting)) => {
                    let (name, value) = setting.split_once('=').ok_or(WHAT)?;
                    creation.config.push((name.to_owned(), value.to_owned()));
                }
                Some(_) => return Err(WHAT),
                // A value that is a list, such as `compact,delete`.
                None => {
                    let (_, value) = creation.config.last_mut().ok_or(WHAT)?;
                    value.push(',');
                    value.push_str(part);
                }
            }
        }
        Ok(creation)
    }
}

fn positive(count: &str) -> Result<i32, &'static str> {
    match count.parse() {
        Ok(count) if count > 0 => Ok(count),
        _ => Err("partitions and replication are whole numbers above 0"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_read_in_any_order() {
        let config = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        for (text, expected) in [
            ("", TopicCreation::default()),
            ("partitions=6", TopicCreation { partitions: Some(6), ..TopicCreation::default() }),
            (
                "config=cleanup.policy=compact,delete, replication=3,config=retention.ms=-1",
                TopicCreation {
                    partitions: None,
                    replication: Some(3),
                    config: vec![
                        config("cleanup.policy", "compact,delete"),
                        config("retention.ms", "-1"),
                    ],
                },
            ),
        ] {
            assert_eq!(text.parse::<TopicCreation>().unwrap(), expected, "{text}");
        }
        for wrong in
            ["partitions", "partitions=0", "replication=x", "x=1", "config=a", "a,config=b=c"]
        {
            assert!(wrong.parse::<TopicCreation>().is_err(), "{wrong}");
        }
    }
}
