//! An account's part of a directory, claimed by one run.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::file::{replace, sync_directory};
use super::manifest::Manifest;
use super::pending::{Pending, remove_if_there};
use crate::error::{Error, ErrorKind, Result};

/// In the place of an account that is not known.
pub(super) const NO_ACCOUNT: &str = "input";

/// The right of one run to write an account's files into a directory, until it is dropped.
///
/// It is a lock on `_license-stream/<account>.lock`, which the system gives back however the run ends.
/// The file itself stays: a name that comes and goes could be locked by two runs at once.
///
/// From the beginning of a snapshot, before its first file, until all of it is there,
/// `_license-stream/pending/<account>` has the snapshot's id. While any account is pending there is no
/// `_SUCCESS`; the one that ends last makes it. So `_SUCCESS` means, of all accounts in the directory:
/// what was begun is complete. A [`RunClaim`](super::RunClaim) says so of a run over many accounts.
#[derive(Debug)]
pub struct Claim {
    pending: Pending,
    /// As it stands in names.
    account: String,
    _lock: File,
}

impl Claim {
    /// Claims the part of `account` (`None`: that of an input of no account) in `directory`, which is
    /// made, and removes what killed runs have left of files in it. Takes its time: a disk is asked.
    ///
    /// # Errors
    /// [`ErrorKind::Destination`] if another run has claimed it, or if the directory cannot be written
    /// to; [`ErrorKind::Configuration`] if the account cannot be part of a file's name.
    pub fn take(directory: impl Into<PathBuf>, account: Option<&str>) -> Result<Self> {
        let (directory, account) = (directory.into(), account.unwrap_or(NO_ACCOUNT).to_owned());
        if !is_name(&account) {
            return Err(not_a_name());
        }
        let pending = Pending::of(directory)?;
        let path = pending.own().join(format!("{account}.lock"));
        let locked = File::create(&path).map_err(TryLockError::Error).and_then(|file| {
            file.try_lock()?;
            Ok(file)
        });
        let lock = locked.map_err(|error| match error {
            TryLockError::WouldBlock => {
                let message = format!(
                    "another run is writing to {}: it holds {}; wait for its end, or write elsewhere",
                    pending.directory().display(),
                    path.display()
                );
                Error::new(ErrorKind::Destination, message)
            }
            TryLockError::Error(error) => {
                let message = format!("{} could not be locked", path.display());
                Error::new(ErrorKind::Destination, message).caused_by(error)
            }
        })?;
        let claim = Self { pending, account, _lock: lock };
        claim
            .remove_leftovers()
            .map_err(|error| claim.pending.failed("could not be cleaned", error))?;
        Ok(claim)
    }

    /// The directory.
    pub fn directory(&self) -> &Path {
        self.pending.directory()
    }

    /// Whether it is one of `account` in `directory`.
    pub(super) fn is_of(&self, directory: &Path, account: Option<&str>) -> bool {
        self.directory() == directory && self.account == account.unwrap_or(NO_ACCOUNT)
    }

    /// Files of `snapshot_id` are going to appear.
    pub(super) fn begin(&self, snapshot_id: &str) -> Result<()> {
        let begun = self.pending.alone(|| self.pending.add(&self.account, snapshot_id));
        begun.map_err(|error| self.pending.failed("could not be written to", error))
    }

    /// All files of a snapshot are there: writes its manifest, and `_SUCCESS` if no account is pending.
    ///
    /// # Errors
    /// [`ErrorKind::Destination`] if they could not be written.
    pub fn complete(&self, manifest: &Manifest) -> Result<()> {
        let own = self.pending.own();
        let path = own.join(format!("{}-{}.json", self.account, manifest.snapshot_id));
        let temporary = own.join(format!(".{}.json.partial", self.account));
        let completed = self.pending.alone(|| {
            replace(&path, &temporary, &manifest.to_json())?;
            self.pending.remove(&self.account)?;
            self.pending.succeed_if_none()
        });
        completed.map_err(|error| self.pending.failed("could not be completed", error))
    }

    /// Removes the account's files that belong to nothing: those of snapshots that were not completed, and
    /// of the unfinished one that is gone on with, `snapshot_id`, all but the first `files`. A snapshot is
    /// complete if it has a manifest.
    ///
    /// # Errors
    /// [`ErrorKind::Destination`] if the disk does not let it.
    pub fn remove_unfinished(&self, snapshot_id: &str, files: usize) -> Result<()> {
        let removed = || {
            for entry in fs::read_dir(self.directory())? {
                let entry = entry?;
                let name = entry.file_name().to_string_lossy().into_owned();
                let Some((snapshot, number)) = parse(&self.account, &name) else {
                    continue;
                };
                let is_kept = snapshot == snapshot_id && number < files as u64;
                let manifest = self.pending.own().join(format!("{}-{snapshot}.json", self.account));
                if !is_kept && !manifest.try_exists()? {
                    remove_if_there(&entry.path())?;
                }
            }
            sync_directory(self.directory())
        };
        removed().map_err(|error: io::Error| self.pending.failed("could not be cleaned", error))
    }

    /// Removes the parts of files that killed runs of the account have left.
    fn remove_leftovers(&self) -> io::Result<()> {
        for entry in fs::read_dir(self.directory())? {
            let entry = entry?;
            if is_leftover(&self.account, &entry.file_name().to_string_lossy()) {
                remove_if_there(&entry.path())?;
            }
        }
        Ok(())
    }
}

