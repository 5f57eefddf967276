//! What is produced of each license, and into which topics.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args as ClapArgs, ValueEnum};
use license_stream::sink::kafka::DEFAULT_MAX_TOPICS;

/// What is produced of each license. Texts are parsed later, so that what is wrong with them is told in one
/// way.
#[derive(Clone, Debug, ClapArgs)]
#[command(next_help_heading = "Records")]
pub(crate) struct RecordArgs {
    /// Key of a record: `none`, or a text with {name} for a field of the license that is a single value,
    /// or for integrated_account_id, integration or snapshot_id; {name|text} where it may be missing, and
    /// {{ or }} for a brace. If it is not given, {integrated_account_id}:{id}, or {id} where no account
    /// is known
    #[arg(long, value_name = "TEMPLATE")]
    pub(crate) key: Option<String>,
    /// Which headers a record has; with --cloud-events none of these, unless this says so
    #[arg(long, value_enum)]
    pub(crate) headers: Option<HeadersArg>,
    /// A further header, the same for all records; may be repeated
    #[arg(long = "header", value_name = "NAME=VALUE")]
    pub(crate) further: Vec<String>,
    /// Make each record an event of CloudEvents 1.0, in binary mode: headers ce_id, ce_source, ce_type,
    /// ce_specversion, ce_time and content-type
    #[arg(long)]
    pub(crate) cloud_events: bool,
    /// Make a tombstone, a null value, of a license in which a field has this value, so that a compacted
    /// topic forgets its key; may be repeated
    #[arg(long, value_name = "FIELD=VALUE")]
    pub(crate) tombstone_on: Vec<String>,
}

/// `--headers`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum HeadersArg {
    /// None: fewest bytes, and fastest
    None,
    /// truto-snapshot, and truto-position: the byte of the body at which the record begins
    Default,
    /// These, truto-account, content-type, and truto-schema-id where there is one
    All,
}

/// The topics that records go to.
#[derive(Clone, Debug, ClapArgs)]
#[command(next_help_heading = "Topics")]
pub(crate) struct TopicArgs {
    /// How many topics a template of --topic may make; the run ends before one more
    #[arg(long, value_name = "N", default_value_t = DEFAULT_MAX_TOPICS as u64,
        value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub(crate) max_topics: u64,
    /// Make a topic that is missing: partitions=N, replication=N and config=NAME=VALUE, separated by
    /// commas, each only if wanted; '' for the brokers' defaults. Otherwise it must be there, unless
    /// brokers make topics by themselves
    #[arg(long, value_name = "HOW")]
    pub(crate) create_topic: Option<String>,
}

/// `--dead-letter`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DeadLetterArg {
    File(PathBuf),
    /// A topic; beside that of the records if no name is given.
    Topic(Option<String>),
}

impl FromStr for DeadLetterArg {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let topic = text.strip_prefix("topic:").or_else(|| text.strip_prefix("kafka:"));
        Ok(match topic {
            Some("") => Self::Topic(None),
            Some(name) => Self::Topic(Some(name.to_owned())),
            None => Self::File(text.into()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_letter_destination_is_a_topic_only_if_it_says_so() {
        for (text, expected) in [
            ("topic:", DeadLetterArg::Topic(None)),
            ("kafka:x.dlq", DeadLetterArg::Topic(Some("x.dlq".to_owned()))),
            ("topic.ndjson", DeadLetterArg::File("topic.ndjson".into())),
            ("./topic:", DeadLetterArg::File("./topic:".into())),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
    }
}
