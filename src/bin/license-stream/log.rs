//! The log: what the library tells by `tracing`, on standard error, where it is wanted.
//!
//! Without `-vv`, `--log-format` and `RUST_LOG` there is none, and what people are told is all there is.

mod json;

use std::io;
use std::sync::OnceLock;

use license_stream::{Error, ErrorKind, Result};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::prelude::*;

use crate::args::{Command, LogFormat, ReportArgs};
use crate::screen;

/// Where the filter of the log comes from, if not from `-v`.
const FILTER: &str = "RUST_LOG";

/// The crate that this is the command of.
const OWN: &str = "license_stream";

/// The module that tells of waits and retries.
const OF_WAITS: &str = "license_stream::truto::retry";

/// What is said to people, where it is said in the log: whatever the filter is.
const SAID: &str = "license_stream_said";

/// The log of this process, once it was begun.
static BEGUN: OnceLock<Begun> = OnceLock::new();

#[derive(Clone, Copy, Debug)]
struct Begun {
    is_json: bool,
    /// Whether waits, retries and what is begun anew are in it.
    has_info: bool,
}

/// Begins the log that `command` asks for.
///
/// # Errors
/// [`ErrorKind::Configuration`] where `RUST_LOG` cannot be read.
pub(crate) fn begin(command: &Command) -> Result<()> {
    let report = command.report();
    let (format, verbose, quiet) =
        report.map_or((None, 0, false), |it: ReportArgs| (it.log_format, it.verbose, it.quiet));
    let typed = std::env::var(FILTER).ok().filter(|filter| !filter.trim().is_empty());
    let level = match verbose {
        _ if quiet => LevelFilter::ERROR,
        // As before there was a log: lines for people.
        0 | 1 if format.is_none() => LevelFilter::OFF,
        0 | 1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let targets = match typed {
        Some(filter) if !quiet => filter.parse().map_err(|error| {
            let message = format!(
                "{FILTER} is no filter of a log: a level such as debug, or such as {OWN}=debug,warn"
            );
            Error::new(ErrorKind::Configuration, message).caused_by(error)
        })?,
        _ => Targets::new().with_target(OWN, level),
    };
    let is_json = format == Some(LogFormat::Json);
    let levels = targets.iter().map(|(_, level)| level).chain(targets.default_level());
    let is_on = levels.max().is_some_and(|level| level > LevelFilter::OFF);
    if !is_json && (!is_on || quiet) {
        return Ok(());
    }
    let has_info = targets.would_enable(OF_WAITS, &tracing::Level::INFO);
    let targets = targets.with_target(SAID, LevelFilter::TRACE);
    let registry = tracing_subscriber::registry();
    match is_json {
        true => registry.with(json::Json.with_filter(targets)).init(),
        false => {
            let text = tracing_subscriber::fmt::layer().with_writer(Lines).with_ansi(false);
            registry.with(text.with_filter(targets)).init();
        }
    }
    // It is the only one.
    let _ = BEGUN.set(Begun { is_json, has_info });
    Ok(())
}

/// Whether all of standard error is lines of JSON.
pub(crate) fn is_json() -> bool {
    BEGUN.get().is_some_and(|log| log.is_json)
}

/// Whether the log tells of waits, of retries and of what is begun anew, so that nobody else need to.
pub(crate) fn has_info() -> bool {
    BEGUN.get().is_some_and(|log| log.has_info)
}

/// Puts into the log what people would be told, of `job` if it is of one.
pub(crate) fn tell(line: &str, job: Option<&str>) {
    if let Some(warning) = line.strip_prefix("warning: ") {
        tracing::warn!(target: SAID, job, "{warning}");
    } else if let Some(error) = line.strip_prefix("error: ") {
        tracing::error!(target: SAID, job, "{error}");
    } else {
        tracing::info!(target: SAID, job, "{line}");
    }
}

/// Writes each event above the lines that are kept current.
struct Lines;

impl MakeWriter<'_> for Lines {
    type Writer = Lines;

    fn make_writer(&self) -> Lines {
        Lines
    }
}

impl io::Write for Lines {
    /// An event comes whole.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        screen::write(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
