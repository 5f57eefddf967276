//! A lake that is only read.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use parquet::file::metadata::ParquetMetaData;

use super::format::FileFormat;
#[cfg(feature = "cloud")]
use super::hive;
use super::inspect::footer::{self, FileInspection};
use super::inspect::{BrokenFile, ipc, is_manifest};
use super::lake::{Lake, OWN, Place};
use super::manifest::Manifest;
use super::open::blocking;
use super::tree;
#[cfg(feature = "cloud")]
use super::unfinished::Unfinished;
use crate::error::{Error, ErrorKind, Result};
use crate::kept;

/// What is read of a file at once: enough for the metadata of most.
const TAIL_BYTES: u64 = 64 << 10;

/// Files that are asked for at once.
pub(super) const READS_AT_ONCE: usize = 8;

/// A lake that is looked at.
#[derive(Debug)]
pub(super) struct Looked(pub(super) Lake);

impl Looked {
    /// Where `name` is, for people.
    pub(super) fn path_of(&self, name: &str) -> String {
        match &self.0.0 {
            Place::Directory(directory) => directory.join(name).display().to_string(),
            #[cfg(feature = "cloud")]
            Place::Bucket(bucket) => bucket.url_of(name),
        }
    }

    /// The files here and in the partitions below, with their lengths, in order.
    pub(super) async fn files(&self) -> Result<Vec<(String, u64)>> {
        match self.0.0.clone() {
            Place::Directory(directory) => blocking(move || listed(&directory)).await,
            #[cfg(feature = "cloud")]
            Place::Bucket(bucket) => bucket.tree(hive::is_directory).await,
        }
    }

    /// The names of what runs keep; none where there was no run.
    pub(super) async fn own_names(&self) -> Result<Vec<String>> {
        let names = match self.0.0.clone() {
            Place::Directory(directory) => {
                blocking(move || match directory.join(OWN) {
                    own if own.is_dir() => listed(&own),
                    _ => Ok(Vec::new()),
                })
                .await?
            }
            #[cfg(feature = "cloud")]
            Place::Bucket(bucket) => bucket.names(OWN).await?,
        };
        Ok(names.into_iter().map(|(name, _)| name).collect())
    }

    /// Some of these names, `most` of them, without a look at all.
    pub(super) async fn some_own_names(&self, most: usize) -> Result<Vec<String>> {
        match self.0.0.clone() {
            Place::Directory(directory) => {
                blocking(move || {
                    let own = directory.join(OWN);
                    let entries = match fs::read_dir(&own) {
                        Err(error) if is_absent(&error) => return Ok(Vec::new()),
                        entries => entries
                            .map_err(|error| unreadable(&own.display().to_string(), error))?,
                    };
                    let names =
                        entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
                    Ok(names.take(most).collect())
                })
                .await
            }
            #[cfg(feature = "cloud")]
            Place::Bucket(bucket) => bucket.some_names(OWN, most).await,
        }
    }

    /// What is pending.
    pub(super) async fn pending(&self) -> Result<Vec<String>> {
        match &self.0.0 {
            Place::Directory(directory) => {
                let path = directory.join(OWN).join("pending");
                blocking(move || match tree::files(&path) {
                    Ok(names) => Ok(names.into_iter().map(|(name, _)| name).collect()),
                    Err(error) if is_absent(&error) => Ok(Vec::new()),
                    Err(error) => Err(unreadable(&path.display().to_string(), error)),
                })
                .await
            }
            #[cfg(feature = "cloud")]
            Place::Bucket(bucket) => Unfinished::pending(bucket).await,
        }
    }

