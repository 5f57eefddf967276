//! An account's part of a place in an object store.
//!
//! There is no lock there. What stands for it is `_license-stream/<account>.claim`, a
//! [`Register`]: each run raises its epoch, and so takes over from the one before. Nothing of the earlier
//! run can appear after that:
//!
//! - A file is one upload in parts, which the claim names before any of its bytes are sent, beside those of
//!   the other files that are open. The later run finds it there and gives it up, so that it cannot be completed any more; one that the claim was
//!   not told of cannot be completed either, because telling it fails.
//! - A snapshot is complete when the claim says so, with its manifest. Whoever takes the claim next writes
//!   that manifest again, the same bytes, should the earlier run not have come to it.
//! - `_SUCCESS` is an upload too, which `_license-stream/pending` names: whoever begins a snapshot gives
//!   it up.

use std::sync::PoisonError;

use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::claim::{COMPACTED, manifest_name, parse};
use super::file::WrittenFile;
use super::hive;
use super::lake::OWN;
use super::manifest::Manifest;
use super::proof;
use super::unfinished::{Unfinished, settled, settled_compaction};
use crate::cloud::{self, Bucket, Completed, Register, Upload};
use crate::digest::Digester;
use crate::error::{Error, ErrorKind, Result};
use crate::failpoint::{self, Point};
use crate::sink::DurablePiece;

/// What a run holds.
#[derive(Debug)]
pub(super) struct BucketHold {
    bucket: Bucket,
    account: String,
    epoch: u64,
    claim: Mutex<Claimed>,
    /// Uploads that the claim is to be told of by whoever has it next: so one write tells of all that begin together.
    begun: std::sync::Mutex<Vec<Open>>,
}

/// The claim, and what this run knows better.
#[derive(Debug)]
struct Claimed {
    register: Register<Held>,
    /// The uploads that are open. More may be in the register, which is not written when one ends.
    open: Vec<Open>,
    /// Whether the register was told of all of them.
    is_told: bool,
}

/// What the claim of an account says.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Held {
    /// Raised by every run.
    epoch: u64,
    /// The uploads that may be open.
    uploads: Vec<Open>,
    /// The snapshot that is complete, until everything else says so too.
    completing: Option<Manifest>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Open {
    name: String,
    id: String,
}

impl BucketHold {
    /// Takes `account`'s part of `bucket` over from whoever has it, and ends what that run has begun.
    pub(super) async fn take(bucket: Bucket, account: String) -> Result<Self> {
        let name = format!("{OWN}/{account}.claim");
        // Whoever removes a claim, a damaged one for example, has not removed what it has led to: what is pending
        // knows the epoch of the last run, and passes over what a run of a lower one says.
        let marked = || async {
            let epoch = Unfinished::epoch(&bucket, &account).await?;
            Ok(epoch.map(|epoch| Held { epoch, ..Held::default() }))
        };
        let mut claim = Register::take_or(&bucket, &name, marked, |before: Option<Held>| {
            let before = before.unwrap_or_default();
            Held { epoch: before.epoch + 1, ..before }
        })
        .await?;
        claim.prove_conditions().await?;
        failpoint::reach(Point::BucketClaimed);
        let Held { epoch, uploads, completing } = claim.value().clone();
        for Open { name, id } in &uploads {
            bucket.abort(name, id).await?;
        }
        // Those that no claim was told of: nobody can complete them, but they may be kept for ever. A run
        // that takes over at this very moment may lose its own to this one, and has to be run again.
        for (name, id) in bucket.open_uploads().await? {
            if parse(&account, &name).is_some() {
                bucket.abort(&name, &id).await?;
            }
        }
        if let Some(manifest) = &completing {
            finish(&bucket, &account, manifest).await?;
        }
        if !uploads.is_empty() || completing.is_some() {
            claim.set(Held { epoch, ..Held::default() }).await?;
        }
        let claim = Mutex::new(Claimed { register: claim, open: Vec::new(), is_told: true });
        Ok(Self { bucket, account, epoch, claim, begun: std::sync::Mutex::default() })
    }

