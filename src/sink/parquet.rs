//! Licenses into Parquet files of a local directory, or of an object store.
//!
//! Files are named `<account>-<snapshot>-<00000>.parquet`, with `input` for an account that is not
//! known. One is written under a hidden temporary name and takes its own name once it is whole and on
//! disk, so that a reader of `*.parquet` never meets a part of a file; in an object store it is an upload
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
mod completion;
mod file;
mod group;
#[cfg(test)]
#[cfg(feature = "cloud")]
mod kills;
mod lake;
mod local;
mod manifest;
mod pending;
mod piece;
mod run;
#[cfg(feature = "cloud")]
mod unfinished;

use std::num::NonZeroUsize;
use std::sync::Arc;

use arrow_array::RecordBatch;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::schema::types::ColumnPath;

use super::{Batch, Decoder, DurablePiece, Pace, Sink};
use crate::decode::Limits;
use crate::decode::arrow::{BatchOptions, LicenseBatchBuilder, Unexpected};
use crate::error::{Error, ErrorKind, Result};
use crate::frame::Block;
use crate::position::Position;
use crate::reject::Reject;
pub use claim::Claim;
pub use completion::Completion;
pub use file::WrittenFile;
pub use lake::Lake;
pub use manifest::{MANIFEST_VERSION, Manifest};
use piece::Piece;
pub use run::RunClaim;

/// What a [`ParquetSink`] writes, and how.
#[derive(Clone, Debug)]
pub struct ParquetOptions {
    /// Where the files go; it is made if it is not there.
    pub lake: Lake,
    /// Integrated account: a column, and the first part of file names.
    pub account: Option<Arc<str>>,
    /// Snapshot id: a column, and the second part of file names.
    pub snapshot_id: Arc<str>,
    /// Files of this snapshot that earlier runs have made: the next one has this number. 0 by default.
    pub files_before: usize,
    /// A row group ends with the batch that reaches this many bytes of JSON. 128 MiB by default.
    pub row_group_bytes: u64,
    /// A row group ends with the batch that reaches this many rows. 1,000,000 by default.
    pub row_group_rows: u64,
    /// A file ends with the batch that reaches this many bytes of JSON. 1 GiB by default.
    pub file_bytes: u64,
    /// How columns are encoded; [`writer_properties`] by default.
    pub properties: WriterProperties,
    /// Columns that are encoded at once; as many as there are cores by default. The files do not depend
    /// on it.
    pub threads: NonZeroUsize,
    /// Limits of a record.
    pub limits: Limits,
    /// Whether a record is rejected in which a known field has a value of an unexpected type;
    /// otherwise the value is kept in `_extra`.
    pub strict: bool,
}

impl ParquetOptions {
    /// Options for files in `lake`, such as the path of a directory, and defaults for everything else.
    pub fn new(lake: impl Into<Lake>, snapshot_id: impl Into<Arc<str>>) -> Self {
        Self {
            lake: lake.into(),
            account: None,
            snapshot_id: snapshot_id.into(),
            files_before: 0,
            row_group_bytes: 128 << 20,
            row_group_rows: 1_000_000,
            file_bytes: 1 << 30,
            properties: writer_properties(),
            threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            limits: Limits::default(),
            strict: false,
        }
    }

    /// The name of file `number` of the snapshot.
    fn file_name(&self, number: usize) -> String {
        let account = self.account.as_deref().unwrap_or(claim::NO_ACCOUNT);
        format!("{account}-{}-{number:05}.parquet", self.snapshot_id)
    }
}

