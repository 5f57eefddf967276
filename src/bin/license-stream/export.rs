//! What `parquet`, `kafka` and `ndjson` have in common: accounts into sinks, watched and summed up.

use std::sync::Arc;
use std::time::Instant;

use license_stream::accounts::{self, End, Ended, Options};
use license_stream::decode::Limits;
use license_stream::frame::FramerOptions;
use license_stream::sink::Sink;
use license_stream::sink::reject::DeadLetters;
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
        let observed = Arc::clone(&self.observed);
        let waits = Arc::clone(&observed.waits);
        let client = match self.source.input {
            None => Some(waits.watch(input::client(&self.source.api)?, self.report.is_verbose())),
            Some(_) => None,
        };
        if let Some(client) = &client {
            observed.asks_by(client);
        }
        let selection = match &client {
            Some(client) if self.source.accounts.all_accounts => {
                Selection::listed(&self.source.accounts, client)
            }
            _ => Selection::named(&self.source.accounts)?,
        };
        let are_many = self.source.accounts.are_many();
        let done = are_many.then(|| Arc::new(AccountsDone::of(selection.count)));
        let job = Job::current();
        let is_beside_others = job.as_ref().is_some_and(|job| job.is_beside_others());
        let audience = match self.report {
            ReportArgs { quiet: true, .. } => Audience::Nobody,
            // A log is for programs too, and takes such lines in.
            ReportArgs { json: true, .. } if !log::is_json() => match is_beside_others {
                true => Audience::Nobody,
                false => Audience::Programs,
            },
            _ if is_beside_others => Audience::PeopleBesideOthers,
            _ => Audience::People,
        };
        let line = ProgressLine::show(
            &observed.progress,
            done.clone(),
            waits,
            &sinks.destination(),
            audience,
        );
        let options = Options {
            concurrency: self.concurrency() as usize,
            fail_fast: self.source.accounts.fail_fast,
            framer: FramerOptions {
                max_record_bytes: self.rejects.max_record_bytes.0 as usize,
                max_depth: self.rejects.max_depth,
                shape: self.source.shape.into(),
                ..FramerOptions::default()
            },
            progress: Arc::clone(&observed.progress),
            queue_bytes: sinks.queue_bytes(),
            stop: self.signals.stop(),
            halt: self.signals.halt(),
        };
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
        let mut tally = Tally::new(What {
            is_json: export.report.json,
            is_of_job: Job::current().is_some(),
            are_many,
            is_fail_fast: export.source.accounts.fail_fast,
            is_from_the_first_page: export.source.is_from_the_first_page(),
            integration: export.source.request.integration,
        });
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
        if export.signals.halt().is_cancelled() && !export.report.quiet {
            say!(
                "warning: --grace was over before all that was read was delivered: the rest is left to \
                 the next run"
            );
        }
        tally.is_cut_short = !runs.knows_all();
        if tally.is_cut_short && export.signals.first().is_some() && !export.report.quiet {
            say!(
                "warning: the run was stopped before it knew all accounts: others may not have been read"
            );
        }
        let is_undisturbed = export.signals.first().is_none() && !export.report.quiet;
        if is_undisturbed && tally.is_of_nothing() {
            let which = match export.source.accounts.all_accounts {
                true => "no account that the token can see fits --all-accounts and its filters",
                false => "no account is named in --accounts-file",
            };
            say!("warning: {which}: nothing was read");
        }
        if is_undisturbed && tally.is_of_skipped() {
            say!("warning: every account was skipped: nothing was read");
        }
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
