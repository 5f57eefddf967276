//! What a run has come to so far: totals, the worst outcome, and what is told of each account.

mod failures;

use std::collections::{BTreeMap, BTreeSet};

use license_stream::accounts::{End, Ended, EndedSnapshot};
use license_stream::decode::arrow::Unexpected;
use license_stream::pipeline::{Counts, Outcome, Requests, Summary};
use license_stream::sink::parquet::OtherLayout;
use license_stream::{Error, ErrorKind, Integration, Result};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::again;
use crate::exit::Exit;
use crate::report::chain;
use crate::signal::Signal;
use crate::snapshots::{Earlier, Remote, Snapshot, SnapshotError, Written};
use crate::unfinished::Unfinished;
use crate::wanted::Wanted;
use failures::Failures;

/// Accounts that were skipped for one reason and that people are told the ids of.
const NAMED: usize = 10;

/// Totals of a run. What it keeps of each account is one line of JSON, and that only where JSON is wanted.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) what: What,
    pub(crate) accounts: AccountCounts,
    pub(crate) counts: Counts,
    pub(crate) records: u64,
    pub(crate) bytes_read: u64,
    /// All that was sent, what was asked about accounts included.
    pub(crate) requests: Requests,
    /// Snapshots that were given up and begun anew.
    pub(crate) begun_anew: u64,
    /// Licenses that could not be taken back of these, and of what earlier runs had delivered of any that was given
    /// up: none of them is among `records`.
    pub(crate) left_behind: u64,
    /// Whether there may be more of them than is known.
    pub(crate) is_left_at_least: bool,
    /// Licenses that earlier runs had delivered of snapshots that were gone on with, and records that they had
    /// rejected. Of one that was given up, nothing is kept.
    pub(crate) before: Counts,
    pub(crate) bytes_written: u64,
    pub(crate) files: u64,
    pub(crate) unexpected: Unexpected,
    /// Licenses that are null values, where some are to be.
    pub(crate) tombstones: Option<u64>,
    /// Where the licenses of the last account are, for people.
    pub(crate) into: Option<String>,
    /// Why accounts failed.
    pub(crate) failures: Failures,
    /// Why accounts were skipped, and which for each reason.
    pub(crate) skipped: BTreeMap<String, Skipped>,
    /// The first reject, of the account that ended first.
    pub(crate) first_reject: Option<String>,
    /// Whether it was a record that an account failed at.
    pub(crate) is_of_record: bool,
    /// The first difference between what the API counted and what came.
    pub(crate) miscount: Option<String>,
    /// What others have left unfinished at the destination.
    pub(crate) unfinished: Unfinished,
    /// What lies there that is laid out in another way.
    pub(crate) other_layouts: Vec<OtherLayout>,
    /// Rows with something in `_remote_data_extra`, and snapshots in which nothing was found that could be typed.
    pub(crate) remote: Remote,
    /// What failed that stopped the run as a whole.
    pub(crate) error: Option<String>,
    /// What failed that is no account's own, such as the listing.
    pub(crate) run_error: Option<String>,
    /// Whether the run was stopped while there may have been more accounts than it knew.
    pub(crate) is_cut_short: bool,
    /// What the summary has of each account, by its place in the run and among its snapshots.
    pub(crate) snapshots: Vec<(u64, usize, Box<RawValue>)>,
    exit: Exit,
}

/// What a tally is of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct What {
    /// Whether the summary is wanted as JSON.
    pub(crate) is_json: bool,
    /// Whether it is a part of a pipeline's, which tells of itself what keeps a job from beginning.
    pub(crate) is_of_job: bool,
    /// Whether accounts are listed or several of them named, even if one is left in the end.
    pub(crate) are_many: bool,
    /// Whether the first account that fails ends the run.
    pub(crate) is_fail_fast: bool,
    /// Whether pages are read from the first one on, so that a snapshot can be complete.
    pub(crate) is_from_the_first_page: bool,
    /// What `--integration` says of the one account that there is.
    pub(crate) integration: Option<&'static Integration>,
}

