//! A scanner of one JSON text: checks the grammar of RFC 8259 and says where each value lies.
//!
//! Where it is goes from call to call as a number, so that it can stay in a register.

mod tokens;

use std::cell::Cell;
#[cfg(feature = "stream")]
use std::ops::ControlFlow;

use super::name::Head;
use super::text::{self, Text};
use super::{Fault, Limits, number};
use crate::reject::RejectReason;
use crate::simd;

/// Walks over a text that is UTF-8, front to back, once.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    text: &'a str,
    /// The bytes of `text`, as far as they may be looked at.
    bytes: &'a [u8],
    /// How many more levels may be opened beyond those that are walked over by recursion.
    beyond: Depth,
    /// Whether there was an escape in it.
    is_escaped: Cell<bool>,
    fault: Cell<Option<Fault>>,
}

/// How many more levels may be opened by recursion, each of which takes room on the stack.
pub(super) type Depth = u16;

/// So many levels are: more than licenses have. Those beyond are walked over in a loop.
const MAX_RECURSION: Depth = 16;

/// The text is broken: [`Scanner`] holds how. It is kept there and not here, so that a result fits
/// into registers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Broken;

/// A value that was checked, with its text as it came: only here are any made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value<'a> {
    raw: &'a str,
    kind: Kind,
}

/// One byte, so that a value is moved in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    Null,
    True,
    False,
    Number,
    /// A string without escapes.
    Text,
    /// A string with escapes.
    EscapedText,
    Array,
    Object,
}

/// What is wrong with a text that has more than one value.
pub(crate) const FOLLOWED: &str = "something follows the record";

const NO_NAME: &str = "a member name in quotes was expected";

/// How far beyond a record may be looked, if there is something.
pub(super) const MARGIN: usize = 24;

impl<'a> Value<'a> {
    pub(super) const NULL: Self = Self { raw: "null", kind: Kind::Null };

    /// What begins as an object does. It was not checked: [`Scanner::each_member`] says whether it is one.
    #[cfg(feature = "arrow")]
    pub(super) fn object(raw: &'a str) -> Option<Self> {
        raw.starts_with('{').then_some(Self { raw, kind: Kind::Object })
    }

    /// Its text as it came.
    #[inline]
    pub(super) fn raw(self) -> &'a str {
        self.raw
    }

    /// What it is.
    #[inline]
    pub(super) fn kind(self) -> Kind {
        self.kind
    }

    /// The string between the quotes, if it is one.
    #[inline]
    pub(super) fn as_text(self) -> Option<Text<'a>> {
        match self.kind {
            Kind::Text | Kind::EscapedText => {
                let is_escaped = self.kind == Kind::EscapedText;
                // SAFETY: a value of either kind is made by `Scanner::value` alone, of a text whose first byte
                // and whose last are its two quotes.
                #[expect(unsafe_code, reason = "not to look for the quotes again")]
                let text = unsafe { self.raw.get_unchecked(1..self.raw.len() - 1) };
                Some(Text::new(text, is_escaped))
            }
            _ => None,
        }
    }
}

type Result<T, E = Broken> = std::result::Result<T, E>;

impl<'a> Scanner<'a> {
    /// Checks the record that is the first `len` bytes of `text`. `read` answers where it ended, and
    /// may be called again to begin anew.
    #[inline]
    pub(super) fn record(
        text: &'a str,
        len: usize,
        limits: &Limits,
        mut read: impl FnMut(&Self, Depth) -> Result<usize>,
    ) -> Result<(), Fault> {
        // What is behind the record may be looked at, so that its last bytes too can be compared many
        // at a time. If the record is found to end where it does, nothing behind was part of it.
        let bytes = &text.as_bytes()[..text.len().min(len + MARGIN)];
        let (scanner, depth) = Self::of(text, bytes, limits.max_depth);
        match read(&scanner, depth) {
            Ok(end) if end == len => Ok(()),
            _ => Self::whole(&text[..len], limits, &mut read),
        }
    }

