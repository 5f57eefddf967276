//! One account, from its beginning to its end.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{Begin, Begun, End, Ended, EndedSnapshot, MAX_RENEWALS, Snapshot};
use crate::error::ErrorKind;
use crate::frame::FramerOptions;
use crate::pipeline::{self, Options, Progress, Source};
use crate::room::Room;
use crate::sink::Sink;

/// What it takes to read an account.
pub(super) struct Task<A, S, K> {
    pub(super) begin: Arc<Begin<A, S, K>>,
    pub(super) framer: FramerOptions,
    pub(super) room: Room,
    pub(super) progress: Arc<Progress>,
    pub(super) stop: CancellationToken,
    pub(super) halt: CancellationToken,
}

impl<A, S: Source, K: Sink> Task<A, S, K> {
    /// Reads the account; anew as long as the API changes its answers, and not for ever.
    pub(super) async fn run(self, index: u64, account: Arc<A>) -> Ended<A, K::Report> {
        let mut snapshots = Vec::new();
        let end = loop {
            let attempt = snapshots.len() as u32;
            let begun = tokio::select! {
                biased;
                () = self.stop.cancelled() => {
                    break if snapshots.is_empty() { End::NotBegun } else { End::Ran };
                }
                begun = (self.begin)(Arc::clone(&account), attempt) => begun,
            };
            let snapshot = match begun {
                Ok(Begun::Snapshot(snapshot)) => *snapshot,
                Ok(Begun::Skip(reason)) => break End::Skipped(reason),
                Err(error) => break End::Failed(error),
            };
            let name = snapshot.account.clone();
            let ended = self.read(snapshot).await;
            let error = ended.summary.error.as_ref();
            let is_renewed = error.is_some_and(|error| error.kind() == ErrorKind::Changed)
                && snapshots.len() < MAX_RENEWALS;
            let given_up = Arc::clone(&ended.id);
            snapshots.push(ended);
            if !is_renewed {
                break End::Ran;
            }
            tracing::warn!(
                account = name.as_deref(),
                snapshot = &*given_up,
                "snapshot given up and begun anew: the API answered differently than before"
            );
        };
        Ended { index, account, snapshots, end }
    }

    async fn read(&self, snapshot: Snapshot<S, K>) -> EndedSnapshot<K::Report> {
        let Snapshot { id, account, source, sink, rejects, resume, journal } = snapshot;
        let options = Options {
            framer: self.framer,
            rejects,
            progress: Arc::clone(&self.progress),
            account,
            snapshot_id: Some(Arc::clone(&id)),
            resume,
            journal,
            stop: self.stop.clone(),
            halt: self.halt.clone(),
            ..Options::default()
        };
        let summary = pipeline::run_within(source, sink, options, self.room.clone()).await;
        EndedSnapshot { id, summary }
    }
}