/// zstd at its first level, statistics and page index, dictionaries except where nearly every value
/// is another.
pub fn writer_properties() -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("license-stream ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_writer_version(WriterVersion::PARQUET_1_0)
        // Elements of lists are named `element`, as Parquet has it, and not `item`, as Arrow has.
        .set_coerce_types(true)
        // Row groups end where this crate says.
        .set_max_row_group_row_count(None);
    for unique in ["id", "remote_data", "_extra"] {
        properties = properties.set_column_dictionary_enabled(ColumnPath::from(unique), false);
    }
    // The least and the greatest of JSON texts help nobody, and take as long as their encoding.
    let remote_data = ColumnPath::from("remote_data");
    properties.set_column_statistics_enabled(remote_data, EnabledStatistics::None).build()
}

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
    /// The file in hand, once it has rows.
    piece: Option<Piece>,
    /// The files that are whole.
    pieces: Vec<DurablePiece>,
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
    /// Values that no column holds whole, and that were kept in `_extra`.
    pub unexpected: Unexpected,
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
    /// [`ErrorKind::Configuration`] if it is of another lake or account, or if the snapshot id
    /// cannot be part of a file's name; [`ErrorKind::Destination`] if the lake cannot be written to.
    pub async fn within(claim: Arc<Claim>, options: ParquetOptions) -> Result<Self> {
        if !claim.is_of(&options.lake, options.account.as_deref()) {
            let message = "the claim is of another lake or account than the options";
            return Err(Error::new(ErrorKind::Configuration, message));
        }
        if !claim::is_name(&options.snapshot_id) {
            return Err(claim::not_a_name());
        }
        claim.begin(&options.snapshot_id).await?;
        Ok(Self {
            options: Arc::new(options),
            claim,
            piece: None,
            pieces: Vec::new(),
            report: ParquetReport::default(),
            written: Position::START,
            durable: Position::START,
        })
    }

    /// Begins the next file.
    async fn create_piece(&self) -> Result<Piece> {
        let number = self.options.files_before + self.pieces.len();
        Piece::create(&self.claim, &self.options, number).await
    }

    /// Completes the file in hand.
    async fn close_piece(&mut self) -> Result<()> {
        if let Some(piece) = self.piece.take() {
            let file = piece.finish(&self.claim).await?;
            let name = file.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let WrittenFile { rows: records, bytes, digest, .. } = file;
            self.pieces.push(DurablePiece { name, records, bytes, digest: Some(digest) });
            self.report.files.push(file);
        }
        self.durable = self.written;
        Ok(())
    }
}

impl Sink for ParquetSink {
    type Decoder = ArrowDecoder;
    type Report = ParquetReport;

    fn decoder(&self) -> ArrowDecoder {
        ArrowDecoder {
            options: BatchOptions {
                account: self.options.account.clone(),
                snapshot_id: Some(Arc::clone(&self.options.snapshot_id)),
                limits: self.options.limits,
                strict: self.options.strict,
            },
        }
    }

    fn pace(&self) -> Pace {
        Pace::Full
    }

    async fn write(&mut self, batch: Batch<(RecordBatch, Unexpected)>) -> Result<()> {
        let (rows, unexpected) = batch.value;
        self.report.unexpected.merge(&unexpected);
        if rows.num_rows() > 0 {
            let piece = match self.piece.take() {
                Some(piece) => piece,
                None => self.create_piece().await?,
            };
            self.piece = Some(piece.write(rows, batch.span.bytes()).await?);
        }
        self.written = batch.span.end;
        if self.piece.as_ref().is_some_and(Piece::is_full) {
            self.close_piece().await?;
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
        self.close_piece().await
    }

    async fn abort(&mut self) -> Result<()> {
        // Dropped, the file in hand is removed.
        self.piece = None;
        self.claim.settle().await;
        Ok(())
    }

    /// Removes the files of the snapshot, those of earlier runs included.
    async fn discard(&mut self) -> Result<()> {
        self.piece = None;
        self.claim.settle().await;
        let files = self.options.files_before + self.pieces.len();
        let names = (0..files).map(|number| self.options.file_name(number)).collect();
        self.claim.remove(names).await?;
        self.pieces.clear();
        self.report.files.clear();
        Ok(())
    }

    fn report(self) -> ParquetReport {
        self.report
    }
}

/// Decodes blocks into one Arrow batch each job.
#[derive(Clone, Debug)]
pub struct ArrowDecoder {
    options: BatchOptions,
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
        let records = batch.num_rows() as u64;
        ((batch, builder.take_unexpected()), records)
    }
}