    /// Checks a whole text of any kind.
    pub(super) fn check(text: &'a str, limits: &Limits) -> Result<(), Fault> {
        Self::whole(text, limits, &mut |scanner, depth| scanner.skip(0, depth))
    }

    /// A scanner of `bytes`, which `text` begins with, and what of `max_depth` is for recursion.
    #[inline]
    fn of(text: &'a str, bytes: &'a [u8], max_depth: u16) -> (Self, Depth) {
        let max_depth = max_depth.min(Limits::MAX_DEPTH);
        let depth = max_depth.min(MAX_RECURSION);
        let (is_escaped, fault) = (Cell::new(false), Cell::new(None));
        (Self { text, bytes, beyond: max_depth - depth, is_escaped, fault }, depth)
    }

    /// Calls `member` with each member of the object that `text` begins with, until it breaks off or is
    /// broken. Answers whether the object is all of the text; otherwise how far it was read.
    #[cfg(feature = "stream")]
    pub(super) fn top_level(
        text: &'a str,
        mut member: impl FnMut(Text<'a>, Value<'a>) -> ControlFlow<()>,
    ) -> Result<(), usize> {
        let (scanner, depth) = Self::of(text, text.as_bytes(), Limits::MAX_DEPTH);
        let mut read = 0;
        let end = scanner.members(0, depth, |at, depth| {
            let (at, name) = scanner.any_name(at)?;
            let (at, value) = scanner.value(at, depth)?;
            read = at;
            if member(name, value).is_break() { Err(Broken) } else { Ok(at) }
        });
        match end {
            Ok(end) if scanner.token(end).0 == text.len() => Ok(()),
            _ => Err(read),
        }
    }

    /// Calls `member` with name and value of each member of the object that `value` is; whether it is one.
    #[cfg(feature = "arrow")]
    pub(super) fn each_member(
        value: Value<'a>,
        mut member: impl FnMut(Text<'a>, Value<'a>),
    ) -> bool {
        let (scanner, depth) = Self::of(value.raw, value.raw.as_bytes(), Limits::MAX_DEPTH);
        let end = scanner.members(0, depth, |at, depth| {
            let (at, name) = scanner.any_name(at)?;
            let (at, value) = scanner.value(at, depth)?;
            member(name, value);
            Ok(at)
        });
        end.is_ok_and(|end| end == value.raw.len())
    }

