//! An account's part of a lake, claimed by one run.

use std::collections::{BTreeMap, HashSet};

use uuid::Uuid;

use super::format::FileFormat;
use super::lake::{Hold, Lake};
use super::manifest::Manifest;
use super::open::blocking;
use super::run::RunClaim;
use crate::checkpoint::{Beginning, is_name};
use crate::error::{Error, ErrorKind, Result};
use crate::sink::DurablePiece;

/// In the place of an account that is not known.
pub(super) const NO_ACCOUNT: &str = "input";

/// Who merges files, where an account's name stands.
pub(super) const COMPACTED: &str = "compacted";

/// The right of one run to write an account's files into a [`Lake`], until it is dropped.
///
/// In a directory it is a lock on `_license-stream/<account>.lock`, which the system gives back however
/// the run ends: a second run is refused meanwhile. In an object store it is the object
/// `_license-stream/<account>.claim`, which a later run takes over: the next step of the earlier one
/// fails.
///
/// From the beginning of a snapshot, before its first file, until all of it is there, the account is
/// pending: `_license-stream/pending` says so. While any account is pending there is no `_SUCCESS`; the one
/// that ends last makes it. So `_SUCCESS` means, of all accounts in the lake: what was begun is complete. A
/// [`RunClaim`](super::RunClaim) says so of a run over many accounts.
#[derive(Debug)]
pub struct Claim {
    lake: Lake,
    /// As it stands in names.
    account: String,
    hold: Hold,
    /// The run over many accounts that it is a part of.
    #[cfg(feature = "cloud")]
    run: Option<String>,
}

impl Claim {
    /// Claims the part of `account` (`None`: that of an input of no account) in `lake`, which is made, and
    /// removes what killed runs have left of files in it.
    ///
    /// # Errors
    /// [`ErrorKind::Destination`] if another run has claimed it, or if the lake cannot be written to;
    /// [`ErrorKind::Configuration`] if the account cannot be part of a file's name, or if an object store
    /// keeps no conditional puts; [`ErrorKind::Unreachable`] and [`ErrorKind::Forbidden`] if an object store
    /// is, or refuses.
    pub async fn take(lake: impl Into<Lake>, account: Option<&str>) -> Result<Self> {
        let (lake, account) = (lake.into(), account.unwrap_or(NO_ACCOUNT).to_owned());
        if !is_name(&account) {
            return Err(not_a_name());
        }
        let hold = lake.hold(&account).await?;
        Ok(Self {
            lake,
            account,
            hold,
            #[cfg(feature = "cloud")]
            run: None,
        })
    }

