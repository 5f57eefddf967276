//! Objects that stand among the records of a body and are none: lines about the page, errors of the API,
//! and envelopes where no envelope is read.

use std::ops::ControlFlow;

#[cfg(feature = "pipeline")]
use memchr::memmem::Finder;

use super::{PageReader, is_of_page};
use crate::decode::{self, TopLevel};
use crate::error::{Error, ErrorKind, Result};
#[cfg(feature = "pipeline")]
use crate::frame::delimited::BOM;
use crate::license::License;

/// What may stand among the records of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asides {
    /// In lines and sequences, all that there is.
    All,
    /// In lists: an error of the API, but no line about the page. An envelope has said that itself.
    Errors,
    /// Every record is one.
    None,
}

/// What the members of an object say of what it is, as far as they were read.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    /// An `id` that makes a license of it.
    has_id: bool,
    /// A field of a license, such as an `id` that is neither that nor null.
    has_field: bool,
    /// A member that is about the page.
    is_of_page: bool,
    /// One of these that says where pages lie, or whether they are whole: not a count alone.
    is_of_cursor: bool,
    has_result: bool,
    /// A result that is not empty.
    has_records: bool,
    /// A list or an object with objects in it.
    has_objects: bool,
    #[cfg_attr(
        not(feature = "pipeline"),
        allow(dead_code, reason = "only what is broken is asked")
    )]
    is_of_error: bool,
}

impl Seen {
    fn see(&mut self, name: &str, value: &str) {
        let is_null = value == "null";
        match name {
            "id" => {
                let is_text = value.starts_with('"') && value != "\"\"";
                self.has_id |= is_text;
                self.has_field |= !is_text && !is_null;
            }
            "result" | "results" => {
                let is_nest = value.starts_with(['[', '{']);
                self.has_result |= is_nest || is_null;
                self.has_records |= is_nest && !is_empty(value);
            }
            "statusCode" | "error" => self.is_of_error = true,
            name if is_of_page(name) => {
                self.is_of_page = true;
                self.is_of_cursor |= name != "result_count";
            }
            name => self.has_field |= License::FIELDS.contains(&name),
        }
        self.has_objects |= value.starts_with(['[', '{']) && value[1..].contains('{');
    }

    /// Whether it is neither of a license nor of a page.
    fn says_nothing(self) -> bool {
        !self.has_field && !self.is_of_page && !self.has_result
    }
}

/// Whether nothing but white space stands between two brackets.
fn is_empty(nest: &str) -> bool {
    nest[1..nest.len() - 1].bytes().all(|byte| byte.is_ascii_whitespace())
}

