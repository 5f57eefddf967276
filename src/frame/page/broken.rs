//! Records that cannot be read, or not whole: whether they can be nothing but one license.

use std::borrow::Cow;
use std::ops::ControlFlow;

use memchr::memmem;

use super::members::mentions_id;
use super::{Asides, Members};
use crate::decode::{self, TopLevel};
use crate::error::{Error, ErrorKind};
use crate::frame::blanks::{BOM, is_blank, trimmed, trimmed_start};
use crate::frame::layout::Layout;
use crate::frame::outline::{closes, has_neighbours, has_text_id, is_list, objects};
use crate::license::License;
use crate::reject::RejectReason;

/// Whether a record that is broken may have been, or may have held, other licenses, a line about the page, an
/// envelope or an error of the API: then it is not known whether licenses are missing.
///
/// Where its quotes and brackets pair up, its members are told apart as far as they can be read: those at its top
/// level that make an envelope of it, and otherwise the `id` that makes a license of it. Where they do not, what stands in it is not known, so that
/// any name tells that no license has. In a list they alone have told where it ends: so they must stand where
/// they may, too. In an object of records that is not enough: where the end of one is missing, those behind it stand where
/// members may.
pub(crate) fn may_have_been_more(record: &[u8], asides: Asides) -> bool {
    let record = trimmed(record.strip_prefix(BOM).unwrap_or(record));
    let is_of_list = matches!(asides, Asides::OfList | Asides::OfObject);
    let layout = Layout::of(record);
    let is_several = if is_of_list {
        layout.has_object_behind()
    } else {
        layout.is_torn() || (layout.is_misplaced() && has_neighbours(record))
    };
    if is_several || is_list_behind_more(record) {
        return true;
    }
    if asides == Asides::OfObject && layout.may_hold_neighbours() {
        return true;
    }
    let is_readable = closes(record) && !(is_of_list && layout.is_misplaced());
    if is_readable && layout.may_be_envelope() {
        return true;
    }
    let has_id = has_text_id(record.iter().copied());
    let mut members = Members::default();
    let top = decode::top_level(record, |name, value| {
        members.see(name, value);
        ControlFlow::Continue(())
    });
    let TopLevel::Until(end) = top else { return false };
    // An `id` may be one of another object, where quotes are read inside out.
    let is_unlike_license = layout.is_misplaced() || (!closes(record) && !has_id);
    let is_around_others = members.has_others || goes_on_around_others(&record[end..]);
    if is_unlike_license
        && (goes_on_around_others(record) || (!members.has_field && is_around_others))
    {
        return true;
    }
    if is_readable && has_id {
        return false;
    }
    let unknown = unescaped(if is_readable { &record[end..] } else { record });
    let is_more = !members.has_id && members.is_more_than_record();
    is_more
        || NAMES.iter().any(|name| has_name(&unknown, name, |_| true))
        || (!has_id && record.starts_with(b"{") && is_of_error(&unknown))
}

/// Whether an object that does not close, or not by its own quotes, or the `rest` of one, begins with another member than licenses
/// have, and has objects with an `id` within: as the first line of an envelope of which a name is broken.
fn goes_on_around_others(rest: &[u8]) -> bool {
    let rest = trimmed_start(rest);
    let Some(members) = rest.strip_prefix(b"{").or(rest.strip_prefix(b",")) else { return false };
    let is_known = |name: &&str| {
        let rest = trimmed_start(members).strip_prefix(b"\"").unwrap_or(members);
        rest.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.starts_with(b"\""))
    };
    let inner = objects(members).next();
    inner.is_some_and(|at| mentions_id(&members[at..])) && !License::FIELDS.iter().any(is_known)
}

/// Whether a list with an object in it stands in `record` behind nothing but what is no part of one.
fn is_list_behind_more(record: &[u8]) -> bool {
    let first = record.iter().position(|byte| matches!(byte, b'{' | b'[' | b'"'));
    first.is_some_and(|first| is_list(&record[first..]))
}

