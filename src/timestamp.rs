//! Instants as the API writes them.

use std::fmt;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};

/// An instant: microseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
///
/// Read from RFC 3339 with any offset and any number of fraction digits, and from
/// `2024-09-01 10:00:00`, which Truto writes for UTC. Digits beyond the microsecond are cut off. A
/// leap second (`:60`) is the second that follows it. Written as RFC 3339 in UTC.
///
/// ```
/// use license_stream::Timestamp;
///
/// let at: Timestamp = "2024-09-01T12:00:00.25+02:00".parse()?;
/// assert_eq!(at, "2024-09-01 10:00:00.250".parse()?);
/// assert_eq!(at.as_micros(), 1_725_184_800_250_000);
/// assert_eq!(at.to_string(), "2024-09-01T10:00:00.250Z");
/// # Ok::<(), license_stream::timestamp::NotATimestamp>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(i64);

/// The text was not a [`Timestamp`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotATimestamp;

const DAY_SECONDS: i64 = 86_400;

impl Timestamp {
    /// The beginning of the year 0, the first that RFC 3339 can write.
    pub(crate) const YEAR_0: Self = Self(-62_167_219_200_000_000);

    /// The beginning of the year 1.
    pub(crate) const YEAR_1: Self = Self(-62_135_596_800_000_000);

    /// The last instant of the year 9999, the last that RFC 3339 can write.
    pub(crate) const YEAR_9999_END: Self = Self(253_402_300_799_999_999);

    /// The instant that many microseconds after 1970-01-01T00:00:00Z.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let (head, tail) = text.split_first_chunk::<19>()?;
        let date = Pairs::of(*head.first_chunk()?, b"0000-00-")?;
        let day = decimal(&head[8..10])?;
        let time = Pairs::of(*head.last_chunk()?, b"00:00:00")?;
        if !matches!(head[10], b'T' | b't' | b' ') {
            return None;
        }
        let days = days_from_civil(date.at(0) * 100 + date.at(2), date.at(5), day)?;
        let (hour, minute, second) = (time.at(0), time.at(3), time.at(6));
        if hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let (micros, zone) = fraction(tail)?;
        let offset = match zone {
            [] if head[10] == b' ' => 0,
            _ => offset_seconds(zone)?,
        };
        let seconds = days * DAY_SECONDS + hour * 3600 + minute * 60 + second - offset;
        Some(Self(seconds * 1_000_000 + micros))
    }
}

/// Eight characters, read at once as numbers of two digits.
struct Pairs([u8; 8]);

impl Pairs {
    /// Digits where `pattern` has a zero, and elsewhere what it has.
    fn of(text: [u8; 8], pattern: &[u8; 8]) -> Option<Self> {
        let zeros = pattern.map(|byte| if byte == b'0' { 0 } else { 0xff });
        let separators = u64::from_le_bytes(zeros);
        // A digit becomes its value, and a separator zero; what is more than nine gets its high bit
        // set by adding up to 0x80.
        let digits = u64::from_le_bytes(text) ^ u64::from_le_bytes(*pattern);
        let others = (digits.wrapping_add(0x7676_7676_7676_7676) | digits) & 0x8080_8080_8080_8080;
        if others | digits & separators != 0 {
            return None;
        }
        // Each byte times ten plus the next: at most 99, so that no byte runs into another.
        Some(Self((digits * 10 + (digits >> 8)).to_le_bytes()))
    }

    /// The number whose first digit is character `index`.
    fn at(&self, index: usize) -> i64 {
        i64::from(self.0[index])
    }
}

/// Microseconds of a fraction such as `.25`, and what follows it.
fn fraction(tail: &[u8]) -> Option<(i64, &[u8])> {
    let Some((b'.', digits)) = tail.split_first() else { return Some((0, tail)) };
    const UNITS: [i64; 7] = [1_000_000, 100_000, 10_000, 1000, 100, 10, 1];
    let (mut micros, mut len) = (0, 0);
    while let Some(byte @ b'0'..=b'9') = digits.get(len) {
        // Digits beyond the microsecond are cut off.
        if len < 6 {
            micros = micros * 10 + i64::from(byte - b'0');
        }
        len += 1;
    }
    if len == 0 {
        return None;
    }
    Some((micros * UNITS[len.min(6)], &digits[len..]))
}

/// Seconds east of UTC that `Z`, `+02:00`, `+0200` or `+02` says.
fn offset_seconds(zone: &[u8]) -> Option<i64> {
    let (sign, digits) = zone.split_first()?;
    let sign = match sign {
        b'Z' | b'z' if digits.is_empty() => return Some(0),
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = match digits {
        [_, _, b':', _, _] => (&digits[..2], &digits[3..]),
        [_, _, _, _] => digits.split_at(2),
        [_, _] => (digits, &b"0"[..]),
        _ => return None,
    };
    let (hours, minutes) = (decimal(hours)?, decimal(minutes)?);
    (hours <= 23 && minutes <= 59).then_some(sign * (hours * 3600 + minutes * 60))
}

fn decimal(digits: &[u8]) -> Option<i64> {
    let mut value = 0;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + i64::from(digit);
    }
    Some(value)
}

/// Days since 1970-01-01 of a day in the proleptic Gregorian calendar.
fn days_from_civil(year: i64, month: i64, day: i64) -> Option<i64> {
    const DAYS_BEFORE: [i64; 13] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365];
    if !(1..=12).contains(&month) {
        return None;
    }
    let leap = year % 4 == 0 && (year % 25 != 0 || year % 16 == 0);
    let before = DAYS_BEFORE[month as usize - 1];
    let length = DAYS_BEFORE[month as usize] - before + i64::from(leap && month == 2);
    if !(1..=length).contains(&day) {
        return None;
    }
    // Leap days between year 0 and the first of January of `year`; year 0 is one itself.
    let leap_days = (year + 3) / 4 - (year + 99) / 100 + (year + 399) / 400;
    const EPOCH: i64 = 719_528; // days from 0000-01-01 to 1970-01-01
    let after_leap_day = i64::from(leap && month > 2);
    Some(year * 365 + leap_days + before + after_leap_day + day - 1 - EPOCH)
}

