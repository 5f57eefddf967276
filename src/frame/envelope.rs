//! Records inside one JSON value: an envelope with a list or an object of records, several of them
//! one after the other, or a bare array.
//!
//! A machine walks over the outer structure byte by byte; it is small. Where a record begins,
//! [`Scan`] finds its end. So a record whose brackets and quotes pair up costs only itself, whatever
//! else is wrong with it. Where they do not, the outer structure is lost too, and nothing behind
//! that can be trusted: it ends the body.

mod grammar;

use std::borrow::Cow;

use bytes::{Buf, Bytes, BytesMut};

use grammar::{NO_MEMBER_END, Nest, Role, State, Step};

use super::blanks::{BOM, is_blank};
use super::layout::Layout;
use super::outline::has_text_id;
use super::page::{Members, PageReader, mentions_id};
use super::run::Run;
use super::structure::Scan;
use super::{Block, FramerOptions, Shape, join, lines, too_long};
use crate::decode::{FOLLOWED, Limits, check};
use crate::error::{Error, ErrorKind, Result};
use crate::position::Position;
use crate::reject::RejectReason;

#[derive(Debug)]
pub(super) struct Envelope {
    options: FramerOptions,
    /// What was pushed and not yet walked over, and where it begins.
    chunk: Bytes,
    position: Position,
    state: State,
    /// A token that reaches into the next chunk, and what there is of it.
    token: Option<Token>,
    spill: BytesMut,
    /// The name of the envelope's member whose value is next.
    name: String,
    /// Whether the key whose record is next is one that an error of the API has.
    is_error_key: bool,
    /// Whether any record stood in an object of records.
    is_keyed: bool,
    /// The last record of an object of records; `None` where it was too long.
    last: Option<Bytes>,
    /// Whether the object of records in this envelope ended behind one that is broken, and so perhaps too early.
    is_end_doubtful: bool,
    page: PageReader,
    /// Bytes of a byte order mark that opened the body.
    bom: usize,
    /// What the envelope has had so far.
    members: Members,
    /// Where its cursor stands.
    cursor: Option<Position>,
    /// The place of a record that was too long and is not known to have been a license: told together
    /// with its failure, and known before.
    doubtful: Option<Position>,
    is_failure_doubtful: bool,
    /// How quotes and brackets stand in a record that is too long, while it goes by.
    layout: Layout,
    /// Whether the structure was lost, so that nothing more can come.
    is_lost: bool,
    /// An error behind the block that was just given out.
    failure: Option<Error>,
    finished: bool,
}

/// A value or a name that is taken as a whole.
#[derive(Clone, Copy, Debug)]
struct Token {
    role: Role,
    scan: Scan,
    start: Position,
    /// A record that is too long is followed to its end, but not kept.
    dropped: bool,
}

const HIDDEN: &str = "an object with an `id` stands behind the end of the records, of which the last one is broken: that may \
    have come too early, and licenses would be missing";

/// What is told where the body has ended and the token has not: the place of the end goes behind it.
fn ends_within(token: &Token) -> String {
    let Position { byte, line, record } = token.start;
    let what = match token.role {
        Role::Record(_) => format!(
            "the quotes and brackets of the record that begins at byte {byte}, line {line}, record {record} do not pair \
             up"
        ),
        Role::Name | Role::Value | Role::Key => {
            format!("a part of the envelope that begins at byte {byte}, line {line} has no end")
        }
    };
    format!("{what}, or it was cut: body ends inside its JSON")
}

/// Whether a member of an envelope may be a record that was taken out of an object of records.
fn is_hidden_record(value: &[u8]) -> bool {
    value.starts_with(b"{") && mentions_id(value)
}

impl Envelope {
    pub(super) fn new(options: FramerOptions) -> Self {
        Self {
            options,
            chunk: Bytes::new(),
            position: options.start,
            state: State::Top,
            token: None,
            spill: BytesMut::new(),
            name: String::new(),
            is_error_key: false,
            is_keyed: false,
            last: None,
            is_end_doubtful: false,
            page: PageReader::default(),
            bom: 0,
            members: Members::default(),
            cursor: None,
            doubtful: None,
            is_failure_doubtful: false,
            layout: Layout::new(),
            is_lost: false,
            failure: None,
            finished: false,
        }
    }

