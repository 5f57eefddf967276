//! Any chunking, same result: one check, for a table of bodies of every shape, for invented ones, and
//! for those that a fuzzer finds.

use bytes::Bytes;

#[cfg(feature = "arrow")]
use super::{Block, RecordRange};
use super::{Framer, FramerOptions, Page, Shape};
use crate::error::ErrorKind;
use crate::numbers::Numbers;
use crate::position::Position;
#[cfg(feature = "arrow")]
use crate::position::Span;

/// All that a framer says of a body.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Framing {
    records: Vec<(Position, Vec<u8>)>,
    /// Records that were too long, and what ended the body.
    errors: Vec<(Option<Position>, ErrorKind)>,
    /// The place of a record that was too long and no license, and how many records came before that was
    /// known.
    doubtful: Option<(Position, usize)>,
    page: Page,
    end: Position,
}

#[cfg(test)]
impl Framing {
    pub(crate) fn records(&self) -> &[(Position, Vec<u8>)] {
        &self.records
    }

    pub(crate) fn errors(&self) -> impl Iterator<Item = (Position, ErrorKind)> {
        self.errors.iter().map(|(at, kind)| (at.unwrap_or_default(), *kind))
    }

    /// The place of a record that was too long and no license, and how many records came before that was
    /// known.
    #[cfg(feature = "stream")]
    pub(crate) fn doubtful(&self) -> Option<(Position, usize)> {
        self.doubtful
    }

    /// Whether nothing was wrong, and the page said nothing, up to `end`.
    pub(crate) fn is_clean_to(&self, end: usize) -> bool {
        self.errors.is_empty() && self.page == Page::default() && self.end.byte == end as u64
    }
}

/// A block of `records`, with `between` behind each of them.
#[cfg(feature = "arrow")]
pub(crate) fn block(records: &[&[u8]], between: u8) -> Block {
    let mut bytes = Vec::new();
    let mut ranges = Vec::new();
    for record in records {
        ranges.push(RecordRange { start: bytes.len() as u32, len: record.len() as u32, line: 0 });
        bytes.extend_from_slice(record);
        bytes.push(between);
    }
    let end = Position { byte: bytes.len() as u64, line: 1, record: records.len() as u64 };
    let span = Span { start: Position::START, end };
    Block { bytes: bytes.into(), records: ranges, span }
}

fn frame<'a>(chunks: impl IntoIterator<Item = &'a [u8]>, options: FramerOptions) -> Framing {
    frame_with(chunks, Framer::new(options))
}

fn frame_with<'a>(chunks: impl IntoIterator<Item = &'a [u8]>, mut framer: Framer) -> Framing {
    let mut framing = Framing::default();
    let mut drain = |framer: &mut Framer| {
        loop {
            let next = framer.next_block();
            #[cfg(feature = "stream")]
            if let (None, Some(error)) = (framing.doubtful, framer.doubtful()) {
                framing.doubtful = error.position().map(|place| (place, framing.records.len()));
            }
            match next {
                Ok(None) => break,
                Ok(Some(block)) => {
                    assert!(!block.is_empty());
                    assert_eq!(block.span().records(), block.len() as u64);
                    assert_eq!(block.span().start.record, block.position(0).record);
                    assert_eq!(block.span().bytes(), block.bytes().len() as u64);
                    let records = block.records();
                    framing
                        .records
                        .extend(records.map(|record| (record.position, record.bytes.to_vec())));
                }
                Err(error) => framing.errors.push((error.position(), error.kind())),
            }
        }
    };
    for chunk in chunks {
        framer.push(Bytes::copy_from_slice(chunk));
        drain(&mut framer);
    }
    framer.finish();
    drain(&mut framer);
    framing.page = framer.page();
    framing.end = framer.position();
    framing
}

/// Frames `body` in many ways, and answers the one result.
pub(crate) fn check(body: &[u8], shape: Shape) -> Framing {
    let options = |block_bytes| FramerOptions {
        max_record_bytes: 64,
        block_bytes,
        shape,
        ..FramerOptions::default()
    };
    let whole = frame([body], options(1 << 20));
    for (position, record) in &whole.records {
        let at = position.byte as usize;
        assert_eq!(&body[at..at + record.len()], record, "position of a record");
        let line = body[..at].iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
        // Behind a length, a line feed in a record is none of the body.
        assert!(shape == Shape::Prefixed || position.line == line, "line of a record");
    }
    let same = |framing: Framing, how: &str| {
        // After a structure that was lost, how far was looked is of no account.
        let end = whole.end;
        assert_eq!(Framing { end, ..framing }, whole, "{how}: {}", String::from_utf8_lossy(body));
    };
    for size in 1..=body.len().min(70) {
        same(frame(body.chunks(size), options(1 << 20)), &format!("chunks of {size}"));
        same(frame(body.chunks(size), options(1)), &format!("chunks of {size}, small blocks"));
    }
    for split in 0..=body.len() {
        let (left, right) = body.split_at(split);
        same(frame([left, right], options(17)), &format!("split at {split}"));
    }
    if shape == Shape::Auto {
        // So that the limit of telling the shape is within the body.
        let probing = |chunks: &[&[u8]]| {
            let options = FramerOptions { max_record_bytes: 9, ..options(1 << 20) };
            frame_with(chunks.iter().copied(), Framer::probing(options, 9))
        };
        let whole = probing(&[body]);
        for split in 0..=body.len() {
            let (left, right) = body.split_at(split);
            let found = Framing { end: whole.end, ..probing(&[left, right]) };
            assert_eq!(
                found,
                whole,
                "told from 9 bytes, split at {split}: {}",
                body.escape_ascii()
            );
        }
    }
    let mut numbers = Numbers(body.len() as u64);
    for _ in 0..SPLITS {
        let mut rest = body;
        let mut chunks = Vec::new();
        // Some are empty, as a server's can be.
        for _ in 0..2 + numbers.below(6) {
            let chunk;
            (chunk, rest) = rest.split_at(numbers.below(rest.len() / 2 + 2).min(rest.len()));
            chunks.push(chunk);
        }
        chunks.push(rest);
        let sizes: Vec<_> = chunks.iter().map(|chunk| chunk.len()).collect();
        let block_bytes = 1 + numbers.below(40);
        let how = format!("chunks of {sizes:?}, blocks of {block_bytes}");
        same(frame(chunks, options(block_bytes)), &how);
    }
    whole
}

/// Ways to split a body at several places that are tried.
const SPLITS: usize = 16;

#[cfg(test)]
mod tests;
