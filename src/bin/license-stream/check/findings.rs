//! What probes found, a line each.

use std::io::Write;

use console::style;
use license_stream::Error;
use serde::Serialize;

use crate::args::ReportArgs;
use crate::exit::Exit;
use crate::report::chain;

/// Tells of each finding as it comes, and keeps what they come to.
#[derive(Debug)]
pub(crate) struct Findings {
    report: ReportArgs,
    /// The job of a pipeline that is looked at, if it is one.
    job: Option<String>,
    exit: Exit,
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
        Self { report, job: None, exit: Exit::Done }
    }

    /// What is found from now on is of this job.
    pub(crate) fn begin_job(&mut self, name: &str) {
        self.job = Some(name.to_owned());
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
