//! Answers that are no success: what they are called, and whether asking again may help.

use std::error::Error as StdError;
use std::iter::successors;
use std::time::{Duration, SystemTime};

use reqwest::header::LOCATION;
use reqwest::{Response, StatusCode, Url};

use super::answer::Answer;
use super::host;
use super::proxy;
use super::rate_limit::{Said, told};
use super::token::Token;
use super::whole::Whole;
use crate::error::{Error, ErrorKind};
use crate::frame::{BY_PROVIDER, REPORTED};
use crate::insight::Insight;
use crate::room::Room;

/// What a proxy says with 407.
const PROXY_AUTHENTICATION: &str =
    "the proxy wants to know who asks: it takes a user and a password in its URL";

/// Bytes of an error body that are looked at: what the provider answered may be in it.
const MAX_BODY: usize = 1 << 20;

/// How long to wait where a rate limit is reached and nothing says for how long.
const UNTOLD: Duration = Duration::from_secs(10);

/// An answer that is no success, or none at all.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(super) error: Error,
    pub(super) again: Again,
    /// How long the server wants to be left alone.
    pub(super) told: Option<Duration>,
    /// Whose rate limit is reached, if one is.
    pub(super) limited: Option<Limited>,
}

/// Whether a request may be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    Never,
    /// Once more, and no further time.
    Once,
    Often,
}

/// Who has a rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limited {
    /// The API, or nobody knows who.
    ByApi,
    /// The provider of the account.
    ByProvider,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let again = if error.is_retryable() { Again::Often } else { Again::Never };
        Self { error, again, told: None, limited: None }
    }
}

impl Failure {
    /// The same failure of a request about `account`, if it was about one.
    pub(super) fn of(mut self, account: Option<&str>) -> Self {
        if let Some(account) = account {
            self.error = self.error.of_account(account);
        }
        self
    }

    /// The same, with where to look, if it may pass by itself or by another address.
    #[cfg(feature = "registry")]
    pub(crate) fn advising(self, advice: &'static str) -> Self {
        match self.again {
            Again::Never => self,
            _ => Self { error: self.error.advising(advice), ..self },
        }
    }

    /// The same with `words` before what the error says.
    #[cfg(feature = "registry")]
    pub(crate) fn saying_first(mut self, words: &str) -> Self {
        self.error = self.error.saying_first(words);
        self
    }
}

/// The failure of a request that got no answer. `flags` are those of certificates.
pub(crate) fn unreachable(url: &Url, error: reqwest::Error, flags: &str) -> Failure {
    let host = host(url);
    let error = error.without_url();
    let is_of_trust =
        chain(&error).any(|error| error.to_string().to_ascii_lowercase().contains("certificate"));
    let tunnel = chain(&error).map(ToString::to_string).find(|it| it.starts_with("tunnel error"));
    // So hyper says; its own type is no part of what is public.
    let is_no_http = chain(&error).map(ToString::to_string).any(|error| {
        (error.starts_with("invalid ") && error.ends_with(" parsed"))
            || error == "message head is too large"
    });
    let (message, again) = if let Some(tunnel) = tunnel {
        let proxy = proxy::of_environment(url).unwrap_or_default();
        let (how, again) = if tunnel.contains("authorization") {
            (PROXY_AUTHENTICATION, Again::Never)
        } else if tunnel.contains("unsuccessful") {
            ("the proxy refuses to lead there", Again::Often)
        } else {
            ("the proxy does not answer", Again::Often)
        };
        (format!("{host} cannot be connected to: {how}{proxy}"), again)
    } else if is_no_http {
        let message = format!(
            "{host} answers with what is no HTTP: look at its port, and whether it is \
            http or https"
        );
        (message, Again::Often)
    } else if is_of_trust {
        let message = format!(
            "{host} cannot be spoken to safely: one side does not trust the other's certificate \
             ({flags})"
        );
        (message, Again::Never)
    } else if error.is_builder() || error.is_redirect() {
        (format!("{host} cannot be asked"), Again::Never)
    } else if error.is_connect() {
        let proxy = proxy::of_environment(url);
        let how = match proxy {
            // A proxy for plain HTTP is no tunnel: what it does not answer is a connection like any other.
            Some(proxy) if url.scheme() == "http" => format!(": the proxy does not answer{proxy}"),
            Some(proxy) if error.is_timeout() => {
                format!(" in time: the proxy, or what it leads to, does not answer{proxy}")
            }
            _ if error.is_timeout() => " in time".to_owned(),
            _ => String::new(),
        };
        (format!("{host} cannot be connected to{how}"), Again::Often)
    } else {
        (format!("{host} did not answer"), Again::Often)
    };
    let error = Error::new(ErrorKind::Unreachable, message).caused_by(error);
    Failure { error, again, told: None, limited: None }
}

/// An error and its causes.
fn chain<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    successors(Some(error), |error| (*error).source())
}

