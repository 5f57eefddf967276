//! What the JSON summary has of each snapshot, by `schemas/summary.schema.json`.

use license_stream::Error;
use license_stream::decode::arrow::Unexpected;
use serde::Serialize;

use crate::report::chain;

/// An entry of `snapshots`; one of an account that was not read has neither id nor destination.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Snapshot<'a> {
    pub(crate) account: Option<&'a str>,
    /// What the account is connected to, where the run knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) integration: Option<&'a str>,
    pub(crate) snapshot_id: Option<&'a str>,
    pub(crate) outcome: &'static str,
    pub(crate) complete: bool,
    /// How many records earlier runs have done of it, where it was gone on with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resumed_at_record: Option<u64>,
    pub(crate) records: u64,
    /// How many licenses of a snapshot that was given up are still at the destination, as far as is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) left_behind: Option<u64>,
    pub(crate) rejected: u64,
    /// How many records earlier runs rejected of it, where they did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rejected_before: Option<u64>,
    /// How many records the API said there are, where it said it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) result_count: Option<u64>,
    pub(crate) requests: u64,
    pub(crate) retries: u64,
    pub(crate) bytes_read: u64,
    #[serde(flatten)]
    pub(crate) destination: Option<&'a Destination>,
    pub(crate) error: Option<SnapshotError>,
    /// Why it was not read, or not to its end, where nothing of its own failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<&'a str>,
}

#[derive(Debug, Serialize)]
pub(crate) struct SnapshotError {
    kind: &'static str,
    message: String,
}

impl SnapshotError {
    pub(crate) fn of(error: &Error) -> Self {
        Self { kind: error.kind().as_str(), message: chain(error) }
    }
}

/// What was written where.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Destination {
    /// The Parquet files.
    Files(Vec<String>),
    /// The topic.
    Topic(String),
    /// Lines.
    #[serde(untagged)]
    Lines {},
}

impl Destination {
    /// How many files there are.
    pub(crate) fn files(&self) -> u64 {
        match self {
            Self::Files(files) => files.len() as u64,
            Self::Topic(_) | Self::Lines {} => 0,
        }
    }
}

/// What the sink of a snapshot has to say.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) destination: Destination,
    /// The destination for people.
    pub(crate) into: String,
    /// Licenses that are durable: after a failure fewer than the sink took.
    pub(crate) records: u64,
    pub(crate) bytes: u64,
    pub(crate) unexpected: Unexpected,
    /// How many of the licenses are null values, where some are to be.
    pub(crate) tombstones: Option<u64>,
    pub(crate) remote: Remote,
    pub(crate) earlier: Earlier,
}

/// What has become of `remote_data` that was to be typed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Remote {
    /// Rows with something that the struct does not hold.
    pub(crate) not_held: u64,
    /// Snapshots in which nothing was found that could be typed.
    pub(crate) untyped: u64,
}

impl Remote {
    pub(crate) fn add(&mut self, other: Self) {
        self.not_held += other.not_held;
        self.untyped += other.untyped;
    }
}

/// What is left at the destination of what earlier runs had delivered of a snapshot that is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Earlier {
    /// Nothing: it is taken back, or nobody goes on with what others have begun.
    Nothing,
    /// What the checkpoint says.
    Known,
    /// That at least: nobody knows of what was delivered behind the checkpoint.
    AtLeast,
}
