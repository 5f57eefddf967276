//! An account's part of a lake, claimed by one run.

use std::collections::{BTreeMap, HashSet};

use uuid::Uuid;

use super::format::FileFormat;
use super::lake::{Hold, Lake};
use super::manifest::Manifest;
use super::open::blocking;
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
        Ok(Self { lake, account, hold })
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
    /// learn of what is written into it now.
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
            Hold::Bucket(hold) => hold.begin(snapshot_id).await,
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
        let kept: HashSet<_> = kept.iter().map(|file| file.name.as_str()).collect();
        let (names, own) = self.names().await?;
        let belongs_to_nothing = |name: &String| {
            let Some((snapshot, _)) = parse(&self.account, name) else { return false };
            let is_complete = own.contains(&manifest_name(&self.account, snapshot));
            !is_complete && !kept.contains(name.as_str())
        };
        self.remove(names.into_iter().filter(belongs_to_nothing).collect()).await
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
mod tests {
    use std::fs;
    use std::path::Path;

    use serde_json::json;

    use super::*;
    use crate::checkpoint::{Checkpoint, FORMAT, Identity};
    use crate::digest::Digester;
    use crate::pipeline::PageStart;
    use crate::position::Position;
    use crate::sink::parquet::RunClaim;
    use crate::sink::parquet::lake::{OWN, SUCCESS};
    use crate::sink::parquet::manifest::Manifest;

    const SNAPSHOT: &str = "01a20c7e-5167-7459-84d1-21cf616966d5";

    fn has_success(directory: &Path) -> bool {
        directory.join(SUCCESS).exists()
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
    fn files_of_any_account_are_told_from_their_names() {
        for account in ["a", "a-b", SNAPSHOT, "input"] {
            let name = format!("{account}-{SNAPSHOT}-00003.parquet");
            let partial = format!("status=x/.{name}.partial");
            for name in [&name, &format!("a=b/{name}"), &partial] {
                assert_eq!(owner(name), Some((account, SNAPSHOT)), "{name}");
            }
        }
        for name in ["a.parquet", "notes-00001.parquet", "ü-00001.parquet", "a-00001.parquet"] {
            assert_eq!(owner(name), None, "{name}");
        }
        assert_eq!(owner(&format!("{SNAPSHOT}-00003.parquet")), None);
        let names = ["a", "b"].map(|account| format!("{account}-{SNAPSHOT}-00000.parquet"));
        let found = unfinished(&names, &[manifest_name("a", SNAPSHOT)]);
        assert_eq!(found, BTreeMap::from([("b", SNAPSHOT)]));
    }

    fn piece(name: String) -> DurablePiece {
        DurablePiece { name, partition: Default::default(), records: 1, bytes: 1, digest: None }
    }

    #[tokio::test]
    async fn files_in_partitions_are_found_and_number_the_next_piece() {
        let directory = tempfile::tempdir().unwrap();
        let folder = directory.path().join("status=a%2Fb/x=y");
        fs::create_dir_all(&folder).unwrap();
        let name = format!("a-{SNAPSHOT}-00007.parquet");
        let (file, partial) = (folder.join(&name), folder.join(format!(".{name}.partial")));
        [&file, &partial].into_iter().for_each(|path| fs::write(path, "").unwrap());
        // No run of this account has begun a snapshot that is not complete.
        let claim = Claim::take(directory.path(), Some("a")).await.unwrap();
        claim.remove_unfinished(&[]).await.unwrap();
        assert!(file.exists() && partial.exists());
        claim.begin(SNAPSHOT).await.unwrap();
        drop(claim);
        let claim = Claim::take(directory.path(), Some("a")).await.unwrap();
        assert!(file.exists() && !partial.exists());
        let known = [piece(format!("status=a%2Fb/x=y/{name}"))];
        assert_eq!(claim.next_number(&known).unwrap(), 8);
        claim.remove_unfinished(&known).await.unwrap();
        assert!(file.exists());
        claim.remove_snapshot("01a20c7e-5167-7459-84d1-21cf61690000").await.unwrap();
        assert!(file.exists());
        claim.remove_snapshot(SNAPSHOT).await.unwrap();
        assert!(!file.exists());
        let refused = claim.next_number(&[piece(format!("b-{SNAPSHOT}-00000.parquet"))]);
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Configuration);
    }

