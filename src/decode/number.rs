//! JSON numbers: their grammar, and their value as the nearest `f64`.

/// Offset behind the number that begins at `at`.
///
/// # Errors
/// The offset at which a digit was expected.
#[inline(always)]
pub(super) fn end(bytes: &[u8], at: usize) -> Result<usize, usize> {
    short_integer_end(bytes, at).map_or_else(|| any_end(bytes, at), Ok)
}

/// The same for an integer of less than eight digits, with bytes behind it: eight are looked at
/// together.
#[inline(always)]
fn short_integer_end(bytes: &[u8], at: usize) -> Option<usize> {
    let word = u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?);
    // A digit becomes its value; what is no digit gets its high bit set.
    let digits = word ^ 0x3030_3030_3030_3030;
    let others = (digits.wrapping_add(0x7676_7676_7676_7676) | digits) & 0x8080_8080_8080_8080;
    if others == 0 {
        return None;
    }
    let len = others.trailing_zeros() / 8;
    let behind = (word >> (len * 8)) as u8;
    let is_whole = len == 1 || (len > 1 && word as u8 != b'0');
    (is_whole && !matches!(behind, b'.' | b'e' | b'E')).then_some(at + len as usize)
}

#[inline(never)]
fn any_end(bytes: &[u8], mut at: usize) -> Result<usize, usize> {
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
#[inline]
pub(super) fn value(number: &str) -> Option<f64> {
    // Up to 15 digits are exact in an f64, and so is the power of ten that they are divided by: only
    // the division rounds, once.
    const POWERS: [f64; 16] =
        [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
    if number.len() <= POWERS.len() {
        let (mut integer, mut plain) = (0_u64, true);
        let mut point = number.len();
        for (at, byte) in number.bytes().enumerate() {
            let digit = byte.wrapping_sub(b'0');
            if digit < 10 {
                integer = integer * 10 + u64::from(digit);
            } else {
                plain &= byte == b'.';
                point = at + 1;
            }
        }
        let digits = number.len() - usize::from(point < number.len());
        if plain && digits < POWERS.len() {
            // Signed, which processors convert in one step.
            let integer = integer as i64 as f64;
            let decimals = number.len() - point;
            return Some(if decimals == 0 { integer } else { integer / POWERS[decimals] });
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
        for behind in [",\"a\":1234567", "}", "]        ", " ,       ", "\u{ff}\u{ff}\u{ff}\u{ff}"]
        {
            for good in ["0", "7", "1234567", "12345678", "1234567.8", "0.5", "1e5", "-12"] {
                let text = format!("{good}{behind}");
                assert_eq!(end(text.as_bytes(), 0), Ok(good.len()), "{text}");
            }
            assert_eq!(end(format!("007{behind}").as_bytes(), 0), Ok(1), "{behind}");
        }
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
            "0.3",
            "43.36",
            "12345678901234.5",
            "1234567890123456",
            "123456789012.345",
            "0.00000000000001",
            "1.000000000000001",
            "-1.5",
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
