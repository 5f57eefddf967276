//! Standard error: lines that stay, and below them, on a terminal, lines that are kept current.

mod frame;

use std::fmt;
use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use console::{Term, truncate_str};

use crate::job::Job;
use crate::log;
use frame::{Frame, Size};

/// A line on standard error. `eprintln!` would panic where nobody reads it any more.
macro_rules! say {
    ($($arguments:tt)*) => {
        $crate::screen::tell(format_args!($($arguments)*))
    };
}
pub(crate) use say;

/// What is on the terminal below all that stays; there is one standard error in a process.
static SHOWN: Mutex<Frame> = Mutex::new(Frame::new());

/// Columns and rows where the terminal does not say.
const UNKNOWN: Size = (80, 24);

/// Writes a line that stays: as a log has it, where one is written as JSON. A job of a pipeline is named.
pub(crate) fn tell(line: fmt::Arguments<'_>) {
    let job = Job::current();
    let name = job.as_ref().map(|job| job.name());
    match (log::is_json(), name) {
        (true, name) => log::tell(&line.to_string(), name),
        (false, Some(name)) => write(format!("{name}: {line}\n").as_bytes()),
        (false, None) => write(format!("{line}\n").as_bytes()),
    }
}

/// Writes lines that stay.
pub(crate) fn write(bytes: &[u8]) {
    let mut shown = shown();
    let bytes = shown.aside(bytes, size());
    // Nobody is left to be told that nobody reads it.
    let _ = io::stderr().write_all(&bytes);
}

/// Replaces the lines that are kept current: as many as there is room for, each cut at the width.
pub(crate) fn show(lines: &[String]) {
    let (columns, rows) = size();
    let lines = lines.iter().take(frame::most((columns, rows)));
    let lines = lines.map(|line| truncate_str(line, frame::widest(columns), "…").into_owned());
    let mut shown = shown();
    let bytes = shown.show(lines.collect(), (columns, rows));
    let _ = io::stderr().write_all(&bytes);
}

/// Whether lines can be kept current.
pub(crate) fn is_terminal() -> bool {
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    Term::stderr().is_term() && !is_dumb
}

/// How many lines can be kept current, in the window as it is now.
pub(crate) fn room() -> usize {
    frame::most(size())
}

/// Columns and rows as they are now.
fn size() -> Size {
    Term::stderr().size_checked().map_or(UNKNOWN, |(rows, columns)| (columns.into(), rows.into()))
}

fn shown() -> MutexGuard<'static, Frame> {
    SHOWN.lock().unwrap_or_else(PoisonError::into_inner)
}
