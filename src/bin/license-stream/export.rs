//! What `parquet`, `kafka` and `ndjson` have in common: accounts into sinks, watched and summed up.

use std::collections::HashSet;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use license_stream::accounts::{self, Begun, End, Ended, Options, Snapshot};
use license_stream::checkpoint::{Beginning, Checkpoint, Identity};
use license_stream::decode::Limits;
use license_stream::frame::FramerOptions;
use license_stream::pipeline::{Journal, Summary};
use license_stream::sink::Sink;
use license_stream::sink::reject::DeadLetters;
use license_stream::truto::{LicensePages, LicenseRequest, LicenseSupport, TrutoClient};
use license_stream::{Error, ErrorKind, Integration, Result, printable};

use tracing::Instrument;

use crate::again::SkipNewer;
use crate::args::{
    DeadLetterArg, ObserveArgs, OnError, RejectArgs, ReportArgs, SourceArgs, StopArgs,
};
use crate::checkpoints;
use crate::distinct::check_distinct;
use crate::exit::Exit;
use crate::input::{self, Input};
use crate::job::Job;
use crate::log;
use crate::lookup;
use crate::metrics::{Board, Observed, Server};
use crate::progress::{AccountsDone, Audience, ProgressLine};
use crate::remarks::{self, Use};
use crate::report::{self, counted};
use crate::screen::say;
use crate::signal::Signals;
use crate::snapshots::Written;
use crate::tally::{Tally, What};
use crate::unfinished::Unfinished;
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

