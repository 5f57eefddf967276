//! Which files become one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_schema::{Schema, SchemaRef};
use futures_util::{StreamExt, TryStreamExt, stream};
use parquet::arrow::parquet_to_arrow_schema;
use parquet::basic::LogicalType;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};

use super::live::{Live, LiveFile};
use crate::error::Result;
use crate::sink::parquet::format::FileFormat;
use crate::sink::parquet::looked::{Looked, READS_AT_ONCE};
use crate::sink::parquet::marks::{plain, with_json};
use crate::sink::parquet::order::SortColumn;
use crate::sink::parquet::remote::SCHEMA_KEY;

/// The most files of a group: the manifest that names them stays readable.
const MOST_FILES: usize = 10_000;

/// Files of one directory that become one.
#[derive(Clone, Debug)]
pub(super) struct Group {
    /// Empty for the lake itself.
    pub(super) directory: String,
    pub(super) kind: Arc<Kind>,
    pub(super) files: Vec<LiveFile>,
}

/// What files must have in common to become one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    /// Without what files say of themselves.
    pub(super) schema: SchemaRef,
    /// `license_stream.schema_version`, as they have it.
    pub(super) schema_version: Option<String>,
    /// Whose rows they have, where no column says it: rows of two could not be told apart any more.
    pub(super) account: Option<String>,
    /// The same of the snapshot.
    pub(super) snapshot_id: Option<String>,
    /// How their `remote_data` is typed, as they have it.
    pub(super) remote_data_schema: Option<String>,
    /// What the rows of all row groups are sorted by.
    pub(super) sort_by: Vec<SortColumn>,
    /// The columns that have a bloom filter in all row groups.
    pub(super) blooms: BTreeSet<String>,
}

/// What is to be merged of `live` into files of `file_bytes` at most.
pub(super) async fn groups(place: &Looked, live: Live, file_bytes: u64) -> Result<Vec<Group>> {
    let mut small = BTreeMap::<String, Vec<LiveFile>>::new();
    let is_small = |file: &LiveFile| {
        // Arrow files stay as they are.
        let is_parquet = FileFormat::of(&file.piece.name)
            .is_some_and(|(format, _)| format == FileFormat::Parquet);
        is_parquet && file.piece.bytes < file_bytes.div_ceil(2)
    };
    for file in live.files.into_iter().filter(is_small) {
        let directory = file.piece.name.rsplit_once('/').map_or("", |(directory, _)| directory);
        small.entry(directory.to_owned()).or_default().push(file);
    }
    let mut groups = Vec::new();
    for (directory, files) in small.into_iter().filter(|(_, files)| files.len() > 1) {
        let reads: Vec<_> = files.into_iter().map(|file| read(place, file)).collect();
        let mut reads = stream::iter(reads).buffered(READS_AT_ONCE);
        let mut kinds = Vec::<(Arc<Kind>, Vec<LiveFile>)>::new();
        while let Some((kind, file)) = reads.try_next().await? {
            match kinds.iter_mut().find(|(other, _)| **other == kind) {
                Some((_, files)) => files.push(file),
                None => kinds.push((Arc::new(kind), vec![file])),
            }
        }
        for (kind, files) in kinds {
            groups.extend(cut(files, file_bytes).into_iter().map(|files| Group {
                directory: directory.clone(),
                kind: Arc::clone(&kind),
                files,
            }));
        }
    }
    Ok(groups)
}

async fn read(place: &Looked, file: LiveFile) -> Result<(Kind, LiveFile)> {
    let name = &file.piece.name;
    let kind = place.metadata(name, file.piece.bytes).await?;
    let kind = kind.and_then(|metadata| Kind::of(&metadata, &file));
    let kind = kind.map_err(|reason| {
        file.damaged(&place.path_of(name), &format!("is no Parquet file, {reason}"))
    })?;
    Ok((kind, file))
}

/// As many of `files`, in their order, as are `most` bytes together. Each is smaller than half of that, so that
/// only the last one can be alone, which stays as it is.
fn cut(files: Vec<LiveFile>, most: u64) -> Vec<Vec<LiveFile>> {
    let mut groups = Vec::<(u64, Vec<LiveFile>)>::new();
    for file in files {
        let bytes = file.piece.bytes;
        match groups.last_mut() {
            Some((sum, files)) if *sum + bytes <= most && files.len() < MOST_FILES => {
                *sum += bytes;
                files.push(file);
            }
            _ => groups.push((bytes, vec![file])),
        }
    }
    groups.into_iter().map(|(_, files)| files).filter(|files| files.len() > 1).collect()
}

