//! What a complete snapshot consists of.

use serde::{Deserialize, Serialize};

use super::claim::NO_ACCOUNT;
use crate::sink::DurablePiece;

/// The version of the form that manifests are written in.
pub const MANIFEST_VERSION: u32 = 1;

/// The files of a complete snapshot, as `_license-stream/<account>-<snapshot>.json` lists them, by
/// `schemas/manifest.schema.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`MANIFEST_VERSION`].
    pub version: u32,
    /// The integrated account; `None` for an input of no account.
    pub account: Option<String>,
    /// What the account is connected to, where whoever wrote it knew that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration: Option<String>,
    /// The snapshot.
    pub snapshot_id: String,
    /// Licenses in it.
    pub records: u64,
    /// Records that are no licenses, and are not in it.
    pub rejected: u64,
    /// Whether it is a part of a snapshot: reading began at a cursor, and what is on the pages before is not in
    /// it. Such a one makes no account complete.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_part: bool,
    /// Its files, in the order of the body.
    pub files: Vec<DurablePiece>,
    /// Of a [`Compaction`](super::Compaction), the files that those take the place of: they count no more, in
    /// whichever manifests they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaces: Vec<String>,
}

impl Manifest {
    /// The manifest of a snapshot of nothing.
    pub fn new(account: Option<&str>, snapshot_id: &str) -> Self {
        Self {
            version: MANIFEST_VERSION,
            account: account.map(str::to_owned),
            integration: None,
            snapshot_id: snapshot_id.to_owned(),
            records: 0,
            rejected: 0,
            is_part: false,
            files: Vec::new(),
            replaces: Vec::new(),
        }
    }

    /// The account, as it stands in names.
    pub(super) fn account_name(&self) -> &str {
        self.account.as_deref().unwrap_or(NO_ACCOUNT)
    }

    /// One JSON object, for people too.
    pub fn to_json(&self) -> Vec<u8> {
        // Numbers and text: nothing that JSON cannot say.
        let mut json = serde_json::to_vec_pretty(self).unwrap_or_default();
        json.push(b'\n');
        json
    }
}
