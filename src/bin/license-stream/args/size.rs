//! Sizes as they are typed.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use license_stream::sink::parquet::Roll;

/// Bytes, of which there are some: a number of them, or one with a unit as `256MiB` and `10MB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u64);

impl FromStr for Size {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORMS: &str = "it is a whole number of bytes, 1 at least, or one with a unit: B, kB, MB, GB, KiB, MiB or GiB, as 256MiB; so 1.5GB is \
            1500MB";
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let bytes = match is_number {
            true => text.parse().ok(),
            // The same units.
            false => text.parse().ok().and_then(|roll: Roll| {
                roll.bytes.filter(|_| roll.rows.is_none() && roll.age.is_none())
            }),
        };
        bytes.filter(|bytes| *bytes > 0).map(Self).ok_or(FORMS)
    }
}

impl Size {
    /// So many bytes, or none: `0`.
    pub(crate) fn or_none(text: &str) -> Result<u64, &'static str> {
        if text == "0" { Ok(0) } else { text.parse().map(|Self(bytes)| bytes) }
    }

    /// One of `range`.
    pub(crate) fn within(
        range: RangeInclusive<u64>,
    ) -> impl Fn(&str) -> Result<Self, String> + Clone + Send + Sync + 'static {
        move |text| {
            let size: Self = text.parse()?;
            match range.contains(&size.0) {
                true => Ok(size),
                false => Err(format!("{text} is not in {}..={} bytes", range.start(), range.end())),
            }
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_may_be_bounded() {
        let parse = Size::within(2..=1 << 20);
        assert_eq!(parse("1MiB"), Ok(Size(1 << 20)));
        assert_eq!(parse("2MiB"), Err("2MiB is not in 2..=1048576 bytes".to_owned()));
        assert!(parse("0").is_err() && parse("x").is_err());
        assert_eq!((Size::or_none("0"), Size::or_none("1kB")), (Ok(0), Ok(1000)));
    }

    #[test]
    fn a_size_may_have_a_unit() {
        for (text, bytes) in
            [("1", 1), ("10MB", 10_000_000), ("2KiB", 2048), ("67108864", 64 << 20)]
        {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
        }
        for text in ["", "0", "0B", "10M", "1.5GB", "rows=1", "1s", "1B,rows=2", "-1", "+1"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }
}
