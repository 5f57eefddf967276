//! What a run has done.

use std::collections::BTreeMap;

use super::Requests;
use crate::error::{Error, Result};
use crate::frame::Page;
use crate::position::Position;
use crate::reject::{Reject, RejectReason};

/// What a pipeline delivered, and how it ended.
#[derive(Debug)]
#[must_use = "a summary tells of failure too"]
pub struct Summary<R> {
    /// How it ended.
    pub outcome: Outcome,
    /// Why it failed; `None` unless `outcome` is [`Outcome::Failed`].
    pub error: Option<Error>,
    /// Records and rejects of this run.
    pub counts: Counts,
    /// Those of the snapshot that lie before where the run went on from; nothing unless it was given a place.
    pub before: Counts,
    /// Where the run went on from: [`Position::START`] unless it was given a place.
    pub begun_at: Position,
    /// How far the bodies were read.
    pub position: Position,
    /// How many bodies were asked for, one that did not come included.
    pub bodies: u64,
    /// What was sent to a server for them.
    pub requests: Requests,
    /// Bytes of the decoded bodies that were read.
    pub bytes_read: u64,
    /// What the last whole body said of itself; the count is that of all bodies.
    pub page: Page,
    /// The first of the records that were rejected, as an error with its position.
    pub first_reject: Option<Error>,
    /// What the sink says of what it wrote, after a failure too.
    pub report: R,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The whole body was read, and every record delivered.
    Done,
    /// The whole body was read; some records were no licenses, of those that earlier runs of the snapshot have
    /// passed over too.
    Rejected,
    /// It failed; what was delivered until then stays.
    Failed,
    /// It was told to stop; what was read until then was delivered.
    Interrupted,
}

impl Outcome {
    /// The name that summaries use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }

    /// Whether the whole body was read, so that the snapshot is complete.
    pub fn is_complete(self) -> bool {
        matches!(self, Self::Done | Self::Rejected)
    }
}

/// Records and rejects of a run, or of a snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Licenses that the sink took. After a failure not all of them need be durable: the sink's report
    /// has what is.
    pub records: u64,
    /// Records that are no licenses.
    pub rejected: u64,
    /// The same by reason, where that is known: checkpoints do not keep it.
    pub rejects_by_reason: BTreeMap<RejectReason, u64>,
}

impl Counts {
    /// Adds those of another run.
    pub fn merge(&mut self, other: &Self) {
        self.records += other.records;
        self.rejected += other.rejected;
        for (reason, count) in &other.rejects_by_reason {
            *self.rejects_by_reason.entry(*reason).or_default() += count;
        }
    }

    pub(super) fn add(&mut self, rejects: &[Reject]) {
        self.rejected += rejects.len() as u64;
        for reject in rejects {
            *self.rejects_by_reason.entry(reject.reason).or_default() += 1;
        }
    }
}

impl<R> Summary<R> {
    /// How many records the API said there are, added up over all its pages; `None` where it did not say,
    /// or pages were read by an earlier run. What it counts is not documented.
    pub fn result_count(&self) -> Option<u64> {
        self.page.result_count.filter(|_| self.begun_at == Position::START)
    }

    /// The summary of a run that did not fail, or the error of one that did.
    ///
    /// # Errors
    /// The error that ended the run.
    pub fn into_result(mut self) -> Result<Self> {
        match self.error.take() {
            None => Ok(self),
            Some(error) => Err(error),
        }
    }
}
