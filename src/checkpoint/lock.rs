//! One run at a time, where checkpoints are in a directory that says nothing of runs.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::name;
use crate::error::{Error, ErrorKind, Result};

/// The lock of a run over many accounts. No key begins with a dot.
const ALL: &str = ".checkpoints.lock";

/// The right of one run to keep a checkpoint in a directory, until it is dropped.
///
/// It is a lock on `KEY.lock` beside the checkpoint, which the system gives back however the run ends. The
/// file itself stays: a name that comes and goes could be locked by two runs at once.
#[derive(Debug)]
pub struct CheckpointLock {
    _file: File,
}

impl CheckpointLock {
    /// Locks the checkpoint of `key` in `directory`, which is made. To be taken before the checkpoint is
    /// read.
    ///
    /// # Errors
    /// [`ErrorKind::Destination`] if another run has it, or if the directory cannot be written to;
    /// [`ErrorKind::Configuration`] if the key cannot be a file's name.
    pub fn take(directory: &Path, key: &str) -> Result<Self> {
        let path = path(directory, key)?;
        let file = fs::create_dir_all(directory).and_then(|()| File::create(&path));
        let file = file.map_err(|error| failed(&path, "could not be locked").caused_by(error))?;
        let advice = "another run keeps its checkpoint here; wait for its end, or keep checkpoints elsewhere";
        Self::of(&path, file, advice)
    }

    /// Locks `directory`, which is made, for a run over many accounts, of which there is one at a time. Checkpoints are
    /// [locked](Self::take) beside that: a run of one account does not ask for it.
    ///
    /// # Errors
    /// [`ErrorKind::Destination`] if another such run has it, or if the directory cannot be written to.
    pub fn take_all(directory: &Path) -> Result<Self> {
        let path = directory.join(ALL);
        let file = fs::create_dir_all(directory).and_then(|()| File::create(&path));
        let file = file.map_err(|error| failed(&path, "could not be locked").caused_by(error))?;
        let advice = "another run over several accounts keeps its checkpoints here; wait for its end, or keep \
             checkpoints elsewhere";
        Self::of(&path, file, advice)
    }

    /// The same for who takes a checkpoint away: `None` where no run ever was, so that nothing is made.
    ///
    /// # Errors
    /// [`ErrorKind::Destination`] if a run is under way, which would keep its checkpoint anew, or if the lock
    /// cannot be asked for; [`ErrorKind::Configuration`] if the key cannot be a file's name.
    pub fn take_to_reset(directory: &Path, key: &str) -> Result<Option<Self>> {
        let path = path(directory, key)?;
        // To be written: some network file systems lock nothing else.
        let file = match File::options().write(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(|error| failed(&path, "could not be locked").caused_by(error))?,
        };
        let advice = "a run is under way, and would keep its checkpoint anew; stop it, or wait for its end, and \
             reset it then";
        Self::of(&path, file, advice).map(Some)
    }

    fn of(path: &Path, file: File, advice: &str) -> Result<Self> {
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(failed(path, advice)),
            Err(TryLockError::Error(error)) => {
                Err(failed(path, "could not be locked").caused_by(error))
            }
        }
    }
}

fn path(directory: &Path, key: &str) -> Result<PathBuf> {
    Ok(directory.join(format!("{}.lock", name::checked(key)?)))
}

fn failed(path: &Path, what: &str) -> Error {
    Error::new(ErrorKind::Destination, format!("{}: {what}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_run_is_refused_until_the_first_has_ended() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("new");
        let first = CheckpointLock::take(&path, "a").unwrap();
        let refused = CheckpointLock::take(&path, "a").unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Destination);
        assert!(
            refused.message().contains("a.lock: another run keeps its checkpoint"),
            "{refused}"
        );
        CheckpointLock::take(&path, "b").unwrap();
        let all = CheckpointLock::take_all(&path).unwrap();
        let refused = CheckpointLock::take_all(&path).unwrap_err();
        assert!(
            refused.message().contains(".lock: another run over several accounts"),
            "{refused}"
        );
        CheckpointLock::take(&path, "b").expect("it is of one account");
        drop(all);
        CheckpointLock::take_all(&path).unwrap();
        drop(first);
        CheckpointLock::take(&path, "a").unwrap();
        let reset = CheckpointLock::take_to_reset(&path, "a").unwrap().unwrap();
        assert!(CheckpointLock::take(&path, "a").is_err());
        let refused = CheckpointLock::take_to_reset(&path, "a").unwrap_err();
        assert!(refused.message().contains("a.lock: a run is under way"), "{refused}");
        drop(reset);
        assert!(CheckpointLock::take_to_reset(&path, "c").unwrap().is_none());
        assert!(!path.join("c.lock").exists());
        let refused = CheckpointLock::take(&path, "../a").unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Configuration);
    }
}
