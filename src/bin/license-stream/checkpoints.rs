//! What is kept between runs: for a run that begins, and `license-stream checkpoint`.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use license_stream::checkpoint::{Beginning, Checkpoint, CheckpointStore, Identity};
use license_stream::digest::Digester;
use license_stream::sink::kafka::{KafkaStore, Topic};
use license_stream::truto::LicenseRequest;
use license_stream::{Error, ErrorKind, Result};

use crate::args::{CheckpointArgs, CheckpointsArgs, ResetArgs, ShowArgs, SourceArgs, StoreArgs};
use crate::exit::Exit;
use crate::place::Place;
use crate::report::{human_bytes, human_count, say};
use crate::settings;

/// Where checkpoints are, whatever that is.
pub(crate) type Store = Arc<dyn CheckpointStore>;

/// The folder beside the data in which `parquet` keeps what is its own.
const OWN: &str = "_license-stream";

/// The key of inputs of no account.
const NO_ACCOUNT: &str = "input";

const PATIENCE: Duration = Duration::from_secs(30);

/// Where runs keep checkpoints that write files to `out`; `None` if they keep none.
pub(crate) fn beside_files(args: &CheckpointArgs, out: &Place) -> Result<Option<Store>> {
    match &args.checkpoint {
        _ if args.no_checkpoint => Ok(None),
        Some(place) => place.store().map(Some),
        None => folder(out).store().map(Some),
    }
}

/// Where checkpoints are that are beside the files in `out`.
pub(crate) fn folder(out: &Place) -> Place {
    out.folder(OWN)
}

/// The topic of the checkpoints of runs that produce to `topic`, which may be a template.
pub(crate) fn topic_beside(topic: &Topic) -> String {
    format!("{}.checkpoints", topic.family())
}

/// What the run of an account begins with. A snapshot that was given up in this run is not gone on with.
pub(crate) async fn beginning(
    store: Option<&Store>,
    identity: &Identity,
    attempt: u32,
) -> Result<Beginning> {
    match store.filter(|_| attempt == 0) {
        None => Ok(Beginning::new()),
        Some(store) => Beginning::of(store.load(identity.key()).await?, identity),
    }
}

/// What a checkpoint of this source is of. Everything is in it by which other records would come, but for
/// the API's address, which may change: whether it gives the same is found out.
pub(crate) fn identity(source: &SourceArgs, request: Option<&LicenseRequest>) -> Identity {
    let account = source.accounts.only().unwrap_or(NO_ACCOUNT);
    let mut identity = match request {
        None => Identity::new(account),
        Some(request) => Identity::new(request.account.as_deref().unwrap_or(NO_ACCOUNT)),
    };
    match (&source.input, request) {
        (Some(path), _) => identity = identity.with("input", path.display()),
        (None, Some(request)) => {
            for (name, value) in request.parameters() {
                identity = match name.as_str() {
                    "integrated_account_id" => identity,
                    // It is between the user and the provider.
                    name if name.starts_with("remote_query") => identity.with(name, digest(&value)),
                    // May be there several times.
                    "truto_exclude_fields[]" => identity.with(format!("{name}{value}"), "set"),
                    name => identity.with(name, value),
                };
            }
        }
        (None, None) => {}
    }
    identity.with("shape", format!("{:?}", source.shape).to_lowercase())
}

fn digest(value: &str) -> String {
    let mut digester = Digester::default();
    digester.update(value.as_bytes());
    digester.digest().to_string()
}

pub(crate) async fn run(args: CheckpointsArgs) -> anyhow::Result<Exit> {
    match args {
        CheckpointsArgs::Show(args) => show(args).await,
        CheckpointsArgs::Reset(args) => reset(args).await,
    }
}

async fn show(args: ShowArgs) -> anyhow::Result<Exit> {
    let Opened { store, place } = open(&args.store).await?;
    let checkpoints = match store {
        Some(store) => store.list().await?,
        None => Vec::new(),
    };
    if checkpoints.is_empty() {
        say!("no checkpoints in {place}");
    }
    let mut out = std::io::stdout().lock();
    if args.json {
        for checkpoint in &checkpoints {
            out.write_all(&checkpoint.to_json())?;
        }
        return Ok(Exit::Done);
    }
    let row = |account: &str, state: &str, records: &str, bytes: &str, files: &str| {
        format!("{account:<36}  {state:<10}  {records:>11}  {bytes:>7}  {files:>5}")
    };
    writeln!(out, "{}", row("account", "snapshot", "licenses", "read", "files"))?;
    for Checkpoint { key, is_complete, records, place, pieces, .. } in &checkpoints {
        let state = if *is_complete { "complete" } else { "unfinished" };
        let bytes = human_bytes(place.position.byte);
        let files = human_count(pieces.len() as u64);
        writeln!(out, "{}", row(key, state, &human_count(*records), &bytes, &files))?;
    }
    Ok(Exit::Done)
}

async fn reset(args: ResetArgs) -> anyhow::Result<Exit> {
    let Opened { store, place } = open(&args.store).await?;
    let keys = match &store {
        Some(store) if args.all => {
            store.list().await?.into_iter().map(|checkpoint| checkpoint.key).collect()
        }
        _ => args.account,
    };
    if keys.is_empty() {
        say!("no checkpoints in {place}");
    }
    let mut exit = Exit::Done;
    for key in keys {
        let was_there = match &store {
            Some(store) => store.remove(&key).await?,
            None => false,
        };
        if was_there {
            say!("reset: the next run of {key} begins a new snapshot");
        } else {
            say!("there is no checkpoint of {key} in {place}");
            exit = Exit::Failed;
        }
    }
    Ok(exit)
}

/// Where checkpoints are to be looked at.
struct Opened {
    /// `None` where no run has kept any.
    store: Option<Store>,
    /// For people.
    place: String,
}

async fn open(args: &StoreArgs) -> Result<Opened> {
    match (&args.out, &args.checkpoint, &args.topic, &args.brokers) {
        (Some(out), ..) => {
            check_directory(out)?;
            look_into(&out.folder(OWN))
        }
        (_, Some(place), ..) => {
            check_directory(place)?;
            look_into(place)
        }
        (_, _, Some(topic), Some(brokers)) => {
            let config = settings::config(brokers, &args.settings)?;
            let topic = topic_beside(&topic.parse()?);
            let store = KafkaStore::find(&config, &topic, PATIENCE).await?;
            let (store, place) = match store {
                Some(store) => (Some(Arc::new(store) as Store), format!("topic {topic}")),
                None => (None, format!("topic {topic}, which is not there")),
            };
            Ok(Opened { store, place })
        }
        _ => {
            let message = "name a place with --out, --checkpoint, or --topic and --brokers";
            Err(Error::new(ErrorKind::Configuration, message))
        }
    }
}

fn look_into(place: &Place) -> Result<Opened> {
    Ok(Opened { store: Some(place.store()?), place: place.to_string() })
}

/// What is not there was mistyped.
fn check_directory(place: &Place) -> Result<()> {
    match place {
        Place::Directory(directory) if !directory.is_dir() => {
            let message = format!(
                "{} is no directory: no run has kept a checkpoint there",
                directory.display()
            );
            Err(Error::new(ErrorKind::Configuration, message))
        }
        Place::Directory(_) | Place::Bucket(_) => Ok(()),
    }
}
