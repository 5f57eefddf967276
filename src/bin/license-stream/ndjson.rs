//! `license-stream ndjson`

use std::io;
use std::path::{Path, PathBuf};

use license_stream::decode::arrow::Unexpected;
use license_stream::pipeline::Outcome;
use license_stream::sink::ndjson::NdjsonSink;
use license_stream::{Error, ErrorKind};
use tokio::fs::{File, OpenOptions};

use crate::args::NdjsonArgs;
use crate::exit::Exit;
use crate::export::Export;
use crate::report::{self, Destination, Written};

pub(crate) async fn run(args: NdjsonArgs) -> anyhow::Result<Exit> {
    let export = Export::new(&args.source, &args.rejects, args.report)?;
    let any_json = args.source.is_any_json();
    let mut into = args.out.clone();
    let exported = match &args.out {
        None => {
            let sink = NdjsonSink::new(tokio::io::stdout(), export.limits());
            export.run(sink.with_any_json(any_json)).await?
        }
        Some(path) if is_special(path) => {
            let file = OpenOptions::new().write(true).open(path).await;
            let file = file.map_err(|error| not_written(path, error))?;
            export.run(NdjsonSink::new(file, export.limits()).with_any_json(any_json)).await?
        }
        Some(path) => {
            let partial = Partial::of(path);
            let file = File::create(&partial.0).await.map_err(|error| not_written(path, error))?;
            let mut exported =
                export.run(NdjsonSink::new(file, export.limits()).with_any_json(any_json)).await?;
            let is_complete = exported.summary.outcome.is_complete();
            let kept = if is_complete { partial.publish(path) } else { partial.keep() };
            match kept {
                Ok(kept) => into = kept,
                Err(error) => {
                    exported.summary.outcome = Outcome::Failed;
                    exported.summary.error.get_or_insert(not_written(path, error));
                }
            }
            exported
        }
    };
    let written = Written {
        destination: Destination::Lines {},
        into: into.map_or_else(|| "written".to_owned(), |path| format!("in {}", path.display())),
        records: exported.summary.counts.records,
        bytes: exported.summary.report.bytes,
        unexpected: Unexpected::default(),
        data_on_stdout: args.out.is_none(),
    };
    report::print(&export, &exported, &written);
    Ok(Exit::after(&exported.summary, export.signals.first()))
}

/// Whether there is something that a file must not take the place of: a pipe, or `/dev/null`.
fn is_special(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| !metadata.is_file())
}

/// What there is of a file before it is whole: `FILE.partial` beside it. Dropped, it is removed.
#[derive(Debug)]
struct Partial(PathBuf);

impl Partial {
    fn of(path: &Path) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Self(path.with_file_name(format!("{name}.partial")))
    }

    /// Gives the file its name, once its bytes are on disk; the directory is synced too, since a
    /// rename that is not would be lost with the power.
    fn publish(self, path: &Path) -> io::Result<Option<PathBuf>> {
        std::fs::File::open(&self.0)?.sync_all()?;
        std::fs::rename(&self.0, path)?;
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        std::fs::File::open(directory.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(Some(path.to_owned()))
    }

    /// Leaves the lines that came as they are, if there are any: an older file of the name itself is
    /// whole, and better than a part.
    fn keep(mut self) -> io::Result<Option<PathBuf>> {
        if self.0.metadata()?.len() == 0 {
            return Ok(None);
        }
        Ok(Some(std::mem::take(&mut self.0)))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.0.as_os_str().is_empty() {
            // It is not there any more where it was published; else its name tells what it is.
            let _ = std::fs::remove_file(&self.0);
        }
    }
}

fn not_written(path: &Path, error: io::Error) -> Error {
    Error::new(ErrorKind::Destination, format!("{} could not be written", path.display()))
        .caused_by(error)
}
