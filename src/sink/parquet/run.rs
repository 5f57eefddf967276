//! A run over many accounts of a lake.

use std::fs::File;
use std::sync::Arc;

use uuid::Uuid;

use super::lake::{Lake, Place};
use super::open::blocking;
use super::pending::Pending;
#[cfg(feature = "cloud")]
use super::unfinished::Unfinished;
#[cfg(feature = "cloud")]
use crate::cloud::Bucket;
use crate::error::Result;

/// Held by the one run over many accounts. No account has a dot in its name.
const LOCK: &str = ".run.lock";

/// Says of a run over many accounts that it is under way: until it has ended there is no `_SUCCESS`,
/// though every account that was begun so far may be complete. There is one such run in a lake at a time.
///
/// In a directory it holds `_license-stream/.run.lock`, so that a second one is refused, and a locked file among those
/// of pending accounts. The system gives the locks back when the run is killed, and whoever completes a snapshot next
/// passes over the file. In an object store it is
/// a word in `_license-stream/pending`: there the next run over many accounts takes its place, whether it was killed or
/// is under way, and `_SUCCESS` waits for that one. An earlier one begins no account any more whose claim is
/// [a part of it](super::Claim::of_run).
///
/// ```
/// use license_stream::sink::parquet::{Claim, Manifest, RunClaim};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let lake = tempfile::tempdir()?;
/// let run = RunClaim::take(lake.path()).await?;
/// for account in ["a", "b"] {
///     let claim = Claim::take(lake.path(), Some(account)).await?.of_run(&run);
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
    /// Whether the lake says that it is under way.
    is_begun: bool,
}

#[derive(Debug)]
enum Mark {
    /// With the lock of the lake, and once it is begun that of the file which says so.
    Local(Arc<Pending>, File, Option<File>),
    #[cfg(feature = "cloud")]
    Bucket(Bucket),
}

impl RunClaim {
    /// Begins a run in `lake`, which is made.
    ///
    /// # Errors
    /// [`ErrorKind::Destination`](crate::ErrorKind::Destination) if another one is under way in a directory, or if the
    /// lake cannot be written to.
    pub async fn take(lake: impl Into<Lake>) -> Result<Self> {
        let mut run = Self::reserve(lake).await?;
        run.begin().await?;
        Ok(run)
    }

    /// Keeps other runs away from `lake`, which is made, where it is a directory, and leaves `_SUCCESS` as it is until
    /// the run is [begun](Self::begin).
    ///
    /// # Errors
    /// [`ErrorKind::Destination`](crate::ErrorKind::Destination) if another one is under way in a directory, or if
    /// that cannot be written to.
    pub async fn reserve(lake: impl Into<Lake>) -> Result<Self> {
        let id = Uuid::now_v7().to_string();
        let mark = match lake.into().0 {
            Place::Directory(directory) => {
                blocking(move || {
                    let pending = Pending::of(directory.to_path_buf())?;
                    let lock = pending.lock(LOCK)?;
                    Ok(Mark::Local(Arc::new(pending), lock, None))
                })
                .await?
            }
            #[cfg(feature = "cloud")]
            Place::Bucket(bucket) => Mark::Bucket(bucket),
        };
        Ok(Self { id, mark, is_begun: false })
    }

    /// Says that it is under way, if that is not said yet.
    ///
    /// # Errors
    /// [`ErrorKind::Destination`](crate::ErrorKind::Destination) if the lake cannot be written to.
    pub async fn begin(&mut self) -> Result<()> {
        if self.is_begun {
            return Ok(());
        }
        let id = self.id.clone();
        match &mut self.mark {
            Mark::Local(pending, _, said) => {
                let pending = Arc::clone(pending);
                let begun = move || {
                    let added = pending.alone(|| pending.add_run(&id));
                    added.map_err(|error| pending.failed("could not be written to", error))
                };
                *said = Some(blocking(begun).await?);
            }
            #[cfg(feature = "cloud")]
            Mark::Bucket(bucket) => Unfinished::add_run(bucket, &id).await?,
        }
        self.is_begun = true;
        Ok(())
    }

    /// Whether it was begun.
    pub fn is_begun(&self) -> bool {
        self.is_begun
    }