    /// Says that the account is unfinished, unless another run has taken over: the account, or all of them from
    /// `run`, which it is a part of.
    pub(super) async fn begin(&self, snapshot_id: &str, run: Option<&str>) -> Result<()> {
        let Self { bucket, account, epoch, .. } = self;
        if Unfinished::add(bucket, account, snapshot_id, *epoch, run).await? {
            return Ok(());
        }
        Err(self.claim.lock().await.register.taken_over())
    }

    /// Begins a file, if no other run has taken over.
    pub(super) async fn create(&self, name: &str) -> Result<BucketFile> {
        let upload = Upload::begin(&self.bucket, name).await?;
        failpoint::reach(Point::BucketUploadBegun);
        self.tell(Open { name: name.to_owned(), id: upload.id().to_owned() }).await?;
        Ok(BucketFile {
            upload,
            bytes: 0,
            digester: Digester::default(),
            path: self.bucket.url_of(name),
        })
    }

    /// Has the claim name an upload, if no other run has taken over.
    async fn tell(&self, upload: Open) -> Result<()> {
        let begun = || self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        begun().push(upload);
        let mut claim = self.claim.lock().await;
        let further = std::mem::take(&mut *begun());
        // Otherwise whoever had the claim before has told of this one too.
        if !further.is_empty() {
            claim.open.extend(further);
            claim.is_told = false;
        }
        if claim.is_told { Ok(()) } else { claim.write(self.epoch).await }
    }

    /// Makes a file of what was written of it.
    pub(super) async fn publish(&self, mut file: BucketFile, rows: u64) -> Result<WrittenFile> {
        file.upload.send().await?;
        failpoint::reach(Point::BucketPartsSent);
        let (name, id) = (file.upload.name().to_owned(), file.upload.id().to_owned());
        let written = WrittenFile {
            path: file.path.into(),
            name,
            bytes: file.bytes,
            rows,
            digest: file.digester.digest(),
        };
        if file.upload.complete().await? == Completed::Gone {
            // Given up by a run that took over, or completed with the answer lost. If nobody took over,
            // nobody else can have written the object.
            self.renew().await?;
            if self.bucket.length(&written.name).await? != Some(written.bytes) {
                let message =
                    format!("the upload of {} was given up by another", written.path.display());
                return Err(Error::new(ErrorKind::Destination, message));
            }
        }
        failpoint::reach(Point::BucketUploadCompleted);
        self.claim.lock().await.open.retain(|open| open.id != id);
        Ok(written)
    }

    pub(super) async fn complete(&self, manifest: &Manifest) -> Result<()> {
        self.prove(&manifest.files).await?;
        let mut claim = self.claim.lock().await;
        let (epoch, completing) = (self.epoch, Some(manifest.clone()));
        claim.register.set(Held { completing, epoch, uploads: Vec::new() }).await?;
        failpoint::reach(Point::BucketSnapshotComplete);
        finish(&self.bucket, &self.account, manifest).await?;
        claim.register.set(Held { epoch, ..Held::default() }).await
    }

    /// The account has nothing unfinished any more, unless a later run has begun something.
    pub(super) async fn settle_account(&self) -> Result<()> {
        self.renew().await?;
        let clear = |unfinished: &mut Unfinished| unfinished.clear(&self.account, self.epoch);
        if self.account == COMPACTED {
            settled_compaction(&self.bucket, clear).await
        } else {
            settled(&self.bucket, clear).await
        }
    }

    /// The account is not unfinished any more, and nothing comes of that, unless a later run has begun something.
    pub(super) async fn forget_account(&self) -> Result<()> {
        self.renew().await?;
        Unfinished::forget(&self.bucket, &self.account, self.epoch).await
    }

