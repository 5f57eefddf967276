//! Licenses into Parquet files of a local directory, or of an object store.
//!
//! Files are named `<account>-<snapshot>-<00000>.parquet`, or `….arrow` in the other [format](FileFormat), with `input` for an account that is not
//! known, in directories below the lake if [partitions](ParquetOptions::partition_by) are wanted. One is written under a hidden temporary name and takes its own name once it is whole and on
//! disk, so that a reader of such names never meets a part of a file; in an object store it is an upload
//! in parts, which ends in the same way. Where row groups and files end
//! depends on the records and the options alone.
//!
//! When a run breaks off because its body was cut or a write failed, the files that were whole by then
//! stay and the one in hand is removed. So the files of one snapshot can be a part of it: it is complete
//! once [`Completion`] has written its [`Manifest`]. What runs keep for themselves is in the folder
//! `_license-stream`; see [`Claim`].
//!
//! Columns are encoded on as many threads as there are cores, and what they become does not depend on
//! that. The row group in hand is kept in memory, encoded, until it is full: `row_group_bytes` bounds how
//! much of the body that is.

#[cfg(feature = "cloud")]
mod bucket;
mod claim;
mod compact;
mod completion;
mod file;
mod format;
mod gathered;
mod group;
mod hive;
mod inspect;
#[cfg(test)]
#[cfg(feature = "cloud")]
mod kills;
mod lake;
mod layout;
mod local;
mod looked;
mod manifest;
pub(super) mod marks;
#[cfg(feature = "cloud")]
mod object;
mod open;
mod options;
mod order;
mod origins;
mod partition;
mod parts;
mod pending;
mod piece;
mod proof;
mod remote;
mod roll;
mod run;
mod standing;
mod survey;
mod tree;
#[cfg(feature = "cloud")]
mod unfinished;
mod writer;

use std::sync::Arc;

use arrow_array::RecordBatch;

use super::{Batch, Decoder, DurablePiece, Pace, Sink};
use crate::checkpoint::is_name;
use crate::decode::arrow::{BatchOptions, LicenseBatchBuilder, RemoteSchema, Unexpected};
use crate::error::{Error, ErrorKind, Result};
use crate::frame::Block;
use crate::position::Position;
use crate::reject::Reject;
pub use claim::Claim;
pub use compact::{Compaction, CompactionPlan, CompactionSummary, PlannedGroup};
pub use completion::Completion;
pub use file::WrittenFile;
pub use format::FileFormat;
pub use inspect::{
    BrokenFile, ColumnInspection, CompactionInspection, FileInspection, FileSummary,
    LakeInspection, PartitionsInspection, RowGroupInspection, SnapshotInspection, SnapshotState,
};
pub use lake::Lake;
pub use layout::OtherLayout;
pub use manifest::{MANIFEST_VERSION, Manifest};
pub use options::{ParquetOptions, writer_properties};
pub use order::SortColumn;
pub use partition::PartitionField;
pub use parts::{PartDecoder, Parts};
use piece::Piece;
pub use remote::RemoteData;
pub(super) use remote::not_held;
pub use roll::Roll;
pub use run::RunClaim;
pub use standing::{Standing, Standings};
pub use survey::{
    CostFigures, FieldFigures, LakeSurvey, LicenseFigures, Quantity, SeatFigures, SurveyedSnapshot,
};

/// Writes Parquet files of bounded size with row groups of bounded size.
///
/// ```
/// use license_stream::pipeline::{self, Options};
/// use license_stream::sink::parquet::{ParquetOptions, ParquetSink};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let lake = tempfile::tempdir()?;
/// # let chunks = ["{\"id\":\"a\"}\n{\"i", "d\":\"b\"}\n"].map(bytes::Bytes::from);
/// # let body = futures_util::stream::iter(chunks.map(Ok::<_, license_stream::Error>));
/// let mut options = ParquetOptions::new(lake.path(), "01a20c7e-5167-7459-84d1-21cf616966d5");
/// options.file_bytes = 256 << 20;
/// let sink = ParquetSink::new(options).await?;
/// let summary = pipeline::run(body, sink, Options::default()).await.into_result()?;
///
/// for file in summary.report.files {
///     println!("{}: {} rows, {} bytes", file.path.display(), file.rows, file.bytes);
///     # assert_eq!(file.rows, 2);
///     # assert!(file.path.ends_with("input-01a20c7e-5167-7459-84d1-21cf616966d5-00000.parquet"));
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct ParquetSink {
    options: Arc<ParquetOptions>,
    claim: Arc<Claim>,
    decoder: PartDecoder,
    /// How `remote_data` is typed, if it is.
    remote: Option<remote::Shared>,
    /// The piece in hand, once it has rows, and the number of the next.
    piece: Option<Piece>,
    next: usize,
    /// Whether the piece in hand is being written to or finished. So it stays where a run no longer waits for
    /// that: the piece is gone then, and with it what was written into it.
    is_busy: bool,
    /// The files that are whole.
    pieces: Vec<DurablePiece>,
    /// Bytes of all that were ever made.
    bytes: u64,
    report: ParquetReport,
    /// End of the last batch written.
    written: Position,
    durable: Position,
}

