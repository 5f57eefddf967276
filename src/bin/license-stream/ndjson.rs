//! `license-stream ndjson`

use std::path::{Path, PathBuf};

use license_stream::decode::arrow::Unexpected;
use license_stream::pipeline::Outcome;
use license_stream::sink::ndjson::NdjsonSink;
use license_stream::{Error, ErrorKind, Result};

use crate::args::NdjsonArgs;
use crate::exit::Exit;
use crate::export::Export;
use crate::report::{self, Destination, Written};

pub(crate) async fn run(args: NdjsonArgs) -> anyhow::Result<Exit> {
    let export = Export::new(&args.source, &args.rejects, args.report)?;
    let mut exported = match &args.out {
        None => export.run(NdjsonSink::new(tokio::io::stdout(), export.limits())).await?,
        Some(path) => {
            let partial = partial(path);
            let file = tokio::fs::File::create(&partial)
                .await
                .map_err(|error| not_written(path, error))?;
            let mut exported = export.run(NdjsonSink::new(file, export.limits())).await?;
            if let Err(error) = publish(&partial, path, exported.summary.outcome) {
                exported.summary.outcome = Outcome::Failed;
                exported.summary.error.get_or_insert(error);
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

/// A hidden name beside the file's own.
fn partial(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.partial"))
}

/// Gives the file its name if it is whole, as far as the body was read; removes it after a failure.
fn publish(partial: &Path, path: &Path, outcome: Outcome) -> Result<()> {
    let published = if outcome == Outcome::Failed {
        std::fs::remove_file(partial)
    } else {
        std::fs::File::open(partial)
            .and_then(|file| file.sync_all())
            .and_then(|()| std::fs::rename(partial, path))
    };
    published.map_err(|error| not_written(path, error))
}

fn not_written(path: &Path, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Destination, format!("{} could not be written", path.display()))
        .caused_by(error)
}
