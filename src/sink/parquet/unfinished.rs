//! What is unfinished in a place of an object store, and the `_SUCCESS` that says that nothing is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::claim::COMPACTED;
use super::lake::{OWN, SUCCESS};
use super::{claim, hive};
use crate::cloud::{self, Bucket, Register, Stored, Upload};
use crate::error::{Error, ErrorKind, Result};
use crate::failpoint::{self, Point};

/// What `_license-stream/pending` says, a [`Register`] that all runs write.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Unfinished {
    /// The accounts that were ever begun.
    accounts: BTreeMap<String, Mark>,
    /// The run over many accounts that has not ended. There is no telling one that was killed from one
    /// that is under way, so that the next such run takes its place.
    run: Option<String>,
    /// The upload of the last `_SUCCESS`, if that may be there or may still come.
    success: Option<String>,
    /// Whether `_SUCCESS` would be there if no files were being merged.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    held: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    /// The snapshot that is not complete, if there is one.
    snapshot_id: Option<String>,
    /// That of the claim of the run that began it: an earlier one says nothing any more.
    epoch: u64,
}

impl Unfinished {
    /// `account` is unfinished, with `snapshot_id`; false if a later run than that of `epoch` has said
    /// something of it already.
    ///
    /// # Errors
    /// [`ErrorKind::Destination`] if it is one of the accounts of `run`, and another run over many has begun since.
    pub(super) async fn add(
        bucket: &Bucket,
        account: &str,
        snapshot_id: &str,
        epoch: u64,
        run: Option<&str>,
    ) -> Result<bool> {
        let mark = Mark { snapshot_id: Some(snapshot_id.to_owned()), epoch };
        let register = change(bucket, |unfinished| {
            if run.is_some_and(|run| !unfinished.is_of_run(run)) {
                return;
            }
            let before = unfinished.accounts.get(account);
            if before.is_none_or(|before| before.epoch <= epoch) {
                let had_success = unfinished.success.is_some() && unfinished.is_empty();
                unfinished.held = account == COMPACTED && (unfinished.held || had_success);
                unfinished.accounts.insert(account.to_owned(), mark.clone());
            }
        })
        .await?;
        if run.is_some_and(|run| !register.value().is_of_run(run)) {
            return Err(register.taken_over());
        }
        let is_added = register.value().accounts.get(account) == Some(&mark);
        if is_added {
            withdraw(bucket, register).await?;
        }
        Ok(is_added)
    }

    /// Whether the run over many accounts that was begun last is `id`, and has not ended.
    fn is_of_run(&self, id: &str) -> bool {
        self.run.as_deref() == Some(id)
    }

    /// The same, of what is in `bucket`.
    pub(super) async fn has_run(bucket: &Bucket, id: &str) -> Result<bool> {
        Ok(Self::read(bucket).await?.is_some_and(|unfinished| unfinished.is_of_run(id)))
    }

    /// That another run has said something since.
    pub(super) fn overtaken(bucket: &Bucket) -> Error {
        cloud::overtaken(bucket, &format!("{OWN}/pending"))
    }

    /// Nothing of `account` is unfinished that runs up to that of `epoch` have begun, and `_SUCCESS` does not come of
    /// it: no snapshot has come to its end.
    pub(super) async fn forget(bucket: &Bucket, account: &str, epoch: u64) -> Result<()> {
        // With this epoch, so that a run of a lower one, which may be on its way to say so, says nothing any more.
        let mark = Mark { snapshot_id: None, epoch };
        let forget = |unfinished: &mut Self| {
            let before = unfinished.accounts.get(account);
            if before.is_none_or(|before| before.epoch <= epoch) {
                unfinished.accounts.insert(account.to_owned(), mark.clone());
            }
        };
        change(bucket, forget).await.map(drop)
    }

    /// The run `id` over many accounts is unfinished.
    pub(super) async fn add_run(bucket: &Bucket, id: &str) -> Result<()> {
        let register = change(bucket, |unfinished| {
            unfinished.run = Some(id.to_owned());
            unfinished.held = false;
        })
        .await?;
        withdraw(bucket, register).await
    }

