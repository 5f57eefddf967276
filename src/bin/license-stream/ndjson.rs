//! `license-stream ndjson`

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use license_stream::checkpoint::{Beginning, Identity};
use license_stream::decode::Limits;
use license_stream::decode::arrow::Unexpected;
use license_stream::pipeline::{Outcome, Summary};
use license_stream::sink::ndjson::{NdjsonReport, NdjsonSink};
use license_stream::{Error, ErrorKind, Result};
use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWrite;

use crate::args::NdjsonArgs;
use crate::distinct::{STDOUT, check_distinct};
use crate::exit::Exit;
use crate::export::{Export, Opened, Sinks};
use crate::input;
use crate::snapshots::{Destination, Written};
use crate::turns::Turns;
use crate::wanted::Wanted;

pub(crate) async fn run(args: NdjsonArgs) -> anyhow::Result<Exit> {
    check_files(&args)?;
    let export = Export::new(args.source, args.rejects, args.stop, args.report)?;
    let out = match args.out {
        None => Out::Stdout(Turns::of(tokio::io::stdout())),
        Some(path) if export.source.accounts.are_many() => {
            std::fs::create_dir_all(&path).map_err(|error| {
                let message = format!(
                    "--out is a directory where there are many accounts, and {} cannot be made",
                    path.display()
                );
                Error::new(ErrorKind::Destination, message).caused_by(error)
            })?;
            Out::Directory(path)
        }
        Some(path) if is_special(&path) => Out::Special(path),
        Some(path) => Out::File(path),
    };
    let (limits, any_json) = (export.limits(), export.source.is_any_json());
    export.run(Lines { out, limits, any_json }).await
}

/// Refuses lines into a file that is read, or that dead letters go to.
fn check_files(args: &NdjsonArgs) -> Result<()> {
    let out = args.out.as_deref().unwrap_or(Path::new(STDOUT));
    let flag = if args.out.is_some() { "--out" } else { "standard output" };
    let others =
        input::input_file(&args.source).into_iter().chain(input::letters_file(&args.rejects));
    let others: Vec<_> = others.collect();
    for out in [out, &partial(out)] {
        check_distinct(&[&others[..], &[(flag, out)]].concat())?;
    }
    Ok(())
}

/// Where lines go.
enum Out {
    /// Accounts take turns, so that lines stay whole.
    Stdout(Turns<tokio::io::Stdout>),
    /// A pipe, or `/dev/null`.
    Special(PathBuf),
    /// One account's file.
    File(PathBuf),
    /// A file for each account.
    Directory(PathBuf),
}

struct Lines {
    out: Out,
    limits: Limits,
    any_json: bool,
}

/// What lines are written to.
type Writer = Pin<Box<dyn AsyncWrite + Send>>;

impl Lines {
    /// The file of an account, if it has one.
    fn path(&self, account: Option<&str>) -> Option<PathBuf> {
        match &self.out {
            Out::Stdout(_) | Out::Special(_) => None,
            Out::File(path) => Some(path.clone()),
            Out::Directory(path) => Some(path.join(format!("{}.ndjson", account?))),
        }
    }

    async fn writer(&self, account: Option<&str>, attempt: u32) -> Result<Writer> {
        match &self.out {
            // What was read by others cannot be taken back.
            Out::Stdout(_) | Out::Special(_) if attempt > 0 => {
                let message = "what was written already \
                    cannot be taken back: write to a file with --out";
                Err(Error::new(ErrorKind::Changed, message))
            }
            Out::Stdout(turns) => Ok(Box::pin(turns.writer())),
            Out::Special(path) => {
                let file = OpenOptions::new().write(true).open(path).await;
                Ok(Box::pin(file.map_err(|error| not_written(path, error))?))
            }
            Out::File(path) => Self::create(path).await,
            Out::Directory(_) => {
                let is_name = |account: &&str| {
                    account
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
                };
                let path = account.filter(is_name).and_then(|_| self.path(account));
                let path = path.ok_or_else(|| {
                    let message = "the account gives its file the name, so it must be letters, digits, \
                        `-` and `_`";
                    Error::new(ErrorKind::Configuration, message)
                })?;
                Self::create(&path).await
            }
        }
    }

