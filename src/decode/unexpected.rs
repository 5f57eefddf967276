//! What a record says that the schema has no place for.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::fields::field;
use super::text::Text;
use crate::license::License;

/// How often each known field had a value that its column does not hold whole, so that the original
/// went to `_extra`; and how often fields occurred that no column is made for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unexpected {
    /// By index in [`License::FIELDS`].
    fields: [u64; field::COUNT],
    unknown: BTreeMap<Box<str>, u64>,
    /// Fields of still other names.
    more_unknown: u64,
}

/// Names that are counted one by one; what comes beyond is counted together.
const MAX_NAMES: usize = 100;

/// A name is kept up to this many characters.
const MAX_NAME: usize = 64;

impl Unexpected {
    /// Known fields that were kept in `_extra`, with how often.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, u64)> {
        License::FIELDS.into_iter().zip(self.fields).filter(|(_, count)| *count > 0)
    }

    /// Unknown fields, with how often: the first hundred names that came, as JSON spells them, cut
    /// at 64 characters.
    pub fn unknown(&self) -> impl Iterator<Item = (&str, u64)> {
        self.unknown.iter().map(|(name, count)| (&**name, *count))
    }

    /// How often unknown fields occurred, of whatever name.
    pub fn unknown_count(&self) -> u64 {
        self.unknown.values().sum::<u64>() + self.more_unknown
    }

    /// Adds the counts of `other`.
    pub fn merge(&mut self, other: &Self) {
        for (count, other) in self.fields.iter_mut().zip(other.fields) {
            *count += other;
        }
        for (name, count) in &other.unknown {
            self.add_unknown(name, *count);
        }
        self.more_unknown += other.more_unknown;
    }

    /// The same with the names of unknown fields as `name` makes them: they are a server's words.
    #[must_use]
    pub fn renamed(mut self, name: impl Fn(&str) -> String) -> Self {
        for (unknown, count) in std::mem::take(&mut self.unknown) {
            self.add_unknown(&name(&unknown), count);
        }
        self
    }

    /// Counts the known field of this name.
    #[cfg(feature = "parquet")]
    pub(crate) fn count_named(&mut self, name: &str) {
        if let Some(field) = License::FIELDS.iter().position(|field| *field == name) {
            self.count(field);
        }
    }

    pub(super) fn count(&mut self, field: usize) {
        self.fields[field] += 1;
    }

    /// Counts a member under its name, however that was spelled.
    pub(super) fn count_unknown(&mut self, name: Text<'_>) {
        let name = name.decode().unwrap_or(Cow::Borrowed(name.raw()));
        let end = name.char_indices().nth(MAX_NAME).map_or(name.len(), |(at, _)| at);
        self.add_unknown(&name[..end], 1);
    }

    fn add_unknown(&mut self, name: &str, times: u64) {
        if let Some(count) = self.unknown.get_mut(name) {
            *count += times;
        } else if self.unknown.len() < MAX_NAMES {
            self.unknown.insert(name.into(), times);
        } else {
            self.more_unknown += times;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bounded_in_number_and_length() {
        let mut unexpected = Unexpected::default();
        for index in 0..150 {
            let name = format!("{index:03}{}", "é".repeat(100));
            unexpected.count_unknown(Text::new(&name, false));
        }
        let escaped = format!("007{}", r"\u00e9".repeat(61));
        unexpected.count_unknown(Text::new(&escaped, true));
        assert_eq!(unexpected.unknown().count(), 100);
        assert_eq!(unexpected.unknown_count(), 151);
        assert!(unexpected.unknown().all(|(name, _)| name.chars().count() == 64));
        let mut sum = unexpected.clone();
        sum.merge(&unexpected);
        assert_eq!(sum.unknown_count(), 302);
        assert_eq!(sum.unknown().nth(7).map(|(_, count)| count), Some(4));
    }
}