    /// Whether what runs keep has something of this name.
    pub(super) async fn keeps(&self, name: &str) -> Result<bool> {
        Ok(self.bucket.length(&format!("{OWN}/{name}")).await?.is_some())
    }

    /// Whether there may be files of a snapshot that is not complete.
    pub(super) async fn is_pending(&self) -> Result<bool> {
        Unfinished::has(&self.bucket, &self.account).await
    }

    /// The names here and in the partitions below, and those of what runs keep.
    pub(super) async fn names(&self) -> Result<(Vec<String>, Vec<String>)> {
        let names = |listed: Vec<(String, u64)>| listed.into_iter().map(|(name, _)| name).collect();
        let (here, own) =
            (self.bucket.tree(hive::is_directory).await?, self.bucket.names(OWN).await?);
        Ok((names(here), names(own)))
    }

    /// Removes files that were found to be leftovers; not if another run has taken over since, which may
    /// have made them anew.
    pub(super) async fn remove(&self, names: &[String]) -> Result<()> {
        self.renew().await?;
        self.bucket.remove(names).await
    }

    /// Makes sure that no other run has taken over so far.
    async fn renew(&self) -> Result<()> {
        self.claim.lock().await.write(self.epoch).await
    }

    /// `error`, or where another run has taken over, that, with it as the cause. Only of what a store refuses, or
    /// fails at, as some do at an upload that was given up: one that does not answer would be waited for once more.
    pub(super) async fn explained(&self, error: Error) -> Error {
        if error.kind() != ErrorKind::Destination && !cloud::is_of_a_failing_store(&error) {
            return error;
        }
        let mut claim = self.claim.lock().await;
        match claim.try_write(self.epoch).await {
            Ok(false) => {
                let taken_over = claim.register.taken_over();
                // It may say so already.
                let is_said = error.message() == taken_over.message();
                if is_said { error } else { claim.register.taken_over_by(error) }
            }
            // It is this run's own failure.
            Ok(true) | Err(_) => error,
        }
    }

    /// Waits until files that were dropped are given up.
    pub(super) async fn settle(&self) {
        self.bucket.settle().await;
    }

    /// Makes sure that `files` are there, with the lengths that they had. For a whole snapshot too: a removal
    /// by an earlier run, of a file that it took for a leftover, may have been on its way for as long as it took
    /// to write the file anew.
    pub(super) async fn prove(&self, files: &[DurablePiece]) -> Result<()> {
        // One by one: a list would be of the files of all accounts.
        let names = files.iter().map(|file| file.name.clone()).collect();
        for (file, there) in files.iter().zip(self.bucket.lengths(names).await?) {
            let what = match there {
                Some(bytes) if bytes == file.bytes => continue,
                Some(bytes) => proof::of_length(bytes, file),
                None => proof::GONE.to_owned(),
            };
            return Err(proof::lost(&self.bucket.url_of(&file.name), &what));
        }
        Ok(())
    }
}

impl Claimed {
    /// Writes which uploads are open, if no other run has taken over.
    async fn write(&mut self, epoch: u64) -> Result<()> {
        if self.try_write(epoch).await? { Ok(()) } else { Err(self.register.taken_over()) }
    }

    /// The same; whether it was written.
    async fn try_write(&mut self, epoch: u64) -> Result<bool> {
        let uploads = self.open.clone();
        let is_written = self.register.try_set(Held { epoch, uploads, completing: None }).await?;
        self.is_told |= is_written;
        Ok(is_written)
    }
}

