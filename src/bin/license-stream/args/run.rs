//! `license-stream run`, as it is typed.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args as ClapArgs;

use super::ReportArgs;
use super::observe::listen;
use crate::run::schedule::{Every, duration};

pub(super) const RUN_EXAMPLES: &str = "\
Examples:
  license-stream run pipeline.yaml
  license-stream run pipeline.yaml --check
  license-stream run pipeline.yaml --job lake --set lake.out=/tmp/lake --print-config
  license-stream run pipeline.yaml --every 6h --metrics 0.0.0.0:9400
  license-stream run pipeline.yaml --every '30 2 * * *' --json

What is set here wins over the environment, that over the file, and that over what holds without it.
docs/pipelines.md (of the Debian package: in /usr/share/doc/license-stream) has what the file may hold; `license-stream schema pipeline` is its JSON Schema.";

#[derive(Debug, ClapArgs)]
#[command(after_help = RUN_EXAMPLES)]
pub(crate) struct RunArgs {
    /// File of jobs, in YAML
    #[arg(value_name = "PIPELINE.yaml")]
    pub(crate) file: PathBuf,
    /// Run this job alone; may be repeated. All of the file if it is not given
    #[arg(long = "job", value_name = "NAME")]
    pub(crate) jobs: Vec<String>,
    /// Set what a job is given, in place of what the file and the environment say; `*` is every job that
    /// knows the key. May be repeated, for a key that may be repeated too
    #[arg(long = "set", value_name = "JOB.KEY=VALUE")]
    pub(crate) set: Vec<SetArg>,
    /// Jobs that run at once at most, in place of the file's `concurrency`
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) concurrency: Option<u16>,
    /// Look whether the jobs could do their work, and read nothing: as `license-stream check` does
    #[arg(long)]
    pub(crate) check: bool,
    /// Print the file as it results from flags, environment and defaults, with secrets masked; run nothing
    #[arg(long, conflicts_with = "check")]
    pub(crate) print_config: bool,
    #[command(flatten)]
    pub(crate) schedule: ScheduleArgs,
    /// Serve /metrics for Prometheus, of all jobs, /healthz and /readyz over HTTP until the command ends, also
    /// between two runs; in place of the file's `metrics`. Port 0 is any that is free, and is printed
    #[arg(long, value_name = "HOST:PORT", help_heading = "Observation", value_parser = listen)]
    pub(crate) metrics: Option<SocketAddr>,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

/// When the jobs run again.
#[derive(Clone, Debug, ClapArgs)]
#[command(next_help_heading = "Schedule")]
pub(crate) struct ScheduleArgs {
    /// Keep running: at once and then after each such time (90s, 15m, 6h, 1d, 1h30m), or whenever a cron
    /// expression fits, of five fields, or six with seconds first, in the time zone of TZ. A time that comes while jobs still run is
    /// passed over
    #[arg(long, value_name = "TIME|CRON", conflicts_with_all = ["check", "print_config"])]
    pub(crate) every: Option<Every>,
    /// Longest time that a run is put off by chance, so that many do not begin at once; a tenth of the
    /// time between two runs if it is not given, and 30s at most
    #[arg(long, value_name = "TIME", requires = "every", value_parser = jitter)]
    pub(crate) jitter: Option<Duration>,
}

/// 0 is no jitter.
fn jitter(text: &str) -> Result<Duration, &'static str> {
    if text == "0" { Ok(Duration::ZERO) } else { duration(text) }
}

/// `--set` as it was typed. Clap's own error would show its value, which may be between the user and the provider:
/// it is parsed later.
#[derive(Clone)]
pub(crate) struct SetArg(pub(crate) String);

impl From<String> for SetArg {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl std::fmt::Debug for SetArg {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}