    /// The same as a part of `run`: in an object store it begins nothing once another run over many accounts has taken
    /// that one's place.
    #[must_use]
    #[cfg_attr(
        not(feature = "cloud"),
        expect(unused_variables, reason = "in a directory there is one run at a time")
    )]
    pub fn of_run(self, run: &RunClaim) -> Self {
        match self.hold {
            // There is one run at a time.
            Hold::Local(_) => self,
            #[cfg(feature = "cloud")]
            Hold::Bucket(_) => Self { run: Some(run.id().to_owned()), ..self },
        }
    }

    /// Where it is.
    pub fn lake(&self) -> &Lake {
        &self.lake
    }

    pub(super) fn hold(&self) -> &Hold {
        &self.hold
    }

    /// Whether it is one of `account` in `lake`.
    pub(super) fn is_of(&self, lake: &Lake, account: Option<&str>) -> bool {
        self.lake == *lake && self.account == account.unwrap_or(NO_ACCOUNT)
    }

    /// `beginning`, unless it goes on with a snapshot that has its manifest: that one is complete, whatever the
    /// checkpoint says, and a new one begins in its place.
    ///
    /// The manifest is what makes a snapshot complete. A run that was killed between it and the last checkpoint
    /// left one that is behind.
    ///
    /// # Errors
    /// [`ErrorKind::Destination`] if the lake cannot be looked at; [`ErrorKind::Input`] if the checkpoint says
    /// other counts of its licenses than its files have.
    pub async fn unless_complete(&self, beginning: Beginning) -> Result<Beginning> {
        let Beginning::Resumed(before) = &beginning else { return Ok(beginning) };
        if self.is_complete(&before.snapshot_id).await? {
            return Ok(Beginning::new());
        }
        let there = before.pieces.iter().try_fold(0, |sum: u64, it| sum.checked_add(it.records));
        if there == Some(before.records) {
            return Ok(beginning);
        }
        let message = format!(
            "checkpoint says that {} licenses are written, and not as many are in the files that it names: it is \
             damaged; `license-stream checkpoint reset --account {}` forgets it, and the next run begins anew",
            before.records, before.key
        );
        Err(Error::new(ErrorKind::Input, message))
    }

    /// Whether a snapshot of the account is complete. If so, nothing of the account is unfinished any more: a run
    /// may have been killed behind the snapshot's manifest, before it came to say so, and of one that was killed at
    /// the beginning of another snapshot nothing is gone on with.
    ///
    /// # Errors
    /// [`ErrorKind::Destination`] if the lake cannot be looked at, or cannot be written to.
    pub async fn settle_if_complete(&self, snapshot_id: &str) -> Result<bool> {
        if !self.is_complete(snapshot_id).await? {
            return Ok(false);
        }
        if self.is_pending().await? {
            self.remove_unfinished(&[]).await?;
            self.give_up().await?;
        }
        Ok(true)
    }

    async fn is_complete(&self, snapshot_id: &str) -> Result<bool> {
        let name = manifest_name(&self.account, snapshot_id);
        match self.hold.clone() {
            Hold::Local(hold) => blocking(move || hold.keeps(&name)).await,
            #[cfg(feature = "cloud")]
            Hold::Bucket(hold) => hold.keeps(&name).await,
        }
    }

    /// Files of `snapshot_id` are going to appear.
    ///
    /// # Errors
    /// Beside those of the lake, [`ErrorKind::Configuration`] if it is complete: nobody who has read it would
    /// learn of what is written into it now; [`ErrorKind::Destination`] if another run has taken over.
    pub(super) async fn begin(&self, snapshot_id: &str) -> Result<()> {
        if self.is_complete(snapshot_id).await? {
            let message = format!("snapshot {snapshot_id} is complete: another must begin");
            return Err(Error::new(ErrorKind::Configuration, message));
        }
        match self.hold.clone() {
            Hold::Local(hold) => {
                let snapshot_id = snapshot_id.to_owned();
                blocking(move || hold.begin(&snapshot_id)).await
            }
            #[cfg(feature = "cloud")]
            Hold::Bucket(hold) => hold.begin(snapshot_id, self.run.as_deref()).await,
        }
    }

    /// All files of a snapshot are there: writes its manifest, and `_SUCCESS` if no account is pending. Of a
    /// [part](Manifest::is_part) the account stays pending.
    ///
    /// # Errors
    /// [`ErrorKind::Destination`] if a file is not there with its length, if they could not be written, or if
    /// another run has taken over.
    pub async fn complete(&self, manifest: &Manifest) -> Result<()> {
        match self.hold.clone() {
            Hold::Local(hold) => {
                let manifest = manifest.clone();
                blocking(move || hold.complete(&manifest)).await
            }
            #[cfg(feature = "cloud")]
            Hold::Bucket(hold) => hold.complete(manifest).await,
        }
    }

    /// The account has nothing unfinished any more, and no snapshot came of it: `_SUCCESS` is written if nothing
    /// else is pending. What there was of files must be gone.
    pub(super) async fn give_up(&self) -> Result<()> {
        match self.hold.clone() {
            Hold::Local(hold) => blocking(move || hold.settle()).await,
            #[cfg(feature = "cloud")]
            Hold::Bucket(hold) => hold.settle_account().await,
        }
    }

    /// Removes what there is of an unfinished snapshot of the account, after which it is not pending any more: how many
    /// files there were. Whoever asks for it has removed its checkpoint, so that no run goes on with it. It is no
    /// snapshot that came to its end: `_SUCCESS` is left to the next run that is complete.
    ///
    /// # Errors
    /// [`ErrorKind::Destination`] if the lake does not let it, or if another run has taken over.
    pub async fn forget(&self) -> Result<usize> {
        let names = if self.is_pending().await? { self.unfinished(&[]).await? } else { Vec::new() };
        let count = names.len();
        self.remove(names).await?;
        match self.hold.clone() {
            Hold::Local(hold) => blocking(move || hold.forget()).await?,
            #[cfg(feature = "cloud")]
            Hold::Bucket(hold) => hold.forget_account().await?,
        }
        Ok(count)
    }

    /// Makes sure that `files`, which a checkpoint names, are there as they were written: with the length that
    /// they had, and in a directory with the same bytes. To be asked before anything is passed over that is
    /// said to be in them.
    ///
    /// # Errors
    /// [`ErrorKind::Destination`] with the first file that is not, and with what is wrong with it.
    pub async fn prove(&self, files: &[DurablePiece]) -> Result<()> {
        if files.is_empty() {
            return Ok(());
        }
        match self.hold.clone() {
            Hold::Local(hold) => {
                let files = files.to_vec();
                blocking(move || hold.prove(&files)).await
            }
            #[cfg(feature = "cloud")]
            Hold::Bucket(hold) => hold.prove(files).await,
        }
    }

    /// Removes the account's files that belong to nothing: those of snapshots that were not completed, but
    /// for `kept`, those that the unfinished one which is gone on with has so far. A snapshot is complete if it
    /// has a manifest. There are none unless the account is pending, and the lake is listed only then: a run
    /// over many accounts would list the files of all of them for each.
    ///
    /// # Errors
    /// [`ErrorKind::Destination`] if the lake does not let it.
    pub async fn remove_unfinished(&self, kept: &[DurablePiece]) -> Result<()> {
        if !self.is_pending().await? {
            return Ok(());
        }
        self.remove(self.unfinished(kept).await?).await
    }

    /// The files of the account that belong to nothing, but for `kept`.
    async fn unfinished(&self, kept: &[DurablePiece]) -> Result<Vec<String>> {
        let kept: HashSet<_> = kept.iter().map(|file| file.name.as_str()).collect();
        let (names, own) = self.names().await?;
        let belongs_to_nothing = |name: &String| {
            let Some((snapshot, _)) = parse(&self.account, name) else { return false };
            let is_complete = own.contains(&manifest_name(&self.account, snapshot));
            !is_complete && !kept.contains(name.as_str())
        };
        Ok(names.into_iter().filter(belongs_to_nothing).collect())
    }

    /// Removes all files of a snapshot of the account.
    pub(super) async fn remove_snapshot(&self, snapshot_id: &str) -> Result<()> {
        let (names, _) = self.names().await?;
        let is_of_it = |name: &String| {
            parse(&self.account, name).is_some_and(|(snapshot, _)| snapshot == snapshot_id)
        };
        self.remove(names.into_iter().filter(is_of_it).collect()).await
    }

    /// Whether there may be files of a snapshot that is not complete.
    async fn is_pending(&self) -> Result<bool> {
        match self.hold.clone() {
            Hold::Local(hold) => blocking(move || hold.is_pending()).await,
            #[cfg(feature = "cloud")]
            Hold::Bucket(hold) => hold.is_pending().await,
        }
    }

    /// The names of the files in the lake, and those of what runs keep.
    async fn names(&self) -> Result<(Vec<String>, Vec<String>)> {
        match self.hold.clone() {
            Hold::Local(hold) => blocking(move || hold.names()).await,
            #[cfg(feature = "cloud")]
            Hold::Bucket(hold) => hold.names().await,
        }
    }

    /// The number of the piece behind those whose files are these.
    pub(super) fn next_number(&self, files: &[DurablePiece]) -> Result<usize> {
        let mut next = 0;
        for file in files {
            let Some((_, number)) = parse(&self.account, &file.name) else {
                let message = format!("{:?} is no file of account {}", file.name, self.account);
                return Err(Error::new(ErrorKind::Configuration, message));
            };
            next = next.max(number as usize + 1);
        }
        Ok(next)
    }

    /// Removes files, as far as they are there.
    pub(super) async fn remove(&self, names: Vec<String>) -> Result<()> {
        if names.is_empty() {
            return Ok(());
        }
        match self.hold.clone() {
            Hold::Local(hold) => blocking(move || hold.remove(&names)).await,
            #[cfg(feature = "cloud")]
            Hold::Bucket(hold) => hold.remove(&names).await,
        }
    }

    /// What is behind `error`, which came of writing. In an object store, an upload that a later run has given up
    /// fails in whatever words the store has for it.
    pub(super) async fn explained(&self, error: Error) -> Error {
        match &self.hold {
            Hold::Local(_) => error,
            #[cfg(feature = "cloud")]
            Hold::Bucket(hold) => hold.explained(error).await,
        }
    }

    /// Waits until nothing is left of files that were dropped before they were whole.
    pub(super) async fn settle(&self) {
        match &self.hold {
            // They are removed when they are dropped.
            Hold::Local(_) => {}
            #[cfg(feature = "cloud")]
            Hold::Bucket(hold) => hold.settle().await,
        }
    }
}

