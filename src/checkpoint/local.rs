//! Checkpoints in a local directory, a file each.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::name::{file_name, key_of};
use super::{Checkpoint, CheckpointStore, Listed};
use crate::error::{Error, ErrorKind, Result};
use crate::failpoint::{self, Point};
use crate::kept;

/// Keeps each checkpoint as `KEY.checkpoint.json` in a directory.
///
/// A new one is written beside the old, brought to disk, and renamed over it: there is the old or the
/// new, never a part, after a loss of power too.
#[derive(Clone, Debug)]
pub struct LocalStore {
    directory: Arc<Path>,
}

impl LocalStore {
    /// The store in `directory`, which is made when the first checkpoint is kept.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if something is there that is no directory.
    pub fn open(directory: impl Into<PathBuf>) -> Result<Self> {
        let directory = directory.into();
        if directory.exists() && !directory.is_dir() {
            let message = format!(
                "checkpoints cannot be kept: {} is no directory, and --checkpoint takes one, in which each account \
                 has a file of its own",
                directory.display()
            );
            return Err(Error::new(ErrorKind::Configuration, message));
        }
        Ok(Self { directory: directory.into() })
    }

    fn path(&self, key: &str) -> Result<PathBuf> {
        Ok(self.directory.join(file_name(key)?))
    }

    /// Does `work` beside the runtime: a disk may take its time.
    async fn blocking<T: Send + 'static>(
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        tokio::task::spawn_blocking(work).await.map_err(|error| {
            Error::new(ErrorKind::Internal, "the checkpoint's task failed").caused_by(error)
        })?
    }
}

impl CheckpointStore for LocalStore {
    fn load<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Checkpoint>>> {
        async move {
            let path = self.path(key)?;
            Self::blocking(move || read(&path)).await
        }
        .boxed()
    }

    fn save<'a>(&'a self, checkpoint: &'a Checkpoint) -> BoxFuture<'a, Result<()>> {
        async move {
            let (path, json) = (self.path(&checkpoint.key)?, checkpoint.to_json());
            kept::refuse_too_long(&path.display(), &json, kept::MOST_KEPT_BYTES)?;
            Self::blocking(move || {
                replace(&path, &json).map_err(|error| {
                    let message = format!("checkpoint {} could not be written", path.display());
                    Error::new(ErrorKind::Destination, message).caused_by(error)
                })
            })
            .await
        }
        .boxed()
    }

    fn remove<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool>> {
        async move {
            let path = self.path(key)?;
            Self::blocking(move || {
                remove(&path).map_err(|error| {
                    let message = format!("checkpoint {} could not be removed", path.display());
                    Error::new(ErrorKind::Destination, message).caused_by(error)
                })
            })
            .await
        }
        .boxed()
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<Listed>>> {
        let directory = Arc::clone(&self.directory);
        Self::blocking(move || {
            let mut listed = Vec::new();
            for (key, path) in found(&directory)? {
                // One that is gone by now was removed.
                let read = read(&path).transpose();
                listed.extend(read.map(|checkpoint| Listed { key, checkpoint }));
            }
            Ok(listed)
        })
        .boxed()
    }
}

/// The files that are checkpoints by their names, by their keys.
fn found(directory: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        entries => entries.and_then(Iterator::collect::<io::Result<Vec<_>>>),
    };
    let entries = entries.map_err(|error| unreadable(directory, error))?;
    let checkpoint = |entry: fs::DirEntry| {
        let name = entry.file_name();
        Some((key_of(name.to_str()?)?.to_owned(), entry.path()))
    };
    Ok(entries.into_iter().filter_map(checkpoint).collect())
}

fn read(path: &Path) -> Result<Option<Checkpoint>> {
    match kept::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(path, error)),
        Ok(json) => Checkpoint::from_json(&json)
            .map(Some)
            .map_err(|error| error.map_message(|message| format!("{}: {message}", path.display()))),
    }
}

/// Puts a file of `bytes` in the place of the one before.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory)?;
    let temporary = path.with_extension("json.partial");
    let mut file = File::create(&temporary)?;
    file.write_all(bytes)?;
    failpoint::reach(Point::CheckpointWritten);
    file.sync_all()?;
    failpoint::reach(Point::CheckpointSynced);
    fs::rename(&temporary, path)?;
    failpoint::reach(Point::CheckpointRenamed);
    // A rename that is not on disk would be lost with the power.
    File::open(directory)?.sync_all()
}

