//! Checkpoints in an object store, an object each.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::Mutex;

use super::name::{file_name, key_of};
use super::{Checkpoint, CheckpointStore, Listed};
use crate::cloud::{Bucket, Register, Stored};
use crate::error::{Error, ErrorKind, Result};
use crate::failpoint::{self, Point};
use crate::kept;

/// Keeps each checkpoint as `KEY.checkpoint.json` in a place of an object store.
///
/// Who [loads](CheckpointStore::load) one takes it over: it is written anew, so that no run that had
/// loaded it before can write it any more. What is loaded is therefore what the next run can rely on.
#[derive(Clone, Debug)]
pub struct BucketStore {
    bucket: Bucket,
    /// What this run has taken, by key: each by itself, so that the accounts of a run do not wait for one another.
    taken: Arc<std::sync::Mutex<HashMap<String, Place>>>,
}

/// `None` until it is taken.
type Place = Arc<Mutex<Option<Taken>>>;

/// A checkpoint's place; `None` is in it where there is no checkpoint, or where it was forgotten.
type Taken = Register<Option<serde_json::Value>>;

impl BucketStore {
    /// The store in `bucket`.
    pub fn new(bucket: Bucket) -> Self {
        Self { bucket, taken: Arc::default() }
    }

    fn place(&self, key: &str) -> Place {
        // Changes are single calls, so none is half-way.
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(taken.entry(key.to_owned()).or_default())
    }

    async fn take(&self, name: &str) -> Result<Taken> {
        let taken = Register::take(&self.bucket, name, Option::flatten).await?;
        taken.prove_conditions().await?;
        Ok(taken)
    }

    fn read(&self, name: &str, json: &[u8]) -> Result<Checkpoint> {
        Checkpoint::from_json(json).map_err(|error| {
            error.map_message(|message| format!("{}: {message}", self.bucket.url_of(name)))
        })
    }

    fn checkpoint(
        &self,
        name: &str,
        value: &Option<serde_json::Value>,
    ) -> Result<Option<Checkpoint>> {
        value.as_ref().map(|value| self.read(name, value.to_string().as_bytes())).transpose()
    }

    /// The checkpoint in the object `name`, which is `json`.
    fn stored(&self, name: &str, json: &[u8]) -> Result<Option<Checkpoint>> {
        match Stored::<Option<serde_json::Value>>::from_json(json) {
            Ok(stored) => self.checkpoint(name, &stored.value),
            // It says what is wrong.
            Err(_) => self.read(name, json).map(Some),
        }
    }

    /// Whether `error` says that what is kept of `key` can be read by nobody.
    async fn is_unreadable(&self, key: &str, error: &Error) -> Result<bool> {
        Ok(match error.kind() {
            ErrorKind::Input => true,
            ErrorKind::Destination => {
                let length = self.bucket.length(&file_name(key)?).await?;
                length.is_some_and(|bytes| bytes > kept::MOST_BYTES as u64)
            }
            _ => false,
        })
    }

    /// Puts `value` in its place, which is taken if it was not.
    async fn put(&self, key: &str, value: Option<serde_json::Value>) -> Result<bool> {
        let name = file_name(key)?;
        let place = self.place(key);
        let mut taken = place.lock().await;
        let register = match &mut *taken {
            Some(register) => register,
            none => none.insert(self.take(&name).await?),
        };
        let was_there = register.value().is_some();
        register.set(value).await?;
        failpoint::reach(Point::BucketCheckpointPut);
        Ok(was_there)
    }
}

impl CheckpointStore for BucketStore {
    fn load<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Checkpoint>>> {
        async move {
            let name = file_name(key)?;
            let register = self.take(&name).await?;
            let checkpoint = self.checkpoint(&name, register.value())?;
            *self.place(key).lock().await = Some(register);
            Ok(checkpoint)
        }
        .boxed()
    }

    fn peek<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Checkpoint>>> {
        async move {
            let name = file_name(key)?;
            match self.bucket.read(&name).await? {
                Some(json) => self.stored(&name, &json),
                None => Ok(None),
            }
        }
        .boxed()
    }

    fn save<'a>(&'a self, checkpoint: &'a Checkpoint) -> BoxFuture<'a, Result<()>> {
        async move {
            // What was made to be JSON is read as such.
            let value = serde_json::from_slice(&checkpoint.to_json()).ok();
            self.put(&checkpoint.key, value).await.map(drop)
        }
        .boxed()
    }

