//! Whether snapshots that were complete still are.

use std::collections::{HashMap, HashSet};
use std::time::{SystemTime, UNIX_EPOCH};

use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::claim::{COMPACTED, NO_ACCOUNT, manifest_name, owner};
use super::inspect::compactions::compactions;
use super::inspect::{FileSummary, is_manifest};
use super::lake::{Lake, OWN};
use super::looked::{Looked, READS_AT_ONCE};
use super::manifest::Manifest;
use super::proof;
use crate::error::{Error, ErrorKind, Result};
use crate::sink::DurablePiece;

/// What has become of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has no manifest.
    Unfinished,
    /// It has one, and each file in that is there with its length, or was merged into one that is.
    Whole,
    /// It has one that cannot be read, or a file in it is not there as it was written; with which, and what is wrong.
    Damaged(String),
}

/// What has become of snapshots that were complete, asked of many: the lake is listed once, when the first is asked
/// for. Nothing is claimed or made.
#[derive(Debug)]
pub struct Standings {
    lake: Looked,
    /// In seconds since 1970. Of snapshots that began before, nothing is kept.
    since: u64,
    files: OnceCell<HashMap<String, u64>>,
    replaced: OnceCell<HashSet<String>>,
}

impl Standings {
    /// Those of the snapshots in `lake` that began at `since` or later. Others are answered too, at a request for each
    /// of their files.
    pub fn new(lake: impl Into<Lake>, since: SystemTime) -> Self {
        let since = since.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        Self { lake: Looked(lake.into()), since, files: OnceCell::new(), replaced: OnceCell::new() }
    }

    /// That of a snapshot of `account` (`None`: of an input of no account). Files are not read.
    ///
    /// # Errors
    /// [`ErrorKind::Input`] if the lake cannot be listed; those of an object store that cannot be read.
    pub async fn of(&self, account: Option<&str>, snapshot_id: &str) -> Result<Standing> {
        let account = account.unwrap_or(NO_ACCOUNT);
        let name = manifest_name(account, snapshot_id);
        let manifest = match self.lake.manifest(&name).await {
            Ok(Some(manifest)) => manifest,
            Ok(None) => return Ok(Standing::Unfinished),
            Err(error) if is_of_what_was_read(&error) => {
                let cause = std::error::Error::source(&error);
                let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
                return Ok(Standing::Damaged(format!("{error}{cause}")));
            }
            Err(error) => return Err(error),
        };
        if manifest.account_name() != account || manifest.snapshot_id != snapshot_id {
            let path = self.lake.path_of(&format!("{OWN}/{name}"));
            return Ok(Standing::Damaged(format!("{path} is the manifest of another snapshot")));
        }
        for file in &manifest.files {
            if let Some(what) = self.damage(file).await? {
                let path = self.lake.path_of(&file.name);
                return Ok(Standing::Damaged(format!("{path} {what}")));
            }
        }
        Ok(Standing::Whole)
    }

    /// What is wrong with a file that a manifest names.
    async fn damage(&self, file: &DurablePiece) -> Result<Option<String>> {
        let is_listed = self.files().await?.get(&file.name) == Some(&file.bytes);
        if is_listed || self.replaced().await?.contains(&file.name) {
            return Ok(None);
        }
        // It may have come since the list was made.
        Ok(match self.lake.there(&file.name).await? {
            Some(bytes) if bytes == file.bytes => None,
            Some(bytes) => Some(proof::of_length(bytes, file)),
            None => Some(proof::GONE.to_owned()),
        })
    }

    /// The lengths of the files that may be asked for, and of all that were made by compactions.
    async fn files(&self) -> Result<&HashMap<String, u64>> {
        let list = async || {
            let files = self.lake.files().await?.into_iter();
            Ok(files.filter(|(name, _)| self.may_matter(name)).collect())
        };
        self.files.get_or_try_init(list).await
    }

    /// The files in whose place a compaction has put others that are there.
    async fn replaced(&self) -> Result<&HashSet<String>> {
        self.replaced
            .get_or_try_init(async || {
                let manifests = self.compactions().await?;
                let files = self.files().await?;
                // How many rows they have is not looked at: that is in the files.
                let listed = manifests.iter().flat_map(|manifest| &manifest.files);
                let there = listed.filter_map(|file| {
                    let (name, rows) = (file.name.clone(), file.records);
                    let bytes = *files.get(&name)?;
                    Some(FileSummary { name, bytes, rows, row_groups: 0 })
                });
                let there: Vec<_> = there.collect();
                let (_, replaced) = compactions(&there, &manifests);
                let replaced = replaced.into_iter().filter(|name| self.may_matter(name));
                Ok(replaced.map(str::to_owned).collect())
            })
            .await
    }

    /// The manifests of compactions, as far as they can be read: files that no other names are missing then.
    async fn compactions(&self) -> Result<Vec<Manifest>> {
        let names = self.lake.own_names().await?.into_iter();
        let names = names.filter(|name| is_manifest(name) && name.starts_with(COMPACTED));
        let reads = names.map(|name| async move {
            match self.lake.manifest(&name).await {
                Err(error) if is_of_what_was_read(&error) => Ok(None),
                read => read,
            }
        });
        let reads = stream::iter(reads.collect::<Vec<_>>()).buffered(READS_AT_ONCE);
        Ok(reads.try_collect::<Vec<_>>().await?.into_iter().flatten().collect())
    }

