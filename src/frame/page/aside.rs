//! Objects that stand among the records of a body and are none: lines about the page, errors of the API,
//! and envelopes where no envelope is read.

use std::ops::ControlFlow;

#[cfg(feature = "pipeline")]
use memchr::memmem::Finder;

use super::{Members, PageReader};
use crate::decode::{self, TopLevel};
use crate::error::{Error, ErrorKind, Result};
use crate::frame::blanks::BOM;
use crate::frame::outline::{has_several, is_list};

/// What may stand among the records of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asides {
    /// Among lines.
    OfLines,
    /// In a sequence: the same.
    OfSequence,
    /// In lists, no line about the page: an envelope has said that itself.
    OfList,
    /// In objects of records, the same.
    OfObject,
    /// Every record is one.
    None,
}

impl Asides {
    /// Whether there are lines about the page.
    pub(crate) fn has_lines(self) -> bool {
        matches!(self, Self::OfLines | Self::OfSequence)
    }
}

impl PageReader {
    /// Takes what stands among the records and is none: a line about the page, or what ends the body.
    /// `None` if it is neither, and so a record, if a broken one.
    ///
    /// # Errors
    /// An error of the API; or [`ErrorKind::Malformed`] where what it is cannot be told, and licenses
    /// would be missing if it were passed over.
    pub(crate) fn aside(&mut self, record: &[u8], asides: Asides) -> Option<Result<()>> {
        self.told(record, asides, false)
    }

    /// [`aside`](Self::aside) where errors are of no account: one with an `id` is never a line about the page, so
    /// that it is not read beyond that.
    #[cfg(feature = "pipeline")]
    pub(crate) fn line(&mut self, record: &[u8], asides: Asides) {
        let _ = self.told(record, asides, true);
    }