    pub(super) fn push(&mut self, chunk: Bytes) {
        join(&mut self.chunk, chunk);
    }

    pub(super) fn finish(&mut self) {
        self.finished = true;
    }

    pub(super) fn position(&self) -> Position {
        self.position
    }

    pub(super) fn page(&self) -> &PageReader {
        &self.page
    }

    /// Whether its records have keys, or some of them.
    #[cfg(feature = "stream")]
    pub(super) fn is_keyed(&self) -> bool {
        self.is_keyed
    }

    #[cfg(feature = "stream")]
    pub(super) fn doubtful(&self) -> Option<Position> {
        self.doubtful
    }

    pub(super) fn next_block(&mut self) -> Result<Option<Block>> {
        loop {
            if let Some(failure) = self.failure.take() {
                if std::mem::take(&mut self.is_failure_doubtful) {
                    self.doubtful = self.doubtful.or(failure.position());
                }
                return Err(failure);
            }
            if self.is_lost {
                self.chunk.clear();
                return Ok(None);
            }
            let block = match self.token {
                _ if self.chunk.is_empty() && !self.finished => return Ok(None),
                None if self.chunk.is_empty() => {
                    if self.state != State::Top {
                        self.fail(ErrorKind::Truncated, "body ends inside its JSON", self.position);
                        continue;
                    }
                    return Ok(None);
                }
                Some(token) => self.continue_token(token),
                None => self.walk(),
            };
            if block.is_some() {
                return Ok(block);
            }
        }
    }

    /// Walks on to the end of the chunk, of the block or of the structure.
    fn walk(&mut self) -> Option<Block> {
        let chunk = self.chunk.clone();
        let mut here = self.position;
        let base = here.byte;
        let mut run = Run::default();
        let mut at = 0;
        while let Some(byte) = chunk.get(at) {
            here.byte = base + at as u64;
            if is_blank(*byte) {
                here.line += u64::from(*byte == b'\n');
                at += 1;
                continue;
            }
            if self.is_bom(here.byte, *byte) {
                self.bom += 1;
                at += 1;
                continue;
            }
            match self.step(*byte) {
                Step::To(state) => {
                    if self.state == (State::AfterRecord { nest: Nest::Keyed }) && *byte == b'}' {
                        self.is_end_doubtful |= self.is_last_broken();
                    }
                    self.state = state;
                    at += 1;
                }
                Step::Result(state) => {
                    self.members.has_list = true;
                    self.state = state;
                    at += 1;
                }
                Step::EndEnvelope => {
                    self.state = State::Top;
                    at += 1;
                    if let Err(error) = self.end_envelope() {
                        let at = error.position().unwrap_or(here);
                        self.failure = Some(error.at(at));
                        self.is_lost = true;
                        break;
                    }
                }
                Step::Lost(what) => {
                    self.fail(ErrorKind::Malformed, what, here);
                    break;
                }
                Step::Token(role) => {
                    let mut scan = Scan::of(*byte);
                    let Some(len) = scan.end(&chunk[at..]) else {
                        let token = Token { role, scan, start: here, dropped: false };
                        let block = run.close(&chunk);
                        self.consume(at, here);
                        self.keep(token);
                        return block;
                    };
                    let bytes = &chunk[at..at + len];
                    let start = here;
                    here.line += lines(bytes);
                    here.byte += len as u64;
                    if let Role::Record(nest) = role {
                        self.members.has_records = true;
                        here.record += 1;
                        self.state = State::AfterRecord { nest };
                    }
                    if len > self.options.max_record_bytes {
                        let mut token = Token { role, scan, start, dropped: false };
                        self.drop_too_long(&mut token, [bytes, b""]);
                    } else if let Role::Record(nest) = role {
                        if nest == Nest::Keyed {
                            self.last = Some(chunk.slice(at..at + len));
                        }
                        run.push(at, len, start, here);
                    } else {
                        self.take(role, bytes, start);
                    }
                    at += len;
                    let is_full = run.len() >= self.options.block_bytes;
                    if is_full || self.failure.is_some() {
                        break;
                    }
                }
            }
        }
        here.byte = base + at as u64;
        let block = run.close(&chunk);
        self.consume(at, here);
        block
    }