    /// `account` is complete with `snapshot_id`; another snapshot of it may not be.
    pub(super) fn remove(&mut self, account: &str, snapshot_id: &str) {
        if let Some(mark) = self.accounts.get_mut(account)
            && mark.snapshot_id.as_deref() == Some(snapshot_id)
        {
            mark.snapshot_id = None;
        }
    }

    /// Nothing of `account` is unfinished that runs up to that of `epoch` have begun.
    pub(super) fn clear(&mut self, account: &str, epoch: u64) {
        if let Some(mark) = self.accounts.get_mut(account).filter(|mark| mark.epoch <= epoch) {
            mark.snapshot_id = None;
        }
    }

    /// The run `id` has ended.
    pub(super) async fn remove_run(bucket: &Bucket, id: &str, is_complete: bool) -> Result<()> {
        let ended = |unfinished: &mut Self| {
            if unfinished.run.as_deref() == Some(id) {
                unfinished.run = None;
            }
        };
        if is_complete {
            settled(bucket, ended).await
        } else {
            change(bucket, ended).await.map(drop)
        }
    }

    /// Whether a snapshot of `account` is unfinished.
    pub(super) async fn has(bucket: &Bucket, account: &str) -> Result<bool> {
        let unfinished = match Self::read(bucket).await? {
            Some(unfinished) => unfinished,
            None => found_out(bucket).await?.unwrap_or_default(),
        };
        Ok(unfinished.accounts.get(account).is_some_and(|mark| mark.snapshot_id.is_some()))
    }

    /// The epoch of the run that has begun a snapshot of `account` last, if one ever has.
    pub(super) async fn epoch(bucket: &Bucket, account: &str) -> Result<Option<u64>> {
        let unfinished = Self::read(bucket).await?.unwrap_or_default();
        Ok(unfinished.accounts.get(account).map(|mark| mark.epoch))
    }

    /// What is unfinished in `bucket`, for one who only looks: accounts, and `run.<id>` for a run.
    pub(super) async fn pending(bucket: &Bucket) -> Result<Vec<String>> {
        let Self { accounts, run, .. } = Self::read(bucket).await?.unwrap_or_default();
        let accounts = accounts.into_iter().filter(|(_, mark)| mark.snapshot_id.is_some());
        let run = run.map(|id| format!("run.{id}"));
        Ok(accounts.map(|(account, _)| account).chain(run).collect())
    }

    async fn read(bucket: &Bucket) -> Result<Option<Self>> {
        let name = format!("{OWN}/pending");
        let Some(json) = bucket.read(&name).await? else { return Ok(None) };
        let stored = Stored::from_json(&json).map_err(|error| {
            let message = format!(
                "{} is of another version, or damaged: if it is damaged, remove it while nothing runs, and the \
                 next run finds out anew what is unfinished",
                bucket.url_of(&name)
            );
            Error::new(ErrorKind::Input, message).caused_by(error)
        })?;
        Ok(Some(stored.value))
    }

    fn is_empty(&self) -> bool {
        self.is_compacted_at_most() && !self.is_compacted()
    }

    /// Whether files are being merged.
    fn is_compacted(&self) -> bool {
        self.accounts.get(COMPACTED).is_some_and(|mark| mark.snapshot_id.is_some())
    }

    /// Whether nothing else is unfinished.
    fn is_compacted_at_most(&self) -> bool {
        let mut others = self.accounts.iter().filter(|(account, _)| *account != COMPACTED);
        self.run.is_none() && others.all(|(_, mark)| mark.snapshot_id.is_none())
    }
}

