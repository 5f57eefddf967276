//! The files of a directory, those in partitions below it included.

use std::fs::{self, DirEntry};
use std::io;
use std::path::Path;

use super::hive;

/// The names of all files, with their lengths, in order: `a.parquet`, `status=active/a.parquet`.
pub(super) fn files(directory: &Path) -> io::Result<Vec<(String, u64)>> {
    let mut found = Vec::new();
    walk(directory, |entry, name| {
        // A run may just have given it another name.
        if let Ok(metadata) = fs::metadata(entry.path())
            && metadata.is_file()
        {
            found.push((name, metadata.len()));
        }
    })?;
    found.sort();
    Ok(found)
}

/// The names alone, in any order. Each account of a run asks for those of all, so that no file is looked at.
pub(super) fn names(directory: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    walk(directory, |_, name| found.push(name))?;
    Ok(found)
}

/// Shows `visit` what is no directory, in any order.
fn walk(directory: &Path, mut visit: impl FnMut(&DirEntry, String)) -> io::Result<()> {
    let mut folders = vec![(directory.to_owned(), String::new())];
    while let Some((folder, prefix)) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            // Gone since it was listed.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !prefix.is_empty() => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if !entry.file_type()?.is_dir() {
                visit(&entry, format!("{prefix}{name}"));
            } else if hive::is_directory(&name) {
                folders.push((entry.path(), format!("{prefix}{name}/")));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_looked_for_in_partitions_and_nowhere_else() {
        let directory = tempfile::tempdir().unwrap();
        for folder in ["a=1/b=2", "a=1/other", "_a=1", ".a=1", "other/a=1"] {
            let folder = directory.path().join(folder);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("x"), "12").unwrap();
        }
        fs::write(directory.path().join("c=d"), "").unwrap();
        fs::write(directory.path().join("a=1/.y"), "1").unwrap();
        let names = files(directory.path()).unwrap();
        let wanted = [("a=1/.y", 1), ("a=1/b=2/x", 2), ("c=d", 0)];
        assert_eq!(names, wanted.map(|(name, bytes)| (name.to_owned(), bytes)));
        let mut alone = super::names(directory.path()).unwrap();
        alone.sort();
        assert_eq!(alone, wanted.map(|(name, _)| name));
        assert!(files(&directory.path().join("missing")).is_err());
    }
}
