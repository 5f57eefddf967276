//! The shapes that a stream may take.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde::de::{self, Deserializer};

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

/// Licenses of a line that is a page, if nothing else is said.
const LINE_RECORDS: u64 = 100;

impl FromStr for SimulatedShape {
    type Err = String;

    /// Reads the name that `Display` prints; `pages:7` has 7 licenses a line, `pages` has 100.
    fn from_str(name: &str) -> Result<Self, String> {
        let pages = |records: &str| records.parse().ok().filter(|records| *records > 0);
        Ok(match name {
            "lines" => Self::Lines,
            "pages" => Self::Pages { records: LINE_RECORDS },
            "envelope" => Self::Envelope,
            "pretty-envelope" => Self::PrettyEnvelope,
            "keyed-envelope" => Self::KeyedEnvelope,
            "array" => Self::Array,
            "sequence" => Self::Sequence,
            _ => match name.strip_prefix("pages:").and_then(pages) {
                Some(records) => Self::Pages { records },
                None => {
                    return Err(format!(
                        "no shape is called `{name}`: there are lines, pages, pages:N, envelope, \
                         pretty-envelope, keyed-envelope, array and sequence"
                    ));
                }
            },
        })
    }
}

impl<'de> Deserialize<'de> for SimulatedShape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
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