    /// Whether another run over many accounts has taken the place of this one, since it was begun. In a directory none
    /// can.
    ///
    /// # Errors
    /// Those of an object store that cannot be read.
    pub async fn is_overtaken(&self) -> Result<bool> {
        match &self.mark {
            Mark::Local(..) => Ok(false),
            #[cfg(feature = "cloud")]
            Mark::Bucket(bucket) if self.is_begun => {
                Ok(!Unfinished::has_run(bucket, &self.id).await?)
            }
            #[cfg(feature = "cloud")]
            Mark::Bucket(_) => Ok(false),
        }
    }

    /// Makes sure that none has.
    ///
    /// # Errors
    /// [`ErrorKind::Destination`](crate::ErrorKind::Destination) if one has; those of an object store that cannot be
    /// read.
    pub async fn check(&self) -> Result<()> {
        if !self.is_overtaken().await? {
            return Ok(());
        }
        match &self.mark {
            Mark::Local(..) => Ok(()),
            #[cfg(feature = "cloud")]
            Mark::Bucket(bucket) => Err(Unfinished::overtaken(bucket)),
        }
    }

    #[cfg(feature = "cloud")]
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Ends the run. If it is complete, and nothing else in the lake is pending, `_SUCCESS` is written;
    /// after a run that is not, only another one's end does that. One that was not begun has nothing to end.
    ///
    /// # Errors
    /// [`ErrorKind::Destination`](crate::ErrorKind::Destination) if the lake cannot be written to.
    pub async fn end(self, is_complete: bool) -> Result<()> {
        if !self.is_begun {
            return Ok(());
        }
        let id = self.id;
        match self.mark {
            Mark::Local(pending, _lock, _said) => {
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
        let run = RunClaim::take(path).await.unwrap();
        complete(path).await;
        assert!(!has_success(), "it is under way");
        run.end(true).await.unwrap();
        assert!(has_success());
    }

    #[tokio::test]
    async fn in_a_directory_a_second_run_is_refused_and_hinders_none() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        complete(path).await;
        let first = RunClaim::reserve(path).await.unwrap();
        assert!(path.join(SUCCESS).exists(), "it has begun nothing");
        for _ in 0..2 {
            let refused = RunClaim::reserve(path).await.unwrap_err();
            assert_eq!(refused.kind(), crate::ErrorKind::Destination);
            let wanted = format!("another run is writing to {}: it holds ", path.display());
            assert!(refused.message().starts_with(&wanted), "{refused}");
        }
        // One of a single account is no matter of its.
        complete(path).await;
        first.end(true).await.unwrap();
        RunClaim::take(path).await.unwrap().end(true).await.unwrap();
        assert!(path.join(SUCCESS).exists());
    }

    #[cfg(feature = "cloud")]
    #[tokio::test]
    async fn in_an_object_store_a_second_run_takes_the_place_of_the_first_which_begins_nothing_more()
     {
        let store = std::sync::Arc::new(object_store::memory::InMemory::new());
        let bucket = Bucket::new(store, "lake", "memory:///lake");
        let begin = async |run: &RunClaim, account| {
            let claim = Claim::take(&bucket, Some(account)).await.unwrap().of_run(run);
            claim.begin(&Uuid::now_v7().to_string()).await.map(|()| claim)
        };
        let first = RunClaim::take(&bucket).await.unwrap();
        begin(&first, "a").await.unwrap();
        assert!(!first.is_overtaken().await.unwrap());
        let second = RunClaim::take(&bucket).await.unwrap();
        assert!(first.is_overtaken().await.unwrap());
        second.check().await.unwrap();
        assert!(crate::cloud::is_overtaken(&first.check().await.unwrap_err()));
        let refused = begin(&first, "b").await.unwrap_err();
        assert!(crate::cloud::is_overtaken(&refused), "{refused}");
        assert!(refused.message().contains("has written memory:///lake/_license-stream/pending"));
        assert_eq!(Lake::from(&bucket).pending().await.unwrap()[..1], ["a"], "b is not begun");
        begin(&second, "b").await.unwrap();
        // Nor once the other has ended.
        second.end(false).await.unwrap();
        assert!(first.is_overtaken().await.unwrap() && begin(&first, "c").await.is_err());
        // An account of no run is begun by whoever comes.
        let claim = Claim::take(&bucket, Some("c")).await.unwrap();
        claim.begin(&Uuid::now_v7().to_string()).await.unwrap();
        first.end(false).await.unwrap();
    }
}
