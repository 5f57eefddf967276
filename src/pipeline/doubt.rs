//! Bodies that may be no listings at all.
//!
//! Any text is lines. So an answer of something else, such as `{"message":"Unauthorized"}` or a page of
//! HTML, would be a listing of which every record is rejected, and complete where rejects are skipped.

use std::ops::ControlFlow;

use memchr::memmem;

use crate::decode::{self, TopLevel};
use crate::error::{Error, ErrorKind};
use crate::frame::{Asides, Block, PageReader};
use crate::position::Position;

/// A body that begins as no listing does. It is one all the same if a license is in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Doubt {
    /// Where its first record begins: no other body has that.
    at: Position,
    looks: Looks,
}

/// What such a body looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Looks {
    Html,
    Utf16,
    /// Dead letters that were cut or that another program wrote anew, so that they were not told.
    Letters,
    Unknown,
}

impl Doubt {
    /// The doubt that the first block of a body raises, if it does.
    pub(super) fn of(block: &Block) -> Option<Self> {
        let first = block.records().next()?;
        let is_object = first.bytes.starts_with(b"{");
        // A letter that is whole is told wherever it stands.
        if is_object && may_be_of_listing(first.bytes) {
            return None;
        }
        // The first may be half a letter, which tells nothing, or too little.
        let looks = if first.bytes.starts_with(b"<") {
            Looks::Html
        } else if is_utf16(first.bytes) {
            Looks::Utf16
        } else if block.records().take(2).any(|record| is_of_letter(record.bytes)) {
            Looks::Letters
        } else {
            Looks::Unknown
        };
        Some(Self { at: first.position, looks })
    }

    pub(super) fn is_of_same_body(self, other: Option<Self>) -> bool {
        other.is_some_and(|other| other.at == self.at)
    }

    /// Whether it is known what the body is, so that this is a better reason than that of its first record.
    pub(super) fn is_told(self) -> bool {
        self.looks != Looks::Unknown
    }

    pub(super) fn error(self) -> Error {
        let why = match self.looks {
            Looks::Html => "it looks like HTML, so the base URL may be wrong, or a proxy answers",
            Looks::Utf16 => {
                "it looks like UTF-16, and JSON is UTF-8: recode it first (iconv -f utf-16 -t utf-8)"
            }
            Looks::Letters => {
                "it looks like dead letters, of which the first is cut or in another form than it was written in, \
                 so say what they are (--shape dead-letters)"
            }
            Looks::Unknown => "there is none in it, and it begins with something else",
        };
        let error = Error::new(ErrorKind::Malformed, "the body is no listing of licenses");
        error.advising(why).at(self.at)
    }
}

/// Whether an object is a license, if a broken one, or what may stand among licenses.
fn may_be_of_listing(object: &[u8]) -> bool {
    let mut has_id = false;
    let top = decode::top_level(object, |name, _| {
        has_id |= name == "id";
        if has_id { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    match top {
        _ if has_id => true,
        TopLevel::Whole => PageReader::default().aside(object, Asides::OfLines).is_some(),
        TopLevel::Until(_) => memmem::find(object, b"\"id\"").is_some(),
    }
}

/// Whether a body begins with the byte order mark of UTF-16, or with a bracket in it.
fn is_utf16(first: &[u8]) -> bool {
    matches!(
        first,
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [b'{' | b'[', 0, ..] | [0, b'{' | b'[', ..]
    )
}

/// Whether a record has the members of a dead letter, or begins as one does.
fn is_of_letter(record: &[u8]) -> bool {
    let has = |name: &[u8]| memmem::find(record, name).is_some();
    let begins = record.starts_with(br#"{"account":"#) || record.starts_with(br#"{"account": "#);
    begins || (has(b"\"reason\"") && has(b"\"byte\"") && has(b"\"record\""))
}
