//! What merged files of snapshots into others, looked at from outside.

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;

use super::footer::total;
use super::{FileSummary, SnapshotState, is_there, is_whole};
use crate::sink::parquet::claim::{COMPACTED, owner};
use crate::sink::parquet::manifest::Manifest;

/// Files of snapshots that were merged into one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CompactionInspection {
    /// Its id.
    pub compaction_id: String,
    /// How whole it is. Unfinished, it counts for nothing, and is removed by the next one.
    pub state: SnapshotState,
    /// The files that it made and that are there; none once another has merged them further.
    pub files: u64,
    /// Their rows.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The files that it put them in the place of.
    pub replaces: u64,
    /// The files that it made, and that are neither there as they were written nor merged further: then it is damaged, and
    /// so are the snapshots whose rows were in them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub damaged_files: Vec<String>,
}

/// The compactions of files and manifests, and the names of all files that those which are whole replace.
pub(in crate::sink::parquet) fn compactions<'a>(
    files: &[FileSummary],
    manifests: &'a [Manifest],
) -> (Vec<CompactionInspection>, HashSet<&'a str>) {
    let mut there = BTreeMap::<_, Vec<_>>::new();
    for file in files {
        if let Some((COMPACTED, id)) = owner(&file.name) {
            there.entry(id).or_default().push(file);
        }
    }
    let manifests = manifests.iter().filter(|manifest| manifest.account_name() == COMPACTED);
    let files_of = |manifest: &'a Manifest| {
        (manifest, there.remove(manifest.snapshot_id.as_str()).unwrap_or_default())
    };
    let mut open: Vec<_> = manifests.map(files_of).collect();
    let unfinished =
        |(id, files): (&str, Vec<_>)| inspection(id, SnapshotState::Unfinished, &files, 0);
    let mut found: Vec<_> = there.into_iter().map(unfinished).collect();
    // Mostly the later one replaces what the earlier one made.
    open.sort_by(|(one, _), (other, _)| other.snapshot_id.cmp(&one.snapshot_id));
    let mut replaced = HashSet::new();
    loop {
        let before = open.len();
        open.retain(|(manifest, files)| {
            if !is_whole(manifest, files, &replaced) {
                return true;
            }
            replaced.extend(manifest.replaces.iter().map(String::as_str));
            let replaces = manifest.replaces.len() as u64;
            found.push(inspection(&manifest.snapshot_id, SnapshotState::Complete, files, replaces));
            false
        });
        if open.len() == before {
            break;
        }
    }
    // What others have merged further is not there for that reason, and they are what is damaged.
    let merged: HashSet<_> = open.iter().flat_map(|(manifest, _)| &manifest.replaces).collect();
    found.extend(open.iter().map(|(manifest, files)| {
        let replaces = manifest.replaces.len() as u64;
        let damaged = manifest.files.iter().filter(|listed| {
            !is_there(listed, files)
                && !replaced.contains(listed.name.as_str())
                && !merged.contains(&listed.name)
        });
        CompactionInspection {
            damaged_files: damaged.map(|file| file.name.clone()).collect(),
            ..inspection(&manifest.snapshot_id, SnapshotState::Damaged, files, replaces)
        }
    }));
    found.sort_by(|one, other| one.compaction_id.cmp(&other.compaction_id));
    (found, replaced)
}

fn inspection(
    id: &str,
    state: SnapshotState,
    files: &[&FileSummary],
    replaces: u64,
) -> CompactionInspection {
    CompactionInspection {
        compaction_id: id.to_owned(),
        state,
        files: files.len() as u64,
        rows: total(files.iter().map(|file| file.rows)),
        bytes: total(files.iter().map(|file| file.bytes)),
        replaces,
        damaged_files: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::DurablePiece;

    fn id(number: u32) -> String {
        format!("01a20c7e-5167-7459-84d1-21cf6169{number:04}")
    }

    fn file(number: u32) -> FileSummary {
        let name = format!("compacted-{}-00000.parquet", id(number));
        FileSummary { name, bytes: 7, rows: 2, row_groups: 1 }
    }

    fn manifest(number: u32, replaces: &[&str]) -> Manifest {
        let mut manifest = Manifest::new(Some(COMPACTED), &id(number));
        let FileSummary { name, bytes, rows: records, .. } = file(number);
        let partition = Default::default();
        manifest.files.push(DurablePiece { name, partition, records, bytes, digest: None });
        manifest.replaces = replaces.iter().map(|name| (*name).to_owned()).collect();
        manifest
    }

    #[test]
    fn what_is_replaced_is_so_only_while_what_replaces_it_is_there_or_replaced_itself() {
        let first = file(1).name;
        let manifests = [manifest(1, &["a", "b"]), manifest(2, &[&first, "c"])];
        let states = |files: &[FileSummary]| {
            let (found, replaced) = compactions(files, &manifests);
            let states: Vec<_> = found.iter().map(|it| (it.state, it.files)).collect();
            let mut replaced: Vec<_> = replaced.into_iter().map(str::to_owned).collect();
            replaced.sort();
            (states, replaced)
        };
        use SnapshotState::{Complete, Damaged, Unfinished};
        let all = ["a", "b", "c", &first].map(str::to_owned).to_vec();
        assert_eq!(states(&[file(2)]), (vec![(Complete, 0), (Complete, 1)], all.clone()));
        assert_eq!(states(&[file(1), file(2)]), (vec![(Complete, 1), (Complete, 1)], all));
        let some = vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(states(&[file(1)]), (vec![(Complete, 1), (Damaged, 0)], some));
        assert_eq!(states(&[]), (vec![(Damaged, 0), (Damaged, 0)], Vec::new()));
        // Of the two, it is the later one's file that is missed.
        let missed = |files: &[FileSummary]| {
            let (found, _) = compactions(files, &manifests);
            found.into_iter().map(|it| it.damaged_files).collect::<Vec<_>>()
        };
        assert_eq!(missed(&[]), [vec![], vec![file(2).name]]);
        assert_eq!(missed(&[file(1)]), [vec![], vec![file(2).name]]);
        let (states, _) = states(&[file(2), file(3)]);
        assert_eq!(states, [(Complete, 0), (Complete, 1), (Unfinished, 1)]);
    }
}
