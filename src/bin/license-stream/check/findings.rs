//! What probes found, a line each.

use std::collections::HashMap;
use std::io::Write;
use std::path::PathBuf;

use console::style;
use license_stream::{Error, ErrorKind};
use serde::Serialize;

use crate::args::ReportArgs;
use crate::exit::Exit;
use crate::report::chain;
use crate::screen;

/// Tells of each finding as it comes, and keeps what they come to.
#[derive(Debug)]
pub(crate) struct Findings {
    report: ReportArgs,
    /// The job of a pipeline that is looked at, if it is one.
    job: Option<String>,
    exit: Exit,
    /// What kept an API from being asked, be it out of reach or the token refused, by address and file of the token;
    /// and the job that was told so.
    refused: HashMap<Api, Refused>,
}

/// An API, as it is asked: its address, and the file of the token.
pub(super) type Api = (String, Option<PathBuf>);

#[derive(Debug)]
struct Refused {
    kind: ErrorKind,
    message: String,
    job: Option<String>,
}

#[derive(Debug, Serialize)]
struct Finding<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    job: Option<&'a str>,
    what: &'a str,
    result: &'static str,
    message: &'a str,
}

impl Findings {
    pub(crate) fn new(report: ReportArgs) -> Self {
        Self { report, job: None, exit: Exit::Done, refused: HashMap::new() }
    }

    /// What is found from now on is of this job.
    pub(crate) fn begin_job(&mut self, name: &str) {
        self.job = Some(name.to_owned());
    }

    /// Shows what is looked at next, where somebody sits before a terminal.
    pub(super) fn look(&self, at: &str) {
        if self.is_shown() {
            let job = self.job.as_ref().map(|job| format!("{job}: ")).unwrap_or_default();
            screen::show(&[format!("looking at {job}{at}")]);
        }
    }

    fn is_shown(&self) -> bool {
        !self.report.quiet && screen::is_terminal()
    }

    /// How much is told.
    pub(super) fn report(&self) -> ReportArgs {
        self.report
    }

    /// What was found of an API for another job, where it makes no sense to ask it again.
    pub(super) fn known(&self, api: &Api) -> Option<Error> {
        let known = self.refused.get(api)?;
        let job =
            known.job.as_ref().map(|job| format!(" (found for job {job}, and not asked again)"));
        let message = format!("{}{}", known.message, job.unwrap_or_default());
        Some(Error::new(known.kind, message))
    }

    /// Takes note of an API that cannot be asked.
    pub(super) fn note(&mut self, api: Api, error: &Error) {
        let (kind, message, job) = (error.kind(), chain(error), self.job.clone());
        self.refused.entry(api).or_insert(Refused { kind, message, job });
    }

    /// It is as it should be.
    pub(super) fn good(&self, what: &str, message: &str) {
        self.tell(what, "ok", message);
    }

    /// A run can go on, and should know.
    pub(super) fn warning(&self, what: &str, message: &str) {
        self.tell(what, "warning", message);
    }

    /// A run would fail.
    pub(super) fn failed(&mut self, what: &str, error: &Error) {
        self.exit = self.exit.worse(Exit::of_kind(error.kind()));
        self.tell(what, "failed", &chain(error));
    }

    /// The exit code that the run would have, or 0.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    fn tell(&self, what: &str, result: &'static str, message: &str) {
        if self.is_shown() {
            screen::show(&[]);
        }
        let mut out = std::io::stdout().lock();
        // Nobody is left to be told where it cannot be written.
        let _ = if self.report.json {
            let line =
                serde_json::to_string(&Finding { job: self.job.as_deref(), what, result, message });
            line.map_or(Ok(()), |line| writeln!(out, "{line}"))
        } else if self.report.quiet && result == "ok" {
            Ok(())
        } else {
            // Colours are for terminals only.
            let shown = style(format!("{result:<8}"));
            let shown = match result {
                "ok" => shown.green(),
                "warning" => shown.yellow(),
                _ => shown.red(),
            };
            let job = self.job.as_ref().map(|job| format!("{job}: ")).unwrap_or_default();
            writeln!(out, "{shown} {job}{what:<12} {message}")
        };
    }
}
