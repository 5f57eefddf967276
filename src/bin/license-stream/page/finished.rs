//! A run that has ended, as `--json` printed it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use license_stream::{Error, ErrorKind, Result};
use serde::Deserialize;

/// The longest summary that is read, in bytes: one of a million accounts is about as long.
const MOST_BYTES: u64 = 512 << 20;

/// What a file of `--json` says of the run that ended last.
#[derive(Debug)]
pub(super) struct Finished {
    /// The jobs; of a run that had none, itself.
    pub(super) jobs: Vec<Job>,
    /// How many runs there are before it in the file: with `--every` there is a line for each.
    pub(super) runs_before: u64,
}

/// What one command did.
#[derive(Debug)]
pub(super) struct Job {
    /// Its name, and what it writes to, if it was one of a file.
    pub(super) name: Option<(String, String)>,
    pub(super) outcome: String,
    pub(super) error: Option<String>,
    pub(super) summary: Option<Summary>,
}

/// What `schemas/summary.schema.json` has, as far as it is shown. What a later version adds is passed over.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Summary {
    outcome: Option<String>,
    pub(super) records: u64,
    pub(super) rejected: u64,
    pub(super) rejected_before: u64,
    pub(super) bytes_read: u64,
    pub(super) bytes_written: u64,
    pub(super) requests: u64,
    pub(super) retries: u64,
    pub(super) elapsed_seconds: f64,
    error: Option<String>,
    pub(super) accounts: BTreeMap<String, u64>,
    snapshots: Option<Vec<Snapshot>>,
    pub(super) rejects_by_reason: BTreeMap<String, u64>,
    pub(super) fields_unexpected: BTreeMap<String, u64>,
    pub(super) fields_unknown: BTreeMap<String, u64>,
    pub(super) fields_unknown_total: u64,
    /// Those of a file of jobs, whose summary is another.
    jobs: Option<Vec<JobLine>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Snapshot {
    pub(super) account: Option<String>,
    /// What the account is connected to, where the run knew it.
    pub(super) integration: Option<String>,
    pub(super) outcome: String,
    pub(super) records: u64,
    pub(super) rejected: u64,
    #[serde(default)]
    rejected_before: u64,
    pub(super) requests: u64,
    pub(super) retries: u64,
    pub(super) error: Option<SnapshotError>,
    pub(super) reason: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct SnapshotError {
    pub(super) message: String,
}

#[derive(Debug, Deserialize)]
struct JobLine {
    name: String,
    to: String,
    outcome: String,
    error: Option<String>,
    summary: Option<Summary>,
}

impl Summary {
    pub(super) fn snapshots(&self) -> &[Snapshot] {
        self.snapshots.as_deref().unwrap_or_default()
    }
}

impl Snapshot {
    /// All that was rejected of it, by this run and by earlier ones.
    pub(super) fn all_rejected(&self) -> u64 {
        self.rejected.saturating_add(self.rejected_before)
    }
}

impl Finished {
    /// Reads what `--json` printed into file `path`, or what comes on standard input for `-`.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let is_stdin = path.as_os_str() == "-";
        let name = if is_stdin { "standard input".to_owned() } else { path.display().to_string() };
        let opened: io::Result<Box<dyn Read>> = match is_stdin {
            true => Ok(Box::new(io::stdin().lock())),
            false => File::open(path).map(|file| Box::new(file) as Box<dyn Read>),
        };
        let file = opened.map_err(|error| {
            let message = format!(
                "{name} cannot be read: give what --json printed of a run, or a directory that `parquet` writes into"
            );
            Error::new(ErrorKind::Input, message).caused_by(error)
        })?;
        Self::parse(BufReader::new(file).take(MOST_BYTES), &name)
    }

    fn parse(file: impl Read, name: &str) -> Result<Self> {
        let wrong = |what: &str| {
            let message =
                format!("{name} is no summary of a run: {what}; give what --json printed of one");
            Error::new(ErrorKind::Input, message)
        };
        let mut last = None;
        let mut runs = 0_u64;
        for summary in serde_json::Deserializer::from_reader(file).into_iter::<Summary>() {
            let summary = summary.map_err(|error| wrong("it cannot be parsed").caused_by(error))?;
            last = Some(summary);
            runs += 1;
        }
        let Some(mut summary) = last else { return Err(wrong("it is empty")) };
        let jobs = match summary.jobs.take() {
            Some(jobs) => jobs.into_iter().map(Job::of).collect(),
            None if summary.outcome.is_some() && summary.snapshots.is_some() => {
                let outcome = summary.outcome.take().unwrap_or_default();
                let error = summary.error.take();
                vec![Job { name: None, outcome, error, summary: Some(summary) }]
            }
            None => return Err(wrong("it has neither `outcome` and `snapshots` nor `jobs`")),
        };
        Ok(Self { jobs, runs_before: runs - 1 })
    }

    /// Those of all jobs.
    pub(super) fn snapshots(&self) -> impl Iterator<Item = &Snapshot> {
        self.jobs.iter().filter_map(|job| job.summary.as_ref()).flat_map(Summary::snapshots)
    }
}