/// What a [`ParquetSink`] wrote.
#[derive(Clone, Debug, Default)]
pub struct ParquetReport {
    /// The files, in the order of the body.
    pub files: Vec<WrittenFile>,
    /// Values that no column holds whole, and that were kept in `_extra`, if that is among the columns.
    pub unexpected: Unexpected,
    /// How `remote_data` was typed, if it was.
    pub remote_data: Option<RemoteSchema>,
    /// Rows with something in `_remote_data_extra`.
    pub not_held: u64,
}

impl ParquetSink {
    /// A sink into the lake of `options`, which is made, with a [`Claim`] of its own.
    ///
    /// # Errors
    /// Those of [`Claim::take`] and [`within`](Self::within).
    pub async fn new(options: ParquetOptions) -> Result<Self> {
        let claim = Claim::take(options.lake.clone(), options.account.as_deref()).await?;
        Self::within(Arc::new(claim), options).await
    }

    /// A sink into what was claimed, which must be the lake and the account of `options`. From now
    /// on the account is pending, until [`Claim::complete`].
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if it is of another lake or account, if the snapshot id cannot be part
    /// of a file's name, or if [`ParquetOptions::check`] refuses the options;
    /// [`ErrorKind::Destination`] if the lake cannot be written to, or if a file of earlier runs does not say how its
    /// `remote_data` is typed.
    pub async fn within(claim: Arc<Claim>, options: ParquetOptions) -> Result<Self> {
        if !claim.is_of(&options.lake, options.account.as_deref()) {
            let message = "the claim is of another lake or account than the options";
            return Err(Error::new(ErrorKind::Configuration, message));
        }
        if !is_name(&options.snapshot_id) {
            return Err(claim::not_a_name());
        }
        options.check()?;
        let options = options.resumed().await?;
        let remote = remote::Shared::of(&options);
        let decoder = PartDecoder::new(&options, remote.clone())?;
        let next = claim.next_number(&options.files_before)?;
        claim.begin(&options.snapshot_id).await?;
        Ok(Self {
            options: Arc::new(options),
            claim,
            decoder,
            remote,
            piece: None,
            next,
            is_busy: false,
            pieces: Vec::new(),
            bytes: 0,
            report: ParquetReport::default(),
            written: Position::START,
            durable: Position::START,
        })
    }

    /// Begins the next piece.
    fn begin_piece(&mut self) -> Piece {
        let number = self.next;
        self.next += 1;
        Piece::new(Arc::clone(&self.claim), Arc::clone(&self.options), number)
    }

    /// Writes a batch into the piece in hand, and completes that if it is full then.
    async fn add(&mut self, batch: Batch<(Parts, Unexpected)>) -> Result<()> {
        let (parts, unexpected) = batch.value;
        self.report.unexpected.merge(&unexpected);
        let mut is_full = false;
        if parts.rows.num_rows() > 0 {
            let parts = self.typed(parts).await?;
            let mut piece = self.piece.take().unwrap_or_else(|| self.begin_piece());
            self.is_busy = true;
            piece.write(parts, batch.span.bytes()).await?;
            self.is_busy = false;
            is_full = piece.is_full();
            self.piece = Some(piece);
        }
        self.written = batch.span.end;
        if is_full { self.close_piece().await } else { Ok(()) }
    }

    /// The same rows as files have them.
    async fn typed(&mut self, mut parts: Parts) -> Result<Parts> {
        let Some(remote) = &self.remote else { return Ok(parts) };
        if !remote::is_typed(&parts.rows) {
            parts.rows = remote.typed(parts.rows).await?;
        }
        if let (RemoteData::Infer, Some(known)) = (&self.options.remote_data, remote.known()) {
            Arc::make_mut(&mut self.options).remote_data = known;
        }
        self.report.not_held += remote::not_held(&parts.rows);
        Ok(parts)
    }

    /// Completes the piece in hand. What was written into one that is gone does not become durable any more.
    async fn close_piece(&mut self) -> Result<()> {
        if self.is_busy {
            return Ok(());
        }
        if let Some(piece) = self.piece.take() {
            self.is_busy = true;
            let files = piece.finish().await?;
            self.is_busy = false;
            self.bytes += files.iter().map(|file| file.bytes).sum::<u64>();
            self.pieces.extend(files.iter().map(WrittenFile::durable));
            self.report.files.extend(files);
        }
        self.durable = self.written;
        Ok(())
    }
}

impl Sink for ParquetSink {
    type Decoder = PartDecoder;
    type Report = ParquetReport;

