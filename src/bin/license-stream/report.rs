//! What is told of a run: the summary for people, and the one for machines.

mod text;

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use license_stream::pipeline::Outcome;
use license_stream::sink::parquet::OtherLayout;
use license_stream::{Error, RejectReason};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::exit::Exit;
use crate::export::Export;
use crate::job::Job;
use crate::screen::say;
use crate::sinks::Sinks;
use crate::tally::{AccountCounts, Tally};

/// The `--json` summary, by `schemas/summary.schema.json`.
#[derive(Debug, Serialize)]
struct JsonSummary<'a> {
    outcome: &'static str,
    records: u64,
    rejected: u64,
    rejected_before: u64,
    bytes_read: u64,
    bytes_written: u64,
    requests: u64,
    retries: u64,
    elapsed_seconds: f64,
    rejects_by_reason: BTreeMap<&'static str, u64>,
    fields_unexpected: BTreeMap<&'a str, u64>,
    fields_unknown: BTreeMap<&'a str, u64>,
    fields_unknown_total: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    tombstones: Option<u64>,
    error: Option<&'a str>,
    accounts: AccountCounts,
    /// Where there is no `_extra`, what is counted of fields is in no file.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    fields_left_out: bool,
    #[serde(skip_serializing_if = "is_none")]
    remote_data_not_held: u64,
    #[serde(skip_serializing_if = "is_none")]
    remote_data_untyped: u64,
    /// What lies there that is laid out in another way.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    other_layouts: &'a [OtherLayout],
    /// What others have left unfinished there, so that there is no `_SUCCESS`.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pending: &'a [String],
    snapshots: Vec<&'a RawValue>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives it so")]
fn is_none(count: &u64) -> bool {
    *count == 0
}

/// Tells of a run that has ended, as its flags ask for.
pub(crate) fn print<D: Sinks>(
    export: &Export,
    sinks: &D,
    mut tally: Tally,
    elapsed: Duration,
) -> Exit {
    let signal = export.signals.first();
    let outcome = tally.outcome(signal);
    print_failures(&tally, export.report.json);
    if let (Some(miscount), false) = (&tally.miscount, export.report.quiet) {
        say!("warning: {miscount}");
    }
    if let (Some(words), false) = (tally.unfinished.words(), export.report.quiet) {
        say!("warning: {words}");
    }
    if tally.remote.untyped > 0 && !export.report.quiet {
        let (count, noun) = counted(tally.remote.untyped, "snapshot", "snapshots");
        say!(
            "warning: nothing was found in the first remote_data of {count} {noun} that could be typed: it is JSON text \
             there, as with --remote-data json; --remote-data-schema says the types before"
        );
    }
    let mut is_told = true;
    if export.report.json {
        tally.snapshots.sort_by_key(|(index, place, _)| (*index, *place));
        let summary = summary(&tally, outcome, elapsed, sinks.keeps_extra());
        is_told = print_json(&summary, sinks.is_stdout());
    } else if !export.report.quiet {
        text::print(export, sinks, &tally, elapsed);
    }
    let exit = tally.exit(signal);
    if is_told { exit } else { exit.worse(Exit::Failed) }
}

fn print_failures(tally: &Tally, is_json: bool) {
    for failure in tally.failures.told() {
        say!("error: {failure}");
    }
    let more = tally.failures.untold();
    if more > 0 {
        let accounts = if more == 1 { "account" } else { "accounts" };
        let names = if is_json { "the summary names" } else { "--json names" };
        say!(
            "error: and {} more {accounts} failed ({}): {names} each",
            human_count(more),
            tally.failures.untold_kinds()
        );
    }
    if let Some(error) = &tally.run_error {
        say!("error: {error}");
    }
}

/// Prints the summary of a command that failed with `error` before there was anything to sum up. `is_stdout` where the
/// data itself goes to standard output.
pub(crate) fn print_failed(error: &str, elapsed: Duration, is_stdout: bool) {
    let tally = Tally::of_failure(error.to_owned());
    // The exit code is that of a failure already.
    let _ = print_json(&summary(&tally, Outcome::Failed, elapsed, true), is_stdout);
}

