//! The journal that keeps checkpoints.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::time::Duration;
use tokio::time::Instant;

use super::{Beginning, Checkpoint, CheckpointStore, FORMAT, Identity};
use crate::error::Result;
use crate::pipeline::{Durable, Journal};
use crate::sink::DurablePiece;

/// Keeps the checkpoint of one account's snapshot in a [`CheckpointStore`].
///
/// Not every place that becomes durable is kept: where batches become durable one by one, that would be
/// a checkpoint for each. One that was not kept only means that the next run does more again.
#[derive(Debug)]
pub struct Keeper<S> {
    store: S,
    identity: Identity,
    snapshot_id: String,
    counts_before: (u64, u64),
    pieces_before: Vec<DurablePiece>,
    interval: Duration,
    kept: Option<Kept>,
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
            identity,
            snapshot_id: beginning.snapshot_id().to_owned(),
            counts_before: beginning.counts(),
            pieces_before: beginning.pieces().to_vec(),
            interval: Duration::from_secs(1),
            kept: None,
        }
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

    fn checkpoint(&self, durable: Durable) -> Checkpoint {
        let (records, rejected) = self.counts_before;
        let mut pieces = self.pieces_before.clone();
        pieces.extend(durable.pieces);
        Checkpoint {
            format: FORMAT,
            key: self.identity.key().to_owned(),
            options: self.identity.options().clone(),
            snapshot_id: self.snapshot_id.clone(),
            is_complete: durable.is_complete,
            records: records + durable.counts.records,
            rejected: rejected + durable.counts.rejected,
            pieces,
            place: durable.place,
        }
    }
}

impl<S: CheckpointStore> Journal for Keeper<S> {
    fn record(&mut self, durable: Durable) -> BoxFuture<'_, Result<()>> {
        async move {
            if !self.is_due(&durable) {
                return Ok(());
            }
            let pieces = durable.pieces.len();
            self.store.save(&self.checkpoint(durable)).await?;
            self.kept = Some(Kept { at: Instant::now(), pieces });
            Ok(())
        }
        .boxed()
    }
}
