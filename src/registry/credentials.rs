//! Who asks a registry.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;

use crate::error::{Error, ErrorKind, Result};

/// A user and a password, or a token. Never shown.
#[derive(Clone)]
pub struct Credentials {
    header: HeaderValue,
    /// What a server must not be quoted with.
    secrets: [Box<str>; 2],
}

impl Credentials {
    /// `user:password`, for basic authentication; white space around it, such as the line feed of a file,
    /// is dropped.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] without a colon.
    pub fn basic(user_and_password: &str) -> Result<Self> {
        let plain = user_and_password.trim();
        let Some((_, password)) = plain.split_once(':') else {
            let message = "user of the schema registry is not of the form user:password";
            return Err(Error::new(ErrorKind::Configuration, message));
        };
        Self::new("Basic", &STANDARD.encode(plain), password)
    }

    /// A bearer token; white space around it is dropped.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if it is empty or holds what no header can.
    pub fn bearer(token: &str) -> Result<Self> {
        let token = token.trim();
        if token.is_empty() {
            let message = "token of the schema registry is empty";
            return Err(Error::new(ErrorKind::Configuration, message));
        }
        Self::new("Bearer", token, token)
    }

    fn new(scheme: &str, sent: &str, secret: &str) -> Result<Self> {
        // The cause is left out: it would tell nothing but where in the secret it is wrong.
        let mut header = HeaderValue::from_str(&format!("{scheme} {sent}")).map_err(|_| {
            let message = "token of the schema registry has a character that no header may have";
            Error::new(ErrorKind::Configuration, message)
        })?;
        header.set_sensitive(true);
        Ok(Self { header, secrets: [sent.into(), secret.into()] })
    }

    pub(super) fn header(&self) -> HeaderValue {
        self.header.clone()
    }

    /// Whether `words` give it away, wholly or in part.
    pub(super) fn is_in(&self, words: &str) -> bool {
        self.secrets.iter().any(|secret| !secret.is_empty() && words.contains(&**secret))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_sent_and_never_shown() {
        let basic = Credentials::basic("user:s3cret\n").unwrap();
        assert_eq!(basic.header().to_str().unwrap(), "Basic dXNlcjpzM2NyZXQ=");
        let bearer = Credentials::bearer(" t0ken\n").unwrap();
        assert_eq!(bearer.header().to_str().unwrap(), "Bearer t0ken");
        let shown = format!("{basic:?} {:?} {bearer:?}", basic.header());
        assert_eq!(shown, "Credentials(…) Sensitive Credentials(…)");
        assert!(basic.is_in("no s3cret") && basic.is_in("dXNlcjpzM2NyZXQ=") && !basic.is_in("no"));
        for refused in [
            Credentials::basic("s3cret").unwrap_err(),
            Credentials::bearer("s3cret\u{0}").unwrap_err(),
            Credentials::bearer(" ").unwrap_err(),
        ] {
            assert!(!format!("{refused} {refused:?}").contains("cret"));
        }
    }
}
