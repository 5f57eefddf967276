//! Records that cannot be read, or not whole: whether they can be nothing but one license.

use std::ops::ControlFlow;

use memchr::memmem;

use super::Members;
use crate::decode::{self, TopLevel};
use crate::error::{Error, ErrorKind};
use crate::frame::blanks::{BOM, is_blank, trimmed};
use crate::frame::outline::{closes, has_text_id};
use crate::reject::RejectReason;

/// Whether a record that is broken may have been, or may have held, a line about the page, an envelope or
/// an error of the API: then it is not known whether licenses are missing.
///
/// Where its quotes and brackets pair up, an `id` at its top level makes a license of it, and its members
/// are told apart as far as they can be read. Where they do not, what stands in it is not known, so that
/// any name tells that no license has.
pub(crate) fn may_have_been_aside(record: &[u8]) -> bool {
    let record = trimmed(record.strip_prefix(BOM).unwrap_or(record));
    let closes = closes(record);
    if closes && has_text_id(record.iter().copied()) {
        return false;
    }
    let mut members = Members::default();
    let top = decode::top_level(record, |name, value| {
        members.see(name, value);
        ControlFlow::Continue(())
    });
    let TopLevel::Until(end) = top else { return false };
    let unknown = if closes { &record[end..] } else { record };
    let is_more = !members.has_id && members.is_more_than_record();
    is_more || NAMES.iter().any(|name| has_name(unknown, name))
}

/// Whether a record that is rejected for this could not be read to its end.
pub(crate) fn is_broken(reason: RejectReason) -> bool {
    use RejectReason::{Syntax, TooDeep, Utf8};

    matches!(reason, Syntax | Utf8 | TooDeep)
}

/// In place of the `error` of a record that cannot be passed over, as it may have been more than a record.
pub(crate) fn lost_aside(error: &Error) -> Error {
    let message = format!(
        "{}: there may have been a line about the page or an error of the API in it, so that licenses may be \
         missing behind it",
        error.message()
    );
    let lost = Error::new(ErrorKind::Malformed, message);
    match error.position() {
        Some(position) => lost.at(position),
        None => lost,
    }
}

/// Names that no license has: of a page, of an error of the API, and of an envelope.
const NAMES: [&str; 8] = [
    "next_cursor",
    "prev_cursor",
    "result_count",
    "is_partial_response",
    "statusCode",
    "error",
    "result",
    "results",
];

/// Whether `name` stands in a broken `text` as that of a member, and not as a value or a part of one. Of
/// its quotes, its colon and what is before it one may be missing.
fn has_name(text: &[u8], name: &str) -> bool {
    let is_of_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    memmem::find_iter(text, name).any(|at| {
        let (before, behind) = (&text[..at], &text[at + name.len()..]);
        if before.last().is_some_and(is_of_word) || behind.first().is_some_and(is_of_word) {
            return false;
        }
        let (is_opened, before) = match before.split_last() {
            Some((b'"' | b'\'', before)) => (true, before),
            _ => (false, before),
        };
        let (is_closed, behind) = match behind.split_first() {
            Some((b'"' | b'\'', behind)) => (true, behind),
            _ => (false, behind),
        };
        let before = before.iter().rev().find(|byte| !is_blank(**byte));
        let is_at_start = matches!(before, None | Some(b'{' | b','));
        let has_colon = behind.iter().find(|byte| !is_blank(**byte)) == Some(&b':');
        (is_closed && has_colon) || (is_at_start && (is_opened || has_colon))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_record_may_have_been_more_than_that() {
        for (record, may_have) in [
            (&br#"{"next_cursor":"c",}"#[..], true),
            (br#"{"next_cursor":"c"#, true),
            (b"{\"next_cursor\":\"\xff\"}", true),
            (br#"{"next_cursor":1}x"#, true),
            (br#"x{"next_cursor":1}"#, true),
            (br#"{"statusCode":502,"error":"x""#, true),
            (br#"{"result":[{"id":"b"},{"id":"c",}]}"#, true),
            (br#"{"results":[{"id":"b"},,{"id":"c"}]}"#, true),
            (br#"{"result":[{"id":"b"}]};"#, true),
            (br#"{"result":[{"id":"b"},{"id":"#, true),
            // A name that is itself broken.
            (br#"{"next_cursor:"c1"}"#, true),
            (br#"{next_cursor":"c1"}"#, true),
            (br#"{next_cursor : "c1"}"#, true),
            (br#"{'next_cursor':'c1'}"#, true),
            (br#"{"next_cursor" "c1"}"#, true),
            (br#"{"prev_cursor":null,"is_partial_response"=true}"#, true),
            (br#"{"name":"a","is_partial_response"#, true),
            // Several on one line, or one that was torn with another behind it.
            (br#"{"id":"a"}{"next_cursor":"c1"}"#, true),
            (br#"{"id":"a"} {"error":1}"#, true),
            (br#"{"id":"a","na{"next_cursor":"c1"}"#, true),
            (br#"{"id":"a","name":{"statusCode":502,"error":"x"}"#, true),
            (br#"{"id":"a","result":[{]}"#, true),
            (br#"["id":"a","roles":[{"id":"b"}]}"#, false),
            (br#"["id":"a","roles":[{"id":"b"}],"next_cursor":"c"}"#, true),
            (br#"{"id":"a"}x"#, false),
            (br#"{"id":"a","na"#, false),
            // Broken within, and one license for all that.
            (br#"{"id":"a","next_cursor":}"#, false),
            (br#"{"x":NaN,"id":"a","remote_data":{"error":null,"result":[]}}"#, false),
            (b"{\"id\":\"\xff\",\"error\":1}", false),
            (b"\xef\xbb\xbf{\"id\":\"a\",\"error\":}", false),
            (br#"{"id":"","x":NaN,"error":null}"#, true),
            (br#"{"remote_data":{"id":"a"},"x":NaN,"error":null}"#, true),
            // The names within values.
            (br#"{"name":"a","remote_data":{"error":1},"x":}"#, false),
            (br#"{"name":"next_cursor","x":NaN,"status":"error","y":"error: none"}"#, false),
            (br#"{"x":NaN,"y":"{\"error\":null}","my_error":1,"errors":2}"#, false),
            (br#"{"name":}"#, false),
            (b"tru", false),
        ] {
            assert_eq!(may_have_been_aside(record), may_have, "{}", record.escape_ascii());
        }
    }
}
