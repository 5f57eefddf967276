//! What probes found, a line each.

use std::io::Write;

use license_stream::Error;
use serde::Serialize;

use crate::args::ReportArgs;
use crate::exit::Exit;
use crate::report::chain;

/// Tells of each finding as it comes, and keeps what they come to.
#[derive(Debug)]
pub(super) struct Findings {
    report: ReportArgs,
    exit: Exit,
}

#[derive(Debug, Serialize)]
struct Finding<'a> {
    what: &'a str,
    result: &'static str,
    message: &'a str,
}

impl Findings {
    pub(super) fn new(report: ReportArgs) -> Self {
        Self { report, exit: Exit::Done }
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
    pub(super) fn exit(&self) -> Exit {
        self.exit
    }

    fn tell(&self, what: &str, result: &'static str, message: &str) {
        let mut out = std::io::stdout().lock();
        // Nobody is left to be told where it cannot be written.
        let _ = if self.report.json {
            let line = serde_json::to_string(&Finding { what, result, message });
            line.map_or(Ok(()), |line| writeln!(out, "{line}"))
        } else if self.report.quiet && result == "ok" {
            Ok(())
        } else {
            writeln!(out, "{result:<8} {what:<12} {message}")
        };
    }
}
