//! What a body says about itself, beside its records.

use serde_json::{Map, Value};

use crate::error::{Error, ErrorKind, Result};

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

/// Gathers a [`Page`] member by member.
#[derive(Clone, Debug, Default)]
pub(crate) struct PageReader {
    page: Page,
    status: Option<u64>,
    error: Option<String>,
    message: Option<String>,
}

/// An object that is no record is looked into up to this length.
const MAX_BYTES: usize = 64 << 10;

/// Characters of the API's own words that are passed on.
const MAX_WORDS: usize = 300;

impl PageReader {
    pub(crate) fn page(&self) -> &Page {
        &self.page
    }

    /// Takes one member of an envelope; one of an unknown name says nothing.
    pub(super) fn member(&mut self, name: &str, value: &[u8]) {
        if value.len() <= MAX_BYTES
            && is_member(name)
            && let Ok(value) = serde_json::from_slice(value)
        {
            self.take(name, value);
        }
    }

    /// Ends an object.
    ///
    /// # Errors
    /// [`ErrorKind::Upstream`] if it was an error of the API.
    pub(super) fn end(&mut self) -> Result<()> {
        let message = self.message.take().unwrap_or_default();
        match (self.status.take(), self.error.take()) {
            (Some(status), Some(error)) => {
                let words = printable(if message.is_empty() { &error } else { &message });
                Err(Error::new(
                    ErrorKind::Upstream,
                    format!("the API reported an error in the body (status {status}: {words})"),
                ))
            }
            _ => Ok(()),
        }
    }

    /// Takes an object that stands among the records and is none: a line that bears the cursor, or
    /// an error of the API. `None` if it is neither.
    pub(crate) fn line(&mut self, object: &[u8]) -> Option<Result<()>> {
        if object.len() > MAX_BYTES {
            return None;
        }
        let members: Map<String, Value> = serde_json::from_slice(object).ok()?;
        let is_error = members.contains_key("statusCode") && members.contains_key("error");
        let is_page = !members.is_empty() && members.keys().all(|name| is_member(name));
        if members.contains_key("id") || !(is_error || is_page) {
            return None;
        }
        for (name, value) in members {
            self.take(&name, value);
        }
        Some(self.end())
    }

    fn take(&mut self, name: &str, value: Value) {
        let text = |value: Value| match value {
            Value::String(text) if !text.is_empty() => Some(text),
            _ => None,
        };
        match name {
            "next_cursor" => self.page.next_cursor = text(value),
            "is_partial_response" => self.page.is_partial |= value == Value::Bool(true),
            "result_count" => {
                if let Some(count) = value.as_u64() {
                    let sum = self.page.result_count.get_or_insert_default();
                    *sum = sum.saturating_add(count);
                }
            }
            "statusCode" => self.status = value.as_u64(),
            "error" => self.error = text(value),
            "message" => self.message = text(value),
            _ => {}
        }
    }
}

/// Whether `name` is a member of an envelope or of an error, and not of a license.
pub(super) fn is_member(name: &str) -> bool {
    matches!(
        name,
        "next_cursor"
            | "prev_cursor"
            | "result_count"
            | "is_partial_response"
            | "statusCode"
            | "error"
            | "message"
    )
}

/// The API's own words, without what could disturb a terminal or fill a log.
pub(crate) fn printable(words: &str) -> String {
    words
        .chars()
        .map(|character| if character.is_control() { ' ' } else { character })
        .take(MAX_WORDS)
        .collect::<String>()
        .trim()
        .to_owned()
}

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
        let page = Page { next_cursor: None, is_partial: true, result_count: Some(5) };
        assert_eq!(*reader.page(), page);
        for record in [
            &br#"{"id":"a","next_cursor":"c"}"#[..],
            br#"{"name":"no id"}"#,
            br#"{"next_cursor":"c","name":"x"}"#,
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
        let line = br#"{"id":"a","statusCode":502,"error":"Bad Gateway"}"#;
        assert!(reader.line(line).is_none(), "it has an id, so it is a license");
    }
}