/// Whether a record that is rejected for this could not be read to its end.
pub(crate) fn is_broken(reason: RejectReason) -> bool {
    use RejectReason::{Syntax, TooDeep, Utf8};

    matches!(reason, Syntax | Utf8 | TooDeep)
}

/// In place of the `error` of a record that cannot be passed over, as it may have been more than a record.
pub(crate) fn lost_aside(error: &Error) -> Error {
    let message = format!(
        "{}: licenses may be missing, since others, a line about the page or an error of the API may have stood \
         in the record",
        error.message()
    );
    let lost = Error::new(ErrorKind::Malformed, message);
    match error.position() {
        Some(position) => lost.at(position),
        None => lost,
    }
}

/// Names that no license has: of a page, of an error of the API, and of an envelope.
const NAMES: [&str; 9] = [
    "next_cursor",
    "prev_cursor",
    "result_count",
    "is_partial_response",
    "statusCode",
    "error",
    "truto_is_remote_error",
    "result",
    "results",
];

/// Whether members stand in a broken `text` without an `id` that an error of the API has, and no license; what
/// comes with one from its provider may have them.
fn is_of_error(text: &[u8]) -> bool {
    let is_number = |value: &[u8]| value.first().is_some_and(u8::is_ascii_digit);
    has_name(text, "message", |_| true) || has_name(text, "status", is_number)
}

/// `text` with the escapes undone of what names are made of.
fn unescaped(text: &[u8]) -> Cow<'_, [u8]> {
    const ESCAPE: &[u8] = br"\u00";

    let mut escapes = memmem::find_iter(text, ESCAPE).peekable();
    if escapes.peek().is_none() {
        return Cow::Borrowed(text);
    }
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = 0;
    for at in escapes {
        let end = at + ESCAPE.len() + 2;
        let digits =
            text.get(at + ESCAPE.len()..end).and_then(|digits| str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        if let Some(byte) = byte.filter(is_of_word) {
            plain.extend_from_slice(&text[rest..at]);
            plain.push(byte);
            rest = end;
        }
    }
    plain.extend_from_slice(&text[rest..]);
    Cow::Owned(plain)
}

/// Whether a byte is one that names are made of.
fn is_of_word(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || *byte == b'_'
}

