//! `license-stream parquet`

mod layout;
mod options;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use license_stream::checkpoint::{Beginning, Checkpoint, CheckpointLock, Identity, Keeper};
use license_stream::cloud::is_overtaken;
use license_stream::decode::arrow::RemoteSchema;
use license_stream::pipeline::Summary;
use license_stream::sink::parquet::{
    Claim, Completion, Manifest, OtherLayout, ParquetOptions, ParquetReport, ParquetSink,
    PartitionField, RemoteData, RunClaim, Standing, Standings,
};
use license_stream::{Error, Result};
use tokio::sync::{OnceCell, RwLock};

use crate::again::SkipNewer;
use crate::args::{FormArg, ParquetArgs, RemoteDataArg};
use crate::arrow;
use crate::checkpoints::{self, Store, quoted};
use crate::exit::Exit;
use crate::export::Export;
use crate::layouts;
use crate::place::Place;
use crate::remarks::{self, Use};
use crate::report::{human_bytes, human_count};
use crate::screen::say;
use crate::sinks::{Last, Opened, Sinks, is_storage_full};
use crate::snapshots::{Destination, Earlier, Remote, Written};
use crate::unfinished::Unfinished;
use crate::wanted::Wanted;
pub(crate) use options::options;
use options::{options_of, uses};

/// What an account must have of the row groups in hand, where there are many: what encodes the columns takes
/// about as much, however few rows there are, and smaller row groups are slow to read.
const SHARE_BYTES: u64 = 2 << 20;

/// Accounts that may be read at once, however small row groups are wanted.
const ALWAYS_AT_ONCE: u64 = 8;

pub(crate) async fn run(mut args: ParquetArgs) -> anyhow::Result<Exit> {
    args.source.check_columns()?;
    args.check_form()?;
    args.check_contradictions()?;
    // A recorded body is not asked for.
    args.source.request.ignore_remote_data |=
        args.layout.remote_data == Some(RemoteDataArg::Drop) && args.source.input.is_none();
    if args.form == FormArg::ArrowStream {
        return arrow::run(args).await;
    }
    let sink = args.form.sink();
    let export = Export::new(args.source, args.rejects, args.stop, args.report)?;
    let export = export.skipping(args.checkpoint.skip_newer_than.clone());
    let mut export = export.observed(args.observe, sink)?;
    let row_group_bytes = args.layout.row_group_bytes(args.form.format());
    let most = (row_group_bytes / SHARE_BYTES).max(ALWAYS_AT_ONCE);
    export.at_most(most, "each has its share of --row-group-bytes, 2 MiB at least");
    let mut options = options_of(
        args.out.lake()?,
        args.form,
        &args.layout,
        &export.source,
        export.concurrency(),
    )?;
    if let (Some(integration), false) = (export.source.request.integration, args.report.quiet) {
        let excluded = &export.source.request.excluded_fields;
        let is_wanted = |field: &str| {
            options.columns.contains(field) && !excluded.iter().any(|name| name == field)
        };
        remarks::tell_of_null_columns(integration, is_wanted);
        remarks::tell_of_uses(integration, uses(&options));
    }
    options.limits = export.limits();
    options.strict = args.strict;
    let store = match export.source.is_read_once() {
        true => None,
        false => checkpoints::beside_files(&args.checkpoint, &args.out)?,
    };
    let out = args.checkpoint.checkpoint.is_some().then(|| args.out.absolute());
    let typed = match &args.checkpoint.checkpoint {
        Some(place) => format!("--checkpoint {}", quoted(&place.to_string())),
        None => format!("--out {}", quoted(&args.out.to_string())),
    };
    let elsewhere = match (&store, args.checkpoint.checkpoint) {
        (Some(_), Some(place)) if !place.is_same(&checkpoints::folder(&args.out)) => Some(place),
        _ => None,
    };
    let beside = match store.is_none() || elsewhere.is_some() {
        true => Some(checkpoints::folder(&args.out).store()?),
        false => None,
    };
    // Before anything is asked for or written.
    let (run, lock) = match export.source.accounts.are_many() {
        true => {
            let run = RunClaim::reserve(options.lake.clone()).await?;
            (Some(RwLock::new(Some(run))), checkpoints::lock_all(elsewhere.as_ref())?)
        }
        false => (None, None),
    };
    let since = args.checkpoint.skip_newer_than.as_ref().map_or(UNIX_EPOCH, SkipNewer::since);
    let standings = Standings::new(options.lake.clone(), since);
    let place = args.out.to_string();
    let is_part = !export.source.is_from_the_first_page();
    let pending = OnceCell::new();
    let files = Files {
        options,
        store,
        typed,
        elsewhere,
        beside,
        out,
        place,
        run,
        _lock: lock,
        standings,
        pending,
        is_part,
        other_layouts: OnceCell::new(),
        is_quiet: args.report.quiet,
        learnt: Mutex::default(),
    };
    export.run(files).await
}

