//! Records that could not be delivered as licenses, and what is kept of them.

use std::fmt;

use bytes::Bytes;

use crate::error::{Error, ErrorKind};
use crate::position::Position;

/// Why a record is not a license.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum RejectReason {
    /// The bytes are not JSON (RFC 8259).
    Syntax,
    /// The bytes are not UTF-8.
    Utf8,
    /// The record is longer than the limit; its bytes were not kept.
    TooLong,
    /// The record nests deeper than the limit.
    TooDeep,
    /// JSON, but not an object.
    NotAnObject,
    /// An object without an `id` that is a string of at least one character.
    MissingId,
    /// A value has a type that the reader does not accept.
    UnexpectedType,
    /// A license that is larger than the destination takes.
    TooLarge,
    /// A license of which no key or no topic can be made, as a field for it is missing.
    Unroutable,
}

impl RejectReason {
    /// Every reason there is, in the order of severity a summary lists them.
    pub const ALL: [Self; 9] = [
        Self::Syntax,
        Self::Utf8,
        Self::TooLong,
        Self::TooDeep,
        Self::NotAnObject,
        Self::MissingId,
        Self::UnexpectedType,
        Self::TooLarge,
        Self::Unroutable,
    ];

    /// The name that dead letters and summaries use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Syntax => "syntax",
            Self::Utf8 => "utf8",
            Self::TooLong => "too_long",
            Self::TooDeep => "too_deep",
            Self::NotAnObject => "not_an_object",
            Self::MissingId => "missing_id",
            Self::UnexpectedType => "unexpected_type",
            Self::TooLarge => "too_large",
            Self::Unroutable => "unroutable",
        }
    }
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A record that is not a license: where it stood, why, and its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Where the record's first byte stands in the body.
    pub position: Position,
    /// Why it was rejected.
    pub reason: RejectReason,
    /// What is wrong with it and where in it; never its content.
    pub message: String,
    /// The record as it came; `None` where it was too long to keep.
    pub bytes: Option<Bytes>,
}

impl From<Reject> for Error {
    fn from(reject: Reject) -> Self {
        Self::new(ErrorKind::Record(reject.reason), reject.message).at(reject.position)
    }
}
