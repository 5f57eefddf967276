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
    let mut exported = match &args.out {
        None => export.run(NdjsonSink::new(tokio::io::stdout(), export.limits())).await?,
        Some(path) if is_special(path) => {
            let file = OpenOptions::new().write(true).open(path).await;
            let file = file.map_err(|error| not_written(path, error))?;
            export.run(NdjsonSink::new(file, export.limits())).await?
        }
        Some(path) => {
            let partial = Partial::of(path);
            let file = File::create(&partial.0).await.map_err(|error| not_written(path, error))?;
            let mut exported = export.run(NdjsonSink::new(file, export.limits())).await?;
            if exported.summary.outcome != Outcome::Failed
                && let Err(error) = partial.publish(path)
            {
                exported.summary.outcome = Outcome::Failed;
                exported.summary.error = Some(not_written(path, error));
            }
            exported
        }
    };
    let written = Written {
        destination: Destination::Lines {},
        into: match &args.out {
            Some(path) => format!("written to {}", path.display()),
            None => "written".to_owned(),
        },
        records: exported.summary.counts.records,
        bytes: exported.summary.report.take().unwrap_or_default().bytes,
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

/// A file under a hidden name beside its own. Dropped, it is removed.
#[derive(Debug)]
struct Partial(PathBuf);

impl Partial {
    fn of(path: &Path) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Self(path.with_file_name(format!(".{name}.partial")))
    }

    /// Gives the file its name, once its bytes are on disk.
    fn publish(self, path: &Path) -> io::Result<()> {
        std::fs::File::open(&self.0)?.sync_all()?;
        std::fs::rename(&self.0, path)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // It is not there any more where it was published; else its name tells what it is.
        let _ = std::fs::remove_file(&self.0);
    }
}

fn not_written(path: &Path, error: io::Error) -> Error {
    Error::new(ErrorKind::Destination, format!("{} could not be written", path.display()))
        .caused_by(error)
}