impl What {
    /// Whether an account that was not even begun is told of among others, and not as the whole run's error.
    fn sums_up_failures(&self) -> bool {
        self.are_many || (self.is_json && !self.is_of_job)
    }
}

/// Accounts that were skipped for one reason.
#[derive(Debug, Default)]
pub(crate) struct Skipped {
    pub(crate) count: u64,
    /// The first of them as ids are sorted, [`NAMED`] at most: they end in any order.
    pub(crate) named: BTreeSet<String>,
}

/// How many accounts ended in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct AccountCounts {
    pub(crate) done: u64,
    pub(crate) rejected: u64,
    pub(crate) failed: u64,
    pub(crate) interrupted: u64,
    pub(crate) skipped: u64,
    pub(crate) not_begun: u64,
}

impl Tally {
    pub(crate) fn new(what: What) -> Self {
        Self {
            what,
            accounts: AccountCounts::default(),
            counts: Counts::default(),
            records: 0,
            bytes_read: 0,
            requests: Requests::default(),
            begun_anew: 0,
            left_behind: 0,
            is_left_at_least: false,
            before: Counts::default(),
            bytes_written: 0,
            files: 0,
            unexpected: Unexpected::default(),
            tombstones: None,
            into: None,
            failures: Failures::default(),
            skipped: BTreeMap::new(),
            first_reject: None,
            is_of_record: false,
            miscount: None,
            unfinished: Unfinished::default(),
            other_layouts: Vec::new(),
            remote: Remote::default(),
            error: None,
            run_error: None,
            is_cut_short: false,
            snapshots: Vec::new(),
            exit: Exit::Done,
        }
    }

    /// That of a run which failed with `error` before it came to any account.
    pub(crate) fn of_failure(error: String) -> Self {
        let what = What {
            is_json: true,
            is_of_job: false,
            are_many: false,
            is_fail_fast: false,
            is_from_the_first_page: true,
            integration: None,
        };
        Self { error: Some(error), ..Self::new(what) }
    }

    /// Adds an account that has ended; `written` is what became of each of its snapshots.
    ///
    /// # Errors
    /// The reason why no snapshot was begun, where the run is not one of many accounts: then people are told
    /// of nothing else.
    pub(crate) fn add<R>(&mut self, ended: Ended<Wanted, R>, written: Vec<Written>) -> Result<()> {
        self.count(&ended);
        let Ended { index, account, snapshots, end } = ended;
        let integration = account.name_or(self.what.integration);
        let of_account = Snapshot {
            account: account.id(),
            integration: integration.as_deref(),
            ..Snapshot::default()
        };
        let id = of_account.account;
        let begun = snapshots.len();
        let mut why = None;
        for (place, (snapshot, written)) in snapshots.into_iter().zip(written).enumerate() {
            let is_renewed = place + 1 < begun;
            let is_given_up = is_renewed || !matches!(end, End::Ran);
            self.bytes_read += snapshot.summary.bytes_read;
            if is_given_up {
                let earlier = earlier(&snapshot, &written);
                self.left_behind += earlier;
                self.is_left_at_least |= earlier > 0 && written.earlier == Earlier::AtLeast;
            }
            if is_renewed {
                self.begun_anew += 1;
                self.left_behind += written.records;
            } else {
                self.records += written.records;
                self.bytes_written += written.bytes;
                self.counts.merge(&snapshot.summary.counts);
                self.unexpected.merge(&written.unexpected);
                if let Some(count) = written.tombstones {
                    *self.tombstones.get_or_insert_default() += count;
                }
                self.remote.add(written.remote);
            }
            self.files += written.destination.files();
            let entry = self.entry(&of_account, &snapshot, &written, is_given_up);
            self.list(index, place, &entry);
            if !is_given_up {
                self.before.merge(&snapshot.summary.before);
                self.into = Some(written.into);
                self.remark(id, &snapshot.summary);
                if let Some(error) = snapshot.summary.error {
                    self.failed(id, error);
                }
            } else {
                why = snapshot.summary.error;
            }
        }
        match end {
            End::Ran => {}
            End::Failed(error) if begun == 0 && !self.what.sums_up_failures() => return Err(error),
            End::Failed(error) => {
                let error = with_reason(error, why);
                let error_entry = Some(SnapshotError::of(&error));
                let entry = Snapshot { outcome: "failed", error: error_entry, ..of_account };
                self.list(index, begun, &entry);
                self.failed(id, error);
            }
            End::Skipped(reason) => {
                let entry = Snapshot { outcome: "skipped", reason: Some(&reason), ..of_account };
                self.list(index, begun, &entry);
                let common = again::common(&reason).to_owned();
                let skipped = self.skipped.entry(common).or_default();
                skipped.count += 1;
                skipped.named.extend(id.map(str::to_owned));
                if skipped.named.len() > NAMED {
                    skipped.named.pop_last();
                }
            }
            _ => {
                let reason = Some("the run ended before it was its turn");
                self.list(index, begun, &Snapshot { outcome: "not_begun", reason, ..of_account });
            }
        }
        Ok(())
    }

