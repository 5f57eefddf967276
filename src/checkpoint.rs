//! What is kept between runs, so that the next one goes on where the last one ended.
//!
//! A [`Checkpoint`] says of one account how far its snapshot is durable at one destination. It is
//! written only after the sink has answered that everything before is, and takes the place of the one
//! before as a whole: whenever a run is killed, the checkpoint that is found is true. It may be behind
//! the data, and is never ahead of it.
//!
//! The next run reads it and [decides](Beginning::of): an unfinished snapshot is gone on with, under
//! its own id; after a complete one a new snapshot begins. Nothing in it is trusted of the API: the
//! page is asked for once more, and what was delivered of it is passed over only if its bytes are still
//! the same. See [`Place`].
//!
//! ```
//! use license_stream::checkpoint::{Beginning, CheckpointStore, Identity, Keeper, LocalStore};
//! use license_stream::pipeline::{self, Options};
//! # use license_stream::decode::Limits;
//! # use license_stream::sink::ndjson::NdjsonSink;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> license_stream::Result<()> {
//! # let directory = tempfile::tempdir().unwrap();
//! # let body = || futures_util::stream::iter([Ok::<_, license_stream::Error>("{\"id\":\"a\"}\n".into())]);
//! let store = LocalStore::open(directory.path())?;
//! let identity = Identity::new("62f44730-dd91-461e-bd6a-aedd9e0ad79d").with("limit", "100");
//!
//! let beginning = Beginning::of(store.load(identity.key()).await?, &identity)?;
//! assert!(beginning.place().is_none(), "the first run begins at the first record");
//!
//! let options = Options {
//!     resume: beginning.reached(),
//!     journal: Some(Box::new(Keeper::new(store.clone(), identity.clone(), &beginning))),
//!     ..Options::default()
//! };
//! # let sink = NdjsonSink::new(Vec::new(), Limits::default());
//! pipeline::run(body(), sink, options).await.into_result()?;
//!
//! let kept = store.load(identity.key()).await?.expect("a run keeps its checkpoint");
//! assert!(kept.is_complete && kept.snapshot_id == beginning.snapshot_id());
//! # Ok(())
//! # }
//! ```

#[cfg(feature = "cloud")]
mod bucket;
mod draft;
mod identity;
mod keeper;
mod local;
mod lock;
mod name;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::{Error, ErrorKind, Result};
use crate::pipeline::Place;
use crate::sink::DurablePiece;
use crate::timestamp::Timestamp;
#[cfg(feature = "cloud")]
pub use bucket::BucketStore;
#[cfg(feature = "kafka")]
pub(crate) use draft::Draft;
pub use identity::{Beginning, Identity};
pub use keeper::Keeper;
pub use local::LocalStore;
pub use lock::CheckpointLock;
#[cfg(feature = "parquet")]
pub(crate) use name::is_name;

/// The version of the form that checkpoints are written in.
pub const FORMAT: u32 = 1;

/// How far one account's snapshot is durable at one destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// [`FORMAT`].
    pub format: u32,
    /// What it is found by: see [`Identity::key`].
    pub key: String,
    /// The options that what was delivered depends on.
    pub options: BTreeMap<String, String>,
    /// The snapshot, a UUIDv7.
    pub snapshot_id: String,
    /// Whether nothing is left to be read.
    pub is_complete: bool,
    /// Licenses before `place`.
    pub records: u64,
    /// Records before `place` that are no licenses.
    pub rejected: u64,
    /// The pieces of the snapshot, in order, where the destination has such.
    pub pieces: Vec<DurablePiece>,
    /// Where to go on.
    pub place: Place,
}

impl Checkpoint {
    /// Reads a checkpoint that was [written](Self::to_json).
    ///
    /// # Errors
    /// [`ErrorKind::Input`] if it is none, or is of another version's form.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        #[derive(Deserialize)]
        struct Any {
            format: u32,
        }

        let unreadable = |error| {
            let message = "checkpoint cannot be read: it is damaged, or is none; `license-stream checkpoint \
                reset --account` forgets it, and the next run begins anew";
            Error::new(ErrorKind::Input, message).caused_by(error)
        };
        let Any { format } = serde_json::from_slice(json).map_err(unreadable)?;
        if format != FORMAT {
            let message = format!(
                "checkpoint has form {format}, and this version reads form {FORMAT}: go on with the version \
                 that wrote it, or begin anew after `license-stream checkpoint reset --account`"
            );
            return Err(Error::new(ErrorKind::Input, message));
        }
        serde_json::from_slice(json).map_err(unreadable)
    }

    /// When its snapshot began, by its id; `None` if that is no UUIDv7.
    pub fn begun_at(&self) -> Option<Timestamp> {
        let id = Uuid::try_parse(&self.snapshot_id).ok()?;
        let (seconds, nanos) = id.get_timestamp().filter(|_| id.get_version_num() == 7)?.to_unix();
        // Its milliseconds have 48 bits.
        Some(Timestamp::from_micros(seconds as i64 * 1_000_000 + i64::from(nanos / 1_000)))
    }

    /// One JSON object on one line.
    pub fn to_json(&self) -> Vec<u8> {
        // Maps with text for keys, numbers and text: nothing that JSON cannot say.
        let mut json = serde_json::to_vec(self).unwrap_or_default();
        json.push(b'\n');
        json
    }
}

/// A checkpoint as it is found among others.
#[derive(Debug)]
pub struct Listed {
    /// By what it is found, and [removed](CheckpointStore::remove).
    pub key: String,
    /// What it says, or why it cannot be read.
    pub checkpoint: Result<Checkpoint>,
}

/// Where checkpoints are kept.
pub trait CheckpointStore: Send + Sync + fmt::Debug {
    /// The checkpoint of `key`, if there is one.
    fn load<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Checkpoint>>>;

    /// The same for who only looks: in a store where who loads takes over, a run under way keeps what it has.
    fn peek<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Checkpoint>>> {
        self.load(key)
    }

    /// Puts it in the place of the one before, as a whole; durable once this answers.
    fn save<'a>(&'a self, checkpoint: &'a Checkpoint) -> BoxFuture<'a, Result<()>>;

    /// Takes the checkpoint of `key` away: whether there was one.
    fn remove<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool>>;

    /// All there are, in the order of their keys: of each whether it can be read, or why not.
    fn list(&self) -> BoxFuture<'_, Result<Vec<Listed>>>;
}

impl<S: CheckpointStore + ?Sized> CheckpointStore for Arc<S> {
    fn load<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Checkpoint>>> {
        (**self).load(key)
    }

    fn peek<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Checkpoint>>> {
        (**self).peek(key)
    }

    fn save<'a>(&'a self, checkpoint: &'a Checkpoint) -> BoxFuture<'a, Result<()>> {
        (**self).save(checkpoint)
    }

    fn remove<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool>> {
        (**self).remove(key)
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<Listed>>> {
        (**self).list()
    }
}