impl Kind {
    fn of(metadata: &ParquetMetaData, listed: &LiveFile) -> Result<Self, String> {
        let file = metadata.file_metadata();
        let pairs = file.key_value_metadata();
        let schema = parquet_to_arrow_schema(file.schema_descr(), pairs)
            .map_err(|error| format!("its schema cannot be read: {error}"))?;
        let said = |key: &str| {
            let mut pairs = pairs.into_iter().flatten();
            pairs.find(|pair| pair.key == key).and_then(|pair| pair.value.clone())
        };
        let without = |column: &str, name: &str, listed: &str| {
            let is_there = schema.fields().find(column).is_some();
            (!is_there).then(|| said(name).unwrap_or_else(|| listed.to_owned()))
        };
        let groups = metadata.row_groups();
        let has_bloom = |index: &usize| {
            let chunk = |group: &RowGroupMetaData| group.column(*index).bloom_filter_offset();
            !groups.is_empty() && groups.iter().all(|group| chunk(group).is_some())
        };
        let leaves = file.schema_descr().columns();
        let blooms = (0..leaves.len()).filter(has_bloom);
        Ok(Self {
            account: without("_integrated_account_id", "license_stream.account", &listed.account),
            snapshot_id: without("_snapshot_id", "license_stream.snapshot_id", &listed.snapshot_id),
            schema: Arc::new(with_json(&plain(&Schema::new(schema.fields)), |name| {
                let mut leaves = leaves.iter().filter(|leaf| leaf.path().parts() == [name]);
                leaves.any(|leaf| leaf.logical_type_ref() == Some(&LogicalType::Json))
            })),
            schema_version: said("license_stream.schema_version"),
            remote_data_schema: said(SCHEMA_KEY),
            sort_by: sort_by(metadata).unwrap_or_default(),
            blooms: blooms.map(|index| leaves[index].path().string()).collect(),
        })
    }
}

/// The order that all row groups of a file declare, as far as it is one that is written here.
fn sort_by(metadata: &ParquetMetaData) -> Option<Vec<SortColumn>> {
    let leaves = metadata.file_metadata().schema_descr().columns();
    let mut groups = metadata.row_groups().iter().map(RowGroupMetaData::sorting_columns);
    let declared = groups.next()??;
    if groups.any(|other| other != Some(declared)) || declared.iter().any(|by| by.nulls_first) {
        return None;
    }
    let column = |by: &parquet::file::metadata::SortingColumn| {
        let leaf = leaves.get(usize::try_from(by.column_idx).ok()?)?;
        let [name] = leaf.path().parts() else { return None };
        Some(SortColumn { name: name.clone(), is_descending: by.descending })
    };
    declared.iter().map(column).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::DurablePiece;

    fn file(bytes: u64) -> LiveFile {
        let (name, partition) = (bytes.to_string(), Default::default());
        LiveFile {
            piece: DurablePiece { name, partition, records: 1, bytes, digest: None },
            account: "a".to_owned(),
            snapshot_id: "b".to_owned(),
            merged: None,
        }
    }

    #[test]
    fn groups_have_two_files_at_least_and_what_is_wanted_at_most() {
        let cut = |sizes: &[u64]| -> Vec<Vec<u64>> {
            let groups = super::cut(sizes.iter().map(|size| file(*size)).collect(), 100);
            let bytes = |files: Vec<LiveFile>| files.iter().map(|file| file.piece.bytes).collect();
            groups.into_iter().map(bytes).collect()
        };
        assert_eq!(cut(&[]), [[0; 0]; 0]);
        assert_eq!(cut(&[49]), [[0; 0]; 0]);
        assert_eq!(cut(&[49, 49]), [[49, 49]]);
        assert_eq!(cut(&[49, 49, 2]), [vec![49, 49, 2]]);
        assert_eq!(cut(&[49, 49, 3]), [vec![49, 49]]);
        assert_eq!(cut(&[49, 40, 20, 30, 45, 5]), [vec![49, 40], vec![20, 30, 45, 5]]);
        let many = vec![file(0); MOST_FILES + 2];
        let lengths: Vec<_> = super::cut(many, 1).iter().map(Vec::len).collect();
        assert_eq!(lengths, [MOST_FILES, 2]);
    }
}
