//! JSON strings: where they end, and what they say.

use std::borrow::Cow;

use crate::simd::{self, LANE};

/// What stands between the quotes of a string that was checked, escapes included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<'a> {
    raw: &'a str,
    is_escaped: bool,
}

impl<'a> Text<'a> {
    pub(super) fn new(raw: &'a str, is_escaped: bool) -> Self {
        Self { raw, is_escaped }
    }

    /// Whether it says `plain`, escapes undone.
    #[inline]
    pub(super) fn is(self, plain: &str) -> bool {
        self.raw == plain || (self.is_escaped && self.decode().is_some_and(|text| text == plain))
    }

    /// The string as it came, escapes kept.
    pub(super) fn raw(self) -> &'a str {
        self.raw
    }

    /// Whether there is an escape in it.
    pub(super) fn is_escaped(self) -> bool {
        self.is_escaped
    }

    /// Whether [`decode`](Self::decode) has an answer.
    #[inline]
    pub(super) fn is_decodable(self) -> bool {
        !self.is_escaped || self.decode().is_some()
    }

    /// The characters it stands for; `None` if an escape is a lone surrogate, which is none.
    #[inline]
    pub(crate) fn decode(self) -> Option<Cow<'a, str>> {
        if self.is_escaped {
            self.unescape().map(Cow::Owned)
        } else {
            Some(Cow::Borrowed(self.raw))
        }
    }

    fn unescape(self) -> Option<String> {
        let mut decoded = String::with_capacity(self.raw.len());
        self.unescape_to(&mut decoded).then_some(decoded)
    }

    /// Adds the characters it stands for to `target`; nothing, and answers no, where
    /// [`decode`](Self::decode) has no answer.
    #[inline]
    #[cfg(feature = "arrow")]
    pub(super) fn decode_to(self, target: &mut String) -> bool {
        if self.is_escaped {
            return self.unescape_to(target);
        }
        target.push_str(self.raw);
        true
    }

    fn unescape_to(self, target: &mut String) -> bool {
        let before = target.len();
        let mut rest = self.raw;
        while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
            target.push_str(&rest[..at]);
            let Some((character, len)) = unescape(&rest[at + 1..]) else {
                target.truncate(before);
                return false;
            };
            target.push(character);
            rest = &rest[at + 1 + len..];
        }
        target.push_str(rest);
        true
    }
}

/// JSON text with `\ufffd` in place of each escape that is a lone surrogate.
///
/// RFC 8259 allows a lone surrogate such as `\ud83d` and calls what becomes of it unpredictable.
/// DuckDB refuses the whole file for one in a column of JSON.
pub(super) fn without_lone_surrogates(json: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(json);
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'\\', &json.as_bytes()[at..]) {
        at += found;
        at += match unescape(&json[at + 1..]) {
            Some((_, len)) => 1 + len,
            None => {
                // As long as what it replaces.
                text.to_mut().replace_range(at..at + 6, "\\ufffd");
                6
            }
        };
    }
    text
}

/// The character that stands behind a backslash, and how many bytes of `rest` spell it.
fn unescape(rest: &str) -> Option<(char, usize)> {
    let character = match rest.as_bytes().first()? {
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => {
            let unit = hex(rest.get(1..5)?)?;
            if let Some(character) = char::from_u32(unit) {
                return Some((character, 5));
            }
            let low = rest.get(5..7).filter(|escape| *escape == "\\u").and(rest.get(7..11))?;
            let pair = [unit as u16, hex(low)? as u16];
            let character = char::decode_utf16(pair).next()?.ok()?;
            return Some((character, 11));
        }
        other => char::from(*other),
    };
    Some((character, 1))
}

fn hex(digits: &str) -> Option<u32> {
    u32::from_str_radix(digits, 16).ok()
}

