//! Where in a body something stands.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A place in a decoded body, absolute over every chunk and block it came in.
///
/// "Decoded" means after the transfer and content encodings are undone: what `curl --compressed`
/// would print. Where one body continues another, as the pages of a run do, it counts on over all of
/// them.
///
/// ```
/// use license_stream::Position;
///
/// let position = Position { byte: 2716, line: 6, record: 5 };
/// assert_eq!(position.to_string(), "byte 2716, line 6, record 5");
/// assert!(Position::START < position);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// Bytes before this place; the first byte of the body is 0.
    pub byte: u64,
    /// Line of this place; the first line is 1. Only a line feed ends a line.
    pub line: u64,
    /// Records before this place; the first record is 0. Broken records count too.
    pub record: u64,
}

impl Position {
    /// The first byte of a body.
    pub const START: Self = Self { byte: 0, line: 1, record: 0 };
}

impl Default for Position {
    fn default() -> Self {
        Self::START
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}, line {}, record {}", self.byte, self.line, self.record)
    }
}

/// A half-open stretch of a body: `start` is the first place in it, `end` the first after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    /// The first place inside.
    pub start: Position,
    /// The first place after.
    pub end: Position,
}

impl Span {
    /// Bytes from start to end.
    pub fn bytes(&self) -> u64 {
        self.end.byte - self.start.byte
    }

    /// Records from start to end, broken ones included.
    pub fn records(&self) -> u64 {
        self.end.record - self.start.record
    }
}
