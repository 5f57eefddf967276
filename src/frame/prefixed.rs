//! Records behind their lengths: the one shape in which a record may hold any byte.
//!
//! A record is its length as eight hexadecimal digits, its bytes, and white space. All of that is text
//! if the records are, so that a block of them is still checked for UTF-8 in one pass. Only line feeds
//! between records count as lines: with as much white space as is wanted, a record can be given the place
//! that it has elsewhere.

use bytes::{Buf, Bytes, BytesMut};

use super::blanks::is_blank;
use super::{Block, FramerOptions, RecordRange, join, lines, too_long};
use crate::error::{Error, ErrorKind, Result};
use crate::position::{Position, Span};
use crate::reject::RejectReason;

/// Digits of a length.
pub(super) const DIGITS: usize = 8;

/// In place of the length: the record was too long to be kept, and none of its bytes follow.
const NOT_KEPT: u32 = u32::MAX;

/// Adds a record to a body of [`Shape::Prefixed`](super::Shape::Prefixed); `None` stands for one that
/// was too long to be kept, and is read back as that.
pub fn put_prefixed(body: &mut Vec<u8>, record: Option<&[u8]>) {
    let length = record.and_then(|record| u32::try_from(record.len()).ok()).unwrap_or(NOT_KEPT);
    body.extend_from_slice(format!("{length:0DIGITS$x}").as_bytes());
    if length != NOT_KEPT {
        body.extend_from_slice(record.unwrap_or_default());
    }
    body.push(b'\n');
}

#[derive(Debug)]
pub(super) struct Prefixed {
    options: FramerOptions,
    /// What was pushed and not yet looked at.
    chunk: Bytes,
    /// The beginning of a record that reaches into the next chunk, from its length on.
    spill: BytesMut,
    /// Where `spill` begins, and `chunk` if there is no spill.
    position: Position,
    /// Bytes still to come of a record that is not given out.
    unwanted: usize,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Finished,
    /// The end, or what the body broke off with, was told.
    Ended,
}

/// What a length says of the record behind it.
enum Length {
    /// So many bytes.
    Record(usize),
    /// The record is not given out.
    NotGiven(NotGiven),
}

enum NotGiven {
    /// So many bytes, which are too many.
    TooLong(usize),
    NotKept,
}

impl Prefixed {
    pub(super) fn new(options: FramerOptions) -> Self {
        Self {
            options,
            chunk: Bytes::new(),
            spill: BytesMut::new(),
            position: options.start,
            unwanted: 0,
            state: State::Open,
        }
    }

    pub(super) fn push(&mut self, chunk: Bytes) {
        join(&mut self.chunk, chunk);
    }

    pub(super) fn finish(&mut self) {
        if self.state == State::Open {
            self.state = State::Finished;
        }
    }

    pub(super) fn position(&self) -> Position {
        self.position
    }

    pub(super) fn next_block(&mut self) -> Result<Option<Block>> {
        if self.state == State::Ended {
            return Ok(None);
        }
        self.pass_unwanted();
        let block = if self.spill.is_empty() { self.whole_records()? } else { self.straddler()? };
        if block.is_some() || self.state != State::Finished {
            return Ok(block);
        }
        self.state = State::Ended;
        if self.spill.is_empty() && self.unwanted == 0 {
            return Ok(None);
        }
        let message = "the body ends within a record";
        Err(Error::new(ErrorKind::Truncated, message).at(self.position))
    }

