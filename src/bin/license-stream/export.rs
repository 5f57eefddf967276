//! What `parquet`, `kafka` and `ndjson` have in common: accounts into sinks, watched and summed up.

use std::sync::Arc;
use std::time::Instant;

use license_stream::accounts::{self, End, Ended, Options};
use license_stream::decode::Limits;
use license_stream::frame::FramerOptions;
use license_stream::sink::Sink;
use license_stream::sink::reject::DeadLetters;
use license_stream::truto::TrutoClient;
use license_stream::{Error, ErrorKind, Result};

use tracing::Instrument;

use crate::again::SkipNewer;
use crate::args::{
    DeadLetterArg, ObserveArgs, OnError, RejectArgs, ReportArgs, SourceArgs, StopArgs,
};
use crate::beginnings::Beginnings;
use crate::distinct::check_distinct;
use crate::exit::Exit;
use crate::job::Job;
use crate::metrics::{Board, Observed, Server};
use crate::progress::{AccountsDone, Audience, ProgressLine};
use crate::screen::say;
use crate::signal::Signals;
use crate::sinks::Sinks;
use crate::tally::{Tally, What};
use crate::wanted::{Selection, Wanted};
use crate::{input, log, remarks, report};

/// One run, as far as it does not depend on the sinks.
#[derive(Debug)]
pub(crate) struct Export {
    pub(crate) source: SourceArgs,
    pub(crate) rejects: RejectArgs,
    pub(crate) report: ReportArgs,
    pub(crate) signals: Signals,
    pub(crate) letters: Option<DeadLetters>,
    pub(crate) observed: Arc<Observed>,
    /// Answers those who look, for as long as the run goes on.
    _server: Option<Server>,
    /// How many accounts are read at once: what memory is shared among.
    concurrency: u64,
    /// What is passed over of what is complete.
    pub(crate) skip_newer: Option<SkipNewer>,
}

impl Export {
    pub(crate) fn new(
        source: SourceArgs,
        rejects: RejectArgs,
        stop: StopArgs,
        report: ReportArgs,
    ) -> anyhow::Result<Self> {
        input::check_rejects(&rejects)?;
        let request = source.check()?;
        if let (Some(request), false) = (request, report.quiet) {
            remarks::tell(&request, source.request.integration);
        }
        let read = input::input_file(&source);
        check_distinct(&read.into_iter().chain(input::letters_file(&rejects)).collect::<Vec<_>>())?;
        let account = source.accounts.only().map(str::to_owned);
        let letters = match &rejects.dead_letter {
            Some(DeadLetterArg::File(path)) => Some(DeadLetters::open(path, account)?),
            // Who knows the brokers sets them.
            Some(DeadLetterArg::Topic(_)) | None => None,
        };
        let concurrency = source.accounts.at_once();
        let signals = Signals::listen(stop.grace.0)?;
        let observed = Arc::default();
        let _server = None;
        let skip_newer = None;
        Ok(Self {
            source,
            rejects,
            report,
            signals,
            letters,
            observed,
            _server,
            concurrency,
            skip_newer,
        })
    }

    /// The same run, which passes over accounts that are complete already.
    pub(crate) fn skipping(self, skip_newer: Option<SkipNewer>) -> Self {
        Self { skip_newer, ..self }
    }

    /// The same run into `sink`, at which others can look as `args` say.
    pub(crate) fn observed(self, args: ObserveArgs, sink: &'static str) -> Result<Self> {
        if let Some(seen) = Job::current().as_ref().and_then(|job| job.seen()) {
            seen.observe(&self.observed);
        }
        let board = || Board::of_command(sink, Arc::clone(&self.observed), self.signals.stop());
        let listen = |address| Server::listen(address, board(), self.report);
        let server = args.metrics.map(listen).transpose()?;
        Ok(Self { _server: server, ..self })
    }