    /// Keeps what people are told of one snapshot where it is the first of which there is something to tell.
    fn remark<R>(&mut self, id: Option<&str>, summary: &Summary<R>) {
        let of_account = match id {
            Some(id) if self.what.are_many => format!("account {id}: "),
            _ => String::new(),
        };
        if let (None, Some(error)) = (&self.first_reject, &summary.first_reject) {
            self.first_reject = Some(format!("{of_account}{error}"));
        }
        let came = summary.counts.records + summary.counts.rejected;
        if let (None, Some(said), true) =
            (&self.miscount, summary.result_count(), summary.outcome.is_complete())
            && said != came
        {
            self.miscount = Some(format!(
                "{of_account}the API counts {said} (result_count, added up over its pages), and {came} came: \
                 what it counts is not documented"
            ));
        }
    }

    /// Whether every account that was to be read was read to its end.
    pub(crate) fn is_complete(&self) -> bool {
        let AccountCounts { failed, interrupted, not_begun, .. } = self.accounts;
        self.run_error.is_none() && !self.is_cut_short && failed + interrupted + not_begun == 0
    }

    /// Whether there was no account at all.
    pub(crate) fn is_of_nothing(&self) -> bool {
        self.what.are_many && self.run_error.is_none() && self.accounts == AccountCounts::default()
    }

    /// Whether there were accounts, and every one was skipped.
    pub(crate) fn is_of_skipped(&self) -> bool {
        let AccountCounts { skipped, .. } = self.accounts;
        let others = AccountCounts { skipped: 0, ..self.accounts };
        self.run_error.is_none() && skipped > 0 && others == AccountCounts::default()
    }

    /// Adds a failure of the run as a whole: of the listing, which ends there, or of its end.
    pub(crate) fn run_failed(&mut self, error: &Error) {
        self.exit = self.exit.worse(Exit::of_kind(error.kind()));
        self.run_error = Some(chain(error));
    }

    /// The outcome of all of it: the worst of any account's.
    pub(crate) fn outcome(&self, signal: Option<Signal>) -> Outcome {
        let counts = &self.accounts;
        if counts.failed > 0 || self.run_error.is_some() {
            Outcome::Failed
        } else if counts.interrupted > 0
            || (signal.is_some() && (counts.not_begun > 0 || self.is_cut_short))
        {
            Outcome::Interrupted
        } else if counts.rejected > 0 {
            Outcome::Rejected
        } else {
            Outcome::Done
        }
    }