/// The name of a snapshot's manifest.
pub(super) fn manifest_name(account: &str, snapshot_id: &str) -> String {
    format!("{account}-{snapshot_id}.json")
}

/// Whether a file of this name was being written by a run of `account`.
pub(super) fn is_leftover(account: &str, name: &str) -> bool {
    let file = file_name(name).strip_prefix('.').and_then(|name| name.strip_suffix(".partial"));
    file.is_some_and(|file| parse(account, file).is_some())
}

/// What is behind the directories in `name`.
pub(super) fn file_name(name: &str) -> &str {
    name.rsplit_once('/').map_or(name, |(_, name)| name)
}

/// The snapshot and the number of a file of `account` that has this name, in whatever directory. Accounts may have dashes in
/// their names, so that one can begin with another: what follows must be a snapshot's id and nothing
/// else.
pub(super) fn parse<'a>(account: &str, name: &'a str) -> Option<(&'a str, u64)> {
    let name = file_name(name).strip_prefix(account)?.strip_prefix('-')?;
    let (_, name) = FileFormat::of(name)?;
    let (snapshot, number) = name.rsplit_once('-')?;
    let is_number = number.len() >= 5 && number.bytes().all(|byte| byte.is_ascii_digit());
    let is_snapshot = snapshot.len() == 36 && Uuid::try_parse(snapshot).is_ok();
    if is_number && is_snapshot { Some((snapshot, number.parse().ok()?)) } else { None }
}