    /// The topic that dead letters go to, if they do: by its name, or beside that of the records.
    pub(crate) fn letter_topic(&self) -> Option<Option<&str>> {
        match &self.rejects.dead_letter {
            Some(DeadLetterArg::Topic(name)) => Some(name.as_deref()),
            Some(DeadLetterArg::File(_)) | None => None,
        }
    }

    /// The longest record that is kept.
    pub(crate) fn max_record_bytes(&self) -> u64 {
        self.rejects.max_record_bytes.0
    }

    /// The same run with dead letters to there.
    pub(crate) fn with_letters(self, letters: DeadLetters) -> Self {
        Self { letters: Some(letters), ..self }
    }

    /// Whether what is rejected is kept.
    pub(crate) fn keeps_letters(&self) -> bool {
        self.rejects.on_error == OnError::DeadLetter
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits { max_depth: self.rejects.max_depth }
    }

    /// How many accounts are read at once.
    pub(crate) fn concurrency(&self) -> u64 {
        self.concurrency
    }

    /// Reads no more than `most` accounts at once, for the reason that people are told where they wanted
    /// more.
    pub(crate) fn at_most(&mut self, most: u64, reason: &str) {
        if self.concurrency > most {
            self.concurrency = most;
            if !self.report.quiet {
                say!("warning: {most} accounts are read at once, not more: {reason}");
            }
        }
    }

    /// Reads all accounts to their ends, and tells of it.
    pub(crate) async fn run<D: Sinks>(self, sinks: D) -> anyhow::Result<Exit> {
        let begun = Instant::now();
        if self.letter_topic().is_some() && self.letters.is_none() {
            let message = "--dead-letter topic: goes with `kafka`, which has brokers";
            return Err(Error::new(ErrorKind::Configuration, message).into());
        }
        let client = self.client()?;
        let selection = self.selection(client.as_ref())?;
        let are_many = self.source.accounts.are_many();
        let done = are_many.then(|| Arc::new(AccountsDone::of(selection.count)));
        let job = Job::current();
        let audience = self.audience(job.as_deref());
        let observed = Arc::clone(&self.observed);
        let (waits, destination) = (Arc::clone(&observed.waits), sinks.destination());
        let line =
            ProgressLine::show(&observed.progress, done.clone(), waits, &destination, audience);
        let options = self.options(sinks.queue_bytes());
        let mut tally = self.tally(job.is_some());
        let run = Arc::new(Beginnings::new(self, sinks, client));
        let begin = {
            let run = Arc::clone(&run);
            move |wanted: Arc<Wanted>, attempt| {
                let run = Arc::clone(&run);
                let span = tracing::error_span!("account", account = wanted.id());
                let begun = async move { run.begin(&wanted, attempt).await }.instrument(span);
                Job::scope(job.clone(), begun)
            }
        };
        let mut runs = accounts::run(selection.accounts, begin, options);
        let Beginnings { export, sinks, client, .. } = &*run;
        while let Some(ended) = runs.next().await {
            match ended {
                Ok(ended) => {
                    if let Some(error) = ended.error()
                        && sinks.is_shared(error).await
                    {
                        runs.stop();
                    }
                    if let Some(done) = &done {
                        done.add(ended.error().map(report::chain).as_deref());
                    }
                    let is_skipped = matches!(ended.end, End::Skipped(_));
                    observed.ended(ended.outcome(), is_skipped, ended.snapshots.len());
                    add(&mut tally, sinks, ended)?;
                }
                Err(error) => tally.run_failed(&error),
            }
        }
        line.clear();
        tally.is_cut_short = !runs.knows_all();
        export.warn(&tally);
        if let Err(error) = sinks.end(tally.is_complete()).await {
            tally.run_failed(&error);
        }
        if tally.is_complete() {
            tally.unfinished = sinks.unfinished().await;
        }
        tally.other_layouts = sinks.other_layouts(tally.is_complete()).await;
        if let Some(client) = client {
            tally.unexpected = tally.unexpected.renamed(|name| client.without_token(name));
            tally.requests = client.requests();
        }
        Ok(report::print(export, sinks, tally, begun.elapsed()))
    }