/// The failure that a response with another status than success stands for.
pub(super) async fn refused(
    response: Response,
    idle: Duration,
    max_ratio: u32,
    room: &Room,
    token: &Token,
    now: SystemTime,
) -> Failure {
    let status = response.status();
    let target = (status != StatusCode::NOT_MODIFIED).then(|| redirected_to(&response));
    let retry_after = told(response.headers(), now);
    let reset = Said::of(response.headers()).reset;
    // All of it within the time that a part of a body may take.
    let read = tokio::time::timeout(idle, error_body(response, idle, max_ratio, room)).await;
    let said =
        read.map_or_else(|_| Insight::default(), |body| Insight::of(&token.strip(body.to_vec())));
    let (kind, what) = classify(status, said.is_remote);
    let target = if status.is_redirection() { target.as_deref() } else { None };
    let message = match target {
        Some(target) => format!(
            "{what} to {target}, where no token is taken: if the API is there, name it with --base-url ({})",
            said.with_status(u64::from(status.as_u16()))
        ),
        None => format!("{what} ({})", said.with_status(u64::from(status.as_u16()))),
    };
    let is_limit = status == StatusCode::TOO_MANY_REQUESTS;
    Failure {
        // Once more, as JSON has other ways to write it.
        error: token.strip_error(Error::new(kind, message)),
        again: again(status),
        told: if is_limit { retry_after.or(reset).or(Some(UNTOLD)) } else { retry_after },
        limited: is_limit.then_some(match said.is_remote {
            true => Limited::ByProvider,
            false => Limited::ByApi,
        }),
    }
}

/// Where a redirect leads, without what could be a secret.
fn redirected_to(response: &Response) -> String {
    let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
    let target = location.and_then(|location| response.url().join(location).ok());
    match target.map(|target| target.origin()) {
        Some(origin) if origin == response.url().origin() => "another path of its own".to_owned(),
        Some(origin) if origin.is_tuple() => origin.ascii_serialization(),
        _ => "an address that it does not name".to_owned(),
    }
}

fn classify(status: StatusCode, remote: bool) -> (ErrorKind, &'static str) {
    let status = status.as_u16();
    let kind = match status {
        // No error of the API: something else answers, or a proxy stands before it.
        ..400 => ErrorKind::Refused,
        407 => ErrorKind::Unreachable,
        _ => ErrorKind::of_status(status, remote),
    };
    (kind, what(status, remote))
}

/// An error that came of a body, for whoever must act: one that was told in it as the same in place of an
/// answer, and the account named where it is known.
pub(super) fn of_body(error: Error, account: Option<&str>) -> Error {
    let is_told = error.message().contains(REPORTED);
    let is_remote = error.message().starts_with(BY_PROVIDER);
    let status = match error.kind() {
        ErrorKind::AccountUnauthorized | ErrorKind::Unauthorized => Some(401),
        ErrorKind::Forbidden => Some(403),
        _ => None,
    };
    let is_of_api = is_told
        || matches!(
            error.kind(),
            ErrorKind::Upstream | ErrorKind::Malformed | ErrorKind::Truncated
        );
    let error = match status.filter(|_| is_told) {
        Some(status) => error.saying_first(what(status, is_remote)),
        None => error,
    };
    match account {
        Some(account) if is_of_api && error.account().is_none() => error.of_account(account),
        _ => error,
    }
}

fn what(status: u16, remote: bool) -> &'static str {
    match status {
        401 if remote => "the account must be connected anew in Truto",
        401 => "the API token was refused: look at TRUTO_API_TOKEN or --token-file",
        403 if remote => "the account lacks a permission at its provider",
        403 => "the token or the account lacks a permission",
        404 if remote => "the provider knows of no such thing",
        404 => {
            "there is no such account, or no such address: look at the id (`license-stream accounts` lists them), and at the \
             path of --base-url"
        }
        407 => PROXY_AUTHENTICATION,
        408 | 425 => "the API was not ready",
        429 if remote => "the provider's rate limit is reached",
        429 => "the API's rate limit is reached",
        304 => "the API answered that nothing has changed, which was not asked",
        300..=399 => "the API redirects",
        503 if !remote => "the API is not available, or the account is blocked",
        500.. if remote => "the provider failed",
        500.. => "the API failed",
        ..300 => "the API answered with something else than licenses",
        _ if remote => "the provider refused the request",
        _ => "the API refused the request",
    }
}

/// Whether a request that was answered with `status` may be made again.
fn again(status: StatusCode) -> Again {
    match status.as_u16() {
        408 | 425 | 429 => Again::Often,
        // Says the vendor: the account is blocked.
        503 => Again::Once,
        // What the server will never do for this request, however often it is asked.
        501 | 505 | 506 | 508 | 510 | 511 => Again::Never,
        // 520 to 530 are those of the network in front of the API.
        500..=599 => Again::Often,
        _ => Again::Never,
    }
}

/// What came of the body, at most [`MAX_BODY`] of it.
async fn error_body(response: Response, idle: Duration, max_ratio: u32, room: &Room) -> Whole {
    let mut body = Whole::new(MAX_BODY, room);
    let Ok(mut answer) = Answer::open(response, idle, max_ratio) else { return body };
    while let Ok(Some(chunk)) = answer.next().await {
        if !body.push(&chunk).await {
            break;
        }
    }
    body
}

/// A URL names accounts and carries queries: neither belongs in a log.
pub(super) fn without_url(error: reqwest::Error) -> reqwest::Error {
    error.without_url()
}
