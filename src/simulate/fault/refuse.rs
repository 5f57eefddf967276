//! Errors in place of an answer.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::Value;

use crate::simulate::answer::{Answer, Details, ErrorBody, reason};

/// An answer with a status of the error table, as JSON
/// `{"statusCode":…,"error":…,"message":…}` unless it is told to be something else.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Refuse {
    /// The status, from 200 to 599.
    pub status: u16,
    /// What the error says; may be empty.
    pub message: String,
    /// What the body is.
    pub form: RefuseForm,
    /// Says `truto_is_remote_error: true`: it is the provider that failed.
    pub remote: bool,
    /// What the provider answered, as `raw_response`.
    pub raw_response: Option<Value>,
    /// Advice for whoever must act, as `truto_error_insight`.
    pub insight: Option<Value>,
    /// What failed in a validation, as `details.failures`.
    pub failures: Vec<Value>,
    /// Sends a `Retry-After` of so many seconds.
    pub retry_after: Option<u64>,
    /// Sends a `Retry-After` with the date in so many seconds.
    pub retry_after_date: Option<u64>,
    /// Further headers, such as `ratelimit-limit`, `ratelimit-remaining` and `ratelimit-reset`.
    pub headers: BTreeMap<String, String>,
}

/// What the body of a refusal is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RefuseForm {
    /// Truto's JSON.
    #[default]
    Json,
    /// A page of HTML, as a proxy sends it.
    Html,
    /// Nothing at all.
    Empty,
}

impl Default for Refuse {
    fn default() -> Self {
        Refuse {
            status: 500,
            message: "a simulated failure".to_owned(),
            form: RefuseForm::default(),
            remote: false,
            raw_response: None,
            insight: None,
            failures: Vec::new(),
            retry_after: None,
            retry_after_date: None,
            headers: BTreeMap::new(),
        }
    }
}

impl Refuse {
    /// A refusal with that status, and nothing special about it.
    pub fn new(status: u16) -> Self {
        Refuse { status, ..Self::default() }
    }

    /// Says that the provider failed, not Truto.
    #[must_use]
    pub fn remote(self) -> Self {
        Refuse { remote: true, ..self }
    }

    /// Sends a `Retry-After` of so many seconds.
    #[must_use]
    pub fn with_retry_after(self, seconds: u64) -> Self {
        Refuse { retry_after: Some(seconds), ..self }
    }

    /// Sends a `Retry-After` with the date in so many seconds.
    #[must_use]
    pub fn with_retry_after_date(self, seconds: u64) -> Self {
        Refuse { retry_after_date: Some(seconds), ..self }
    }

    /// Says this, or nothing, as the error's message.
    #[must_use]
    pub fn with_message(self, message: impl Into<String>) -> Self {
        Refuse { message: message.into(), ..self }
    }

    /// Sends a body of that form.
    #[must_use]
    pub fn with_form(self, form: RefuseForm) -> Self {
        Refuse { form, ..self }
    }

    /// Sends a further header.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.insert(name.into(), value.into());
        self
    }

    /// Why it cannot be sent, if it cannot.
    pub(super) fn mistake(&self) -> Option<&'static str> {
        let is_name = |name: &String| {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        if !(200..600).contains(&self.status) {
            Some("status is a number from 200 to 599")
        } else if matches!(self.status, 200 | 203) && self.form == RefuseForm::Json {
            Some("200 is no refusal, unless with another `form` than json: html, or empty")
        } else if !self.headers.keys().all(is_name) {
            Some("headers have names of letters, digits and hyphens")
        } else if self.headers.values().any(|value| value.contains(|c: char| c.is_ascii_control()))
        {
            Some("headers have values without control characters")
        } else {
            None
        }
    }

    pub(in crate::simulate) fn answer(&self) -> Answer {
        let status = self.status;
        let (content_type, body) = match self.form {
            RefuseForm::Json => ("application/json; charset=utf-8", self.json()),
            RefuseForm::Html => ("text/html; charset=utf-8", html(status)),
            RefuseForm::Empty => ("text/plain", Vec::new()),
        };
        let mut answer = Answer::whole(status, content_type, body);
        if let Some(seconds) = self.retry_after {
            answer = answer.with_header("Retry-After", seconds.to_string());
        }
        if let Some(seconds) = self.retry_after_date {
            let date = SystemTime::now() + Duration::from_secs(seconds.min(MAX_DATE_SECONDS));
            answer = answer.with_header("Retry-After", httpdate::fmt_http_date(date));
        }
        for (name, value) in &self.headers {
            answer = answer.with_header(Cow::Owned(name.clone()), value.clone());
        }
        answer
    }

    fn json(&self) -> Vec<u8> {
        let failures = (!self.failures.is_empty()).then_some(&*self.failures);
        let body = ErrorBody {
            truto_is_remote_error: self.remote,
            truto_error_insight: self.insight.as_ref(),
            details: failures.map(|failures| Details { failures }),
            raw_response: self.raw_response.as_ref(),
            ..ErrorBody::new(self.status, &self.message)
        };
        body.to_vec()
    }
}

/// A century: dates of far away have more digits than HTTP knows.
const MAX_DATE_SECONDS: u64 = 100 * 365 * 24 * 3600;

fn html(status: u16) -> Vec<u8> {
    let reason = reason(status);
    format!(
        "<!doctype html>\n<html><head><title>{status} {reason}</title></head>\n\
         <body><h1>{reason}</h1><p>simulated</p></body></html>\n"
    )
    .into_bytes()
}
