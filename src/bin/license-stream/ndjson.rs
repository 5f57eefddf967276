//! `license-stream ndjson`

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
use crate::export::Export;
use crate::input;
use crate::partial::{PartialFiles, lock_directory, not_written, partial};
use crate::sinks::{Opened, Sinks, is_storage_full};
use crate::snapshots::{Destination, Earlier, Remote, Written};
use crate::turns::Turns;
use crate::wanted::Wanted;

pub(crate) async fn run(args: NdjsonArgs) -> anyhow::Result<Exit> {
    check_files(&args)?;
    let export = Export::new(args.source, args.rejects, args.stop, args.report)?
        .observed(args.observe, "ndjson")?;
    let mut lock = None;
    let out = match args.out {
        None => Out::Stdout(Turns::of(tokio::io::stdout())),
        Some(path) if export.source.accounts.are_many() => {
            std::fs::create_dir_all(&path).map_err(|error| {
                let message = format!(
                    "--out is a directory where there are many accounts, and {} cannot be made",
                    path.display()
                );
                // A file of that name is what was typed for one account.
                let kind =
                    if path.is_file() { ErrorKind::Configuration } else { ErrorKind::Destination };
                Error::new(kind, message).caused_by(error)
            })?;
            lock = Some(lock_directory(&path)?);
            Out::Directory(path)
        }
        Some(path) if is_special(&path) => Out::Special(path),
        Some(path) => Out::File(path),
    };
    let (limits, any_json) = (export.limits(), export.source.is_any_json());
    let files = PartialFiles::default();
    export.run(Lines { out, files, _lock: lock, limits, any_json }).await
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
    files: PartialFiles,
    /// That of the directory, where there are many accounts.
    _lock: Option<std::fs::File>,
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

    /// What errors call that which lines are written to.
    fn name(&self, account: Option<&str>) -> Option<String> {
        match &self.out {
            Out::Stdout(_) => None,
            Out::Special(path) => Some(path.display().to_string()),
            Out::File(_) | Out::Directory(_) => {
                self.path(account).map(|path| partial(&path).display().to_string())
            }
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
            Out::File(path) => self.begin(path),
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
                self.begin(&path)
            }
        }
    }

    fn begin(&self, path: &Path) -> Result<Writer> {
        Ok(Box::pin(File::from_std(self.files.begin(path)?)))
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
        let mut sink = NdjsonSink::new(writer, self.limits).with_any_json(self.any_json);
        if let Some(name) = self.name(wanted.id()) {
            sink = sink.with_name(name);
        }
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
                tombstones: None,
                remote: Remote::default(),
                earlier: Earlier::Nothing,
            };
        }
        let mut into = match &self.out {
            Out::Special(path) => Some(path.clone()),
            _ => None,
        };
        if let Some(path) = self.path(account) {
            let is_complete = summary.outcome.is_complete();
            match self.files.end(&path, is_complete, summary.report.bytes) {
                Ok(kept) => into = kept,
                Err(error) => {
                    summary.outcome = Outcome::Failed;
                    summary.error.get_or_insert(error);
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
            tombstones: None,
            remote: Remote::default(),
            earlier: Earlier::Nothing,
        }
    }

    fn destination(&self) -> String {
        match &self.out {
            Out::Stdout(_) => "standard output".to_owned(),
            Out::Special(path) | Out::File(path) | Out::Directory(path) => {
                path.display().to_string()
            }
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

    /// Whoever has stopped reading the lines of one account reads those of no other, and a disk is as full for
    /// the next.
    async fn is_shared(&self, error: &Error) -> bool {
        match self.out {
            Out::Stdout(_) | Out::Special(_) => error.kind() == ErrorKind::Destination,
            Out::File(_) | Out::Directory(_) => is_storage_full(error),
        }
    }
}

/// Whether there is something that a file must not take the place of: a pipe, or `/dev/null`.
fn is_special(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| !metadata.is_file())
}