impl Job {
    fn of(line: JobLine) -> Self {
        let JobLine { name, to, outcome, error, mut summary } = line;
        let of_run = summary.as_mut().and_then(|summary| summary.error.take());
        Self { name: Some((name, to)), outcome, error: error.or(of_run), summary }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = r#"{"outcome":"failed","records":7,"error":"it broke","later":1,"snapshots":[
        {"account":null,"outcome":"failed","records":7,"rejected":1,"rejected_before":2,"requests":0,"retries":0,
         "error":{"kind":"upstream","message":"cut"}}]}"#;

    #[test]
    fn a_summary_is_one_of_a_command_or_of_jobs() {
        let one = Finished::parse(ONE.as_bytes(), "a").unwrap();
        assert_eq!((one.jobs.len(), one.runs_before), (1, 0));
        let job = &one.jobs[0];
        assert_eq!((job.outcome.as_str(), job.error.as_deref()), ("failed", Some("it broke")));
        let summary = job.summary.as_ref().unwrap();
        assert_eq!((summary.records, summary.snapshots()[0].all_rejected()), (7, 3));

        let jobs = format!(
            r#"{{"outcome":"failed","jobs":[
                {{"name":"a","to":"parquet","outcome":"failed","error":null,"summary":{ONE}}},
                {{"name":"b","to":"kafka","outcome":"not_begun","error":"no","summary":null}}]}}"#
        );
        let every = format!("{ONE}\n{jobs}\n");
        let jobs = Finished::parse(every.as_bytes(), "a").unwrap();
        assert_eq!((jobs.jobs.len(), jobs.runs_before), (2, 1));
        let errors: Vec<_> = jobs.jobs.iter().map(|job| job.error.as_deref()).collect();
        assert_eq!(errors, [Some("it broke"), Some("no")]);
    }

    #[test]
    fn what_is_no_summary_is_refused_with_what_is_wanted() {
        for (text, what) in [
            ("", "it is empty"),
            ("PAR1", "it cannot be parsed"),
            ("[]", "it has neither `outcome` and `snapshots` nor `jobs`"),
            (r#"{"outcome":"done","snapshots":"#, "it cannot be parsed"),
            (r#"{"outcome":"done","records":-1}"#, "it cannot be parsed"),
            (r#"{"rows":1}"#, "it has neither `outcome` and `snapshots` nor `jobs`"),
        ] {
            let error = Finished::parse(text.as_bytes(), "a.json").unwrap_err();
            let wanted = format!("a.json is no summary of a run: {what}; give what --json printed");
            assert!(error.message().starts_with(&wanted), "{text}: {error}");
            assert_eq!(error.kind(), ErrorKind::Input);
        }
    }
}
