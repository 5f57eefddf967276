//! The line that shows how far a run is, on a terminal only.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use license_stream::pipeline::Progress;
use tokio::task::JoinHandle;

use crate::report::{human_bytes, human_count};
use crate::waits::Waits;

const REFRESH: Duration = Duration::from_millis(100);

/// A line on standard error, kept current until it is cleared.
#[derive(Debug)]
pub(crate) struct ProgressLine {
    bar: ProgressBar,
    refresh: JoinHandle<()>,
}

impl ProgressLine {
    /// Shows the line unless `quiet`, or unless standard error is no terminal; with the accounts that are
    /// done where there are many, and what is waited for.
    pub(crate) fn show(
        progress: &Arc<Progress>,
        accounts: Option<Arc<AccountsDone>>,
        waits: Arc<Waits>,
        quiet: bool,
    ) -> Self {
        let target =
            if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let style = ProgressStyle::with_template("{spinner:.cyan} {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = ProgressBar::with_draw_target(None, target).with_style(style);
        let refresh = {
            let (bar, progress, begun) = (bar.clone(), Arc::clone(progress), Instant::now());
            tokio::spawn(async move {
                let mut ticks = tokio::time::interval(REFRESH);
                loop {
                    ticks.tick().await;
                    let accounts = accounts.as_ref().map(ToString::to_string);
                    let line = line(&progress, begun.elapsed());
                    let waits = waits.told().unwrap_or_default();
                    bar.set_message(accounts.unwrap_or_default() + &line + &waits);
                    bar.tick();
                }
            })
        };
        Self { bar, refresh }
    }

    /// Lets `tell` write lines of its own, above this one.
    pub(crate) fn aside(&self, tell: impl FnOnce()) {
        self.bar.suspend(tell);
    }

    /// Takes the line away.
    pub(crate) fn clear(&self) {
        self.refresh.abort();
        self.bar.finish_and_clear();
    }
}

/// How many accounts have ended, and of how many.
#[derive(Debug)]
pub(crate) struct AccountsDone {
    done: AtomicU64,
    /// `None` where they are listed while they are read.
    of: Option<u64>,
}

impl AccountsDone {
    pub(crate) fn of(count: Option<u64>) -> Self {
        Self { done: AtomicU64::new(0), of: count }
    }

    pub(crate) fn add(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }
}

impl fmt::Display for AccountsDone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let done = human_count(self.done.load(Ordering::Relaxed));
        match self.of {
            Some(count) => write!(f, "{done}/{} accounts · ", human_count(count)),
            None if done == "1" => write!(f, "1 account · "),
            None => write!(f, "{done} accounts · "),
        }
    }
}

fn line(progress: &Progress, elapsed: Duration) -> String {
    let bytes = progress.bytes_read();
    let rate = bytes as f64 / elapsed.as_secs_f64().max(0.001);
    let rejected = match progress.rejected() {
        0 => String::new(),
        rejected => format!(" · {} rejected", human_count(rejected)),
    };
    format!(
        "{} licenses{rejected} · {} · {}/s · {} s",
        human_count(progress.records()),
        human_bytes(bytes),
        human_bytes(rate as u64),
        elapsed.as_secs()
    )
}
