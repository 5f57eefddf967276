//! What a registry answers.

use reqwest::Response;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Credentials;
use crate::error::{Error, ErrorKind, Result};
use crate::printable;

/// Bytes of an answer that are read; no schema of ours comes near.
const MAX_BODY: usize = 4 << 20;

/// Characters of what it says that are repeated.
const MAX_WORDS: usize = 300;

/// An answer, whole.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    body: Vec<u8>,
    /// What it says of an error, fit to be shown.
    said: Option<String>,
    /// Its number for that.
    code: Option<i64>,
}

/// An error in the form that all registries share.
#[derive(Deserialize)]
struct Said {
    /// Whether there is one tells a registry from whatever else answers at an address.
    error_code: i64,
    message: Option<String>,
}

/// The answer of a check. Confluent's says why in `messages`, Apicurio's in `reason`.
#[derive(Deserialize)]
pub(super) struct Compatibility {
    is_compatible: bool,
    #[serde(default)]
    messages: Vec<String>,
    reason: Option<String>,
}

impl From<Compatibility> for super::Compatibility {
    fn from(found: Compatibility) -> Self {
        let words = found.reason.unwrap_or_else(|| found.messages.join("; "));
        let words = Some(printable(&words, MAX_WORDS)).filter(|words| !words.is_empty());
        Self { is_compatible: found.is_compatible, why: words }
    }
}

impl Reply {
    /// Reads the body, as far as it is read.
    pub(super) async fn of(mut response: Response) -> reqwest::Result<Self> {
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            body.extend_from_slice(&chunk[..chunk.len().min(MAX_BODY - body.len())]);
            if body.len() == MAX_BODY {
                break;
            }
        }
        Ok(Self { status, body, said: None, code: None })
    }

    /// This answer, unless it is about who asks, or about the registry's own state.
    pub(super) fn checked(mut self, credentials: Option<&Credentials>) -> Result<Self> {
        if !(200..300).contains(&self.status) {
            let said = serde_json::from_slice::<Said>(&self.body).ok();
            self.code = said.as_ref().map(|said| said.error_code);
            let words = said.map(|said| said.message.unwrap_or_default());
            // A server that repeats what it was sent is not repeated.
            let is_safe = |words: &String| !credentials.is_some_and(|it| it.is_in(words));
            self.said = words.map(|words| {
                if is_safe(&words) { printable(&words, MAX_WORDS) } else { String::new() }
            });
        }
        let (kind, what) = match (self.status, credentials) {
            (401, Some(_)) => {
                (ErrorKind::Unauthorized, "the user and password, or the token, were refused")
            }
            (401, None) => (
                ErrorKind::Unauthorized,
                "it asks for credentials: name a file with --registry-user-file or \
                 --registry-token-file, or set SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO or \
                 SCHEMA_REGISTRY_BEARER_TOKEN",
            ),
            (403, _) => (
                ErrorKind::Forbidden,
                "whoever asks may not read or write the subject: widen the permissions, or write \
                 nothing with --register latest",
            ),
            (408 | 425 | 429 | 500..=599, _) => (ErrorKind::Upstream, "it failed"),
            _ => return Ok(self),
        };
        Err(Error::new(kind, format!("{what} ({})", self.words())))
    }

    /// The status, and what is said of it.
    pub(super) fn words(&self) -> String {
        match self.said.as_deref() {
            None | Some("") => format!("status {}", self.status),
            Some(words) => format!("status {}: {words}", self.status),
        }
    }

    /// Whether a registry says that it has no such subject, version or schema. What is no more than a page that is missing has
    /// the status as its code, if it has one.
    pub(super) fn is_missing(&self) -> bool {
        self.status == 404 && self.code.is_some_and(|code| code / 100 == 404)
    }

    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|_| self.unexpected())
    }

    /// The error of an answer that no registry gives to such a request.
    pub(super) fn unexpected(&self) -> Error {
        let message = format!(
            "what answers is no schema registry with Confluent's API ({}): look at the path of \
             --schema-registry; Apicurio's ends in /apis/ccompat/v7",
            self.words()
        );
        Error::new(ErrorKind::Configuration, message)
    }
}
