//! Where licenses go.
//!
//! A [`Sink`] takes batches in the order of the body, one at a time. What it takes is not yet
//! durable; [`flush`](Sink::flush) answers up to where it is.

#[cfg(feature = "parquet")]
pub mod arrow;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod ndjson;
#[cfg(feature = "parquet")]
pub mod parquet;
pub mod reject;

use std::collections::BTreeMap;
use std::future::Future;
use std::ops::ControlFlow;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::decode::{CheckedBlock, Limits};
use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::frame::Block;
use crate::pipeline::Reached;
use crate::position::{Position, Span};
use crate::reject::Reject;

/// A destination of licenses.
///
/// A sink of your own needs a [`Decoder`], which is the part of the work that runs on all cores at
/// once, and seven methods. [`CheckDecoder`] serves all sinks that pass the bytes on. This one hands
/// each license to another task:
///
/// ```
/// use license_stream::decode::CheckedBlock;
/// use license_stream::sink::{Batch, CheckDecoder, Pace, Sink};
/// use license_stream::{Error, ErrorKind, Position, Result};
/// use tokio::sync::mpsc;
///
/// struct ChannelSink {
///     licenses: mpsc::Sender<(String, Vec<u8>)>,
///     taken: Position,
/// }
///
/// impl Sink for ChannelSink {
///     type Decoder = CheckDecoder;
///     type Report = ();
///
///     fn decoder(&self) -> CheckDecoder {
///         CheckDecoder::default()
///     }
///
///     fn pace(&self) -> Pace {
///         Pace::Eager // whoever receives would rather have few licenses than wait
///     }
///
///     async fn write(&mut self, batch: Batch<Vec<CheckedBlock>>) -> Result<()> {
///         for license in batch.value.iter().flat_map(CheckedBlock::records) {
///             let license = (license.id.to_owned(), license.raw.bytes.to_vec());
///             self.licenses.send(license).await.map_err(|_| {
///                 Error::new(ErrorKind::Destination, "the receiver is gone").at(batch.span.start)
///             })?;
///         }
///         self.taken = batch.span.end;
///         Ok(())
///     }
///
///     fn durable(&self) -> Position {
///         self.taken // a channel keeps what it took
///     }
///
///     async fn flush(&mut self) -> Result<Position> {
///         Ok(self.taken)
///     }
///
///     async fn finish(&mut self) -> Result<()> {
///         Ok(())
///     }
///
///     async fn abort(&mut self) -> Result<()> {
///         Ok(())
///     }
///
///     fn report(self) {}
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// # use license_stream::pipeline::{self, Options};
/// # let body = ["{\"id\":\"a\"}\n{\"i", "d\":\"b\"}\n"];
/// # let body = futures_util::stream::iter(body.map(|chunk| Ok::<_, Error>(chunk.into())));
/// # let (licenses, mut receiver) = mpsc::channel(10);
/// # let sink = ChannelSink { licenses, taken: Position::START };
/// # pipeline::run(body, sink, Options::default()).await.into_result()?;
/// # assert_eq!(receiver.recv().await.unwrap().0, "a");
/// # assert_eq!(receiver.recv().await.unwrap(), ("b".into(), b"{\"id\":\"b\"}".to_vec()));
/// # assert!(receiver.recv().await.is_none());
/// # Ok(())
/// # }
/// ```
pub trait Sink: Send {
    /// What makes of blocks what this sink writes.
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

    /// The place before which everything is durable. It only grows, and may do so at any time.
    fn durable(&self) -> Position;

    /// Whether what it takes becomes durable in one step with the [place](Batch::reached) behind it.
    ///
    /// Such a sink is given whole batches only, and each after the dead letters in it are durable: the
    /// place behind them may be what the next run goes on from.
    fn is_exactly_once(&self) -> bool {
        false
    }

    /// Bytes that were written to the destination so far, for [`Progress`](crate::pipeline::Progress); nothing
    /// unless it says so.
    fn bytes_written(&self) -> u64 {
        0
    }

    /// The pieces that became durable one by one, in the order of the body, where the destination has
    /// such.
    fn pieces(&self) -> &[DurablePiece] {
        &[]
    }

    /// Makes durable what can be without ending a piece early, and answers as
    /// [`durable`](Self::durable) does.
    fn flush(&mut self) -> impl Future<Output = Result<Position>> + Send;

    /// Makes everything durable that was written. Nothing is written afterwards.
    fn finish(&mut self) -> impl Future<Output = Result<()>> + Send;

    /// Closes after a failure: what is durable stays, a piece that is not whole is removed.
    fn abort(&mut self) -> impl Future<Output = Result<()>> + Send;

    /// Closes because the snapshot is given up, and will be begun anew under another id: what can be
    /// taken back is removed, durable or not. As [`abort`](Self::abort) does where nothing can.
    fn discard(&mut self) -> impl Future<Output = Result<()>> + Send {
        self.abort()
    }

    /// How long [`abort`](Self::abort) may take where nobody waits any longer; what it has not done by then is what a
    /// kill would leave. As long again may be taken to keep how far the run is.
    fn time_to_leave(&self) -> Duration {
        Duration::from_secs(2)
    }

    /// What was written and not taken back, once it was finished or closed otherwise, even if that failed.
    fn report(self) -> Self::Report;
}

/// A file, or another part of a snapshot that became durable as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DurablePiece {
    /// Its name, relative to the destination.
    pub name: String,
    /// What the directories that it lies in are named for, and the values: `None` for null. Empty where there
    /// are no such directories.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub partition: BTreeMap<String, Option<String>>,
    /// Licenses in it.
    pub records: u64,
    /// Its length.
    pub bytes: u64,
    /// The digest of its bytes, where it has some of its own.
    #[serde(default, rename = "xxh3_128")]
    pub digest: Option<Digest>,
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
    /// How far the run is behind it; `None` if reading ends within the batch, at a record that the
    /// policy does not let pass.
    pub reached: Option<Reached>,
}

/// The decoder of the sinks that pass the bytes on: checks each record and finds its `id`.
#[derive(Clone, Copy, Debug, Default)]
pub struct CheckDecoder {
    /// Limits of a record.
    pub limits: Limits,
    /// Whether any JSON is taken, as `truto_response_format=raw` brings it. Otherwise a record must be
    /// an object that has an `id`.
    pub any_json: bool,
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
            let on_reject = |reject| {
                flow = on_reject(reject);
                flow
            };
            checked.push(if self.any_json {
                CheckedBlock::check_json(block, &self.limits, on_reject)
            } else {
                CheckedBlock::check(block, &self.limits, on_reject)
            });
            if flow.is_break() {
                break;
            }
        }
        let records = checked.iter().map(|block| block.len() as u64).sum();
        (checked, records)
    }
}

/// That a stream took no more licenses.
fn not_taken(name: &str, error: std::io::Error) -> Error {
    let why = match error.kind() {
        std::io::ErrorKind::BrokenPipe => ": whoever reads it has ended",
        _ => "",
    };
    Error::new(ErrorKind::Destination, format!("{name} did not take the licenses{why}"))
        .caused_by(error)
}
