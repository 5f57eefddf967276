//! What `parquet`, `kafka` and `ndjson` have in common: one source into one sink, watched and summed up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use license_stream::decode::Limits;
use license_stream::frame::FramerOptions;
use license_stream::pipeline::{self, Journal, Options, Progress, Summary};
use license_stream::sink::Sink;

use crate::args::{RejectArgs, ReportArgs, SourceArgs};
use crate::input::{self, Input};
use crate::progress::ProgressLine;
use crate::remarks;
use crate::signal::Signals;

/// One run, as far as it does not depend on the sink.
#[derive(Debug)]
pub(crate) struct Export<'a> {
    pub(crate) source: &'a SourceArgs,
    pub(crate) rejects: &'a RejectArgs,
    pub(crate) report: ReportArgs,
    pub(crate) signals: Signals,
    pub(crate) snapshot_id: Arc<str>,
}

/// A run that has ended.
#[derive(Debug)]
pub(crate) struct Exported<R> {
    pub(crate) summary: Summary<R>,
    pub(crate) bytes_read: u64,
    pub(crate) elapsed: Duration,
}

impl<'a> Export<'a> {
    pub(crate) fn new(
        source: &'a SourceArgs,
        rejects: &'a RejectArgs,
        report: ReportArgs,
    ) -> anyhow::Result<Self> {
        let request = source.check()?;
        if let (Some(request), false) = (request, report.quiet) {
            remarks::tell(&request, source.request.integration);
        }
        let snapshot_id = uuid::Uuid::now_v7().to_string().into();
        Ok(Self { source, rejects, report, signals: Signals::listen()?, snapshot_id })
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits { max_depth: self.rejects.max_depth }
    }

    /// Reads the source to its end into `sink`.
    pub(crate) async fn run<K: Sink>(&self, sink: K) -> anyhow::Result<Exported<K::Report>> {
        self.run_kept(sink, None).await
    }

    /// The same, and tells `journal` what is durable.
    pub(crate) async fn run_kept<K: Sink>(
        &self,
        sink: K,
        journal: Option<Box<dyn Journal>>,
    ) -> anyhow::Result<Exported<K::Report>> {
        let begun = Instant::now();
        let rejects = input::reject_policy(self.rejects, self.source.account.as_deref())?;
        let source = Input::new(self.source)?;
        let progress = Arc::new(Progress::default());
        let line = ProgressLine::show(&progress, self.report.quiet);
        let options = Options {
            framer: FramerOptions {
                max_record_bytes: self.rejects.max_record_bytes as usize,
                shape: self.source.shape.into(),
                ..FramerOptions::default()
            },
            rejects,
            progress: Arc::clone(&progress),
            journal,
            stop: self.signals.stop(),
            ..Options::default()
        };
        let summary = pipeline::run_source(source, sink, options).await;
        line.clear();
        Ok(Exported { summary, bytes_read: progress.bytes_read(), elapsed: begun.elapsed() })
    }
}
