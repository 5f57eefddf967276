//! What a body says about itself, beside its records.

#[cfg(feature = "stream")]
mod aside;
#[cfg(feature = "stream")]
mod broken;
mod members;

use serde_json::{Map, Value};

use crate::decode::{self, Limits};
use crate::error::{Error, ErrorKind, Result};
use crate::insight::Insight;
#[cfg(feature = "stream")]
pub(crate) use aside::Asides;
#[cfg(feature = "stream")]
pub(crate) use broken::{is_broken, lost_aside, may_have_been_more};
use members::is_empty;
pub(super) use members::{Members, is_of_page, mentions_id};

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
    /// Whether the cursor is that of a page, and not of an object beside pages.
    is_of_page: bool,
    /// `statusCode`, if it is a whole number, whether in quotes or not.
    status_code: Option<u64>,
    /// `status`, if it is a number that HTTP has for one: of a license it is a text.
    status: Option<u64>,
    /// `error`, unless it says that there is none.
    error: Option<String>,
    message: Option<String>,
    /// What explains an error: `truto_error_insight` and `details`.
    explained: Map<String, Value>,
    /// `truto_is_remote_error`: whether it was the provider that failed.
    is_remote: bool,
    /// Whether there is a cursor that cannot be followed.
    is_unreadable: bool,
}

/// A member is looked at up to this length.
const MAX_BYTES: usize = 64 << 10;

/// How deep what explains an error may nest: read, each level takes room on the stack.
const MAX_EXPLAINED: Limits = Limits { max_depth: 16 };

impl PageReader {
    pub(crate) fn page(&self) -> &Page {
        &self.page
    }

    /// Takes one member of an envelope; one of an unknown name says nothing.
    pub(super) fn member(&mut self, name: &str, value: &[u8]) {
        if !is_member(name) {
            return;
        }
        let is_short = value.len() <= MAX_BYTES;
        if is_short && name == "next_cursor" && matches!(value, [b'-' | b'0'..=b'9', ..]) {
            // As it was written, whatever number it is: a cursor is opaque.
            self.has_cursor = true;
            self.page.next_cursor = Some(String::from_utf8_lossy(value).into_owned());
            return;
        }
        let parsed = match value {
            _ if !is_short => None,
            value if is_explanation(name) => {
                let is_shallow = decode::check(value, &MAX_EXPLAINED).is_ok();
                is_shallow.then(|| serde_json::from_slice(value).ok()).flatten()
            }
            // Of what nests it counts whether there is anything in it: read, it would take room on the
            // stack for each level.
            [b'[' | b'{', ..] if is_empty(value) => Some(Value::Array(Vec::new())),
            [b'[' | b'{', ..] => None,
            value => serde_json::from_slice(value).ok(),
        };
        match parsed {
            Some(parsed) => self.take(name, parsed),
            // What is in it is not known, only that something is.
            None if name == "error" => self.error = Some(String::new()),
            None if name == "is_partial_response" => self.page.is_partial = true,
            None => self.is_unreadable |= name == "next_cursor",
        }
    }

    /// Ends an envelope, and answers whether it said that there is a further page. One without a list of
    /// records leaves the cursor that stood before it, as a line does, unless it has one; it is that of an
    /// error, if it has words for one. A page without a cursor is the last one, whatever the page before it
    /// said.
    ///
    /// # Errors
    /// That of [`ErrorKind::of_status`] if it was an error of the API.
    pub(super) fn end_envelope(&mut self, has_list: bool) -> Result<bool> {
        let has_cursor = std::mem::take(&mut self.has_cursor);
        if has_cursor {
            self.is_of_page = has_list;
        } else if has_list && self.is_of_page {
            self.page.next_cursor = None;
        }
        let says_more = has_cursor && self.page.next_cursor.is_some();
        self.end(!has_list).map(|()| says_more)
    }

    /// Whether what was taken is an error of the API; `is_message_error` says whether a message alone makes
    /// it one, where there is no status.
    fn is_failure(&self, is_message_error: bool) -> bool {
        let status = self.status_code.max(self.status);
        status.is_some_and(|status| status >= 400)
            || self.error.is_some()
            || self.is_remote
            || (is_message_error && self.message.is_some() && status.is_none())
    }

