//! Chunks of a body in, blocks of whole records out.
//!
//! Framing comes before decoding: where a record ends is decided without looking into it. In
//! newline-delimited JSON a raw line feed always ends a record, since inside a JSON string it would
//! have to be escaped. So a broken line costs one line, whatever is wrong with it.
//!
//! [`Framer`] does no I/O and knows no clock: push the chunks as they come, take the blocks, and
//! say when the body has ended.
//!
//! ```
//! use license_stream::frame::{Framer, FramerOptions};
//!
//! let mut framer = Framer::new(FramerOptions::default());
//! let mut ids = Vec::new();
//! for chunk in ["{\"id\":\"a\"}\n{\"i", "d\":\"b\"}\n"] {
//!     framer.push(chunk.into());
//!     while let Some(block) = framer.next_block()? {
//!         ids.extend(block.records().map(|record| record.bytes.len()));
//!     }
//! }
//! framer.finish();
//! assert!(framer.next_block()?.is_none());
//! assert_eq!(ids, [10, 10]);
//! # Ok::<(), license_stream::Error>(())
//! ```

mod ndjson;
#[cfg(feature = "stream")]
mod stream;

use bytes::Bytes;

use crate::error::Result;
use crate::position::{Position, Span};
use ndjson::Ndjson;
#[cfg(feature = "stream")]
pub use stream::{FrameExt, Frames, JsonRecords, Record};

/// Limits of a [`Framer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FramerOptions {
    /// The longest record, in bytes. A longer one is an error with its position, and is never held
    /// in memory. At most 1 GiB; 16 MiB by default.
    pub max_record_bytes: usize,
    /// A block is closed once it holds this many bytes, so it is at most this plus one record long.
    /// At most 1 GiB; 1 MiB by default.
    pub block_bytes: usize,
}

impl FramerOptions {
    /// The upper bound of either limit: offsets inside a block are 32 bits wide.
    pub const MAX: usize = 1 << 30;
}

impl Default for FramerOptions {
    fn default() -> Self {
        Self { max_record_bytes: 16 << 20, block_bytes: 1 << 20 }
    }
}

/// Cuts a body into blocks of whole records. See the [module](self).
#[derive(Debug)]
pub struct Framer {
    shape: Ndjson,
}

impl Framer {
    /// A framer at the start of a body. Limits beyond [`FramerOptions::MAX`] are lowered to it.
    pub fn new(options: FramerOptions) -> Self {
        Self {
            shape: Ndjson::new(FramerOptions {
                max_record_bytes: options.max_record_bytes.clamp(1, FramerOptions::MAX),
                block_bytes: options.block_bytes.clamp(1, FramerOptions::MAX),
            }),
        }
    }

    /// Takes the next chunk of the body, of any length.
    ///
    /// Call [`next_block`](Self::next_block) until it answers `None` before the next `push`:
    /// nothing is lost otherwise, but the chunks are then joined by copying.
    pub fn push(&mut self, chunk: Bytes) {
        self.shape.push(chunk);
    }

    /// The next block of whole records; `None` when more input is needed, or, after
    /// [`finish`](Self::finish), when the body is used up.
    ///
    /// Records that lie whole within a chunk are not copied. A record that straddles chunks is
    /// assembled once, and comes as a block of its own.
    ///
    /// # Errors
    /// A record longer than the limit is an error of kind
    /// [`Record`](crate::ErrorKind::Record) with its position. It is reported as soon as the limit
    /// is passed, and framing goes on behind it with the next call.
    pub fn next_block(&mut self) -> Result<Option<Block>> {
        self.shape.next_block()
    }

    /// Says that the body has ended, and ended cleanly: what is left without a line feed is then
    /// the last record. Never call this after a body that was cut.
    pub fn finish(&mut self) {
        self.shape.finish();
    }

    /// The first place that no block has covered yet.
    pub fn position(&self) -> Position {
        self.shape.position()
    }
}

