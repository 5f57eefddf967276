//! Newline-delimited JSON: one record a line.

use bytes::{Buf, Bytes, BytesMut};
use memchr::{memchr, memchr_iter};

use super::{Block, FramerOptions, RecordRange};
use crate::error::{Error, ErrorKind, Result};
use crate::position::{Position, Span};
use crate::reject::RejectReason;

const BOM: &[u8] = b"\xef\xbb\xbf";

#[derive(Debug)]
pub(super) struct Ndjson {
    options: FramerOptions,
    /// What was pushed and not yet looked at.
    chunk: Bytes,
    /// The beginning of a line that reaches into the next chunk. It holds no line feed.
    spill: BytesMut,
    /// Where `spill` begins, and `chunk` if there is no spill.
    position: Position,
    /// Inside a line that was found too long: everything up to the line feed is dropped.
    discarding: bool,
    finished: bool,
}

impl Ndjson {
    pub(super) fn new(options: FramerOptions) -> Self {
        Self {
            options,
            chunk: Bytes::new(),
            spill: BytesMut::new(),
            position: Position::START,
            discarding: false,
            finished: false,
        }
    }

    pub(super) fn push(&mut self, chunk: Bytes) {
        if self.chunk.is_empty() {
            self.chunk = chunk;
        } else {
            self.chunk = [&self.chunk[..], &chunk[..]].concat().into();
        }
    }

    pub(super) fn finish(&mut self) {
        self.finished = true;
    }

    pub(super) fn position(&self) -> Position {
        self.position
    }

    pub(super) fn next_block(&mut self) -> Result<Option<Block>> {
        if self.discarding && !self.discard() {
            return Ok(None);
        }
        while !self.chunk.is_empty() {
            let block = if self.spill.is_empty() { self.whole_lines()? } else { self.straddler()? };
            if block.is_some() {
                return Ok(block);
            }
        }
        Ok(self.last_line())
    }

    /// As many whole lines of the chunk as a block takes; the start of a line becomes the spill.
    fn whole_lines(&mut self) -> Result<Option<Block>> {
        let mut lines = Lines::at(self.position);
        let mut line_start = 0;
        for line_feed in memchr_iter(b'\n', &self.chunk) {
            if line_feed - line_start > self.options.max_record_bytes {
                return self.too_long_after(lines, line_start);
            }
            lines.push(&self.chunk, line_start, line_feed);
            line_start = line_feed + 1;
            if line_start >= self.options.block_bytes {
                return Ok(self.take(lines, line_start));
            }
        }
        if self.chunk.len() - line_start > self.options.max_record_bytes {
            return self.too_long_after(lines, line_start);
        }
        let block = self.take(lines, line_start);
        self.spill.extend_from_slice(&self.chunk);
        self.chunk.clear();
        Ok(block)
    }

    /// The line that began in an earlier chunk, once its line feed has come.
    fn straddler(&mut self) -> Result<Option<Block>> {
        let line_feed = memchr(b'\n', &self.chunk);
        let rest = line_feed.unwrap_or(self.chunk.len());
        if self.spill.len() + rest > self.options.max_record_bytes {
            return Err(self.too_long());
        }
        let Some(line_feed) = line_feed else {
            self.spill.extend_from_slice(&self.chunk);
            self.chunk.clear();
            return Ok(None);
        };
        self.spill.extend_from_slice(&self.chunk[..=line_feed]);
        self.chunk.advance(line_feed + 1);
        let bytes = self.spill.split().freeze();
        let mut lines = Lines::at(self.position);
        lines.push(&bytes, 0, bytes.len() - 1);
        Ok(self.close(lines, bytes))
    }

    /// What stands behind the last line feed, once it is known that no more will come.
    fn last_line(&mut self) -> Option<Block> {
        if !self.finished || self.spill.is_empty() {
            return None;
        }
        let bytes = self.spill.split().freeze();
        let mut lines = Lines::at(self.position);
        lines.push_unterminated(&bytes);
        self.close(lines, bytes)
    }

