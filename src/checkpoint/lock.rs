//! One run at a time, where checkpoints are in a directory that says nothing of runs.

use std::fs::{self, File, TryLockError};
use std::path::Path;

use super::name;
use crate::error::{Error, ErrorKind, Result};

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
        let path = directory.join(format!("{}.lock", name::checked(key)?));
        let locked = fs::create_dir_all(directory)
            .and_then(|()| File::create(&path))
            .map_err(TryLockError::Error)
            .and_then(|file| {
                file.try_lock()?;
                Ok(file)
            });
        let failed = |what: &str| {
            let message = format!("{}: {what}", path.display());
            Error::new(ErrorKind::Destination, message)
        };
        match locked {
            Ok(file) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(failed(
                "another run keeps its checkpoint here; wait for its end, or keep checkpoints elsewhere",
            )),
            Err(TryLockError::Error(error)) => Err(failed("could not be locked").caused_by(error)),
        }
    }
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
        drop(first);
        CheckpointLock::take(&path, "a").unwrap();
        let refused = CheckpointLock::take(&path, "../a").unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Configuration);
    }
}
