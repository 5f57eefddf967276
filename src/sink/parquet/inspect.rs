//! What there is in a lake, looked at from outside: nothing is claimed, written or removed.

pub(super) mod compactions;
pub(super) mod footer;
pub(super) mod ipc;
mod partitions;

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;
use uuid::Uuid;

pub use compactions::CompactionInspection;
use compactions::compactions;
use footer::total;
pub use footer::{ColumnInspection, FileInspection, RowGroupInspection};
pub use partitions::PartitionsInspection;
use partitions::partitions;

use super::claim::{COMPACTED, file_name, owner};
use super::format::FileFormat;
use super::lake::{Lake, OWN, SUCCESS};
use super::looked::Looked;
use super::manifest::Manifest;
use super::remote::SCHEMA_KEY;
use crate::decode::arrow::RemoteSchema;
use crate::error::{Error, ErrorKind, Result};
use crate::sink::DurablePiece;

/// What there is in a lake.
///
/// Only what the files say of themselves at their ends is read, and what runs keep beside them. While a run
/// is under way the answer is of one instant or another of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LakeInspection {
    /// Whether there is `_SUCCESS`: what was begun is complete.
    pub success: bool,
    /// The accounts whose last snapshot is not complete, and the runs (`run.<id>`) over many accounts that
    /// have not ended, or were killed.
    pub pending: Vec<String>,
    /// The snapshots, in the order of their accounts and ids.
    pub snapshots: Vec<SnapshotInspection>,
    /// What merged files of snapshots into others, in the order of their ids.
    pub compactions: Vec<CompactionInspection>,
    /// What runs that were killed have left of files, or what runs are writing now.
    pub partial: Vec<String>,
    /// What is named as a Parquet or Arrow file, or as a manifest, and is none.
    pub broken: Vec<BrokenFile>,
    /// How the files lie in directories.
    pub partitions: Vec<PartitionsInspection>,
    /// The Parquet and Arrow files, in the order of their names.
    pub files: Vec<FileSummary>,
    /// The columns of all files together, in the order in which they come first.
    pub columns: Vec<ColumnInspection>,
    /// The types on which all files agree that say how their `remote_data` is typed: the members that have one type in
    /// each that has them, or integers in some and numbers in others. `None` if no file says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_data_schema: Option<RemoteSchema>,
}

/// A snapshot of which something is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SnapshotInspection {
    /// The account, as it stands in the names; `input` for an input of none.
    pub account: String,
    /// The snapshot.
    pub snapshot_id: String,
    /// How whole it is.
    pub state: SnapshotState,
    /// Its files that are there.
    pub files: u64,
    /// Its files in whose place a compaction has put others.
    pub replaced: u64,
    /// The rows of both.
    pub rows: u64,
    /// The bytes of those that are there.
    pub bytes: u64,
}

/// How whole a snapshot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SnapshotState {
    /// It has a manifest, and the files in that are there with their lengths and rows, or were merged into ones
    /// that are.
    Complete,
    /// The same, of a run that began at a cursor: what is on the pages before it is in no file.
    Part,
    /// It has no manifest: a run is writing it, the next one goes on with it, or removes it.
    Unfinished,
    /// It has a manifest, and that cannot be read, or not all of the files in it are there as they were written.
    Damaged,
    /// It has no manifest, and its account is not pending: no run goes on with it, or removes it. So it is
    /// where what runs keep in `_license-stream` was removed, or where files were brought from elsewhere.
    Orphaned,
}

/// A file of many.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileSummary {
    /// Its name, with the directories that it lies in.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// Its rows.
    pub rows: u64,
    /// Its row groups.
    pub row_groups: u64,
}

/// A file that is not what its name says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BrokenFile {
    /// Its name.
    pub name: String,
    /// What is wrong with it.
    pub reason: String,
}