/// Removes a file: whether it was there.
fn remove(path: &Path) -> io::Result<bool> {
    let was_there = match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        removed => removed.map(|()| true)?,
    };
    // After a loss of power it must not be back: it may name files that are removed after it. One that is not there
    // may have been removed by a run that did not come to this.
    match File::open(path.parent().unwrap_or(Path::new("."))) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        directory => directory?.sync_all()?,
    }
    Ok(was_there)
}

fn unreadable(path: &Path, error: io::Error) -> Error {
    Error::new(ErrorKind::Input, format!("{} could not be read", path.display())).caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::{Beginning, Identity, Keeper};
    use crate::digest::Digest;
    use crate::pipeline::{Counts, Durable, Journal, PageStart, Place};
    use crate::position::Position;

    fn durable(byte: u64, is_last: bool) -> Durable {
        Durable {
            place: Place {
                position: Position { byte, line: 1, record: byte },
                page: PageStart::default(),
                digest: Digest::of_nothing(),
                record_end: byte,
            },
            counts: Counts { records: byte, ..Counts::default() },
            pieces: Vec::new(),
            is_last,
            is_complete: false,
        }
    }

    #[test]
    fn a_file_is_refused_with_what_would_do() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = LocalStore::open(file.path()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        let told = "is no directory, and --checkpoint takes one, in which each account has a file";
        assert!(error.message().contains(told), "{error}");
    }

    #[tokio::test]
    async fn the_last_place_that_was_kept_is_found_again() {
        let directory = tempfile::tempdir().unwrap();
        let store = LocalStore::open(directory.path().join("new")).unwrap();
        assert!(store.list().await.unwrap().is_empty());
        let identity = Identity::new("a-1");
        let beginning = Beginning::new();
        let mut keeper = Keeper::new(store.clone(), identity.clone(), &beginning);
        for (byte, is_last, kept) in [(5, false, 5), (6, false, 5), (7, true, 7)] {
            keeper.record(durable(byte, is_last)).await.unwrap();
            let found = store.load("a-1").await.unwrap().unwrap();
            assert_eq!((found.place.position.byte, found.records), (kept, kept));
        }
        let found = store.load("a-1").await.unwrap();
        let resumed = Beginning::of(found.clone(), &identity).unwrap();
        assert_eq!(resumed.snapshot_id(), beginning.snapshot_id());
        // Counts go on from what there was.
        let mut keeper = Keeper::new(store.clone(), identity, &resumed);
        keeper.record(durable(2, true)).await.unwrap();
        let listed = store.list().await.unwrap();
        assert_eq!(listed[0].checkpoint.as_ref().unwrap().records, 9);
        assert!(store.remove("a-1").await.unwrap() && !store.remove("a-1").await.unwrap());
        assert_eq!(store.load("a-1").await.unwrap(), None);
    }

    #[tokio::test]
    async fn what_cannot_be_a_file_or_is_no_checkpoint_is_an_error_with_the_path() {
        let directory = tempfile::tempdir().unwrap();
        let store = LocalStore::open(directory.path()).unwrap();
        for key in ["", "../a", "a/b", "."] {
            let error = store.load(key).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration, "{key}");
        }
        fs::write(directory.path().join("b.checkpoint.json"), "{\"format\":1}").unwrap();
        let error = store.load("b").await.unwrap_err();
        assert!(
            error.message().contains("b.checkpoint.json: checkpoint cannot be read"),
            "{error}"
        );
        // A file of that length takes no room.
        let long = directory.path().join("c.checkpoint.json");
        File::create(&long).unwrap().set_len(kept::MOST_BYTES as u64 + 1).unwrap();
        let error = store.load("c").await.unwrap_err();
        assert_eq!(error.message(), format!("{} could not be read", long.display()));
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.starts_with("it has more than 33554432 bytes, the most"), "{cause}");
        // Each of them is listed nevertheless, and can be removed.
        fs::write(directory.path().join("not a key.checkpoint.json"), "").unwrap();
        let listed = store.list().await.unwrap();
        let keys: Vec<_> = listed.iter().map(|listed| listed.key.as_str()).collect();
        assert_eq!(keys, ["b", "c"]);
        assert!(listed.iter().all(|listed| listed.checkpoint.is_err()));
        assert!(store.remove("c").await.unwrap() && !long.exists());
        let file = directory.path().join("b.checkpoint.json");
        assert_eq!(LocalStore::open(file).unwrap_err().kind(), ErrorKind::Configuration);
    }
}
