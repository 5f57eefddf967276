//! The snapshot of an account, before and after it was read.

use std::fmt;
use std::sync::Arc;

use crate::pipeline::{Journal, Reached, RejectPolicy, Summary};

/// What is to become of an account.
#[derive(Debug)]
pub enum Begun<S, K> {
    /// It is read.
    Snapshot(Box<Snapshot<S, K>>),
    /// There is nothing to be read, for this reason.
    Skip(String),
}

/// A snapshot that is about to be read: where from, and where to.
pub struct Snapshot<S, K> {
    /// Its id, another one for each.
    pub id: Arc<str>,
    /// What the account is called in [`Progress`](crate::pipeline::Progress), and in the spans of `tracing`.
    pub account: Option<Arc<str>>,
    /// The account's bodies.
    pub source: S,
    /// Where its licenses go.
    pub sink: K,
    /// What happens to records that are no licenses.
    pub rejects: RejectPolicy,
    /// Where to go on from; see [`pipeline::Options::resume`](crate::pipeline::Options::resume).
    pub resume: Option<Reached>,
    /// Keeps what has become durable.
    pub journal: Option<Box<dyn Journal>>,
}

impl<S, K> Snapshot<S, K> {
    /// A snapshot from its first record on, with defaults for everything else.
    pub fn new(id: impl Into<Arc<str>>, source: S, sink: K) -> Self {
        let id = id.into();
        let rejects = RejectPolicy::default();
        Self { id, account: None, source, sink, rejects, resume: None, journal: None }
    }
}

impl<S, K> fmt::Debug for Snapshot<S, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A snapshot that was read, or was broken off.
#[derive(Debug)]
pub struct EndedSnapshot<R> {
    /// Its id.
    pub id: Arc<str>,
    /// What was read and written, and how it ended.
    pub summary: Summary<R>,
}
