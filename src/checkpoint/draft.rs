//! What all checkpoints of one snapshot have in common.

use super::{Beginning, Checkpoint, FORMAT, Identity};
use crate::pipeline::Durable;
use crate::sink::DurablePiece;

/// A snapshot's checkpoint, but for how far it is.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    identity: Identity,
    snapshot_id: String,
    counts_before: (u64, u64),
    pieces_before: Vec<DurablePiece>,
}

impl Draft {
    pub(crate) fn of(identity: Identity, beginning: &Beginning) -> Self {
        Self {
            identity,
            snapshot_id: beginning.snapshot_id().to_owned(),
            counts_before: beginning.counts(),
            pieces_before: beginning.pieces().to_vec(),
        }
    }

    pub(crate) fn key(&self) -> &str {
        self.identity.key()
    }

    pub(crate) fn checkpoint(&self, durable: Durable) -> Checkpoint {
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
