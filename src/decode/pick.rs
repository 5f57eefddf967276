//! Single fields of a record, for those who want a few of them and the rest as it came.

use std::borrow::Cow;

use super::Limits;
use super::checked::Candidate;
use super::json::{Kind, Scanner, Value};
use crate::license::License;

/// Fields by their index in [`License::FIELDS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted(u16);

/// What a record says of the fields that were wanted of it.
#[derive(Debug)]
pub(crate) struct Picked<'a>([Option<Value<'a>>; License::FIELDS.len()]);

impl Wanted {
    pub(crate) fn insert(&mut self, field: usize) {
        self.0 |= 1 << field;
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn fields(self) -> impl Iterator<Item = usize> {
        (0..License::FIELDS.len()).filter(move |field| self.0 & (1 << field) != 0)
    }
}

/// Finds the fields that are `wanted`, in a record that is known to be JSON. Of a repeated field the last
/// counts, as everywhere.
pub(crate) fn pick<'a>(record: Candidate<'a>, wanted: Wanted, limits: &Limits) -> Picked<'a> {
    let mut picked = Picked([None; License::FIELDS.len()]);
    if wanted.is_empty() {
        return picked;
    }
    let read = Scanner::record(record.text, record.len, limits, |scanner, depth| {
        picked = Picked([None; License::FIELDS.len()]);
        scanner.members(0, depth, |at, depth| {
            let (at, name) = scanner.any_name(at)?;
            let Some(field) = wanted.fields().find(|field| name.is(License::FIELDS[*field])) else {
                return scanner.skip(at, depth);
            };
            let (at, value) = scanner.value(at, depth)?;
            picked.0[field] = Some(value);
            Ok(at)
        })
    });
    // It was checked: what is no object has no fields.
    if read.is_err() { Picked([None; License::FIELDS.len()]) } else { picked }
}

impl<'a> Picked<'a> {
    /// The text of a field: a string with its escapes undone, a number or a truth value as it is spelt.
    /// `None` where it is absent, null, a list, an object, or no text.
    pub(crate) fn scalar(&self, field: usize) -> Option<Cow<'a, str>> {
        let value = self.0[field]?;
        match value.kind() {
            Kind::Number | Kind::True | Kind::False => Some(Cow::Borrowed(value.raw())),
            Kind::Text | Kind::EscapedText => value.as_text()?.decode(),
            Kind::Null | Kind::Array | Kind::Object => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_are_found_wherever_they_stand() {
        let mut wanted = Wanted::default();
        (0..License::FIELDS.len()).for_each(|field| wanted.insert(field));
        let text = r#"{"name":"x","id":"\u0061","is_paid":true,"unit_amount":1.50,"roles":["r"],"status":null,
            "n\u0061me":"last","products":{"id":"p"}} {"currency":"EUR"}"#;
        let len = text.rfind('{').unwrap() - 1;
        let picked =
            pick(Candidate { id: "a", text, len, value_len: len }, wanted, &Limits::default());
        let found: Vec<_> = License::FIELDS
            .into_iter()
            .enumerate()
            .filter_map(|(field, name)| Some((name, picked.scalar(field)?.into_owned())))
            .collect();
        let expected =
            [("id", "a"), ("is_paid", "true"), ("name", "last"), ("unit_amount", "1.50")];
        assert_eq!(found, expected.map(|(name, value)| (name, value.to_owned())));
    }
}