/// What is unfinished, where the register is gone and others of what runs keep is not. Where nothing of that is there,
/// nobody knows which objects are complete, and none is taken for unfinished.
async fn found_out(bucket: &Bucket) -> Result<Option<Unfinished>> {
    let names = |listed: Vec<(String, u64)>| listed.into_iter().map(|(name, _)| name).collect();
    let own: Vec<String> = names(bucket.names(OWN).await?);
    if own.is_empty() {
        return Ok(None);
    }
    let here: Vec<String> = names(bucket.tree(hive::is_directory).await?);
    let mark = |(account, id): (&str, &str)| {
        (account.to_owned(), Mark { snapshot_id: Some(id.to_owned()), epoch: 0 })
    };
    Ok(Some(Unfinished {
        accounts: claim::unfinished(&here, &own).into_iter().map(mark).collect(),
        run: None,
        held: false,
        success: here.iter().any(|name| name == SUCCESS).then(|| UNKNOWN.to_owned()),
    }))
}

/// In the place of an upload, of which nobody knows any more: what came of it is all there is to take back.
const UNKNOWN: &str = "";

async fn change(
    bucket: &Bucket,
    mut change: impl FnMut(&mut Unfinished),
) -> Result<Register<Unfinished>> {
    let changed = |before: Option<Unfinished>| {
        let mut unfinished = before.unwrap_or_default();
        change(&mut unfinished);
        unfinished
    };
    // Accounts that are read at once would only be in each other's way.
    let _turn = bucket.turn().await;
    Register::take_or(bucket, &format!("{OWN}/pending"), || found_out(bucket), changed).await
}

/// Something is unfinished, as `register` says: there is no `_SUCCESS` any more.
async fn withdraw(bucket: &Bucket, mut register: Register<Unfinished>) -> Result<()> {
    // One that a killed run has not come to record can only be found in a list.
    for (name, id) in bucket.open_uploads().await? {
        if name == SUCCESS {
            bucket.abort(&name, &id).await?;
        }
    }
    let unfinished = register.value().clone();
    if let Some(upload) = &unfinished.success {
        if upload != UNKNOWN {
            bucket.abort(SUCCESS, upload).await?;
        }
        bucket.remove(&[SUCCESS.to_owned()]).await?;
        // Who has written the register since has seen that something is unfinished, and what was here.
        register.try_set(Unfinished { success: None, ..unfinished }).await?;
    }
    Ok(())
}

/// Ends a compaction, by a change after which nothing may be unfinished. That is no snapshot that came to its end:
/// `_SUCCESS` is written only if it was there, or would have been meanwhile.
pub(super) async fn settled_compaction(
    bucket: &Bucket,
    settle: impl FnMut(&mut Unfinished),
) -> Result<()> {
    let register = change(bucket, settle).await?;
    if register.value().held { succeed_if_none(bucket, register).await } else { Ok(()) }
}

/// Makes a change after which nothing may be unfinished: then `_SUCCESS` is written.
pub(super) async fn settled(
    bucket: &Bucket,
    mut settle: impl FnMut(&mut Unfinished),
) -> Result<()> {
    let register = change(bucket, |unfinished| {
        settle(unfinished);
        unfinished.held |= unfinished.is_compacted() && unfinished.is_compacted_at_most();
    })
    .await?;
    succeed_if_none(bucket, register).await
}

async fn succeed_if_none(bucket: &Bucket, mut register: Register<Unfinished>) -> Result<()> {
    while register.value().is_empty() {
        let unfinished = register.value().clone();
        if unfinished.success.is_some() && bucket.length(SUCCESS).await?.is_some() {
            return Ok(());
        }
        failpoint::reach(Point::BucketNonePending);
        let mut upload = Upload::begin(bucket, SUCCESS).await?;
        let recorded = Unfinished { success: Some(upload.id().to_owned()), ..unfinished.clone() };
        if register.try_set(recorded).await? {
            if let Some(before) = unfinished.success.as_ref().filter(|id| *id != UNKNOWN) {
                bucket.abort(SUCCESS, before).await?;
            }
            upload.send().await?;
            // Where the upload is gone, something was begun meanwhile.
            upload.complete().await?;
            return Ok(());
        }
        // Another run has written the register meanwhile. Dropped, the upload is given up.
        drop(upload);
        bucket.settle().await;
        register = change(bucket, |_| ()).await?;
    }
    Ok(())
}