/// Files in one place.
struct Files {
    /// Those of every snapshot.
    options: ParquetOptions,
    store: Option<Store>,
    /// The flags that say where that is.
    typed: String,
    /// Where checkpoints are, if they are not beside the files: in a directory one run at a time keeps its own.
    elsewhere: Option<Place>,
    /// The checkpoints beside the files, if they are not those that are kept: of what is there of them, nothing
    /// can be gone on with any more.
    beside: Option<Store>,
    /// The place, where checkpoints are in another: several may keep theirs there.
    out: Option<String>,
    /// The place as it was typed.
    place: String,
    /// Where there are many accounts: the run's own claim, which is begun with its first snapshot.
    run: Option<RwLock<Option<RunClaim>>>,
    /// There too, the lock of checkpoints that are elsewhere.
    _lock: Option<CheckpointLock>,
    /// What has become of snapshots that were complete.
    standings: Standings,
    /// What was pending when the first account was looked at that need not be read again. What has become so since
    /// is another run's.
    pending: OnceCell<HashSet<String>>,
    /// Whether reading begins at a cursor, so that what is read is no snapshot of an account.
    is_part: bool,
    /// What lay there when the first account was begun that is laid out in another way, which people were told of.
    other_layouts: OnceCell<Vec<OtherLayout>>,
    is_quiet: bool,
    /// How the last `remote_data` was typed by a look, and of which account.
    learnt: Mutex<Option<(Option<Arc<str>>, RemoteSchema)>>,
}

impl Files {
    /// What a checkpoint is of.
    fn identity(&self, identity: Identity) -> Identity {
        let identity = layout::layout(identity, &self.options).with("strict", self.options.strict);
        match &self.out {
            Some(out) => identity.with("out", out),
            None => identity,
        }
    }

    async fn begin_run(&self) -> Result<()> {
        let Some(run) = &self.run else { return Ok(()) };
        let is_begun = run.read().await.as_ref().is_none_or(RunClaim::is_begun);
        match run.write().await.as_mut() {
            Some(run) if !is_begun => run.begin().await,
            _ => Ok(()),
        }
    }

    /// Tells once what lies there that is laid out in another way, before licenses are asked for.
    async fn look_at_layouts(&self) -> Result<()> {
        let look = async || {
            let others = self.options.other_layouts().await?;
            if let (Some(words), false) = (layouts::words(&self.place, &others), self.is_quiet) {
                say!("warning: {words}");
            }
            Ok(others)
        };
        self.other_layouts.get_or_try_init(look).await.map(drop)
    }

    /// Whether another run over many accounts has taken the place of this one; `false` where none can.
    async fn is_overtaken(&self) -> Result<bool> {
        match &self.run {
            Some(run) => match &*run.read().await {
                Some(run) => run.is_overtaken().await,
                None => Ok(false),
            },
            None => Ok(false),
        }
    }

    /// The claim of an account, as a part of the run.
    async fn claim(&self, account: Option<&str>) -> Result<Claim> {
        let claim = Claim::take(self.options.lake.clone(), account).await?;
        Ok(match &self.run {
            Some(run) => match &*run.read().await {
                Some(run) => claim.of_run(run),
                None => claim,
            },
            None => claim,
        })
    }
}

impl Sinks for Files {
    type Sink = ParquetSink;