    fn remove<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool>> {
        async move {
            match self.put(key, None).await {
                Err(error) if self.is_unreadable(key, &error).await? => {
                    // A run that has it can write it no more: it is not as it was.
                    self.bucket.remove(&[file_name(key)?]).await?;
                    Ok(true)
                }
                removed => removed,
            }
        }
        .boxed()
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<Listed>>> {
        async move {
            let names = self.bucket.names("").await?.into_iter().map(|(name, _)| name);
            let names = names.filter(|name| key_of(name).is_some()).collect();
            let mut listed = Vec::new();
            for (name, json) in self.bucket.read_each(names).await {
                let checkpoint = match json {
                    Ok(Some(json)) => self.stored(&name, &json),
                    // It is too long, perhaps.
                    Err(error) if error.kind() == ErrorKind::Destination => Err(error),
                    // The store is not to be read at all.
                    Err(error) => return Err(error),
                    // It was removed meanwhile.
                    Ok(None) => continue,
                };
                let key = key_of(&name).unwrap_or_default().to_owned();
                let checkpoint = checkpoint.transpose();
                listed.extend(checkpoint.map(|checkpoint| Listed { key, checkpoint }));
            }
            Ok(listed)
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;

    use super::*;
    use crate::checkpoint::{Beginning, Identity, Keeper};
    use crate::digest::Digest;
    use crate::pipeline::{Counts, Durable, Journal, PageStart, Place};
    use crate::position::Position;

    fn durable(byte: u64) -> Durable {
        Durable {
            place: Place {
                position: Position { byte, line: 1, record: byte },
                page: PageStart::default(),
                digest: Digest::of_nothing(),
                record_end: byte,
            },
            counts: Counts { records: byte, ..Counts::default() },
            pieces: Vec::new(),
            is_last: true,
            is_complete: false,
        }
    }

    #[tokio::test]
    async fn a_later_run_takes_over_and_the_earlier_one_is_told() {
        let bucket = Bucket::new(Arc::new(InMemory::new()), "a/b", "memory:///a/b");
        let identity = Identity::new("a");
        let first = BucketStore::new(bucket.clone());
        assert_eq!(first.load("a").await.unwrap(), None);
        let beginning = Beginning::new();
        let mut keeper = Keeper::new(first.clone(), identity.clone(), &beginning);
        keeper.record(durable(5)).await.unwrap();

        let second = BucketStore::new(bucket.clone());
        assert_eq!(second.list().await.unwrap().len(), 1);
        keeper.record(durable(6)).await.expect("looking at it takes nothing over");
        let peeked = second.peek("a").await.unwrap();
        assert_eq!(second.peek("b").await.unwrap(), None);
        keeper.record(durable(6)).await.expect("nor does looking at it alone");
        let found = second.load("a").await.unwrap();
        assert_eq!(peeked, found);
        assert_eq!(found.as_ref().unwrap().place.position.byte, 6);
        let refused = keeper.record(durable(7)).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Destination);
        assert!(refused.message().starts_with("another run has taken over: "), "{refused}");
        assert!(refused.message().contains("memory:///a/b/a.checkpoint.json"), "{refused}");

        let resumed = Beginning::of(found, &identity).unwrap();
        assert_eq!(resumed.snapshot_id(), beginning.snapshot_id());
        let mut keeper = Keeper::new(second.clone(), identity, &resumed);
        keeper.record(durable(2)).await.unwrap();
        let listed = second.list().await.unwrap();
        assert_eq!(listed[0].checkpoint.as_ref().unwrap().records, 8);

        // Whoever resets it stops a run that is under way.
        let third = BucketStore::new(bucket);
        assert!(third.remove("a").await.unwrap() && !third.remove("a").await.unwrap());
        assert!(third.list().await.unwrap().is_empty());
        assert!(keeper.record(durable(3)).await.is_err());
        assert_eq!(second.load("a").await.unwrap(), None);
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_listed_beside_the_others_and_can_be_removed() {
        let bucket = Bucket::new(Arc::new(InMemory::new()), "a/b", "memory:///a/b");
        let store = BucketStore::new(bucket.clone());
        let mut keeper = Keeper::new(store.clone(), Identity::new("c"), &Beginning::new());
        keeper.record(durable(5)).await.unwrap();
        let newer = br#"{"run":"r","write":0,"value":{"format":2}}"#.to_vec();
        let wrongs = [
            ("a", b"{".to_vec(), "cannot be read"),
            ("b", newer, "has form 2"),
            ("d", vec![b' '; kept::MOST_BYTES + 1], "could not be read"),
        ];
        for (key, json, _) in &wrongs {
            let path = bucket.path(&file_name(key).unwrap());
            object_store::ObjectStoreExt::put(&**bucket.store(), &path, json.clone().into())
                .await
                .unwrap();
        }
        let store = BucketStore::new(bucket);
        let listed = store.list().await.unwrap();
        let keys: Vec<_> = listed.iter().map(|listed| listed.key.as_str()).collect();
        assert_eq!(keys, ["a", "b", "c", "d"]);
        assert_eq!(listed[2].checkpoint.as_ref().unwrap().records, 5);
        for (key, _, wrong) in wrongs {
            let found = listed.iter().find(|listed| listed.key == key).unwrap();
            let error = found.checkpoint.as_ref().unwrap_err();
            let name = format!("memory:///a/b/{key}.checkpoint.json");
            assert!(error.message().starts_with(&name), "{error}");
            assert!(error.message().contains(wrong), "{error}");
            assert!(store.remove(key).await.unwrap() && !store.remove(key).await.unwrap());
        }
        assert_eq!(store.list().await.unwrap().len(), 1);
    }
}
