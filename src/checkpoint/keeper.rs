//! The journal that keeps checkpoints.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::time::Duration;
use tokio::time::Instant;

use super::draft::Draft;
use super::{Beginning, CheckpointLock, CheckpointStore, Identity};
use crate::error::Result;
use crate::pipeline::{Durable, Journal};

/// Keeps the checkpoint of one account's snapshot in a [`CheckpointStore`].
///
/// Not every place that becomes durable is kept: where batches become durable one by one, that would be
/// a checkpoint for each. One that was not kept only means that the next run does more again.
#[derive(Debug)]
pub struct Keeper<S> {
    store: S,
    draft: Draft,
    interval: Duration,
    kept: Option<Kept>,
    _lock: Option<CheckpointLock>,
}

#[derive(Debug)]
struct Kept {
    at: Instant,
    pieces: usize,
}

impl<S: CheckpointStore> Keeper<S> {
    /// Keeps in `store` what becomes of the snapshot that begins with `beginning`; at most one
    /// checkpoint a second unless a piece became whole.
    pub fn new(store: S, identity: Identity, beginning: &Beginning) -> Self {
        Self {
            store,
            draft: Draft::of(identity, beginning),
            interval: Duration::from_secs(1),
            kept: None,
            _lock: None,
        }
    }

    /// With the lock that keeps other runs from the same checkpoint, for as long as this one goes on.
    #[must_use]
    pub fn holding(mut self, lock: Option<CheckpointLock>) -> Self {
        self._lock = lock;
        self
    }

    /// With another time between two checkpoints.
    #[must_use]
    pub fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    fn is_due(&self, durable: &Durable) -> bool {
        let Some(kept) = &self.kept else { return true };
        durable.is_last || durable.pieces.len() != kept.pieces || kept.at.elapsed() >= self.interval
    }
}

impl<S: CheckpointStore> Journal for Keeper<S> {
    fn record(&mut self, durable: Durable) -> BoxFuture<'_, Result<()>> {
        async move {
            if !self.is_due(&durable) {
                return Ok(());
            }
            let pieces = durable.pieces.len();
            let (position, is_complete) = (durable.place.position, durable.is_complete);
            self.store.save(&self.draft.checkpoint(durable)).await?;
            tracing::debug!(
                byte = position.byte,
                record = position.record,
                pieces,
                is_complete,
                "checkpoint written"
            );
            self.kept = Some(Kept { at: Instant::now(), pieces });
            Ok(())
        }
        .boxed()
    }

    fn abandon(&mut self) -> BoxFuture<'_, Result<()>> {
        async move { self.store.remove(self.draft.key()).await.map(drop) }.boxed()
    }
}