    fn told(&mut self, record: &[u8], asides: Asides, is_to_id: bool) -> Option<Result<()>> {
        if asides == Asides::None {
            return None;
        }
        let lost = |message| Some(Err(Error::new(ErrorKind::Malformed, message)));
        let envelope = |with: &'static str, without: &'static str| {
            lost(if asides == Asides::OfLines { with } else { without })
        };
        let bare = record.strip_prefix(BOM).unwrap_or(record);
        if is_list(bare) {
            return lost(
                "a list of records stands where one should, and all of them would be missing",
            );
        }
        if has_several(bare) {
            return lost(
                "several objects follow one another where one record should stand, and all of them would be \
                 missing",
            );
        }
        let mut members = Members::default();
        let mut reader = Self { page: self.page.clone(), ..Self::default() };
        let top = decode::top_level(record, |name, value| {
            members.see(name, value);
            reader.member(name, value.as_bytes());
            // A later one may take it back.
            if is_to_id && members.has_id {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        if members.has_id || top != TopLevel::Whole {
            return None;
        }
        if members.is_letter() {
            return lost(
                "a dead letter stands where a license should: where the input is a file of them, say so \
                 (--shape dead-letters)",
            );
        }
        if members.may_be_license() && !members.has_result() {
            reader.pass_status_of_license();
        }
        let is_message_error = members.is_error_with_message();
        if reader.is_failure(is_message_error) {
            return reader.end(is_message_error).err().map(Err);
        }
        if members.has_records {
            return envelope(
                "an envelope stands where a license should, and what is in it would be missing: where all \
                 lines of the body are envelopes, say so (Shape::Envelope, --shape envelope)",
                "an envelope stands where a license should, and what is in it would be missing",
            );
        }
        if members.has_unreadable_result() {
            return lost(
                "an object stands where a license should whose result is neither a list nor null nor an object, so \
                 that licenses may be missing",
            );
        }
        if members.is_unknown_envelope() {
            return lost(
                "an envelope stands where a license should, of a form that is not known: it has objects with \
                 an `id`, and no `result`",
            );
        }
        let may_be_license = members.may_be_license();
        if members.is_of_cursor && may_be_license {
            return lost(
                "an object has both fields of a license and members about the page, so that licenses behind \
                 it may be missing",
            );
        }
        if may_be_license || !(members.is_of_page || members.has_result()) {
            return None;
        }
        let read = reader.end(false);
        if asides.has_lines() || read.is_err() {
            return Some(read.map(|()| *self = reader));
        }
        // Nobody asks for what a list says of further pages.
        let says_more = reader.page.next_cursor.is_some() || reader.page.is_partial;
        says_more.then_some(()).and_then(|()| {
            lost(
                "an object in the list of records says that there are more than these: they would be missing",
            )
        })
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

/// Members about the page, as they stand in a line.
#[cfg(feature = "pipeline")]
const PAGE_MEMBERS: [&str; 4] =
    [r#""next_cursor""#, r#""prev_cursor""#, r#""result_count""#, r#""is_partial_response""#];

#[cfg(test)]
mod tests {
    use super::super::MAX_BYTES;
    use super::*;
    use crate::frame::Page;

    fn kind(object: &str, asides: Asides) -> Option<Result<(), ErrorKind>> {
        let told = PageReader::default().aside(object.as_bytes(), asides);
        told.map(|told| told.map_err(|error| error.kind()))
    }

    #[test]
    fn a_line_of_the_page_is_told_from_a_record() {
        let mut reader = PageReader::default();
        let mut read = |line: &str| reader.aside(line.as_bytes(), Asides::OfLines);
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
            (r#"{"next_cursor":"g","meta":{"x":{},"y":[{"z":{"id":1}}]},"result":[]}"#, "g"),
            (r#"{"next_cursor":"h","meta":{"id":"r","x":[{"y":1}]}}"#, "h"),
            (r#"{"next_cursor":"i","status":200}"#, "i"),
        ] {
            let mut reader = PageReader::default();
            assert!(
                matches!(reader.aside(line.as_bytes(), Asides::OfLines), Some(Ok(()))),
                "{line}"
            );
            assert_eq!(reader.page().next_cursor.as_deref(), Some(cursor));
            assert_eq!(kind(line, Asides::OfList), Some(Err(ErrorKind::Malformed)), "{line}");
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
            r#"{"id":7,"result":"ok"}"#,
            r#"{"name":"n","result":true}"#,
            r#"{"id":"x","id":null,"result_count":1}"#,
            r#"{"id":null,"id":"a","next_cursor":"c"}"#,
            r#"{"id":"a","result":"ok","next_cursor":null}"#,
            r#"{"status":200,"message":"OK"}"#,
            "7",
            "{",
            r#"[1,["x"]]"#,
            r#"["id":"a","roles":[{"id":"b"}]}"#,
            r#"{"id":7,"name":"n","status":1000}"#,
            r#"{"id":7,"name":"n","status":500}"#,
            r#"{"name":"n","status":404}"#,
            r#"{"status":1000}"#,
            r#"{"status":399}"#,
            r#"{"status":500.5}"#,
            r#"{"status":"502"}"#,
            r#"{"statusCode":-1e300}"#,
        ] {
            assert_eq!(kind(record, Asides::OfLines), None, "{record}");
            assert_eq!(kind(record, Asides::OfList), None, "{record}");
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
            assert!(reader.aside(line.as_bytes(), Asides::OfLines).is_some());
            assert_eq!(reader.page().is_partial, is_partial, "{value}");
        }
    }

    #[test]
    fn a_list_says_nothing_of_the_page_that_would_be_lost() {
        for (line, is_lost) in [
            (r#"{"next_cursor":"c"}"#, true),
            (r#"{"is_partial_response":true,"next_cursor":null}"#, true),
            (r#"{"next_cursor":{}}"#, true),
            (r#"{"next_cursor":null}"#, false),
            (r#"{"is_partial_response":false,"result_count":2}"#, false),
        ] {
            let lost = is_lost.then_some(Err(ErrorKind::Malformed));
            assert_eq!(kind(line, Asides::OfList), lost, "{line}");
        }
    }

    #[test]
    fn advice_is_given_where_it_can_help() {
        let told = |object: &str, asides| {
            let told = PageReader::default().aside(object.as_bytes(), asides);
            let error = told.and_then(Result::err).unwrap_or_else(|| panic!("{object}"));
            assert_eq!(error.kind(), ErrorKind::Malformed);
            error.message().contains("--shape").then(|| error.message().to_owned())
        };
        let envelope = r#"{"result":[{"id":"a"}]}"#;
        assert!(told(envelope, Asides::OfLines).unwrap().contains("--shape envelope"));
        assert_eq!(told(envelope, Asides::OfSequence), None);
        assert_eq!(told(envelope, Asides::OfList), None);
        let unknown = r#"{"data":[{"id":"a"}],"next_cursor":null}"#;
        assert_eq!(told(unknown, Asides::OfLines), None);
        let letter = r#"{"account":null,"byte":0,"line":1,"message":"x","reason":"syntax","record":0,"text":"{"}"#;
        assert!(told(letter, Asides::OfLines).unwrap().contains("--shape dead-letters"));
    }

    #[test]
    fn what_holds_licenses_is_no_line_of_the_page() {
        for envelope in [
            r#"{"result":[{"id":"a"}],"next_cursor":null}"#,
            r#"{"results":{"k":{"id":"a"}}}"#,
            r#"{"id":7,"result":[{"id":"a"}]}"#,
            r#"{"data":[{"id":"a"}],"next_cursor":null}"#,
            r#"{"data":{"items":[{"id":"a"}]},"result_count":1}"#,
            r#"{"data":[{"i\u0064":"a"},{"i\u0064":"b"}],"next_cursor":null}"#,
            r#"{"data":[{"\u0069d":"a"}],"next_cursor":null}"#,
            r#"{"data":[{"\u0069\u0064":"a"}],"next_cursor":null}"#,
            // What has a result, and none that can be read.
            r#"{"result":"eyJ","next_cursor":null}"#,
            r#"{"result":"eyJ"}"#,
            r#"{"result":7,"next_cursor":null}"#,
            r#"{"next_cursor":null,"results":true}"#,
            r#"{"results":false}"#,
            r#"{"name":"n","result":"","next_cursor":null}"#,
            // The last `id` counts, if it is of characters.
            r#"{"id":"y","id":null,"next_cursor":"c1"}"#,
            r#"{"id":"y","id":"","next_cursor":"c1"}"#,
            r#"{"id":"\ud83d","next_cursor":"c1"}"#,
            r#"{"id":"\ud83d","result":[{"id":"b"}]}"#,
            r#"{"name":"x","next_cursor":"c"}"#,
            r#"{"id":7,"is_partial_response":true}"#,
            r#"[{"id":"a"},{"id":"b"}]"#,
            r#"[{"id":"a"},{"id":"b",}"#,
            r#"[null,[{"id":"a"}]]"#,
            "\u{feff}[{\"id\":\"a\"}]",
            r#"{"id":"a"}{"id":"b"}"#,
            "\u{feff}{\"id\":\"a\"} {\"id\":\"b",
            r#"{"id":"a","na{"id":"b"}{"id":"c"}"#,
        ] {
            assert_eq!(
                kind(envelope, Asides::OfLines),
                Some(Err(ErrorKind::Malformed)),
                "{envelope}"
            );
            assert_eq!(
                kind(envelope, Asides::OfList),
                Some(Err(ErrorKind::Malformed)),
                "{envelope}"
            );
        }
        let listed = r#"{"result":[{"id":"a"}],"next_cursor":null}"#;
        assert_eq!(kind(listed, Asides::OfList), Some(Err(ErrorKind::Malformed)));
        assert_eq!(kind(listed, Asides::None), None);
    }

    #[test]
    fn an_error_of_the_api_is_a_failure() {
        let told = |line: &str| {
            let told = PageReader::default().aside(line.as_bytes(), Asides::OfLines);
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
            r#"{"status":502,"message":"x"}"#,
            r#"{"name":"BadGateway","status":502,"message":"x"}"#,
            r#"{"status":502.0,"statusCode":-7,"message":"x"}"#,
            r#"{"status":"error","statusCode":"502","message":"x"}"#,
            r#"{"statusCode":502,"error":"y","message":"x","id":null}"#,
            &format!(
                r#"{{"statusCode":502,"error":"x","raw_response":"{}"}}"#,
                "y".repeat(1 << 20)
            ),
        ] {
            let message = "the API reported an error in the body (status 502: x)";
            assert_eq!((told(line).kind(), told(line).message()), (ErrorKind::Upstream, message));
            assert!(matches!(kind(line, Asides::OfList), Some(Err(_))));
        }
        for line in [
            r#"{"error":"y","message":"x\u001b"}"#,
            r#"{"error":"x","name":"Error"}"#,
            r#"{"message":"x"}"#,
            r#"{"message":"x","result":null,"next_cursor":null}"#,
            r#"{"error":"x","status":1000,"statusCode":1e300}"#,
            r#"{"error":"x","status":-5,"statusCode":"x"}"#,
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
        // What explains it comes in any order, and is left out where it is of no use.
        for (explained, words) in [
            (
                r#""truto_error_insight":{"missing_required_query_parameters":{"value":["product"]}}"#,
                "x; these are missing: product (--product)",
            ),
            (
                r#""details":{"failures":[{"path":"limit","message":"is no number"}]}"#,
                "x; limit: is no number",
            ),
            (r#""details":{"failures":"x"},"truto_error_insight":{"remote_error":7}"#, "x"),
            (&format!(r#""details":{}1{}"#, r#"{"failures":["#.repeat(50), "]}".repeat(50)), "x"),
            (&format!(r#""details":{{"failures":"{}"}}"#, "y".repeat(MAX_BYTES)), "x"),
        ] {
            let message = format!("the API reported an error in the body (status 400: {words})");
            let error = r#""statusCode":400,"message":"x""#;
            for line in [format!("{{{error},{explained}}}"), format!("{{{explained},{error}}}")] {
                assert_eq!(told(&line).message(), message);
            }
        }
        let line = r#"{"id":"a","statusCode":502,"error":"Bad Gateway"}"#;
        assert_eq!(kind(line, Asides::OfLines), None, "it has an id, so it is a license");
    }

    #[test]
    fn an_object_takes_no_room_for_its_levels() {
        use crate::frame::may_have_been_more;

        let look = || {
            for levels in [100, 1_000, 100_000] {
                let deep = format!("{}1{}", r#"{"a":["#.repeat(levels), "]}".repeat(levels));
                for line in [
                    format!(r#"{{"x":{deep}}}"#),
                    format!(r#"{{"next_cursor":{deep}}}"#),
                    format!(r#"{{"error":{deep},"x":"#),
                    deep,
                ] {
                    let _ = kind(&line, Asides::OfLines);
                    may_have_been_more(line.as_bytes(), Asides::OfList);
                }
            }
            kind(&format!(r#"{{"error":{}}}"#, "[".repeat(500) + &"]".repeat(500)), Asides::OfLines)
        };
        let thread = std::thread::Builder::new().stack_size(128 << 10).spawn(look);
        assert_eq!(thread.unwrap().join().unwrap(), Some(Err(ErrorKind::Upstream)));
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
}