/// Offset of the quote that closes a string, from the first of its bytes that is special and no
/// quote.
///
/// # Errors
/// What is wrong, and the offset of it.
pub(super) fn escaped_end(bytes: &[u8], mut at: usize) -> Result<usize, (&'static str, usize)> {
    loop {
        match bytes.get(at) {
            Some(b'"') => return Ok(at),
            Some(b'\\') => at = special(bytes, escape_end(bytes, at)?),
            Some(_) => return Err(("a control character must be escaped", at)),
            None => return Err(("the record ends inside a string", at)),
        }
    }
}

/// Offset behind the escape whose backslash is at `at`.
fn escape_end(bytes: &[u8], at: usize) -> Result<usize, (&'static str, usize)> {
    match bytes.get(at + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
        Some(b'u') => match bytes.get(at + 2..at + 6) {
            Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => Ok(at + 6),
            _ => Err(("`\\u` needs four hexadecimal digits", at)),
        },
        Some(_) => Err(("no such escape", at)),
        None => Err(("the record ends inside a string", at + 1)),
    }
}

/// Offset of the first quote, backslash or control character at or behind `at`; the length of
/// `bytes` if there is none.
#[inline(always)]
pub(crate) fn special(bytes: &[u8], mut at: usize) -> usize {
    while let Some(lane) = simd::window::<LANE>(bytes, at) {
        let found = simd::specials(lane);
        if found != 0 {
            return at + found.trailing_zeros() as usize;
        }
        at += LANE;
    }
    plain_special(bytes, at)
}

/// The same, byte by byte.
#[inline(never)]
fn plain_special(bytes: &[u8], mut at: usize) -> usize {
    while let Some(byte) = bytes.get(at) {
        if *byte < 0x20 || *byte == b'"' || *byte == b'\\' {
            break;
        }
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_bytes_are_found_wherever_they_stand() {
        for length in 0..40 {
            for at in 0..length {
                for byte in 0..=255_u8 {
                    let mut bytes = vec![b'x'; length];
                    bytes[at] = byte;
                    let is_special = byte < 0x20 || byte == b'"' || byte == b'\\';
                    let expected = if is_special { at } else { length };
                    assert_eq!(special(&bytes, 0), expected, "{byte:#x} at {at} of {length}");
                }
            }
        }
    }

    #[test]
    fn decodes_as_serde_json_does() {
        for raw in [
            r"plain",
            r"",
            r#"\"\\\/\b\f\n\r\t"#,
            r"\u0000",
            r"\u00e9\u958B",
            r"\ud83d\ude00!",
            r"\ud83d",
            r"\ud83dx",
            r"\ud83d\n",
            r"\ude00",
            r"\ud83d\ud83d",
            r"\ud83d\u0041",
            "開\\n発",
        ] {
            let quoted = format!("\"{raw}\"");
            let is_escaped = raw.contains('\\');
            assert_eq!(
                escaped_end(quoted.as_bytes(), 1 + raw.find('\\').unwrap_or(raw.len())),
                Ok(quoted.len() - 1)
            );
            let expected = serde_json::from_str::<String>(&quoted).ok();
            assert_eq!(Text::new(raw, is_escaped).decode().map(Cow::into_owned), expected, "{raw}");
        }
    }

    #[test]
    fn only_lone_surrogates_are_replaced() {
        for kept in [r#"{"a\n":"\ud83d\ude00 \u0000 \\ud83d é"}"#, "[1]", ""] {
            assert!(matches!(without_lone_surrogates(kept), Cow::Borrowed(text) if text == kept));
        }
        let lone = r#"{"\uD83D":["\ude00\ud83d","é\ud83d\n\ud83d\ude00\ud83d\ud83d\ude00"]}"#;
        let text = r#"{"\ufffd":["\ufffd\ufffd","é\ufffd\n\ud83d\ude00\ufffd\ud83d\ude00"]}"#;
        assert_eq!(without_lone_surrogates(lone), text);
    }

    #[test]
    fn names_are_equal_escapes_undone() {
        assert!(Text::new("id", false).is("id"));
        assert!(Text::new(r"i\u0064", true).is("id"));
        assert!(!Text::new(r"i\u0065", true).is("id"));
        assert!(!Text::new("ID", false).is("id"));
    }
}
