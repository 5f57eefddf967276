//! The shapes that a stream may take.

use std::fmt;

/// How the simulator wraps the licenses of a body.
///
/// Which of them Truto sends is not published: each is our reading of what it may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SimulatedShape {
    /// One license a line, and a last line `{"next_cursor":…}` where there are pages.
    #[default]
    Lines,
    /// One `{"result":[…],"next_cursor":…}` a line.
    Pages {
        /// Licenses of a line, at least 1.
        records: u64,
    },
    /// One `{"result":[…],"next_cursor":…}`.
    Envelope,
    /// The same over many lines, with spaces, and so are the licenses in it.
    PrettyEnvelope,
    /// One `{"result":{"<id>":{…},…},"next_cursor":…}`, as if `truto_key_by=id` were always asked for.
    KeyedEnvelope,
    /// A bare array. It has no place for a cursor, so all licenses are in one body.
    Array,
    /// A JSON text sequence (RFC 7464). It has no place for a cursor either.
    Sequence,
}

impl SimulatedShape {
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Lines | Self::Pages { .. } => "application/x-ndjson",
            Self::Sequence => "application/json-seq",
            _ => "application/json",
        }
    }

    /// Whether its licenses are in envelopes.
    pub(super) fn has_envelope(self) -> bool {
        !matches!(self, Self::Lines | Self::Array | Self::Sequence)
    }

    /// Whether it has a place for a cursor.
    pub(super) fn has_cursor(self) -> bool {
        self.has_envelope() || self == Self::Lines
    }
}

impl fmt::Display for SimulatedShape {
    /// The name that the command line uses.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lines => "lines",
            Self::Pages { .. } => "pages",
            Self::Envelope => "envelope",
            Self::PrettyEnvelope => "pretty-envelope",
            Self::KeyedEnvelope => "keyed-envelope",
            Self::Array => "array",
            Self::Sequence => "sequence",
        })
    }
}