fn summary(
    tally: &Tally,
    outcome: Outcome,
    elapsed: Duration,
    keeps_extra: bool,
) -> JsonSummary<'_> {
    let is_something_left =
        tally.unexpected.fields().next().is_some() || tally.unexpected.unknown_count() > 0;
    JsonSummary {
        outcome: outcome.as_str(),
        records: tally.records,
        rejected: tally.counts.rejected,
        rejected_before: tally.before.rejected,
        bytes_read: tally.bytes_read,
        bytes_written: tally.bytes_written,
        requests: tally.requests.made,
        retries: tally.requests.retried,
        elapsed_seconds: elapsed.as_secs_f64(),
        rejects_by_reason: tally
            .counts
            .rejects_by_reason
            .iter()
            .map(|(reason, count)| (RejectReason::as_str(*reason), *count))
            .collect(),
        fields_unexpected: tally.unexpected.fields().collect(),
        fields_unknown: tally.unexpected.unknown().collect(),
        fields_unknown_total: tally.unexpected.unknown_count(),
        tombstones: tally.tombstones,
        fields_left_out: !keeps_extra && is_something_left,
        remote_data_not_held: tally.remote.not_held,
        remote_data_untyped: tally.remote.untyped,
        other_layouts: &tally.other_layouts,
        error: tally.error.as_deref().or(tally.run_error.as_deref()),
        accounts: tally.accounts,
        pending: tally.unfinished.names(),
        snapshots: tally.snapshots.iter().map(|(_, _, snapshot)| &**snapshot).collect(),
    }
}

/// Prints the summary, or keeps it for the run that this is a job of; whether it could be written.
fn print_json(json: &JsonSummary<'_>, is_stdout: bool) -> bool {
    if let Some(job) = Job::current() {
        if let Ok(summary) = to_raw_value(json) {
            job.keep_summary(summary);
        }
        return true;
    }
    let printed = if is_stdout {
        print_line(json, std::io::stderr())
    } else {
        print_line(json, std::io::stdout())
    };
    if let Err(error) = &printed {
        let place = if is_stdout { "standard error" } else { "standard output" };
        say!("error: the summary could not be written to {place}: {error}");
    }
    printed.is_ok()
}

/// Not by way of one string: a run over many accounts has a long summary.
pub(crate) fn print_line(json: &impl Serialize, to: impl Write) -> std::io::Result<()> {
    let mut to = std::io::BufWriter::new(to);
    serde_json::to_writer(&mut to, json)?;
    to.write_all(b"\n")?;
    to.flush()
}

/// Prints an error and its causes on standard error.
pub(crate) fn print_error(error: &anyhow::Error) {
    say!("error: {}", told(error));
}

/// An error and its causes, whosever it is.
pub(crate) fn told(error: &anyhow::Error) -> String {
    error.downcast_ref::<Error>().map_or_else(|| format!("{error:#}"), chain)
}

/// An error and its causes, on one line.
pub(crate) fn chain(error: &Error) -> String {
    let mut texts = vec![error.to_string()];
    let mut account = error.account().map(str::to_owned);
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        source = cause.source();
        let mut text = cause.to_string();
        if let Some(own) = cause.downcast_ref::<Error>().and_then(Error::account) {
            if account.as_deref() == Some(own) {
                text = text.replacen(&format!("account {own}: "), "", 1);
            }
            account = Some(own.to_owned());
        }
        // What a library says of its own layers tells nobody anything, unless there is nothing more.
        if source.is_some() && LAYERS.iter().any(|layer| text.starts_with(layer)) {
            continue;
        }
        // Some libraries repeat their cause in their own message, and some repeat themselves in a longer one.
        if texts.iter().any(|told| told.contains(&text)) {
            continue;
        }
        if texts.len() > 1 {
            texts.pop_if(|last| text.starts_with(last.as_str()));
        }
        texts.push(text);
    }
    texts.join(": ")
}

/// How errors of the layers between a request and its connection begin.
const LAYERS: [&str; 4] = [
    "error sending request",
    "client error (",
    "tunnel error: failed to create",
    "request or response body error",
];

/// A count, and the noun that goes with it.
pub(crate) fn counted(count: u64, one: &'static str, many: &'static str) -> (String, &'static str) {
    (human_count(count), if count == 1 { one } else { many })
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
    use license_stream::ErrorKind;

    use super::*;

    #[test]
    fn a_chain_says_each_thing_once() {
        let io = |text: &str| std::io::Error::other(text.to_owned());
        let of = |text: &'static str| Error::new(ErrorKind::Upstream, text).of_account("a");
        let error =
            of("asking for the rest failed").caused_by(of("the API failed").caused_by(io("x")));
        assert_eq!(chain(&error), "account a: asking for the rest failed: the API failed: x");
        let inner =
            Error::new(ErrorKind::Upstream, "ssl: certificate").caused_by(io("certificate"));
        assert_eq!(chain(&of("b").caused_by(inner)), "account a: b: ssl: certificate");
        let layer = Error::new(ErrorKind::Upstream, "client error (Connect)");
        assert_eq!(
            chain(&of("b").caused_by(layer.caused_by(io("refused")))),
            "account a: b: refused"
        );
    }

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
