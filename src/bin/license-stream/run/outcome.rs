//! How the jobs of a run have ended: for people, and by `schemas/run.schema.json` for machines.

use std::time::Duration;

use chrono::{DateTime, Local};
use serde::Serialize;
use serde_json::value::RawValue;

use super::schedule::FORMAT;
use crate::exit::Exit;
use crate::report::{human_count, print_line};
use crate::screen::say;
use crate::signal::Signal;

/// How one job has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) name: String,
    pub(crate) to: &'static str,
    pub(crate) end: End,
    pub(crate) elapsed: Duration,
    /// What it sums up itself, where it came so far and JSON is wanted.
    pub(crate) summary: Option<Box<RawValue>>,
}

#[derive(Debug)]
pub(crate) enum End {
    Ran(Exit),
    /// Before there was anything to sum up.
    Failed(Exit, String),
    /// It was not its turn before a signal came.
    NotBegun(Signal),
}

impl End {
    fn exit(&self) -> Exit {
        match self {
            Self::Ran(exit) | Self::Failed(exit, _) => *exit,
            Self::NotBegun(signal) => Exit::Stopped(*signal),
        }
    }

    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            Self::NotBegun(_) => "not_begun",
            Self::Ran(exit) | Self::Failed(exit, _) => name(*exit),
        }
    }
}

fn name(exit: Exit) -> &'static str {
    match exit {
        Exit::Done => "done",
        Exit::Rejected => "rejected",
        Exit::Stopped(_) => "interrupted",
        Exit::Failed | Exit::Usage | Exit::Environment => "failed",
    }
}

/// How a run has ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Which one it was of those that `--every` makes, from 1.
    pub(crate) run: u64,
    pub(crate) jobs: Vec<Ended>,
    pub(crate) elapsed: Duration,
}

#[derive(Debug, Serialize)]
struct JsonOutcome<'a> {
    outcome: &'static str,
    exit_code: u8,
    elapsed_seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_run_at: Option<String>,
    jobs: Vec<JsonJob<'a>>,
}

#[derive(Debug, Serialize)]
struct JsonJob<'a> {
    name: &'a str,
    to: &'static str,
    outcome: &'static str,
    exit_code: u8,
    elapsed_seconds: f64,
    error: Option<&'a str>,
    summary: Option<&'a RawValue>,
}

impl Outcome {
    /// The worst that any job asks for.
    pub(crate) fn exit(&self) -> Exit {
        self.jobs.iter().fold(Exit::Done, |worst, job| worst.worse(job.end.exit()))
    }

    /// In a few words: `done`, or which jobs are not.
    pub(crate) fn words(&self) -> String {
        let bad = self.jobs.iter().filter(|job| !matches!(job.end, End::Ran(Exit::Done)));
        let bad: Vec<_> =
            bad.map(|job| format!("{} {}", job.name, job.end.as_str().replace('_', " "))).collect();
        let count = human_count(self.jobs.len() as u64);
        let jobs = if self.jobs.len() == 1 { "job" } else { "jobs" };
        match bad.len() {
            0 => format!("done: {count} {jobs} in {:.1} s", self.elapsed.as_secs_f64()),
            _ => format!(
                "{}: {count} {jobs} in {:.1} s, of which {}",
                name(self.exit()),
                self.elapsed.as_secs_f64(),
                bad.join(", ")
            ),
        }
    }

    /// Prints the one object, on standard error where the data goes to standard output.
    pub(crate) fn print_json(&self, is_stdout: bool, next: Option<(u64, Option<DateTime<Local>>)>) {
        let jobs = self.jobs.iter().map(|job| JsonJob {
            name: &job.name,
            to: job.to,
            outcome: job.end.as_str(),
            exit_code: job.end.exit().code(),
            elapsed_seconds: job.elapsed.as_secs_f64(),
            error: match &job.end {
                End::Failed(_, error) => Some(error),
                End::Ran(_) | End::NotBegun(_) => None,
            },
            summary: job.summary.as_deref(),
        });
        let json = JsonOutcome {
            outcome: name(self.exit()),
            exit_code: self.exit().code(),
            elapsed_seconds: self.elapsed.as_secs_f64(),
            run: next.map(|(run, _)| run),
            next_run_at: next.and_then(|(_, at)| at).map(|at| at.to_rfc3339()),
            jobs: jobs.collect(),
        };
        // Nobody is left to be told that it could not be written.
        let _ = match is_stdout {
            true => print_line(&json, std::io::stderr()),
            false => print_line(&json, std::io::stdout()),
        };
    }
}

/// Tells when the jobs run next.
pub(crate) fn tell_next(outcome: Option<&Outcome>, next: DateTime<Local>, missed: u64) {
    if missed > 0 {
        let times = if missed == 1 { "time" } else { "times" };
        say!("warning: {} {times} passed over, which came while jobs ran", human_count(missed));
    }
    let next = next.format(FORMAT);
    match outcome {
        Some(outcome) => {
            say!("run {}: {}; next at {next}", human_count(outcome.run), outcome.words());
        }
        None => say!("the first run is at {next}"),
    }
}
