//! One JSON document of any form: the body as a whole is the record.

use bytes::{Bytes, BytesMut};

use super::blanks::{BOM, MAX_BLANKS, is_blank, trimmed};
use super::{Block, FramerOptions, RecordRange, lines, too_long};
use crate::error::Result;
use crate::position::{Position, Span};

#[derive(Debug)]
pub(super) struct Document {
    options: FramerOptions,
    /// The body so far, up to the limit.
    body: BytesMut,
    /// Where the document begins; where the body ends, once the document is given out or given up.
    position: Position,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// It was found too long, and that is not yet told.
    TooLong,
    /// What comes is counted, and not kept.
    Discarding,
    /// The body has ended, and the document is not yet given out.
    Whole,
    Done,
}

impl Document {
    pub(super) fn new(options: FramerOptions) -> Self {
        let position = options.start;
        Self { options, body: BytesMut::new(), position, state: State::Open }
    }

    pub(super) fn push(&mut self, chunk: &Bytes) {
        if self.state == State::Open {
            if self.body.len() + chunk.len() <= self.options.max_record_bytes + MAX_BLANKS {
                self.body.extend_from_slice(chunk);
                return;
            }
            self.give_up();
        }
        self.count(chunk);
    }

    fn give_up(&mut self) {
        let body = std::mem::take(&mut self.body);
        self.count(&body);
        self.position.record += 1;
        self.state = State::TooLong;
    }

    pub(super) fn finish(&mut self) {
        if self.state != State::Open {
            return;
        }
        let bom = if self.body.starts_with(BOM) { BOM.len() } else { 0 };
        if trimmed(&self.body[bom..]).len() > self.options.max_record_bytes {
            self.give_up();
        } else {
            self.state = State::Whole;
        }
    }

    pub(super) fn position(&self) -> Position {
        self.position
    }

    pub(super) fn next_block(&mut self) -> Result<Option<Block>> {
        match self.state {
            State::TooLong => {
                self.state = State::Discarding;
                Err(too_long(&self.options, self.options.start, ""))
            }
            State::Whole => {
                self.state = State::Done;
                Ok(self.document())
            }
            State::Open | State::Discarding | State::Done => Ok(None),
        }
    }

    /// The document without the white space around it; none if there is nothing else.
    fn document(&mut self) -> Option<Block> {
        let body = std::mem::take(&mut self.body).freeze();
        let bom = if body.starts_with(BOM) { BOM.len() } else { 0 };
        let first = bom + body[bom..].iter().take_while(|byte| is_blank(**byte)).count();
        let behind = body[first..].iter().rev().take_while(|byte| is_blank(**byte)).count();
        let bytes = body.slice(first..body.len() - behind);
        self.count(&body[..first]);
        let start = self.position;
        self.count(&bytes);
        let end = Position { record: start.record + u64::from(!bytes.is_empty()), ..self.position };
        self.position = end;
        self.count(&body[body.len() - behind..]);
        let record = RecordRange { start: 0, len: bytes.len() as u32, line: 0 };
        (!bytes.is_empty()).then(|| Block {
            bytes,
            records: vec![record],
            span: Span { start, end },
        })
    }

    fn count(&mut self, bytes: &[u8]) {
        self.position.byte += bytes.len() as u64;
        self.position.line += lines(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Shape;
    use crate::frame::chunking::check;

    #[test]
    fn the_whole_body_is_one_record_whatever_it_holds() {
        for (body, record, byte, line) in [
            (
                &b"{\"id\":\"a\"}\n{\"id\":\"b\"}\n"[..],
                &b"{\"id\":\"a\"}\n{\"id\":\"b\"}"[..],
                0,
                1,
            ),
            (b"\xef\xbb\xbf \n[1,\n2]\n\n", b"[1,\n2]", 5, 2),
            (b"{\"next_cursor\":\"c\"}", b"{\"next_cursor\":\"c\"}", 0, 1),
            (b"{\"result\":[{}]", b"{\"result\":[{}]", 0, 1),
            (b"\x1e<html>\xff", b"\x1e<html>\xff", 0, 1),
            (&[b'x'; 64], &[b'x'; 64], 0, 1),
            (&[[b' '; 64], [b'x'; 64]].concat(), &[b'x'; 64], 64, 1),
        ] {
            let framing = check(body, Shape::Document);
            let position = Position { byte, line, record: 0 };
            assert_eq!(framing.records(), [(position, record.to_vec())]);
            assert!(framing.is_clean_to(body.len()), "{framing:?}");
        }
        for blank in [&b""[..], b"\n \n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\r\n"] {
            let framing = check(blank, Shape::Document);
            assert!(framing.records().is_empty() && framing.is_clean_to(blank.len()));
        }
    }

    #[test]
    fn a_document_that_is_too_long_is_told_at_once_and_not_held() {
        for long in [&[b'\n'; 64 + 1025][..], &[b'x'; 65]] {
            let framing = check(long, Shape::Document);
            assert_eq!((framing.records().len(), framing.errors().count()), (0, 1));
        }
        let options = FramerOptions { max_record_bytes: 64, ..FramerOptions::default() };
        let mut document = Document::new(options);
        document.push(&Bytes::from_static(&[b'x'; 64 + 1024]));
        assert!(document.next_block().unwrap().is_none());
        document.push(&Bytes::from_static(b"\n"));
        let error = document.next_block().unwrap_err();
        assert!(error.is_record());
        assert_eq!(error.position(), Some(Position::START));
        for _ in 0..1000 {
            document.push(&Bytes::from_static(&[b'\n'; 100]));
            assert!(document.next_block().unwrap().is_none());
        }
        document.finish();
        assert!(document.next_block().unwrap().is_none());
        assert_eq!(document.body.capacity(), 0);
        assert_eq!(document.position(), Position { byte: 101_089, line: 100_002, record: 1 });
    }
}
