//! How a run is stopped.

use clap::Args;

use crate::connection::Seconds;
use crate::signal::GRACE;

/// What a signal is answered with.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Stopping")]
pub(crate) struct StopArgs {
    /// How long what was read may take to be delivered after SIGINT or SIGTERM; what is not by then is
    /// left to the next run. Less than the 30 s after which Kubernetes kills
    #[arg(long, value_name = "SECS", default_value_t = Seconds(GRACE))]
    pub(crate) grace: Seconds,
}
