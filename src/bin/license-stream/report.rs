//! What is told of a run: the summary for people, and the one for machines.

use std::collections::BTreeMap;
use std::io::Write;

use license_stream::decode::arrow::Unexpected;
use license_stream::pipeline::Outcome;
use license_stream::{Error, RejectReason, printable};
use serde::Serialize;

use crate::export::{Export, Exported};

/// A line on standard error. `eprintln!` would panic where nobody reads it any more.
macro_rules! say {
    ($($arguments:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($arguments)*);
    }};
}
pub(crate) use say;

/// The `--json` summary, by `schemas/summary.schema.json`.
#[derive(Debug, Serialize)]
struct JsonSummary<'a> {
    outcome: &'static str,
    records: u64,
    rejected: u64,
    bytes_read: u64,
    bytes_written: u64,
    elapsed_seconds: f64,
    rejects_by_reason: BTreeMap<&'static str, u64>,
    fields_unexpected: BTreeMap<&'a str, u64>,
    fields_unknown: BTreeMap<&'a str, u64>,
    error: Option<String>,
    snapshots: Vec<Snapshot>,
}

#[derive(Debug, Serialize)]
struct Snapshot {
    account: Option<String>,
    snapshot_id: String,
    complete: bool,
    records: u64,
    rejected: u64,
    requests: u64,
    retries: u64,
    bytes_read: u64,
    #[serde(flatten)]
    destination: Destination,
    error: Option<SnapshotError>,
}

#[derive(Debug, Serialize)]
struct SnapshotError {
    kind: String,
    message: String,
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

/// What the sink of a run has to say.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) destination: Destination,
    /// The destination for people.
    pub(crate) into: String,
    /// Licenses that are durable: after a failure fewer than the sink took.
    pub(crate) records: u64,
    pub(crate) bytes: u64,
    pub(crate) unexpected: Unexpected,
    /// Whether the data itself goes to standard output.
    pub(crate) data_on_stdout: bool,
}

/// Unknown fields that people are told the names of.
const NAMES: usize = 5;

/// Characters of such a name that are shown.
const NAME: usize = 60;

/// Tells of a run that has ended, as its flags ask for.
pub(crate) fn print<R>(export: &Export<'_>, exported: &Exported<R>, written: &Written) {
    if let Some(error) = &exported.summary.error {
        print_chain(error);
    }
    if export.report.json {
        print_json(export, exported, written);
    } else if !export.report.quiet {
        print_text(export, exported, written);
    }
}

fn print_json<R>(export: &Export<'_>, exported: &Exported<R>, written: &Written) {
    let Exported { summary, bytes_read, elapsed } = exported;
    let counts = &summary.counts;
    let json = JsonSummary {
        outcome: summary.outcome.as_str(),
        records: written.records,
        rejected: counts.rejected,
        bytes_read: *bytes_read,
        bytes_written: written.bytes,
        elapsed_seconds: elapsed.as_secs_f64(),
        rejects_by_reason: counts
            .rejects_by_reason
            .iter()
            .map(|(reason, count)| (RejectReason::as_str(*reason), *count))
            .collect(),
        fields_unexpected: written.unexpected.fields().collect(),
        fields_unknown: written.unexpected.unknown().collect(),
        error: summary.error.as_ref().map(chain),
        snapshots: vec![Snapshot {
            account: export.source.account.clone(),
            snapshot_id: export.snapshot_id.to_string(),
            complete: summary.outcome.is_complete() && export.source.is_from_the_first_page(),
            records: written.records,
            rejected: counts.rejected,
            requests: summary.requests.made,
            retries: summary.requests.retried,
            bytes_read: *bytes_read,
            destination: written.destination.clone(),
            error: summary.error.as_ref().map(|error| SnapshotError {
                kind: error.kind().as_str().to_owned(),
                message: chain(error),
            }),
        }],
    };
    let line = serde_json::to_string(&json).unwrap_or_else(|error| error.to_string());
    // Nobody is left to be told that the summary could not be written.
    let _ = if written.data_on_stdout {
        writeln!(std::io::stderr(), "{line}")
    } else {
        writeln!(std::io::stdout(), "{line}")
    };
}

fn print_text<R>(export: &Export<'_>, exported: &Exported<R>, written: &Written) {
    let Exported { summary, bytes_read, elapsed } = exported;
    let counts = &summary.counts;
    let seconds = elapsed.as_secs_f64();
    let outcome = match (summary.outcome, export.signals.first()) {
        (Outcome::Interrupted, Some(signal)) => {
            format!("stopped by {} after a clean flush", signal.name())
        }
        (outcome, _) => outcome.as_str().to_owned(),
    };
    let rate = human_bytes((*bytes_read as f64 / seconds.max(1e-9)) as u64);
    say!(
        "{outcome}: {} {} {}, {} read in {seconds:.1} s ({rate}/s)",
        human_count(written.records),
        if written.records == 1 { "license" } else { "licenses" },
        written.into,
        human_bytes(*bytes_read),
    );
    if counts.rejected > 0 {
        let reasons = counts
            .rejects_by_reason
            .iter()
            .map(|(reason, count)| format!("{} {reason}", human_count(*count)))
            .collect::<Vec<_>>();
        say!("rejected: {} ({})", human_count(counts.rejected), reasons.join(", "));
    }
    for (field, count) in written.unexpected.fields() {
        let values = if count == 1 { "value" } else { "values" };
        let count = human_count(count);
        say!("kept in _extra: {count} {values} of `{field}` that its column does not hold whole");
    }
    let unknown = written.unexpected.unknown_count();
    if unknown > 0 {
        let names: Vec<_> = written
            .unexpected
            .unknown()
            .take(NAMES)
            .map(|(name, _)| printable(name, NAME))
            .collect();
        let more = if written.unexpected.unknown().count() > NAMES { ", …" } else { "" };
        let values = if unknown == 1 { "value" } else { "values" };
        let count = human_count(unknown);
        say!("kept in _extra: {count} {values} of unknown fields ({}{more})", names.join(", "));
    }
}

/// Prints an error and its causes on standard error.
pub(crate) fn print_error(error: &anyhow::Error) {
    match error.downcast_ref::<Error>() {
        Some(error) => print_chain(error),
        None => say!("error: {error:#}"),
    }
}

fn print_chain(error: &Error) {
    say!("error: {}", chain(error));
}

/// An error and its causes, on one line.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        let cause = error.to_string();
        // Some libraries repeat their cause in their own message.
        if !text.ends_with(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
        source = error.source();
    }
    text
}

/// `1234567` as `1,234,567`.
pub(crate) fn human_count(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Bytes in the unit that leaves three digits: `812 MB`, `1.23 GB`.
pub(crate) fn human_bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
    format!("{value:.digits$} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_bytes_are_readable() {
        for (count, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(human_count(count), text);
        }
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.00 kB"),
            (9_999, "10.0 kB"),
            (99_960, "100 kB"),
            (812_345_678, "812 MB"),
            (999_700_000, "1.00 GB"),
        ] {
            assert_eq!(human_bytes(bytes), text);
        }
    }
}
