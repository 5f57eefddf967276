//! The API token.

use std::fmt;

use memchr::memmem;
use reqwest::header::HeaderValue;

use crate::error::{Error, ErrorKind, Result};

/// A bearer token of one Truto environment or account. It is never shown.
#[derive(Clone)]
pub struct Token(HeaderValue);

impl Token {
    /// Takes a token; white space around it, such as the line feed of a file, is dropped.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if it is empty or holds what no header can.
    pub fn new(token: &str) -> Result<Self> {
        let token = token.trim();
        if token.is_empty() {
            return Err(Error::new(ErrorKind::Configuration, "API token is empty"));
        }
        // The cause is left out: it would tell nothing but where in the secret it is wrong.
        let mut header = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| {
            Error::new(
                ErrorKind::Configuration,
                "API token has a character that no header may have",
            )
        })?;
        header.set_sensitive(true);
        Ok(Self(header))
    }

    pub(super) fn bearer(&self) -> HeaderValue {
        self.0.clone()
    }

    /// `bytes` of a server, without the token, should it have said it back.
    pub(super) fn strip(&self, bytes: Vec<u8>) -> Vec<u8> {
        let token = self.0.as_bytes().strip_prefix(b"Bearer ").unwrap_or_default();
        if token.len() < SHORTEST || memmem::find(&bytes, token).is_none() {
            return bytes;
        }
        let mut stripped = Vec::with_capacity(bytes.len());
        let mut rest = 0;
        for at in memmem::find_iter(&bytes, token) {
            stripped.extend_from_slice(&bytes[rest..at]);
            stripped.extend_from_slice("…".as_bytes());
            rest = at + token.len();
        }
        stripped.extend_from_slice(&bytes[rest..]);
        stripped
    }

    /// An error about what a server said, likewise.
    pub(super) fn strip_error(&self, error: Error) -> Error {
        error.map_message(|message| {
            let stripped = self.strip(message.into_bytes());
            self.strip_cut(String::from_utf8(stripped).unwrap_or_default())
        })
    }

    /// A message whose words were cut to a length in the middle of the token: without what there is of it.
    fn strip_cut(&self, message: String) -> String {
        let token = self.0.to_str().unwrap_or_default();
        let token = token.strip_prefix("Bearer ").unwrap_or_default();
        let words = message.trim_end_matches(')');
        let parts = (SHORTEST..token.len()).rev().filter_map(|length| token.get(..length));
        match parts.filter_map(|part| words.strip_suffix(part)).next() {
            Some(rest) => format!("{rest}…{}", &message[words.len()..]),
            None => message,
        }
    }
}

/// A shorter token than this could be a part of any word.
const SHORTEST: usize = 8;

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_is_said_back_is_left_out() {
        let token = Token::new("s3cret-token").unwrap();
        let said = b"Bearer s3cret-token is not s3cret-tokens3cret-token".to_vec();
        assert_eq!(token.strip(said), "Bearer … is not ……".as_bytes());
        assert_eq!(token.strip(b"other".to_vec()), b"other");
        assert_eq!(Token::new("a").unwrap().strip(b"a cat".to_vec()), b"a cat");
        let error = Error::new(ErrorKind::Refused, "no s3cret-token");
        assert_eq!(token.strip_error(error).to_string(), "no …");
        let cut = Error::new(ErrorKind::Refused, "refused (status 401: Bearer s3cret-to)");
        assert_eq!(token.strip_error(cut).to_string(), "refused (status 401: Bearer …)");
    }

    #[test]
    fn a_token_is_never_shown() {
        let token = Token::new(" s3cret\n").unwrap();
        assert_eq!(token.bearer().to_str().unwrap(), "Bearer s3cret");
        assert_eq!(format!("{token:?} {:?}", token.bearer()), "Token(…) Sensitive");
        let refused = Token::new("s3\u{0}cret").unwrap_err();
        assert!(!format!("{refused} {refused:?}").contains("cret"));
        assert!(Token::new(" \n").is_err());
    }
}