    /// Who asks Truto, unless a recorded body is read.
    fn client(&self) -> anyhow::Result<Option<TrutoClient>> {
        if self.source.input.is_some() {
            return Ok(None);
        }
        let client = input::client(&self.source.api)?;
        let client = self.observed.waits.watch(client, self.report.is_verbose());
        self.observed.asks_by(&client);
        Ok(Some(client))
    }

    fn selection(&self, client: Option<&TrutoClient>) -> anyhow::Result<Selection> {
        match client {
            Some(client) if self.source.accounts.all_accounts => {
                Ok(Selection::listed(&self.source.accounts, client))
            }
            _ => Ok(Selection::named(&self.source.accounts)?),
        }
    }

    /// Who looks at how far the run is.
    fn audience(&self, job: Option<&Job>) -> Audience {
        let is_beside_others = job.is_some_and(Job::is_beside_others);
        match self.report {
            ReportArgs { quiet: true, .. } => Audience::Nobody,
            // A log is for programs too, and takes such lines in.
            ReportArgs { json: true, .. } if !log::is_json() => match is_beside_others {
                true => Audience::Nobody,
                false => Audience::Programs,
            },
            _ if is_beside_others => Audience::PeopleBesideOthers,
            _ => Audience::People,
        }
    }

    fn options(&self, queue_bytes: usize) -> Options {
        Options {
            concurrency: self.concurrency as usize,
            fail_fast: self.source.accounts.fail_fast,
            framer: FramerOptions {
                max_record_bytes: self.rejects.max_record_bytes.0 as usize,
                max_depth: self.rejects.max_depth,
                shape: self.source.shape.into(),
                ..FramerOptions::default()
            },
            progress: Arc::clone(&self.observed.progress),
            queue_bytes,
            stop: self.signals.stop(),
            halt: self.signals.halt(),
        }
    }

    fn tally(&self, is_of_job: bool) -> Tally {
        Tally::new(What {
            is_json: self.report.json,
            is_of_job,
            are_many: self.source.accounts.are_many(),
            is_fail_fast: self.source.accounts.fail_fast,
            is_from_the_first_page: self.source.is_from_the_first_page(),
            integration: self.source.request.integration,
        })
    }

    /// Warns of what a run that has ended did not read, where no error says so.
    fn warn(&self, tally: &Tally) {
        if self.report.quiet {
            return;
        }
        if self.signals.halt().is_cancelled() {
            say!(
                "warning: --grace was over before all that was read was delivered: the rest is left to \
                 the next run"
            );
        }
        if self.signals.first().is_some() {
            if tally.is_cut_short {
                say!(
                    "warning: the run was stopped before it knew all accounts: others may not have been read"
                );
            }
            return;
        }
        if tally.is_of_nothing() {
            let which = match self.source.accounts.all_accounts {
                true => "no account that the token can see fits --all-accounts and its filters",
                false => "no account is named in --accounts-file",
            };
            say!("warning: {which}: nothing was read");
        }
        if tally.is_of_skipped() {
            say!("warning: every account was skipped: nothing was read");
        }
    }
}

/// Adds an account that has ended. Where there is but one, and it was not even begun, the error is all that
/// people are told.
fn add<D: Sinks>(
    tally: &mut Tally,
    sinks: &D,
    mut ended: Ended<Wanted, <D::Sink as Sink>::Report>,
) -> Result<()> {
    let account = ended.account.account.clone();
    let account = account.as_deref();
    let begun = ended.snapshots.len();
    let written = ended.snapshots.iter_mut().enumerate();
    let written = written
        .map(|(place, snapshot)| sinks.written(account, &mut snapshot.summary, place + 1 < begun));
    let written: Vec<_> = written.collect();
    tally.add(ended, written)
}
