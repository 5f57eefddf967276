//! The journal that completes snapshots.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::claim::Claim;
use super::manifest::Manifest;
use crate::error::Result;
use crate::pipeline::{Durable, Journal};

/// Writes a snapshot's manifest, and `_SUCCESS`, once all of it is durable.
///
/// The manifest is what makes a snapshot complete. Another journal is told after that: a run that is killed
/// between the two leaves a checkpoint that is behind, which [`Claim::unless_complete`] sees; the other way
/// around, the snapshot would never be completed. So that there is such a checkpoint of a snapshot of one piece
/// too, which has none before, the other journal is told of that as unfinished first.
///
/// ```
/// use std::sync::Arc;
///
/// use license_stream::pipeline::{self, Options};
/// use license_stream::sink::parquet::{Claim, Completion, Manifest, ParquetOptions, ParquetSink};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let lake = tempfile::tempdir()?;
/// # let body = futures_util::stream::iter([Ok::<_, license_stream::Error>("{\"id\":\"a\"}\n".into())]);
/// let snapshot = "01a20c7e-5167-7459-84d1-21cf616966d5";
/// let claim = Arc::new(Claim::take(lake.path(), None).await?);
/// let sink = ParquetSink::within(Arc::clone(&claim), ParquetOptions::new(lake.path(), snapshot)).await?;
/// let completion = Completion::new(claim, Manifest::new(None, snapshot));
/// let options = Options { journal: Some(Box::new(completion)), ..Options::default() };
/// pipeline::run(body, sink, options).await.into_result()?;
///
/// assert!(lake.path().join("_SUCCESS").exists());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Completion {
    claim: Arc<Claim>,
    before: Manifest,
    then: Option<Box<dyn Journal>>,
    /// Whether the other journal was told of this snapshot.
    is_told: bool,
}

impl Completion {
    /// Completes what is begun in `claim`. `before` has what earlier runs have made of the snapshot.
    pub fn new(claim: Arc<Claim>, before: Manifest) -> Self {
        let is_told = !before.files.is_empty();
        Self { claim, before, then: None, is_told }
    }

    /// Tells `journal` too.
    #[must_use]
    pub fn and_then(mut self, journal: Box<dyn Journal>) -> Self {
        self.then = Some(journal);
        self
    }

    fn manifest(&self, durable: &Durable) -> Manifest {
        let mut manifest = self.before.clone();
        manifest.records += durable.counts.records;
        manifest.rejected += durable.counts.rejected;
        manifest.files.extend(durable.pieces.iter().cloned());
        manifest
    }
}

impl Journal for Completion {
    fn record(&mut self, durable: Durable) -> BoxFuture<'_, Result<()>> {
        async move {
            if durable.is_complete {
                if let (Some(journal), false) = (&mut self.then, self.is_told) {
                    journal.record(Durable { is_complete: false, ..durable.clone() }).await?;
                }
                self.claim.complete(&self.manifest(&durable)).await?;
            }
            self.is_told = true;
            match &mut self.then {
                Some(journal) if durable.is_complete => {
                    let told = journal.record(durable).await;
                    told.map_err(|error| error.saying_first("the snapshot is complete"))
                }
                Some(journal) => journal.record(durable).await,
                None => Ok(()),
            }
        }
        .boxed()
    }

    fn abandon(&mut self) -> BoxFuture<'_, Result<()>> {
        match &mut self.then {
            Some(journal) => journal.abandon(),
            None => std::future::ready(Ok(())).boxed(),
        }
    }
}
