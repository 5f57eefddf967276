//! Flags of what can be seen of a run.

use std::net::SocketAddr;

use clap::{Args as ClapArgs, ValueEnum};

/// How others can look at the run.
#[derive(Clone, Copy, Debug, ClapArgs)]
#[command(next_help_heading = "Observation")]
pub(crate) struct ObserveArgs {
    /// Serve /metrics for Prometheus, /healthz and /readyz over HTTP until the run ends; port 0 is any that is
    /// free, and is printed
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) metrics: Option<SocketAddr>,
}

/// How a log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// A line of text for each event, between the lines for people
    Text,
    /// A JSON object for each event; what people are told is one too
    Json,
}
