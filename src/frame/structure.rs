//! Finds the end of a JSON value without reading it: only quotes and brackets count.
//!
//! Sixty-four bytes are looked at together. Each becomes one bit in a mask a kind of byte, and what
//! is inside a string is masked away. As long as a step holds fewer closing brackets than are open,
//! the value cannot end in it, and counting bits is all that is done.

use crate::simd::{self, LANE};

/// How the end of a value or a name is found; carried from chunk to chunk.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scan {
    /// An array or an object.
    Brackets(Structure),
    /// A string.
    Text {
        /// Whether its opening quote was passed.
        open: bool,
        /// Whether the next byte is escaped.
        escaped: bool,
    },
    /// A number or a word: up to the next byte that can be no part of it.
    Word,
}

impl Scan {
    /// For what begins with `first`.
    pub(super) fn of(first: u8) -> Self {
        match first {
            b'{' | b'[' => Self::Brackets(Structure::default()),
            b'"' => Self::Text { open: false, escaped: false },
            _ => Self::Word,
        }
    }

    /// Looks on from the beginning of `bytes`; answers how many of them it takes, or `None` if it
    /// takes them all and perhaps more.
    #[inline]
    pub(super) fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        match self {
            Self::Brackets(structure) => structure.end(bytes),
            Self::Text { open, escaped } => {
                for (at, byte) in bytes.iter().enumerate() {
                    match byte {
                        _ if *escaped => *escaped = false,
                        b'\\' => *escaped = true,
                        b'"' if *open => return Some(at + 1),
                        b'"' => *open = true,
                        _ => {}
                    }
                }
                None
            }
            Self::Word => bytes
                .iter()
                .position(|byte| matches!(byte, b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t')),
        }
    }
}

/// Where a value stands in the course of finding its end; carried from chunk to chunk.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Structure {
    depth: u64,
    in_string: bool,
    /// Whether the next byte is escaped.
    escaped: bool,
}

const STEP: usize = 64;

impl Structure {
    /// Looks on from the beginning of `bytes`; answers how many of them the value takes, or `None`
    /// if it takes them all and more. The first byte of the value must be a bracket.
    #[inline]
    pub(super) fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut steps = bytes.chunks_exact(STEP);
        let mut at = 0;
        for step in &mut steps {
            if let Some(step) = step.first_chunk()
                && let Some(end) = self.step(step, STEP)
            {
                return Some(at + end);
            }
            at += STEP;
        }
        let rest = steps.remainder();
        // Spaces stand for nothing.
        let mut padded = [b' '; STEP];
        padded[..rest.len()].copy_from_slice(rest);
        self.step(&padded, rest.len()).map(|end| at + end)
    }

    #[inline]
    fn step(&mut self, step: &[u8; STEP], len: usize) -> Option<usize> {
        let masks = Masks::of(step);
        let escaped = self.escaped_bytes(masks.backslash, len);
        let quotes = masks.quote & !escaped;
        let carried = if self.in_string { u64::MAX } else { 0 };
        let inside = prefix_xor(quotes) ^ carried;
        self.in_string = inside >> (STEP - 1) != 0;
        let (open, close) = (masks.open & !inside, masks.close & !inside);
        if u64::from(close.count_ones()) < self.depth {
            self.depth += u64::from(open.count_ones());
            self.depth -= u64::from(close.count_ones());
            return None;
        }
        let mut brackets = open | close;
        while brackets != 0 {
            let at = brackets.trailing_zeros();
            brackets &= brackets - 1;
            if close >> at & 1 == 0 {
                self.depth += 1;
            } else {
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 0 {
                    return Some(at as usize + 1);
                }
            }
        }
        None
    }

    /// The bytes behind a backslash that is not itself escaped. Of a step that was filled up, only
    /// the first `len` bytes are there.
    #[inline]
    fn escaped_bytes(&mut self, mut backslashes: u64, len: usize) -> u64 {
        let mut escaped = u64::from(self.escaped && len > 0);
        if len > 0 {
            self.escaped = false;
        }
        backslashes &= !escaped;
        while backslashes != 0 {
            let at = backslashes.trailing_zeros() as usize;
            if at + 1 == len {
                self.escaped = true;
                break;
            }
            escaped |= 2 << at;
            backslashes &= !(3 << at);
        }
        escaped
    }
}

/// One bit for each byte of a step, the first byte lowest.
struct Masks {
    quote: u64,
    backslash: u64,
    /// `{` and `[`.
    open: u64,
    /// `}` and `]`.
    close: u64,
}

impl Masks {
    #[inline]
    fn of(step: &[u8; STEP]) -> Self {
        let mut masks = Self { quote: 0, backslash: 0, open: 0, close: 0 };
        let (lanes, _) = step.as_chunks::<LANE>();
        for (index, lane) in lanes.iter().enumerate() {
            let found = simd::structure(lane);
            let shift = index * LANE;
            masks.quote |= u64::from(found.quote) << shift;
            masks.backslash |= u64::from(found.backslash) << shift;
            masks.open |= u64::from(found.open) << shift;
            masks.close |= u64::from(found.close) << shift;
        }
        masks
    }
}

/// Bit `n` of the answer is the parity of the bits up to and with `n`: set from each opening quote to
/// before its closing one.
#[inline]
fn prefix_xor(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// One byte at a time.
    fn oracle(bytes: &[u8]) -> Option<usize> {
        let (mut depth, mut in_string, mut escaped) = (0_u32, false, false);
        for (at, byte) in bytes.iter().enumerate() {
            if std::mem::take(&mut escaped) {
                // An escaped bracket outside of a string still is one.
                if *byte == b'"' || *byte == b'\\' {
                    continue;
                }
            }
            match byte {
                b'\\' => escaped = true,
                b'"' => in_string = !in_string,
                b'{' | b'[' if !in_string => depth += 1,
                b'}' | b']' if !in_string => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return Some(at + 1);
                    }
                }
                _ => {}
            }
        }
        None
    }

    fn in_chunks(bytes: &[u8], size: usize) -> Option<usize> {
        let mut structure = Structure::default();
        let mut before = 0;
        for chunk in bytes.chunks(size) {
            if let Some(end) = structure.end(chunk) {
                return Some(before + end);
            }
            before += chunk.len();
        }
        None
    }

    proptest! {
        #[test]
        fn finds_the_end_that_a_byte_by_byte_reader_finds(
            tail in proptest::collection::vec(
                prop_oneof![Just(b'"'), Just(b'\\'), Just(b'{'), Just(b'}'), Just(b'['),
                    Just(b']'), Just(b'x'), any::<u8>()],
                0..300,
            ),
            size in 1..200_usize,
        ) {
            let bytes = [b"{", &tail[..]].concat();
            prop_assert_eq!(in_chunks(&bytes, size), oracle(&bytes));
        }
    }
}
