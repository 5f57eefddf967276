//! What a complete snapshot consists of.

use serde::{Deserialize, Serialize};

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
    /// The snapshot.
    pub snapshot_id: String,
    /// Licenses in it.
    pub records: u64,
    /// Records that are no licenses, and are not in it.
    pub rejected: u64,
    /// Its files, in the order of the body.
    pub files: Vec<DurablePiece>,
}

impl Manifest {
    /// The manifest of a snapshot of nothing.
    pub fn new(account: Option<&str>, snapshot_id: &str) -> Self {
        Self {
            version: MANIFEST_VERSION,
            account: account.map(str::to_owned),
            snapshot_id: snapshot_id.to_owned(),
            records: 0,
            rejected: 0,
            files: Vec::new(),
        }
    }

    /// One JSON object, for people too.
    pub fn to_json(&self) -> Vec<u8> {
        // Numbers and text: nothing that JSON cannot say.
        let mut json = serde_json::to_vec_pretty(self).unwrap_or_default();
        json.push(b'\n');
        json
    }
}
