//! JSON numbers: their grammar, and their value as the nearest `f64`.

/// Offset behind the number that begins at `at`.
///
/// # Errors
/// The offset at which a digit was expected.
#[inline]
pub(super) fn end(bytes: &[u8], mut at: usize) -> Result<usize, usize> {
    at += usize::from(bytes[at] == b'-');
    at = match bytes.get(at) {
        Some(b'0') => at + 1,
        _ => digits(bytes, at)?,
    };
    if bytes.get(at) == Some(&b'.') {
        at = digits(bytes, at + 1)?;
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        at += 1;
        at += usize::from(matches!(bytes.get(at), Some(b'+' | b'-')));
        at = digits(bytes, at)?;
    }
    Ok(at)
}

/// Offset behind at least one digit.
#[inline]
fn digits(bytes: &[u8], start: usize) -> Result<usize, usize> {
    let mut at = start;
    while let Some(b'0'..=b'9') = bytes.get(at) {
        at += 1;
    }
    if at == start { Err(at) } else { Ok(at) }
}

/// The `f64` nearest to a number that [`end`] accepted; `None` beyond the range of `f64`.
#[cfg(any(feature = "arrow", test))]
#[inline]
pub(super) fn value(number: &str) -> Option<f64> {
    // Up to 15 digits are exact in an f64: no rounding can happen.
    if number.len() <= 15 {
        let mut integer = 0_u64;
        let mut plain = true;
        for byte in number.bytes() {
            let digit = byte.wrapping_sub(b'0');
            plain &= digit < 10;
            integer = integer.wrapping_mul(10).wrapping_add(u64::from(digit));
        }
        if plain {
            return Some(integer as f64);
        }
    }
    number.parse().ok().filter(|value: &f64| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_is_that_of_rfc_8259() {
        for good in ["0", "-0", "7", "10", "-12", "0.5", "1e9", "1E+9", "2.50e-007", "-0.0e0"] {
            assert_eq!(end(good.as_bytes(), 0), Ok(good.len()), "{good}");
        }
        for (bad, at) in
            [("-", 1), ("1.", 2), (".5", 0), ("1e", 2), ("1e+", 3), ("-x", 1), ("+1", 0)]
        {
            assert_eq!(end(bad.as_bytes(), 0), Err(at), "{bad}");
        }
        assert_eq!(end(b"01", 0), Ok(1), "a leading zero ends the number");
    }

    #[test]
    fn values_are_the_nearest() {
        for number in [
            "0",
            "-0",
            "1",
            "4999",
            "999999999999999",
            "9007199254740993",
            "0.1",
            "1e23",
            "5e-324",
            "2.2250738585072011e-308",
            "1.7976931348623157e308",
            "-1e-400",
            "123456789012345678901",
        ] {
            let expected: f64 = number.parse().unwrap();
            assert_eq!(value(number).unwrap().to_bits(), expected.to_bits(), "{number}");
        }
        assert_eq!(value("1e400"), None);
        assert_eq!(value("-1e400"), None);
    }
}
