//! What `parquet`, `kafka` and `ndjson` have in common: accounts into sinks, watched and summed up.

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use license_stream::accounts::{self, Begun, Ended, Options, Snapshot};
use license_stream::checkpoint::{Beginning, Identity};
use license_stream::decode::Limits;
use license_stream::frame::FramerOptions;
use license_stream::pipeline::{Journal, Progress, Summary};
use license_stream::sink::Sink;
use license_stream::sink::reject::DeadLetters;
use license_stream::truto::{LicensePages, LicenseRequest, LicenseSupport, TrutoClient};
use license_stream::{Error, ErrorKind, Result};

use crate::args::{RejectArgs, ReportArgs, SourceArgs};
use crate::checkpoints;
use crate::exit::Exit;
use crate::input::{self, Input};
use crate::progress::{AccountsDone, ProgressLine};
use crate::remarks;
use crate::report::{self, say};
use crate::signal::Signals;
use crate::snapshots::Written;
use crate::tally::{Tally, What};
use crate::wanted::{Selection, Wanted};

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

/// Where licenses go: a sink for each snapshot, and what became of it.
pub(crate) trait Sinks: Send + Sync + 'static {
    type Sink: Sink + 'static;

    /// A sink for the snapshot of an account, of which `attempt` others were given up before. `identity`
    /// is what its checkpoint is of.
    fn sink(
        &self,
        account: Option<&Arc<str>>,
        identity: Identity,
        attempt: u32,
    ) -> impl Future<Output = Result<Opened<Self::Sink>>> + Send;

    /// What was written of a snapshot that has ended.
    fn written(
        &self,
        account: Option<&str>,
        summary: &mut Summary<<Self::Sink as Sink>::Report>,
    ) -> Written;

    /// Where all of it is, for people.
    fn place(&self, files: u64, bytes: u64) -> String;

    /// All accounts have ended; `is_complete` if there is nothing of any of them left to do.
    fn end(&self, _is_complete: bool) -> impl Future<Output = Result<()>> + Send {
        std::future::ready(Ok(()))
    }

    /// Whether the data itself goes to standard output.
    fn is_stdout(&self) -> bool {
        false
    }

    /// Whether what failed for one account would fail for every other too.
    fn is_shared(&self, error: &Error) -> bool;
}

/// One run, as far as it does not depend on the sinks.
#[derive(Debug)]
pub(crate) struct Export {
    pub(crate) source: SourceArgs,
    rejects: RejectArgs,
    pub(crate) report: ReportArgs,
    pub(crate) signals: Signals,
    letters: Option<DeadLetters>,
}

impl Export {
    pub(crate) fn new(
        source: SourceArgs,
        rejects: RejectArgs,
        report: ReportArgs,
    ) -> anyhow::Result<Self> {
        input::check_rejects(&rejects)?;
        let request = source.check()?;
        if let (Some(request), false) = (request, report.quiet) {
            remarks::tell(&request, source.request.integration);
        }
        let letters = rejects.dead_letter.as_deref();
        let account = source.accounts.only().map(str::to_owned);
        let letters = letters.map(|path| DeadLetters::open(path, account)).transpose()?;
        Ok(Self { source, rejects, report, signals: Signals::listen()?, letters })
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits { max_depth: self.rejects.max_depth }
    }

    /// How many accounts are read at once: what memory is shared among.
    pub(crate) fn concurrency(&self) -> u64 {
        let accounts = &self.source.accounts;
        if !accounts.are_many() {
            1
        } else if accounts.accounts_file.is_none() && !accounts.all_accounts {
            accounts.concurrency.min(accounts.accounts.len() as u64)
        } else {
            accounts.concurrency
        }
    }

