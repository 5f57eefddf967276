//! The heads of responses, and the errors that Truto answers with.

use std::borrow::Cow;

use serde::Serialize;

use super::SimulatedShape;

/// The header that no simulated response comes without; a stream's names its shape too.
const LABEL: &str =
    "x-simulated: license-stream (wire format is an assumption: Truto does not publish it";

/// An answer that says why a request gets no licenses.
#[derive(Debug)]
pub(super) struct Refusal {
    status: u16,
    message: Cow<'static, str>,
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "statusCode")]
    status_code: u16,
    error: &'static str,
    message: &'a str,
}

impl Refusal {
    pub(super) fn new(status: u16, message: impl Into<Cow<'static, str>>) -> Self {
        Refusal { status, message: message.into() }
    }

    #[cfg(test)]
    pub(super) fn status(&self) -> u16 {
        self.status
    }

    #[cfg(test)]
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// The body: `{"statusCode":…,"error":…,"message":…}`.
    pub(super) fn body(&self) -> Vec<u8> {
        let error = reason(self.status);
        let body = Body { status_code: self.status, error, message: &self.message };
        serde_json::to_vec(&body).expect("a number and two texts can be written as JSON")
    }

    /// The head that goes before a body of that length.
    pub(super) fn head(&self, body_length: usize, keep_alive: bool) -> String {
        let status = self.status;
        let specific = match status {
            401 => "WWW-Authenticate: Bearer\r\n",
            405 => "Allow: GET\r\n",
            _ => "",
        };
        format!(
            "HTTP/1.1 {status} {}\r\nContent-Type: application/json; charset=utf-8\r\n\
             Content-Length: {body_length}\r\n{specific}{LABEL})\r\n{}\r\n",
            reason(status),
            connection(keep_alive),
        )
    }
}

/// The head that goes before a chunked stream of that shape.
pub(super) fn stream_head(shape: SimulatedShape, keep_alive: bool) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {}\r\n\
         Transfer-Encoding: chunked\r\n{LABEL}; shape={shape})\r\n{}\r\n",
        shape.content_type(),
        connection(keep_alive)
    )
}

fn connection(keep_alive: bool) -> &'static str {
    if keep_alive { "" } else { "Connection: close\r\n" }
}

fn reason(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        431 => "Request Header Fields Too Large",
        502 => "Bad Gateway",
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
        let head = refusal.head(body.len(), false);
        assert!(head.starts_with("HTTP/1.1 401 Unauthorized\r\n"), "{head}");
        assert!(head.contains("\r\nContent-Length: 69\r\n"), "{head}");
        assert!(head.ends_with("\r\nConnection: close\r\n\r\n"), "{head}");
    }
}