/// The inverse of [`days_from_civil`], for any day that fits in an `i64` of microseconds.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    // Counts in 400-year cycles from 0000-03-01, so that the leap day comes last in a year.
    let days = days + 719_468;
    let (cycle, day_of_cycle) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_cycle =
        (day_of_cycle - day_of_cycle / 1460 + day_of_cycle / 36_524 - day_of_cycle / 146_096) / 365;
    let day_of_year =
        day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (cycle * 400 + year_of_cycle + i64::from(month <= 2), month, day)
}

impl FromStr for Timestamp {
    type Err = NotATimestamp;

    fn from_str(text: &str) -> Result<Self, NotATimestamp> {
        Self::parse(text.as_bytes()).ok_or(NotATimestamp)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, micros) = (self.0.div_euclid(1_000_000), self.0.rem_euclid(1_000_000));
        let (year, month, day) = civil_from_days(seconds.div_euclid(DAY_SECONDS));
        let of_day = seconds.rem_euclid(DAY_SECONDS);
        let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        match micros {
            0 => {}
            _ if micros % 1000 == 0 => write!(f, ".{:03}", micros / 1000)?,
            _ => write!(f, ".{micros:06}")?,
        }
        f.write_str("Z")
    }
}

impl fmt::Display for NotATimestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a date and time, such as 2024-09-01T10:00:00Z")
    }
}

impl std::error::Error for NotATimestamp {}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_eight_centuries_follows_the_one_before() {
        let mut expected = days_from_civil(1600, 1, 1).unwrap();
        for year in 1600..2400 {
            for month in 1..=12 {
                for day in 1..=31 {
                    let Some(days) = days_from_civil(year, month, day) else { continue };
                    assert_eq!(days, expected, "{year}-{month}-{day}");
                    assert_eq!(civil_from_days(days), (year, month, day));
                    expected += 1;
                }
            }
        }
        assert_eq!(days_from_civil(1970, 1, 1), Some(0));
        assert_eq!(days_from_civil(0, 1, 1), Some(-719_528));
    }

    #[test]
    fn reads_the_forms_that_occur() {
        for (text, micros) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01 00:00:00", 0),
            ("1970-01-01t00:00:00z", 0),
            ("1969-12-31T23:59:59.999999Z", -1),
            ("1970-01-01T00:00:00.1Z", 100_000),
            ("1970-01-01T00:00:00.1234567891234Z", 123_456),
            ("1970-01-01T05:30:00+05:30", 0),
            ("1970-01-01T00:00:00-0800", 28_800_000_000),
            ("1970-01-01 00:00:00+01", -3_600_000_000),
            ("2016-12-31T23:59:60Z", 1_483_228_800_000_000),
            ("0000-01-01T00:00:00Z", -62_167_219_200_000_000),
            ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
        ] {
            assert_eq!(text.parse().map(Timestamp::as_micros), Ok(micros), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_instant() {
        for text in [
            "",
            "2024",
            "2024-09-01",
            "2024-09-01T10:00:00",
            "2024-09-01T10:00Z",
            "2024-13-01T10:00:00Z",
            "2023-02-29T10:00:00Z",
            "2024-02-30T10:00:00Z",
            "2024-09-01T24:00:00Z",
            "2024-09-01T10:60:00Z",
            "2024-09-01T10:00:61Z",
            "2024-09-01T10:00:00.Z",
            "2024-09-01T10:00:00+25:00",
            "2024-09-01T10:00:00Zz",
            "2024-09-01T10:00:00 Z",
            "2024-09-01_10:00:00Z",
            "-024-09-01T10:00:00Z",
            "2024-09-01T10:00:00+2:00",
            "２024-09-01T10:00:00Z",
        ] {
            assert_eq!(text.parse::<Timestamp>(), Err(NotATimestamp), "{text}");
        }
    }

    #[test]
    fn each_byte_of_a_time_counts() {
        let text = b"2024-09-11T10:11:12Z";
        for at in 0..text.len() {
            for byte in 0..=127_u8 {
                let mut other = *text;
                other[at] = byte;
                let known = match text[at] {
                    b'0'..=b'9' => byte.is_ascii_digit(),
                    b'T' => matches!(byte, b'T' | b't' | b' '),
                    b'Z' => matches!(byte, b'Z' | b'z'),
                    separator => byte == separator,
                };
                let read = str::from_utf8(&other).unwrap().parse::<Timestamp>();
                assert!(known || read.is_err(), "{byte:#x} at {at}");
                // The first digits of a year can be any.
                assert!(!known || read.is_ok() || (5..19).contains(&at), "{byte:#x} at {at}");
            }
        }
    }

    #[test]
    fn the_ends_of_years_are_where_they_are_said_to_be() {
        for (at, text) in [
            (Timestamp::YEAR_0, "0000-01-01T00:00:00Z"),
            (Timestamp::YEAR_1, "0001-01-01T00:00:00Z"),
            (Timestamp::YEAR_9999_END, "9999-12-31T23:59:59.999999Z"),
        ] {
            assert_eq!(at.to_string(), text);
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for micros in [0, -1, 1_000, 1_725_184_800_250_000, -62_167_219_200_000_000] {
            let at = Timestamp::from_micros(micros);
            assert_eq!(at.to_string().parse(), Ok(at));
        }
    }
}
