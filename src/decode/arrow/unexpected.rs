//! What a record says that the schema has no place for.

use std::collections::BTreeMap;

use super::read::{as_bool, as_number, as_time};
use crate::decode::Fault;
use crate::decode::fields::{Fields, field};
use crate::decode::text::Text;
use crate::license::License;
use crate::reject::RejectReason;

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

    pub(super) fn count(&mut self, field: usize) {
        self.fields[field] += 1;
    }

    pub(super) fn count_unknown(&mut self, name: &str) {
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

/// Rejects a record in which a known field has a value of an unexpected type. Members of unknown
/// names are no such thing.
pub(super) fn check(fields: &Fields<'_>) -> Result<(), Fault> {
    let fits = |index: usize| {
        let Some(value) = fields.get(index) else { return true };
        match index {
            field::ASSIGNED_QUANTITY | field::AVAILABLE_QUANTITY | field::UNIT_AMOUNT => {
                as_number(value).is_some()
            }
            field::CREATED_AT | field::UPDATED_AT => as_time(value).is_some(),
            field::IS_PAID => as_bool(value).is_some(),
            field::PRODUCTS => fields.products.fits,
            field::ROLES => fields.roles.fits,
            field::REMOTE_DATA => true,
            _ => value.as_text().is_some_and(Text::is_decodable),
        }
    };
    match (0..field::COUNT).find(|index| !fits(*index)) {
        None => Ok(()),
        Some(index) => Err(Fault::new(RejectReason::UnexpectedType, MESSAGES[index], 0)),
    }
}

macro_rules! messages {
    ($($field:literal)*) => {
        [$(concat!("field `", $field, "` has a value of an unexpected type")),*]
    };
}

/// By index in [`License::FIELDS`].
const MESSAGES: [&str; field::COUNT] = messages!(
    "id" "assigned_quantity" "available_quantity" "created_at" "currency" "description" "is_paid"
    "name" "products" "remote_data" "roles" "status" "unit_amount" "updated_at"
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Limits;

    #[test]
    fn strict_reading_names_the_field() {
        for (field, message) in License::FIELDS.iter().zip(MESSAGES) {
            assert!(message.contains(&format!("`{field}`")));
            let record = format!(r#"{{"id":"a","{field}":{{"x":1}}}}"#);
            let mut fields = Fields::new();
            fields.scan(record.as_bytes(), &Limits::default()).unwrap();
            let expected = if *field == "remote_data" { None } else { Some(message) };
            assert_eq!(check(&fields).err().map(|fault| fault.what), expected);
        }
        let record = br#"{"id":"a","name":null,"products":[{"sku":1},null],"tier":3,"roles":[]}"#;
        let mut fields = Fields::new();
        fields.scan(record, &Limits::default()).unwrap();
        assert_eq!(check(&fields), Ok(()));
    }

    #[test]
    fn names_are_bounded_in_number_and_length() {
        let mut unexpected = Unexpected::default();
        for index in 0..150 {
            unexpected.count_unknown(&format!("{index:03}{}", "é".repeat(100)));
        }
        unexpected.count_unknown(&format!("007{}", "é".repeat(61)));
        assert_eq!(unexpected.unknown().count(), 100);
        assert_eq!(unexpected.unknown_count(), 151);
        assert!(unexpected.unknown().all(|(name, _)| name.chars().count() == 64));
        let mut sum = unexpected.clone();
        sum.merge(&unexpected);
        assert_eq!(sum.unknown_count(), 302);
        assert_eq!(sum.unknown().nth(7).map(|(_, count)| count), Some(4));
    }
}
