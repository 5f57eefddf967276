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

    fn text(&self) -> &[u8] {
        self.0.as_bytes().strip_prefix(b"Bearer ").unwrap_or_default()
    }

    /// `bytes` of a server, without the token, should it have said it back: as it is, in letters of another
    /// case, or percent-encoded, wholly or in part.
    pub(super) fn strip(&self, bytes: Vec<u8>) -> Vec<u8> {
        let token = self.text();
        if token.len() < SHORTEST {
            return bytes;
        }
        let mut stripped = Vec::with_capacity(bytes.len());
        let mut rest = &bytes[..];
        while let Some((byte, behind)) = rest.split_first() {
            match spelt(token, rest) {
                Some(length) => {
                    stripped.extend_from_slice("…".as_bytes());
                    rest = &rest[length..];
                }
                None => {
                    stripped.push(*byte);
                    rest = behind;
                }
            }
        }
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
        let token = self.text();
        let words = message.trim_end_matches(')');
        // An escape may have been cut too.
        let escape = words.rfind('%').filter(|at| words.len() - at < 3);
        for end in [Some(words.len()), escape].into_iter().flatten() {
            let is_part = |start: &usize| {
                let part = &words.as_bytes()[*start..end];
                let lengths = SHORTEST..=token.len();
                lengths.rev().any(|length| spelt(&token[..length], part) == Some(part.len()))
            };
            let starts = words[..end].char_indices().map(|(start, _)| start);
            if let Some(start) = { starts }.find(is_part) {
                return format!("{}…{}", &words[..start], &message[words.len()..]);
            }
        }
        message
    }
}

/// How many of the first bytes of `words` say `token`, if they do.
fn spelt(token: &[u8], words: &[u8]) -> Option<usize> {
    // A percent sign may be the token's own.
    [false, true].into_iter().find_map(|escapes_first| {
        let mut rest = words;
        for wanted in token {
            let escape = match rest {
                [b'%', high, low, behind @ ..] if is_escape(*high, *low, *wanted) => Some(behind),
                _ => None,
            };
            let plain = rest.split_first().filter(|(byte, _)| byte.eq_ignore_ascii_case(wanted));
            let plain = plain.map(|(_, behind)| behind);
            rest = if escapes_first { escape.or(plain) } else { plain.or(escape) }?;
        }
        Some(words.len() - rest.len())
    })
}

/// Whether `%` and these two digits stand for a byte.
fn is_escape(high: u8, low: u8, byte: u8) -> bool {
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let value = digit(high).zip(digit(low)).map(|(high, low)| (high * 16 + low) as u8);
    value.is_some_and(|value| value.eq_ignore_ascii_case(&byte))
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
    fn a_token_in_another_spelling_is_left_out_too() {
        let token = Token::new("tok/SECRET+xyz==").unwrap();
        for said in [
            "tok%2FSECRET%2Bxyz%3D%3D",
            "tok%2fSECRET%2bxyz%3d%3d",
            "tok/SECRET%2Bxyz==",
            "TOK/secret+XYZ==",
            "%74%6F%6B%2F%53%45%43%52%45%54%2B%78%79%7A%3D%3D",
        ] {
            let told = token.strip(format!("you sent {said}, bye").into_bytes());
            assert_eq!(String::from_utf8(told).unwrap(), "you sent …, bye", "{said}");
            for length in said.len() * 3 / 4..said.len() {
                let error = Error::new(ErrorKind::Refused, format!("no {})", &said[..length]));
                assert_eq!(token.strip_error(error).to_string(), "no …)", "{}", &said[..length]);
            }
        }
        // A token that has a percent sign of its own.
        let token = Token::new("a%2Fb-c3cret%").unwrap();
        assert_eq!(token.strip(b"a%2Fb-c3cret% a%252Fb-c3cret%25".to_vec()), "… …".as_bytes());
        let token = Token::new("s3cret%25tail").unwrap();
        assert_eq!(token.strip(b"s3cret%25tail s3cret%2525tail".to_vec()), "… …".as_bytes());
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
