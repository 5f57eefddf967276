//! When files end, beside the bytes of JSON that bound them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};

/// When a file ends and the next begins: with the first of these that is reached. By default there is none.
///
/// ```
/// use std::time::Duration;
///
/// use license_stream::sink::parquet::Roll;
///
/// let roll: Roll = "256MiB,rows=1000000,15m".parse()?;
/// assert_eq!((roll.bytes, roll.rows), (Some(256 << 20), Some(1_000_000)));
/// assert_eq!(roll.age, Some(Duration::from_secs(900)));
/// assert_eq!(roll.to_string(), "268435456B,rows=1000000,900000ms");
/// # Ok::<(), license_stream::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Roll {
    /// A file ends with the row group with which its length is nearest to this. No row group then holds
    /// more bytes of JSON than these.
    pub bytes: Option<u64>,
    /// A file ends with the batch with which it reaches this many rows.
    pub rows: Option<u64>,
    /// A file ends with the first batch that comes when it was begun this long ago. Where files end depends
    /// then on how fast the records came; what is in all of them together does not.
    pub age: Option<Duration>,
}

const SIZES: [(&str, u64); 7] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("B", 1),
];

const TIMES: [(&str, u64); 5] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

impl Roll {
    /// Whether files end by nothing of this.
    pub fn is_never(&self) -> bool {
        *self == Self::default()
    }
}

impl FromStr for Roll {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut roll = Self::default();
        for condition in text.split(',') {
            let is_new = if let Some(rows) = condition.strip_prefix("rows=") {
                count(rows).map(|rows| roll.rows.replace(rows).is_none())
            } else if let Some(bytes) = scaled(condition, &SIZES) {
                Some(roll.bytes.replace(bytes).is_none())
            } else {
                scaled(condition, &TIMES)
                    .map(|millis| roll.age.replace(Duration::from_millis(millis)).is_none())
            };
            match is_new {
                Some(true) => {}
                Some(false) => {
                    return Err(refused(format!("{condition} is the second of its kind")));
                }
                None => return Err(refused(format!("{condition:?} is none of them: {FORMS}"))),
            }
        }
        Ok(roll)
    }
}

const FORMS: &str = "a size as 256MiB (B, kB, MB, GB, KiB, MiB, GiB), a number of rows as rows=1000000, a time as 15m (ms, s, \
    m, h, d), or several of these, separated by commas; numbers are whole and 1 at least, so 1.5GB is 1500MB";

/// A number and its unit, together.
fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (number, unit) = text.split_at(text.find(|letter: char| !letter.is_ascii_digit())?);
    let (_, scale) = units.iter().find(|(name, _)| *name == unit)?;
    count(number)?.checked_mul(*scale)
}

fn count(text: &str) -> Option<u64> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|count| is_number && *count > 0)
}

fn refused(message: String) -> Error {
    Error::new(ErrorKind::Configuration, message)
}

/// In bytes and milliseconds.
impl fmt::Display for Roll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.bytes.map(|bytes| format!("{bytes}B"));
        let rows = self.rows.map(|rows| format!("rows={rows}"));
        let age = self.age.map(|age| format!("{}ms", age.as_millis()));
        let conditions: Vec<_> = [bytes, rows, age].into_iter().flatten().collect();
        f.write_str(&conditions.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_rows_and_times_are_told_by_their_units() {
        let read = |text: &str| {
            let Roll { bytes, rows, age } = text.parse().unwrap();
            (bytes, rows, age.map(|age| age.as_millis()))
        };
        assert_eq!(read("1B"), (Some(1), None, None));
        assert_eq!(read("2kB"), (Some(2000), None, None));
        assert_eq!(read("2KiB"), (Some(2048), None, None));
        assert_eq!(read("3MB,5m"), (Some(3_000_000), None, Some(300_000)));
        assert_eq!(read("4GiB"), (Some(4 << 30), None, None));
        assert_eq!(read("250ms,rows=7"), (None, Some(7), Some(250)));
        assert_eq!(read("2h"), (None, None, Some(7_200_000)));
        assert_eq!(read("1d"), (None, None, Some(86_400_000)));
        let roll: Roll = "1GB,rows=2,3s".parse().unwrap();
        assert_eq!(roll.to_string().parse::<Roll>().unwrap(), roll);
    }

    #[test]
    fn what_has_no_unit_is_nothing_or_comes_twice_is_refused() {
        for text in [
            "",
            "5",
            "0B",
            "0s",
            "rows=0",
            "rows=",
            "rows=1k",
            "+1B",
            "1mb",
            "1M",
            "1 MiB",
            "MiB",
            "1B,",
            "-1s",
            "99999999999GiB",
            "1B,2MiB",
            "1s,1m",
            "rows=1,rows=2",
        ] {
            assert!(text.parse::<Roll>().is_err(), "{text}");
        }
    }
}