    /// The exit after all of it: the worst that any account asks for.
    pub(crate) fn exit(&self, signal: Option<Signal>) -> Exit {
        match self.outcome(signal) {
            Outcome::Interrupted => self.exit.worse(signal.map_or(Exit::Failed, Exit::Stopped)),
            _ => self.exit,
        }
    }

    fn count<R>(&mut self, ended: &Ended<Wanted, R>) {
        let counts = &mut self.accounts;
        let count = match (ended.outcome(), &ended.end) {
            (Some(Outcome::Done), _) => &mut counts.done,
            (Some(Outcome::Rejected), _) => {
                self.exit = self.exit.worse(Exit::Rejected);
                &mut counts.rejected
            }
            (Some(Outcome::Interrupted), _) => &mut counts.interrupted,
            (Some(_), _) => &mut counts.failed,
            (None, End::Skipped(_)) => &mut counts.skipped,
            (None, _) => &mut counts.not_begun,
        };
        *count += 1;
    }

    fn failed(&mut self, id: Option<&str>, error: Error) {
        self.exit = self.exit.worse(Exit::of_kind(error.kind()));
        let is_fatal = error.kind() == ErrorKind::Unauthorized
            || self.what.is_fail_fast
            || !self.what.are_many;
        if is_fatal && self.error.is_none() {
            self.error = Some(chain(&error));
        }
        let is_record = error.is_record();
        let error = match id {
            Some(id) if self.what.are_many && error.account().is_none() => error.of_account(id),
            _ => error,
        };
        self.is_of_record |= self.failures.add(&error) && is_record;
    }

    fn entry<'a, R>(
        &self,
        of_account: &Snapshot<'a>,
        snapshot: &'a EndedSnapshot<R>,
        written: &'a Written,
        is_given_up: bool,
    ) -> Snapshot<'a> {
        let summary = &snapshot.summary;
        let is_whole = summary.outcome.is_complete() && self.what.is_from_the_first_page;
        Snapshot {
            account: of_account.account,
            integration: of_account.integration,
            snapshot_id: Some(&snapshot.id),
            outcome: if is_given_up { "abandoned" } else { summary.outcome.as_str() },
            complete: !is_given_up && is_whole,
            resumed_at_record: Some(summary.before.records + summary.before.rejected)
                .filter(|record| *record > 0),
            records: written.records,
            left_behind: Some(written.records + earlier(snapshot, written))
                .filter(|count| is_given_up && *count > 0),
            rejected: summary.counts.rejected,
            rejected_before: Some(summary.before.rejected).filter(|rejected| *rejected > 0),
            result_count: summary.result_count(),
            requests: summary.requests.made,
            retries: summary.requests.retried,
            bytes_read: summary.bytes_read,
            destination: Some(&written.destination),
            error: summary.error.as_ref().map(SnapshotError::of),
            reason: (summary.outcome == Outcome::Interrupted && summary.error.is_none())
                .then_some("the run ended before all of it was read"),
        }
    }

    /// Keeps an entry of the summary, as text: that takes the least.
    fn list(&mut self, index: u64, place: usize, entry: &Snapshot<'_>) {
        if self.what.is_json
            && let Ok(text) = to_raw_value(entry)
        {
            self.snapshots.push((index, place, text));
        }
    }
}

/// Licenses that earlier runs have left at the destination of a snapshot that is given up.
fn earlier<R>(snapshot: &EndedSnapshot<R>, written: &Written) -> u64 {
    match written.earlier {
        Earlier::Nothing => 0,
        Earlier::Known | Earlier::AtLeast => snapshot.summary.before.records,
    }
}

