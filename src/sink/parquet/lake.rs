//! Where files go: a directory, or a place in an object store.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[cfg(feature = "cloud")]
use super::bucket::BucketHold;
use super::local::LocalHold;
#[cfg(feature = "cloud")]
use crate::cloud::Bucket;
use crate::error::Result;

/// The folder in which runs keep what is theirs. Engines pass over names that begin with `_`.
pub(super) const OWN: &str = "_license-stream";

/// Says that nothing is unfinished.
pub(super) const SUCCESS: &str = "_SUCCESS";

/// Where Parquet files go. It is made from a path, or from a [`Bucket`](crate::cloud::Bucket).
#[derive(Clone, Debug, PartialEq)]
pub struct Lake(pub(super) Place);

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Place {
    Directory(Arc<Path>),
    #[cfg(feature = "cloud")]
    Bucket(Bucket),
}

/// The right of one run to an account's part, and what it is exercised with.
#[derive(Clone, Debug)]
pub(super) enum Hold {
    Local(Arc<LocalHold>),
    #[cfg(feature = "cloud")]
    Bucket(Arc<BucketHold>),
}

impl Lake {
    pub(super) async fn hold(&self, account: &str) -> Result<Hold> {
        match &self.0 {
            Place::Directory(directory) => {
                let (directory, account) = (directory.to_path_buf(), account.to_owned());
                let taken = move || LocalHold::take(directory, account);
                Ok(Hold::Local(Arc::new(super::open::blocking(taken).await?)))
            }
            #[cfg(feature = "cloud")]
            Place::Bucket(bucket) => {
                let hold = BucketHold::take(bucket.clone(), account.to_owned()).await?;
                Ok(Hold::Bucket(Arc::new(hold)))
            }
        }
    }
}

impl fmt::Display for Lake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Directory(directory) => directory.display().fmt(f),
            #[cfg(feature = "cloud")]
            Place::Bucket(bucket) => bucket.fmt(f),
        }
    }
}

impl<P: AsRef<Path> + ?Sized> From<&P> for Lake {
    fn from(directory: &P) -> Self {
        Self(Place::Directory(directory.as_ref().into()))
    }
}

impl From<PathBuf> for Lake {
    fn from(directory: PathBuf) -> Self {
        Self(Place::Directory(directory.into()))
    }
}

#[cfg(feature = "cloud")]
impl From<&Bucket> for Lake {
    fn from(bucket: &Bucket) -> Self {
        Self(Place::Bucket(bucket.clone()))
    }
}

#[cfg(feature = "cloud")]
impl From<Bucket> for Lake {
    fn from(bucket: Bucket) -> Self {
        Self(Place::Bucket(bucket))
    }
}
