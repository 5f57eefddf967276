//! The summary for people.

use std::time::Duration;

use license_stream::pipeline::Outcome;
use license_stream::printable;

use super::{counted, human_bytes, human_count};
use crate::export::Export;
use crate::screen::say;
use crate::sinks::Sinks;
use crate::tally::{AccountCounts, Skipped, Tally};

/// Unknown fields that people are told the names of.
const NAMES: usize = 5;

/// Characters of such a name that are shown.
const NAME: usize = 60;

/// Tells people of a run that has ended.
pub(super) fn print<D: Sinks>(export: &Export, sinks: &D, tally: &Tally, elapsed: Duration) {
    print_outcome(export, sinks, tally, elapsed);
    print_before(tally, export.keeps_letters());
    match tally.tombstones {
        None => {}
        Some(0) => say!("tombstones: none, as --tombstone-on holds of no license"),
        Some(count) => say!("tombstones: {} of these licenses", human_count(count)),
    }
    if tally.requests.retried > 0 {
        let (made, noun) = counted(tally.requests.made, "request", "requests");
        let retried = human_count(tally.requests.retried);
        say!("retried: {retried} of {made} {noun}");
    }
    if tally.what.are_many {
        print_accounts(tally);
    }
    print_skipped(tally);
    print_rejected(tally);
    print_not_held(tally);
    print_unexpected(tally, sinks.keeps_extra());
}

/// How it ended, and how much of what it moved to where.
fn print_outcome<D: Sinks>(export: &Export, sinks: &D, tally: &Tally, elapsed: Duration) {
    let seconds = elapsed.as_secs_f64();
    let signal = export.signals.first();
    let outcome = match (tally.outcome(signal), signal) {
        (Outcome::Interrupted, Some(signal)) => {
            let how = match export.signals.halt().is_cancelled() {
                true => "when --grace was over, before all that was read was delivered",
                false => "after a clean flush",
            };
            format!("stopped by {} {how}", signal.name())
        }
        (outcome, _) => outcome.as_str().to_owned(),
    };
    let into = match &tally.into {
        Some(into) if !tally.what.are_many => into.clone(),
        _ => sinks.place(tally.files, tally.bytes_written),
    };
    let rate = human_bytes((tally.bytes_read as f64 / seconds.max(1e-9)) as u64);
    // Of any JSON, such as a provider's own answer, nobody knows what it is.
    let (records, noun) = match export.source.is_any_json() {
        true => counted(tally.records, "record", "records"),
        false => counted(tally.records, "license", "licenses"),
    };
    let read = human_bytes(tally.bytes_read);
    say!("{outcome}: {records} {noun} {into}, {read} read in {seconds:.1} s ({rate}/s)");
}

/// What earlier runs had done of it, and what was given up.
fn print_before(tally: &Tally, keeps_letters: bool) {
    let before = &tally.before;
    if before.records + before.rejected > 0 {
        let (count, noun) = counted(before.records, "license", "licenses");
        let rejected = match counted(before.rejected, "record", "records") {
            _ if before.rejected == 0 => String::new(),
            (count, noun) => format!(", and {count} {noun} that it had rejected"),
        };
        say!("resumed: behind {count} {noun} that an earlier run had delivered{rejected}");
    }
    if before.rejected > 0 && keeps_letters {
        say!("no dead letters in this run: of what an earlier run had rejected");
    }
    if tally.begun_anew > 0 {
        let (count, noun) = counted(tally.begun_anew, "snapshot", "snapshots");
        say!("begun anew: {count} {noun}, because the API answered differently than before");
    }
    if tally.left_behind > 0 {
        let (count, noun) = counted(tally.left_behind, "license", "licenses");
        let at_least = if tally.is_left_at_least { "at least " } else { "" };
        say!(
            "left behind: {at_least}{count} {noun} of what was given up, under other snapshot ids"
        );
    }
}

/// What was rejected, and why.
fn print_rejected(tally: &Tally) {
    let counts = &tally.counts;
    if counts.rejected > 0 {
        let reasons = counts
            .rejects_by_reason
            .iter()
            .map(|(reason, count)| format!("{} {reason}", human_count(*count)))
            .collect::<Vec<_>>();
        say!("rejected: {} ({})", human_count(counts.rejected), reasons.join(", "));
        // Where one failed the run, it was told of already.
        if let (Some(first), true) = (&tally.first_reject, tally.failures.told().is_empty()) {
            say!("first reject: {first}");
        }
    }
    if tally.is_of_record {
        say!("to go on behind such a record: --on-error skip, or dead-letter to keep it");
    }
}

/// What no column holds, and where it is.
fn print_unexpected(tally: &Tally, keeps_extra: bool) {
    let (is, why) = match keeps_extra {
        true => ("kept in _extra", ""),
        false => ("left out", ", since _extra is not written"),
    };
    for (field, count) in tally.unexpected.fields() {
        let (count, values) = counted(count, "value", "values");
        say!("{is}: {count} {values} of `{field}` that its column does not hold whole{why}");
    }
    let unknown = tally.unexpected.unknown_count();
    if unknown > 0 {
        let names: Vec<_> =
            tally.unexpected.unknown().take(NAMES).map(|(name, _)| printable(name, NAME)).collect();
        let more = if tally.unexpected.unknown().count() > NAMES { ", …" } else { "" };
        let (count, values) = counted(unknown, "value", "values");
        let names = names.join(", ");
        say!("{is}: {count} {values} of unknown fields ({names}{more}){why}");
    }
}

/// How much of `remote_data` the struct does not hold.
fn print_not_held(tally: &Tally) {
    if tally.remote.not_held > 0 {
        let (count, noun) = counted(tally.remote.not_held, "row", "rows");
        let of = human_count(tally.records);
        say!(
            "kept in _remote_data_extra: what the struct does not hold, of {count} {noun} of {of}"
        );
    }
}

/// How many accounts ended in which way, and why some were skipped.
fn print_accounts(tally: &Tally) {
    let AccountCounts { done, rejected, failed, interrupted, skipped, not_begun } = tally.accounts;
    let counts = [
        (done, "done"),
        (rejected, "with rejected records"),
        (failed, "failed"),
        (interrupted, "interrupted"),
        (skipped, "skipped"),
        (not_begun, "not begun"),
    ];
    let counts = counts.into_iter().filter(|(count, _)| *count > 0);
    let words: Vec<_> =
        counts.map(|(count, what)| format!("{} {what}", human_count(count))).collect();
    match words.as_slice() {
        // Where they could not be listed, nobody knows of any.
        [] if tally.run_error.is_some() => {}
        [] => say!("accounts: none"),
        words => say!("accounts: {}", words.join(", ")),
    }
}

/// Why some were not read.
fn print_skipped(tally: &Tally) {
    for (reason, Skipped { count, named }) in &tally.skipped {
        let (number, accounts) = counted(*count, "account", "accounts");
        let reason = if *count == 1 { reason.clone() } else { of_several(reason) };
        let more = match count.saturating_sub(named.len() as u64) {
            0 => String::new(),
            more => format!(", and {} more", human_count(more)),
        };
        let named: Vec<_> = named.iter().map(String::as_str).collect();
        // The token's own account has no name.
        let which = if named.is_empty() { "" } else { ": " };
        say!("skipped: {number} {accounts}, because {reason}{which}{}{more}", named.join(", "));
    }
}

/// A reason that is one account's, as that of several.
fn of_several(reason: &str) -> String {
    if let Some(status) = reason.strip_prefix("its ") {
        return format!("their {status}");
    }
    reason.strip_prefix("it has ").map_or(reason.to_owned(), |what| format!("they have {what}"))
}
