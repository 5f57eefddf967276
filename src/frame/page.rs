//! What a body says about itself, beside its records.

use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};
use crate::printable;

/// What the API said of the page or pages of a body: in the envelope around the records, or in lines
/// of their own between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The cursor of the next page. `None` where the body said there is none, or said nothing.
    pub next_cursor: Option<String>,
    /// Whether the API said that the provider's data was incomplete.
    pub is_partial: bool,
    /// How many records the API said there are, added up over the pages of the body.
    pub result_count: Option<u64>,
}

impl Page {
    /// What the page before the one at `cursor` said.
    #[cfg(feature = "pipeline")]
    pub(crate) fn before_cursor(cursor: String) -> Self {
        Self { next_cursor: Some(cursor), ..Self::default() }
    }

    /// What envelopes said, `self`, together with what lines of the same body did.
    #[cfg(feature = "stream")]
    pub(crate) fn with_lines(self, lines: &Page) -> Page {
        Page {
            next_cursor: self.next_cursor.or_else(|| lines.next_cursor.clone()),
            is_partial: self.is_partial || lines.is_partial,
            result_count: self.result_count.or(lines.result_count),
        }
    }
}

/// Gathers a [`Page`] member by member.
#[derive(Clone, Debug, Default)]
pub(crate) struct PageReader {
    page: Page,
    /// Whether the envelope in hand has said what its cursor is.
    has_cursor: bool,
    /// `statusCode`, if it is a number, whether in quotes or not.
    status: Option<u64>,
    /// `error`, unless it says that there is none.
    error: Option<String>,
    message: Option<String>,
    /// `truto_is_remote_error`: whether it was the provider that failed.
    is_remote: bool,
    /// Whether there is a cursor that cannot be followed.
    is_unreadable: bool,
}

/// A member is looked at up to this length.
const MAX_BYTES: usize = 64 << 10;

/// Characters of the API's own words that are passed on.
const MAX_WORDS: usize = 300;

impl PageReader {
    pub(crate) fn page(&self) -> &Page {
        &self.page
    }

    /// Takes one member of an envelope; one of an unknown name says nothing.
    pub(super) fn member(&mut self, name: &str, value: &[u8]) {
        if !is_member(name) {
            return;
        }
        let read = if value.len() <= MAX_BYTES { serde_json::from_slice(value).ok() } else { None };
        match read {
            Some(parsed) => self.take(name, parsed, value),
            None => self.is_unreadable |= name == "next_cursor",
        }
    }

    /// Ends an envelope. One that says nothing of a cursor is the last page, whatever those before it
    /// said.
    ///
    /// # Errors
    /// That of [`ErrorKind::of_status`] if it was an error of the API.
    pub(super) fn end_envelope(&mut self) -> Result<()> {
        if !std::mem::take(&mut self.has_cursor) {
            self.page.next_cursor = None;
        }
        self.end()
    }

    fn end(&mut self) -> Result<()> {
        if std::mem::take(&mut self.is_unreadable) {
            let message =
                "the next cursor is neither a text nor a number, so it cannot be followed";
            return Err(Error::new(ErrorKind::Malformed, message));
        }
        let (status, error) = (self.status.take(), self.error.take());
        let message = self.message.take().unwrap_or_default();
        let is_remote = std::mem::take(&mut self.is_remote);
        match status {
            Some(status) if error.is_some() || status >= 400 => {
                let error = error.unwrap_or_default();
                let words = if message.is_empty() { &error } else { &message };
                let words = printable(words, MAX_WORDS);
                let kind =
                    ErrorKind::of_status(u16::try_from(status).unwrap_or(u16::MAX), is_remote);
                let who = if is_remote { "the provider, says the API," } else { "the API" };
                Err(Error::new(
                    kind,
                    format!("{who} reported an error in the body (status {status}: {words})"),
                ))
            }
            _ => Ok(()),
        }
    }

