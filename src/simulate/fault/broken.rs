//! Records that no reader can take.

use serde::Deserialize;

use crate::simulate::LicenseGenerator;

/// Breaks the licenses at some places.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct BreakRecords {
    /// Which ones: their indexes, from 0 at the account's first.
    pub records: Vec<u64>,
    /// What is wrong with them.
    #[serde(default, rename = "as")]
    pub breakage: Breakage,
}

/// What is wrong with a broken record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Breakage {
    /// A value that is no JSON, in an object whose brackets are in order: it costs itself in every
    /// shape.
    #[default]
    Value,
    /// No `id`.
    NoId,
    /// A byte that is no UTF-8, in a string.
    Utf8,
    /// Its second half is missing. On a line it costs the line; in an envelope or an array, what
    /// follows can no longer be told apart.
    Half,
}

impl BreakRecords {
    /// Breaks the licenses at `records`.
    pub fn new(records: impl Into<Vec<u64>>, breakage: Breakage) -> Self {
        BreakRecords { records: records.into(), breakage }
    }

    /// Whether the license at `index` is one of them.
    pub(in crate::simulate) fn is_at(&self, index: u64) -> bool {
        self.records.contains(&index)
    }

    /// Appends the license at `index` as it is broken.
    pub(in crate::simulate) fn append(
        &self,
        licenses: &LicenseGenerator,
        index: u64,
        out: &mut Vec<u8>,
    ) {
        let start = out.len();
        if self.breakage == Breakage::NoId {
            return licenses.clone().without_field("id").append(index, out);
        }
        licenses.append(index, out);
        match self.breakage {
            Breakage::Half => {
                let half = (out.len() - start) / 2;
                out.truncate(start + half);
            }
            broken => {
                let value: &[u8] = if broken == Breakage::Utf8 { b"\"\xff\"" } else { b"nothing" };
                out.pop();
                out.extend_from_slice(b",\"broken\":");
                out.extend_from_slice(value);
                out.push(b'}');
            }
        }
    }
}
