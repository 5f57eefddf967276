//! A destination in memory that takes files, and keeps checkpoints beside them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, future};

use crate::checkpoint::{Checkpoint, CheckpointStore, Listed};
use crate::decode::CheckedBlock;
use crate::error::Result;
use crate::position::Position;
use crate::sink::{Batch, CheckDecoder, DurablePiece, Pace, Sink};

/// The ids in it.
pub(super) type Piece = Vec<String>;

/// What outlives a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Disk {
    /// By their snapshots and numbers.
    pub(super) pieces: BTreeMap<String, Vec<Piece>>,
    pub(super) checkpoint: Option<Checkpoint>,
}

impl Disk {
    /// The pieces of the snapshot that the checkpoint is of.
    pub(super) fn kept(&self) -> &[Piece] {
        let kept = self.checkpoint.as_ref();
        kept.and_then(|kept| self.pieces.get(&kept.snapshot_id)).map_or(&[], Vec::as_slice)
    }

    /// What there is at the end of a run. Not the byte that the checkpoint has: white space behind the last
    /// record of a chunk belongs to its block.
    pub(super) fn end(&self) -> (&[Piece], Option<(u64, usize, bool)>) {
        let kept = self.checkpoint.as_ref();
        let kept =
            kept.map(|kept| (kept.place.position.record, kept.pieces.len(), kept.is_complete));
        (self.kept(), kept)
    }
}

/// One run's hold on the disk: it ends with the run's last step.
#[derive(Clone, Debug)]
pub(super) struct Hand {
    pub(super) disk: Arc<Mutex<Disk>>,
    pub(super) steps_left: Arc<Mutex<usize>>,
}

impl Hand {
    /// Does `step`, unless the run is killed before it: then this never ends.
    async fn step<T>(&self, step: impl FnOnce(&mut Disk) -> T) -> T {
        let lives = {
            let mut left = self.steps_left.lock().unwrap();
            let lives = *left > 0;
            *left = left.saturating_sub(1);
            lives
        };
        if !lives {
            future::pending::<()>().await;
        }
        step(&mut self.disk.lock().unwrap())
    }

    pub(super) fn is_killed(&self) -> bool {
        *self.steps_left.lock().unwrap() == 0
    }
}

/// Keeps the only checkpoint on the disk.
#[derive(Debug)]
pub(super) struct DiskStore(pub(super) Hand);

impl CheckpointStore for DiskStore {
    fn load<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<Checkpoint>>> {
        let found = self.0.disk.lock().unwrap().checkpoint.clone();
        future::ready(Ok(found)).boxed()
    }

    fn save<'a>(&'a self, checkpoint: &'a Checkpoint) -> BoxFuture<'a, Result<()>> {
        async move {
            // As it is read again.
            let kept = Checkpoint::from_json(&checkpoint.to_json())?;
            self.0.step(|disk| disk.checkpoint = Some(kept)).await;
            Ok(())
        }
        .boxed()
    }

    fn remove<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<bool>> {
        // The tests look at what there was.
        future::ready(Ok(true)).boxed()
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<Listed>>> {
        unreachable!("a run asks for its own")
    }
}

/// Makes a piece of every two batches, as files are made of many.
pub(super) struct PieceSink {
    hand: Hand,
    snapshot_id: String,
    open: Vec<String>,
    batches: usize,
    pieces_before: usize,
    pieces: Vec<DurablePiece>,
    written: Position,
    durable: Position,
}

impl PieceSink {
    pub(super) fn new(hand: Hand, snapshot_id: &str, pieces_before: usize) -> Self {
        Self {
            hand,
            snapshot_id: snapshot_id.to_owned(),
            open: Vec::new(),
            batches: 0,
            pieces_before,
            pieces: Vec::new(),
            written: Position::START,
            durable: Position::START,
        }
    }

    async fn close_piece(&mut self) {
        let number = self.pieces_before + self.pieces.len();
        let ids = std::mem::take(&mut self.open);
        let records = ids.len() as u64;
        if records > 0 {
            self.hand
                .step(|disk| {
                    let pieces = disk.pieces.entry(self.snapshot_id.clone()).or_default();
                    pieces.resize(pieces.len().max(number + 1), Vec::new());
                    pieces[number] = ids;
                })
                .await;
            self.pieces.push(DurablePiece {
                name: number.to_string(),
                partition: Default::default(),
                records,
                bytes: 0,
                digest: None,
            });
        }
        self.batches = 0;
        self.durable = self.written;
    }
}

impl Sink for PieceSink {
    type Decoder = CheckDecoder;
    type Report = ();

    fn decoder(&self) -> CheckDecoder {
        CheckDecoder::default()
    }

    fn pace(&self) -> Pace {
        Pace::Full
    }

    async fn write(&mut self, batch: Batch<Vec<CheckedBlock>>) -> Result<()> {
        let records = batch.value.iter().flat_map(CheckedBlock::records);
        self.open.extend(records.map(|record| record.id.to_owned()));
        self.written = batch.span.end;
        self.batches += 1;
        if self.batches == 2 {
            self.close_piece().await;
        }
        Ok(())
    }

    fn durable(&self) -> Position {
        self.durable
    }

    fn pieces(&self) -> &[DurablePiece] {
        &self.pieces
    }

    async fn flush(&mut self) -> Result<Position> {
        Ok(self.durable)
    }

    async fn finish(&mut self) -> Result<()> {
        self.close_piece().await;
        Ok(())
    }

    async fn abort(&mut self) -> Result<()> {
        Ok(())
    }

    fn report(self) {}
}
