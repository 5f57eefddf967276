//! What the licenses in a lake add up to.

mod figures;
mod file;
mod rows;

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;

pub use figures::{CostFigures, FieldFigures, LicenseFigures, Quantity, SeatFigures};
use rows::{Rows, Whole};

use super::claim::{COMPACTED, owner};
use super::hive;
use super::inspect::compactions::compactions;
use super::inspect::{FileSummary, LakeInspection, SnapshotState};
use super::lake::Lake;
use super::looked::Looked;
use crate::error::{Error, ErrorKind, Result};

/// Files that are read at once. Of each a batch of rows is in memory, and what it was decoded of.
const READS_AT_ONCE: usize = 4;

/// What the licenses in a lake add up to: those of the last complete snapshot of each account, and no others.
///
/// Files are read batch by batch, in the columns that are needed, and nothing is claimed or changed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LakeSurvey {
    /// What there is, counted or not.
    pub inspection: LakeInspection,
    /// The snapshots whose licenses are counted, one an account, in the order of the accounts.
    pub counted: Vec<SurveyedSnapshot>,
}

/// A snapshot whose licenses are counted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SurveyedSnapshot {
    /// The account, as it stands in the names; `input` for an input of none.
    pub account: String,
    /// The snapshot.
    pub snapshot_id: String,
    /// What the account is connected to, if its manifest says it, or directories are named for it (`integration=`).
    pub integration: Option<String>,
    /// Records that were no licenses, by its manifest.
    pub rejected: u64,
    /// What its licenses add up to.
    pub figures: LicenseFigures,
}

impl LakeSurvey {
    /// Reads `lake`.
    ///
    /// ```
    /// use license_stream::pipeline;
    /// use license_stream::sink::parquet::{Claim, Completion, LakeSurvey, Manifest, ParquetOptions, ParquetSink};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let lake = tempfile::tempdir()?;
    /// # let body = "{\"id\":\"a\",\"assigned_quantity\":3}\n{\"id\":\"b\"}\n";
    /// # let body = futures_util::stream::iter([Ok::<_, license_stream::Error>(body.into())]);
    /// let snapshot = "01a20c7e-5167-7459-84d1-21cf616966d5";
    /// let claim = std::sync::Arc::new(Claim::take(lake.path(), None).await?);
    /// let sink = ParquetSink::within(claim.clone(), ParquetOptions::new(lake.path(), snapshot)).await?;
    /// let completion = Completion::new(claim, Manifest::new(None, snapshot));
    /// let options = pipeline::Options { journal: Some(Box::new(completion)), ..Default::default() };
    /// pipeline::run(body, sink, options).await.into_result()?;
    ///
    /// let survey = LakeSurvey::of(lake.path()).await?;
    /// let figures = &survey.counted[0].figures;
    /// assert_eq!((figures.licenses, figures.assigned.licenses, figures.assigned.sum), (2, 1, 3.0));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Input`] if the lake or a file of it cannot be read, or is not what its manifest says.
    pub async fn of(lake: impl Into<Lake>) -> Result<Self> {
        let place = Looked(lake.into());
        let (inspection, manifests) = LakeInspection::with_manifests(&place).await?;
        let mut last: HashMap<&str, usize> = HashMap::new();
        // They come in the order of their ids, and those in the order of time.
        for (index, snapshot) in inspection.snapshots.iter().enumerate() {
            if snapshot.state == SnapshotState::Complete {
                last.insert(&snapshot.account, index);
            }
        }
        let mut last: Vec<_> = last.into_values().collect();
        last.sort_unstable();
        let chosen: Vec<_> = last.iter().map(|index| &inspection.snapshots[*index]).collect();
        let mut counted: Vec<_> = chosen
            .iter()
            .map(|snapshot| {
                let manifest = manifests.iter().find(|it| {
                    it.snapshot_id == snapshot.snapshot_id && it.account_name() == snapshot.account
                });
                SurveyedSnapshot {
                    account: snapshot.account.clone(),
                    snapshot_id: snapshot.snapshot_id.clone(),
                    integration: manifest.and_then(|manifest| manifest.integration.clone()),
                    rejected: manifest.map_or(0, |manifest| manifest.rejected),
                    figures: LicenseFigures::default(),
                }
            })
            .collect();

        let (_, replaced) = compactions(&inspection.files, &manifests);
        let is_merged = chosen.iter().any(|snapshot| snapshot.replaced > 0);
        let by_id = chosen.iter().enumerate();
        let by_id: HashMap<_, _> =
            by_id.map(|(index, snapshot)| (snapshot.snapshot_id.clone(), index)).collect();
        let by_id = Arc::new(by_id);
        let merges: Vec<_> = inspection
            .compactions
            .iter()
            .filter(|it| is_merged && it.state == SnapshotState::Complete)
            .map(|it| it.compaction_id.as_str())
            .collect();
        let rows_of = |file: &FileSummary| match owner(&file.name)? {
            _ if replaced.contains(file.name.as_str()) => None,
            (COMPACTED, id) => merges.contains(&id).then(|| Rows::Of(Arc::clone(&by_id))),
            (account, id) => {
                let index = *by_id.get(id)?;
                (chosen[index].account == account).then_some(Rows::All(Whole(index)))
            }
        };
        let wanted = inspection.files.iter().filter_map(|file| Some((file, rows_of(file)?)));
        let reads: Vec<_> = wanted
            .map(|(file, rows)| {
                let place = &place;
                async move { Ok::<_, Error>((file, file::figures(place, file, rows).await?)) }
            })
            .collect();
        // In order: sums of fractions depend on it.
        let mut reads = stream::iter(reads).buffered(READS_AT_ONCE);
        while let Some((file, found)) = reads.try_next().await? {
            let integration = hive::partition(&file.name).remove("integration").flatten();
            for (index, figures) in found {
                counted[index].figures.merge(&figures);
                if counted[index].integration.is_none() {
                    counted[index].integration.clone_from(&integration);
                }
            }
        }
        drop(reads);
        for (snapshot, counted) in chosen.iter().zip(&counted) {
            if snapshot.rows != counted.figures.licenses {
                let message = format!(
                    "{} has {} rows of snapshot {} of {}, and its manifest has {}: it may have changed while it was \
                     read; read it again, and if that fails too, see what `license-stream inspect` says of it",
                    place.0,
                    counted.figures.licenses,
                    snapshot.snapshot_id,
                    snapshot.account,
                    snapshot.rows
                );
                return Err(Error::new(ErrorKind::Input, message));
            }
        }
        Ok(Self { inspection, counted })
    }
}