/// Whole records in one piece of memory: the unit of work, of order and of parallelism.
#[derive(Clone, Debug)]
pub struct Block {
    bytes: Bytes,
    records: Vec<RecordRange>,
    span: Span,
}

/// Where a record lies in its block.
#[derive(Clone, Copy, Debug)]
struct RecordRange {
    start: u32,
    len: u32,
    /// Lines between the block's first line and the record's.
    line: u32,
}

/// A record as it came, without the white space around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawRecord<'a> {
    /// The bytes: not yet checked in any way.
    pub bytes: &'a [u8],
    /// Where its first byte stands in the body.
    pub position: Position,
}

impl Block {
    /// How many records it holds.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether it holds no record. A framer never gives an empty block.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// All its bytes, with what stands between the records.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The stretch of the body it covers, from the end of the block before to the end of its last
    /// record.
    pub fn span(&self) -> Span {
        self.span
    }

    /// The records in the order of the body.
    pub fn records(&self) -> impl ExactSizeIterator<Item = RawRecord<'_>> {
        (0..self.records.len()).map(|index| self.raw(index))
    }

    /// Record `index`; panics beyond the last, as slices do.
    pub(crate) fn raw(&self, index: usize) -> RawRecord<'_> {
        let range = self.records[index];
        RawRecord { bytes: &self.bytes[range.as_range()], position: self.absolute(index, range) }
    }

    /// Takes the first `records` records off, without copying them.
    #[cfg(feature = "pipeline")]
    pub(crate) fn split_to(&mut self, records: usize) -> Block {
        let Some(next) = self.records.get(records) else {
            let rest = Block { bytes: Bytes::new(), records: Vec::new(), span: self.span };
            return std::mem::replace(self, rest);
        };
        // What stands between the two records stays with the first half, so that each record's
        // position follows from the start of its block.
        let cut = *next;
        let middle = self.absolute(records, cut);
        let rest = self.records.split_off(records);
        let head = Block {
            bytes: self.bytes.split_to(cut.start as usize),
            records: std::mem::replace(&mut self.records, rest),
            span: Span { start: self.span.start, end: middle },
        };
        for range in &mut self.records {
            range.start -= cut.start;
            range.line -= cut.line;
        }
        self.span.start = middle;
        head
    }

    /// How many of the first records end before `byte` of the body.
    #[cfg(feature = "pipeline")]
    pub(crate) fn records_ending_before(&self, byte: u64) -> usize {
        let start = self.span.start.byte;
        self.records
            .partition_point(|range| start + u64::from(range.start) + u64::from(range.len) < byte)
    }

    /// Where record `index` ends in the body, white space behind it not counted.
    #[cfg(feature = "pipeline")]
    pub(crate) fn record_end(&self, index: usize) -> u64 {
        let range = self.records[index];
        self.span.start.byte + u64::from(range.start) + u64::from(range.len)
    }

    /// Record `index` without a copy: it keeps the whole block's memory alive.
    pub fn record_bytes(&self, index: usize) -> Option<Bytes> {
        self.records.get(index).map(|range| self.bytes.slice(range.as_range()))
    }

    /// Where record `index` lies in [`bytes`](Self::bytes).
    #[cfg(feature = "arrow")]
    pub(crate) fn range(&self, index: usize) -> std::ops::Range<usize> {
        self.records[index].as_range()
    }

    /// Where record `index` begins in the body; the end of the block if there is no such record.
    pub fn position(&self, index: usize) -> Position {
        self.records.get(index).map_or(self.span.end, |range| self.absolute(index, *range))
    }

    fn absolute(&self, index: usize, range: RecordRange) -> Position {
        Position {
            byte: self.span.start.byte + u64::from(range.start),
            line: self.span.start.line + u64::from(range.line),
            record: self.span.start.record + index as u64,
        }
    }
}

impl RecordRange {
    fn as_range(self) -> std::ops::Range<usize> {
        self.start as usize..self.start as usize + self.len as usize
    }
}
