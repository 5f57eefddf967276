//! Which content encoding a response has.

use reqwest::header::{CONTENT_ENCODING, HeaderMap, HeaderName, TRANSFER_ENCODING};

use crate::error::{Error, ErrorKind, Result};

/// What is asked for where compressed bodies are wanted. A server chooses; the order is a wish.
pub(super) const WANTED: &str = "zstd, br, gzip, deflate";

/// What is asked for where they are not.
pub(super) const UNWANTED: &str = "identity";

/// Characters of an unknown encoding that are shown.
const MAX_SHOWN: usize = 40;

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// RFC 1952; one member or several, one after the other.
    Gzip,
    /// RFC 7932.
    Brotli,
    /// RFC 8878; one frame or several.
    Zstd,
    /// RFC 9110 means zlib's format (RFC 1950) by it; some servers send it without its frame
    /// (RFC 1951).
    Deflate,
}

impl Encoding {
    /// The encoding of a response with `headers`; `None` if its body is as it is.
    ///
    /// # Errors
    /// [`ErrorKind::Malformed`] if it is one that was never asked for, or several on top of each other.
    pub(super) fn of(headers: &HeaderMap) -> Result<Option<Self>> {
        if list(headers, &TRANSFER_ENCODING).any(|coding| !coding.eq_ignore_ascii_case("chunked")) {
            let message = "body is compressed by its Transfer-Encoding, which is not read";
            return Err(Error::new(ErrorKind::Malformed, message));
        }
        let mut codings =
            list(headers, &CONTENT_ENCODING).filter(|name| !name.eq_ignore_ascii_case("identity"));
        let Some(name) = codings.next() else { return Ok(None) };
        if codings.next().is_some() {
            let message = "body is compressed more than once, which is not read: its \
                Content-Encoding names several";
            return Err(Error::new(ErrorKind::Malformed, message));
        }
        match name.to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => Ok(Some(Self::Gzip)),
            "br" => Ok(Some(Self::Brotli)),
            "zstd" => Ok(Some(Self::Zstd)),
            "deflate" => Ok(Some(Self::Deflate)),
            name => {
                let shown: String = name.chars().take(MAX_SHOWN).collect();
                let message = format!(
                    "body has the Content-Encoding `{shown}`: gzip, br, zstd and deflate are read"
                );
                Err(Error::new(ErrorKind::Malformed, message))
            }
        }
    }

    /// Bytes of a recorded body by which its encoding is told.
    pub(super) const START: usize = 4;

    /// The encoding of a recorded body that begins with `start`, told by what no JSON begins with.
    pub(super) fn of_start(start: &[u8]) -> Option<Self> {
        match start {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            [0x78, second, ..] if u16::from_be_bytes([0x78, *second]).is_multiple_of(31) => {
                Some(Self::Deflate)
            }
            _ => None,
        }
    }

    /// The name that headers use.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
            Self::Deflate => "deflate",
        }
    }

    /// Whether several compressed streams may follow each other. Where they may not, the end of the
    /// one is the end of the body.
    pub(super) fn may_go_on(self) -> bool {
        matches!(self, Self::Gzip | Self::Zstd)
    }
}

/// The elements of a header that is a list, over all of its lines. One that is no text counts as one
/// that nobody knows.
fn list<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(name)
        .into_iter()
        .flat_map(|value| value.to_str().unwrap_or("?").split(','))
        .map(str::trim)
        .filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[(HeaderName, &'static [u8])]) -> Result<Option<Encoding>, String> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name, reqwest::header::HeaderValue::from_bytes(value).unwrap());
        }
        Encoding::of(&headers).map_err(|error| {
            assert_eq!(error.kind(), ErrorKind::Malformed);
            error.to_string()
        })
    }

    #[test]
    fn an_encoding_is_told_by_its_names() {
        for (value, encoding) in [
            (&b"gzip"[..], Some(Encoding::Gzip)),
            (b"X-GZip", Some(Encoding::Gzip)),
            (b" br ", Some(Encoding::Brotli)),
            (b"identity, zstd,", Some(Encoding::Zstd)),
            (b"deflate", Some(Encoding::Deflate)),
            (b"identity", None),
            (b"", None),
        ] {
            assert_eq!(of(&[(CONTENT_ENCODING, value)]), Ok(encoding));
        }
        assert_eq!(of(&[(TRANSFER_ENCODING, b"chunked")]), Ok(None));
    }

    #[test]
    fn what_was_never_asked_for_is_refused() {
        let twice = of(&[(CONTENT_ENCODING, b"gzip, br")]).unwrap_err();
        assert!(twice.contains("more than once"), "{twice}");
        assert_eq!(of(&[(CONTENT_ENCODING, b"gzip"), (CONTENT_ENCODING, b"gzip")]), Err(twice));
        let long: &[u8] = &[b'x'; 1000];
        let unknown = of(&[(CONTENT_ENCODING, long)]).unwrap_err();
        assert!(unknown.contains(&format!("`{}`", "x".repeat(MAX_SHOWN))), "{unknown}");
        assert!(of(&[(CONTENT_ENCODING, b"\xe9")]).unwrap_err().contains("`?`"));
        let transfer = of(&[(TRANSFER_ENCODING, b"gzip, chunked")]).unwrap_err();
        assert!(transfer.contains("Transfer-Encoding"), "{transfer}");
    }
}