    async fn sink(
        &self,
        wanted: &Wanted,
        identity: Identity,
        attempt: u32,
    ) -> Result<Opened<ParquetSink>> {
        let mut options = self.options.clone();
        let identity = self.identity(identity);
        self.begin_run().await?;
        // Once more behind each claim, which takes its account from whoever has it. Here, so that two runs which start
        // at the same moment do not take accounts from each other.
        if let Some(run) = &self.run
            && let Some(run) = &*run.read().await
        {
            run.check().await?;
        }
        // First the claim: what is read behind it cannot change any more.
        let claim = Arc::new(self.claim(wanted.id()).await?);
        let lock = match &self.elsewhere {
            Some(Place::Directory(directory)) => {
                Some(CheckpointLock::take(directory, identity.key())?)
            }
            // Whoever reads a checkpoint in an object store takes it over.
            Some(Place::Bucket(_)) | None => None,
        };
        let beginning = checkpoints::beginning(self.store.as_ref(), &identity, attempt).await?;
        let beginning = claim.unless_complete(beginning).await?;
        options.account.clone_from(&wanted.account);
        if let Some(integration) = wanted.known_name() {
            options.integration = Some(integration);
        }
        let is_wanted = options.partition_by.iter().any(PartitionField::is_integration);
        if is_wanted && options.integration.is_none() && !self.is_quiet {
            let whose = wanted.id().map(|id| format!(" of account {id}")).unwrap_or_default();
            say!(
                "warning: the API does not tell the integration{whose}: its directory is that of null, \
                 integration=__HIVE_DEFAULT_PARTITION__"
            );
        }
        options.snapshot_id = beginning.snapshot_id().into();
        options.files_before = beginning.pieces().to_vec();
        // Before anything is passed over: what is said to be in them is nowhere else.
        claim.prove(&options.files_before).await?;
        if let Some(beside) = &self.beside {
            // Its files are removed, and whoever found it would rely on them.
            beside.remove(identity.key()).await?;
        }
        claim.remove_unfinished(&options.files_before).await?;
        self.look_at_layouts().await?;
        let mut manifest = manifest(options.account.as_deref(), &beginning);
        manifest.integration = options.integration.as_deref().map(str::to_owned);
        manifest.is_part = self.is_part;
        let mut completion = Completion::new(Arc::clone(&claim), manifest);
        if let Some(store) = &self.store {
            let keeper = Keeper::new(Arc::clone(store), identity, &beginning).holding(lock);
            completion = completion.and_then(Box::new(keeper));
        }
        let sink = ParquetSink::within(claim, options).await?;
        Ok(Opened { sink, beginning, journal: Some(Box::new(completion)) })
    }

    async fn last(&self, identity: Identity) -> Result<Option<Checkpoint>> {
        let Some(store) = &self.store else { return Ok(None) };
        let identity = self.identity(identity);
        let last = store.peek(identity.key()).await?;
        Ok(last.filter(|last| identity.is_of(last)))
    }

    /// The manifest decides: a run that was killed behind it has left the checkpoint behind, and somebody may have
    /// removed the one and not the other.
    async fn standing(&self, wanted: &Wanted, last: &Checkpoint) -> Result<Last> {
        // As if it were read: where it is the last of the run, `_SUCCESS` is to be written.
        self.begin_run().await?;
        let (lake, account) = (&self.options.lake, wanted.id());
        let pending =
            self.pending.get_or_try_init(|| async { lake.pending().await.map(HashSet::from_iter) });
        let is_settled = last.is_complete && !pending.await?.contains(account.unwrap_or(&last.key));
        // What nobody has come to say any more is said first: it may be that the manifest is not there yet.
        let claim = if is_settled { None } else { Some(self.claim(account).await?) };
        Ok(match self.standings.of(account, &last.snapshot_id).await? {
            Standing::Whole => {
                if let Some(claim) = claim {
                    claim.settle_if_complete(&last.snapshot_id).await?;
                }
                Last::Complete
            }
            Standing::Unfinished => Last::Unfinished,
            Standing::Damaged(why) => Last::Damaged(why),
        })
    }