    #[tokio::test]
    async fn what_belongs_to_no_complete_snapshot_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let claim = Claim::take(directory.path(), Some("a")).await.unwrap();
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
        claim.complete(&Manifest::new(Some("a"), &complete)).await.unwrap();
        claim.begin(&unfinished).await.unwrap();
        let kept = |number| piece(format!("a-{unfinished}-{number:05}.parquet"));
        claim.remove_unfinished(&[kept(0), kept(1)]).await.unwrap();
        let gone = |name: &&String| !directory.path().join(name).exists();
        let gone: Vec<_> = names.iter().filter(gone).cloned().collect();
        let of = |snapshot: &str, number| format!("a-{snapshot}-{number:05}.parquet");
        let wanted = [of(&unfinished, 2), of(&other, 0), of(&other, 1), of(&other, 2)];
        assert_eq!(gone, wanted);
    }

    #[tokio::test]
    async fn a_snapshot_with_a_manifest_is_complete_whatever_its_checkpoint_says() {
        let directory = tempfile::tempdir().unwrap();
        let claim = Claim::take(directory.path(), Some("a")).await.unwrap();
        let identity = Identity::new("a");
        let json = json!({
            "format": FORMAT, "key": "a", "options": {}, "snapshot_id": SNAPSHOT, "is_complete": false,
            "records": 0, "rejected": 0, "pieces": [], "place": {
                "position": Position::START, "page": PageStart::default(),
                "digest": Digester::default().digest(), "record_end": 0,
            },
        });
        let checkpoint = Checkpoint::from_json(json.to_string().as_bytes()).unwrap();
        let resumed = || Beginning::of(Some(checkpoint.clone()), &identity).unwrap();
        let goes_on = claim.unless_complete(resumed()).await.unwrap();
        assert_eq!(goes_on.snapshot_id(), SNAPSHOT);
        claim.complete(&Manifest::new(Some("a"), SNAPSHOT)).await.unwrap();
        let begun = claim.unless_complete(resumed()).await.unwrap();
        assert!(matches!(begun, Beginning::New { .. }), "{begun:?}");
    }

    #[tokio::test]
    async fn a_checkpoint_whose_counts_do_not_fit_its_files_is_damaged() {
        let directory = tempfile::tempdir().unwrap();
        let claim = Claim::take(directory.path(), Some("a")).await.unwrap();
        let place = json!({
            "position": Position::START, "page": PageStart::default(),
            "digest": Digester::default().digest(), "record_end": 0,
        });
        let beginning = |records: u64, pieces: &[u64]| {
            let piece = |records: &u64| json!({"name": "x", "records": records, "bytes": 1});
            let json = json!({
                "format": FORMAT, "key": "a", "options": {}, "snapshot_id": SNAPSHOT,
                "is_complete": false, "records": records, "rejected": 1, "place": place,
                "pieces": pieces.iter().map(piece).collect::<Vec<_>>(),
            });
            let checkpoint = Checkpoint::from_json(json.to_string().as_bytes()).unwrap();
            Beginning::of(Some(checkpoint), &Identity::new("a")).unwrap()
        };
        for (records, pieces) in [(0, &[][..]), (3, &[1, 2])] {
            claim.unless_complete(beginning(records, pieces)).await.unwrap();
        }
        for (records, pieces) in [(3, &[][..]), (3, &[1]), (0, &[1]), (4, &[5, u64::MAX])] {
            let refused = claim.unless_complete(beginning(records, pieces)).await.unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Input);
            assert!(refused.message().contains("it is damaged; `license-stream checkpoint reset"));
        }
    }

    #[tokio::test]
    async fn a_part_has_a_manifest_and_leaves_its_account_pending() {
        #[cfg(feature = "cloud")]
        fn bucket() -> Lake {
            use crate::cloud::Bucket;
            let store = std::sync::Arc::new(object_store::memory::InMemory::new());
            Bucket::new(store, "lake", "memory:///lake").into()
        }

        let directory = tempfile::tempdir().unwrap();
        let lakes = [
            Lake::from(directory.path()),
            #[cfg(feature = "cloud")]
            bucket(),
        ];
        for lake in lakes {
            use crate::sink::parquet::{LakeInspection, SnapshotState};
            let seen = async || {
                let seen = LakeInspection::of(lake.clone()).await.unwrap();
                let states: Vec<_> = seen.snapshots.iter().map(|it| it.state).collect();
                (seen.success, seen.pending.len(), states)
            };
            let claim = Claim::take(lake.clone(), Some("a")).await.unwrap();
            claim.begin(SNAPSHOT).await.unwrap();
            let part = Manifest { is_part: true, ..Manifest::new(Some("a"), SNAPSHOT) };
            claim.complete(&part).await.unwrap();
            assert_eq!(seen().await, (false, 1, vec![SnapshotState::Part]));
            drop(claim);
            let claim = Claim::take(lake.clone(), Some("a")).await.unwrap();
            claim.remove_unfinished(&[]).await.unwrap();
            let whole = Uuid::now_v7().to_string();
            claim.begin(&whole).await.unwrap();
            claim.complete(&Manifest::new(Some("a"), &whole)).await.unwrap();
            let states = vec![SnapshotState::Part, SnapshotState::Complete];
            assert_eq!(seen().await, (true, 0, states));
        }
    }

    #[tokio::test]
    async fn where_the_marks_are_lost_what_is_unfinished_is_found_out_anew() {
        let directory = tempfile::tempdir().unwrap();
        let (path, own) = (directory.path(), directory.path().join(OWN));
        let file = |account: &str| path.join(format!("{account}-{SNAPSHOT}-00000.parquet"));
        for account in ["a", "b"] {
            let claim = Claim::take(path, Some(account)).await.unwrap();
            claim.begin(SNAPSHOT).await.unwrap();
            fs::write(file(account), "").unwrap();
            if account == "a" {
                claim.complete(&Manifest::new(Some(account), SNAPSHOT)).await.unwrap();
            }
        }
        fs::remove_dir_all(own.join("pending")).unwrap();
        for account in ["c", "a", "b"] {
            let claim = Claim::take(path, Some(account)).await.unwrap();
            claim.remove_unfinished(&[]).await.unwrap();
        }
        assert!(file("a").exists() && !file("b").exists());

        // Where nothing tells what is complete, all of it may be.
        fs::remove_dir_all(own).unwrap();
        let claim = Claim::take(path, Some("a")).await.unwrap();
        claim.remove_unfinished(&[]).await.unwrap();
        assert!(file("a").exists());
    }

    #[tokio::test]
    async fn a_second_claim_of_an_account_is_refused_until_the_first_is_dropped() {
        let directory = tempfile::tempdir().unwrap();
        let first = Claim::take(directory.path(), Some("a")).await.unwrap();
        let refused = Claim::take(directory.path(), Some("a")).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Destination);
        assert!(refused.to_string().starts_with("another run is writing to "), "{refused}");
        Claim::take(directory.path(), Some("b")).await.unwrap();
        drop(first);
        Claim::take(directory.path(), Some("a")).await.unwrap();
    }

    #[tokio::test]
    async fn a_compaction_leaves_the_success_that_would_be_there_without_it() {
        #[cfg(feature = "cloud")]
        fn bucket() -> Lake {
            use crate::cloud::Bucket;
            let store = std::sync::Arc::new(object_store::memory::InMemory::new());
            Bucket::new(store, "lake", "memory:///lake").into()
        }

        let directory = tempfile::tempdir().unwrap();
        let lakes = [
            Lake::from(directory.path()),
            #[cfg(feature = "cloud")]
            bucket(),
        ];
        for lake in lakes {
            let has_success = async || {
                use crate::sink::parquet::LakeInspection;
                LakeInspection::of(lake.clone()).await.unwrap().success
            };
            // None begins twice.
            let begin = async |claim: &Claim| {
                let id = Uuid::now_v7().to_string();
                claim.begin(&id).await.unwrap();
                id
            };
            let complete = async |claim: &Claim, id: &str| {
                claim.complete(&Manifest::new(Some(&claim.account), id)).await.unwrap();
            };
            let take = async |account| Claim::take(lake.clone(), Some(account)).await.unwrap();
            let (a, compaction) = (take("a").await, take(COMPACTED).await);
            let snapshot = begin(&a).await;
            begin(&compaction).await;
            compaction.give_up().await.unwrap();
            assert!(!has_success().await, "a is pending");
            complete(&a, &snapshot).await;
            assert!(has_success().await);
            // There was one.
            let merged = begin(&compaction).await;
            assert!(!has_success().await);
            complete(&compaction, &merged).await;
            assert!(has_success().await);
            // It would have come meanwhile.
            let snapshot = begin(&a).await;
            let merged = begin(&compaction).await;
            complete(&a, &snapshot).await;
            assert!(!has_success().await, "files are merged");
            complete(&compaction, &merged).await;
            assert!(has_success().await);
            // It would have gone meanwhile, and a killed one is followed by another.
            begin(&compaction).await;
            drop(compaction);
            let compaction = take(COMPACTED).await;
            let run = RunClaim::take(lake.clone()).await.unwrap();
            let merged = begin(&compaction).await;
            complete(&compaction, &merged).await;
            run.end(false).await.unwrap();
            let merged = begin(&compaction).await;
            complete(&compaction, &merged).await;
            assert!(!has_success().await, "a run has failed");
        }
    }

    #[tokio::test]
    async fn success_is_there_only_while_no_account_is_pending() {
        async fn complete(claim: &Claim) {
            claim.complete(&Manifest::new(Some(&claim.account), SNAPSHOT)).await.unwrap();
        }

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let a = Claim::take(path, Some("a")).await.unwrap();
        let b = Claim::take(path, Some("b")).await.unwrap();
        a.begin(SNAPSHOT).await.unwrap();
        b.begin(SNAPSHOT).await.unwrap();
        complete(&a).await;
        assert!(!has_success(path), "b is pending");
        complete(&b).await;
        assert!(has_success(path));
        let refused = a.begin(SNAPSHOT).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Configuration, "{refused}");
        assert!(has_success(path), "it is complete");
        a.begin(&SNAPSHOT.replace('1', "2")).await.unwrap();
        assert!(!has_success(path));

        // A run that was killed leaves its account pending.
        drop(a);
        complete(&b).await;
        assert!(!has_success(path));
        let a = Claim::take(path, Some("a")).await.unwrap();
        complete(&a).await;
        assert!(has_success(path));
        assert!(path.join(OWN).join(format!("a-{SNAPSHOT}.json")).exists());
    }
}
