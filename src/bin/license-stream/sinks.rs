//! What a run needs of where its licenses go.

use std::future::Future;

use license_stream::accounts::Options;
use license_stream::checkpoint::{Beginning, Checkpoint, Identity};
use license_stream::pipeline::{Journal, Summary};
use license_stream::sink::Sink;
use license_stream::sink::parquet::OtherLayout;
use license_stream::{Error, Result};

use crate::remarks::Use;
use crate::snapshots::Written;
use crate::unfinished::Unfinished;
use crate::wanted::Wanted;

/// A snapshot's sink, and what is kept of it.
pub(crate) struct Opened<S> {
    pub(crate) sink: S,
    /// What the snapshot begins with, which has its id.
    pub(crate) beginning: Beginning,
    /// Who is told of what becomes durable.
    pub(crate) journal: Option<Box<dyn Journal>>,
}

impl<S> Opened<S> {
    /// A sink of which nothing is kept.
    pub(crate) fn without_journal(sink: S, beginning: Beginning) -> Self {
        Self { sink, beginning, journal: None }
    }
}

/// What has become of a snapshot that would let its account be passed over.
pub(crate) enum Last {
    /// It is complete, and all of it is there.
    Complete,
    /// It is not complete, or not there any more.
    Unfinished,
    /// It is complete, and not all of it is there; with what is wrong.
    Damaged(String),
}

/// Where licenses go: a sink for each snapshot, and what became of it.
pub(crate) trait Sinks: Send + Sync + 'static {
    type Sink: Sink + 'static;

    /// A sink for the snapshot of an account, of which `attempt` others were given up before. `identity`
    /// is what its checkpoint is of.
    fn sink(
        &self,
        wanted: &Wanted,
        identity: Identity,
        attempt: u32,
    ) -> impl Future<Output = Result<Opened<Self::Sink>>> + Send;

    /// The last checkpoint of an account, if it is of the same as this run's would be: of the account, of
    /// `identity`, and of where this run writes. It is looked at, and not taken over.
    fn last(&self, _identity: Identity) -> impl Future<Output = Result<Option<Checkpoint>>> + Send {
        std::future::ready(Ok(None))
    }

    /// What has become of the snapshot of that checkpoint: if it is complete, this run can pass over the account.
    fn standing(
        &self,
        _wanted: &Wanted,
        last: &Checkpoint,
    ) -> impl Future<Output = Result<Last>> + Send {
        let last = if last.is_complete { Last::Complete } else { Last::Unfinished };
        std::future::ready(Ok(last))
    }

    /// What was written of a snapshot that has ended, and is still there; `is_renewed` where another one
    /// of the account has come in its place.
    fn written(
        &self,
        account: Option<&str>,
        summary: &mut Summary<<Self::Sink as Sink>::Report>,
        is_renewed: bool,
    ) -> Written;

    /// The flags by which `license-stream checkpoint` finds what this run keeps.
    fn checkpoints(&self) -> String {
        String::new()
    }

    /// Where all of it is, for people.
    fn place(&self, files: u64, bytes: u64) -> String;

    /// All accounts have ended; `is_complete` if there is nothing of any of them left to do.
    fn end(&self, _is_complete: bool) -> impl Future<Output = Result<()>> + Send {
        std::future::ready(Ok(()))
    }

    /// What others have left unfinished at the destination, after a run that is complete: it keeps readers from
    /// learning of that.
    fn unfinished(&self) -> impl Future<Output = Unfinished> + Send {
        std::future::ready(Unfinished::default())
    }

    /// What the destination has that is laid out in another way than what this run has written, after its end.
    fn other_layouts(&self, _is_complete: bool) -> impl Future<Output = Vec<OtherLayout>> + Send {
        std::future::ready(Vec::new())
    }

    /// Whether what no column holds is in `_extra`.
    fn keeps_extra(&self) -> bool {
        true
    }

    /// Bytes of the bodies that may be under way between readers and sinks.
    fn queue_bytes(&self) -> usize {
        Options::default().queue_bytes
    }

    /// Whether a field has a column, which stays empty where the field does not come.
    fn has_column(&self, _field: &str) -> bool {
        false
    }

    /// What is made of fields beside their columns.
    fn uses(&self) -> Vec<Use> {
        Vec::new()
    }

    /// What waits for what is read, for people.
    fn destination(&self) -> String;

    /// Whether the data itself goes to standard output.
    fn is_stdout(&self) -> bool {
        false
    }

    /// Whether what failed for one account would fail for every other too.
    fn is_shared(&self, error: &Error) -> impl Future<Output = bool> + Send;
}

/// Whether it is of a disk that takes nothing more, whatever is written.
pub(crate) fn is_storage_full(error: &Error) -> bool {
    let causes = std::iter::successors(std::error::Error::source(error), |error| error.source());
    causes.filter_map(|error| error.downcast_ref::<std::io::Error>()).any(|error| {
        use std::io::ErrorKind::{ReadOnlyFilesystem, StorageFull};
        matches!(error.kind(), StorageFull | ReadOnlyFilesystem)
    })
}
