//! Records in, checked values out.
//!
//! Every byte of every record is checked against RFC 8259 and UTF-8, whether its field is wanted or
//! not. Nothing is written anywhere before the whole record has passed, so a broken record leaves
//! no trace in a batch. Like framing, decoding does no I/O.
//!
//! | what is wanted of a record | by |
//! |---|---|
//! | only whether it is a license, and its `id` | [`identify`], [`CheckedBlock`] |
//! | a row of Arrow columns | `arrow::LicenseBatchBuilder`, with the feature `arrow` |
//! | a value in Rust | serde: [`License`](crate::License), or `frame::JsonRecords` with the feature `stream` |

#[cfg(feature = "arrow")]
pub mod arrow;
mod checked;
#[cfg(test)]
mod conformance;
#[cfg(all(any(test, fuzzing), feature = "arrow"))]
pub(crate) mod differential;
mod fields;
mod json;
mod name;
mod number;
#[cfg(feature = "kafka")]
pub(crate) mod pick;
mod read;
#[cfg(all(test, feature = "arrow"))]
mod rejects;
mod row;
mod strict;
mod text;
mod unexpected;

use std::borrow::Cow;
#[cfg(feature = "stream")]
use std::ops::ControlFlow;

use bytes::Bytes;

use crate::error::{Error, ErrorKind};
use crate::position::Position;
use crate::reject::{Reject, RejectReason};
pub(crate) use checked::{Candidate, Good, Read, Taken, Unfit};
pub use checked::{CheckedBlock, CheckedRecord};
pub(crate) use json::FOLLOWED;
use json::{Kind, Scanner, Value};
pub(crate) use row::{Fit, List, Row, Rows};
pub(crate) use text::{Text, special};
pub use unexpected::Unexpected;

/// Limits of decoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How deep arrays and objects may nest; the record itself is level 1. 128 by default; at most
    /// [`Limits::MAX_DEPTH`].
    pub max_depth: u16,
}

impl Limits {
    /// The upper bound of [`max_depth`](Self::max_depth).
    pub const MAX_DEPTH: u16 = 1024;
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_depth: 128 }
    }
}

/// What is wrong with a record, and where in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The class of the fault.
    pub reason: RejectReason,
    /// What is wrong; never the record's content.
    pub what: &'static str,
    /// Bytes between the record's first byte and the fault.
    pub offset: usize,
}

impl Fault {
    pub(crate) fn new(reason: RejectReason, what: &'static str, offset: usize) -> Self {
        Self { reason, what, offset }
    }

    fn message(&self) -> String {
        match self.reason {
            RejectReason::MissingId | RejectReason::NotAnObject | RejectReason::UnexpectedType => {
                self.what.to_owned()
            }
            _ => format!("{}, {} bytes into the record", self.what, self.offset),
        }
    }

    /// The error about the record that stands at `position`.
    pub fn into_error(self, position: Position) -> Error {
        Error::new(ErrorKind::Record(self.reason), self.message()).at(position)
    }

    /// The dead letter of the record that stands at `position`.
    pub fn into_reject(self, position: Position, bytes: Bytes) -> Reject {
        Reject { position, reason: self.reason, message: self.message(), bytes: Some(bytes) }
    }
}

/// Checks a whole record and answers its `id`: what a consumer needs that passes the bytes on.
///
/// If `id` is repeated, the last one counts, as for every field.
///
/// ```
/// use license_stream::RejectReason;
/// use license_stream::decode::{Limits, identify};
///
/// let limits = Limits::default();
/// let id = identify(br#"{"name":"Team","id":"\u0061"}"#, &limits);
/// assert_eq!(id.as_deref(), Ok("a"));
///
/// let fault = identify(br#"{"id":"a","name":Team}"#, &limits).unwrap_err();
/// assert_eq!((fault.reason, fault.offset), (RejectReason::Syntax, 17));
/// ```
///
/// # Errors
/// A [`Fault`] where the record is not JSON, nests too deep, is no object, or has no `id` that is a
/// string of at least one character.
pub fn identify<'a>(record: &'a [u8], limits: &Limits) -> Result<Cow<'a, str>, Fault> {
    identify_in(utf8(record)?, record.len(), limits)
}

/// [`identify`] for the first `len` bytes of `text`.
fn identify_in<'a>(text: &'a str, len: usize, limits: &Limits) -> Result<Cow<'a, str>, Fault> {
    let mut id = None;
    Scanner::record(text, len, limits, |scanner, depth| {
        id = None;
        scanner.members(0, depth, |at, depth| {
            let (at, is_id) = scanner.is_name(at, "id")?;
            if is_id {
                let (at, value) = scanner.value(at, depth)?;
                id = Some(value);
                Ok(at)
            } else {
                scanner.skip(at, depth)
            }
        })
    })?;
    usable_id(id)
}

/// Checks any JSON text.
pub(crate) fn check(text: &[u8], limits: &Limits) -> Result<(), Fault> {
    Scanner::check(utf8(text)?, limits)
}

/// How far [`top_level`] came.
#[cfg(feature = "stream")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TopLevel {
    /// The object is all of the record.
    Whole,
    /// Behind so many bytes it is broken, or breaks off, or no more was wanted.
    Until(
        #[cfg_attr(
            not(feature = "pipeline"),
            allow(dead_code, reason = "only a pipeline looks on")
        )]
        usize,
    ),
}

/// Calls `member` with name and value of each member of the object that `record` is, one after the other
/// and without keeping any; of a broken one with those before it breaks. A name that is no text is empty.
#[cfg(feature = "stream")]
pub(crate) fn top_level(
    record: &[u8],
    mut member: impl FnMut(&str, &str) -> ControlFlow<()>,
) -> TopLevel {
    let (text, is_text) = match std::str::from_utf8(record) {
        Ok(text) => (text, true),
        Err(error) => {
            (std::str::from_utf8(&record[..error.valid_up_to()]).unwrap_or_default(), false)
        }
    };
    let read = Scanner::top_level(text, |name, value| {
        member(&name.decode().unwrap_or_default(), value.raw())
    });
    match read {
        Ok(()) if is_text => TopLevel::Whole,
        Ok(()) => TopLevel::Until(text.len()),
        Err(end) => TopLevel::Until(end),
    }
}

fn usable_id(value: Option<Value<'_>>) -> Result<Cow<'_, str>, Fault> {
    let Some(value) = value.filter(|value| value.kind() != Kind::Null) else {
        return Err(missing_id("field `id` is missing or null"));
    };
    let Some(text) = value.as_text() else { return Err(missing_id("field `id` is not a string")) };
    match text.decode() {
        Some(id) if id.is_empty() => Err(missing_id("field `id` is empty")),
        Some(id) => Ok(id),
        None => Err(missing_id("field `id` has a lone surrogate, which is no character")),
    }
}

fn missing_id(what: &'static str) -> Fault {
    Fault::new(RejectReason::MissingId, what, 0)
}

/// The bytes of a block as text, if they are. One pass over all of them costs less than one a record; a
/// block is only then not UTF-8 when one of its records is not, and that one must be found.
fn block_text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

fn utf8(record: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(record)
        .map_err(|error| Fault::new(RejectReason::Utf8, "bytes are not UTF-8", error.valid_up_to()))
}
