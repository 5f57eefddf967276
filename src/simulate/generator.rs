//! Invented licenses, each one a function of its index.

mod facts;
mod integration;
mod literal;
mod random;
mod template;
mod text;

use std::io::{self, Write};
use std::ops::Range;

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
}

impl LicenseGenerator {
    /// The licenses of one account.
    pub fn new(seed: u64, account: &str) -> Self {
        let integrations = &INTEGRATIONS;
        LicenseGenerator { account: seed_from(seed, account), excluded: 0, integrations }
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
        let facts = Facts::new(self.account, index);
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
        out.push(b'}');
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

/// Account ids that look like UUIDs: the same ones for the same seed.
pub(super) fn account_ids(seed: u64, count: usize) -> impl Iterator<Item = String> {
    let key = seed_from(seed, "accounts");
    (0..count as u64).map(move |number| {
        let id = text::uuid(random::mix(key ^ number), random::permute_62(number, key));
        id.iter().map(|byte| char::from(*byte)).collect()
    })
}

#[cfg(test)]
mod tests;
