//! How the API is reached, and how patiently: flags, and the client that is made of them.

use std::time::Duration;

use clap::Args;
use license_stream::truto::RetryPolicy;

/// How requests are made.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ConnectionArgs {
    /// How often a request that failed is made again at most, where that may help; 0 is never
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(crate) retries: u32,
    /// Longest wait that the API may ask for, in seconds; where it asks for more, it is asked again
    /// after this long
    #[arg(long, value_name = "SECS", default_value_t = 300)]
    pub(crate) max_wait: u64,
    /// How many retries the whole run may use
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub(crate) retry_budget: u64,
}

impl ConnectionArgs {
    pub(crate) fn retry_policy(&self) -> RetryPolicy {
        RetryPolicy {
            attempts: self.retries.saturating_add(1),
            max_wait: Duration::from_secs(self.max_wait),
            budget: self.retry_budget,
            ..RetryPolicy::default()
        }
    }
}
