//! What a text is made of: names, strings, numbers, words and punctuation.

use super::{Head, Result, Scanner, Text, number, simd, text};

impl<'a> Scanner<'a> {
    /// Takes a member's name and its colon; a name that is no text breaks the record.
    #[inline]
    pub(in crate::decode) fn name(&self, at: usize) -> Result<(usize, Text<'a>)> {
        let (end, name) = self.any_name(at)?;
        if name.is_decodable() {
            Ok((end, name))
        } else {
            let what = "a member name has a lone surrogate, which is no character";
            Err(self.syntax(what, end))
        }
    }

    /// Takes a member's name and its colon, and answers only whether it is `name`.
    #[inline(always)]
    pub(in crate::decode) fn is_name(&self, at: usize, name: &str) -> Result<(usize, bool)> {
        let (end, is_escaped) = self.string(at)?;
        if is_escaped {
            return self.name(at).map(|(end, text)| (end, text.is(name)));
        }
        Ok((self.colon(end)?, self.bytes[at + 1..end - 1] == *name.as_bytes()))
    }

    /// Takes a member's name and its colon, also where a lone surrogate keeps it from being text.
    #[inline]
    pub(in crate::decode) fn any_name(&self, at: usize) -> Result<(usize, Text<'a>)> {
        let (end, is_escaped) = self.string(at)?;
        let name = Text::new(&self.text[at + 1..end - 1], is_escaped);
        Ok((self.colon(end)?, name))
    }

    #[inline(always)]
    pub(super) fn colon(&self, at: usize) -> Result<usize> {
        match self.token(at) {
            (at, b':') => Ok(at + 1),
            (at, _) => Err(self.syntax("`:` was expected", at)),
        }
    }

    /// The bytes at `at` to compare names with; there is none near the end of a text.
    #[inline(always)]
    pub(in crate::decode) fn head(&self, at: usize) -> Option<Head> {
        simd::window(self.bytes, at).map(Head::of)
    }

    /// The two bytes at `at`: most often those that punctuation without white space has.
    #[inline(always)]
    pub(super) fn pair(&self, at: usize) -> Option<[u8; 2]> {
        self.bytes.get(at..)?.first_chunk().copied()
    }

    /// The next byte that is not white space, and where it is. At the end of the text it is a NUL,
    /// with which nothing begins.
    #[inline(always)]
    pub(in crate::decode) fn token(&self, at: usize) -> (usize, u8) {
        match self.bytes.get(at) {
            Some(byte) if *byte > b' ' => (at, *byte),
            _ => self.token_behind_blanks(at),
        }
    }

    #[inline(never)]
    fn token_behind_blanks(&self, mut at: usize) -> (usize, u8) {
        loop {
            match self.bytes.get(at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => at += 1,
                byte => return (at, byte.copied().unwrap_or_default()),
            }
        }
    }

    /// Where the string ends whose opening quote is at `at`; whether it has escapes.
    #[inline(always)]
    pub(super) fn string(&self, at: usize) -> Result<(usize, bool)> {
        let end = text::special(self.bytes, at + 1);
        match self.bytes.get(end) {
            Some(b'"') => Ok((end + 1, false)),
            _ => Ok((self.escaped_string(end)?, true)),
        }
    }

    #[inline(never)]
    fn escaped_string(&self, at: usize) -> Result<usize> {
        self.is_escaped.set(true);
        match text::escaped_end(self.bytes, at) {
            Ok(end) => Ok(end + 1),
            Err((what, at)) => Err(self.syntax(what, at)),
        }
    }

    #[inline(always)]
    pub(super) fn number(&self, at: usize) -> Result<usize> {
        number::end(self.bytes, at).map_err(|at| self.syntax("a digit was expected", at))
    }

    #[inline(always)]
    pub(super) fn literal(&self, at: usize, literal: &'static str) -> Result<usize> {
        if self.bytes.get(at..at + literal.len()) == Some(literal.as_bytes()) {
            return Ok(at + literal.len());
        }
        Err(self.syntax(
            if at < self.bytes.len() {
                "a value was expected"
            } else {
                "the record ends where a value was expected"
            },
            at,
        ))
    }
}
