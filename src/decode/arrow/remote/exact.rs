//! JSON numbers that a column holds so that none of their digits is lost.

use crate::decode::json::{Kind, Value};
use crate::decode::number;

/// Up to so many digits any number has in an `f64`, if it is neither huge nor tiny.
const DIGITS: usize = f64::DIGITS as usize;

/// The integer, if it is written as one, and `i64` has it. `-0` is none.
pub(super) fn as_integer(value: Value<'_>) -> Option<i64> {
    if value.kind() != Kind::Number || value.raw() == "-0" {
        return None;
    }
    // Neither a point nor an exponent is a digit to it.
    value.raw().parse().ok()
}

/// Whether it is written as an integer, of whatever size.
pub(super) fn is_integer(value: Value<'_>) -> bool {
    value.kind() == Kind::Number && !value.raw().contains(['.', 'e', 'E'])
}

/// The number, if an `f64` says the same: an integer up to 2^53, or a decimal that is what the `f64` is written as,
/// but for zeros at its ends and the place of its point.
pub(super) fn as_number(value: Value<'_>) -> Option<f64> {
    const WHOLE: u64 = 1 << f64::MANTISSA_DIGITS;
    if value.kind() != Kind::Number {
        return None;
    }
    let found = number::value(value.raw())?;
    let is_plain = || !value.raw().contains(['e', 'E']);
    let fits = if value.raw().len() <= DIGITS && is_plain() {
        true
    } else if is_integer(value) {
        value.raw().parse::<i64>().is_ok_and(|integer| integer.unsigned_abs() <= WHOLE)
    } else {
        Decimal::of(value.raw()) == Decimal::of(&format!("{found:e}"))
    };
    fits.then_some(found)
}

/// What a number says, however it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decimal {
    is_negative: bool,
    /// Without zeros at the ends; none of zero.
    digits: String,
    /// The power of ten of the last digit; 0 of zero.
    exponent: i64,
}

impl Decimal {
    /// `None` if the exponent is beyond all that is.
    pub(super) fn of(number: &str) -> Option<Self> {
        let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
        let is_negative = mantissa.starts_with('-');
        let mantissa = mantissa.trim_start_matches('-');
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        let digits = all.trim_end_matches('0');
        let zeros = (all.len() - digits.len()) as i64;
        let digits = digits.trim_start_matches('0').to_owned();
        if digits.is_empty() {
            return Some(Self { is_negative, digits, exponent: 0 });
        }
        let exponent = exponent.parse::<i64>().ok()?;
        let exponent = exponent.checked_add(zeros)?.checked_sub(fraction.len() as i64)?;
        Some(Self { is_negative, digits, exponent })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::json::Scanner;

    /// What is read of a value.
    fn read<T>(raw: &str, read: impl Fn(Value<'_>) -> Option<T>) -> Option<T> {
        let json = format!("{{\"a\":{raw}}}");
        let mut found = None;
        assert!(Scanner::each_member(Value::object(&json).unwrap(), |_, value| found = read(value)));
        found
    }

    #[test]
    fn integers_are_those_that_are_written_so_and_fit() {
        for (raw, wanted) in [
            ("0", Some(0)),
            ("-7", Some(-7)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("-0", None),
            ("1.0", None),
            ("1e2", None),
        ] {
            assert_eq!(read(raw, as_integer), wanted, "{raw}");
        }
        assert_eq!(read("\"1\"", as_integer), None);
        assert_eq!(read("\"1\"", as_number), None);
    }

    #[test]
    fn numbers_are_those_that_lose_no_digit() {
        for raw in [
            "0",
            "-0",
            "-0.0",
            "0.1",
            "1.50",
            "1e2",
            "-1E+2",
            "0e99999999999999999999",
            "123456789012345",
            "9007199254740992",
            "-9007199254740992",
            "0.30000000000000004",
            "1.7976931348623157e308",
            "5e-324",
            "1e23",
            "43.360",
            "0.000000000000000000000000000000100",
        ] {
            let found = read(raw, as_number).unwrap_or_else(|| panic!("{raw}"));
            assert_eq!(found.to_bits(), raw.parse::<f64>().unwrap().to_bits(), "{raw}");
        }
        for raw in [
            "9007199254740993",
            "18446744073709551615",
            "100000000000000000000000",
            "0.1000000000000000055",
            "1e400",
            "1e-400",
            "1e-99999999999999999999",
            "4.9e-324",
            "0.30000000000000004000000000000001",
        ] {
            assert_eq!(read(raw, as_number), None, "{raw}");
        }
    }
}