/// One run, as far as it does not depend on the sinks.
#[derive(Debug)]
pub(crate) struct Export {
    pub(crate) source: SourceArgs,
    rejects: RejectArgs,
    pub(crate) report: ReportArgs,
    pub(crate) signals: Signals,
    letters: Option<DeadLetters>,
    pub(crate) observed: Arc<Observed>,
    /// Answers those who look, for as long as the run goes on.
    _server: Option<Server>,
    /// How many accounts are read at once: what memory is shared among.
    concurrency: u64,
    /// What is passed over of what is complete.
    skip_newer: Option<SkipNewer>,
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
        self.rejects.max_record_bytes
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
        // Lines of their own would break it.
        let is_beside_others = job.as_ref().is_some_and(|job| job.is_beside_others());
        let audience = match self.report {
            _ if is_beside_others => Audience::Nobody,
            ReportArgs { quiet: true, .. } => Audience::Nobody,
            // A log is for programs too, and takes such lines in.
            ReportArgs { json: true, .. } if !log::is_json() => Audience::Programs,
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
                max_record_bytes: self.rejects.max_record_bytes as usize,
                max_depth: self.rejects.max_depth,
                shape: self.source.shape.into(),
                ..FramerOptions::default()
            },
            progress: Arc::clone(&observed.progress),
            queue_bytes: sinks.queue_bytes(),
            stop: self.signals.stop(),
            halt: self.signals.halt(),
        };
        let run = Arc::new(Run { export: self, sinks, client, told: Mutex::default() });
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
        let Run { export, sinks, client, .. } = &*run;
        let mut tally = Tally::new(What {
            is_json: export.report.json,
            is_of_job: Job::current().is_some(),
            are_many,
            is_fail_fast: export.source.accounts.fail_fast,
            is_from_the_first_page: export.source.is_from_the_first_page(),
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

/// What the beginning of each account needs.
struct Run<D> {
    export: Export,
    sinks: D,
    client: Option<TrutoClient>,
    /// Integrations whose empty columns were told.
    told: Mutex<HashSet<&'static str>>,
}

impl<D: Sinks> Run<D> {
    async fn begin(&self, wanted: &Wanted, attempt: u32) -> Result<Begun<Input, D::Sink>> {
        if attempt > 0 && self.export.report.is_verbose() && !log::has_info() {
            let account = wanted.id().map(|id| format!("account {id}: ")).unwrap_or_default();
            say!("{account}to be begun anew, because the API answered differently than before");
        }
        let source = &self.export.source;
        let (source, identity) = match &self.client {
            None => {
                let max_record_bytes = self.export.rejects.max_record_bytes as usize;
                (Input::file(source, max_record_bytes), self.identity(None))
            }
            Some(client) => {
                self.check_id(wanted)?;
                if let Some(reason) = self.reason_to_skip(client, wanted, attempt).await? {
                    return Ok(Begun::Skip(reason));
                }
                let request = self.request(client, wanted).await;
                let request = request.map_err(|error| match wanted.id() {
                    // What was typed was right: this is learnt of one account among others.
                    Some(account) if self.export.source.accounts.are_many() => {
                        Error::new(ErrorKind::Refused, error.message().to_owned())
                            .of_account(account)
                    }
                    _ => error,
                })?;
                let identity = self.identity(Some(&request));
                (Input::Api(Box::new(LicensePages::new(client.clone(), request))), identity)
            }
        };
        let key = identity.key().to_owned();
        let as_typed = |error| checkpoints::as_typed(error, &key, &self.sinks.checkpoints());
        let opened = self.sinks.sink(wanted, identity, attempt).await.map_err(as_typed)?;
        let Opened { sink, beginning, journal } = opened;
        if let Beginning::Resumed(checkpoint) = &beginning {
            self.check_rejected(checkpoint).map_err(as_typed)?;
        }
        let mut snapshot = Snapshot::new(beginning.snapshot_id(), source, sink);
        snapshot.account = wanted.account.clone();
        snapshot.resume = beginning.reached();
        snapshot.journal = journal;
        let letters = self.export.letters.as_ref();
        let letters = letters.map(|letters| letters.of_account(wanted.id().map(str::to_owned)));
        snapshot.rejects = input::reject_policy(&self.export.rejects, letters);
        Ok(Begun::Snapshot(Box::new(snapshot)))
    }

    /// What the checkpoint of an account is of, as far as it does not depend on the sinks.
    fn identity(&self, request: Option<&LicenseRequest>) -> Identity {
        let Export { source, rejects, .. } = &self.export;
        checkpoints::identity(source, request)
            .with("max_record_bytes", rejects.max_record_bytes)
            .with("max_depth", rejects.max_depth)
    }

    /// Refuses to complete what leaves out records already, where none may be left out.
    fn check_rejected(&self, checkpoint: &Checkpoint) -> Result<()> {
        let Checkpoint { key, snapshot_id, rejected, .. } = checkpoint;
        if *rejected == 0 || self.export.rejects.on_error != OnError::Fail {
            return Ok(());
        }
        let (count, records) = counted(*rejected, "record", "records");
        let message = format!(
            "snapshot {snapshot_id} is unfinished, and {count} {records} that an earlier run rejected are left out \
             of it, which --on-error fail does not allow: finish it with --on-error skip, or begin a new one after \
             `license-stream checkpoint reset --account {key}`"
        );
        Err(Error::new(ErrorKind::Configuration, message).of_account(key.as_str()))
    }

    /// Refuses an account that is listed under what is no id: it is to be part of names of files. What was
    /// typed has been looked at.
    fn check_id(&self, wanted: &Wanted) -> Result<()> {
        let is_plain = |id: &str| {
            let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            (1..=100).contains(&id.len()) && id.bytes().all(is_part)
        };
        match wanted.id() {
            Some(id) if self.export.source.accounts.all_accounts && !is_plain(id) => {
                let message =
                    "the API lists an account under this id, which is no UUID: it is not asked for";
                Err(Error::new(ErrorKind::Upstream, message).of_account(printable(id, 100)))
            }
            _ => Ok(()),
        }
    }

    /// Why an account is not read, if it is not. One that is the only one named is not asked about: what
    /// becomes of its request tells as much.
    async fn reason_to_skip(
        &self,
        client: &TrutoClient,
        wanted: &Wanted,
        attempt: u32,
    ) -> Result<Option<String>> {
        if let Some(status) = wanted.listed.and_then(|listed| listed.unfit) {
            return Ok(Some(format!("its status is {status}")));
        }
        // One that this run has begun is not complete.
        if let (Some(skip_newer), 0) = (&self.export.skip_newer, attempt)
            && let Some(reason) = self.reason_not_again(client, wanted, skip_newer).await?
        {
            return Ok(Some(reason));
        }
        let Some(account) = wanted.id().filter(|_| self.export.source.accounts.are_many()) else {
            return Ok(None);
        };
        let support = client.supports_licenses(account).await?;
        Ok((support == LicenseSupport::No).then(|| "it has no licenses".to_owned()))
    }

    /// Why an account is not read again, if it need not be.
    async fn reason_not_again(
        &self,
        client: &TrutoClient,
        wanted: &Wanted,
        skip_newer: &SkipNewer,
    ) -> Result<Option<String>> {
        // What is wrong with it is told where it is asked for, should the account have licenses at all.
        let Ok(request) = self.request(client, wanted).await else { return Ok(None) };
        let identity = self.identity(Some(&request));
        let key = identity.key().to_owned();
        let as_typed = |error| checkpoints::as_typed(error, &key, &self.sinks.checkpoints());
        let last = self.sinks.last(identity).await.map_err(as_typed)?;
        let Some((last, reason)) = last.and_then(|last| {
            let reason = skip_newer.reason(&last)?;
            Some((last, reason))
        }) else {
            return Ok(None);
        };
        Ok(match self.sinks.standing(wanted, &last).await? {
            Last::Complete => Some(reason),
            Last::Unfinished => None,
            Last::Damaged(why) => {
                if !self.export.report.quiet {
                    let newer = skip_newer.text();
                    say!(
                        "warning: account {key} is read again, though its last snapshot {} is newer than {newer}: \
                         it is damaged: {why}",
                        last.snapshot_id
                    );
                }
                None
            }
        })
    }

    /// The request for an account: what is known of it wins over what was typed for all.
    async fn request(&self, client: &TrutoClient, wanted: &Wanted) -> Result<LicenseRequest> {
        let args = &self.export.source.request;
        let integration = match wanted.listed {
            Some(listed) => listed.integration,
            None if args.integration.is_some() || args.no_lookup => None,
            None => {
                let look_up = || lookup::integration(client, wanted.id());
                *wanted.looked_up.get_or_init(look_up).await
            }
        };
        // Where there are many, what was typed is for those that take it.
        let listed = integration.filter(|_| self.export.source.accounts.are_many());
        let organization_id = wanted.organization_id.clone();
        let request = args.request_for(wanted.id(), organization_id, wanted.product, listed)?;
        if let Some(integration) = integration {
            request.check_for(integration).map_err(|error| match wanted.id() {
                // Its integration was not typed.
                Some(account) => error.of_account(account),
                None => error,
            })?;
            self.tell_of_columns(integration);
        }
        Ok(request)
    }

    /// Tells which columns stay empty, once for each integration.
    fn tell_of_columns(&self, integration: &'static Integration) {
        let is_told = self.export.report.quiet || self.export.source.request.integration.is_some();
        if is_told {
            return;
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.insert(integration.name()) {
            let excluded = &self.export.source.request.excluded_fields;
            let is_wanted = |field: &str| {
                self.sinks.has_column(field) && !excluded.iter().any(|name| name == field)
            };
            remarks::tell_of_null_columns(integration, is_wanted);
            remarks::tell_of_uses(integration, self.sinks.uses());
        }
    }
}

/// Whether it is of a disk that takes nothing more, whatever is written.
pub(crate) fn is_storage_full(error: &Error) -> bool {
    let causes = std::iter::successors(std::error::Error::source(error), |error| error.source());
    causes.filter_map(|error| error.downcast_ref::<std::io::Error>()).any(|error| {
        use std::io::ErrorKind::{ReadOnlyFilesystem, StorageFull};
        matches!(error.kind(), StorageFull | ReadOnlyFilesystem)
    })
}