impl LakeInspection {
    /// Looks at `lake`: the files in it and in partitions (`key=value`) below it, in no other folders.
    ///
    /// ```
    /// use license_stream::sink::parquet::{LakeInspection, ParquetOptions, ParquetSink};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let lake = tempfile::tempdir()?;
    /// # let body = futures_util::stream::iter([Ok::<_, license_stream::Error>("{\"id\":\"a\"}\n".into())]);
    /// let snapshot = "01a20c7e-5167-7459-84d1-21cf616966d5";
    /// let sink = ParquetSink::new(ParquetOptions::new(lake.path(), snapshot)).await?;
    /// license_stream::pipeline::run(body, sink, Default::default()).await.into_result()?;
    ///
    /// let seen = LakeInspection::of(lake.path()).await?;
    /// assert_eq!((seen.rows(), seen.success), (1, false));
    /// assert_eq!(seen.pending, ["input"]); // no `Completion` was told
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Input`] if it cannot be read, or if there is nothing in it that a run would have left.
    pub async fn of(lake: impl Into<Lake>) -> Result<Self> {
        Ok(Self::with_manifests(&Looked(lake.into())).await?.0)
    }

    /// The same, and the manifests that it was seen by.
    pub(super) async fn with_manifests(place: &Looked) -> Result<(Self, Vec<Manifest>)> {
        // Files are listed later than what names them, so that a new snapshot's are there.
        let (manifests, broken) = place.manifests_and_broken().await?;
        let (own, names) = (place.own_names().await?, place.files().await?);
        let mut seen = Self {
            success: names.iter().any(|(name, _)| name == SUCCESS),
            pending: place.pending().await?,
            snapshots: Vec::new(),
            compactions: Vec::new(),
            partial: Vec::new(),
            broken,
            partitions: Vec::new(),
            files: Vec::new(),
            columns: Vec::new(),
            remote_data_schema: None,
        };
        let mut schemas = Vec::new();
        for (name, bytes) in names {
            let is_hidden = file_name(&name).starts_with(['.', '_']);
            let is_file = |name: &str| FileFormat::of(name).is_some();
            if is_hidden && name.strip_suffix(".partial").is_some_and(is_file) {
                seen.partial.push(name);
            } else if is_file(&name) && !is_hidden {
                seen.add(place, name, bytes, &mut schemas).await?;
            }
        }
        if !schemas.is_empty() {
            seen.remote_data_schema = Some(RemoteSchema::agreed(&schemas));
        }
        if seen.files.is_empty() && seen.broken.is_empty() && own.is_empty() {
            let message = format!("{} holds no file of licenses, and nothing of a run", place.0);
            return Err(Error::new(ErrorKind::Input, message));
        }
        seen.partitions = partitions(&seen.files);
        let lost: HashSet<_> =
            seen.broken.iter().filter_map(|file| of_manifest(&file.name)).collect();
        let is_lost = |account: &str, id: &str| lost.contains(&(account, id));
        let replaced;
        (seen.compactions, replaced) = compactions(&seen.files, &manifests);
        seen.snapshots = snapshots(&seen.files, &manifests, &replaced);
        for snapshot in &mut seen.snapshots {
            if is_lost(&snapshot.account, &snapshot.snapshot_id) {
                snapshot.state = SnapshotState::Damaged;
            }
            if snapshot.state == SnapshotState::Unfinished
                && !seen.pending.contains(&snapshot.account)
            {
                snapshot.state = SnapshotState::Orphaned;
            }
        }
        let is_pending = seen.pending.iter().any(|account| account == COMPACTED);
        for compaction in &mut seen.compactions {
            if is_lost(COMPACTED, &compaction.compaction_id) {
                compaction.state = SnapshotState::Damaged;
            }
            if compaction.state == SnapshotState::Unfinished && !is_pending {
                compaction.state = SnapshotState::Orphaned;
            }
        }
        Ok((seen, manifests))
    }

    /// The rows of all files.
    pub fn rows(&self) -> u64 {
        total(self.files.iter().map(|file| file.rows))
    }

    /// The bytes of all files.
    pub fn bytes(&self) -> u64 {
        total(self.files.iter().map(|file| file.bytes))
    }

    async fn add(
        &mut self,
        place: &Looked,
        name: String,
        bytes: u64,
        schemas: &mut Vec<RemoteSchema>,
    ) -> Result<()> {
        let file = match place.file(&name, bytes).await? {
            Ok(file) => file,
            Err(reason) => {
                self.broken.push(BrokenFile { name, reason });
                return Ok(());
            }
        };
        // Of most files it is the same.
        schemas.extend(file.remote_data_schema().filter(|schema| !schemas.contains(schema)));
        for column in file.columns {
            match self.columns.iter_mut().find(|other| other.is_same(&column)) {
                Some(other) => other.merge(&column),
                None => self.columns.push(column),
            }
        }
        let (rows, row_groups) = (file.rows, file.row_groups.len() as u64);
        self.files.push(FileSummary { name, bytes, rows, row_groups });
        Ok(())
    }
}

impl FileInspection {
    /// How its `remote_data` is typed, if it says so.
    pub fn remote_data_schema(&self) -> Option<RemoteSchema> {
        let schema = self.metadata.get(SCHEMA_KEY)?.as_deref()?;
        RemoteSchema::from_json_schema(schema).ok()
    }

    /// Looks at the file `name` of `lake`.
    ///
    /// # Errors
    /// [`ErrorKind::Input`] if it cannot be read, or is no Parquet file, or where its name ends in `.arrow` none of Arrow
    /// that this crate wrote.
    pub async fn of(lake: impl Into<Lake>, name: &str) -> Result<Self> {
        let place = Looked(lake.into());
        let bytes = place.length(name).await?;
        place.file(name, bytes).await?.map_err(|reason| {
            let noun = match FileFormat::of(name) {
                Some((FileFormat::Arrow, _)) => "Arrow file of license-stream",
                _ => "Parquet file",
            };
            let message = format!("{} is no {noun}: {reason}", place.path_of(name));
            Error::new(ErrorKind::Input, message)
        })
    }
}

/// The snapshots of files, and of manifests, whose files may be gone, or `replaced` by others.
fn snapshots(
    files: &[FileSummary],
    manifests: &[Manifest],
    replaced: &HashSet<&str>,
) -> Vec<SnapshotInspection> {
    let mut found = BTreeMap::new();
    for file in files {
        let Some((account, snapshot_id)) = owner(&file.name) else { continue };
        let (account, snapshot_id) = (account.to_owned(), snapshot_id.to_owned());
        found.entry((account, snapshot_id)).or_insert_with(Vec::new).push(file);
    }
    for manifest in manifests {
        let account = manifest.account_name().to_owned();
        found.entry((account, manifest.snapshot_id.clone())).or_default();
    }
    found.retain(|(account, _), _| account != COMPACTED);
    let inspection = |((account, snapshot_id), files): ((String, String), Vec<&FileSummary>)| {
        let manifest = manifests.iter().find(|manifest| {
            manifest.snapshot_id == snapshot_id && manifest.account_name() == account
        });
        let state = match manifest {
            None => SnapshotState::Unfinished,
            Some(manifest) if is_whole(manifest, &files, replaced) => match manifest.is_part {
                true => SnapshotState::Part,
                false => SnapshotState::Complete,
            },
            Some(_) => SnapshotState::Damaged,
        };
        let is_replaced = |file: &&DurablePiece| replaced.contains(file.name.as_str());
        let listed = manifest.map(|manifest| manifest.files.as_slice()).unwrap_or_default();
        let replaced_rows = listed.iter().filter(is_replaced).map(|file| file.records);
        // One that was replaced may be there still: the compaction is under way, or was killed.
        let there = files.iter().filter(|file| !replaced.contains(file.name.as_str()));
        SnapshotInspection {
            account,
            snapshot_id,
            state,
            files: files.len() as u64,
            replaced: listed.iter().filter(is_replaced).count() as u64,
            rows: total(there.map(|file| file.rows).chain(replaced_rows)),
            bytes: total(files.iter().map(|file| file.bytes)),
        }
    };
    found.into_iter().map(inspection).collect()
}

/// Whether there are the files of the manifest, as far as they were not `replaced`, and no others.
fn is_whole(manifest: &Manifest, files: &[&FileSummary], replaced: &HashSet<&str>) -> bool {
    let is_there =
        |listed: &DurablePiece| replaced.contains(listed.name.as_str()) || is_there(listed, files);
    let listed: HashSet<_> = manifest.files.iter().map(|file| file.name.as_str()).collect();
    files.iter().all(|file| listed.contains(file.name.as_str()))
        && manifest.files.iter().all(is_there)
}

/// Whether a file is among `files` as it was written.
fn is_there(listed: &DurablePiece, files: &[&FileSummary]) -> bool {
    files.iter().any(|file| {
        file.name == listed.name && file.bytes == listed.bytes && file.rows == listed.records
    })
}

/// Whether what runs keep under this name is a manifest.
pub(super) fn is_manifest(name: &str) -> bool {
    let name = name.strip_suffix(".json").unwrap_or_default();
    !name.starts_with('.') && account_and_snapshot(name).is_some()
}

/// The account and the snapshot of the manifest of this name, with the folder that it is in.
fn of_manifest(name: &str) -> Option<(&str, &str)> {
    let name = name.strip_prefix(OWN)?.strip_prefix('/')?;
    account_and_snapshot(name.strip_suffix(".json")?)
}

fn account_and_snapshot(name: &str) -> Option<(&str, &str)> {
    let (account, snapshot) = name.split_at_checked(name.len().checked_sub(36)?)?;
    let account = account.strip_suffix('-').filter(|account| !account.is_empty())?;
    Uuid::try_parse(snapshot).is_ok().then_some((account, snapshot))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SNAPSHOT: &str = "01a20c7e-5167-7459-84d1-21cf616966d5";

    #[test]
    fn names_tell_accounts_with_dashes_from_snapshots() {
        for account in ["input", "a-b", SNAPSHOT] {
            let name = format!("{account}-{SNAPSHOT}");
            assert_eq!(owner(&format!("{name}-00012.parquet")), Some((account, SNAPSHOT)));
            assert!(is_manifest(&format!("{name}.json")));
            for name in [format!("{name}-0012.parquet"), format!("{name}.parquet")] {
                assert_eq!(owner(&name), None, "{name}");
            }
        }
        for name in ["a.checkpoint.json", "a.lock", ".a.json.partial", &format!("{SNAPSHOT}.json")]
        {
            assert!(!is_manifest(name), "{name}");
        }
    }

    #[test]
    fn a_snapshot_is_complete_only_with_each_file_as_its_manifest_has_it() {
        let file = |number: u32, bytes| FileSummary {
            name: format!("a-{SNAPSHOT}-{number:05}.parquet"),
            bytes,
            rows: 10,
            row_groups: 1,
        };
        let state = |files: &[FileSummary], listed: Option<&[FileSummary]>| {
            let manifests = listed.map(|listed| {
                let mut manifest = Manifest::new(Some("a"), SNAPSHOT);
                manifest.files.extend(listed.iter().map(|file| crate::sink::DurablePiece {
                    name: file.name.clone(),
                    partition: Default::default(),
                    records: file.rows,
                    bytes: file.bytes,
                    digest: None,
                }));
                manifest
            });
            let found = snapshots(files, manifests.as_slice(), &HashSet::new());
            assert_eq!(found.len(), 1);
            assert_eq!(found[0].files, files.len() as u64);
            found[0].state
        };
        let both = [file(0, 100), file(1, 200)];
        assert_eq!(state(&both, None), SnapshotState::Unfinished);
        assert_eq!(state(&both, Some(&both)), SnapshotState::Complete);
        assert_eq!(state(&[], Some(&[])), SnapshotState::Complete);
        for there in [&[file(0, 100)][..], &[file(0, 100), file(1, 199)], &[]] {
            assert_eq!(state(there, Some(&both)), SnapshotState::Damaged);
        }
        assert_eq!(state(&both, Some(&both[..1])), SnapshotState::Damaged, "one too many");
    }
}
