//! Small files of complete snapshots, merged into larger ones.
//!
//! A compaction is a run of its own, under the name `compacted`: it has a [`Claim`] of that name, and one in a
//! lake at a time. It makes one file after the other, each as a run makes a snapshot of one file:
//!
//! 1. It is pending, so that there is no `_SUCCESS`.
//! 2. The merged file is written, and has its name: `compacted-<id>-00000.parquet`, beside its sources.
//! 3. Its manifest is written, which has the names of the sources in `replaces`. From now on the merged file
//!    counts, and those do not; before, it is the other way around. In an object store the claim says so first.
//! 4. The sources are removed.
//! 5. It is not pending any more.
//!
//! Killed before 3, it has left a file that belongs to nothing, which the next one removes; killed behind it, the
//! next one does what is left of 4 and 5. Runs of accounts are not hindered: they look only at files of
//! their own, and never write into a snapshot that has its manifest.

mod group;
mod live;
mod merge;
mod source;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use serde::Serialize;
use uuid::Uuid;

use group::{Group, groups};
use live::{Live, LiveFile};
use merge::Merge;
use source::Source;

use super::claim::{COMPACTED, Claim};
use super::lake::Lake;
use super::looked::Looked;
use super::manifest::Manifest;
use super::options::writer_properties;
use crate::error::{Error, ErrorKind, Result};
use crate::failpoint::{self, Point};
use crate::pipeline::CancellationToken;

/// Merges small files of the complete snapshots in a lake.
///
/// Files are merged that are smaller than half of `file_bytes`, lie in the same directory, and have the same
/// columns, order and bloom filters; as many into one as have `file_bytes` together, in the order of their accounts,
/// snapshots and numbers. Rows and values are the same: each is in the columns `_integrated_account_id` and `_snapshot_id` what it
/// was. Files without one of these columns are merged only with those of the same account, or snapshot.
///
/// ```
/// use license_stream::pipeline::{self, CancellationToken, Options};
/// use license_stream::sink::parquet::{
///     Claim, Compaction, Completion, LakeInspection, Manifest, ParquetOptions, ParquetSink,
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let lake = tempfile::tempdir()?;
/// for (account, snapshot) in [
///     ("a", "01a20c7e-5167-7459-84d1-21cf616966d5"),
///     ("b", "01a20c7e-5167-7459-84d1-21cf616966d6"),
/// ] {
///     # let body = futures_util::stream::iter([Ok::<_, license_stream::Error>("{\"id\":\"a\"}\n".into())]);
///     let claim = std::sync::Arc::new(Claim::take(lake.path(), Some(account)).await?);
///     let mut options = ParquetOptions::new(lake.path(), snapshot);
///     options.account = Some(account.into());
///     let sink = ParquetSink::within(claim.clone(), options).await?;
///     let completion = Completion::new(claim, Manifest::new(Some(account), snapshot));
///     let options = Options { journal: Some(Box::new(completion)), ..Options::default() };
///     pipeline::run(body, sink, options).await.into_result()?;
/// }
///
/// let summary = Compaction::new(lake.path()).run(&CancellationToken::new()).await?;
/// assert_eq!((summary.files_before, summary.files_after, summary.rows), (2, 1, 2));
///
/// let seen = LakeInspection::of(lake.path()).await?;
/// assert!(seen.success);
/// assert_eq!((seen.files.len(), seen.rows(), seen.snapshots.len()), (1, 2, 2));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Compaction {
    /// Where the files are.
    pub lake: Lake,
    /// How long files are to be, in bytes of Parquet as the sources have them. 128 MiB by default.
    pub file_bytes: u64,
    /// How columns are encoded; [`writer_properties`] by default. Bloom filters are those of the sources, and so is
    /// the order.
    pub properties: WriterProperties,
    /// Columns that are encoded at once; as many as there are cores by default.
    pub threads: NonZeroUsize,
}

/// What a [`Compaction`] would merge first. What comes of that may be small enough to be merged once more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CompactionPlan {
    /// Of each a file would be made.
    pub groups: Vec<PlannedGroup>,
}

/// Files that would become one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlannedGroup {
    /// The directory that they lie in, as `status=active`; empty for the lake itself.
    pub directory: String,
    /// Their names.
    pub files: Vec<String>,
    /// Their bytes.
    pub bytes: u64,
    /// Their rows.
    pub rows: u64,
}

/// What a [`Compaction`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CompactionSummary {
    /// Whether nothing is left to merge; otherwise it was told to stop.
    pub is_complete: bool,
    /// How often files were merged into one.
    pub groups: u64,
    /// The files that were there before, and are not any more.
    pub files_before: u64,
    /// Those that they became.
    pub files_after: u64,
    /// The bytes of the ones.
    pub bytes_before: u64,
    /// The bytes of the others.
    pub bytes_after: u64,
    /// The rows in either.
    pub rows: u64,
}

impl Compaction {
    /// One of `lake`, with defaults for everything else.
    pub fn new(lake: impl Into<Lake>) -> Self {
        Self {
            lake: lake.into(),
            file_bytes: 128 << 20,
            properties: writer_properties(),
            threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        }
    }

    /// The same with pages of this codec. Only zstd, Snappy, LZ4 (raw) and none are built in.
    #[must_use]
    pub fn with_compression(mut self, compression: Compression) -> Self {
        self.properties = self.properties.into_builder().set_compression(compression).build();
        self
    }