    /// As many whole records of the chunk as a block takes; the start of one becomes the spill.
    fn whole_records(&mut self) -> Result<Option<Block>> {
        let mut records = Vec::new();
        let (mut at, mut line) = (0, 0);
        while records.is_empty() || at < self.options.block_bytes {
            let blanks = self.chunk[at..].iter().take_while(|byte| is_blank(**byte)).count();
            line += lines(&self.chunk[at..at + blanks]) as u32;
            at += blanks;
            let rest = &self.chunk[at..];
            match self.length(rest) {
                Ok(Some(Length::Record(len))) if rest.len() > DIGITS + len => {
                    if !is_blank(rest[DIGITS + len]) {
                        return self.end_behind(records, at, line, Self::malformed);
                    }
                    let start = at + DIGITS;
                    records.push(RecordRange { start: start as u32, len: len as u32, line });
                    at = start + len;
                }
                Ok(Some(Length::Record(_)) | None) => break,
                Ok(Some(Length::NotGiven(length))) => {
                    return self.end_behind(records, at, line, |this| this.not_given(&length));
                }
                Err(Unreadable) => {
                    return self.end_behind(records, at, line, Self::malformed);
                }
            }
        }
        let is_full = at >= self.options.block_bytes;
        let block = self.take(records, at, line);
        if !is_full {
            self.spill.extend_from_slice(&self.chunk);
            self.chunk.clear();
        }
        Ok(block)
    }

    /// Gives out the records before what is an error; that is then met again as the first of the chunk.
    fn end_behind(
        &mut self,
        records: Vec<RecordRange>,
        at: usize,
        line: u32,
        error: impl FnOnce(&mut Self) -> Error,
    ) -> Result<Option<Block>> {
        match self.take(records, at, line) {
            None => Err(error(self)),
            block => Ok(block),
        }
    }

    /// The record that began in an earlier chunk, once all of it has come.
    fn straddler(&mut self) -> Result<Option<Block>> {
        self.fill(DIGITS);
        let len = match self.length(&self.spill) {
            Ok(None) => return Ok(None),
            Ok(Some(Length::Record(len))) => len,
            Ok(Some(Length::NotGiven(length))) => return Err(self.not_given(&length)),
            Err(Unreadable) => return Err(self.malformed()),
        };
        let whole = DIGITS + len + 1;
        self.fill(whole);
        if self.spill.len() < whole {
            return Ok(None);
        }
        if !is_blank(self.spill[whole - 1]) {
            return Err(self.malformed());
        }
        let bytes = self.spill.split().freeze();
        let record = RecordRange { start: DIGITS as u32, len: len as u32, line: 0 };
        let line = u32::from(bytes[whole - 1] == b'\n');
        Ok(self.close(bytes, vec![record], line))
    }

    /// Moves bytes of the chunk to the spill until that is `len` long, or there are no more.
    fn fill(&mut self, len: usize) {
        let wanted = len.saturating_sub(self.spill.len()).min(self.chunk.len());
        self.spill.extend_from_slice(&self.chunk[..wanted]);
        self.chunk.advance(wanted);
    }

    /// The length that `bytes` begin with; `None` if they end within it.
    fn length(&self, bytes: &[u8]) -> Result<Option<Length>, Unreadable> {
        let Some(digits) = bytes.get(..DIGITS) else { return Ok(None) };
        let digits = str::from_utf8(digits).map_err(|_| Unreadable)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(Unreadable);
        }
        let length = u32::from_str_radix(digits, 16).map_err(|_| Unreadable)?;
        Ok(Some(match length as usize {
            _ if length == NOT_KEPT => Length::NotGiven(NotGiven::NotKept),
            len if len > self.options.max_record_bytes => Length::NotGiven(NotGiven::TooLong(len)),
            len => Length::Record(len),
        }))
    }

    /// The error about the record whose length comes next; its bytes are passed over.
    fn not_given(&mut self, length: &NotGiven) -> Error {
        let at = self.position;
        let (error, len) = match length {
            NotGiven::TooLong(len) => (too_long(&self.options, at, ""), *len),
            NotGiven::NotKept => {
                let message = "record was too long to be kept, so there are no bytes of it";
                (Error::new(ErrorKind::Record(RejectReason::TooLong), message).at(at), 0)
            }
        };
        if self.spill.is_empty() {
            self.chunk.advance(DIGITS);
        }
        self.spill.clear();
        self.position.byte += DIGITS as u64;
        self.position.record += 1;
        self.unwanted = len + 1;
        error
    }

    fn malformed(&mut self) -> Error {
        self.state = State::Ended;
        let message = "a record is not behind its length, or not of it";
        Error::new(ErrorKind::Malformed, message).at(self.position)
    }

    fn pass_unwanted(&mut self) {
        let passed = self.chunk.split_to(self.unwanted.min(self.chunk.len()));
        self.unwanted -= passed.len();
        self.position.byte += passed.len() as u64;
        // A line feed within the record is none of the body.
        let is_end = self.unwanted == 0 && passed.ends_with(b"\n");
        self.position.line += u64::from(is_end);
    }

    fn take(&mut self, records: Vec<RecordRange>, len: usize, lines: u32) -> Option<Block> {
        let bytes = self.chunk.split_to(len);
        self.close(bytes, records, lines)
    }

    fn close(&mut self, bytes: Bytes, records: Vec<RecordRange>, lines: u32) -> Option<Block> {
        let start = self.position;
        self.position.byte += bytes.len() as u64;
        self.position.line += u64::from(lines);
        self.position.record += records.len() as u64;
        let span = Span { start, end: self.position };
        (!records.is_empty()).then_some(Block { bytes, records, span })
    }
}

