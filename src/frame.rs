//! Chunks of a body in, blocks of whole records out.
//!
//! Framing comes before decoding: where a record ends is decided without knowing what it says. In
//! newline-delimited JSON a raw line feed always ends a record, since inside a JSON string it would
//! have to be escaped. So a broken line costs one line, whatever is wrong with it. Inside an envelope
//! or an array a record ends where its brackets and quotes do; one in which they do not pair up ends
//! the body. [`Shape`] has the forms that are read.
//!
//! [`Framer`] does no I/O and knows no clock: push the chunks as they come, take the blocks, and
//! say when the body has ended. However a body is chunked, the records and their positions are the
//! same; only where blocks end differs.
//!
//! ```
//! use license_stream::frame::{Framer, FramerOptions};
//!
//! let mut framer = Framer::new(FramerOptions::default());
//! let mut lines = Vec::new();
//! for chunk in [Some("{\"id\":\"a\"}\n{\"i"), Some("d\":\"b\"}"), None] {
//!     match chunk {
//!         Some(chunk) => framer.push(chunk.into()),
//!         None => framer.finish(),
//!     }
//!     while let Some(block) = framer.next_block()? {
//!         for record in block.records() {
//!             lines.push((record.position.line, record.bytes.len()));
//!         }
//!     }
//! }
//! assert_eq!(lines, [(1, 10), (2, 10)]);
//! assert_eq!(framer.position().byte, 21);
//! # Ok::<(), license_stream::Error>(())
//! ```

mod blanks;
#[cfg(any(test, fuzzing))]
pub(crate) mod chunking;
#[cfg(all(test, feature = "stream"))]
mod damage;
mod delimited;
mod document;
mod envelope;
mod layout;
mod outline;
mod page;
mod prefixed;
mod probe;
mod run;
#[cfg(feature = "stream")]
mod stream;
mod structure;

use bytes::Bytes;

use crate::error::{Error, ErrorKind, Result};
use crate::position::{Position, Span};
use crate::reject::RejectReason;
use delimited::Delimited;
use document::Document;
use envelope::Envelope;
pub use page::Page;
#[cfg(feature = "stream")]
pub(crate) use page::{Asides, PageReader, is_broken, lost_aside, may_have_been_more};
#[cfg(feature = "http")]
pub(crate) use page::{BY_PROVIDER, REPORTED};
use prefixed::Prefixed;
pub use prefixed::put_prefixed;
use probe::Probe;
#[cfg(feature = "stream")]
pub use stream::{FrameExt, Frames, JsonRecords, Record};

/// How records stand in a body.
///
/// Truto does not publish the wire format of `truto_response_format=stream`, so every form is read
/// that it may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Shape {
    /// Told from the first bytes: see each shape.
    #[default]
    Auto,
    /// One license a line. Taken where the first object tells nothing otherwise. A line that says
    /// something of the page and has no `id`, such as `{"next_cursor":…}`, is no record.
    Lines,
    /// One envelope `{"result":[…],"next_cursor":…}`, compact or over many lines; several, such as one
    /// a line; `result` as an object keyed by a field; `results` for `result`; or a bare array.
    /// Taken where the first object has a `result` that is a list, an object or null, or the first byte
    /// is `[`.
    Envelope,
    /// A JSON text sequence (RFC 7464): each record behind the byte 0x1E. Taken where that is first. A
    /// record may be of several lines, so it is known to be whole when the next one begins.
    Sequence,
    /// One JSON document of any form: the whole body is one record, as long as a record may be, and
    /// says nothing of further pages. Never told from the first bytes: it is for
    /// `truto_response_format=raw`.
    Document,
    /// Each record behind its length, as [`put_prefixed`] writes it, so that any byte may be in one; with
    /// white space between them, in which alone line feeds count. Never told from the first bytes: no
    /// server sends it, it is for records kept elsewhere, such as dead letters.
    Prefixed,
}

impl Shape {
    /// The shape that a `Content-Type` stands for; [`Auto`](Self::Auto) where it could be several. Bodies
    /// do not always keep to it: what is read tells better, with [`Auto`](Self::Auto).
    pub fn of_content_type(content_type: &str) -> Self {
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case("application/json-seq") {
            Self::Sequence
        } else {
            Self::Auto
        }
    }
}

/// Limits of a [`Framer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FramerOptions {
    /// The longest record, in bytes; where no brackets are around records, with white space beside it 1 KiB
    /// more. A longer one is an error with
    /// its position, and is never held in memory. At most 1 GiB; 16 MiB by default.
    pub max_record_bytes: usize,
    /// How deep members of an envelope may nest, its records aside, whose depth is the decoder's
    /// matter. As [`Limits::max_depth`](crate::decode::Limits::max_depth): 128 by default.
    pub max_depth: u16,
    /// A block is closed once it holds this many bytes, so it is at most this plus one record long.
    /// At most 1 GiB; 1 MiB by default.
    pub block_bytes: usize,
    /// How records stand in the body; told from its first bytes by default.
    pub shape: Shape,
    /// Where the body begins; positions count on from there. The end of the body before where one
    /// continues another, as pages do.
    pub start: Position,
}