    /// Whether a record may be a line about the page: cheap enough to ask of each. One whose names are
    /// in escapes is missed.
    #[cfg(feature = "pipeline")]
    pub(crate) fn may_be_line(record: &[u8]) -> bool {
        use std::sync::LazyLock;

        use memchr::memmem::Finder;

        static NAMES: LazyLock<[Finder; 4]> = LazyLock::new(|| MEMBERS.map(Finder::new));
        let Some(name) = record.strip_prefix(b"{") else { return false };
        // As most licenses begin.
        !name.starts_with(br#""id""#) && NAMES.iter().any(|name| name.find(record).is_some())
    }

    /// Takes an object that stands among the records and is none: a line that bears the cursor, or
    /// an error of the API. `None` if it is neither.
    #[cfg(any(feature = "stream", test))]
    pub(crate) fn line(&mut self, object: &[u8]) -> Option<Result<()>> {
        use std::collections::BTreeMap;

        use serde_json::value::RawValue;

        let members: BTreeMap<String, &RawValue> = serde_json::from_slice(object).ok()?;
        let is_page = members.keys().any(|name| is_of_page(name));
        let has_id = members.get("id").is_some_and(|id| id.get() != "null");
        if has_id || !(is_page || members.contains_key("statusCode")) {
            return None;
        }
        for (name, value) in &members {
            self.member(name, value.get().as_bytes());
        }
        match self.end() {
            // Its status was that of a success, then.
            Ok(()) if !is_page => None,
            ended => Some(ended),
        }
    }

    fn take(&mut self, name: &str, value: Value, raw: &[u8]) {
        let text = |value: Value| match value {
            Value::String(text) if !text.is_empty() => Some(text),
            _ => None,
        };
        match name {
            "next_cursor" => {
                self.has_cursor = true;
                self.page.next_cursor = match value {
                    // As it was written: a cursor is opaque.
                    Value::Number(_) => Some(String::from_utf8_lossy(raw).trim().to_owned()),
                    Value::Null | Value::Bool(false) | Value::String(_) => text(value),
                    _ => {
                        self.is_unreadable = true;
                        None
                    }
                };
            }
            "is_partial_response" => self.page.is_partial |= value == Value::Bool(true),
            "result_count" => {
                if let Some(count) = value.as_u64() {
                    let sum = self.page.result_count.get_or_insert_default();
                    *sum = sum.saturating_add(count);
                }
            }
            "statusCode" => {
                self.status = match &value {
                    Value::String(text) => text.parse().ok(),
                    value => value.as_u64(),
                }
            }
            "error" => {
                self.error = match value {
                    Value::Null | Value::Bool(false) => None,
                    Value::String(text) if text.is_empty() => None,
                    Value::String(text) => Some(text),
                    // What is in it is not known, only that something is.
                    _ => Some(String::new()),
                }
            }
            "message" => self.message = text(value),
            "truto_is_remote_error" => {
                self.is_remote = value == Value::Bool(true) || value == "true";
            }
            _ => {}
        }
    }
}

/// Whether `name` is a member of an envelope or of an error, and not of a license.
pub(super) fn is_member(name: &str) -> bool {
    is_of_page(name) || matches!(name, "statusCode" | "error" | "message" | "truto_is_remote_error")
}

/// Whether `name` is a member that is about a page.
pub(super) fn is_of_page(name: &str) -> bool {
    matches!(name, "next_cursor" | "prev_cursor" | "result_count" | "is_partial_response")
}

/// These members, as they stand in a line.
#[cfg(feature = "pipeline")]
const MEMBERS: [&str; 4] =
    [r#""next_cursor""#, r#""prev_cursor""#, r#""result_count""#, r#""is_partial_response""#];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_page_is_told_from_a_record() {
        let mut reader = PageReader::default();
        assert!(
            reader.line(br#"{"next_cursor":"c","prev_cursor":null,"result_count":2}"#).is_some()
        );
        assert_eq!(reader.page().next_cursor.as_deref(), Some("c"));
        assert!(reader.line(br#"{"next_cursor":null,"is_partial_response":true}"#).is_some());
        assert!(reader.line(br#"{"result_count":3}"#).is_some());
        for (line, cursor) in [
            (r#"{"next_cursor":"d","has_more":true}"#, "d"),
            (r#"{"message":"ok","next_cursor":"e"}"#, "e"),
            (r#"{"id":null,"next_cursor":12345678901234567890123}"#, "12345678901234567890123"),
            (r#"{"next\u005fcursor": 1.10 }"#, "1.10"),
        ] {
            let mut reader = PageReader::default();
            assert!(reader.line(line.as_bytes()).is_some(), "{line}");
            assert_eq!(reader.page().next_cursor.as_deref(), Some(cursor));
        }
        let page = Page { next_cursor: None, is_partial: true, result_count: Some(5) };
        assert_eq!(*reader.page(), page);
        for record in [
            &br#"{"id":"a","next_cursor":"c"}"#[..],
            br#"{"name":"no id"}"#,
            br#"{"error":"no status"}"#,
            br#"{"statusCode":200,"error":null}"#,
            b"{}",
            b"7",
            b"{",
        ] {
            assert!(reader.line(record).is_none(), "{record:?}");
        }
    }

    #[test]
    fn an_error_of_the_api_is_a_failure() {
        let mut reader = PageReader::default();
        let line = br#"{"statusCode":502,"error":"Bad Gateway","message":"x\u001b","extra":1}"#;
        let error = reader.line(line).unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Upstream);
        assert_eq!(error.message(), "the API reported an error in the body (status 502: x)");
        for line in [
            r#"{"statusCode":"502","error":"Bad Gateway","message":"x"}"#,
            r#"{"statusCode":502,"error":"","message":"x"}"#,
            r#"{"statusCode":502,"error":{"code":1},"message":"x"}"#,
            r#"{"statusCode":502,"message":"x"}"#,
            r#"{"statusCode":502,"error":"y","message":"x","id":null}"#,
            &format!(
                r#"{{"statusCode":502,"error":"x","raw_response":"{}"}}"#,
                "y".repeat(1 << 20)
            ),
        ] {
            let error = reader.line(line.as_bytes()).unwrap().unwrap_err();
            assert_eq!(error.message(), "the API reported an error in the body (status 502: x)");
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
                let error = reader.line(format!("{start}{rest}").as_bytes()).unwrap().unwrap_err();
                assert_eq!(error.kind(), kind, "{start}{rest}");
            }
        }
        let line = br#"{"id":"a","statusCode":502,"error":"Bad Gateway"}"#;
        assert!(reader.line(line).is_none(), "it has an id, so it is a license");
    }
}
