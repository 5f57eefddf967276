//! Answers that are no licenses, in words for the person who must act.

use std::time::Duration;

use reqwest::{Response, StatusCode, Url};
use serde::Deserialize;

use super::answer::Answer;
use super::decompress::Compression;
use super::host;
use crate::error::{Error, ErrorKind};

/// Bytes of an error body that are looked at.
const MAX_BODY: usize = 64 << 10;

/// Characters of the API's own message that are passed on.
const MAX_MESSAGE: usize = 300;

/// An answer that is no success, or none at all.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(super) error: Error,
    pub(super) again: Again,
    /// How long the server wants to be left alone.
    pub(super) told: Option<Duration>,
}

/// Whether a request may be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    Never,
    /// Once more, and no further time.
    Once,
    Often,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let again = if error.is_retryable() { Again::Often } else { Again::Never };
        Self { error, again, told: None }
    }
}

/// What Truto says of an error, as far as it is used.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ApiError {
    message: String,
    truto_is_remote_error: bool,
}

/// The error of a request that got no answer.
pub(super) fn unreachable(url: &Url, error: reqwest::Error) -> Error {
    let what = if error.is_connect() { "cannot be connected to" } else { "did not answer" };
    Error::new(ErrorKind::Unreachable, format!("{} {what}", host(url)))
        .caused_by(without_url(error))
}

/// The error that a response with another status than success stands for.
pub(super) async fn refused(response: Response, timeout: Duration) -> Failure {
    let status = response.status();
    let read = tokio::time::timeout(timeout, error_body(response, timeout)).await;
    let said: ApiError =
        read.ok().and_then(|body| serde_json::from_slice(&body).ok()).unwrap_or_default();
    let (kind, what) = classify(status, said.truto_is_remote_error);
    let message = printable(&said.message);
    let message = match message.as_str() {
        "" => format!("{what} (status {})", status.as_u16()),
        message => format!("{what} (status {}: {message})", status.as_u16()),
    };
    Failure { error: Error::new(kind, message), again: again(status), told: None }
}

/// Whether a request that was answered with `status` may be made again.
fn again(status: StatusCode) -> Again {
    match status.as_u16() {
        408 | 425 | 429 => Again::Often,
        // Says the vendor: the account is blocked.
        503 => Again::Once,
        // What the server will never do for this request, whoever asks how often.
        501 | 505 | 506 | 508 | 510 | 511 => Again::Never,
        // 520 to 530 are those of the network in front of the API.
        500..=599 => Again::Often,
        _ => Again::Never,
    }
}

fn classify(status: StatusCode, remote: bool) -> (ErrorKind, &'static str) {
    match status.as_u16() {
        401 if remote => {
            (ErrorKind::AccountUnauthorized, "the account must be connected anew in Truto")
        }
        401 => (
            ErrorKind::Unauthorized,
            "the API token was refused: look at TRUTO_API_TOKEN or --token-file",
        ),
        403 => (ErrorKind::Forbidden, "the token or the account lacks a permission"),
        404 => (ErrorKind::Refused, "there is no such account, or no such address"),
        408 | 425 => (ErrorKind::Upstream, "the API was not ready"),
        429 => (ErrorKind::Upstream, "the API's rate limit is reached"),
        300..=399 => (ErrorKind::Refused, "the API redirects, which is not followed with a token"),
        500.. => (ErrorKind::Upstream, "the API failed"),
        _ => (ErrorKind::Refused, "the API refused the request"),
    }
}

async fn error_body(response: Response, idle: Duration) -> Vec<u8> {
    let mut body = Vec::new();
    // It may be compressed, as the licenses would have been.
    let max_ratio = Compression::default().max_ratio;
    let Ok(mut answer) = Answer::open(response, idle, max_ratio) else { return body };
    while let Ok(Some(chunk)) = answer.next().await {
        body.extend_from_slice(&chunk[..chunk.len().min(MAX_BODY - body.len())]);
        if body.len() == MAX_BODY {
            break;
        }
    }
    body
}

/// The message without what could disturb a terminal or fill a log.
fn printable(message: &str) -> String {
    message
        .chars()
        .map(|character| if disturbs(character) { ' ' } else { character })
        .take(MAX_MESSAGE)
        .collect::<String>()
        .trim()
        .to_owned()
}

/// Whether a terminal acts on it, or shows what stands around it in another order or not at all.
fn disturbs(character: char) -> bool {
    let is_invisible = matches!(
        character,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    );
    character.is_control() || is_invisible
}

/// A URL names accounts and carries queries: neither belongs in a log.
pub(super) fn without_url(error: reqwest::Error) -> reqwest::Error {
    error.without_url()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_cannot_disturb_a_terminal() {
        assert_eq!(printable(" a\u{1b}[31mb\nc "), "a [31mb c");
        assert_eq!(printable("a\u{202e}b\u{9b}c\u{2066}d\u{feff}"), "a b c d");
        assert_eq!(printable("Größe – 許可 😀"), "Größe – 許可 😀");
        assert_eq!(printable(&"x".repeat(1000)).len(), MAX_MESSAGE);
    }
}
