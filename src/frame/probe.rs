//! Tells the shape of a body from its first bytes.

use bytes::{Bytes, BytesMut};

use super::Shape;
use super::blanks::{BOM, is_blank};
use super::page::is_of_page;
use super::structure::Scan;

/// Reads the beginning of a body until it tells the shape: at the latest until the end of its first
/// object, which is that of the first license where there is one a line. It holds what it has read, unless
/// the first chunk tells.
#[derive(Debug)]
pub(super) struct Probe {
    prefix: BytesMut,
    at: usize,
    state: State,
    /// The members that were seen and tell nothing alone.
    has_id: bool,
    has_result: bool,
    has_page: bool,
    /// A first object that does not tell within this many bytes is a line.
    max_bytes: usize,
}

/// What is read at least, however small records are said to be.
pub(super) const MIN_BYTES: usize = 64 << 10;

#[derive(Debug)]
enum State {
    Start,
    /// In the first object, before a name or its end.
    Name,
    /// In a name that begins at `start`.
    InName {
        start: usize,
        scan: Scan,
    },
    /// Behind a name; whether it is one under which an envelope has its records.
    Colon {
        is_result: bool,
    },
    Value {
        is_result: bool,
    },
    /// In the result, a list that begins at `start`, before its first record or its end.
    List {
        start: usize,
    },
    InValue {
        scan: Scan,
    },
    AfterValue,
}

impl Probe {
    /// Reads at most as much as a record may take, or `min_bytes` where that is more.
    pub(super) fn new(max_record_bytes: usize, min_bytes: usize) -> Self {
        Self {
            prefix: BytesMut::new(),
            at: 0,
            state: State::Start,
            has_id: false,
            has_result: false,
            has_page: false,
            max_bytes: max_record_bytes.max(min_bytes),
        }
    }

    /// Takes more of the body; answers its shape, and all of the body so far, once that can be told.
    pub(super) fn push(&mut self, chunk: Bytes) -> Option<(Shape, Bytes)> {
        if self.prefix.is_empty()
            && let Some(shape) = self.decide(&chunk)
        {
            return Some((shape, chunk));
        }
        let mut prefix = std::mem::take(&mut self.prefix);
        prefix.extend_from_slice(&chunk);
        match self.decide(&prefix) {
            Some(shape) => Some((shape, prefix.freeze())),
            None => {
                self.prefix = prefix;
                None
            }
        }
    }

    /// All of the body so far.
    pub(super) fn into_prefix(self) -> Bytes {
        self.prefix.freeze()
    }

    /// Reads on in `body`, which begins with all that was read before. No more of it is looked at than the
    /// limit, however much has come: so what is decided does not depend on how the body is chunked.
    fn decide(&mut self, body: &[u8]) -> Option<Shape> {
        let told = self.tell(&body[..body.len().min(self.max_bytes)]);
        told.or((body.len() >= self.max_bytes).then_some(Shape::Lines))
    }

    fn tell(&mut self, body: &[u8]) -> Option<Shape> {
        if self.at == 0 {
            if body.starts_with(BOM) {
                self.at = BOM.len();
            } else if BOM.starts_with(body) {
                return None;
            }
        }
        loop {
            // A token goes on at once; before any other, white space is passed.
            match &mut self.state {
                State::InName { start, scan } => {
                    let len = scan.end(&body[self.at..]);
                    let Some(len) = len else {
                        self.at = body.len();
                        return None;
                    };
                    self.at += len;
                    // One that is no text is none that is looked for, and its place is told by who reads on.
                    let name = serde_json::from_slice::<String>(&body[*start..self.at]);
                    let name = name.unwrap_or_default();
                    let is_result = matches!(name.as_str(), "result" | "results");
                    self.has_page |= is_of_page(&name);
                    // A license may have a field `result` of its own, and an envelope an `id`, that of a
                    // request.
                    self.has_id |= name == "id";
                    if self.has_id && self.has_result && self.has_page {
                        return Some(Shape::Envelope);
                    }
                    self.state = State::Colon { is_result };
                    continue;
                }
                State::InValue { scan } => {
                    let Some(len) = scan.end(&body[self.at..]) else {
                        self.at = body.len();
                        return None;
                    };
                    self.at += len;
                    self.state = State::AfterValue;
                    continue;
                }
                _ => {}
            }
            let byte = *body.get(self.at)?;
            if is_blank(byte) {
                self.at += 1;
                continue;
            }
            self.state = match (&self.state, byte) {
                (State::Start, b'[') => return Some(Shape::Envelope),
                (State::Start, 0x1e) => return Some(Shape::Sequence),
                (State::Start, b'{') | (State::AfterValue, b',') => State::Name,
                (State::Name, b'"') => {
                    self.state = State::InName { start: self.at, scan: Scan::of(byte) };
                    continue;
                }
                (State::Colon { is_result }, b':') => State::Value { is_result: *is_result },
                (State::Value { is_result: true }, b'[' | b'n') if self.has_id => {
                    if self.has_page {
                        return Some(Shape::Envelope);
                    }
                    self.has_result = true;
                    if byte == b'[' {
                        State::List { start: self.at }
                    } else {
                        self.state = State::InValue { scan: Scan::of(byte) };
                        continue;
                    }
                }
                (State::Value { is_result: true }, b'[' | b'{' | b'n') => {
                    return Some(Shape::Envelope);
                }
                (State::List { start }, b']') => {
                    self.at = *start;
                    self.state = State::InValue { scan: Scan::of(b'[') };
                    continue;
                }
                (State::List { .. }, _) => return Some(Shape::Envelope),
                (State::Value { .. }, b',' | b'}' | b']' | b':') => return Some(Shape::Lines),
                (State::Value { .. }, _) => {
                    self.state = State::InValue { scan: Scan::of(byte) };
                    continue;
                }
                // The end of the object, or no JSON.
                _ => return Some(Shape::Lines),
            };
            self.at += 1;
        }
    }
}
