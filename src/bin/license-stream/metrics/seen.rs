//! What is seen of one job over all of its runs, or of the one run of a command.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::Observed;
use super::counts::{Counts, Levels};

/// How a job can end.
pub(super) const ENDS: [&str; 4] = ["done", "rejected", "failed", "interrupted"];

/// Those after which all that could be delivered is.
const SUCCESSES: [&str; 2] = ["done", "rejected"];

/// A job, or a command that is none.
#[derive(Debug)]
pub(crate) struct Seen {
    job: Option<String>,
    sink: &'static str,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What the runs that have ended came to.
    before: Counts,
    /// The run that goes on, once it has come so far.
    now: Option<Arc<Observed>>,
    runs: Runs,
}

/// How the runs of a job went.
#[derive(Clone, Debug, Default)]
pub(super) struct Runs {
    pub(super) is_running: bool,
    /// By [`ENDS`].
    pub(super) ended: [u64; ENDS.len()],
    pub(super) last: Option<LastRun>,
    pub(super) succeeded_at: Option<SystemTime>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct LastRun {
    pub(super) outcome: &'static str,
    pub(super) ended_at: SystemTime,
    pub(super) took: Duration,
}

impl Seen {
    /// The job of that name, before its first run.
    pub(crate) fn of_job(name: &str, sink: &'static str) -> Arc<Self> {
        Arc::new(Self { job: Some(name.to_owned()), sink, state: Mutex::default() })
    }

    /// The one run of a command.
    pub(super) fn of_command(sink: &'static str, observed: Arc<Observed>) -> Arc<Self> {
        let state = State { now: Some(observed), ..State::default() };
        Arc::new(Self { job: None, sink, state: Mutex::new(state) })
    }

    /// The name of the job, if it is one.
    pub(super) fn job(&self) -> Option<&str> {
        self.job.as_deref()
    }

    pub(super) fn sink(&self) -> &'static str {
        self.sink
    }

    /// A run begins.
    pub(crate) fn begin(&self) {
        self.lock().runs.is_running = true;
    }

    /// The run that goes on is seen there.
    pub(crate) fn observe(&self, observed: &Arc<Observed>) {
        self.lock().now = Some(Arc::clone(observed));
    }

    /// The run that went on has ended, by [`ENDS`]: what is none of them was no run. Nothing of it is held any
    /// longer, neither its connections nor its token.
    pub(crate) fn end(&self, outcome: &'static str, took: Duration) {
        let mut state = self.lock();
        if let Some(observed) = state.now.take() {
            let before = std::mem::take(&mut state.before);
            state.before = before.plus(&observed.counts()).settled();
        }
        let runs = &mut state.runs;
        runs.is_running = false;
        let Some(place) = ENDS.iter().position(|end| *end == outcome) else { return };
        runs.ended[place] += 1;
        let ended_at = SystemTime::now();
        runs.last = Some(LastRun { outcome, ended_at, took });
        if SUCCESSES.contains(&outcome) {
            runs.succeeded_at = Some(ended_at);
        }
    }

    /// All of it at one instant: a run that ends meanwhile counts once.
    pub(super) fn look(&self) -> (Counts, Levels, Runs) {
        let state = self.lock();
        let (before, runs) = (state.before.clone(), state.runs.clone());
        match &state.now {
            Some(now) => (before.plus(&now.counts()), now.levels(), runs),
            None => (before, Levels::default(), runs),
        }
    }

    /// Whether licenses have come in one of its runs, or one ended well.
    pub(super) fn is_ready(&self) -> bool {
        let (counts, _, runs) = self.look();
        counts.pages > 0 || runs.succeeded_at.is_some()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_go_on_over_runs_and_a_failure_keeps_the_last_success() {
        let seen = Seen::of_job("lake", "parquet");
        assert!(!seen.is_ready());
        let run = |outcome| {
            seen.begin();
            let observed = Arc::new(Observed::default());
            seen.observe(&observed);
            observed.ended(None, true, 3);
            let (counts, _, runs) = seen.look();
            assert!(runs.is_running);
            seen.end(outcome, Duration::from_secs(1));
            assert_eq!(Arc::strong_count(&observed), 1);
            let (after, _, runs) = seen.look();
            assert!(!runs.is_running);
            assert_eq!(counts.begun_anew, after.begun_anew);
            after.begun_anew
        };
        assert_eq!(run("rejected"), 2);
        let succeeded_at = seen.look().2.succeeded_at.unwrap();
        assert!(seen.is_ready());
        assert_eq!(run("failed"), 4);
        // One that does not come so far as to be seen.
        seen.begin();
        seen.end("failed", Duration::ZERO);
        let (counts, _, runs) = seen.look();
        assert_eq!((counts.begun_anew, runs.ended), (4, [0, 1, 2, 0]));
        assert_eq!(runs.succeeded_at, Some(succeeded_at));
        assert_eq!(runs.last.unwrap().outcome, "failed");
    }
}