/// Whether a file of this name was being written by a run of `account`.
fn is_leftover(account: &str, name: &str) -> bool {
    let file = name.strip_prefix('.').and_then(|name| name.strip_suffix(".partial"));
    file.is_some_and(|file| parse(account, file).is_some())
}

/// The snapshot and the number of a file of `account` that has this name. Accounts may have dashes in
/// their names, so that one can begin with another: what follows must be a snapshot's id and nothing
/// else.
fn parse<'a>(account: &str, name: &'a str) -> Option<(&'a str, u64)> {
    let name = name.strip_prefix(account)?.strip_prefix('-')?;
    let (snapshot, number) = name.strip_suffix(".parquet")?.rsplit_once('-')?;
    let is_number = number.len() >= 5 && number.bytes().all(|byte| byte.is_ascii_digit());
    let is_snapshot = snapshot.len() == 36 && Uuid::try_parse(snapshot).is_ok();
    if is_number && is_snapshot { Some((snapshot, number.parse().ok()?)) } else { None }
}

/// Whether `text` can be part of a file's name anywhere.
pub(super) fn is_name(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !text.is_empty() && text.bytes().all(is_plain)
}

pub(super) fn not_a_name() -> Error {
    let message = "account and snapshot id go into file names, so they must be letters, \
        digits, `-` and `_`";
    Error::new(ErrorKind::Configuration, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::parquet::manifest::Manifest;
    use crate::sink::parquet::pending::{OWN, SUCCESS};

    const SNAPSHOT: &str = "01a20c7e-5167-7459-84d1-21cf616966d5";

    fn has_success(claim: &Claim) -> bool {
        claim.directory().join(SUCCESS).exists()
    }

    #[test]
    fn only_the_accounts_own_partial_files_are_leftovers() {
        let name = |account: &str| format!(".{account}-{SNAPSHOT}-00003.parquet.partial");
        assert!(is_leftover("a", &name("a")));
        assert!(is_leftover("a-b", &name("a-b")));
        assert!(is_leftover(SNAPSHOT, &name(SNAPSHOT)));
        for name in [
            name("a-b"),
            name("b"),
            name(&format!("a-{SNAPSHOT}")),
            format!("a-{SNAPSHOT}-00003.parquet"),
            format!(".a-{SNAPSHOT}-00003.parquet"),
            format!(".a-{SNAPSHOT}-0000x.parquet.partial"),
            ".a-notes-00001.parquet.partial".to_owned(),
        ] {
            assert!(!is_leftover("a", &name), "{name}");
        }
    }

    #[test]
    fn what_belongs_to_no_complete_snapshot_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let claim = Claim::take(directory.path(), Some("a")).unwrap();
        let [complete, unfinished, other] = ["1", "2", "3"]
            .map(|digit| format!("01a20c7e-5167-7459-84d1-21cf61696{digit}{digit}{digit}"));
        let names: Vec<_> = [&complete, &unfinished, &other]
            .into_iter()
            .flat_map(|snapshot| {
                ["a", "a-b"].into_iter().flat_map(move |account| {
                    (0..3).map(move |number| format!("{account}-{snapshot}-{number:05}.parquet"))
                })
            })
            .chain(["a-notes.parquet".to_owned(), format!("a-{other}.parquet")])
            .collect();
        names.iter().for_each(|name| fs::write(directory.path().join(name), "").unwrap());
        claim.complete(&Manifest::new(Some("a"), &complete)).unwrap();
        claim.remove_unfinished(&unfinished, 2).unwrap();
        let gone = |name: &&String| !directory.path().join(name).exists();
        let gone: Vec<_> = names.iter().filter(gone).cloned().collect();
        let of = |snapshot: &str, number| format!("a-{snapshot}-{number:05}.parquet");
        let wanted = [of(&unfinished, 2), of(&other, 0), of(&other, 1), of(&other, 2)];
        assert_eq!(gone, wanted);
    }

    #[test]
    fn a_second_claim_of_an_account_is_refused_until_the_first_is_dropped() {
        let directory = tempfile::tempdir().unwrap();
        let first = Claim::take(directory.path(), Some("a")).unwrap();
        let refused = Claim::take(directory.path(), Some("a")).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Destination);
        assert!(refused.to_string().starts_with("another run is writing to "), "{refused}");
        Claim::take(directory.path(), Some("b")).unwrap();
        drop(first);
        Claim::take(directory.path(), Some("a")).unwrap();
    }

    #[test]
    fn success_is_there_only_while_no_account_is_pending() {
        let directory = tempfile::tempdir().unwrap();
        let [a, b] = ["a", "b"].map(|name| Claim::take(directory.path(), Some(name)).unwrap());
        let complete = |claim: &Claim| {
            claim.complete(&Manifest::new(Some(&claim.account), SNAPSHOT)).unwrap();
        };
        a.begin(SNAPSHOT).unwrap();
        b.begin(SNAPSHOT).unwrap();
        complete(&a);
        assert!(!has_success(&a), "b is pending");
        complete(&b);
        assert!(has_success(&a));
        a.begin(SNAPSHOT).unwrap();
        assert!(!has_success(&a));

        // A run that was killed leaves its account pending.
        drop(a);
        complete(&b);
        assert!(!has_success(&b));
        let a = Claim::take(directory.path(), Some("a")).unwrap();
        complete(&a);
        assert!(has_success(&b));
        assert!(directory.path().join(OWN).join(format!("a-{SNAPSHOT}.json")).exists());
    }
}