    fn may_matter(&self, name: &str) -> bool {
        let Some((account, snapshot_id)) = owner(name) else { return false };
        let begun = || Uuid::try_parse(snapshot_id).ok()?.get_timestamp();
        account == COMPACTED || begun().is_some_and(|begun| begun.to_unix().0 >= self.since)
    }
}

/// Whether it is of the one object that was read, and not of the store.
fn is_of_what_was_read(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Input | ErrorKind::Destination)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;
    use crate::sink::parquet::Claim;

    /// One of a file of as many bytes as `text` has.
    async fn complete(lake: &std::path::Path, account: &str, text: &str) -> (String, DurablePiece) {
        let id = Uuid::now_v7().to_string();
        let claim = Claim::take(lake, Some(account)).await.unwrap();
        claim.begin(&id).await.unwrap();
        let file = file(&format!("{account}-{id}-00000.parquet"), text);
        fs::write(lake.join(&file.name), text).unwrap();
        let mut manifest = Manifest::new(Some(account), &id);
        manifest.files.push(file.clone());
        claim.complete(&manifest).await.unwrap();
        (id, file)
    }

    fn file(name: &str, text: &str) -> DurablePiece {
        let (name, bytes) = (name.to_owned(), text.len() as u64);
        DurablePiece { name, partition: Default::default(), records: 1, bytes, digest: None }
    }

    #[tokio::test]
    async fn what_is_damaged_is_told_from_what_is_whole_and_from_what_was_merged() {
        let directory = tempfile::tempdir().unwrap();
        let lake = directory.path();
        let (id, first) = complete(lake, "a", "abc").await;
        let (other, second) = complete(lake, "b", "abcd").await;
        // Whether they are in the list or not.
        let hour = Duration::from_secs(3_600);
        for since in [SystemTime::now() - hour, SystemTime::now() + hour] {
            let of = async |account, id: &str| {
                Standings::new(lake, since).of(Some(account), id).await.unwrap()
            };
            let damaged = |name: &str, what: &str| {
                Standing::Damaged(format!("{} {what}", lake.join(name).display()))
            };
            assert_eq!(
                (of("a", &id).await, of("b", &other).await),
                (Standing::Whole, Standing::Whole)
            );
            assert_eq!(of("a", &other).await, Standing::Unfinished);

            fs::write(lake.join(&first.name), "ab").unwrap();
            let what = "has 2 bytes, and 3 were written";
            assert_eq!(of("a", &id).await, damaged(&first.name, what));
            fs::remove_file(lake.join(&first.name)).unwrap();
            assert_eq!(of("a", &id).await, damaged(&first.name, "is not there any more"));
            assert_eq!(of("b", &other).await, Standing::Whole, "it is another's");
            fs::write(lake.join(&first.name), "abc").unwrap();

            let own = lake.join(OWN);
            let (path, copy) = (own.join(manifest_name("a", &id)), own.join("copy"));
            fs::rename(&path, &copy).unwrap();
            fs::write(&path, "x").unwrap();
            let Standing::Damaged(why) = of("a", &id).await else { panic!("it is no manifest") };
            assert!(
                why.starts_with(&format!("{} is no manifest: expected", path.display())),
                "{why}"
            );
            fs::copy(own.join(manifest_name("b", &other)), &path).unwrap();
            let Standing::Damaged(why) = of("a", &id).await else { panic!("it is another's") };
            assert!(why.ends_with(" is the manifest of another snapshot"), "{why}");
            fs::rename(&copy, &path).unwrap();
        }

        // Both are merged into one.
        let standings = || Standings::new(lake, SystemTime::now() - hour);
        let before = standings();
        assert_eq!(before.of(Some("a"), &id).await.unwrap(), Standing::Whole);
        let merge = Uuid::now_v7().to_string();
        let claim = Claim::take(lake, Some(COMPACTED)).await.unwrap();
        claim.begin(&merge).await.unwrap();
        let merged = file(&format!("{COMPACTED}-{merge}-00000.parquet"), "abcdefg");
        fs::write(lake.join(&merged.name), "abcdefg").unwrap();
        let mut manifest = Manifest::new(Some(COMPACTED), &merge);
        manifest.files.push(merged.clone());
        manifest.replaces = vec![first.name.clone(), second.name.clone()];
        claim.complete(&manifest).await.unwrap();
        assert!(!lake.join(&first.name).exists() && !lake.join(&second.name).exists());
        for seen in [before, standings()] {
            assert_eq!(seen.of(Some("a"), &id).await.unwrap(), Standing::Whole);
            assert_eq!(seen.of(Some("b"), &other).await.unwrap(), Standing::Whole);
        }
        fs::remove_file(lake.join(&merged.name)).unwrap();
        let lost = standings().of(Some("b"), &other).await.unwrap();
        assert!(matches!(lost, Standing::Damaged(_)), "what they were merged into is gone");
    }
}
