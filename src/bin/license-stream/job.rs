//! A job of a pipeline, as what runs in it sees it: who stops it, and who is told how it ended.
//!
//! A command that runs alone is none. What is needed of a job is needed in places that know nothing of pipelines,
//! such as a line on standard error: so it is a property of the task, as spans are.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::value::RawValue;

use crate::metrics::Seen;
use crate::signal::Signals;

tokio::task_local! {
    static CURRENT: Arc<Job>;
}

/// One of the jobs of a pipeline, under way.
#[derive(Debug)]
pub(crate) struct Job {
    name: String,
    /// The process's own: all jobs are stopped by one signal.
    signals: Signals,
    /// Whether others may run beside it, and write to the same terminal.
    is_beside_others: bool,
    /// Where others look at it, if they can.
    seen: Option<Arc<Seen>>,
    summary: Mutex<Option<Box<RawValue>>>,
}

impl Job {
    pub(crate) fn new(
        name: &str,
        signals: &Signals,
        is_beside_others: bool,
        seen: Option<Arc<Seen>>,
    ) -> Arc<Self> {
        let signals = signals.clone();
        Arc::new(Self {
            name: name.to_owned(),
            signals,
            is_beside_others,
            seen,
            summary: Mutex::default(),
        })
    }

    /// The job that the task works for, if it does for one.
    pub(crate) fn current() -> Option<Arc<Self>> {
        CURRENT.try_with(Arc::clone).ok()
    }

    /// Lets `work` be done for `job`, if there is one. A task that is spawned has to be told so again.
    pub(crate) async fn scope<F: Future>(job: Option<Arc<Self>>, work: F) -> F::Output {
        match job {
            Some(job) => CURRENT.scope(job, work).await,
            None => work.await,
        }
    }

    /// The same for what is no future.
    pub(crate) fn sync_scope<T>(job: Option<&Arc<Self>>, work: impl FnOnce() -> T) -> T {
        match job {
            Some(job) => CURRENT.sync_scope(Arc::clone(job), work),
            None => work(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn signals(&self) -> &Signals {
        &self.signals
    }

    pub(crate) fn is_beside_others(&self) -> bool {
        self.is_beside_others
    }

    /// Where others look at it, if they can.
    pub(crate) fn seen(&self) -> Option<&Arc<Seen>> {
        self.seen.as_ref()
    }

    /// Keeps the summary, which is a part of that of the pipeline.
    pub(crate) fn keep_summary(&self, summary: Box<RawValue>) {
        *self.summary.lock().unwrap_or_else(PoisonError::into_inner) = Some(summary);
    }

    pub(crate) fn take_summary(&self) -> Option<Box<RawValue>> {
        self.summary.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
