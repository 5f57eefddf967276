//! An account's part of a local directory.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::claim::{is_leftover, manifest_name};
use super::file::{TemporaryFile, replace, sync_directory};
use super::manifest::Manifest;
use super::pending::{Pending, remove_if_there};
use super::proof;
use super::tree;
use crate::error::Result;
use crate::failpoint::{self, Point};
use crate::kept;
use crate::sink::DurablePiece;

/// A lock on `_license-stream/<account>.lock`, which the system gives back however the run ends. The file
/// itself stays: a name that comes and goes could be locked by two runs at once.
///
/// Everything here asks a disk, and takes its time.
#[derive(Debug)]
pub(super) struct LocalHold {
    pending: Pending,
    account: String,
    _lock: File,
}

impl LocalHold {
    /// Takes `account`'s part of `directory`, which is made, and removes the parts of files that killed
    /// runs have left of it.
    pub(super) fn take(directory: PathBuf, account: String) -> Result<Self> {
        let pending = Pending::of(directory)?;
        let lock = pending.lock(&format!("{account}.lock"))?;
        let hold = Self { pending, account, _lock: lock };
        hold.remove_leftovers()
            .map_err(|error| hold.pending.failed("could not be cleaned", error))?;
        Ok(hold)
    }

    pub(super) fn begin(&self, snapshot_id: &str) -> Result<()> {
        let begun = self.pending.alone(|| self.pending.add(&self.account, snapshot_id));
        begun.map_err(|error| self.pending.failed("could not be written to", error))
    }

    pub(super) fn create(&self, name: &str) -> Result<TemporaryFile> {
        TemporaryFile::create(self.pending.directory(), name)
    }

    pub(super) fn complete(&self, manifest: &Manifest) -> Result<()> {
        // What somebody has removed meanwhile would be missing for good.
        proof::prove_lengths(self.pending.directory(), &manifest.files)?;
        let own = self.pending.own();
        let path = own.join(manifest_name(&self.account, &manifest.snapshot_id));
        let temporary = own.join(format!(".{}.json.partial", self.account));
        let json = manifest.to_json();
        kept::refuse_too_long(&path.display(), &json, kept::MOST_BYTES)?;
        let completed = replace(&path, &temporary, &json);
        completed.map_err(|error| self.pending.failed("could not be completed", error))?;
        failpoint::reach(Point::ManifestWritten);
        if !manifest.replaces.is_empty() {
            failpoint::reach(Point::CompactCommitted);
            self.remove(&manifest.replaces)?;
            failpoint::reach(Point::CompactReplaced);
        }
        if manifest.is_part { Ok(()) } else { self.settle() }
    }

    /// The account has nothing unfinished any more.
    pub(super) fn settle(&self) -> Result<()> {
        let settled = self.pending.alone(|| self.pending.end(&self.account));
        settled.map_err(|error| self.pending.failed("could not be completed", error))?;
        failpoint::reach(Point::LakeSettled);
        Ok(())
    }

    /// The account is not unfinished any more, and nothing comes of that.
    pub(super) fn forget(&self) -> Result<()> {
        let forgotten = self.pending.alone(|| self.pending.forget(&self.account));
        forgotten.map_err(|error| self.pending.failed("could not be cleaned", error))
    }

    /// Whether what runs keep has something of this name.
    pub(super) fn keeps(&self, name: &str) -> Result<bool> {
        let there = self.pending.own().join(name).try_exists();
        there.map_err(|error| self.pending.failed("could not be looked at", error))
    }

    /// Makes sure that `files` are there as they were written.
    pub(super) fn prove(&self, files: &[DurablePiece]) -> Result<()> {
        proof::prove(self.pending.directory(), files)
    }

    /// The names in the directory and the partitions below it, and those of what runs keep.
    pub(super) fn names(&self) -> Result<(Vec<String>, Vec<String>)> {
        let names =
            || Ok((tree::names(self.pending.directory())?, tree::names(&self.pending.own())?));
        names().map_err(|error| self.pending.failed("could not be listed", error))
    }

    /// Removes files of the directory, as far as they are there.
    pub(super) fn remove(&self, names: &[String]) -> Result<()> {
        let directory = self.pending.directory();
        let remove = || {
            let mut folders = BTreeSet::new();
            for name in names {
                let path = directory.join(name);
                remove_if_there(&path)?;
                folders.extend(path.parent().map(Path::to_owned));
            }
            // A folder that is gone has nothing to keep.
            folders
                .iter()
                .filter(|folder| folder.is_dir())
                .try_for_each(|folder| sync_directory(folder))
        };
        remove().map_err(|error| self.pending.failed("could not be cleaned", error))
    }

    /// Whether there may be files of a snapshot that is not complete.
    pub(super) fn is_pending(&self) -> Result<bool> {
        let is_pending = self.pending.has(&self.account);
        is_pending.map_err(|error| self.pending.failed("could not be looked at", error))
    }

    fn remove_leftovers(&self) -> io::Result<()> {
        if !self.pending.has(&self.account)? {
            return Ok(());
        }
        let directory = self.pending.directory();
        let names =
            tree::names(directory)?.into_iter().filter(|name| is_leftover(&self.account, name));
        names.into_iter().try_for_each(|name| remove_if_there(&directory.join(name)))
    }
}
