//! A scanner of one JSON text: checks the grammar of RFC 8259 and says where each value lies.

use super::text::{self, Text};
use super::{Fault, number};
use crate::reject::RejectReason;

/// Walks over a text that is UTF-8, front to back, once.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    /// How many more levels may be opened.
    depth_left: u16,
}

/// A value that was checked, with its text as it came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value<'a> {
    pub(super) raw: &'a str,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    True,
    False,
    Number,
    Text,
    Array,
    Object,
}

impl<'a> Value<'a> {
    /// The string between the quotes, if it is one.
    #[inline]
    pub(super) fn as_text(self) -> Option<Text<'a>> {
        (self.kind == Kind::Text).then(|| Text::new(&self.raw[1..self.raw.len() - 1]))
    }
}

type Result<T, E = Fault> = std::result::Result<T, E>;

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str, max_depth: u16) -> Self {
        Self { text, at: 0, depth_left: max_depth.min(super::Limits::MAX_DEPTH) }
    }

    /// Offset of the next byte.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Checks that nothing but white space is left.
    pub(super) fn end(&mut self) -> Result<()> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.syntax("something follows the record")),
        }
    }

    /// Checks the next value, whatever it is.
    #[inline]
    pub(super) fn value(&mut self) -> Result<Value<'a>> {
        let first = self.peek();
        let start = self.at;
        let kind = match first {
            Some(b'"') => {
                self.string()?;
                Kind::Text
            }
            Some(b'{') => {
                self.members(|scanner| {
                    scanner.name()?;
                    scanner.value().map(drop)
                })?;
                Kind::Object
            }
            Some(b'[') => {
                self.array(|scanner| scanner.value().map(drop))?;
                Kind::Array
            }
            Some(b'-' | b'0'..=b'9') => {
                self.number()?;
                Kind::Number
            }
            Some(b't') => self.literal("true", Kind::True)?,
            Some(b'f') => self.literal("false", Kind::False)?,
            Some(b'n') => self.literal("null", Kind::Null)?,
            Some(_) => return Err(self.syntax("a value was expected")),
            None => return Err(self.syntax("the record ends where a value was expected")),
        };
        Ok(self.value_since(start, kind))
    }

    /// The value that began at `start` and ends here.
    #[inline]
    pub(super) fn value_since(&self, start: usize, kind: Kind) -> Value<'a> {
        Value { raw: &self.text[start..self.at], kind }
    }

    /// Checks an object, calling `member` before each name; it must take exactly one name with its
    /// colon, and one value.
    #[inline]
    pub(super) fn members(
        &mut self,
        mut member: impl FnMut(&mut Self) -> Result<()>,
    ) -> Result<()> {
        match self.peek() {
            Some(b'{') => self.open()?,
            _ => return Err(self.fault(RejectReason::NotAnObject, "record is not a JSON object")),
        }
        if self.peek() == Some(b'}') {
            self.close();
            return Ok(());
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.syntax("a member name in quotes was expected"));
            }
            member(self)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.close();
                    return Ok(());
                }
                _ => return Err(self.syntax("`,` or `}` was expected")),
            }
        }
    }

    /// Takes a member's name and its colon.
    #[inline]
    pub(super) fn name(&mut self) -> Result<Text<'a>> {
        let name = self.string()?;
        if self.peek() != Some(b':') {
            return Err(self.syntax("`:` was expected"));
        }
        self.at += 1;
        Ok(name)
    }

    /// Checks an array, calling `element` before each element; it must take exactly one value.
    #[inline]
    pub(super) fn array(&mut self, mut element: impl FnMut(&mut Self) -> Result<()>) -> Result<()> {
        self.open()?;
        if self.peek() == Some(b']') {
            self.close();
            return Ok(());
        }
        loop {
            element(self)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.close();
                    return Ok(());
                }
                _ => return Err(self.syntax("`,` or `]` was expected")),
            }
        }
    }

    /// Takes the name of a member if it is exactly `name`, with the colon behind it: the guess that
    /// is right for nearly every member, since records of a source tend to look alike.
    #[inline]
    pub(super) fn guess(&mut self, name: &str) -> bool {
        let rest = &self.text.as_bytes()[self.at..];
        let len = name.len();
        let right = rest.len() > len + 2
            && rest[0] == b'"'
            && rest[len + 1] == b'"'
            && rest[len + 2] == b':'
            && rest[1..=len] == *name.as_bytes();
        if right {
            self.at += len + 3;
        }
        right
    }

    /// The next byte that is not white space, without taking it.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.text.as_bytes().get(self.at)?;
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    /// Takes the string whose opening quote is next.
    #[inline]
    fn string(&mut self) -> Result<Text<'a>> {
        let start = self.at + 1;
        match text::end(self.text.as_bytes(), start) {
            Ok(end) => {
                self.at = end + 1;
                Ok(Text::new(&self.text[start..end]))
            }
            Err((what, at)) => Err(Fault::new(RejectReason::Syntax, what, at)),
        }
    }

    #[inline]
    fn number(&mut self) -> Result<()> {
        match number::end(self.text.as_bytes(), self.at) {
            Ok(end) => {
                self.at = end;
                Ok(())
            }
            Err(at) => {
                self.at = at;
                Err(self.syntax("a digit was expected"))
            }
        }
    }

    #[inline]
    fn literal(&mut self, literal: &'static str, kind: Kind) -> Result<Kind> {
        if !self.text.as_bytes()[self.at..].starts_with(literal.as_bytes()) {
            return Err(self.syntax("a value was expected"));
        }
        self.at += literal.len();
        Ok(kind)
    }

    #[inline]
    fn open(&mut self) -> Result<()> {
        match self.depth_left.checked_sub(1) {
            Some(left) => self.depth_left = left,
            None => return Err(self.fault(RejectReason::TooDeep, "record nests too deep")),
        }
        self.at += 1;
        Ok(())
    }

    #[inline]
    fn close(&mut self) {
        self.depth_left += 1;
        self.at += 1;
    }

    #[cold]
    fn syntax(&self, what: &'static str) -> Fault {
        self.fault(RejectReason::Syntax, what)
    }

    #[cold]
    fn fault(&self, reason: RejectReason, what: &'static str) -> Fault {
        Fault::new(reason, what, self.at)
    }
}
