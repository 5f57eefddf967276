//! Records with a delimiter between them: newline-delimited JSON, and the record separators of RFC
//! 7464. Neither byte can stand inside JSON text unescaped, so the delimiter always ends a record.

use bytes::{Buf, Bytes, BytesMut};
use memchr::{memchr, memchr_iter};

use super::blanks::{BOM, MAX_BLANKS, is_blank, trimmed, trimmed_end, trimmed_start};
use super::outline::Outline;
use super::structure::Scan;
use super::{Block, FramerOptions, RecordRange, Shape, join, lines, too_long};
use crate::error::{Error, ErrorKind, Result};
use crate::position::{Position, Span};

/// Behind the message about a first record that is too long.
const IF_ENVELOPE: &str = "; where it is an envelope with much before its result, say so (Shape::Envelope, --shape envelope)";

#[derive(Debug)]
pub(super) struct Delimited {
    options: FramerOptions,
    delimiter: u8,
    /// What was pushed and not yet looked at.
    chunk: Bytes,
    /// The beginning of a record that reaches into the next chunk. It holds no delimiter.
    spill: BytesMut,
    /// Where `spill` begins, and `chunk` if there is no spill.
    position: Position,
    /// Inside a record that was found too long: everything up to the delimiter is dropped. With it where it
    /// began, and what may help.
    dropped: Option<(Position, Outline, &'static str)>,
    /// The place of one such record that is not known to have been one license, and what may help.
    doubtful: Option<(Position, &'static str)>,
    finished: bool,
}

impl Delimited {
    pub(super) fn new(options: FramerOptions, delimiter: u8) -> Self {
        Self {
            options,
            delimiter,
            chunk: Bytes::new(),
            spill: BytesMut::new(),
            position: options.start,
            dropped: None,
            doubtful: None,
            finished: false,
        }
    }

    pub(super) fn push(&mut self, chunk: Bytes) {
        join(&mut self.chunk, chunk);
    }

    pub(super) fn finish(&mut self) {
        self.finished = true;
    }

    #[cfg(feature = "stream")]
    pub(super) fn is_of_lines(&self) -> bool {
        self.delimiter == b'\n'
    }

    #[cfg(feature = "stream")]
    pub(super) fn doubtful(&self) -> Option<(Position, &'static str)> {
        self.doubtful
    }

    pub(super) fn position(&self) -> Position {
        self.position
    }

    pub(super) fn next_block(&mut self) -> Result<Option<Block>> {
        if self.dropped.is_some() && !self.discard()? {
            return Ok(None);
        }
        while !self.chunk.is_empty() {
            let block =
                if self.spill.is_empty() { self.whole_records()? } else { self.straddler()? };
            if block.is_some() {
                return Ok(block);
            }
        }
        self.last_record()
    }

    /// As many whole records of the chunk as a block takes; the start of one becomes the spill.
    fn whole_records(&mut self) -> Result<Option<Block>> {
        let mut found = self.found();
        let mut start = 0;
        for end in memchr_iter(self.delimiter, &self.chunk) {
            if end - start > self.options.max_record_bytes
                && self.is_too_long(&self.chunk[start..end], start == 0)
            {
                return self.too_long_after(found, start);
            }
            found.push(&self.chunk, start, end);
            found.pass_delimiter();
            start = end + 1;
            if start >= self.options.block_bytes {
                return Ok(self.take(found, start));
            }
        }
        if self.chunk.len() - start > self.longest() {
            return self.too_long_after(found, start);
        }
        let block = self.take(found, start);
        self.spill.extend_from_slice(&self.chunk);
        self.chunk.clear();
        Ok(block)
    }

    /// The record that began in an earlier chunk, once its delimiter has come.
    fn straddler(&mut self) -> Result<Option<Block>> {
        let end = memchr(self.delimiter, &self.chunk);
        let rest = end.unwrap_or(self.chunk.len());
        if self.spill.len() + rest > self.longest() {
            return Err(self.too_long());
        }
        self.spill.extend_from_slice(&self.chunk[..rest]);
        self.chunk.advance(rest);
        if end.is_none() {
            return Ok(None);
        }
        if self.is_too_long(&self.spill, true) {
            return Err(self.too_long());
        }
        self.spill.extend_from_slice(&[self.delimiter]);
        self.chunk.advance(1);
        let bytes = self.spill.split().freeze();
        let mut found = self.found();
        found.push(&bytes, 0, bytes.len() - 1);
        found.pass_delimiter();
        Ok(self.close(found, bytes))
    }

    /// What stands behind the last delimiter, once it is known that no more will come.
    ///
    /// One that is not closed was cut, however well its bearer says that this was all.
    fn last_record(&mut self) -> Result<Option<Block>> {
        if !self.finished || self.spill.is_empty() {
            return Ok(None);
        }
        if self.is_too_long(&self.spill, true) {
            return Err(self.too_long());
        }
        let bytes = self.spill.split().freeze();
        let mut found = self.found();
        found.push(&bytes, 0, bytes.len());
        if let Some(range) = found.records.first()
            && let record = &bytes[range.as_range()]
            && is_open(record)
        {
            let byte = self.position.byte + u64::from(range.start);
            let line = self.position.line + u64::from(range.line);
            let at = Position { byte, line, ..self.position };
            return Err(ends_within_record(at, self.position.byte + bytes.len() as u64));
        }
        Ok(self.close(found, bytes))
    }

    /// The longest stretch between two delimiters that can be a record with the white space around it.
    fn longest(&self) -> usize {
        self.options.max_record_bytes + MAX_BLANKS
    }

    /// Whether what stands between two delimiters, `is_first` in the chunk, holds a record that is too long:
    /// white space around it does not count, up to [`MAX_BLANKS`].
    fn is_too_long(&self, bytes: &[u8], is_first: bool) -> bool {
        let opens_body = is_first && self.position.byte == self.options.start.byte;
        let bom = if opens_body && bytes.starts_with(BOM) { BOM.len() } else { 0 };
        let (max, len) = (self.options.max_record_bytes, bytes.len());
        len > max && (len > self.longest() || trimmed(&bytes[bom..]).len() > max)
    }

    /// Hands out the records before one that is too long; that one is then met again as the first of
    /// the chunk, and the error is about it alone.
    fn too_long_after(&mut self, found: Found, start: usize) -> Result<Option<Block>> {
        if start > 0 { Ok(self.take(found, start)) } else { Err(self.too_long()) }
    }

    /// The error about the record that begins at `position`; the rest of it is discarded.
    fn too_long(&mut self) -> Error {
        // What is sure to have come, however the body is chunked.
        let end = memchr(self.delimiter, &self.chunk).unwrap_or(self.chunk.len());
        let head = self.spill.iter().chain(&self.chunk[..end]).copied();
        let head = head.take(self.options.max_record_bytes);
        let opens_body = self.position.byte == self.options.start.byte;
        let lead = if opens_body && head.clone().take(BOM.len()).eq(BOM.iter().copied()) {
            BOM.len()
        } else {
            0
        };
        let mut outline = Outline::of(head.clone(), lead);
        let may_be_envelope = opens_body
            && self.options.shape == Shape::Auto
            && head.skip(lead).find(|byte| !is_blank(*byte)) == Some(b'{');
        let advice = if may_be_envelope { IF_ENVELOPE } else { "" };
        let is_doubtful = !outline.has_id();
        let error = too_long(&self.options, self.position, if is_doubtful { advice } else { "" });
        if is_doubtful {
            self.doubtful = self.doubtful.or(Some((self.position, advice)));
        }
        outline.take(&self.spill);
        self.dropped = Some((self.position, outline, advice));
        self.position.byte += self.spill.len() as u64;
        self.position.line += lines(&self.spill);
        self.position.record += 1;
        self.spill = BytesMut::new();
        error
    }

    /// Drops up to and with the next delimiter; whether it was found.
    fn discard(&mut self) -> Result<bool> {
        let end = memchr(self.delimiter, &self.chunk);
        let dropped = self.chunk.split_to(end.map_or(self.chunk.len(), |at| at + 1));
        self.position.byte += dropped.len() as u64;
        self.position.line += lines(&dropped);
        let Some((start, record, advice)) = &mut self.dropped else { return Ok(true) };
        let (start, advice) = (*start, *advice);
        record.take(&dropped[..end.unwrap_or(dropped.len())]);
        if end.is_none() && !self.finished {
            return Ok(false);
        }
        let is_cut = end.is_none() && record.is_open();
        if !is_cut && !record.is_license() {
            self.doubtful = self.doubtful.or(Some((start, advice)));
        }
        self.dropped = None;
        if is_cut { Err(ends_within_record(start, self.position.byte)) } else { Ok(end.is_some()) }
    }

    fn found(&self) -> Found {
        Found {
            records: Vec::new(),
            lines: 0,
            is_line_feed: self.delimiter == b'\n',
            opens_body: self.position.byte == self.options.start.byte,
        }
    }

    fn take(&mut self, found: Found, len: usize) -> Option<Block> {
        let bytes = self.chunk.split_to(len);
        self.close(found, bytes)
    }

    fn close(&mut self, found: Found, bytes: Bytes) -> Option<Block> {
        let start = self.position;
        self.position.byte += bytes.len() as u64;
        self.position.line += u64::from(found.lines);
        self.position.record += found.records.len() as u64;
        let span = Span { start, end: self.position };
        (!found.records.is_empty()).then_some(Block { bytes, records: found.records, span })
    }
}

/// The error about the record that begins at `at`, with which the body ends at byte `end`.
fn ends_within_record(at: Position, end: u64) -> Error {
    let message = format!(
        "the body ends at byte {end} within its last record, or the quotes and brackets of that do not pair up: it \
         begins"
    );
    Error::new(ErrorKind::Truncated, message).at(at)
}

/// The records gathered for one block.
struct Found {
    records: Vec<RecordRange>,
    /// Line feeds so far.
    lines: u32,
    is_line_feed: bool,
    /// Whether the first of them opens the body, where a byte order mark may stand.
    opens_body: bool,
}

impl Found {
    /// Adds what stands between two delimiters; white space alone is no record.
    fn push(&mut self, bytes: &[u8], start: usize, end: usize) {
        let is_first = self.opens_body && start == 0;
        let skipped = if is_first && bytes[..end].starts_with(BOM) { BOM.len() } else { 0 };
        let (first, text) = {
            let text = trimmed_start(&bytes[start + skipped..end]);
            (end - text.len(), trimmed_end(text))
        };
        // Between line feeds there is none, and looking for them would cost.
        let count = |bytes| if self.is_line_feed { 0 } else { lines(bytes) as u32 };
        if !text.is_empty() {
            self.records.push(RecordRange {
                start: first as u32,
                len: text.len() as u32,
                line: self.lines + count(&bytes[start..first]),
            });
        }
        self.lines += count(&bytes[start..end]);
    }

    fn pass_delimiter(&mut self) {
        self.lines += u32::from(self.is_line_feed);
    }
}

/// Whether more would have to come to close the quotes and brackets of `record`.
fn is_open(record: &[u8]) -> bool {
    let mut scan = Scan::of(record[0]);
    !matches!(scan, Scan::Word) && scan.end(record).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Framer, Shape};

    /// A record, or the place of one that is too long.
    type Found = (Position, Result<Vec<u8>, ()>);

    /// What a body holds, told by cutting it at line feeds in memory: slow and obvious.
    fn oracle(body: &[u8], max: usize) -> Vec<Found> {
        let mut found = Vec::new();
        let (mut byte, mut record) = (0, 0);
        for (index, line) in body.split(|byte| *byte == b'\n').enumerate() {
            let (mut skipped, mut text) = (0, line);
            if line.len() <= max + MAX_BLANKS {
                if byte == 0 && text.starts_with(BOM) {
                    (skipped, text) = (3, &text[3..]);
                }
                let blank = |byte: &u8| b" \t\r".contains(byte);
                let before = text.iter().take_while(|byte| blank(byte)).count();
                skipped += before;
                text = &text[before..];
                let after = text.iter().rev().take_while(|byte| blank(byte)).count();
                text = &text[..text.len() - after];
            }
            if !text.is_empty() {
                let at = Position { byte: byte + skipped as u64, line: index as u64 + 1, record };
                record += 1;
                let is_too_long = text.len() > max || line.len() > max + MAX_BLANKS;
                // Nothing was cut off from one that was not kept.
                let at = if is_too_long { Position { byte, ..at } } else { at };
                found.push((at, if is_too_long { Err(()) } else { Ok(text.to_vec()) }));
            }
            byte += line.len() as u64 + 1;
        }
        found
    }

    fn frame<'a>(
        chunks: impl IntoIterator<Item = &'a [u8]>,
        options: FramerOptions,
    ) -> (Vec<Found>, Position) {
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
        b"\x0c{\"id\":\"a\"}\n{\"id\":\"b\"}\x0c\n",
        b"short\nmuch too long for the limit of this test\nshort\n",
        b"much too long for the limit of this test, and the body ends in it",
        b"\xef\xbb\xbf  exactly twenty bytes\t\r\n  exactly twenty bytes  \r\n   twenty-one bytes long \n",
        b"exactly twenty bytes\nexactly twenty bytes\ntwenty-one bytes long\n",
    ];

