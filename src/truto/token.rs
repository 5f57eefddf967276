//! The API token.

use std::fmt;

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
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
