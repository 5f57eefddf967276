//! What is kept between runs: for a run that begins, and `license-stream checkpoint`.

use std::collections::{BTreeSet, HashSet};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use license_stream::checkpoint::{
    Beginning, Checkpoint, CheckpointLock, CheckpointStore, Identity, Listed,
};
use license_stream::digest::Digester;
use license_stream::sink::kafka::{KafkaStore, Topic};
use license_stream::sink::parquet::{Claim, Lake};
use license_stream::truto::LicenseRequest;
use license_stream::{Error, ErrorKind, Result, printable};
use serde_json::json;

use crate::args::{
    CheckpointArgs, CheckpointsArgs, ResetArgs, SettingArgs, ShowArgs, SourceArgs, StoreArgs,
};
use crate::exit::Exit;
use crate::listing::Listing;
use crate::place::Place;
use crate::report::{chain, counted, human_bytes, human_count};
use crate::screen::say;
use crate::settings;

/// Where checkpoints are, whatever that is.
pub(crate) type Store = Arc<dyn CheckpointStore>;

/// The folder beside the data in which `parquet` keeps what is its own.
const OWN: &str = "_license-stream";

/// The key of inputs of no account.
const NO_ACCOUNT: &str = "input";

/// What is pending in a lake while files are merged, or once that was killed. It is no account's.
pub(crate) const COMPACTED: &str = "compacted";

const PATIENCE: Duration = Duration::from_secs(30);

/// Where runs keep checkpoints that write files to `out`; `None` if they keep none.
pub(crate) fn beside_files(args: &CheckpointArgs, out: &Place) -> Result<Option<Store>> {
    match &args.checkpoint {
        _ if args.no_checkpoint => Ok(None),
        Some(place) => place.store().map(Some),
        None => folder(out).store().map(Some),
    }
}

/// The lock of checkpoints at `place`, for a run over several accounts. An object store has none: there the run that
/// begins later takes over.
pub(crate) fn lock_all(place: Option<&Place>) -> Result<Option<CheckpointLock>> {
    match place {
        Some(Place::Directory(directory)) => CheckpointLock::take_all(directory).map(Some),
        Some(Place::Bucket(_)) | None => Ok(None),
    }
}

/// Where checkpoints are that are beside the files in `out`.
pub(crate) fn folder(out: &Place) -> Place {
    out.folder(OWN)
}

/// The topic of the checkpoints of runs that produce to `topic`, which may be a template.
///
/// # Errors
/// If its name would be too long.
pub(crate) fn topic_beside(topic: &Topic) -> Result<String> {
    let name = format!("{}{BESIDE}", topic.family());
    name.parse::<Topic>().map_err(|error| {
        let message = format!(
            "checkpoints would be in a topic of another name than Kafka allows: {}; shorten --topic, or keep them elsewhere \
             with --checkpoint",
            error.message()
        );
        Error::new(ErrorKind::Configuration, message)
    })?;
    Ok(name)
}

/// The topic whose checkpoints are in the one of this name, if they are.
pub(crate) fn kept_in(name: &str) -> Option<&str> {
    name.strip_suffix(BESIDE)
}