/// The account and the snapshot of a file of any account, or of what was being written of one.
pub(super) fn owner(name: &str) -> Option<(&str, &str)> {
    let name = file_name(name);
    let name =
        name.strip_prefix('.').and_then(|name| name.strip_suffix(".partial")).unwrap_or(name);
    let (begin, _) = FileFormat::of(name)?.1.rsplit_once('-')?;
    let (account, _) = begin.split_at_checked(begin.len().checked_sub(37)?)?;
    let (snapshot, _) = parse(account, name)?;
    is_name(account).then_some((account, snapshot))
}

/// The accounts that have files in `names`, in directories below the lake too, of snapshots that are not
/// complete by what runs keep, `own`; with such a snapshot.
pub(super) fn unfinished<'a>(names: &'a [String], own: &[String]) -> BTreeMap<&'a str, &'a str> {
    let own: HashSet<_> = own.iter().map(String::as_str).collect();
    let owners = names.iter().filter_map(|name| owner(name));
    owners.filter(|(account, id)| !own.contains(&*manifest_name(account, id))).collect()
}

pub(super) fn not_a_name() -> Error {
    let message = "account and snapshot id go into file names, so they must be letters, \
        digits, `-` and `_`";
    Error::new(ErrorKind::Configuration, message)
}

#[cfg(test)]
mod tests;
