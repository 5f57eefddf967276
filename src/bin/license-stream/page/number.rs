//! Numbers as people read them.

use crate::report::human_count;

/// Of more digits than a float has, none is shown.
const MOST: f64 = 1e15;

/// A sum of seats: `1,234`, or `12.50` if it is no whole number.
pub(super) fn quantity(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < MOST {
        signed(value, human_count(value.abs() as u64))
    } else {
        amount(value)
    }
}

/// A sum of seats of so many licenses: nothing is no sum.
pub(super) fn sum(licenses: u64, sum: f64) -> String {
    if licenses == 0 { "–".to_owned() } else { quantity(sum) }
}

/// A sum of money: `1,234.50`.
pub(super) fn amount(value: f64) -> String {
    if !value.is_finite() || value.abs() >= MOST {
        return format!("{value:e}");
    }
    let text = format!("{:.2}", value.abs());
    let (whole, cents) = text.split_once('.').unwrap_or((&text, "00"));
    let whole = human_count(whole.parse().unwrap_or_default());
    signed(value, format!("{whole}.{cents}"))
}

/// A share of a whole: `62 %`; never `100 %` or `0 %` of what is not that.
pub(super) fn share(part: f64, whole: f64) -> String {
    if whole <= 0.0 || !whole.is_finite() || !part.is_finite() {
        return "–".to_owned();
    }
    let percent = part / whole * 100.0;
    match percent {
        _ if percent > 0.0 && percent < 1.0 => "< 1 %".to_owned(),
        _ if percent > 99.0 && percent < 100.0 => "> 99 %".to_owned(),
        _ if percent > 999_999.0 => "> 999,999 %".to_owned(),
        _ => format!("{} %", quantity(percent.round())),
    }
}

fn signed(value: f64, text: String) -> String {
    if value < 0.0 { format!("−{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable_and_say_no_more_than_is_so() {
        for (value, text) in
            [(0.0, "0"), (1234.0, "1,234"), (12.5, "12.50"), (-3.0, "−3"), (1e300, "1e300")]
        {
            assert_eq!(quantity(value), text);
        }
        for (value, text) in
            [(0.0, "0.00"), (1234.567, "1,234.57"), (-0.5, "−0.50"), (0.999, "1.00")]
        {
            assert_eq!(amount(value), text);
        }
        for (part, whole, text) in [
            (1.0, 2.0, "50 %"),
            (0.0, 7.0, "0 %"),
            (7.0, 7.0, "100 %"),
            (1.0, 1000.0, "< 1 %"),
            (999.0, 1000.0, "> 99 %"),
            (20.0, 10.0, "200 %"),
            (1.0, 0.0, "–"),
        ] {
            assert_eq!(share(part, whole), text);
        }
    }
}