    /// Goes on with a token that began in an earlier chunk.
    fn continue_token(&mut self, mut token: Token) -> Option<Block> {
        let chunk = self.chunk.clone();
        let end = match token.scan.end(&chunk) {
            None if self.chunk.is_empty() => {
                // The body has ended, and so has a word; anything else was cut.
                if !matches!(token.scan, Scan::Word) {
                    self.fail(ErrorKind::Truncated, ends_within(&token), self.position);
                    return None;
                }
                Some(0)
            }
            end => end,
        };
        let Some(len) = end else {
            self.keep(token);
            return None;
        };
        let mut here = self.position;
        here.byte += len as u64;
        here.line += lines(&chunk[..len]);
        self.token = None;
        let is_too_long = self.spill.len() + len > self.options.max_record_bytes;
        if !token.dropped && !is_too_long {
            self.spill.extend_from_slice(&chunk[..len]);
        }
        let bytes = self.spill.split().freeze();
        let Role::Record(nest) = token.role else {
            self.consume(len, here);
            if is_too_long {
                self.drop_too_long(&mut token, [b"", b""]);
            } else {
                self.take(token.role, &bytes, token.start);
            }
            return None;
        };
        self.members.has_records = true;
        here.record += 1;
        self.state = State::AfterRecord { nest };
        self.consume(len, here);
        if token.dropped {
            self.pass(&token, &chunk[..len]);
            return None;
        }
        if is_too_long {
            self.drop_too_long(&mut token, [&bytes, &chunk[..len]]);
            return None;
        }
        if nest == Nest::Keyed {
            self.last = Some(bytes.clone());
        }
        let mut run = Run::default();
        run.push(0, bytes.len(), token.start, here);
        run.close(&bytes)
    }

    /// Keeps the rest of the chunk, which the token takes whole.
    fn keep(&mut self, mut token: Token) {
        let chunk = std::mem::take(&mut self.chunk);
        self.position.byte += chunk.len() as u64;
        self.position.line += lines(&chunk);
        if token.dropped {
            self.pass(&token, &chunk);
        } else if self.spill.len() + chunk.len() <= self.options.max_record_bytes {
            self.spill.extend_from_slice(&chunk);
        } else {
            let spill = std::mem::take(&mut self.spill);
            self.drop_too_long(&mut token, [&spill, &chunk]);
        }
        self.token = Some(token);
    }

    /// Whether this is the next byte of a byte order mark that opens the body.
    fn is_bom(&self, position: u64, byte: u8) -> bool {
        position - self.options.start.byte == self.bom as u64 && BOM.get(self.bom) == Some(&byte)
    }

    /// Ends an object at the top. One without records must be about the page: a license that stands
    /// where envelopes do must not pass for an empty one, even if it has a `result` of its own.
    fn end_envelope(&mut self) -> Result<()> {
        self.is_end_doubtful = false;
        let members = std::mem::take(&mut self.members);
        let cursor = self.cursor.take();
        let has_more = self.page.end_envelope(members.has_list).map_err(|error| {
            match (error.kind(), cursor) {
                (ErrorKind::Malformed, Some(cursor)) => error.at(cursor),
                _ => error,
            }
        })?;
        let has_id = members.has_id || members.has_other_id;
        let is_told = self.options.shape == Shape::Envelope;
        let is_envelope = if !members.has_result() {
            members.is_of_page && !members.may_be_license() && !members.is_unknown_envelope()
        } else if members.has_records {
            !has_id || !members.has_field || members.is_of_page || is_told
        } else {
            !has_id || has_more || (members.is_of_page && is_told)
        };
        if is_envelope {
            return Ok(());
        }
        let message = match (members.has_result(), is_told) {
            (false, _) => "an object without a result stands where an envelope should",
            (true, false) => {
                "an object with an `id` and a result may be an envelope or a license: say what the body is of \
                 (Shape::Envelope or Shape::Lines, --shape envelope or --shape lines)"
            }
            (true, true) => {
                "an object with an `id` and nothing in its result stands where an envelope should: it may be \
                 a license (Shape::Lines, --shape lines)"
            }
        };
        Err(Error::new(ErrorKind::Malformed, message))
    }