    /// Begins the file anew, whatever another attempt has left there.
    async fn create(path: &Path) -> Result<Writer> {
        let file = File::create(partial(path)).await;
        Ok(Box::pin(file.map_err(|error| not_written(path, error))?))
    }
}

impl Sinks for Lines {
    type Sink = NdjsonSink<Writer>;

    async fn sink(
        &self,
        wanted: &Wanted,
        _: Identity,
        attempt: u32,
    ) -> Result<Opened<NdjsonSink<Writer>>> {
        let writer = self.writer(wanted.id(), attempt).await?;
        let sink = NdjsonSink::new(writer, self.limits).with_any_json(self.any_json);
        Ok(Opened::without_journal(sink, Beginning::new()))
    }

    fn written(
        &self,
        account: Option<&str>,
        summary: &mut Summary<NdjsonReport>,
        is_renewed: bool,
    ) -> Written {
        if is_renewed {
            // Only a file is begun anew, and nothing of what was in it is left.
            return Written {
                destination: Destination::Lines {},
                into: String::new(),
                records: 0,
                bytes: 0,
                unexpected: Unexpected::default(),
            };
        }
        let mut into = match &self.out {
            Out::Special(path) => Some(path.clone()),
            _ => None,
        };
        if let Some(path) = self.path(account) {
            let is_complete = summary.outcome.is_complete();
            match if is_complete { publish(&path) } else { keep(&path) } {
                Ok(kept) => into = kept,
                Err(error) => {
                    summary.outcome = Outcome::Failed;
                    summary.error.get_or_insert(not_written(&path, error));
                }
            }
        }
        Written {
            destination: Destination::Lines {},
            into: into
                .map_or_else(|| "written".to_owned(), |path| format!("in {}", path.display())),
            records: summary.counts.records,
            bytes: summary.report.bytes,
            unexpected: Unexpected::default(),
        }
    }

    fn place(&self, _: u64, _: u64) -> String {
        match &self.out {
            Out::Stdout(_) => "written".to_owned(),
            Out::Special(path) | Out::File(path) | Out::Directory(path) => {
                format!("in {}", path.display())
            }
        }
    }

    fn is_stdout(&self) -> bool {
        matches!(self.out, Out::Stdout(_))
    }

    /// Whoever has stopped reading the lines of one account reads those of no other.
    fn is_shared(&self, error: &Error) -> bool {
        matches!(self.out, Out::Stdout(_) | Out::Special(_))
            && error.kind() == ErrorKind::Destination
    }
}

/// Whether there is something that a file must not take the place of: a pipe, or `/dev/null`.
fn is_special(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| !metadata.is_file())
}

/// What there is of a file before it is whole: `FILE.partial` beside it.
fn partial(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{name}.partial"))
}

/// Gives the file its name, once its bytes are on disk; the directory is synced too, since a rename
/// that is not would be lost with the power.
fn publish(path: &Path) -> io::Result<Option<PathBuf>> {
    let partial = partial(path);
    std::fs::File::open(&partial)?.sync_all()?;
    std::fs::rename(&partial, path)?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    std::fs::File::open(directory.unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(Some(path.to_owned()))
}

/// Leaves the lines that came as they are, if there are any: an older file of the name itself is whole,
/// and better than a part.
fn keep(path: &Path) -> io::Result<Option<PathBuf>> {
    let partial = partial(path);
    match partial.metadata() {
        Ok(metadata) if metadata.len() > 0 => Ok(Some(partial)),
        Ok(_) => std::fs::remove_file(&partial).map(|()| None),
        // An earlier attempt was as empty.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn not_written(path: &Path, error: io::Error) -> Error {
    Error::new(ErrorKind::Destination, format!("{} could not be written", path.display()))
        .caused_by(error)
}
