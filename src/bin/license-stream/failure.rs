//! What a command prints with `--json` where it fails before there is anything else to print.

use std::io;
use std::time::Duration;

use serde_json::{Value, json};

use crate::args::{CheckArgs, CheckpointsArgs, Command, FormArg, RunArgs};
use crate::exit::Exit;
use crate::report::{self, print_line};

/// The form that a failure has: that of what the command prints when it comes further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Standard error has it, for people.
    Untold,
    /// A summary, on standard error where the data goes to standard output.
    Summary { is_stdout: bool },
    /// The object of a run of no job, or of the jobs whose data `is_stdout`.
    Run { is_stdout: bool },
    /// A line of what was found.
    Finding,
    /// The object of a compaction that has merged nothing.
    Compaction,
    /// An object of the error alone.
    Alone,
}

impl Failure {
    pub(crate) fn of(command: &Command) -> Self {
        let (is_json, form) = match command {
            Command::Parquet(args) => {
                let is_stdout = args.form == FormArg::ArrowStream;
                (args.report.json, Self::Summary { is_stdout })
            }
            Command::Kafka(args) => (args.report.json, Self::Summary { is_stdout: false }),
            Command::Ndjson(args) => {
                (args.report.json, Self::Summary { is_stdout: args.out.is_none() })
            }
            Command::Run(args) => (args.report.json, Self::of_run(args)),
            Command::Check(CheckArgs::Parquet(args)) => (args.report.json, Self::Finding),
            Command::Check(CheckArgs::Kafka(args)) => (args.report.json, Self::Finding),
            Command::Check(CheckArgs::Ndjson(args)) => (args.report.json, Self::Finding),
            Command::Checkpoint(CheckpointsArgs::Show(args)) => (args.json, Self::Alone),
            Command::Checkpoint(CheckpointsArgs::Reset(args)) => (args.json, Self::Alone),
            Command::Inspect(args) => (args.json, Self::Alone),
            Command::Accounts(args) => (args.json, Self::Alone),
            Command::Integrations(args) => (args.json, Self::Alone),
            Command::Compact(args) => (args.json, Self::Compaction),
            Command::Report(_)
            | Command::Schema(_)
            | Command::Simulate(_)
            | Command::Completions { .. }
            | Command::Man { .. }
            | Command::Demo(_) => return Self::Untold,
        };
        if is_json { form } else { Self::Untold }
    }

    fn of_run(args: &RunArgs) -> Self {
        match (args.print_config, args.check) {
            (true, _) => Self::Untold,
            (_, true) => Self::Finding,
            // Nobody has read yet what the jobs are.
            _ => Self::Run { is_stdout: false },
        }
    }

    /// Now that it is known whether a job writes its data to standard output.
    pub(crate) fn set_stdout(&mut self, is_it: bool) {
        if let Self::Run { is_stdout } = self {
            *is_stdout = is_it;
        }
    }

    /// Prints that the command failed with `error`, for which it ends with `exit`.
    pub(crate) fn print(self, error: &str, exit: Exit, elapsed: Duration) {
        let (object, is_stdout) = match self {
            Self::Untold => return,
            Self::Summary { is_stdout } => return report::print_failed(error, elapsed, is_stdout),
            Self::Run { is_stdout } => (of_run(error, exit, elapsed), is_stdout),
            Self::Finding => {
                (json!({ "what": "settings", "result": "failed", "message": error }), false)
            }
            Self::Compaction => {
                (json!({ "outcome": "failed", "error": error, "is_complete": false }), false)
            }
            Self::Alone => (json!({ "error": error }), false),
        };
        // The exit code is that of a failure already.
        let _ = match is_stdout {
            true => print_line(&object, io::stderr()),
            false => print_line(&object, io::stdout()),
        };
    }
}

/// By `schemas/run.schema.json`.
fn of_run(error: &str, exit: Exit, elapsed: Duration) -> Value {
    json!({
        "outcome": "failed", "exit_code": exit.code(), "elapsed_seconds": elapsed.as_secs_f64(),
        "error": error, "jobs": [],
    })
}
