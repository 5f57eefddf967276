//! What has become durable, told to whoever keeps it.

use std::collections::VecDeque;
use std::fmt;

use futures_util::future::BoxFuture;

#[cfg(feature = "kafka")]
use super::Reached;
use super::{Counts, Place};
use crate::error::Result;
use crate::position::Position;
use crate::sink::DurablePiece;

/// What of a run is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Durable {
    /// Where reading can go on from: everything before is durable, dead letters included.
    pub place: Place,
    /// What lies between where the run began and that place.
    pub counts: Counts,
    /// The pieces that the sink made durable in this run, one by one.
    pub pieces: Vec<DurablePiece>,
    /// Whether the run has ended: nothing more becomes durable in it.
    pub is_last: bool,
    /// Whether the snapshot is complete: nothing is left to be read.
    pub is_complete: bool,
}

impl Durable {
    /// That of a run which is under way and makes no pieces, once the batch is durable behind which it
    /// `reached` so far.
    #[cfg(feature = "kafka")]
    pub(crate) fn under_way(reached: Reached) -> Self {
        let Reached { place, counts } = reached;
        Self { place, counts, pieces: Vec::new(), is_last: false, is_complete: false }
    }
}

/// Keeps what is durable, so that the next run goes on from there; see [`checkpoint`](crate::checkpoint).
pub trait Journal: Send + fmt::Debug {
    /// Is told after each batch that made something durable, and once more at the end, with `is_last`
    /// set. Never ahead of the sink.
    fn record(&mut self, durable: Durable) -> BoxFuture<'_, Result<()>>;

    /// Is told before a snapshot is taken back that was given up: no run must go on with it from here on.
    fn abandon(&mut self) -> BoxFuture<'_, Result<()>>;
}

/// The places behind batches that are not durable yet, and the journal that waits for them.
#[derive(Debug)]
pub(super) struct Marks {
    journal: Box<dyn Journal>,
    open: VecDeque<Mark>,
    /// The last place that is durable.
    durable: Option<Mark>,
}

#[derive(Debug)]
struct Mark {
    /// End of the batch.
    end: Position,
    place: Place,
    counts: Counts,
}

/// How far the run is of which something is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HowFar {
    UnderWay,
    /// It ends before the snapshot does.
    BrokenOff,
    Complete,
}

impl Marks {
    pub(super) fn of(journal: Box<dyn Journal>) -> Self {
        Self { journal, open: VecDeque::new(), durable: None }
    }

    /// A batch was written that ends at `end`; `counts` are those up to there.
    pub(super) fn push(&mut self, end: Position, place: Place, counts: Counts) {
        self.open.push_back(Mark { end, place, counts });
    }

    /// Everything before `durable` is: whether that is news.
    pub(super) fn advance(&mut self, durable: Position) -> bool {
        let settled = self.open.partition_point(|mark| mark.end <= durable);
        let last = self.open.drain(..settled).next_back();
        let is_news = last.is_some();
        self.durable = last.or(self.durable.take());
        is_news
    }

    /// All batches are durable, and nothing is left to be read behind `place`.
    pub(super) fn complete(&mut self, place: Place, counts: Counts) {
        self.open.clear();
        self.durable = Some(Mark { end: place.position, place, counts });
    }

    /// The snapshot is given up.
    pub(super) async fn abandon(&mut self) -> Result<()> {
        self.journal.abandon().await
    }

    /// Tells the journal; nothing if nothing was ever durable.
    pub(super) async fn record(&mut self, pieces: &[DurablePiece], how_far: HowFar) -> Result<()> {
        let Some(Mark { place, counts, .. }) = &self.durable else { return Ok(()) };
        let (place, counts) = (place.clone(), counts.clone());
        let durable = Durable {
            place,
            counts,
            pieces: pieces.to_vec(),
            is_last: how_far != HowFar::UnderWay,
            is_complete: how_far == HowFar::Complete,
        };
        self.journal.record(durable).await
    }
}