    /// Calls `element` with each element of the array that `value` is; whether it is one.
    #[cfg(feature = "arrow")]
    pub(super) fn each_element(value: Value<'a>, mut element: impl FnMut(Value<'a>)) -> bool {
        let (scanner, depth) = Self::of(value.raw, value.raw.as_bytes(), Limits::MAX_DEPTH);
        if scanner.token(0).1 != b'[' {
            return false;
        }
        let end = scanner.elements(0, depth, |at, depth| {
            let (at, value) = scanner.value(at, depth)?;
            element(value);
            Ok(at)
        });
        end.is_ok_and(|end| end == value.raw.len())
    }

    /// Checks a whole text with `read`, and that nothing but white space follows.
    #[cold]
    fn whole(
        text: &'a str,
        limits: &Limits,
        read: &mut dyn FnMut(&Self, Depth) -> Result<usize>,
    ) -> Result<(), Fault> {
        let (scanner, depth) = Self::of(text, text.as_bytes(), limits.max_depth);
        let read = read(&scanner, depth).and_then(|end| match scanner.token(end) {
            (at, _) if at == text.len() => Ok(()),
            (at, _) => Err(scanner.syntax(FOLLOWED, at)),
        });
        read.map_err(|Broken| {
            let unknown = Fault::new(RejectReason::Syntax, "the record is broken", 0);
            scanner.fault.take().unwrap_or(unknown)
        })
    }

    /// Whether there was an escape in any string so far.
    pub(super) fn is_escaped(&self) -> bool {
        self.is_escaped.get()
    }

    /// Checks the next value, whatever it is.
    #[inline(always)]
    pub(super) fn value(&self, at: usize, depth: Depth) -> Result<(usize, Value<'a>)> {
        let (start, first) = self.token(at);
        let (end, kind) = match first {
            b'"' => {
                let (end, is_escaped) = self.string(start)?;
                (end, if is_escaped { Kind::EscapedText } else { Kind::Text })
            }
            b'-' | b'0'..=b'9' => (self.number(start)?, Kind::Number),
            b'{' => (self.skip_object(start, depth)?, Kind::Object),
            b'[' => (self.skip_array(start, depth)?, Kind::Array),
            b't' => (self.literal(start, "true")?, Kind::True),
            b'f' => (self.literal(start, "false")?, Kind::False),
            _ => (self.literal(start, "null")?, Kind::Null),
        };
        debug_assert!(self.text.get(start..end).is_some_and(|raw| !raw.is_empty()));
        // SAFETY: the value's first byte is the one at `start`, and its last the one before `end`. Both were just
        // compared with characters of ASCII, so they lie in the text, and each place between two characters.
        #[expect(unsafe_code, reason = "not to compare both again, for every value")]
        let raw = unsafe { self.text.get_unchecked(start..end) };
        Ok((end, Value { raw, kind }))
    }

    /// Checks the next value, and answers where it ends.
    #[inline(always)]
    pub(super) fn skip(&self, at: usize, depth: Depth) -> Result<usize> {
        let (start, first) = self.token(at);
        match first {
            b'"' => Ok(self.string(start)?.0),
            b'-' | b'0'..=b'9' => self.number(start),
            b'{' => self.skip_object(start, depth),
            b'[' => self.skip_array(start, depth),
            b't' => self.literal(start, "true"),
            b'f' => self.literal(start, "false"),
            _ => self.literal(start, "null"),
        }
    }

    #[inline(never)]
    fn skip_object(&self, at: usize, depth: Depth) -> Result<usize> {
        if depth == 0 {
            return self.skip_deep(at);
        }
        self.members(at, depth, |at, depth| {
            let end = text::special(self.bytes, at + 1);
            let at = if self.pair(end) == Some(*b"\":") {
                end + 2
            } else {
                self.colon(self.string(at)?.0)?
            };
            self.skip(at, depth)
        })
    }

    #[inline(never)]
    fn skip_array(&self, at: usize, depth: Depth) -> Result<usize> {
        if depth == 0 {
            return self.skip_deep(at);
        }
        self.elements(at, depth, |at, depth| self.skip(at, depth))
    }

    /// Checks an object or an array that lies too deep for recursion.
    #[cold]
    #[inline(never)]
    fn skip_deep(&self, at: usize) -> Result<usize> {
        // What is open: one bit each, set for an object.
        let mut open = [0_u64; Limits::MAX_DEPTH as usize / 64];
        let mut depth = 0_usize;
        let is_object = |open: &[u64], depth: usize| {
            depth.checked_sub(1).is_some_and(|top| open[top / 64] >> (top % 64) & 1 != 0)
        };
        let mut at = at;
        loop {
            // At the beginning of a value.
            let (start, first) = self.token(at);
            at = match first {
                b'{' | b'[' => {
                    self.deeper(start, self.beyond.saturating_sub(depth as Depth))?;
                    let bit = 1 << (depth % 64);
                    open[depth / 64] &= !bit;
                    open[depth / 64] |= if first == b'{' { bit } else { 0 };
                    depth += 1;
                    let (next, byte) = self.token(start + 1);
                    match (first, byte) {
                        (b'{', b'}') | (b'[', b']') => next,
                        (b'{', _) => {
                            at = self.any_member(next, byte)?;
                            continue;
                        }
                        _ => {
                            at = next;
                            continue;
                        }
                    }
                }
                // There is none deeper, so none that is walked over by recursion.
                _ => self.skip(start, 0)?,
            };
            // Behind a value, or at the bracket that closes an empty one.
            loop {
                let (next, byte) = self.token(at);
                at = next + 1;
                match (is_object(&open, depth), byte) {
                    (true, b',') => {
                        let (next, byte) = self.token(at);
                        at = self.any_member(next, byte)?;
                        break;
                    }
                    (false, b',') => break,
                    (true, b'}') | (false, b']') => {
                        depth -= 1;
                        if depth == 0 {
                            return Ok(at);
                        }
                    }
                    (true, _) => return Err(self.syntax("`,` or `}` was expected", next)),
                    (false, _) => return Err(self.syntax("`,` or `]` was expected", next)),
                }
            }
        }
    }

    /// Takes the name that begins with `byte`, and its colon.
    fn any_member(&self, at: usize, byte: u8) -> Result<usize> {
        if byte != b'"' {
            return Err(self.syntax(NO_NAME, at));
        }
        self.colon(self.string(at)?.0)
    }

    /// The text, and what is behind it in its block.
    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    /// The array that [`elements`](Self::elements) checked.
    #[inline]
    pub(super) fn array_between(&self, start: usize, end: usize) -> Value<'a> {
        Value { raw: &self.text[start..end], kind: Kind::Array }
    }

    /// Checks an object, calling `member` at each name; it must take exactly one name with its
    /// colon, and one value.
    #[inline(always)]
    pub(super) fn members(
        &self,
        at: usize,
        depth: Depth,
        mut member: impl FnMut(usize, Depth) -> Result<usize>,
    ) -> Result<usize> {
        let (at, first) = self.token(at);
        if first != b'{' {
            return Err(self.no_object(at, depth));
        }
        let depth = self.deeper(at, depth)?;
        let (mut at, mut byte) = self.token(at + 1);
        if byte == b'}' {
            return Ok(at + 1);
        }
        loop {
            if byte != b'"' {
                return Err(self.syntax(NO_NAME, at));
            }
            at = member(at, depth)?;
            if self.pair(at) == Some(*b",\"") {
                at += 1;
                continue;
            }
            (at, byte) = self.token(at);
            match byte {
                b',' => (at, byte) = self.token(at + 1),
                b'}' => return Ok(at + 1),
                _ => return Err(self.syntax("`,` or `}` was expected", at)),
            }
        }
    }

    /// Checks an array, calling `element` at each element; it must take exactly one value.
    #[inline(always)]
    pub(super) fn elements(
        &self,
        at: usize,
        depth: Depth,
        mut element: impl FnMut(usize, Depth) -> Result<usize>,
    ) -> Result<usize> {
        let depth = self.deeper(at, depth)?;
        let (mut at, mut byte) = self.token(at + 1);
        if byte == b']' {
            return Ok(at + 1);
        }
        loop {
            (at, byte) = self.token(element(at, depth)?);
            match byte {
                b',' => at += 1,
                b']' => return Ok(at + 1),
                _ => return Err(self.syntax("`,` or `]` was expected", at)),
            }
        }
    }

    /// What is wrong with a record that does not begin as an object does.
    #[cold]
    fn no_object(&self, at: usize, depth: Depth) -> Broken {
        // It may not even be JSON.
        match self.skip(at, depth).map(|end| self.token(end).0) {
            Err(broken) => broken,
            Ok(end) if end < self.bytes.len() => self.syntax(FOLLOWED, end),
            Ok(_) => self.broken(RejectReason::NotAnObject, "record is not a JSON object", at),
        }
    }

    #[inline(always)]
    fn deeper(&self, at: usize, depth: Depth) -> Result<Depth> {
        depth.checked_sub(1).ok_or_else(|| {
            self.broken(
                RejectReason::TooDeep,
                "record nests deeper than its limit (--max-depth)",
                at,
            )
        })
    }

    #[cold]
    #[inline(never)]
    fn syntax(&self, what: &'static str, at: usize) -> Broken {
        self.broken(RejectReason::Syntax, what, at)
    }

    #[cold]
    #[inline(never)]
    fn broken(&self, reason: RejectReason, what: &'static str, at: usize) -> Broken {
        self.fault.set(Some(Fault::new(reason, what, at)));
        Broken
    }
}
