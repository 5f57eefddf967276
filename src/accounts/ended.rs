//! What has become of an account.

use std::sync::Arc;

use super::EndedSnapshot;
use crate::error::Error;
use crate::pipeline::Outcome;

/// An account that has ended, one way or the other.
#[derive(Debug)]
#[must_use = "it tells of failure too"]
pub struct Ended<A, R> {
    /// Its place among the accounts of the run, from 0.
    pub index: u64,
    /// The account.
    pub account: Arc<A>,
    /// The snapshots that were begun, none if it did not come to that. All but the last were given up
    /// because the API answered differently than before.
    pub snapshots: Vec<EndedSnapshot<R>>,
    /// How it ended.
    pub end: End,
}

/// How an account ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum End {
    /// As the last of its snapshots did.
    Ran,
    /// It was not read, for this reason.
    Skipped(String),
    /// No snapshot of it, or no further one, could be begun.
    Failed(Error),
    /// The run was stopped before it was its turn.
    NotBegun,
}

impl<A, R> Ended<A, R> {
    /// How reading it ended; `None` if it was skipped or not begun.
    pub fn outcome(&self) -> Option<Outcome> {
        match &self.end {
            End::Ran => self.snapshots.last().map(|snapshot| snapshot.summary.outcome),
            End::Failed(_) => Some(Outcome::Failed),
            End::Skipped(_) | End::NotBegun => None,
        }
    }

    /// Why it failed, if it did.
    pub fn error(&self) -> Option<&Error> {
        match &self.end {
            End::Ran => self.snapshots.last().and_then(|snapshot| snapshot.summary.error.as_ref()),
            End::Failed(error) => Some(error),
            End::Skipped(_) | End::NotBegun => None,
        }
    }
}
