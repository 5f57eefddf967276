//! What is unfinished in a directory, and the `_SUCCESS` that says that nothing is.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::claim::{COMPACTED, unfinished};
use super::file::sync_directory;
use super::lake::{OWN, SUCCESS};
use super::tree;
use crate::error::{Error, ErrorKind, Result};
use crate::failpoint::{self, Point};

/// Stands for `_SUCCESS` while files are merged: it would be there otherwise.
const HELD: &str = "success-after-compaction";

/// What names of runs begin with. Accounts have no dot in theirs.
const RUN: &str = "run.";

/// The folder `_license-stream/pending` of a directory: a file for each account, and for each run over
/// many of them, that is not complete.
#[derive(Debug)]
pub(super) struct Pending {
    directory: PathBuf,
}

impl Pending {
    /// That of `directory`; both are made.
    pub(super) fn of(directory: PathBuf) -> Result<Self> {
        let pending = Self { directory };
        match pending.make() {
            Ok(()) => Ok(pending),
            Err(error) => Err(pending.failed("cannot be made", error)),
        }
    }

    /// Where the folder is gone and others of what runs keep is not, what is unfinished is found out anew.
    /// Where nothing of that is there, nobody knows which files in the directory are complete, and none is
    /// taken for unfinished.
    fn make(&self) -> io::Result<()> {
        if self.path().is_dir() {
            return Ok(());
        }
        let is_known = self.own().is_dir();
        fs::create_dir_all(self.own())?;
        sync_directory(&self.directory)?;
        self.alone(|| {
            if self.path().is_dir() {
                return Ok(());
            }
            let new = self.own().join(".pending.partial");
            fs::create_dir_all(&new)?;
            if is_known {
                let (names, own) = (tree::names(&self.directory)?, tree::names(&self.own())?);
                for (account, snapshot_id) in unfinished(&names, &own) {
                    fs::write(new.join(account), mark(snapshot_id))?;
                }
            }
            sync_directory(&new)?;
            fs::rename(&new, self.path())?;
            sync_directory(&self.own())
        })
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The folder of what runs keep.
    pub(super) fn own(&self) -> PathBuf {
        self.directory.join(OWN)
    }

    fn path(&self) -> PathBuf {
        self.own().join("pending")
    }

    /// Does what concerns all accounts while no other run does.
    pub(super) fn alone<T>(&self, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let lock = File::create(self.own().join(".lock"))?;
        lock.lock()?;
        work()
    }

    /// Locks `name` among what runs keep, until the file that is answered is closed. The file itself stays: a name
    /// that comes and goes could be locked by two runs at once.
    pub(super) fn lock(&self, name: &str) -> Result<File> {
        let path = self.own().join(name);
        let locked = File::create(&path).map_err(TryLockError::Error).and_then(|file| {
            file.try_lock()?;
            Ok(file)
        });
        locked.map_err(|error| match error {
            TryLockError::WouldBlock => {
                let message = format!(
                    "another run is writing to {}: it holds {}; wait for its end, or write elsewhere",
                    self.directory.display(),
                    path.display()
                );
                Error::new(ErrorKind::Destination, message)
            }
            TryLockError::Error(error) => {
                let message = format!("{} could not be locked", path.display());
                Error::new(ErrorKind::Destination, message).caused_by(error)
            }
        })
    }

    /// `account` is pending with `snapshot_id`.
    pub(super) fn add(&self, account: &str, snapshot_id: &str) -> io::Result<()> {
        if account != COMPACTED {
            remove_if_there(&self.held())?;
        } else if self.directory.join(SUCCESS).try_exists()? {
            self.hold()?;
        }
        fs::write(self.path().join(account), mark(snapshot_id))?;
        self.added()
    }

    fn held(&self) -> PathBuf {
        self.own().join(HELD)
    }

    fn hold(&self) -> io::Result<()> {
        File::create(self.held())?;
        sync_directory(&self.own())
    }

    /// The run `id` is pending, until the file that is answered is closed: a run that is killed leaves
    /// the name behind, and not the lock.
    pub(super) fn add_run(&self, id: &str) -> io::Result<File> {
        remove_if_there(&self.held())?;
        let file = File::create(self.path().join(format!("{RUN}{id}")))?;
        file.try_lock()?;
        self.added()?;
        Ok(file)
    }

    fn added(&self) -> io::Result<()> {
        sync_directory(&self.path())?;
        remove_if_there(&self.directory.join(SUCCESS))?;
        sync_directory(&self.directory)
    }

    /// Whether `account` is pending.
    pub(super) fn has(&self, account: &str) -> io::Result<bool> {
        self.path().join(account).try_exists()
    }

    /// `account` is not pending any more; makes `_SUCCESS` if nothing is. Where files were merged there is one only
    /// if there was, or would have been meanwhile: that is no snapshot that came to its end.
    pub(super) fn end(&self, account: &str) -> io::Result<()> {
        self.remove(account)?;
        failpoint::reach(Point::AccountSettled);
        if account == COMPACTED && !self.held().try_exists()? {
            return Ok(());
        }
        self.succeed_if_none()
    }

    /// `account` is not pending any more, and `_SUCCESS` does not come of it.
    pub(super) fn forget(&self, account: &str) -> io::Result<()> {
        self.remove(account)?;
        sync_directory(&self.path())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        remove_if_there(&self.path().join(name))
    }

    /// The run `id` is not pending any more.
    pub(super) fn remove_run(&self, id: &str) -> io::Result<()> {
        self.remove(&format!("{RUN}{id}"))
    }

    /// Makes `_SUCCESS` if nothing is pending. What killed runs have left of themselves is removed; the
    /// accounts that they had begun stay pending.
    pub(super) fn succeed_if_none(&self) -> io::Result<()> {
        let (mut is_pending, mut is_compacted) = (false, false);
        for entry in fs::read_dir(self.path())? {
            let entry = entry?;
            let is_run = entry.file_name().to_string_lossy().starts_with(RUN);
            if is_run && is_unlocked(&entry.path())? {
                remove_if_there(&entry.path())?;
            } else if entry.file_name() == COMPACTED {
                is_compacted = true;
            } else {
                is_pending = true;
            }
        }
        if is_compacted && !is_pending {
            self.hold()?;
        } else if !is_pending {
            File::create(self.directory.join(SUCCESS))?;
            sync_directory(&self.directory)?;
        }
        Ok(())
    }

    pub(super) fn failed(&self, what: &str, error: io::Error) -> Error {
        let message = format!("directory {} {what}", self.directory.display());
        Error::new(ErrorKind::Destination, message).caused_by(error)
    }
}

/// What stands in the file of an account.
fn mark(snapshot_id: &str) -> String {
    format!("{snapshot_id}\n")
}

fn is_unlocked(path: &Path) -> io::Result<bool> {
    match File::open(path)?.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

pub(super) fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
