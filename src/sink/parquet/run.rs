//! A run over many accounts of a lake.

use std::fs::File;

use uuid::Uuid;

use super::lake::{Lake, Place};
use super::open::blocking;
use super::pending::Pending;
#[cfg(feature = "cloud")]
use super::unfinished::Unfinished;
#[cfg(feature = "cloud")]
use crate::cloud::Bucket;
use crate::error::Result;

/// Says of a run over many accounts that it is under way: until it has ended there is no `_SUCCESS`,
/// though every account that was begun so far may be complete.
///
/// In a directory it is a locked file among those of pending accounts. The system gives the lock back when
/// the run is killed, and whoever completes a snapshot next passes over the file. In an object store it is
/// a word in `_license-stream/pending`: there, when the run is killed, the next run over many accounts
/// takes its place, and `_SUCCESS` waits for that one.
///
/// ```
/// use license_stream::sink::parquet::{Claim, Manifest, RunClaim};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let lake = tempfile::tempdir()?;
/// let run = RunClaim::take(lake.path()).await?;
/// for account in ["a", "b"] {
///     let claim = Claim::take(lake.path(), Some(account)).await?;
///     // … read the account, and then:
///     claim.complete(&Manifest::new(Some(account), "01a20c7e-5167-7459-84d1-21cf616966d5")).await?;
///     assert!(!lake.path().join("_SUCCESS").exists());
/// }
/// run.end(true).await?;
/// assert!(lake.path().join("_SUCCESS").exists());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct RunClaim {
    id: String,
    mark: Mark,
}

#[derive(Debug)]
enum Mark {
    Local(Pending, File),
    #[cfg(feature = "cloud")]
    Bucket(Bucket),
}

impl RunClaim {
    /// Begins a run in `lake`, which is made.
    ///
    /// # Errors
    /// [`ErrorKind::Destination`](crate::ErrorKind::Destination) if the lake cannot be written to.
    pub async fn take(lake: impl Into<Lake>) -> Result<Self> {
        let id = Uuid::now_v7().to_string();
        match lake.into().0 {
            Place::Directory(directory) => {
                blocking(move || {
                    let pending = Pending::of(directory.to_path_buf())?;
                    let lock = pending.alone(|| pending.add_run(&id));
                    let lock =
                        lock.map_err(|error| pending.failed("could not be written to", error))?;
                    Ok(Self { id, mark: Mark::Local(pending, lock) })
                })
                .await
            }
            #[cfg(feature = "cloud")]
            Place::Bucket(bucket) => {
                Unfinished::add_run(&bucket, &id).await?;
                Ok(Self { id, mark: Mark::Bucket(bucket) })
            }
        }
    }

    /// Ends the run. If it is complete, and nothing else in the lake is pending, `_SUCCESS` is written;
    /// after a run that is not, only another one's end does that.
    ///
    /// # Errors
    /// [`ErrorKind::Destination`](crate::ErrorKind::Destination) if the lake cannot be written to.
    pub async fn end(self, is_complete: bool) -> Result<()> {
        let id = self.id;
        match self.mark {
            Mark::Local(pending, _lock) => {
                blocking(move || {
                    let ended = pending.alone(|| {
                        pending.remove_run(&id)?;
                        if is_complete { pending.succeed_if_none() } else { Ok(()) }
                    });
                    ended.map_err(|error| pending.failed("could not be completed", error))
                })
                .await
            }
            #[cfg(feature = "cloud")]
            Mark::Bucket(bucket) => Unfinished::remove_run(&bucket, &id, is_complete).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::sink::parquet::lake::SUCCESS;
    use crate::sink::parquet::{Claim, Manifest};

    async fn complete(directory: &Path) {
        let (claim, id) = (Claim::take(directory, Some("a")).await.unwrap(), Uuid::now_v7());
        claim.begin(&id.to_string()).await.unwrap();
        claim.complete(&Manifest::new(Some("a"), &id.to_string())).await.unwrap();
    }

    #[tokio::test]
    async fn a_run_that_failed_or_was_killed_makes_no_success_and_hinders_no_other() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let has_success = || path.join(SUCCESS).exists();
        let run = RunClaim::take(path).await.unwrap();
        complete(path).await;
        run.end(false).await.unwrap();
        assert!(!has_success(), "it failed");
        let run = RunClaim::take(path).await.unwrap();
        complete(path).await;
        // As when it is killed: the lock is gone and the file is not.
        drop(run);
        assert!(!has_success(), "it was killed");
        let one = RunClaim::take(path).await.unwrap();
        let other = RunClaim::take(path).await.unwrap();
        complete(path).await;
        one.end(true).await.unwrap();
        assert!(!has_success(), "the other is under way");
        other.end(true).await.unwrap();
        assert!(has_success());
    }
}
