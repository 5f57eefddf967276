//! How files lie in directories, looked at from outside.

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;

use super::FileSummary;

/// Files that lie in directories named for the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartitionsInspection {
    /// What is before the `=` in the names of the directories, the outermost first; nothing for files in none.
    pub keys: Vec<String>,
    /// How many directories have files in them, 0 for files in none.
    pub directories: u64,
    /// The files.
    pub files: u64,
}

/// How `files` lie, in the order of the keys: in one way, unless runs of several layouts share the lake.
pub(super) fn partitions(files: &[FileSummary]) -> Vec<PartitionsInspection> {
    let mut found = BTreeMap::<Vec<&str>, (HashSet<&str>, u64)>::new();
    for file in files {
        let directory = file.name.rsplit_once('/').map(|(directory, _)| directory);
        let levels = directory.into_iter().flat_map(|directory| directory.split('/'));
        let keys = levels.filter_map(|level| Some(level.split_once('=')?.0)).collect();
        let (directories, files) = found.entry(keys).or_default();
        directories.extend(directory);
        *files += 1;
    }
    let inspection = |(keys, (directories, files)): (Vec<&str>, (HashSet<_>, u64))| {
        let keys = keys.into_iter().map(str::to_owned).collect();
        PartitionsInspection { keys, directories: directories.len() as u64, files }
    };
    found.into_iter().map(inspection).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_lie_as_their_directories_are_named() {
        let file =
            |name: &str| FileSummary { name: name.to_owned(), bytes: 1, rows: 1, row_groups: 1 };
        let names = [
            "a.parquet",
            "status=active/account=x/a.parquet",
            "status=active/account=x/b.parquet",
            "status=a%2Fb/account=x/a.parquet",
        ];
        let files = names.map(file);
        let seen = |keys: &[&str], directories, files| PartitionsInspection {
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
            directories,
            files,
        };
        assert_eq!(partitions(&files), [seen(&[], 0, 1), seen(&["status", "account"], 2, 3)]);
        assert_eq!(partitions(&[]), []);
    }
}