    fn decoder(&self) -> PartDecoder {
        self.decoder.clone()
    }

    fn pace(&self) -> Pace {
        Pace::Full
    }

    async fn write(&mut self, batch: Batch<(Parts, Unexpected)>) -> Result<()> {
        match self.add(batch).await {
            Err(error) => Err(self.claim.explained(error).await),
            added => added,
        }
    }

    fn durable(&self) -> Position {
        self.durable
    }

    fn pieces(&self) -> &[DurablePiece] {
        &self.pieces
    }

    fn bytes_written(&self) -> u64 {
        self.bytes
    }

    async fn flush(&mut self) -> Result<Position> {
        Ok(self.durable)
    }

    async fn finish(&mut self) -> Result<()> {
        match self.close_piece().await {
            Err(error) => Err(self.claim.explained(error).await),
            closed => closed,
        }
    }

    async fn abort(&mut self) -> Result<()> {
        // Dropped, the files in hand are removed.
        self.piece = None;
        self.claim.settle().await;
        Ok(())
    }

    /// Removes the files of the snapshot, those of earlier runs included.
    async fn discard(&mut self) -> Result<()> {
        self.piece = None;
        self.claim.settle().await;
        self.claim.remove_snapshot(&self.options.snapshot_id).await?;
        self.pieces.clear();
        self.report.files.clear();
        Ok(())
    }

    fn report(mut self) -> ParquetReport {
        if let RemoteData::Typed(schema) = &self.options.remote_data {
            self.report.remote_data = Some(schema.clone());
        }
        self.report
    }
}

/// Decodes blocks into one Arrow batch each job.
#[derive(Clone, Debug)]
pub struct ArrowDecoder {
    options: BatchOptions,
    remote: Option<RemoteSchema>,
}

impl ArrowDecoder {
    pub(super) fn new(options: BatchOptions) -> Self {
        Self { options, remote: None }
    }

    /// The same with `remote_data` of these types, if there are some.
    pub(super) fn typed(self, remote: Option<RemoteSchema>) -> Self {
        Self { remote, ..self }
    }
}

impl Decoder for ArrowDecoder {
    type Output = (RecordBatch, Unexpected);

    fn decode(
        &mut self,
        blocks: Vec<Block>,
        on_reject: &mut dyn FnMut(Reject) -> std::ops::ControlFlow<()>,
    ) -> (Self::Output, u64) {
        let mut builder = LicenseBatchBuilder::new(self.options.clone());
        let mut stopped = false;
        for block in &blocks {
            builder.append(block, |reject| {
                let flow = on_reject(reject);
                stopped = flow.is_break();
                flow
            });
            if stopped {
                break;
            }
        }
        let batch = builder.flush();
        let batch = match &self.remote {
            Some(remote) => remote.typed(&batch),
            None => batch,
        };
        let records = batch.num_rows() as u64;
        ((batch, builder.take_unexpected()), records)
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;
    use std::path::Path;

    use futures_util::FutureExt;

    use super::*;
    use crate::frame::{Framer, FramerOptions};
    use crate::position::Span;

    /// A sink whose piece is full with its first row, or is never, and a batch for it.
    async fn sink(lake: &Path, is_full: bool) -> (ParquetSink, Batch<(Parts, Unexpected)>) {
        let mut options = ParquetOptions::new(lake, "01a20c7e-5167-7459-84d1-21cf616966d5");
        options.file_bytes = if is_full { 1 } else { u64::MAX };
        let sink = ParquetSink::new(options).await.unwrap();
        let mut framer = Framer::new(FramerOptions::default());
        framer.push("{\"id\":\"a\"}\n".into());
        framer.finish();
        let block = framer.next_block().unwrap().unwrap();
        let span = Span { start: Position::START, end: framer.position() };
        let (value, records) = sink.decoder().decode(vec![block], &mut |_| ControlFlow::Break(()));
        assert_eq!(records, 1);
        (sink, Batch { value, records, span, reached: None })
    }

    #[tokio::test]
    async fn what_was_in_a_piece_that_is_not_waited_for_any_more_does_not_become_durable() {
        for (is_full, is_dropped) in [(true, true), (true, false), (false, true), (false, false)] {
            let lake = tempfile::tempdir().unwrap();
            let (mut sink, batch) = sink(lake.path(), is_full).await;
            let end = batch.span.end;
            // At its first wait.
            if is_full && is_dropped {
                assert!(sink.write(batch).now_or_never().is_none());
            } else {
                sink.write(batch).await.unwrap();
            }
            if !is_full && is_dropped {
                assert!(sink.finish().now_or_never().is_none());
            }
            sink.finish().await.unwrap();
            let expected = if is_dropped { Position::START } else { end };
            assert_eq!(sink.durable(), expected, "{is_full} {is_dropped}");
            assert_eq!(sink.pieces().len(), usize::from(!is_dropped));
        }
    }
}