const BESIDE: &str = ".checkpoints";

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
            if let Some(accept) = &request.accept {
                identity = identity.with("accept", accept);
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

/// What is advised where a checkpoint is in the way.
const RESET: &str = "`license-stream checkpoint reset";

/// `error` with the command that it may advise as it can be typed: for the checkpoint of `key`, which is where the
/// flags `place` say. Who says it first knows of neither.
pub(crate) fn as_typed(error: Error, key: &str, place: &str) -> Error {
    error.map_message(|message| {
        let Some((before, after)) = message.split_once(RESET) else { return message };
        let after = after.strip_prefix(" --account").unwrap_or(after);
        let after = after.strip_prefix(&format!(" {key}")).unwrap_or(after);
        format!("{before}{RESET} {place} --account {key}{after}")
    })
}

/// A value as a shell takes it.
pub(crate) fn quoted(value: &str) -> String {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "-_./:@,=+%".contains(char);
    match !value.is_empty() && value.chars().all(is_plain) {
        true => value.to_owned(),
        false => format!("'{}'", value.replace('\'', r"'\''")),
    }
}

pub(crate) async fn run(args: CheckpointsArgs) -> anyhow::Result<Exit> {
    match args {
        CheckpointsArgs::Show(args) => show(args).await,
        CheckpointsArgs::Reset(args) => reset(args).await,
    }
}

async fn show(args: ShowArgs) -> anyhow::Result<Exit> {
    let Opened { store, place: there, remark, .. } = open(&args.store).await?;
    let listed = match store {
        Some(store) => store.list().await?,
        None => Vec::new(),
    };
    match remark {
        Some(remark) => say!("warning: {remark}"),
        None if listed.is_empty() => say!("no checkpoints in {there}"),
        None => {}
    }
    let place = args.store.typed();
    let mut out = Listing::begin();
    if !args.json && !listed.is_empty() {
        writeln!(out, "{}", row("account", "snapshot", "licenses", "read", "files"))?;
    }
    let mut exit = Exit::Done;
    for Listed { key, checkpoint } in listed {
        match (checkpoint, args.json) {
            (Ok(checkpoint), true) => out.write_all(&checkpoint.to_json())?,
            (Ok(checkpoint), false) => writeln!(out, "{}", described(&key, &checkpoint))?,
            (Err(error), is_json) => {
                exit = exit.worse(Exit::Failed);
                let error = printable(&chain(&as_typed(error, &key, &place)), MOST_OF_AN_ERROR);
                if is_json {
                    writeln!(out, "{}", json!({ "key": key, "error": error }))?;
                } else {
                    writeln!(out, "{key:<36}  unreadable  {error}")?;
                }
            }
        }
    }
    Ok(exit)
}

/// What is shown of why a checkpoint cannot be read.
const MOST_OF_AN_ERROR: usize = 600;

fn row(account: &str, state: &str, records: &str, bytes: &str, files: &str) -> String {
    format!("{account:<36}  {state:<10}  {records:>11}  {bytes:>7}  {files:>5}")
}

fn described(key: &str, checkpoint: &Checkpoint) -> String {
    let state = match checkpoint.is_complete {
        // Nothing is left to be read of it, and the pages before the cursor are not in it.
        true if checkpoint.options.contains_key("next_cursor") => "part",
        true => "complete",
        false => "unfinished",
    };
    let bytes = human_bytes(checkpoint.place.position.byte);
    let files = human_count(checkpoint.pieces.len() as u64);
    row(key, state, &human_count(checkpoint.records), &bytes, &files)
}

async fn reset(args: ResetArgs) -> anyhow::Result<Exit> {
    let opened = open(&args.store).await?;
    let pending = opened.pending().await?;
    let keys: Vec<_> = match &opened.store {
        // By their names: one that cannot be read is forgotten too.
        Some(store) if args.all => {
            let listed = store.list().await?.into_iter().map(|listed| listed.key);
            listed.chain(pending.iter().cloned()).collect::<BTreeSet<_>>().into_iter().collect()
        }
        _ => args.account,
    };
    let mut exit = Exit::Done;
    match &opened.remark {
        // Others may be there.
        Some(remark) if args.all => {
            say!("warning: {remark}");
            exit = Exit::Failed;
        }
        None if keys.is_empty() => say!("no checkpoints in {}", opened.place),
        _ => {}
    }
    for key in keys {
        // What keeps one from being forgotten is no matter of the others.
        let reset = opened.reset(&key, pending.contains(&key)).await;
        if args.json {
            let said = match &reset {
                Ok(removed) => json!({
                    "key": key, "reset": removed.is_some(), "files_removed": removed.unwrap_or_default(),
                }),
                Err(error) => json!({ "key": key, "error": chain(error) }),
            };
            writeln!(std::io::stdout(), "{said}")?;
        }
        match reset {
            Ok(Some(_)) if args.json => {}
            Ok(Some(removed)) => {
                let meanwhile = opened.meanwhile;
                let removed = match counted(removed as u64, "file", "files") {
                    _ if removed == 0 => String::new(),
                    (count, noun) => format!("; {count} {noun} of an unfinished one removed"),
                };
                say!("reset: the next run of {key} begins a new snapshot{removed}{meanwhile}");
            }
            Ok(None) => {
                say!("there is no checkpoint of {key} in {}", opened.place);
                exit = exit.worse(Exit::Failed);
            }
            Err(error) => {
                say!("error: {}", chain(&error));
                exit = exit.worse(Exit::of_kind(error.kind()));
            }
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
    /// The files that they are of, where they are beside them.
    lake: Option<Lake>,
    /// Where runs lock what is theirs.
    locks: Option<PathBuf>,
    /// Why not all is seen.
    remark: Option<String>,
    /// What is to be said of a run that is under way, where no lock tells of one.
    meanwhile: &'static str,
}

impl Opened {
    fn of(store: Option<Store>, place: String) -> Self {
        Self { store, place, lake: None, locks: None, remark: None, meanwhile: "" }
    }

    /// The accounts whose last snapshot is unfinished in the lake.
    async fn pending(&self) -> Result<HashSet<String>> {
        let Some(lake) = &self.lake else { return Ok(HashSet::new()) };
        let pending = lake.pending().await?.into_iter();
        Ok(pending.filter(|name| name != COMPACTED && !name.starts_with("run.")).collect())
    }

    /// Forgets the checkpoint of `key`, and where that is `pending` in a lake, what there is of its last snapshot; how
    /// many files that were. `None` if there was neither.
    async fn reset(&self, key: &str, is_pending: bool) -> Result<Option<usize>> {
        let Some(store) = &self.store else { return Ok(None) };
        // Held until it is gone.
        let lock = match &self.locks {
            Some(directory) => CheckpointLock::take_to_reset(directory, key)?,
            None => None,
        };
        if let Some(lake) = self.lake.as_ref().filter(|_| is_pending) {
            // It is the same lock, and says who has it in other words.
            drop(lock);
            let claim = Claim::take(lake.clone(), Some(key)).await?;
            // Before the files: a run that found it would rely on them.
            store.remove(key).await?;
            return claim.forget().await.map(Some);
        }
        match (store.remove(key).await?, &self.remark) {
            (false, Some(remark)) => {
                let message = format!("no checkpoint of {key} was found: {remark}");
                Err(Error::new(ErrorKind::Destination, message))
            }
            (was_there, _) => Ok(was_there.then_some(0)),
        }
    }
}

async fn open(args: &StoreArgs) -> Result<Opened> {
    match (&args.out, &args.checkpoint, &args.topic, &args.brokers) {
        (Some(out), ..) => {
            check_directory(out)?;
            let opened = look_into(&out.folder(OWN))?;
            Ok(Opened { lake: Some(out.lake()?), ..opened })
        }
        (_, Some(place), ..) => {
            check_directory(place)?;
            look_into(place)
        }
        (_, _, Some(topic), Some(brokers)) => {
            let config = settings::config(brokers, &args.settings)?;
            let topic = topic_beside(&topic.parse()?)?;
            let Some(seen) = KafkaStore::find(&config, &topic, PATIENCE).await? else {
                return Ok(Opened::of(None, format!("topic {topic}, which is not there")));
            };
            let opened = Opened::of(Some(Arc::new(seen.store)), format!("topic {topic}"));
            let meanwhile = ", unless a run is under way, which keeps its checkpoint anew";
            Ok(Opened { remark: seen.remark, meanwhile, ..opened })
        }
        _ => {
            let message = "name a place with --out, --checkpoint, or --topic and --brokers";
            Err(Error::new(ErrorKind::Configuration, message))
        }
    }
}

fn look_into(place: &Place) -> Result<Opened> {
    let opened = Opened::of(Some(place.store()?), place.to_string());
    Ok(match place {
        Place::Directory(directory) => Opened { locks: Some(directory.clone()), ..opened },
        Place::Bucket(_) => {
            Opened { meanwhile: "; a run that is under way ends with an error", ..opened }
        }
    })
}

impl StoreArgs {
    /// The flags that say where the checkpoints are.
    fn typed(&self) -> String {
        let place = |flag: &str, place: &Place| format!("{flag} {}", quoted(&place.to_string()));
        match (&self.out, &self.checkpoint, &self.topic, &self.brokers) {
            (Some(out), ..) => place("--out", out),
            (_, Some(checkpoint), ..) => place("--checkpoint", checkpoint),
            (_, _, topic, brokers) => in_topic(
                topic.as_deref().unwrap_or_default(),
                brokers.as_deref().unwrap_or_default(),
                &self.settings,
            ),
        }
    }
}

/// The flags of checkpoints beside a topic. Settings that are typed may be secrets, and are not told.
pub(crate) fn in_topic(topic: &str, brokers: &str, settings: &SettingArgs) -> String {
    let file = settings.kafka_config.as_deref();
    let file = file.map(|file| format!(" --kafka-config {}", quoted(&file.display().to_string())));
    let file = file.unwrap_or_default();
    format!("--topic {} --brokers {}{file}", quoted(topic), quoted(brokers))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_advised_can_be_typed_whoever_says_it() {
        for said in [
            "begin anew after `license-stream checkpoint reset`",
            "begin anew after `license-stream checkpoint reset --account`",
            "begin anew after `license-stream checkpoint reset --account a-1`",
        ] {
            let error = Error::new(ErrorKind::Configuration, said).of_account("a-1");
            let typed = as_typed(error, "a-1", "--out lake");
            let wanted =
                "begin anew after `license-stream checkpoint reset --out lake --account a-1`";
            assert_eq!((typed.message(), typed.account()), (wanted, Some("a-1")));
        }
        let other = as_typed(Error::new(ErrorKind::Input, "it is cut"), "a", "--out lake");
        assert_eq!(other.message(), "it is cut");
    }

    #[test]
    fn what_a_shell_would_take_apart_is_quoted() {
        let values = [
            ("s3://lake/a-1", "s3://lake/a-1"),
            ("my lake", "'my lake'"),
            ("licenses-{status}", "'licenses-{status}'"),
            ("it's", r"'it'\''s'"),
            ("", "''"),
        ];
        for (value, wanted) in values {
            assert_eq!(quoted(value), wanted);
        }
    }
}