/// What kept an account from being begun anew, behind why it had to be.
fn with_reason(error: Error, why: Option<Error>) -> Error {
    match why {
        Some(why) if error.kind() == ErrorKind::Changed => {
            let message = format!("{}; {}", why.message(), error.message());
            let told = Error::new(ErrorKind::Changed, message);
            match (why.account(), why.position()) {
                (Some(account), Some(position)) => told.of_account(account).at(position),
                (Some(account), None) => told.of_account(account),
                (None, Some(position)) => told.at(position),
                (None, None) => told,
            }
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn what_was_begun_anew_is_left_out_of_all_counts_and_the_last_of_an_account_of_none() {
        let what = What {
            is_json: true,
            is_of_job: false,
            are_many: false,
            is_fail_fast: false,
            is_from_the_first_page: true,
            integration: None,
        };
        let snapshot = |rejected, error| EndedSnapshot {
            id: "s".into(),
            summary: Summary {
                outcome: if error { Outcome::Failed } else { Outcome::Rejected },
                error: error.then(|| Error::new(ErrorKind::Changed, "it is another")),
                counts: Counts { records: 7, rejected, ..Counts::default() },
                before: Counts { records: 5, rejected: 1, ..Counts::default() },
                begun_at: Default::default(),
                position: Default::default(),
                bodies: 1,
                requests: Requests::default(),
                bytes_read: 1,
                page: Default::default(),
                first_reject: None,
                report: (),
            },
        };
        let written = |earlier| Written {
            destination: crate::snapshots::Destination::Lines {},
            into: String::new(),
            records: 7,
            bytes: 1,
            unexpected: Unexpected::default(),
            tombstones: None,
            remote: Remote::default(),
            earlier,
        };
        let failed = || End::Failed(Error::new(ErrorKind::Changed, ""));
        for (end, begun, earlier) in [
            (End::Ran, 2, Earlier::Nothing),
            (End::Ran, 2, Earlier::Known),
            (End::Ran, 2, Earlier::AtLeast),
            (failed(), 1, Earlier::Nothing),
            (failed(), 1, Earlier::AtLeast),
        ] {
            let mut tally = Tally::new(what);
            let has_failed = matches!(end, End::Failed(_));
            let snapshots = (1..=begun).map(|it| snapshot(it, it < begun || has_failed)).collect();
            let account = Arc::new(Wanted::default());
            let ended = Ended { index: 0, account, snapshots, end };
            tally.add(ended, (0..begun).map(|_| written(earlier)).collect()).unwrap();
            assert_eq!((tally.records, tally.counts.rejected), (7, begun));
            // Of what is given up, what this run delivered of it, and what earlier ones did.
            let left = if earlier == Earlier::Nothing { 0 } else { 5 };
            assert_eq!(tally.left_behind, 7 * (begun - 1) + left);
            assert_eq!(tally.is_left_at_least, earlier == Earlier::AtLeast);
            let first: serde_json::Value =
                serde_json::from_str(tally.snapshots[0].2.get()).unwrap();
            assert_eq!((&first["records"], &first["left_behind"]), (&7.into(), &(7 + left).into()));
            // Nothing is left of what earlier runs had done of what was given up.
            assert_eq!(tally.before.rejected, if has_failed { 0 } else { 1 });
        }
    }

    #[test]
    fn a_token_that_is_refused_is_told_once() {
        let what = What {
            is_json: false,
            is_of_job: false,
            are_many: true,
            is_fail_fast: false,
            is_from_the_first_page: true,
            integration: None,
        };
        let mut tally = Tally::new(what);
        let kinds = [ErrorKind::Unauthorized, ErrorKind::Upstream, ErrorKind::Unauthorized];
        for (index, kind) in (0..).zip(kinds) {
            let account = Arc::new(Wanted { account: Some("a".into()), ..Wanted::default() });
            let end = End::Failed(Error::new(kind, kind.as_str()));
            tally.add(Ended::<_, ()> { index, account, snapshots: vec![], end }, vec![]).unwrap();
        }
        assert_eq!(tally.failures.told(), ["account a: unauthorized", "account a: upstream"]);
        assert_eq!((tally.accounts.failed, tally.failures.untold()), (3, 0));
    }
}
