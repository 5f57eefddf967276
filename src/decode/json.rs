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
    fault: Option<Fault>,
}

/// The text is broken: [`Scanner::fault`] tells how. It is kept there and not here, so that a result
/// fits into a register.
#[derive(Clone, Copy, Debug)]
pub(super) struct Broken;

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
    /// A string, with or without escapes.
    Text {
        is_escaped: bool,
    },
    Array,
    Object,
}

impl<'a> Value<'a> {
    /// The string between the quotes, if it is one.
    #[inline]
    pub(super) fn as_text(self) -> Option<Text<'a>> {
        match self.kind {
            Kind::Text { is_escaped } => {
                Some(Text::new(&self.raw[1..self.raw.len() - 1], is_escaped))
            }
            _ => None,
        }
    }
}

type Result<T, E = Broken> = std::result::Result<T, E>;

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str, max_depth: u16) -> Self {
        Self { text, at: 0, depth_left: max_depth.min(super::Limits::MAX_DEPTH), fault: None }
    }

    /// Offset of the next byte.
    #[cfg(feature = "arrow")]
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Checks a whole text with `read`, and that nothing but white space follows.
    #[inline]
    pub(super) fn whole(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<()>,
    ) -> Result<(), Fault> {
        let read = read(self).and_then(|()| match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.syntax("something follows the record")),
        });
        read.map_err(|Broken| {
            let unknown = Fault::new(RejectReason::Syntax, "the record is broken", self.at);
            self.fault.take().unwrap_or(unknown)
        })
    }

    /// Checks the next value, whatever it is.
    #[inline]
    pub(super) fn value(&mut self) -> Result<Value<'a>> {
        self.peek();
        let start = self.at;
        let kind = self.skip()?;
        Ok(self.value_since(start, kind))
    }

    /// Checks the next value, and tells only of what kind it is.
    #[inline]
    pub(super) fn skip(&mut self) -> Result<Kind> {
        match self.peek() {
            Some(b'"') => self.string().map(|is_escaped| Kind::Text { is_escaped }),
            Some(b'-' | b'0'..=b'9') => self.number().map(|()| Kind::Number),
            Some(b'{') => self.skip_object(),
            Some(b'[') => self.skip_array(),
            Some(b't') => self.literal("true", Kind::True),
            Some(b'f') => self.literal("false", Kind::False),
            Some(b'n') => self.literal("null", Kind::Null),
            Some(_) => Err(self.syntax("a value was expected")),
            None => Err(self.syntax("the record ends where a value was expected")),
        }
    }

    fn skip_object(&mut self) -> Result<Kind> {
        self.members(|scanner| {
            scanner.string()?;
            scanner.colon()?;
            scanner.skip().map(drop)
        })?;
        Ok(Kind::Object)
    }

    fn skip_array(&mut self) -> Result<Kind> {
        self.array(|scanner| scanner.skip().map(drop))?;
        Ok(Kind::Array)
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
            _ => return Err(self.no_object()),
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

    /// What is wrong with a record that does not begin as an object does.
    #[cold]
    fn no_object(&mut self) -> Broken {
        let start = self.at;
        // It may not even be JSON.
        if let Err(broken) = self.skip() {
            return broken;
        }
        if self.peek().is_some() {
            return self.syntax("something follows the record");
        }
        self.at = start;
        self.broken(RejectReason::NotAnObject, "record is not a JSON object")
    }

    /// Takes a member's name and its colon; a name that is no text breaks the record.
    #[inline]
    pub(super) fn name(&mut self) -> Result<Text<'a>> {
        let name = self.any_name()?;
        if name.is_decodable() {
            Ok(name)
        } else {
            Err(self.syntax("a member name has a lone surrogate, which is no character, before"))
        }
    }

    /// Takes a member's name and its colon, also where a lone surrogate keeps it from being text.
    #[inline]
    pub(super) fn any_name(&mut self) -> Result<Text<'a>> {
        let start = self.at + 1;
        let is_escaped = self.string()?;
        let name = Text::new(&self.text[start..self.at - 1], is_escaped);
        self.colon()?;
        Ok(name)
    }

    #[inline]
    fn colon(&mut self) -> Result<()> {
        if self.peek() != Some(b':') {
            return Err(self.syntax("`:` was expected"));
        }
        self.at += 1;
        Ok(())
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
            if byte > b' ' || !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    /// Takes the string whose opening quote is next; whether it has escapes.
    #[inline]
    fn string(&mut self) -> Result<bool> {
        match text::end(self.text.as_bytes(), self.at + 1) {
            Ok((end, is_escaped)) => {
                self.at = end + 1;
                Ok(is_escaped)
            }
            Err((what, at)) => {
                self.at = at;
                Err(self.syntax(what))
            }
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
            None => return Err(self.broken(RejectReason::TooDeep, "record nests too deep")),
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
    fn syntax(&mut self, what: &'static str) -> Broken {
        self.broken(RejectReason::Syntax, what)
    }

    #[cold]
    fn broken(&mut self, reason: RejectReason, what: &'static str) -> Broken {
        self.fault = Some(Fault::new(reason, what, self.at));
        Broken
    }
}