    /// Hands out the lines before a line that is too long; that line is then met again as the first
    /// of the chunk, and the error is about it alone.
    fn too_long_after(&mut self, lines: Lines, line_start: usize) -> Result<Option<Block>> {
        if line_start > 0 { Ok(self.take(lines, line_start)) } else { Err(self.too_long()) }
    }

    /// The error about the line that begins at `position`; the rest of it is discarded.
    fn too_long(&mut self) -> Error {
        let error = Error::new(
            ErrorKind::Record(RejectReason::TooLong),
            format!("record is longer than {} bytes", self.options.max_record_bytes),
        )
        .at(self.position);
        self.position.byte += self.spill.len() as u64;
        self.position.record += 1;
        self.spill = BytesMut::new();
        self.discarding = true;
        error
    }

    /// Drops up to and with the next line feed; whether it was found.
    fn discard(&mut self) -> bool {
        let line_feed = memchr(b'\n', &self.chunk);
        let dropped = line_feed.map_or(self.chunk.len(), |at| at + 1);
        self.chunk.advance(dropped);
        self.position.byte += dropped as u64;
        if line_feed.is_some() {
            self.position.line += 1;
            self.discarding = false;
        }
        line_feed.is_some()
    }

    fn take(&mut self, lines: Lines, len: usize) -> Option<Block> {
        let bytes = self.chunk.split_to(len);
        self.close(lines, bytes)
    }

    fn close(&mut self, lines: Lines, bytes: Bytes) -> Option<Block> {
        let start = self.position;
        self.position.byte += bytes.len() as u64;
        self.position.line += u64::from(lines.count);
        self.position.record += lines.records.len() as u64;
        let span = Span { start, end: self.position };
        (!lines.records.is_empty()).then_some(Block { bytes, records: lines.records, span })
    }
}

/// The lines gathered for one block.
struct Lines {
    records: Vec<RecordRange>,
    count: u32,
    /// Whether the first of them opens the body, where a byte order mark may stand.
    opens_body: bool,
}

impl Lines {
    fn at(position: Position) -> Self {
        Self { records: Vec::new(), count: 0, opens_body: position.byte == 0 }
    }

    /// Adds the line `bytes[start..end]`, which a line feed ends; a blank one counts, but is no
    /// record.
    fn push(&mut self, bytes: &[u8], start: usize, end: usize) {
        self.record(bytes, start, end);
        self.count += 1;
    }

    /// Adds the last line of a body, which nothing ends: no further line begins behind it.
    fn push_unterminated(&mut self, bytes: &[u8]) {
        self.record(bytes, 0, bytes.len());
    }

    fn record(&mut self, bytes: &[u8], mut start: usize, mut end: usize) {
        if self.opens_body && start == 0 && bytes[..end].starts_with(BOM) {
            start = BOM.len();
        }
        while end > start && is_blank(bytes[end - 1]) {
            end -= 1;
        }
        while start < end && is_blank(bytes[start]) {
            start += 1;
        }
        if start < end {
            self.records.push(RecordRange {
                start: start as u32,
                len: (end - start) as u32,
                line: self.count,
            });
        }
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Framer;

    /// What a body holds, told by cutting it at line feeds in memory: slow and obvious.
    fn oracle(body: &[u8], max: usize) -> Vec<(Position, Result<Vec<u8>, ()>)> {
        let mut found = Vec::new();
        let (mut byte, mut record) = (0, 0);
        for (index, line) in body.split(|byte| *byte == b'\n').enumerate() {
            let (mut skipped, mut text) = (0, line);
            if line.len() <= max {
                if byte == 0 && text.starts_with(BOM) {
                    (skipped, text) = (3, &text[3..]);
                }
                let trimmed = text.trim_ascii_start();
                skipped += text.len() - trimmed.len();
                text = trimmed.trim_ascii_end();
            }
            if !text.is_empty() {
                let at = Position { byte: byte + skipped as u64, line: index as u64 + 1, record };
                record += 1;
                found.push((at, if line.len() > max { Err(()) } else { Ok(text.to_vec()) }));
            }
            byte += line.len() as u64 + 1;
        }
        found
    }

    fn frame<'a>(
        chunks: impl IntoIterator<Item = &'a [u8]>,
        options: FramerOptions,
    ) -> (Vec<(Position, Result<Vec<u8>, ()>)>, Position) {
        let mut framer = Framer::new(options);
        let mut found = Vec::new();
        let mut drain = |framer: &mut Framer| loop {
            match framer.next_block() {
                Ok(None) => break,
                Ok(Some(block)) => {
                    assert!(!block.is_empty());
                    assert_eq!(block.span().records(), block.len() as u64);
                    found.extend(
                        block.records().map(|record| (record.position, Ok(record.bytes.to_vec()))),
                    );
                }
                Err(error) => {
                    assert!(error.is_record());
                    found.push((error.position().unwrap(), Err(())));
                }
            }
        };
        for chunk in chunks {
            framer.push(Bytes::copy_from_slice(chunk));
            drain(&mut framer);
        }
        framer.finish();
        drain(&mut framer);
        (found, framer.position())
    }