    /// Takes a `status` for a field of a license, if a broken one, unless there are words with it.
    #[cfg(feature = "stream")]
    fn pass_status_of_license(&mut self) {
        if self.message.is_none() {
            self.status = None;
        }
    }

    /// Ends what members were taken of; whether a message alone makes an error of it.
    fn end(&mut self, is_message_error: bool) -> Result<()> {
        let is_failure = self.is_failure(is_message_error);
        let status = self.status_code.take().max(self.status.take());
        let error = self.error.take();
        let message = self.message.take();
        let mut said = std::mem::take(&mut self.explained);
        let is_remote = std::mem::take(&mut self.is_remote);
        let is_unreadable = std::mem::take(&mut self.is_unreadable);
        if is_failure {
            let who = if is_remote { BY_PROVIDER } else { "the API" };
            said.extend(
                message.or(error).map(|words| ("message".to_owned(), Value::String(words))),
            );
            let words = Insight::of_object(&said).with_status(status);
            let kind = match status {
                Some(status) => {
                    ErrorKind::of_status(u16::try_from(status).unwrap_or(u16::MAX), is_remote)
                }
                None => ErrorKind::Upstream,
            };
            return Err(Error::new(kind, format!("{who} {REPORTED} ({words})")));
        }
        if is_unreadable {
            let message = format!(
                "the next cursor is no text or number of at most {MAX_BYTES} bytes, so it cannot be \
                 followed"
            );
            return Err(Error::new(ErrorKind::Malformed, message));
        }
        Ok(())
    }

    fn take(&mut self, name: &str, value: Value) {
        let text = |value: Value| match value {
            Value::String(text) if !text.is_empty() => Some(text),
            _ => None,
        };
        match name {
            "next_cursor" => {
                self.has_cursor = true;
                self.page.next_cursor = match value {
                    Value::Null | Value::Bool(false) | Value::String(_) => text(value),
                    _ => {
                        self.is_unreadable = true;
                        None
                    }
                };
            }
            "is_partial_response" => {
                self.page.is_partial |= !matches!(value, Value::Null | Value::Bool(false));
            }
            "result_count" => {
                if let Some(count) = value.as_u64() {
                    let sum = self.page.result_count.get_or_insert_default();
                    *sum = sum.saturating_add(count);
                }
            }
            "statusCode" => {
                let status = match &value {
                    Value::String(text) => text.parse().ok(),
                    value => whole_number(value),
                };
                self.status_code = self.status_code.max(status);
            }
            "status" => {
                let status = whole_number(&value).filter(|status| (100..600).contains(status));
                self.status = self.status.max(status);
            }
            "error" => {
                self.error = match value {
                    Value::Null | Value::Bool(false) => None,
                    Value::Number(code) if code.as_f64() == Some(0.0) => None,
                    Value::Array(items) if items.is_empty() => None,
                    Value::Object(members) if members.is_empty() => None,
                    Value::String(text) => Some(text).filter(|text| !text.is_empty()),
                    // What is in it is not known, only that something is.
                    _ => Some(String::new()),
                }
            }
            "message" => self.message = text(value),
            name if is_explanation(name) => drop(self.explained.insert(name.to_owned(), value)),
            "truto_is_remote_error" => {
                self.is_remote = value == Value::Bool(true) || value == "true";
            }
            _ => {}
        }
    }
}

/// A number that is whole; `502.0` is written by some too.
fn whole_number(value: &Value) -> Option<u64> {
    let number = value.as_f64()?;
    let is_whole = number.fract() == 0.0 && (0.0..1e9).contains(&number);
    is_whole.then_some(number as u64)
}

/// How the message of an error begins that was told in a body, and that the provider is behind.
pub(crate) const BY_PROVIDER: &str = "the provider, says the API,";

/// What the message of an error that was told in a body says.
pub(crate) const REPORTED: &str = "reported an error in the body";

/// Whether `name` is a member of an envelope or of an error that is looked at.
fn is_member(name: &str) -> bool {
    is_of_page(name)
        || is_explanation(name)
        || matches!(name, "statusCode" | "status" | "error" | "message" | "truto_is_remote_error")
}

/// Whether `name` is a member of an error that says what to do about it.
fn is_explanation(name: &str) -> bool {
    matches!(name, "truto_error_insight" | "details")
}