/// What follows from the claim's word that a snapshot is complete. It may be done twice.
async fn finish(bucket: &Bucket, account: &str, manifest: &Manifest) -> Result<()> {
    let name = format!("{OWN}/{}", manifest_name(account, &manifest.snapshot_id));
    bucket.put(&name, manifest.to_json()).await?;
    failpoint::reach(Point::BucketManifestPut);
    if !manifest.replaces.is_empty() {
        failpoint::reach(Point::CompactCommitted);
        bucket.remove(&manifest.replaces).await?;
        failpoint::reach(Point::CompactReplaced);
    }
    if manifest.is_part {
        return Ok(());
    }
    let remove = |unfinished: &mut Unfinished| unfinished.remove(account, &manifest.snapshot_id);
    if account == COMPACTED {
        settled_compaction(bucket, remove).await
    } else {
        settled(bucket, remove).await
    }
}

/// A file that is visible only when it is whole.
#[derive(Debug)]
pub(super) struct BucketFile {
    upload: Upload,
    bytes: u64,
    digester: Digester,
    path: String,
}

impl BucketFile {
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Bytes that were written to it.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl std::io::Write for BucketFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.upload.write(bytes)?;
        self.bytes += written as u64;
        self.digester.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.upload.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::FutureExt;
    use object_store::ObjectStoreExt;
    use object_store::memory::InMemory;

    use super::*;

    const SNAPSHOT: &str = "01a20c7e-5167-7459-84d1-21cf616966d5";

    #[tokio::test]
    async fn one_write_tells_of_all_uploads_that_begin_together() {
        let bucket = Bucket::new(Arc::new(InMemory::new()), "a", "memory:///a");
        let hold = BucketHold::take(bucket.clone(), "b".to_owned()).await.unwrap();
        // Whatever is begun in such a store, or put into it, takes the next number.
        let last = || async {
            let claim = bucket.store().head(&bucket.path("_license-stream/b.claim")).await.unwrap();
            claim.e_tag.unwrap().trim_matches('"').parse::<u64>().unwrap()
        };
        let before = last().await;
        let names: Vec<_> = (0..8).map(|number| format!("b-{number}.parquet")).collect();
        // All are begun before the claim can be written.
        let held = hold.claim.lock().await;
        let files = futures_util::future::join_all(names.iter().map(|name| hold.create(name)));
        tokio::pin!(files);
        assert!(files.as_mut().now_or_never().is_none());
        drop(held);
        let files = files.await;
        assert!(files.iter().all(Result::is_ok));
        assert_eq!(last().await - before, 8 + 1, "the uploads, and one write");
        let told: Vec<_> = hold.claim.lock().await.register.value().uploads.clone();
        assert!(names.iter().eq(told.iter().map(|upload| &upload.name)), "{told:?}");
        // A later run gives all of them up.
        let later = BucketHold::take(bucket.clone(), "b".to_owned()).await.unwrap();
        assert!(hold.create("b-9.parquet").await.is_err(), "another has taken over");
        drop((files, later));
    }

    #[tokio::test]
    async fn after_a_claim_was_removed_its_epoch_goes_on() {
        let bucket = Bucket::new(Arc::new(InMemory::new()), "a", "memory:///a");
        let take = || async { BucketHold::take(bucket.clone(), "b".to_owned()).await.unwrap() };
        for epoch in 1..=3 {
            let hold = take().await;
            assert_eq!(hold.epoch, epoch);
            hold.begin(SNAPSHOT, None).await.unwrap();
        }
        let earlier = take().await;
        bucket.remove(&[format!("{OWN}/b.claim")]).await.unwrap();
        let hold = take().await;
        hold.begin(SNAPSHOT, None).await.expect("no later run has said anything");
        hold.complete(&Manifest::new(Some("b"), SNAPSHOT)).await.unwrap();
        assert!(earlier.create("b.parquet").await.is_err(), "another has taken over");
        // Of an account that is complete too, and one of its own each.
        bucket.remove(&[format!("{OWN}/b.claim")]).await.unwrap();
        assert_eq!(take().await.epoch, hold.epoch + 1);
        let other = BucketHold::take(bucket.clone(), "c".to_owned()).await.unwrap();
        assert_eq!(other.epoch, 1);
    }
}
