//! Checkpoints in an object store, an object each.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::Mutex;

use super::name::{ENDING, file_name};
use super::{Checkpoint, CheckpointStore};
use crate::cloud::{Bucket, Register, Stored};
use crate::error::{Error, Result};
use crate::failpoint::{self, Point};

/// Keeps each checkpoint as `KEY.checkpoint.json` in a place of an object store.
///
/// Who [loads](CheckpointStore::load) one takes it over: it is written anew, so that no run that had
/// loaded it before can write it any more. What is loaded is therefore what the next run can rely on.
#[derive(Clone, Debug)]
pub struct BucketStore {
    bucket: Bucket,
    /// What this run has taken, by key.
    taken: Arc<Mutex<HashMap<String, Taken>>>,
}

/// A checkpoint's place; `None` is in it where there is no checkpoint, or where it was forgotten.
type Taken = Register<Option<serde_json::Value>>;

impl BucketStore {
    /// The store in `bucket`.
    pub fn new(bucket: Bucket) -> Self {
        Self { bucket, taken: Arc::default() }
    }

    async fn take(&self, name: &str) -> Result<Taken> {
        let taken = Register::take(&self.bucket, name, Option::flatten).await?;
        taken.prove_conditions().await?;
        Ok(taken)
    }

    fn read(&self, name: &str, json: &[u8]) -> Result<Checkpoint> {
        Checkpoint::from_json(json).map_err(|error| {
            let message = format!("{}: {}", self.bucket.url_of(name), error.message());
            Error::new(error.kind(), message).caused_by(error)
        })
    }

    fn checkpoint(
        &self,
        name: &str,
        value: &Option<serde_json::Value>,
    ) -> Result<Option<Checkpoint>> {
        value.as_ref().map(|value| self.read(name, value.to_string().as_bytes())).transpose()
    }

    /// Puts `value` in its place, which is taken if it was not.
    async fn put(&self, key: &str, value: Option<serde_json::Value>) -> Result<bool> {
        let name = file_name(key)?;
        let mut taken = self.taken.lock().await;
        if !taken.contains_key(key) {
            taken.insert(key.to_owned(), self.take(&name).await?);
        }
        let Some(register) = taken.get_mut(key) else { return Ok(false) };
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
            self.taken.lock().await.insert(key.to_owned(), register);
            Ok(checkpoint)
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
        self.put(key, None).boxed()
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<Checkpoint>>> {
        async move {
            let names = self.bucket.names("").await?.into_iter().map(|(name, _)| name);
            let names: Vec<_> = names.filter(|name| name.ends_with(ENDING)).collect();
            let mut checkpoints = Vec::new();
            for (name, json) in self.bucket.read_all(names).await? {
                let stored = Stored::<Option<serde_json::Value>>::from_json(&json);
                match stored {
                    Ok(stored) => checkpoints.extend(self.checkpoint(&name, &stored.value)?),
                    // It says what is wrong.
                    Err(_) => checkpoints.push(self.read(&name, &json)?),
                }
            }
            Ok(checkpoints)
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
    use crate::error::ErrorKind;
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
        let found = second.load("a").await.unwrap();
        assert_eq!(found.as_ref().unwrap().place.position.byte, 6);
        let refused = keeper.record(durable(7)).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Destination);
        assert!(refused.message().starts_with("another run has taken over: "), "{refused}");
        assert!(refused.message().contains("memory:///a/b/a.checkpoint.json"), "{refused}");

        let resumed = Beginning::of(found, &identity).unwrap();
        assert_eq!(resumed.snapshot_id(), beginning.snapshot_id());
        let mut keeper = Keeper::new(second.clone(), identity, &resumed);
        keeper.record(durable(2)).await.unwrap();
        assert_eq!(second.list().await.unwrap()[0].records, 8);

        // Whoever resets it stops a run that is under way.
        let third = BucketStore::new(bucket);
        assert!(third.remove("a").await.unwrap() && !third.remove("a").await.unwrap());
        assert!(third.list().await.unwrap().is_empty());
        assert!(keeper.record(durable(3)).await.is_err());
        assert_eq!(second.load("a").await.unwrap(), None);
    }
}
