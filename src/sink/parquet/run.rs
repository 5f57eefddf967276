//! A run over many accounts of a directory.

use std::fs::File;
use std::path::PathBuf;

use uuid::Uuid;

use super::pending::Pending;
use crate::error::Result;

/// Says of a run over many accounts that it is under way: until it has ended there is no `_SUCCESS`,
/// though every account that was begun so far may be complete.
///
/// It is a locked file among those of pending accounts. The system gives the lock back when the run is
/// killed, and whoever completes a snapshot next passes over the file.
///
/// ```
/// use license_stream::sink::parquet::{Claim, Manifest, RunClaim};
///
/// # let lake = tempfile::tempdir()?;
/// let run = RunClaim::take(lake.path())?;
/// for account in ["a", "b"] {
///     let claim = Claim::take(lake.path(), Some(account))?;
///     // … read the account, and then:
///     claim.complete(&Manifest::new(Some(account), "01a20c7e-5167-7459-84d1-21cf616966d5"))?;
///     assert!(!lake.path().join("_SUCCESS").exists());
/// }
/// run.end(true)?;
/// assert!(lake.path().join("_SUCCESS").exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct RunClaim {
    pending: Pending,
    id: String,
    _lock: File,
}

impl RunClaim {
    /// Begins a run in `directory`, which is made. Takes its time: a disk is asked.
    ///
    /// # Errors
    /// [`ErrorKind::Destination`](crate::ErrorKind::Destination) if the directory cannot be written to.
    pub fn take(directory: impl Into<PathBuf>) -> Result<Self> {
        let (pending, id) = (Pending::of(directory.into())?, Uuid::now_v7().to_string());
        let lock = pending.alone(|| pending.add_run(&id));
        let lock = lock.map_err(|error| pending.failed("could not be written to", error))?;
        Ok(Self { pending, id, _lock: lock })
    }

    /// Ends the run. If it is complete, and nothing else in the directory is pending, `_SUCCESS` is
    /// written; after a run that is not, only another one's end does that.
    ///
    /// # Errors
    /// [`ErrorKind::Destination`](crate::ErrorKind::Destination) if the directory cannot be written to.
    pub fn end(self, is_complete: bool) -> Result<()> {
        let ended = self.pending.alone(|| {
            self.pending.remove_run(&self.id)?;
            if is_complete { self.pending.succeed_if_none() } else { Ok(()) }
        });
        ended.map_err(|error| self.pending.failed("could not be completed", error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::parquet::pending::SUCCESS;
    use crate::sink::parquet::{Claim, Manifest};

    const SNAPSHOT: &str = "01a20c7e-5167-7459-84d1-21cf616966d5";

    #[test]
    fn a_run_that_failed_or_was_killed_makes_no_success_and_hinders_no_other() {
        let directory = tempfile::tempdir().unwrap();
        let has_success = || directory.path().join(SUCCESS).exists();
        let complete = || {
            let claim = Claim::take(directory.path(), Some("a")).unwrap();
            claim.begin(SNAPSHOT).unwrap();
            claim.complete(&Manifest::new(Some("a"), SNAPSHOT)).unwrap();
        };
        let run = RunClaim::take(directory.path()).unwrap();
        complete();
        run.end(false).unwrap();
        assert!(!has_success(), "it failed");
        let run = RunClaim::take(directory.path()).unwrap();
        complete();
        // As when it is killed: the lock is gone and the file is not.
        drop(run);
        assert!(!has_success(), "it was killed");
        let (one, other) =
            (RunClaim::take(directory.path()).unwrap(), RunClaim::take(directory.path()).unwrap());
        complete();
        one.end(true).unwrap();
        assert!(!has_success(), "the other is under way");
        other.end(true).unwrap();
        assert!(has_success());
    }
}