    const BODIES: &[&[u8]] = &[
        b"",
        b"\n",
        b"\n\n\r\n  \n",
        b"{\"id\":\"a\"}",
        b"{\"id\":\"a\"}\n{\"id\":\"b\"}\n",
        b"{\"id\":\"a\"}\r\n\r\n  {\"id\":\"b\"}\t\r\n{\"id\":\"c\"}",
        b"\xef\xbb\xbf{\"id\":\"a\"}\n\xef\xbb\xbf{\"id\":\"b\"}\n",
        b"\xef\xbb\xbf",
        b"short\nmuch too long for the limit of this test\nshort\n",
        b"much too long for the limit of this test, and the body ends in it",
        b"exactly twenty bytes\nexactly twenty bytes\ntwenty-one bytes long\n",
    ];

    #[test]
    fn any_chunking_gives_the_same_records() {
        for body in BODIES {
            for block_bytes in [1, 7, 64] {
                let options = FramerOptions { max_record_bytes: 20, block_bytes };
                let expected = oracle(body, 20);
                for size in 1..=body.len().max(1) {
                    let (found, end) = frame(body.chunks(size), options);
                    assert_eq!(found, expected, "chunks of {size} of {body:?}");
                    assert_eq!(end.byte, body.len() as u64);
                }
                for split in 0..=body.len() {
                    let (left, right) = body.split_at(split);
                    assert_eq!(frame([left, right], options).0, expected, "{split} of {body:?}");
                }
            }
        }
    }

    #[test]
    fn a_record_within_a_chunk_is_not_copied() {
        let chunk = Bytes::from_static(b"{\"id\":\"a\"}\n{\"id\":\"b\"}\n");
        let mut framer = Framer::new(FramerOptions::default());
        framer.push(chunk.clone());
        let block = framer.next_block().unwrap().unwrap();
        assert_eq!(block.bytes().as_ptr(), chunk.as_ptr());
        assert_eq!(block.record_bytes(1).unwrap().as_ptr(), chunk[11..].as_ptr());
    }

    #[test]
    fn a_line_without_end_never_fills_the_memory() {
        let mut framer = Framer::new(FramerOptions { max_record_bytes: 1000, block_bytes: 64 });
        let mut errors = 0;
        for _ in 0..10_000 {
            framer.push(Bytes::from_static(&[b'x'; 100]));
            errors += usize::from(framer.next_block().is_err());
            assert!(framer.shape.spill.capacity() < 4096);
        }
        assert_eq!(errors, 1);
        assert_eq!(framer.position().byte, 1_000_000);
    }

    #[test]
    fn chunks_that_are_pushed_without_draining_are_joined() {
        let mut framer = Framer::new(FramerOptions::default());
        framer.push(Bytes::from_static(b"{\"id\":"));
        framer.push(Bytes::from_static(b"\"a\"}\n"));
        assert_eq!(framer.next_block().unwrap().unwrap().len(), 1);
    }
}