    /// Reads all accounts to their ends, and tells of it.
    pub(crate) async fn run<D: Sinks>(self, sinks: D) -> anyhow::Result<Exit> {
        let begun = Instant::now();
        let client = match self.source.input {
            None => Some(input::client(&self.source.api)?),
            Some(_) => None,
        };
        let selection = match &client {
            Some(client) if self.source.accounts.all_accounts => {
                Selection::listed(&self.source.accounts, client)
            }
            _ => Selection::named(&self.source.accounts)?,
        };
        let are_many = self.source.accounts.are_many();
        let progress = Arc::new(Progress::default());
        let done = are_many.then(|| Arc::new(AccountsDone::of(selection.count)));
        let line = ProgressLine::show(&progress, done.clone(), self.report.quiet);
        let options = Options {
            concurrency: self.concurrency() as usize,
            fail_fast: self.source.accounts.fail_fast,
            framer: FramerOptions {
                max_record_bytes: self.rejects.max_record_bytes as usize,
                shape: self.source.shape.into(),
                ..FramerOptions::default()
            },
            progress,
            stop: self.signals.stop(),
            ..Options::default()
        };
        let run = Arc::new(Run { export: self, sinks, client });
        let begin = {
            let run = Arc::clone(&run);
            move |wanted: Arc<Wanted>, attempt| {
                let run = Arc::clone(&run);
                async move { run.begin(&wanted, attempt).await }
            }
        };
        let mut runs = accounts::run(selection.accounts, begin, options);
        let Run { export, sinks, .. } = &*run;
        let mut tally = Tally::new(What {
            is_json: export.report.json,
            are_many,
            is_from_the_first_page: export.source.is_from_the_first_page(),
        });
        while let Some(ended) = runs.next().await {
            match ended {
                Ok(ended) => {
                    if ended.error().is_some_and(|error| sinks.is_shared(error)) {
                        runs.stop();
                    }
                    if let Some(done) = &done {
                        done.add();
                    }
                    add(&mut tally, sinks, ended)?;
                }
                Err(error) => tally.run_failed(&error),
            }
        }
        line.clear();
        let is_undisturbed = export.signals.first().is_none() && !export.report.quiet;
        if is_undisturbed && tally.is_of_nothing() {
            let which = match export.source.accounts.all_accounts {
                true => "no account that the token can see fits --all-accounts and its filters",
                false => "no account is named in --accounts-file",
            };
            say!("warning: {which}: nothing was read");
        }
        if let Err(error) = sinks.end(tally.is_complete()).await {
            tally.run_failed(&error);
        }
        Ok(report::print(export, sinks, tally, begun.elapsed()))
    }
}

/// Adds an account that has ended. Where there is but one, and it was not even begun, the error is the
/// whole run's.
fn add<D: Sinks>(
    tally: &mut Tally,
    sinks: &D,
    mut ended: Ended<Wanted, <D::Sink as Sink>::Report>,
) -> Result<()> {
    let account = ended.account.account.clone();
    let account = account.as_deref();
    let written = ended.snapshots.iter_mut();
    let written: Vec<_> =
        written.map(|snapshot| sinks.written(account, &mut snapshot.summary)).collect();
    tally.add(ended, written)
}

/// What the beginning of each account needs.
struct Run<D> {
    export: Export,
    sinks: D,
    client: Option<TrutoClient>,
}

impl<D: Sinks> Run<D> {
    async fn begin(&self, wanted: &Wanted, attempt: u32) -> Result<Begun<Input, D::Sink>> {
        let source = &self.export.source;
        let (source, identity) = match &self.client {
            None => (Input::file(source), checkpoints::identity(source, None)),
            Some(client) => {
                if let Some(reason) = self.reason_to_skip(client, wanted).await? {
                    return Ok(Begun::Skip(reason));
                }
                let request = self.request(wanted).map_err(|error| match wanted.id() {
                    // What was typed was right: this is learnt of one account among others.
                    Some(account) if self.export.source.accounts.are_many() => {
                        Error::new(ErrorKind::Refused, error.message().to_owned())
                            .of_account(account)
                    }
                    _ => error,
                })?;
                let identity = checkpoints::identity(source, Some(&request));
                (Input::Api(Box::new(LicensePages::new(client.clone(), request))), identity)
            }
        };
        let identity = identity
            .with("max_record_bytes", self.export.rejects.max_record_bytes)
            .with("max_depth", self.export.rejects.max_depth);
        let opened = self.sinks.sink(wanted.account.as_ref(), identity, attempt).await?;
        let Opened { sink, beginning, journal } = opened;
        let mut snapshot = Snapshot::new(beginning.snapshot_id(), source, sink);
        snapshot.resume = beginning.place().cloned();
        snapshot.journal = journal;
        let letters = self.export.letters.as_ref();
        let letters = letters.map(|letters| letters.of_account(wanted.id().map(str::to_owned)));
        snapshot.rejects = input::reject_policy(&self.export.rejects, letters);
        Ok(Begun::Snapshot(Box::new(snapshot)))
    }

    /// Why an account that the API listed is not read, if it is not.
    async fn reason_to_skip(
        &self,
        client: &TrutoClient,
        wanted: &Wanted,
    ) -> Result<Option<String>> {
        let (Some(listed), Some(account)) = (wanted.listed, wanted.id()) else { return Ok(None) };
        if let Some(status) = listed.unfit {
            return Ok(Some(format!("its status is {status}")));
        }
        let support = client.supports_licenses(account).await?;
        Ok((support == LicenseSupport::No).then(|| "it has no licenses".to_owned()))
    }

    /// The request for an account: what is known of it wins over what was typed for all.
    fn request(&self, wanted: &Wanted) -> Result<LicenseRequest> {
        let args = &self.export.source.request;
        let organization_id = wanted.organization_id.clone();
        let integration = wanted.listed.and_then(|listed| listed.integration);
        args.request_for(wanted.id(), organization_id, wanted.product, integration)
    }
}