    fn written(
        &self,
        account: Option<&str>,
        summary: &mut Summary<ParquetReport>,
        _: bool,
    ) -> Written {
        let mut remote = Remote { not_held: summary.report.not_held, untyped: 0 };
        let is_look = self.options.remote_data == RemoteData::Infer;
        if let (true, Some(schema)) = (is_look, summary.report.remote_data.take()) {
            let mut learnt = self.learnt.lock().unwrap_or_else(PoisonError::into_inner);
            *learnt = Some((account.map(Arc::from), schema));
        } else if is_look && !summary.report.files.is_empty() {
            remote.untyped = 1;
        }
        let files = &summary.report.files;
        let bytes = files.iter().map(|file| file.bytes).sum();
        Written {
            into: self.place(files.len() as u64, bytes),
            records: files.iter().map(|file| file.rows).sum(),
            bytes,
            unexpected: summary.report.unexpected.clone(),
            tombstones: None,
            remote,
            earlier: Earlier::Nothing,
            destination: Destination::Files(
                files.iter().map(|file| file.path.display().to_string()).collect(),
            ),
        }
    }

    fn checkpoints(&self) -> String {
        self.typed.clone()
    }

    fn place(&self, files: u64, bytes: u64) -> String {
        let noun = if files == 1 { "file" } else { "files" };
        let (files, out) = (human_count(files), &self.options.lake);
        format!("in {files} {noun} of {} in {out}", human_bytes(bytes))
    }

    async fn end(&self, is_complete: bool) -> Result<()> {
        let Some(run) = &self.run else { return Ok(()) };
        match run.write().await.take() {
            Some(run) => run.end(is_complete).await,
            None => Ok(()),
        }
    }

    async fn unfinished(&self) -> Unfinished {
        // A part leaves its own account unfinished, as it is asked to.
        if self.is_part {
            return Unfinished::default();
        }
        // All is done: what cannot be looked at any more makes no failure of it.
        let names = self.options.lake.pending().await.unwrap_or_default();
        Unfinished::new(self.place.clone(), names)
    }

    /// Those that were there before, and where `remote_data` was typed by a look, what was typed otherwise of the same
    /// account. Others have their own struct each.
    async fn other_layouts(&self, is_complete: bool) -> Vec<OtherLayout> {
        let mut others = self.other_layouts.get().cloned().unwrap_or_default();
        let learnt = self.learnt.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((account, schema)) = learnt.filter(|_| is_complete && self.run.is_none()) else {
            return others;
        };
        let mut options = self.options.clone();
        options.remote_data = RemoteData::Typed(schema);
        let name = account.as_deref().unwrap_or("input");
        // All is done: what cannot be looked at any more makes no failure of it.
        let found = options.other_layouts().await.unwrap_or_default();
        let is_told =
            |it: &OtherLayout| others.iter().any(|told| told.differences == it.differences);
        let new: Vec<_> =
            found.into_iter().filter(|it| it.account == name && !is_told(it)).collect();
        if let (Some(words), false) = (layouts::words(&self.place, &new), self.is_quiet) {
            say!("warning: {words}");
        }
        others.extend(new);
        others
    }

    fn keeps_extra(&self) -> bool {
        self.options.columns.contains("_extra")
    }

    fn has_column(&self, field: &str) -> bool {
        self.options.columns.contains(field)
    }

    fn uses(&self) -> Vec<Use> {
        uses(&self.options)
    }

    fn destination(&self) -> String {
        self.options.lake.to_string()
    }

    async fn is_shared(&self, error: &Error) -> bool {
        // A disk is as full for the next account as for this one.
        if is_storage_full(error) || license_stream::cloud::is_away(error) {
            return true;
        }
        // Where the other run is one over many accounts too, all of them are its own now. One of a single account takes
        // that account alone. Of checkpoints that are elsewhere nobody knows.
        is_overtaken(error)
            && (matches!(self.elsewhere, Some(Place::Bucket(_)))
                || self.is_overtaken().await.unwrap_or(true))
    }
}

/// What earlier runs have made of the snapshot.
fn manifest(account: Option<&str>, beginning: &Beginning) -> Manifest {
    let mut manifest = Manifest::new(account, beginning.snapshot_id());
    if let Beginning::Resumed(checkpoint) = beginning {
        manifest.records = checkpoint.records;
        manifest.rejected = checkpoint.rejected;
        manifest.files.clone_from(&checkpoint.pieces);
    }
    manifest
}