    #[test]
    fn any_chunking_gives_the_same_records() {
        for body in BODIES {
            for block_bytes in [1, 7, 64] {
                let options = FramerOptions {
                    max_record_bytes: 20,
                    block_bytes,
                    shape: Shape::Lines,
                    ..FramerOptions::default()
                };
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
        let options = FramerOptions {
            max_record_bytes: 1000,
            block_bytes: 64,
            shape: Shape::Lines,
            ..FramerOptions::default()
        };
        let mut framer = Delimited::new(options, b'\n');
        let mut errors = 0;
        for _ in 0..10_000 {
            framer.push(Bytes::from_static(&[b'x'; 100]));
            errors += usize::from(framer.next_block().is_err());
            assert!(framer.spill.capacity() < 4096);
        }
        assert_eq!(errors, 1);
        assert_eq!(framer.position().byte, 1_000_000);
    }

    #[test]
    fn a_body_that_ends_within_a_record_that_is_too_long_is_cut() {
        let options =
            FramerOptions { max_record_bytes: 8, shape: Shape::Lines, ..FramerOptions::default() };
        let ends = |body: &'static [u8], size: usize| {
            let mut framer = Framer::new(options);
            let mut kinds = Vec::new();
            for chunk in body.chunks(size).map(Some).chain([None]) {
                match chunk {
                    Some(chunk) => framer.push(Bytes::from_static(chunk)),
                    None => framer.finish(),
                }
                loop {
                    match framer.next_block() {
                        Ok(None) => break,
                        Ok(Some(_)) => {}
                        Err(error) => kinds.push((error.kind(), error.position().unwrap().byte)),
                    }
                }
            }
            kinds
        };
        let too_long = ErrorKind::Record(crate::reject::RejectReason::TooLong);
        for size in 1..30 {
            for (body, is_cut) in [
                (&b"7\n  {\"id\":\"a\",\"name\":\"b"[..], true),
                (b"7\n  {\"id\":\"a\",\"name\":\"b\"}", false),
                (b"7\n  {\"id\":\"a\",\"name\":\"b\n", false),
                (b"7\n  \"a text without an end", true),
                (b"7\n  a word without an end", false),
            ] {
                let mut expected = vec![(too_long, 2)];
                expected.extend(is_cut.then_some((ErrorKind::Truncated, 2)));
                assert_eq!(ends(body, size), expected, "{size}: {body:?}");
            }
        }
    }

    #[test]
    fn chunks_that_are_pushed_without_draining_are_joined() {
        let mut framer = Framer::new(FramerOptions::default());
        framer.push(Bytes::from_static(b"{\"id\":"));
        framer.push(Bytes::from_static(b"\"a\"}\n"));
        assert_eq!(framer.next_block().unwrap().unwrap().len(), 1);
    }
}
