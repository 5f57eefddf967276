//! All that can be seen of the process: of its one command, or of each job of a file over all of their runs.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use tokio_util::sync::CancellationToken;

use super::{Observed, Seen};

/// What those who look are shown.
#[derive(Debug)]
pub(crate) struct Board {
    pub(super) seen: Vec<Arc<Seen>>,
    /// When the jobs run again, where they do.
    pub(super) schedule: Option<Times>,
    pub(super) begun: SystemTime,
    /// Is cancelled when the process is to stop.
    stop: CancellationToken,
}

/// The times of `--every`.
#[derive(Debug, Default)]
pub(super) struct Times {
    next: Mutex<Option<SystemTime>>,
    passed_over: AtomicU64,
    /// Whether the first run was waited for: until then there is nothing to be ready for.
    was_waited_for: AtomicBool,
}

impl Times {
    /// The next one; while jobs run, that at which they began.
    pub(super) fn next(&self) -> Option<SystemTime> {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those that came while jobs ran.
    pub(super) fn passed_over(&self) -> u64 {
        self.passed_over.load(Ordering::Relaxed)
    }
}

impl Board {
    /// A command that writes to `sink`.
    pub(crate) fn of_command(
        sink: &'static str,
        observed: Arc<Observed>,
        stop: CancellationToken,
    ) -> Self {
        let seen = vec![Seen::of_command(sink, observed)];
        Self { seen, schedule: None, begun: SystemTime::now(), stop }
    }

    /// The jobs of a file, which run again and again if they are repeated.
    pub(crate) fn of_jobs(
        seen: Vec<Arc<Seen>>,
        is_repeated: bool,
        stop: CancellationToken,
    ) -> Self {
        let schedule = is_repeated.then(Times::default);
        Self { seen, schedule, begun: SystemTime::now(), stop }
    }

    /// The jobs run next at `next`, and `missed` times came since the last while they ran; `is_first` where there
    /// was no run yet.
    pub(crate) fn wait_until(&self, next: SystemTime, missed: u64, is_first: bool) {
        if let Some(times) = &self.schedule {
            *times.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(next);
            times.passed_over.fetch_add(missed, Ordering::Relaxed);
            times.was_waited_for.fetch_or(is_first, Ordering::Relaxed);
        }
    }

    /// Whether licenses have begun to come, or a job has ended well, or the first run is waited for; and no signal
    /// has asked to stop.
    pub(super) fn is_ready(&self) -> bool {
        let waits = |times: &Times| times.was_waited_for.load(Ordering::Relaxed);
        let has_begun = self.seen.iter().any(|seen| seen.is_ready());
        !self.stop.is_cancelled() && (has_begun || self.schedule.as_ref().is_some_and(waits))
    }
}
