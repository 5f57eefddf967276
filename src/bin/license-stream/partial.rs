//! A file that has its name once it is whole: until then it is `FILE.partial` beside it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Seek};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use license_stream::{Error, ErrorKind, Result};

/// The files that a run is writing. Each is locked until it has its name, or is left: another run that would
/// write it too is refused. The system gives the locks back however the run ends.
#[derive(Debug, Default)]
pub(crate) struct PartialFiles(Mutex<HashMap<PathBuf, File>>);

impl PartialFiles {
    /// Begins the file that will be `path`, anew if this run has begun it already and given that up.
    pub(crate) fn begin(&self, path: &Path) -> Result<File> {
        let mut begun = self.begun();
        let file = match begun.entry(path.to_owned()) {
            Entry::Occupied(file) => file.into_mut(),
            Entry::Vacant(place) => place.insert(lock(path)?),
        };
        let emptied = file.set_len(0).and_then(|()| file.rewind());
        emptied.and_then(|()| file.try_clone()).map_err(|error| not_written(path, error))
    }

    /// Ends it, `bytes` long: where it is now, if it is anywhere.
    pub(crate) fn end(
        &self,
        path: &Path,
        is_complete: bool,
        bytes: u64,
    ) -> Result<Option<PathBuf>> {
        let Some(file) = self.begun().remove(path) else { return Ok(None) };
        let ended = if is_complete { publish(path, &file) } else { keep(path, &file, bytes) };
        ended.map_err(|error| not_written(path, error))
    }

    fn begun(&self) -> MutexGuard<'_, HashMap<PathBuf, File>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What there is of a file before it is whole.
pub(crate) fn partial(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{name}.partial"))
}

pub(crate) fn not_written(path: &Path, error: io::Error) -> Error {
    Error::new(ErrorKind::Destination, format!("{} could not be written", path.display()))
        .caused_by(error)
}

/// Locks `directory` for a run over several accounts, of which there is one at a time, until the file is closed. It
/// has a file for that, which stays.
pub(crate) fn lock_directory(directory: &Path) -> Result<File> {
    let path = directory.join(".license-stream.lock");
    let file = File::create(&path).map_err(|error| not_written(&path, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(held(directory, &path)),
        Err(TryLockError::Error(error)) => Err(not_written(&path, error)),
    }
}

fn held(path: &Path, lock: &Path) -> Error {
    let message = format!(
        "another run is writing to {}: it holds {}; wait for its end, or write elsewhere",
        path.display(),
        lock.display()
    );
    Error::new(ErrorKind::Destination, message)
}

/// Opens the partial file of `path`, which no other run may have open. Only then may it be emptied.
fn lock(path: &Path) -> Result<File> {
    let partial = partial(path);
    loop {
        let opened = OpenOptions::new().write(true).create(true).truncate(false).open(&partial);
        let file = opened.map_err(|error| not_written(path, error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(held(path, &partial));
            }
            Err(TryLockError::Error(error)) => return Err(not_written(path, error)),
        }
        // What was opened may have got its own name since, and be whole.
        let is_same = |there: &fs::Metadata, file: &fs::Metadata| {
            (there.dev(), there.ino()) == (file.dev(), file.ino())
        };
        match (fs::metadata(&partial), file.metadata()) {
            (Ok(there), Ok(held)) if is_same(&there, &held) => return Ok(file),
            (Err(error), _) if error.kind() != io::ErrorKind::NotFound => {
                return Err(not_written(path, error));
            }
            _ => {}
        }
    }
}

/// Gives the file its name, once its bytes are on disk; the directory is synced too, since a rename
/// that is not would be lost with the power.
fn publish(path: &Path, file: &File) -> io::Result<Option<PathBuf>> {
    file.sync_all()?;
    fs::rename(partial(path), path)?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(Some(path.to_owned()))
}

/// Leaves the lines that came whole, `bytes` long, if there are any: an older file of the name itself is whole,
/// and better than a part. What a write that failed has left behind them is a part of one.
fn keep(path: &Path, file: &File, bytes: u64) -> io::Result<Option<PathBuf>> {
    let partial = partial(path);
    if bytes == 0 {
        return fs::remove_file(&partial).map(|()| None);
    }
    if file.metadata()?.len() > bytes {
        file.set_len(bytes)?;
    }
    Ok(Some(partial))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_second_run_is_refused_until_the_first_has_ended_and_an_attempt_of_the_same_begins_anew() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lines");
        let (first, second) = (PartialFiles::default(), PartialFiles::default());
        first.begin(&path).unwrap().write_all(b"given up\n").unwrap();
        first.begin(&path).unwrap().write_all(b"a\nb\n").unwrap();
        let refused = second.begin(&path).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Destination);
        let wanted = format!("another run is writing to {}: ", path.display());
        assert!(refused.message().starts_with(&wanted), "{refused}");
        assert_eq!(first.end(&path, true, 4).unwrap(), Some(path.clone()));
        assert_eq!(fs::read(&path).unwrap(), b"a\nb\n");

        second.begin(&path).unwrap().write_all(b"whole\npa").unwrap();
        assert_eq!(second.end(&path, false, 6).unwrap(), Some(partial(&path)));
        assert_eq!(fs::read(partial(&path)).unwrap(), b"whole\n");
        first.begin(&path).unwrap().write_all(b"pa").unwrap();
        assert_eq!(first.end(&path, false, 0).unwrap(), None);
        assert!(!partial(&path).exists() && fs::read(&path).unwrap() == b"a\nb\n");
    }
}