    /// What would be merged. Nothing is claimed, written or removed.
    ///
    /// # Errors
    /// [`ErrorKind::Input`] if there is nothing that a run has left, or if that cannot be read;
    /// [`ErrorKind::Destination`] with the first file that is not as long as it was written, and its snapshot.
    pub async fn plan(&self) -> Result<CompactionPlan> {
        let place = Looked(self.lake.clone());
        let groups = self.groups(&place).await?;
        Ok(CompactionPlan { groups: groups.iter().map(PlannedGroup::of).collect() })
    }

    /// Merges until nothing is left to merge, or until `stop` is cancelled: what is in hand is dropped then, and
    /// what was merged stays so.
    ///
    /// # Errors
    /// Those of [`plan`](Self::plan) and [`Claim::take`]; [`ErrorKind::Destination`] if the bytes of a source are
    /// not those that were written, or if the lake cannot be written to. What was merged before stays so.
    pub async fn run(&self, stop: &CancellationToken) -> Result<CompactionSummary> {
        let place = Looked(self.lake.clone());
        // A directory in which no run was is not made one of a lake.
        is_lake(&place).await?;
        let claim = Claim::take(self.lake.clone(), Some(COMPACTED)).await?;
        tidy(&claim, &place).await?;
        let mut tally = Tally::default();
        loop {
            let Some(groups) = stop.run_until_cancelled(self.groups(&place)).await else {
                return Ok(tally.summary);
            };
            let groups = groups?;
            if groups.is_empty() {
                tally.summary.is_complete = true;
                return Ok(tally.summary);
            }
            for group in groups {
                if !self.merge(&claim, &place, group, &mut tally, stop).await? {
                    return Ok(tally.summary);
                }
            }
        }
    }

    async fn groups(&self, place: &Looked) -> Result<Vec<Group>> {
        is_lake(place).await?;
        groups(place, Live::of(place).await?.whole()?, self.file_bytes).await
    }

    /// Makes one file of a group; whether it was not stopped before.
    async fn merge(
        &self,
        claim: &Claim,
        place: &Looked,
        group: Group,
        tally: &mut Tally,
        stop: &CancellationToken,
    ) -> Result<bool> {
        // Before anything is begun: a damaged source costs no `_SUCCESS`.
        for source in &group.files {
            match stop.run_until_cancelled(Source::of(place, source).prove()).await {
                Some(proven) => proven?,
                None => return Ok(false),
            }
        }
        let id = Uuid::now_v7().to_string();
        claim.begin(&id).await?;
        let merge = Merge { options: self, claim, place, group: &group, id: &id, stop };
        match merge.run().await {
            Ok(Some(manifest)) => {
                failpoint::reach(Point::CompactMerged);
                if let Err(error) = claim.complete(&manifest).await {
                    // Whether it counts is not known. The next one finds out.
                    return Err(claim.explained(error).await);
                }
                tally.add(&group, &manifest);
                Ok(true)
            }
            Ok(None) => tidy(claim, place).await.map(|()| false),
            Err(error) => {
                let error = claim.explained(error).await;
                // Nothing was said of the file. A store that does not answer would only be waited for once more: the next one does it.
                if error.kind() != ErrorKind::Unreachable {
                    let _ = tidy(claim, place).await;
                }
                Err(error)
            }
        }
    }
}

async fn is_lake(place: &Looked) -> Result<()> {
    if place.own_names().await?.is_empty() {
        // One that is not there says so.
        place.files().await?;
        let message = format!("{} holds nothing that a run has left", place.0);
        return Err(Error::new(ErrorKind::Input, message));
    }
    Ok(())
}

/// Removes what belongs to nothing, and what was replaced; then nothing is pending of compactions.
async fn tidy(claim: &Claim, place: &Looked) -> Result<()> {
    claim.settle().await;
    claim.remove_unfinished(&[]).await?;
    claim.remove(Live::of(place).await?.replaced).await?;
    // Pending or not: a kill may have come between that and `_SUCCESS`.
    claim.give_up().await
}

impl PlannedGroup {
    fn of(group: &Group) -> Self {
        Self {
            directory: group.directory.clone(),
            files: group.files.iter().map(|file| file.piece.name.clone()).collect(),
            bytes: group.files.iter().map(|file| file.piece.bytes).sum(),
            rows: group.files.iter().map(|file| file.piece.records).sum(),
        }
    }
}

/// What was done so far.
#[derive(Debug, Default)]
struct Tally {
    summary: CompactionSummary,
    /// The bytes and rows of the files that were made and are there.
    made: BTreeMap<String, (u64, u64)>,
}

impl Tally {
    fn add(&mut self, group: &Group, manifest: &Manifest) {
        let Self { summary, made } = self;
        for LiveFile { piece, .. } in &group.files {
            if made.remove(&piece.name).is_none() {
                summary.files_before += 1;
                summary.bytes_before += piece.bytes;
            }
        }
        let new = manifest.files.iter().map(|file| (file.name.clone(), (file.bytes, file.records)));
        made.extend(new);
        summary.groups += 1;
        summary.files_after = made.len() as u64;
        summary.bytes_after = made.values().map(|(bytes, _)| bytes).sum();
        summary.rows = made.values().map(|(_, rows)| rows).sum();
    }
}
