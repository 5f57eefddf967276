//! What becomes of broken records, as it is typed.

use std::str::FromStr;

use clap::{Args as ClapArgs, ValueEnum};
use license_stream::pipeline::MaxRejects;

use super::{DeadLetterArg, Size};

/// What happens to records that are no licenses.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Broken records")]
pub(crate) struct RejectArgs {
    /// What to do with a record that is no license
    #[arg(long, value_enum, default_value_t = OnError::Fail)]
    pub(crate) on_error: OnError,
    /// File that dead letters are appended to, one JSON object a line. With `kafka` also a topic, as
    /// messages of their own: `topic:NAME`, or `topic:` for TOPIC.dlq
    #[arg(long, value_name = "DEST", required_if_eq("on_error", "dead-letter"))]
    pub(crate) dead_letter: Option<DeadLetterArg>,
    /// Fail with more rejects than this, by count (`100`) or by share of all records (`0.5%`)
    #[arg(long, value_name = "N|P%")]
    pub(crate) max_rejects: Option<RejectLimit>,
    /// Longest record, in bytes or with a unit, as 16MiB; a longer one is a reject and is not held in memory
    #[arg(long, value_name = "BYTES", default_value_t = Size(16 << 20),
        value_parser = Size::within(1..=1 << 30))]
    pub(crate) max_record_bytes: Size,
    /// How deep arrays and objects of a record may nest
    #[arg(long, value_name = "LEVELS", default_value_t = 128,
        value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) max_depth: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnError {
    /// End the run at the first one; the licenses before it are delivered
    Fail,
    /// Count it and go on
    Skip,
    /// Keep it where --dead-letter says and go on
    DeadLetter,
}

/// `--max-rejects`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RejectLimit(pub(crate) MaxRejects);

impl FromStr for RejectLimit {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WHAT: &str = "a number of records such as 100, or a share such as 0.5%";
        let limit = match text.strip_suffix('%') {
            None => MaxRejects::Count(text.parse().map_err(|_| WHAT)?),
            Some(percent) => match percent.trim().parse::<f64>() {
                Ok(percent) if (0.0..=100.0).contains(&percent) => {
                    MaxRejects::Share(percent / 100.0)
                }
                _ => return Err(WHAT),
            },
        };
        Ok(Self(limit))
    }
}