impl PageReader {
    /// Takes an object that stands among the records and is none: a line about the page, or what ends
    /// the body. `None` if it is neither, and so a record, if a broken one.
    ///
    /// # Errors
    /// An error of the API; or [`ErrorKind::Malformed`] where what it is cannot be told, and licenses
    /// would be missing if it were passed over.
    pub(crate) fn aside(&mut self, object: &[u8], asides: Asides) -> Option<Result<()>> {
        if asides == Asides::None {
            return None;
        }
        let mut seen = Seen::default();
        let mut reader = Self { page: self.page.clone(), ..Self::default() };
        let top = decode::top_level(object, |name, value| {
            seen.see(name, value);
            reader.member(name, value.as_bytes());
            if seen.has_id { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if seen.has_id || top != TopLevel::Whole {
            return None;
        }
        let is_failure =
            reader.error.is_some() || reader.status.is_some_and(|status| status >= 400);
        let is_only_said =
            reader.message.is_some() && reader.status.is_none() && seen.says_nothing();
        if is_failure || is_only_said {
            return reader.end(is_only_said).err().map(Err);
        }
        if seen.has_records {
            return Some(Err(unread_envelope()));
        }
        if asides == Asides::Errors {
            return None;
        }
        if seen.is_of_page && seen.has_field {
            let message = "an object has both fields of a license and members about the page, so that \
                licenses behind it may be missing";
            return seen.is_of_cursor.then(|| Err(Error::new(ErrorKind::Malformed, message)));
        }
        if seen.is_of_page && seen.has_objects {
            return Some(Err(unread_envelope()));
        }
        if !seen.is_of_page && (!seen.has_result || seen.has_field) {
            return None;
        }
        Some(reader.end(false).map(|()| *self = reader))
    }

    /// Whether a record may be a line about the page: cheap enough to ask of each.
    #[cfg(feature = "pipeline")]
    pub(crate) fn may_be_line(record: &[u8]) -> bool {
        use std::sync::LazyLock;

        // The last is what every name in escapes has.
        static NAMES: LazyLock<[Finder; 5]> = LazyLock::new(|| {
            let [a, b, c, d] = PAGE_MEMBERS;
            [a, b, c, d, r"\u00"].map(Finder::new)
        });
        let Some(members) = record.strip_prefix(b"{") else { return false };
        // As most licenses begin.
        let is_license = members.strip_prefix(br#""id""#).is_some_and(|rest| {
            let rest = rest.trim_ascii_start();
            rest.strip_prefix(b":").is_some_and(|value| value.trim_ascii_start().starts_with(b"\""))
        });
        !is_license && NAMES.iter().any(|name| name.find(record).is_some())
    }
}

/// Whether a record that cannot be read, or the start of one that is too long, may have been a line about
/// the page, an envelope or an error of the API: then it is not known whether licenses are missing.
#[cfg(feature = "pipeline")]
pub(crate) fn may_have_been_aside(record: &[u8]) -> bool {
    let record = record.strip_prefix(BOM).unwrap_or(record);
    let mut seen = Seen::default();
    let top = decode::top_level(record, |name, value| {
        seen.see(name, value);
        if seen.has_id { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    if seen.has_id {
        return false;
    }
    if seen.is_of_page || seen.is_of_error || seen.has_result {
        return true;
    }
    // A license of which a field was broken.
    let TopLevel::Until(end) = top else { return false };
    !seen.has_field
        && PAGE_MEMBERS
            .iter()
            .chain(&ERROR_MEMBERS)
            .chain(&RESULT_MEMBERS)
            .any(|name| Finder::new(name).find(&record[end..]).is_some())
}

/// Members about the page, as they stand in a line.
#[cfg(feature = "pipeline")]
const PAGE_MEMBERS: [&str; 4] =
    [r#""next_cursor""#, r#""prev_cursor""#, r#""result_count""#, r#""is_partial_response""#];

/// Members of an error of the API, as they stand in a line.
#[cfg(feature = "pipeline")]
const ERROR_MEMBERS: [&str; 2] = [r#""statusCode""#, r#""error""#];

/// What an envelope has its records under, as it stands in a line.
#[cfg(feature = "pipeline")]
const RESULT_MEMBERS: [&str; 2] = [r#""result""#, r#""results""#];

fn unread_envelope() -> Error {
    let message = "an envelope stands where a license should, and what is in it would be missing: where \
        the body is of envelopes, say so (Shape::Envelope, --shape envelope)";
    Error::new(ErrorKind::Malformed, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Page;

    fn kind(object: &str, asides: Asides) -> Option<Result<(), ErrorKind>> {
        let told = PageReader::default().aside(object.as_bytes(), asides);
        told.map(|told| told.map_err(|error| error.kind()))
    }

    #[test]
    fn a_line_of_the_page_is_told_from_a_record() {
        let mut reader = PageReader::default();
        let mut read = |line: &str| reader.aside(line.as_bytes(), Asides::All);
        assert!(read(r#"{"next_cursor":"c","prev_cursor":null,"result_count":2}"#).is_some());
        assert!(read(r#"{"next_cursor":null,"is_partial_response":true}"#).is_some());
        assert!(read(r#"{"result_count":3}"#).is_some());
        let page = Page { next_cursor: None, is_partial: true, result_count: Some(5) };
        assert_eq!(*reader.page(), page);
        for (line, cursor) in [
            (r#"{"next_cursor":"d","has_more":true}"#, "d"),
            (r#"{"message":"ok","next_cursor":"e"}"#, "e"),
            (r#"{"id":null,"next_cursor":12345678901234567890123}"#, "12345678901234567890123"),
            (r#"{"next\u005fcursor": 1.10 }"#, "1.10"),
            (r#"{"next_cursor":1e400}"#, "1e400"),
            (r#"{"next_cursor":"f","meta":{"took":[1,2]},"result":[ ]}"#, "f"),
        ] {
            let mut reader = PageReader::default();
            assert!(matches!(reader.aside(line.as_bytes(), Asides::All), Some(Ok(()))), "{line}");
            assert_eq!(reader.page().next_cursor.as_deref(), Some(cursor));
            assert_eq!(kind(line, Asides::Errors), None, "{line}");
            assert_eq!(kind(line, Asides::None), None, "{line}");
        }
        for record in [
            r#"{"id":"a","next_cursor":"c"}"#,
            r#"{"id":"a","result":[{"id":"b"}],"next_cursor":null}"#,
            r#"{"name":"no id"}"#,
            r#"{"name":"no id","result_count":1}"#,
            r#"{"name":"no id","message":"x"}"#,
            r#"{"statusCode":200,"error":null}"#,
            r#"{"statusCode":200,"message":"OK"}"#,
            r#"{"next_cursor":"c"}x"#,
            "{}",
            "7",
            "{",
        ] {
            assert_eq!(kind(record, Asides::All), None, "{record}");
        }
    }

    #[test]
    fn what_is_partial_is_anything_but_said_to_be_whole() {
        for (value, is_partial) in [
            ("false", false),
            ("null", false),
            ("true", true),
            ("1", true),
            (r#""yes""#, true),
            ("1e400", true),
            ("{}", true),
        ] {
            let mut reader = PageReader::default();
            let line = format!(r#"{{"is_partial_response":{value}}}"#);
            assert!(reader.aside(line.as_bytes(), Asides::All).is_some());
            assert_eq!(reader.page().is_partial, is_partial, "{value}");
        }
    }

    #[test]
    fn what_holds_licenses_is_no_line_of_the_page() {
        for envelope in [
            r#"{"result":[{"id":"a"}],"next_cursor":null}"#,
            r#"{"results":{"k":{"id":"a"}}}"#,
            r#"{"id":7,"result":[{"id":"a"}]}"#,
            r#"{"data":[{"id":"a"}],"next_cursor":null}"#,
            r#"{"data":{"items":[{"id":"a"}]},"result_count":1}"#,
            r#"{"name":"x","next_cursor":"c"}"#,
            r#"{"id":7,"is_partial_response":true}"#,
        ] {
            assert_eq!(kind(envelope, Asides::All), Some(Err(ErrorKind::Malformed)), "{envelope}");
        }
        let listed = r#"{"result":[{"id":"a"}],"next_cursor":null}"#;
        assert_eq!(kind(listed, Asides::Errors), Some(Err(ErrorKind::Malformed)));
        assert_eq!(kind(listed, Asides::None), None);
    }

    #[test]
    fn an_error_of_the_api_is_a_failure() {
        let told = |line: &str| {
            let told = PageReader::default().aside(line.as_bytes(), Asides::All);
            told.and_then(Result::err).unwrap_or_else(|| panic!("{line}"))
        };
        for line in [
            r#"{"statusCode":502,"error":"Bad Gateway","message":"x","extra":1}"#,
            r#"{"statusCode":"502","error":"Bad Gateway","message":"x"}"#,
            r#"{"statusCode":502.0,"error":"Bad Gateway","message":"x"}"#,
            r#"{"statusCode":502,"error":"","message":"x"}"#,
            r#"{"statusCode":502,"error":{"code":1},"message":"x"}"#,
            r#"{"statusCode":502,"message":"x"}"#,
            r#"{"statusCode":502,"message":"x","next_cursor":{}}"#,
            r#"{"statusCode":502,"error":"y","message":"x","id":null}"#,
            &format!(
                r#"{{"statusCode":502,"error":"x","raw_response":"{}"}}"#,
                "y".repeat(1 << 20)
            ),
        ] {
            let message = "the API reported an error in the body (status 502: x)";
            assert_eq!((told(line).kind(), told(line).message()), (ErrorKind::Upstream, message));
            assert!(matches!(kind(line, Asides::Errors), Some(Err(_))));
        }
        for line in [
            r#"{"error":"y","message":"x\u001b"}"#,
            r#"{"error":"x","name":"Error"}"#,
            r#"{"message":"x"}"#,
        ] {
            let message = "the API reported an error in the body (without a status: x)";
            assert_eq!((told(line).kind(), told(line).message()), (ErrorKind::Upstream, message));
        }
        for (status, mine, remote) in [
            (400, ErrorKind::Refused, ErrorKind::Refused),
            (401, ErrorKind::Unauthorized, ErrorKind::AccountUnauthorized),
            (403, ErrorKind::Forbidden, ErrorKind::Forbidden),
            (429, ErrorKind::Upstream, ErrorKind::Upstream),
            (500, ErrorKind::Upstream, ErrorKind::Upstream),
            (70_000, ErrorKind::Upstream, ErrorKind::Upstream),
        ] {
            let start = format!(r#"{{"statusCode":{status},"error":"x""#);
            for (rest, kind) in [
                ("}", mine),
                (r#","truto_is_remote_error":true}"#, remote),
                (r#","truto_is_remote_error":false}"#, mine),
            ] {
                assert_eq!(told(&format!("{start}{rest}")).kind(), kind, "{start}{rest}");
            }
        }
        let line = r#"{"id":"a","statusCode":502,"error":"Bad Gateway"}"#;
        assert_eq!(kind(line, Asides::All), None, "it has an id, so it is a license");
    }

    #[cfg(feature = "pipeline")]
    #[test]
    fn every_line_of_the_page_may_be_one() {
        for line in [
            r#"{"next_cursor":"c"}"#,
            r#"{"id":null,"next_cursor":null}"#,
            r#"{"id" : null,"result_count":1}"#,
            r#"{"is\u005fpartial_response":true}"#,
        ] {
            assert!(PageReader::may_be_line(line.as_bytes()), "{line}");
        }
        for line in [r#"{"id":"a","next_cursor":1}"#, r#"{"id" : "a","next_cursor":1}"#, "[]"] {
            assert!(!PageReader::may_be_line(line.as_bytes()), "{line}");
        }
    }

    #[cfg(feature = "pipeline")]
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
            (br#"{"id":"a","result":[{]}"#, false),
            (br#"{"id":"a","next_cursor":}"#, false),
            (br#"{"id":"a"} {"error":1}"#, false),
            (br#"{"name":"a","remote_data":{"error":1},"x":}"#, false),
            (br#"{"name":}"#, false),
            (b"\xef\xbb\xbf{\"id\":\"a\",\"error\":}", false),
            (b"tru", false),
        ] {
            assert_eq!(may_have_been_aside(record), may_have, "{}", record.escape_ascii());
        }
    }
}