/// Whether `name` stands in a broken `text` as that of a member, and not as a value or a part of one, with a
/// value that `is_value` takes by what it begins with. Of its quotes, its colon and what is before it one may be
/// missing.
fn has_name(text: &[u8], name: &str, is_value: impl Fn(&[u8]) -> bool) -> bool {
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
        let behind = trimmed_start(behind);
        let value = behind.strip_prefix(b":").map(trimmed_start);
        let is_member =
            (is_closed && value.is_some()) || (is_at_start && (is_opened || value.is_some()));
        is_member && is_value(value.unwrap_or(behind))
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
            // One with escapes in it.
            (br#"{"x":01,"next\u005fcursor":"c1"}"#, true),
            (br#"{"x":01,"next\u005Fcursor":"c1"}"#, true),
            (br#"{"x":01,"\u0065rror":"Bad Gateway","\u0073tatusCode":502}"#, true),
            (br#"{"x":01,"\u0072\u0065\u0073\u0075\u006c\u0074":[]}"#, true),
            (br#"{"x":01,"y":"\u0022error\u0022:","z":"\u00","w":"\u00zz"}"#, false),
            (br#"{"x":01,"y":"\u00e9rror\u005f"}"#, false),
            // Errors without a name that only they have.
            (br#"{"status":502,"message":"x",}"#, true),
            (br#"{"truto_is_remote_error":true,"message":"x",}"#, true),
            (br#"{"message":"Internal error","x":NaN}"#, true),
            (br#"{"x":NaN,"message":"Internal error"}"#, true),
            (br#"{"x":NaN,"status":502}"#, true),
            (br#""message": "Unauthorized""#, false),
            (br#"{"x":NaN,"status":"active"}"#, false),
            (br#"{"status":"active","name":}"#, false),
            (br#"{"x":NaN,"truto_is_remote_error":true}"#, true),
            (br#"{"id":"a","remote_data":{"message":"x","status":404},"na"#, false),
            // The last `id` counts, if it is of characters.
            (br#"{"id":"y","id":null,"next_cursor":"c1",}"#, true),
            (br#"{"id":null,"id":"y","error":"c1",}"#, false),
            (br#"{"id":"\ud83d","next_cursor":"c1",}"#, true),
            (br#"{"result":"eyJ",}"#, true),
            // Several on one line, or one that was torn with another behind it.
            (br#"{"id":"a"}{"next_cursor":"c1"}"#, true),
            (br#"{"id":"a"} {"error":1}"#, true),
            (br#"{"id":"a","na{"next_cursor":"c1"}"#, true),
            (br#"{"id":"a","name":{"statusCode":502,"error":"x"}"#, true),
            (br#"{"id":"a","result":[{]}"#, true),
            (br#"["id":"a","roles":[{"id":"b"}]}"#, false),
            (br#"["id":"a","roles":[{"id":"b"}],"next_cursor":"c"}"#, true),
            (br#"{"id":"a"}x"#, false),
            (br#"x[{"id":"a"},{"id":"b"}]"#, true),
            // The first line of an envelope.
            (br#"{"r"esult":{"k":{"name":"","id":"a""#, true),
            (br#"{ "re\sult":[{"id":"a","name":"x"#, true),
            (br#"{ "name":"x","products":[{"id":"p","name":"y"#, false),
            (br#"{"x":1,"id":"a","products":[{"id":"p","name":"y"#, false),
            (br#"{"x":{"y":"z","#, false),
            (br#"\ [ {"id":"a"},{"id":"b"}]"#, true),
            (br#"x],"roles":[{"id":"b"},{"id":"c"}]}"#, false),
            (br#"{"id":"a","na"#, false),
            (br#"{esult":[{"id":"l0","name":"x"},{"id":"l1","name":"a, b}"#, true),
            (br#"{""next_cursor":"c","results":{"k":{"id":"a"},"l":{""name":"b","id":"b","x":[,"m":1}}}"#, true),
            (br#"{rsult":[{"id":"l0"},{"id":"l1"}],"n":"c}"#, true),
            (br#"{"id":"r","m":1,"r":["name":"","id":"a"},{"id":"b"}],"n"ext_cursor":null}"#, true),
            (br#"{"id":"a","name":"b","x":[{"id":"p"}],"n"ext_cursor_":null}"#, false),
            (br#"{"id":"r","r":[{"id":"a"}],"n"ext_cursor":null}"#, true),
            (br#"{"r{esult":[{"id":"a"},{"id":"b"}],"n"ext_cursor":null}"#, true),
            (br#"{"request_id":"r","status":"ok","r":[{"id":"a"}],"n"ext_cursor":null}"#, true),
            // An envelope with an `id`, as of a request.
            (br#"{"id":"r","next_cursor":}"#, true),
            (br#"{"id":"r" "result":[{"id":"a"},{"id":"b"}],"next_cursor":"c1"}"#, true),
            (br#"{"id":"r","meta":,"result":[{"id":"c"}]}"#, true),
            (br#"{"id":"r",,"results" : {"k":{"id":"c"}}}"#, true),
            (br#"{"id":"r";"r\u0065sult":[{"id":"c"}]}"#, true),
            (br#"{"id":"r","re\sult":[{"id":"c"}],"is_partial_response":true}"#, true),
            // One of another form, or of which the name of the result is broken.
            (br#"{"re\sult":[{"id":"a"},{"id":"b"}]}"#, true),
            (b"{\"resu\xfft\":[{\"id\":\"a\"}]}", true),
            (b"{\"id\":\"r\",\"re\x01sult\":{\"k\":{\"id\":\"a\"}}}", true),
            (br#"{"data":[{"id":"a"},{"id":"b",}]}"#, true),
            (br#"{"data":{"items":[{"i\u0064":"a"}]},"x":NaN}"#, true),
            (br#"{"id":"r","data":[{"id":"a"}],"x":NaN}"#, true),
            (br#"{"id":"a","name":"b","data":[{"id":"a"}],"x":NaN}"#, false),
            (br#"{"id":"a","result":"[","x":NaN}"#, false),
            (br#"{"id":"a","result":null,"x":[NaN]}"#, false),
            (br#"{"id":"a","x":"next_cursor","y":"result","z":[NaN]}"#, false),
            (
                br#"{"id":"a","name":"b","x":{"next_cursor":1,"result":[{"id":"b"}]},"y":NaN}"#,
                false,
            ),
            // Broken within, and one license for all that.
            (br#"{"id":"a","error":}"#, false),
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
            for asides in [Asides::OfLines, Asides::OfSequence, Asides::OfList] {
                let found = may_have_been_more(record, asides);
                // In a list brackets of another kind than they close may be those of several records.
                let may_have = may_have || (asides == Asides::OfList && record.starts_with(b"["));
                assert_eq!(found, may_have, "{asides:?}: {}", record.escape_ascii());
            }
        }
    }

    #[test]
    fn a_broken_record_of_a_list_may_have_been_several() {
        for (record, in_list, in_line) in [
            // A quote that was not escaped, and the next one: between them is another.
            (
                r#"{"id":"a","name":"19" rack"},{"id":"b"},{"id":"c","name":"24" screen"}"#,
                true,
                false,
            ),
            (r#"{"id":"a","name":"19" rack","products":[{"id":"p"}],"x":"24" y"}"#, true, false),
            (r#"{"id":"a","name":"19" rack","x":"24" y"}"#, false, false),
            (r#"{"id":"a","name":"19" rack"],"next_cursor":"c","m":["24" y"}"#, true, false),
            (r#"{"id":"a","roles":[{"y":1},{"id":"b"},{"id":"c"}}}"#, true, false),
            (r#"{"id":"a","name":"19" rack"}{"id":"b"}{"id":"c","name":"24" screen"}"#, true, true),
            // The next one begins where it was torn.
            (
                r#"{"id":"a","name":"x},{"statusCode":502,"error":"Bad"},{"id":"d","name":"y}"#,
                true,
                true,
            ),
            (r#"{"id":"a","x":{"y":1,{"id":"b"},{"id":"c","z":2}}"#, true, true),
            (r#"{"id":"a","name":"x{"id":"b","name":"good"}"#, true, true),
            (r#"{"id":"a",{"id":"b","name":"good"}"#, true, true),
            // Broken otherwise, with objects in it.
            (r#"{"id":"a","x":NaN,"products":[{"id":"p"},{"id":"q"}]}"#, false, false),
            (r#"{"id":"a","x":01,"products":[{"id":"p","name":tru},{"id":"q",}]}"#, false, false),
            (
                r#"{"id":"a","x":"\q","products":[{"id":"p"},{"id":"q"}],"y":"{\"id\":1}"}"#,
                false,
                false,
            ),
            ("{\"id\":\"\u{1}\",\"products\":[{\"id\":\"p\"},{\"id\":\"q\"}]}", false, false),
            (r#"{"name":"a","x":NaN,"products":[{"id":"p"},{"id":"q"}]}"#, false, false),
        ] {
            let found = |asides| may_have_been_more(record.as_bytes(), asides);
            assert_eq!(found(Asides::OfList), in_list, "{record}");
            assert_eq!(found(Asides::OfLines), in_line, "{record}");
            assert_eq!(found(Asides::OfSequence), in_line, "{record}");
        }
    }
}