    /// All manifests, in the order of their names.
    pub(super) async fn manifests(&self) -> Result<Vec<Manifest>> {
        let names = self.own_names().await?.into_iter().filter(|name| is_manifest(name));
        let reads: Vec<_> = names.map(|name| async move { self.manifest(&name).await }).collect();
        let found: Vec<_> = stream::iter(reads).buffered(READS_AT_ONCE).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// The same, and beside them what is named as one and is none.
    pub(super) async fn manifests_and_broken(&self) -> Result<(Vec<Manifest>, Vec<BrokenFile>)> {
        let names = self.own_names().await?.into_iter().filter(|name| is_manifest(name));
        let reads = names.map(|name| async move { (self.manifest(&name).await, name) });
        let mut reads = stream::iter(reads.collect::<Vec<_>>()).buffered(READS_AT_ONCE);
        let (mut manifests, mut broken) = (Vec::new(), Vec::new());
        while let Some((read, name)) = reads.next().await {
            match read {
                Ok(manifest) => manifests.extend(manifest),
                // What cannot be read hides no other; a store that does not answer has no other.
                Err(error) if matches!(error.kind(), ErrorKind::Input | ErrorKind::Destination) => {
                    let cause = std::error::Error::source(&error).map(ToString::to_string);
                    let reason = cause.unwrap_or_else(|| error.message().to_owned());
                    broken.push(BrokenFile { name: format!("{OWN}/{name}"), reason });
                }
                Err(error) => return Err(error),
            }
        }
        Ok((manifests, broken))
    }

    /// The manifest `name`, unless it is gone by now.
    pub(super) async fn manifest(&self, name: &str) -> Result<Option<Manifest>> {
        let name = format!("{OWN}/{name}");
        let json = match self.0.0.clone() {
            Place::Directory(directory) => {
                let path = directory.join(&name);
                blocking(move || match kept::read(&path) {
                    Ok(json) => Ok(Some(json.into())),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                    Err(error) => Err(unreadable(&path.display().to_string(), error)),
                })
                .await?
            }
            #[cfg(feature = "cloud")]
            Place::Bucket(bucket) => bucket.read(&name).await?,
        };
        let Some(json): Option<Bytes> = json else { return Ok(None) };
        serde_json::from_slice(&json).map(Some).map_err(|error| {
            let message = format!("{} is no manifest", self.path_of(&name));
            Error::new(ErrorKind::Input, message).caused_by(error)
        })
    }

    /// The length of file `name`, if it is there.
    pub(super) async fn there(&self, name: &str) -> Result<Option<u64>> {
        match &self.0.0 {
            Place::Directory(directory) => {
                let path = directory.join(name);
                blocking(move || match fs::metadata(&path) {
                    Ok(metadata) => Ok(Some(metadata.len())),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                    Err(error) => Err(unreadable(&path.display().to_string(), error)),
                })
                .await
            }
            #[cfg(feature = "cloud")]
            Place::Bucket(bucket) => bucket.length(name).await,
        }
    }

    /// The length of file `name`.
    pub(super) async fn length(&self, name: &str) -> Result<u64> {
        let path = self.path_of(name);
        match &self.0.0 {
            Place::Directory(_) => {
                blocking(move || match fs::metadata(&path) {
                    Ok(metadata) => Ok(metadata.len()),
                    Err(error) => Err(unreadable(&path, error)),
                })
                .await
            }
            #[cfg(feature = "cloud")]
            Place::Bucket(bucket) => match bucket.length(name).await? {
                Some(bytes) => Ok(bytes),
                None => Err(Error::new(ErrorKind::Input, format!("{path} is not there"))),
            },
        }
    }

    /// File `name`, of so many bytes; or why it is none of the format that its name says, or else of Parquet.
    pub(super) async fn file(
        &self,
        name: &str,
        bytes: u64,
    ) -> Result<Result<FileInspection, String>> {
        if let Some((FileFormat::Arrow, _)) = FileFormat::of(name) {
            let end = self.end(name, bytes, ipc::wanted).await?;
            return Ok(end.and_then(|end| ipc::decode(name, bytes, &end)));
        }
        let metadata = self.metadata(name, bytes).await?;
        Ok(metadata.map(|metadata| FileInspection::from_metadata(name, bytes, &metadata)))
    }

    /// What the end of a Parquet file says.
    pub(super) async fn metadata(
        &self,
        name: &str,
        bytes: u64,
    ) -> Result<Result<ParquetMetaData, String>> {
        let end = self.end(name, bytes, footer::wanted).await?;
        Ok(end.and_then(|end| footer::decode(&end)))
    }

    /// As much of the end of a file as `wanted` says, which knows by some of it, or why it is no such file.
    async fn end(
        &self,
        name: &str,
        bytes: u64,
        wanted: fn(&[u8], u64) -> Result<Option<u64>, String>,
    ) -> Result<Result<Bytes, String>> {
        let tail = self.tail(name, bytes, TAIL_BYTES).await?;
        match wanted(&tail, bytes) {
            Ok(None) => Ok(Ok(tail)),
            Ok(Some(more)) => self.tail(name, bytes, more).await.map(Ok),
            Err(reason) => Ok(Err(reason)),
        }
    }

    /// The last bytes of a file of `bytes`, `count` of them at most.
    async fn tail(&self, name: &str, bytes: u64, count: u64) -> Result<Bytes> {
        let start = bytes.saturating_sub(count);
        match &self.0.0 {
            Place::Directory(_) => {
                let path = self.path_of(name);
                blocking(move || {
                    let read = || {
                        let mut file = File::open(&path)?;
                        file.seek(SeekFrom::Start(start))?;
                        let mut tail = Vec::new();
                        file.take(bytes - start).read_to_end(&mut tail)?;
                        Ok(tail.into())
                    };
                    read().map_err(|error| unreadable(&path, error))
                })
                .await
            }
            #[cfg(feature = "cloud")]
            Place::Bucket(bucket) => bucket.read_range(name, start..bytes).await,
        }
    }
}

impl Lake {
    /// The accounts of which something is unfinished, and `run.<id>` for a run over many of them; none where
    /// there was no run. Nothing is claimed or made.
    ///
    /// # Errors
    /// [`ErrorKind::Input`] if it cannot be read.
    pub async fn pending(&self) -> Result<Vec<String>> {
        Looked(self.clone()).pending().await
    }
}

fn listed(directory: &Path) -> Result<Vec<(String, u64)>> {
    tree::files(directory).map_err(|error| unreadable(&directory.display().to_string(), error))
}

/// Whether nothing is pending: no run was here, or it is a copy of a bucket, where what is pending is one object.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn unreadable(path: &str, error: io::Error) -> Error {
    Error::new(ErrorKind::Input, format!("{path} cannot be read")).caused_by(error)
}
