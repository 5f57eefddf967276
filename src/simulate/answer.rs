//! What goes back: a head, a body, and how the body is to be sent.

use std::borrow::Cow;
use std::fmt::Write;

use serde::Serialize;
use serde_json::Value;

use super::SimulatedShape;
use super::content::Content;
use super::delivery::{Delivery, Framing};
use super::fault::Struck;

/// The header that no simulated response comes without; a stream's names its shape too.
const LABEL: &str =
    "x-simulated: license-stream (wire format is an assumption: Truto does not publish it";

/// A response that has not been sent.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    content_type: &'static str,
    headers: Vec<(Cow<'static, str>, String)>,
    shape: Option<SimulatedShape>,
    pub(super) content: Content,
    pub(super) delivery: Delivery,
}

impl Answer {
    /// An answer whose body is there already.
    pub(super) fn whole(status: u16, content_type: &'static str, body: Vec<u8>) -> Self {
        Answer {
            status,
            content_type,
            headers: Vec::new(),
            shape: None,
            content: Content::whole(body),
            delivery: Delivery::whole(),
        }
    }

    /// A success that says `value`.
    pub(super) fn json(value: &impl Serialize) -> Self {
        let body = serde_json::to_vec(value).expect("what is answered has texts for keys");
        Self::whole(200, "application/json; charset=utf-8", body)
    }

    /// A stream of licenses.
    pub(super) fn stream(shape: SimulatedShape, content: Content, delivery: Delivery) -> Self {
        Answer {
            status: 200,
            content_type: shape.content_type(),
            headers: Vec::new(),
            shape: Some(shape),
            content,
            delivery,
        }
    }

    pub(super) fn with_header(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<String>,
    ) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The same, as the faults let it be sent.
    pub(super) fn with_faults(self, struck: &[Struck<'_>]) -> Self {
        Answer { delivery: self.delivery.with_faults(struck), ..self }
    }

    /// The same, not labelled with one of our shapes.
    pub(super) fn without_shape(self) -> Self {
        Answer { shape: None, ..self }
    }

    pub(super) fn with_content_type(self, content_type: &'static str) -> Self {
        Answer { content_type, ..self }
    }

    /// The head, which says how the body is framed.
    pub(super) fn head(&self, framing: Framing, keep_alive: bool) -> String {
        let mut head = format!(
            "HTTP/1.1 {} {}\r\nContent-Type: {}\r\n",
            self.status,
            reason(self.status),
            self.content_type
        );
        // Writing to a String cannot fail.
        let _ = match framing {
            Framing::Chunked => write!(head, "Transfer-Encoding: chunked\r\n"),
            Framing::Length(length) => write!(head, "Content-Length: {length}\r\n"),
            Framing::Close => Ok(()),
        };
        if let Some(encoding) = self.delivery.encoding {
            let _ = write!(head, "Content-Encoding: {encoding}\r\n");
        }
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        head += LABEL;
        if let Some(shape) = self.shape {
            let _ = write!(head, "; shape={shape}");
        }
        head += ")\r\n";
        head += if keep_alive { "\r\n" } else { "Connection: close\r\n\r\n" };
        head
    }

    #[cfg(test)]
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(given, _)| given.eq_ignore_ascii_case(name));
        header.map(|(_, value)| value.as_str())
    }
}

/// An answer that says why a request gets no licenses.
#[derive(Debug)]
pub(super) struct Refusal {
    status: u16,
    message: Cow<'static, str>,
    insight: Option<Value>,
}

impl Refusal {
    pub(super) fn new(status: u16, message: impl Into<Cow<'static, str>>) -> Self {
        Refusal { status, message: message.into(), insight: None }
    }

    /// The same with advice for whoever must act.
    pub(super) fn with_insight(self, insight: Value) -> Self {
        Refusal { insight: Some(insight), ..self }
    }

    #[cfg(test)]
    pub(super) fn status(&self) -> u16 {
        self.status
    }

    pub(super) fn body(&self) -> Vec<u8> {
        let body = ErrorBody::new(self.status, &self.message);
        ErrorBody { truto_error_insight: self.insight.as_ref(), ..body }.to_vec()
    }

    pub(super) fn answer(&self) -> Answer {
        let answer = Answer::whole(self.status, "application/json; charset=utf-8", self.body());
        match self.status {
            401 => answer.with_header("WWW-Authenticate", "Bearer"),
            405 => answer.with_header("Allow", "GET"),
            _ => answer,
        }
    }
}

/// `{"statusCode":…,"error":…,"message":…}`, and what else an error may say.
#[derive(Debug, Serialize)]
pub(super) struct ErrorBody<'a> {
    #[serde(rename = "statusCode")]
    pub(super) status_code: u16,
    pub(super) error: &'static str,
    pub(super) message: &'a str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) truto_is_remote_error: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) truto_error_insight: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) details: Option<Details<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) raw_response: Option<&'a Value>,
}

/// What failed in a validation.
#[derive(Debug, Serialize)]
pub(super) struct Details<'a> {
    pub(super) failures: &'a [Value],
}

impl<'a> ErrorBody<'a> {
    pub(super) fn new(status: u16, message: &'a str) -> Self {
        ErrorBody {
            status_code: status,
            error: reason(status),
            message,
            truto_is_remote_error: false,
            truto_error_insight: None,
            details: None,
            raw_response: None,
        }
    }

    pub(super) fn to_vec(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("what an error says can be written as JSON")
    }
}

/// What HTTP calls a status.
pub(super) fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        302 => "Found",
        307 => "Temporary Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        422 => "Unprocessable Entity",
        425 => "Too Early",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "Error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_look_like_those_of_truto() {
        let refusal = Refusal::new(401, "a \"bad\" token");
        let body = br#"{"statusCode":401,"error":"Unauthorized","message":"a \"bad\" token"}"#;
        assert_eq!(refusal.body(), body);
        let head = refusal.answer().head(Framing::Length(body.len() as u64), false);
        assert!(head.starts_with("HTTP/1.1 401 Unauthorized\r\n"), "{head}");
        assert!(head.contains("\r\nContent-Length: 69\r\n"), "{head}");
        assert!(head.contains("\r\nWWW-Authenticate: Bearer\r\n"), "{head}");
        assert!(head.ends_with("\r\nConnection: close\r\n\r\n"), "{head}");
    }
}
