//! Where data and checkpoints go: a directory, or a place in an object store.

use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use license_stream::checkpoint::{BucketStore, LocalStore};
use license_stream::cloud::Bucket;
use license_stream::sink::parquet::Lake;
use license_stream::{Result, masked};

use crate::checkpoints::Store;

/// As it was typed: a path, or an address such as `s3://BUCKET/PREFIX`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Directory(PathBuf),
    Bucket(String),
}

impl Place {
    pub(crate) fn lake(&self) -> Result<Lake> {
        Ok(match self {
            Self::Directory(directory) => directory.into(),
            Self::Bucket(url) => Bucket::open(url)?.into(),
        })
    }

    /// The checkpoints in it.
    pub(crate) fn store(&self) -> Result<Store> {
        Ok(match self {
            Self::Directory(directory) => Arc::new(LocalStore::open(directory)?),
            Self::Bucket(url) => Arc::new(BucketStore::new(Bucket::open(url)?)),
        })
    }

    /// The same place, from wherever it is named.
    pub(crate) fn absolute(&self) -> String {
        match self {
            Self::Directory(directory) => std::path::absolute(directory)
                .unwrap_or_else(|_| directory.clone())
                .display()
                .to_string(),
            Self::Bucket(url) => url.trim_end_matches('/').to_owned(),
        }
    }

    /// Whether both are one place, as far as can be told.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Directory(one), Self::Directory(other)) => resolved(one) == resolved(other),
            _ => self.absolute() == other.absolute(),
        }
    }

    /// The place below `folder`.
    pub(crate) fn folder(&self, folder: &str) -> Self {
        match self {
            Self::Directory(directory) => Self::Directory(directory.join(folder)),
            Self::Bucket(url) => Self::Bucket(format!("{}/{folder}", url.trim_end_matches('/'))),
        }
    }
}

/// Where a path leads, links followed as far as there is something: what is not there yet has none.
pub(crate) fn resolved(path: &Path) -> PathBuf {
    let mut resolved = PathBuf::new();
    for component in std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).components() {
        match component {
            Component::ParentDir => drop(resolved.pop()),
            component => resolved.push(component),
        }
        if let Ok(found) = resolved.canonicalize() {
            resolved = found;
        }
    }
    resolved
}

impl FromStr for Place {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(
                "it is empty: name a directory, or s3://BUCKET/PREFIX, gs://… or az://…; `.` is the directory that this is run in",
            );
        }
        // What has a scheme is no path: one that is not known is refused when it is opened.
        let is_url = text.split_once("://").is_some_and(|(scheme, _)| {
            !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric())
        });
        Ok(if is_url { Self::Bucket(text.to_owned()) } else { Self::Directory(text.into()) })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(directory) => directory.display().fmt(f),
            Self::Bucket(url) => f.write_str(&masked(url)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_the_same_by_each_of_its_names() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| Place::Directory(directory.path().join(name));
        std::fs::create_dir(directory.path().join("there")).unwrap();
        std::os::unix::fs::symlink("there", directory.path().join("link")).unwrap();
        for (one, other, is_same) in [
            ("new", "./new/", true),
            ("new", "there/../new", true),
            ("link", "there", true),
            ("link/new", "there/new", true),
            ("link/../new", "new", true),
            ("new", "newer", false),
        ] {
            assert_eq!(at(one).is_same(&at(other)), is_same, "{one} {other}");
        }
        let bucket = |url: &str| url.parse::<Place>().unwrap();
        assert!(bucket("s3://a/b").is_same(&bucket("s3://a/b/")));
        assert!(!bucket("s3://a/b").is_same(&bucket("gs://a/b")));
    }

    #[test]
    fn no_place_is_empty() {
        assert!("".parse::<Place>().unwrap_err().contains("name a directory, or s3://"));
        assert_eq!(".".parse(), Ok(Place::Directory(".".into())));
        assert_eq!("s3://a/b".parse(), Ok(Place::Bucket("s3://a/b".to_owned())));
    }
}
