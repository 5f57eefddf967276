//! Where licenses go.
//!
//! A [`Sink`] takes batches in the order of the body, one at a time. What it takes is not yet
//! durable; [`flush`](Sink::flush) answers up to where it is.

#[cfg(feature = "kafka")]
pub mod kafka;
pub mod ndjson;
#[cfg(feature = "parquet")]
pub mod parquet;
pub mod reject;

use std::future::Future;
use std::ops::ControlFlow;

use crate::decode::{CheckedBlock, Limits};
use crate::error::Result;
use crate::frame::Block;
use crate::position::{Position, Span};
use crate::reject::Reject;

/// A destination of licenses.
pub trait Sink: Send {
    /// Makes of blocks what this sink writes.
    type Decoder: Decoder;
    /// What the sink says when it is closed.
    type Report: Send;

    /// A decoder; it is cloned for every job.
    fn decoder(&self) -> Self::Decoder;

    /// Whether batches are wanted as soon as there is one, or full.
    fn pace(&self) -> Pace;

    /// Takes a batch. Waits while the destination is busy. Afterwards nothing need be durable.
    fn write(
        &mut self,
        batch: Batch<<Self::Decoder as Decoder>::Output>,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Answers the place before which everything is durable. It may lie before the last batch where
    /// the destination makes larger pieces durable at once.
    fn flush(&mut self) -> impl Future<Output = Result<Position>> + Send;

    /// Makes everything durable that was written, and closes.
    fn finish(self) -> impl Future<Output = Result<Self::Report>> + Send;

    /// Closes after a failure: what is durable stays, a piece that is not whole is removed.
    fn abort(self) -> impl Future<Output = Result<Self::Report>> + Send;
}

/// The CPU's part of a sink: runs on many threads at once, in no order.
pub trait Decoder: Clone + Send + 'static {
    /// What the sink writes.
    type Output: Send + 'static;

    /// Decodes blocks that follow one another, and counts the licenses in them.
    ///
    /// What is no license goes to `on_reject`; once that answers `Break`, nothing behind that
    /// record may be in the output.
    fn decode(
        &mut self,
        blocks: Vec<Block>,
        on_reject: &mut dyn FnMut(Reject) -> ControlFlow<()>,
    ) -> (Self::Output, u64);
}

/// When a sink wants its batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// As soon as the source has nothing more for the moment.
    Eager,
    /// Full, so that where they end depends on the records alone.
    Full,
}

/// Licenses on their way into a sink.
#[derive(Clone, Debug)]
pub struct Batch<T> {
    /// What the sink's decoder made of them.
    pub value: T,
    /// How many there are.
    pub records: u64,
    /// The stretch of the body they come from, rejects included.
    pub span: Span,
}

/// The decoder of the sinks that pass the bytes on: checks each record and finds its `id`.
#[derive(Clone, Copy, Debug, Default)]
pub struct CheckDecoder {
    /// Limits of a record.
    pub limits: Limits,
}

impl Decoder for CheckDecoder {
    type Output = Vec<CheckedBlock>;

    fn decode(
        &mut self,
        blocks: Vec<Block>,
        on_reject: &mut dyn FnMut(Reject) -> ControlFlow<()>,
    ) -> (Vec<CheckedBlock>, u64) {
        let mut checked = Vec::with_capacity(blocks.len());
        let mut flow = ControlFlow::Continue(());
        for block in blocks {
            checked.push(CheckedBlock::check(block, &self.limits, |reject| {
                flow = on_reject(reject);
                flow
            }));
            if flow.is_break() {
                break;
            }
        }
        let records = checked.iter().map(|block| block.len() as u64).sum();
        (checked, records)
    }
}
