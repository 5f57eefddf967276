//! Standard error: lines that stay, and below them, on a terminal, lines that are kept current.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use console::{Term, measure_text_width, truncate_str};

use crate::job::Job;
use crate::log;

/// A line on standard error. `eprintln!` would panic where nobody reads it any more.
macro_rules! say {
    ($($arguments:tt)*) => {
        $crate::screen::tell(format_args!($($arguments)*))
    };
}
pub(crate) use say;

/// What is on the terminal below all that stays; there is one standard error in a process.
static SHOWN: Mutex<Shown> = Mutex::new(Shown { lines: Vec::new() });

/// Columns and rows where the terminal does not say.
const UNKNOWN: (usize, usize) = (80, 24);

/// Lines that are kept current, as they were printed last.
#[derive(Debug)]
struct Shown {
    lines: Vec<String>,
}

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
    let shown = shown();
    // Nobody is left to be told that nobody reads it.
    let _ = shown.aside(bytes);
}

/// Replaces the lines that are kept current: as many as there is room for, each cut at the width.
pub(crate) fn show(lines: &[String]) {
    let (columns, rows) = size();
    let lines = lines.iter().take(rows.saturating_sub(1).max(1));
    let lines = lines.map(|line| truncate_str(line, columns.saturating_sub(1), "…").into_owned());
    let mut shown = shown();
    let before = std::mem::replace(&mut shown.lines, lines.collect());
    let mut bytes = up(&before, columns);
    bytes.extend(shown.printed());
    bytes.extend(b"\x1b[J");
    let _ = io::stderr().write_all(&bytes);
}

/// Whether lines can be kept current.
pub(crate) fn is_terminal() -> bool {
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    Term::stderr().is_term() && !is_dumb
}

/// Columns and rows as they are now.
pub(crate) fn size() -> (usize, usize) {
    Term::stderr().size_checked().map_or(UNKNOWN, |(rows, columns)| (columns.into(), rows.into()))
}

fn shown() -> MutexGuard<'static, Shown> {
    SHOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shown {
    /// Writes `bytes` above the lines that are kept current.
    fn aside(&self, bytes: &[u8]) -> io::Result<()> {
        if self.lines.is_empty() {
            return io::stderr().write_all(bytes);
        }
        let mut all = up(&self.lines, size().0);
        all.extend(b"\x1b[J");
        all.extend(bytes);
        all.extend(self.printed());
        io::stderr().write_all(&all)
    }

    fn printed(&self) -> Vec<u8> {
        self.lines.iter().flat_map(|line| format!("{line}\x1b[K\n").into_bytes()).collect()
    }
}

/// Moves the cursor to the first of `lines`. A terminal that has become narrower has wrapped them.
fn up(lines: &[String], columns: usize) -> Vec<u8> {
    let rows = |line: &String| measure_text_width(line).div_ceil(columns.max(1)).max(1);
    match lines.iter().map(rows).sum::<usize>() {
        0 => Vec::new(),
        rows => format!("\r\x1b[{rows}A").into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrapped_lines_are_counted_as_often_as_they_are_long() {
        let lines = ["x".repeat(79), String::new(), "y".repeat(40)].map(String::from);
        assert_eq!(up(&lines, 80), b"\r\x1b[3A");
        assert_eq!(up(&lines, 40), b"\r\x1b[4A");
        assert_eq!(up(&lines, 39), b"\r\x1b[6A");
        assert_eq!(up(&[], 80), b"");
        // Colours take no room.
        assert_eq!(up(&[format!("\x1b[36m{}\x1b[0m", "z".repeat(40))], 40), b"\r\x1b[1A");
    }
}