impl FramerOptions {
    /// The upper bound of either limit: offsets inside a block are 32 bits wide.
    pub const MAX: usize = 1 << 30;
}

impl Default for FramerOptions {
    fn default() -> Self {
        Self {
            max_record_bytes: 16 << 20,
            max_depth: crate::decode::Limits::default().max_depth,
            block_bytes: 1 << 20,
            shape: Shape::Auto,
            start: Position::START,
        }
    }
}

/// Cuts a body into blocks of whole records: [`push`](Self::push) chunks, take blocks with
/// [`next_block`](Self::next_block), and [`finish`](Self::finish). The [module](self) has an example.
///
/// It holds at most what was pushed last and the beginning of one record, which is bounded by
/// [`max_record_bytes`](FramerOptions::max_record_bytes).
#[derive(Debug)]
pub struct Framer {
    options: FramerOptions,
    machine: Machine,
    finished: bool,
}

#[derive(Debug)]
enum Machine {
    Probe(Probe),
    Delimited(Delimited),
    Envelope(Box<Envelope>),
    Document(Document),
    Prefixed(Prefixed),
}

const RECORD_SEPARATOR: u8 = 0x1e;

impl Framer {
    /// A framer at the start of a body. Limits beyond [`FramerOptions::MAX`] are lowered to it.
    pub fn new(options: FramerOptions) -> Self {
        Self::probing(options, probe::MIN_BYTES)
    }

    /// One that tells the shape from `min_bytes` at least.
    fn probing(options: FramerOptions, min_bytes: usize) -> Self {
        let options = FramerOptions {
            max_record_bytes: options.max_record_bytes.clamp(1, FramerOptions::MAX),
            block_bytes: options.block_bytes.clamp(1, FramerOptions::MAX),
            ..options
        };
        let machine = match options.shape {
            Shape::Auto => Machine::Probe(Probe::new(options.max_record_bytes, min_bytes)),
            shape => Machine::of(shape, options),
        };
        Self { options, machine, finished: false }
    }

    /// Whether [`finish`](Self::finish) was called.
    #[cfg(feature = "pipeline")]
    pub(crate) fn is_finished(&self) -> bool {
        self.finished
    }

    /// Takes the next chunk of the body, of any length below 4 GiB.
    ///
    /// Call [`next_block`](Self::next_block) until it answers `None` before the next `push`:
    /// nothing is lost otherwise, but the chunks are then joined by copying.
    pub fn push(&mut self, chunk: Bytes) {
        match &mut self.machine {
            Machine::Delimited(delimited) => delimited.push(chunk),
            Machine::Envelope(envelope) => envelope.push(chunk),
            Machine::Document(document) => document.push(&chunk),
            Machine::Prefixed(prefixed) => prefixed.push(chunk),
            Machine::Probe(probe) => {
                if let Some((shape, body)) = probe.push(chunk) {
                    self.machine = Machine::of(shape, self.options);
                    self.push(body);
                }
            }
        }
    }

    /// The next block of whole records; `None` when more input is needed, or, after
    /// [`finish`](Self::finish), when the body is used up.
    ///
    /// Records that lie whole within a chunk are not copied. A record that straddles chunks is
    /// assembled once, and comes as a block of its own.
    ///
    /// # Errors
    /// A record longer than the limit is an error of kind [`Record`](ErrorKind::Record) with its
    /// position. It is reported as soon as the limit is passed, and framing goes on behind it with
    /// the next call. Any other error ends the body, and is given once: the structure around the
    /// records cannot be followed ([`Malformed`](ErrorKind::Malformed)), it breaks off
    /// ([`Truncated`](ErrorKind::Truncated)), or it is an error of the API, of the kind that its status
    /// stands for.
    pub fn next_block(&mut self) -> Result<Option<Block>> {
        match &mut self.machine {
            Machine::Probe(_) => Ok(None),
            Machine::Delimited(delimited) => delimited.next_block(),
            Machine::Envelope(envelope) => envelope.next_block(),
            Machine::Document(document) => document.next_block(),
            Machine::Prefixed(prefixed) => prefixed.next_block(),
        }
    }

    /// Says that the body has ended, and ended cleanly: in lines, what is left without a line feed
    /// is then the last record, unless it is not closed: then the body was cut within it. Never call this
    /// after a body that was cut.
    pub fn finish(&mut self) {
        self.finished = true;
        match &mut self.machine {
            Machine::Probe(_) => {
                let lines = Machine::of(Shape::Lines, self.options);
                if let Machine::Probe(probe) = std::mem::replace(&mut self.machine, lines) {
                    self.push(probe.into_prefix());
                    self.finish();
                }
            }
            Machine::Delimited(delimited) => delimited.finish(),
            Machine::Envelope(envelope) => envelope.finish(),
            Machine::Document(document) => document.finish(),
            Machine::Prefixed(prefixed) => prefixed.finish(),
        }
    }