/// No length stands where one must.
struct Unreadable;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::frame::Shape;
    use crate::frame::chunking::check;

    fn body(records: &[Option<&[u8]>]) -> Vec<u8> {
        let mut body = Vec::new();
        records.iter().for_each(|record| put_prefixed(&mut body, *record));
        body
    }

    #[test]
    fn a_record_is_what_its_length_says() {
        assert_eq!(body(&[Some(b"{\n}"), None]), b"00000003{\n}\nffffffff\n");
        let framing = check(
            b"00000003{\n}\n0000000A 7 \x1e\r\n\xff\0\xef\xbb\n \n\n00000000\t",
            Shape::Prefixed,
        );
        let at = |byte, line, record| Position { byte, line, record };
        assert_eq!(
            framing.records(),
            [
                (at(8, 1, 0), b"{\n}".to_vec()),
                (at(20, 2, 1), b" 7 \x1e\r\n\xff\0\xef\xbb".to_vec()),
                (at(42, 5, 2), vec![]),
            ]
        );
        assert!(framing.is_clean_to(43));
    }

    #[test]
    fn a_record_that_is_not_given_out_costs_only_itself() {
        let (long, full) = ([b'\n'; 65], [b'x'; 64]);
        let framing = check(&body(&[Some(&long), None, Some(&full), None]), Shape::Prefixed);
        let [(position, record)] = framing.records() else { panic!("{framing:?}") };
        assert_eq!((position.record, position.line), (2, 3));
        assert_eq!(record, &full);
        let too_long = ErrorKind::Record(RejectReason::TooLong);
        let errors: Vec<_> = framing.errors().map(|(at, kind)| (at.record, kind)).collect();
        assert_eq!(errors, [(0, too_long), (1, too_long), (3, too_long)]);
    }

    #[test]
    fn what_is_cut_or_has_no_length_ends_the_body() {
        use ErrorKind::{Malformed, Truncated};
        let whole = body(&[Some(b"{}"), Some(&[b'x'; 65]), Some(b"{}")]);
        for end in 0..whole.len() {
            let framing = check(&whole[..end], Shape::Prefixed);
            let is_whole = [0, 11, 85].contains(&end);
            let is_cut = framing.errors().any(|(_, kind)| kind == Truncated);
            assert_eq!(is_cut, !is_whole, "cut at {end}: {framing:?}");
        }
        for broken in ["00000002{}x00000002{}\n", "0000002{}\n", "+0000002{}\n", "\u{fe}0000000"] {
            let framing = check(&[b"00000002{}\n", broken.as_bytes()].concat(), Shape::Prefixed);
            let errors: Vec<_> = framing.errors().map(|(at, kind)| (at.byte, kind)).collect();
            assert_eq!((framing.records().len(), &errors[..]), (1, &[(11, Malformed)][..]));
        }
    }

    proptest! {
        #[test]
        fn any_records_come_back(records in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..64), 0..4)) {
            let body = body(&records.iter().map(|record| Some(&record[..])).collect::<Vec<_>>());
            let framing = check(&body, Shape::Prefixed);
            prop_assert!(framing.is_clean_to(body.len()));
            let found: Vec<_> = framing.records().iter().map(|(_, record)| record.clone()).collect();
            prop_assert_eq!(found, records);
        }
    }
}
