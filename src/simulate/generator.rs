//! Invented licenses, each one a function of its index.

mod facts;
mod integration;
mod literal;
mod random;
mod template;
mod text;

use std::io::{self, Write};
use std::ops::Range;

use crate::integration::is_same_name;
use facts::Facts;
use integration::{FIELDS, INTEGRATIONS, Integration};
pub(super) use random::seed_from;

/// How much [`LicenseGenerator::write_ndjson`] hands over at once.
const WRITE_BYTES: usize = 256 * 1024;

/// Makes licenses out of nothing: the same ones for the same seed and account, each on its own.
///
/// A real account belongs to one integration. These licenses are a mixture, each record of one of
/// the 25 integrations that the endpoint supports and with the fields that this integration gives, so
/// that a short run already meets every field, nulls, empty lists, escapes and fractional amounts.
/// A record has some 620 bytes, three fifths of them in `remote_data`.
///
/// ```
/// let licenses = license_stream::simulate::LicenseGenerator::new(7, "an-account");
/// let mut record = Vec::new();
/// licenses.append(1_000_000, &mut record);
/// assert!(record.starts_with(br#"{"id":""#));
/// ```
#[derive(Clone, Debug)]
pub struct LicenseGenerator {
    account: u64,
    excluded: u16,
    integrations: &'static [Integration],
    unknown_fields: bool,
    changed: Option<Changed>,
}

/// Which licenses are other ones than they were.
#[derive(Clone, Copy, Debug)]
struct Changed {
    from: u64,
    times: u64,
}

/// Fields that no schema knows.
const UNKNOWN_FIELDS: &[u8] = br#","x_tier":{"code":[7,"a}"],"id":"no license"},"x_beta":true}"#;

impl LicenseGenerator {
    /// The licenses of one account.
    pub fn new(seed: u64, account: &str) -> Self {
        let integrations = &INTEGRATIONS;
        LicenseGenerator {
            account: seed_from(seed, account),
            excluded: 0,
            integrations,
            unknown_fields: false,
            changed: None,
        }
    }

    /// Makes every license one of this integration, with its fields only; `None` if `name` is none of
    /// the 25.
    pub fn of_integration(mut self, name: &str) -> Option<Self> {
        let is_named = |integration: &Integration| is_same_name(&integration.name, name);
        // The same integration stands there as often as its weight says, side by side.
        let start = INTEGRATIONS.iter().position(is_named)?;
        let end = INTEGRATIONS.iter().rposition(is_named)?;
        self.integrations = &INTEGRATIONS[start..=end];
        Some(self)
    }

    /// Gives every license fields that no schema knows, behind all others.
    #[must_use]
    pub fn with_unknown_fields(self) -> Self {
        LicenseGenerator { unknown_fields: true, ..self }
    }

    /// Makes the licenses from index `from` on say something else, another thing for each `times`, under
    /// the same ids; with 0 `times`, nothing changes.
    ///
    /// This is what [`FaultKind::ChangeFromRecord`](super::FaultKind::ChangeFromRecord) does.
    #[must_use]
    pub fn changed(self, from: u64, times: u64) -> Self {
        let changed = match self.changed {
            before if times == 0 => before,
            None => Some(Changed { from, times }),
            Some(before) => Some(Changed {
                from: from.min(before.from),
                times: before.times.rotate_left(32).wrapping_add(times),
            }),
        };
        LicenseGenerator { changed, ..self }
    }

    /// Leaves out all fields but one.
    pub(super) fn only_field(mut self, name: &str) -> Self {
        self.excluded = FIELDS
            .iter()
            .enumerate()
            .filter(|(_, field)| **field != name)
            .fold(0, |excluded, (number, _)| excluded | (1 << number));
        LicenseGenerator { unknown_fields: false, ..self }
    }

    /// Leaves a field out of every license; the other fields stay the same.
    ///
    /// A name that no license has leaves nothing out.
    #[must_use]
    pub fn without_field(mut self, name: &str) -> Self {
        if let Some(number) = FIELDS.iter().position(|field| *field == name) {
            self.excluded |= 1 << number;
        }
        self
    }

    /// Appends the license at `index`, one compact JSON object without a line break.
    ///
    /// Ids are unique within an account for indexes below 2⁶².
    pub fn append(&self, index: u64, out: &mut Vec<u8>) {
        let facts = self.facts(index);
        let integration = facts.integration as usize % self.integrations.len();
        let start = out.len();
        for field in &*self.integrations[integration].fields {
            if self.excluded & (1 << field.number) != 0 {
                continue;
            }
            let field_at = out.len();
            field.text.append(&facts, &mut facts.field(field.number), out);
            if out.len() == field_at + field.key_bytes {
                out.truncate(field_at);
            }
        }
        // Every field has brought a comma, and the first one takes the place of the brace.
        match out.get_mut(start) {
            Some(comma) => *comma = b'{',
            None => out.push(b'{'),
        }
        match self.unknown_fields {
            false => out.push(b'}'),
            // An object without other fields begins with one of these.
            true if out.len() == start + 1 => out.extend_from_slice(&UNKNOWN_FIELDS[1..]),
            true => out.extend_from_slice(UNKNOWN_FIELDS),
        }
    }

    #[inline]
    fn facts(&self, index: u64) -> Facts {
        let facts = Facts::new(self.account, index);
        match self.changed {
            Some(Changed { from, times }) if index >= from => {
                let mut changed = Facts::new(self.account ^ random::mix(times), index);
                changed.id = facts.id;
                changed
            }
            _ => facts,
        }
    }

    /// Writes the licenses at `indexes` as NDJSON, in bounded memory; answers the number of bytes.
    ///
    /// # Errors
    ///
    /// Those of `to`; what was written until then is a part.
    pub fn write_ndjson(&self, indexes: Range<u64>, to: &mut impl Write) -> io::Result<u64> {
        let mut buffer = Vec::with_capacity(WRITE_BYTES + 4096);
        let mut bytes = 0;
        for index in indexes {
            self.append(index, &mut buffer);
            buffer.push(b'\n');
            if buffer.len() >= WRITE_BYTES {
                to.write_all(&buffer)?;
                bytes += buffer.len() as u64;
                buffer.clear();
            }
        }
        to.write_all(&buffer)?;
        Ok(bytes + buffer.len() as u64)
    }
}

/// The id of the account at a place among all, which looks like a UUID and follows from the seed.
pub(super) fn account_id(seed: u64, number: u64) -> String {
    let key = seed_from(seed, "accounts");
    let id = text::uuid(random::mix(key ^ number), random::permute_62(number, key));
    id.iter().map(|byte| char::from(*byte)).collect()
}

/// The place of the account that has an id, if the id may be one of that seed; whether it is one shows
/// when the id is made again.
pub(super) fn account_number(seed: u64, id: &str) -> Option<u64> {
    let (_, low) = id.split_at_checked(19)?;
    let (first, last) = low.split_at_checked(4)?;
    let low = u64::from_str_radix(&format!("{first}{}", last.strip_prefix('-')?), 16).ok()?;
    Some(random::restore_62(low, seed_from(seed, "accounts")))
}

#[cfg(test)]
mod tests;
