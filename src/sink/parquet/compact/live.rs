//! The files that count.

use std::collections::{HashMap, HashSet};

use crate::error::{Error, ErrorKind, Result};
use crate::sink::DurablePiece;
use crate::sink::parquet::claim::{COMPACTED, manifest_name};
use crate::sink::parquet::lake::OWN;
use crate::sink::parquet::looked::Looked;
use crate::sink::parquet::manifest::Manifest;
use crate::sink::parquet::{origins, proof};

/// What the manifests of a lake say together.
#[derive(Debug)]
pub(super) struct Live {
    /// The files of complete snapshots, and those that others were merged into, in the order of their accounts,
    /// snapshots and numbers.
    pub(super) files: Vec<LiveFile>,
    /// The names of those that count no more and are there still.
    pub(super) replaced: Vec<String>,
    /// What is wrong with the first of those that are not there as long as they were written.
    damage: Option<Error>,
}

/// A file that counts.
#[derive(Clone, Debug)]
pub(super) struct LiveFile {
    pub(super) piece: DurablePiece,
    pub(super) account: String,
    pub(super) snapshot_id: String,
    /// Of one that others were merged into: whose rows it has, and the manifest that says so.
    pub(super) merged: Option<Merged>,
}

#[derive(Clone, Debug)]
pub(super) struct Merged {
    snapshots: String,
    manifest: String,
}

impl Live {
    pub(super) async fn of(place: &Looked) -> Result<Self> {
        // Files are listed later than what names them, so that a new snapshot's are there.
        let manifests = place.manifests().await?;
        let there: HashMap<_, _> = place.files().await?.into_iter().collect();
        Ok(Self::from(&manifests, &there, |name| place.path_of(name)))
    }

    /// These, if each file that counts is there, as long as it was written.
    pub(super) fn whole(self) -> Result<Self> {
        match self.damage {
            Some(damage) => Err(damage),
            None => Ok(self),
        }
    }

    fn from(
        manifests: &[Manifest],
        there: &HashMap<String, u64>,
        path_of: impl Fn(&str) -> String,
    ) -> Self {
        let replaced: HashSet<_> =
            manifests.iter().flat_map(|manifest| &manifest.replaces).map(String::as_str).collect();
        let mut files = Vec::new();
        for manifest in manifests {
            let counts = |piece: &&DurablePiece| !replaced.contains(piece.name.as_str());
            let (account, id) = (manifest.account_name(), &manifest.snapshot_id);
            let merged = (account == COMPACTED).then(|| Merged {
                snapshots: origins::named(id, manifests),
                manifest: path_of(&format!("{OWN}/{}", manifest_name(account, id))),
            });
            files.extend(manifest.files.iter().filter(counts).map(|piece| LiveFile {
                piece: piece.clone(),
                account: account.to_owned(),
                snapshot_id: id.clone(),
                merged: merged.clone(),
            }));
        }
        files.sort_by(|one, other| one.order().cmp(&other.order()));
        let damage = files.iter().find_map(|file| {
            let there = there.get(&file.piece.name);
            let what = match there {
                Some(bytes) if *bytes == file.piece.bytes => return None,
                Some(bytes) => proof::of_length(*bytes, &file.piece),
                None => proof::GONE.to_owned(),
            };
            Some(file.damaged(&path_of(&file.piece.name), &what))
        });
        let replaced = there.keys().filter(|name| replaced.contains(name.as_str())).cloned();
        Self { replaced: replaced.collect(), files, damage }
    }
}

impl LiveFile {
    /// The number is as wide as it comes, at the end of the name.
    fn order(&self) -> (&str, &str, usize, &str) {
        (&self.account, &self.snapshot_id, self.piece.name.len(), &self.piece.name)
    }

    /// What is wrong with it.
    pub(super) fn damaged(&self, path: &str, what: &str) -> Error {
        let Self { account, snapshot_id, .. } = self;
        let message = match &self.merged {
            None => format!(
                "{path} {what}: snapshot {snapshot_id} of {account} is damaged, and no such is compacted; put the \
                 file back, or remove the snapshot's files and its manifest"
            ),
            // No other copy of them is in the lake: whoever removed it would lose them.
            Some(Merged { snapshots, manifest }) => format!(
                "{path} {what}: it has the rows of {snapshots}, whose own files were merged into it and are gone; put it back \
                 from a copy. Where there is none, read these accounts again, and then remove it, {manifest} and the \
                 manifests of these snapshots"
            ),
        };
        Error::new(ErrorKind::Destination, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SNAPSHOT: &str = "01a20c7e-5167-7459-84d1-21cf616966d5";

    fn manifest(account: &str, names: &[&str], replaces: &[&str]) -> Manifest {
        let mut manifest = Manifest::new(Some(account), SNAPSHOT);
        manifest.files = names
            .iter()
            .map(|name| DurablePiece {
                name: (*name).to_owned(),
                partition: Default::default(),
                records: 1,
                bytes: 3,
                digest: None,
            })
            .collect();
        manifest.replaces = replaces.iter().map(|name| (*name).to_owned()).collect();
        manifest
    }

    fn live(manifests: &[Manifest], there: &[(&str, u64)]) -> Result<Live> {
        let there = there.iter().map(|(name, bytes)| ((*name).to_owned(), *bytes)).collect();
        Live::from(manifests, &there, |name| format!("lake/{name}")).whole()
    }

    #[test]
    fn what_was_replaced_counts_no_more_whoever_named_it() {
        let manifests = [
            manifest("b", &["b-1", "b-2"], &[]),
            manifest("a", &["a-1", "a-2"], &[]),
            manifest("compacted", &["c-1"], &["a-1", "b-1"]),
            manifest("compacted", &["c-2"], &["c-1", "a-2"]),
        ];
        let live = live(&manifests, &[("c-2", 3), ("b-2", 3), ("b-1", 3), ("x", 1)]).unwrap();
        let names: Vec<_> = live.files.iter().map(|file| file.piece.name.as_str()).collect();
        assert_eq!(names, ["b-2", "c-2"]);
        assert_eq!(live.replaced, ["b-1"]);
    }

    #[test]
    fn a_file_that_is_gone_or_of_another_length_is_told_with_its_snapshot() {
        let manifests = [manifest("a", &["a-1", "a-2"], &[])];
        for (there, what) in [
            (&[("a-1", 3)][..], "lake/a-2 is not there any more: "),
            (&[("a-1", 3), ("a-2", 4)], "lake/a-2 has 4 bytes, and 3 were written: "),
        ] {
            let error = live(&manifests, there).unwrap_err();
            let wanted = format!("{what}snapshot {SNAPSHOT} of a is damaged");
            assert!(error.message().starts_with(&wanted), "{error}");
        }
    }
}
