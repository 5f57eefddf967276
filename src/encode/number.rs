//! Numbers as JSON text: the shortest that is read back as the same `f64`, laid out as RFC 8785 has it.

use std::io::Write;

/// Integers below this are exact, and short.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Most digits before the point, and most zeros behind it, that are written out.
const WHOLE: i32 = 21;
const ZEROS: i32 = 6;

/// Adds `value`, which is finite. Other than in RFC 8785, -0 keeps its sign.
pub(super) fn write(out: &mut Vec<u8>, value: f64) {
    // Writing to a Vec, and to an array with room for the longest, cannot fail.
    if value.abs() < EXACT && value.trunc() == value {
        let sign = if value == 0.0 && value.is_sign_negative() { "-" } else { "" };
        let _ = write!(out, "{sign}{}", value as i64);
        return;
    }
    let mut room = [0; 32];
    let mut rest = &mut room[..];
    let _ = serde_json::to_writer(&mut rest, &value.abs());
    let free = rest.len();
    let (digits, point) = split(&room[..room.len() - free]);
    if value.is_sign_negative() {
        out.push(b'-');
    }
    let count = digits.len() as i32;
    match point {
        point if count <= point && point <= WHOLE => {
            out.extend_from_slice(&digits);
            out.resize(out.len() + (point - count) as usize, b'0');
        }
        1..=WHOLE => {
            let (whole, fraction) = digits.split_at(point as usize);
            out.extend_from_slice(whole);
            out.push(b'.');
            out.extend_from_slice(fraction);
        }
        point if -ZEROS < point && point <= 0 => {
            out.extend_from_slice(b"0.");
            out.resize(out.len() + -point as usize, b'0');
            out.extend_from_slice(&digits);
        }
        _ => {
            let (first, fraction) = digits.split_at(1);
            out.extend_from_slice(first);
            if !fraction.is_empty() {
                out.push(b'.');
                out.extend_from_slice(fraction);
            }
            let _ = write!(out, "e{:+}", point - 1);
        }
    }
}

/// The digits of a number that is not zero, without zeros around them, and behind how many of them the point
/// stands.
fn split(text: &[u8]) -> (Digits, i32) {
    let end = text.iter().position(|byte| *byte == b'e').unwrap_or(text.len());
    let exponent = text.get(end + 1..).and_then(|text| std::str::from_utf8(text).ok());
    let mut point: i32 = exponent.and_then(|text| text.parse().ok()).unwrap_or_default();
    let mut digits = Digits::default();
    let mut is_whole = true;
    for byte in &text[..end] {
        match byte {
            b'.' => is_whole = false,
            b'0' if digits.is_empty() => point -= i32::from(!is_whole),
            digit => {
                digits.push(*digit);
                point += i32::from(is_whole);
            }
        }
    }
    while let [.., b'0'] = *digits {
        digits.len -= 1;
    }
    (digits, point)
}

/// No `f64` needs more than 17, and none is printed with more than 21 before the point.
#[derive(Default)]
struct Digits {
    bytes: [u8; 32],
    len: usize,
}

impl Digits {
    fn push(&mut self, digit: u8) {
        self.bytes[self.len] = digit;
        self.len += 1;
    }
}

impl std::ops::Deref for Digits {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: f64) -> String {
        let mut out = Vec::new();
        write(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    /// Those of appendix B of RFC 8785.
    #[test]
    fn numbers_are_spelled_as_rfc_8785_has_it() {
        for (bits, expected) in [
            (0x0000000000000000, "0"),
            (0x0000000000000001, "5e-324"),
            (0x8000000000000001, "-5e-324"),
            (0x7fefffffffffffff, "1.7976931348623157e+308"),
            (0xffefffffffffffff, "-1.7976931348623157e+308"),
            (0x4340000000000000, "9007199254740992"),
            (0xc340000000000000, "-9007199254740992"),
            (0x4430000000000000, "295147905179352830000"),
            (0x44b52d02c7e14af5, "9.999999999999997e+22"),
            (0x44b52d02c7e14af6, "1e+23"),
            (0x44b52d02c7e14af7, "1.0000000000000001e+23"),
            (0x444b1ae4d6e2ef4e, "999999999999999700000"),
            (0x444b1ae4d6e2ef4f, "999999999999999900000"),
            (0x444b1ae4d6e2ef50, "1e+21"),
            (0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"),
            (0x3eb0c6f7a0b5ed8d, "0.000001"),
            (0x41b3de4355555553, "333333333.3333332"),
            (0x41b3de4355555554, "333333333.33333325"),
            (0x41b3de4355555555, "333333333.3333333"),
            (0x41b3de4355555556, "333333333.3333334"),
            (0x41b3de4355555557, "333333333.33333343"),
            (0xbecbf647612f3696, "-0.0000033333333333333333"),
            (0x43143ff3c1cb0959, "1424953923781206.2"),
        ] {
            let value = f64::from_bits(bits);
            assert_eq!(text(value), expected);
            assert_eq!(expected.parse(), Ok(value));
        }
        assert_eq!(text(-0.0), "-0");
        for (value, expected) in [(42.0, "42"), (-1.5, "-1.5"), (12.25, "12.25"), (1e-7, "1e-7")] {
            assert_eq!(text(value), expected);
        }
    }
}
