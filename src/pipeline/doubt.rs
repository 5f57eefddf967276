//! Bodies that may be no listings at all.
//!
//! Any text is lines. So an answer of something else, such as `{"message":"Unauthorized"}` or a page of
//! HTML, would be a listing of which every record is rejected, and complete where rejects are skipped.

use std::ops::ControlFlow;

use memchr::memmem;

use crate::decode::{self, TopLevel};
use crate::error::{Error, ErrorKind};
use crate::frame::{Asides, PageReader, RawRecord};
use crate::position::Position;

/// A body that begins as no listing does. It is one all the same if a license is in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Doubt {
    /// Where its first record begins: no other body has that.
    at: Position,
    is_html: bool,
}

impl Doubt {
    /// The doubt that the first record of a body raises, if it does.
    pub(super) fn of(first: RawRecord<'_>) -> Option<Self> {
        let bytes = first.bytes;
        let doubt = Self { at: first.position, is_html: bytes.starts_with(b"<") };
        (!bytes.starts_with(b"{") || !may_be_of_listing(bytes)).then_some(doubt)
    }

    pub(super) fn is_of_same_body(self, other: Option<Self>) -> bool {
        other.is_some_and(|other| other.at == self.at)
    }

    pub(super) fn is_html(self) -> bool {
        self.is_html
    }

    pub(super) fn error(self) -> Error {
        let message = if self.is_html {
            "the body is no listing of licenses: it looks like HTML, so the base URL may be wrong, or a \
             proxy answers"
        } else {
            "the body is no listing of licenses: there is none in it, and it begins with something else"
        };
        Error::new(ErrorKind::Malformed, message).at(self.at)
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
        TopLevel::Whole => PageReader::default().aside(object, Asides::All).is_some(),
        TopLevel::Until(_) => memmem::find(object, b"\"id\"").is_some(),
    }
}