    /// A record that begins with `parts` can be done without if it is a license, and one: of the envelope itself
    /// nothing can.
    fn drop_too_long(&mut self, token: &mut Token, parts: [&[u8]; 2]) {
        token.dropped = true;
        self.last = None;
        let max = self.options.max_record_bytes;
        if let Role::Record(_) = token.role {
            self.layout = Layout::new();
            parts.into_iter().for_each(|part| self.layout.take(part));
            let head = parts.into_iter().flatten().copied().take(max);
            self.is_failure_doubtful = self.is_doubtful() || !has_text_id(head);
            self.failure = Some(too_long(&self.options, token.start, ""));
        } else {
            let what =
                format!("a part of the envelope is longer than {max} bytes (--max-record-bytes)");
            self.fail(ErrorKind::Malformed, what, token.start);
        }
    }

    /// Looks at more of a record that is too long: only its quotes and brackets tell where it ends.
    fn pass(&mut self, token: &Token, bytes: &[u8]) {
        if !self.is_doubtful() {
            self.layout.take(bytes);
        }
        if self.is_doubtful() {
            self.doubtful = self.doubtful.or(Some(token.start));
        }
    }

    /// Whether the record that is too long is not known to be one license.
    fn is_doubtful(&self) -> bool {
        self.layout.is_misplaced()
            || self.layout.tells_page()
            || (self.is_keyed && self.layout.may_hold_neighbours())
    }

    /// What `byte` means here.
    fn step(&self, byte: u8) -> Step {
        if self.state == State::Top && !self.bom.is_multiple_of(BOM.len()) {
            return Step::Lost("the byte order mark is broken");
        }
        self.state.step(byte, &self.name, self.is_error_key)
    }

    /// Takes a whole token that is no record.
    fn take(&mut self, role: Role, bytes: &[u8], start: Position) {
        let limits = Limits { max_depth: self.options.max_depth };
        if let Err(fault) = check(bytes, &limits) {
            let at = Position { byte: start.byte + fault.offset as u64, ..start };
            let what = match fault.reason {
                RejectReason::TooDeep => {
                    "a part of the envelope nests deeper than its limit (--max-depth)"
                }
                _ if fault.what == FOLLOWED => NO_MEMBER_END,
                _ => fault.what,
            };
            self.fail(ErrorKind::Malformed, what, at);
            return;
        }
        match role {
            Role::Name => {
                // A name with a lone surrogate is none that is known.
                self.name = serde_json::from_slice(bytes).unwrap_or_default();
                self.state = State::Colon;
            }
            Role::Value => {
                if self.name == "next_cursor" {
                    self.cursor = Some(start);
                }
                self.page.member(&self.name, bytes);
                if self.is_end_doubtful && is_hidden_record(bytes) {
                    self.fail(ErrorKind::Malformed, HIDDEN, start);
                    return;
                }
                // It was checked.
                self.members.see(&self.name, str::from_utf8(bytes).unwrap_or_default());
                self.state = State::AfterValue;
            }
            Role::Key => {
                self.is_error_key =
                    matches!(bytes, b"\"statusCode\"" | b"\"error\"" | b"\"message\"");
                self.is_keyed = true;
                self.state = State::KeyColon;
            }
            Role::Record(nest) => self.state = State::AfterRecord { nest },
        }
    }

    /// Whether the last record of an object of records is broken, or is not known not to be.
    fn is_last_broken(&mut self) -> bool {
        let limits = Limits { max_depth: self.options.max_depth };
        self.last.take().is_none_or(|last| check(&last, &limits).is_err())
    }

    fn consume(&mut self, len: usize, here: Position) {
        self.chunk.advance(len);
        self.position = here;
    }

    fn fail(&mut self, kind: ErrorKind, what: impl Into<Cow<'static, str>>, at: Position) {
        self.failure = Some(Error::new(kind, what).at(at));
        self.is_lost = true;
    }
}