    /// The first place that was not looked at yet, or not to the end of its record.
    pub fn position(&self) -> Position {
        match &self.machine {
            Machine::Probe(_) => self.options.start,
            Machine::Delimited(delimited) => delimited.position(),
            Machine::Envelope(envelope) => envelope.position(),
            Machine::Document(document) => document.position(),
            Machine::Prefixed(prefixed) => prefixed.position(),
        }
    }

    /// Whether anything at all would be framed, so that the body may be something else than a listing.
    #[cfg(feature = "pipeline")]
    pub(crate) fn may_be_no_listing(&self) -> bool {
        match &self.machine {
            Machine::Delimited(delimited) => delimited.is_of_lines(),
            Machine::Probe(_)
            | Machine::Envelope(_)
            | Machine::Document(_)
            | Machine::Prefixed(_) => false,
        }
    }

    /// What may stand among the records that is none.
    #[cfg(feature = "stream")]
    pub(crate) fn asides(&self) -> Asides {
        match &self.machine {
            Machine::Delimited(delimited) if !delimited.is_of_lines() => Asides::OfSequence,
            Machine::Probe(_) | Machine::Delimited(_) => Asides::OfLines,
            Machine::Envelope(envelope) if envelope.is_keyed() => Asides::OfObject,
            Machine::Envelope(_) => Asides::OfList,
            Machine::Document(_) | Machine::Prefixed(_) => Asides::None,
        }
    }

    /// How far the bytes of a record lie behind its place, where lengths stand before them.
    #[cfg(feature = "pipeline")]
    pub(crate) fn lead(&self) -> u64 {
        if let Machine::Prefixed(_) = self.machine { prefixed::DIGITS as u64 } else { 0 }
    }

    /// The error about a record that was too long and is not known to have been one license, so that
    /// what it said of the page, or of a failure, may be missing. It comes with the error about the record, or
    /// before anything behind it.
    #[cfg(feature = "stream")]
    pub(crate) fn doubtful(&self) -> Option<Error> {
        let place = match &self.machine {
            Machine::Delimited(delimited) => delimited.doubtful(),
            Machine::Envelope(envelope) => envelope.doubtful().map(|place| (place, "")),
            Machine::Probe(_) | Machine::Document(_) | Machine::Prefixed(_) => None,
        };
        place.map(|(place, advice)| lost_aside(&too_long(&self.options, place, advice)))
    }

    /// What envelopes have said of the page so far; lines of their own are told by decoding.
    pub fn page(&self) -> Page {
        match &self.machine {
            Machine::Envelope(envelope) => envelope.page().page().clone(),
            Machine::Probe(_)
            | Machine::Delimited(_)
            | Machine::Document(_)
            | Machine::Prefixed(_) => Page::default(),
        }
    }
}

impl Machine {
    fn of(shape: Shape, options: FramerOptions) -> Self {
        match shape {
            // Whoever could not tell it takes it for lines.
            Shape::Auto | Shape::Lines => Self::Delimited(Delimited::new(options, b'\n')),
            Shape::Sequence => Self::Delimited(Delimited::new(options, RECORD_SEPARATOR)),
            Shape::Envelope => Self::Envelope(Box::new(Envelope::new(options))),
            Shape::Document => Self::Document(Document::new(options)),
            Shape::Prefixed => Self::Prefixed(Prefixed::new(options)),
        }
    }
}

/// What was pushed and not yet looked at, with the next chunk behind it.
fn join(rest: &mut Bytes, chunk: Bytes) {
    *rest = if rest.is_empty() { chunk } else { [&rest[..], &chunk[..]].concat().into() };
}

/// Line feeds in `bytes`.
fn lines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

/// The error about the record at `position`, with `advice` behind it.
fn too_long(options: &FramerOptions, position: Position, advice: &str) -> Error {
    let max = options.max_record_bytes;
    let message =
        format!("record is longer than {max} bytes, its limit (--max-record-bytes){advice}");
    Error::new(ErrorKind::Record(RejectReason::TooLong), message).at(position)
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

    /// The stretch of the body that its bytes are.
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
        let head = Block {
            bytes: self.bytes.split_to(cut.start as usize),
            // In memory of its own: of tiny records, that of a whole block is long.
            records: self.records.drain(..records).collect(),
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

    /// How many of the first records begin before `byte` of the body.
    #[cfg(feature = "pipeline")]
    pub(crate) fn records_beginning_before(&self, byte: u64) -> usize {
        let start = self.span.start.byte;
        self.records.partition_point(|range| start + u64::from(range.start) < byte)
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
