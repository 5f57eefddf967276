//! How often, and how patiently, a request is made again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::clock::Clock;
use super::failure::{Again, Failure};
use super::wait::{WaitReason, Watch};
use crate::error::{Error, Result};
use crate::pipeline::Requests;

/// How failures that may pass are dealt with.
///
/// The wait before a retry is random, between nothing and a bound that begins at
/// [`backoff`](Self::backoff) and doubles up to [`max_backoff`](Self::max_backoff), so that many
/// clients that failed at once do not come back at once. A wait that the server asks for, such as
/// `Retry-After`, is kept to where it is longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How often one request is made at most, the first time included; 1 is never again. 6 by default.
    /// A body that is asked for again counts anew once more of it has come.
    pub attempts: u32,
    /// The longest wait before the first retry. 500 ms by default.
    pub backoff: Duration,
    /// The longest wait that doubling leads to. 30 s by default.
    pub max_backoff: Duration,
    /// The longest wait of all: where doubling leads to more, or a server asks for more, the request is
    /// made again after this long. 5 min by default.
    pub max_wait: Duration,
    /// How many retries all requests of a client and its clones may use together, so that a run over
    /// many accounts ends when the API is down. 1,000 by default.
    pub budget: u64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 6,
            backoff: Duration::from_millis(500),
            max_backoff: Duration::from_secs(30),
            max_wait: Duration::from_secs(300),
            budget: 1_000,
        }
    }
}

impl RetryPolicy {
    /// The bound of the random wait behind `failed` attempts.
    fn bound(&self, failed: u32) -> Duration {
        let doublings = failed.saturating_sub(1).min(31);
        self.backoff.saturating_mul(1 << doublings).min(self.max_backoff).min(self.max_wait)
    }
}

/// Requests and retries so far, of a client or of a part of its work.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    made: AtomicU64,
    retried: AtomicU64,
    /// Those of the retries that count for the budget.
    spent: AtomicU64,
}

impl Counters {
    pub(crate) fn requests(&self) -> Requests {
        Requests {
            made: self.made.load(Ordering::Relaxed),
            retried: self.retried.load(Ordering::Relaxed),
        }
    }

    /// Counts one more retry for the budget, unless all of it is spent.
    fn spend(&self, budget: u64) -> bool {
        let more = |spent| (spent < budget).then_some(spent + 1);
        self.spent.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }
}

/// The attempts at one request.
///
/// ```text
/// let mut retries = client.retries(&counters);
/// loop {
///     match attempt().await {
///         Ok(answer) => return Ok(answer),
///         // Waits, or gives the error back if it is not to be tried again.
///         Err(error) => retries.after(error).await?,
///     }
/// }
/// ```
#[derive(Debug)]
pub(crate) struct Retries {
    policy: RetryPolicy,
    clock: Arc<dyn Clock>,
    /// Those of the whole run, which has the budget.
    run: Arc<Counters>,
    /// Those of the part of it that this request belongs to.
    own: Arc<Counters>,
    /// Attempts that failed since there was progress.
    failed: u32,
    /// Whether a failure came that is retried once only.
    had_once: bool,
    /// What the server asked for where that was too long.
    capped: Option<Duration>,
    watch: Watch,
    /// Whether they are no part of the budget.
    is_apart: bool,
}

impl Retries {
    pub(crate) fn new(
        policy: RetryPolicy,
        clock: Arc<dyn Clock>,
        run: Arc<Counters>,
        own: Arc<Counters>,
    ) -> Self {
        let watch = Watch::default();
        let (had_once, is_apart) = (false, false);
        Self { policy, clock, run, own, failed: 0, had_once, capped: None, watch, is_apart }
    }

    /// The same, of which the waits are told.
    pub(crate) fn watched_by(self, watch: Watch) -> Self {
        Self { watch, ..self }
    }

    /// The same, which take nothing of the run's budget: for what is not needed.
    pub(super) fn apart(self) -> Self {
        Self { is_apart: true, ..self }
    }

    /// Counts a request that is about to be sent.
    pub(super) fn sent(&self) {
        self.run.made.fetch_add(1, Ordering::Relaxed);
        self.own.made.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits until the request may be made again. May be dropped meanwhile.
    ///
    /// A plain [`Error`] is retried if it [may pass](Error::is_retryable).
    ///
    /// # Errors
    /// The failure's own, with how often it was tried, if the request must not be made again, or has
    /// been made too often.
    pub(crate) async fn after(&mut self, failure: impl Into<Failure>) -> Result<()> {
        self.after_of(None, failure).await
    }

    /// The same of a request about `account`, which whoever watches is told of, whatever the failure names.
    pub(super) async fn after_of(
        &mut self,
        account: Option<&str>,
        failure: impl Into<Failure>,
    ) -> Result<()> {
        let Failure { error, again, told, .. } = failure.into();
        self.failed = self.failed.saturating_add(1);
        let is_refused = match again {
            Again::Never => true,
            Again::Once => std::mem::replace(&mut self.had_once, true),
            Again::Often => false,
        };
        if is_refused || self.failed >= self.policy.attempts {
            return Err(self.given_up(error, None));
        }
        if !self.is_apart && !self.run.spend(self.policy.budget) {
            return Err(self.given_up(error, Some(self.policy.budget)));
        }
        self.run.retried.fetch_add(1, Ordering::Relaxed);
        self.own.retried.fetch_add(1, Ordering::Relaxed);
        let wait = self.wait(told);
        let of = match again {
            // No further time, whatever comes.
            Again::Once => self.failed,
            _ => self.policy.attempts - 1,
        };
        let reason = WaitReason::Retry { number: self.failed, of, error: &error };
        let account = error.account().or(account);
        tracing::info!(
            account,
            number = self.failed,
            of,
            wait_seconds = wait.as_secs_f64(),
            kind = error.kind().as_str(),
            error = error.message(),
            "retry"
        );
        self.watch.tell(account, wait, reason);
        self.clock.sleep(wait).await;
        Ok(())
    }

    /// Says that more came than ever before: attempts count anew.
    pub(crate) fn progressed(&mut self) {
        self.failed = 0;
        self.had_once = false;
        self.capped = None;
    }

    fn wait(&mut self, told: Option<Duration>) -> Duration {
        let told = told.unwrap_or_default();
        self.capped = (told > self.policy.max_wait).then_some(told);
        let told = told.min(self.policy.max_wait);
        // No less than told, and not at once where the server would have it so.
        told.max(self.clock.jitter(self.policy.bound(self.failed)))
    }

    /// The error, with what was done about it.
    fn given_up(&self, error: Error, spent: Option<u64>) -> Error {
        let mut words = Vec::new();
        if self.failed > 1 {
            words.push(format!("tried {} times", self.failed));
        }
        if let Some(asked) = self.capped {
            let (asked, kept) = (asked.as_secs_f64(), self.policy.max_wait.as_secs_f64());
            words.push(format!("asked to wait {asked} s, waited {kept} s"));
        }
        if let Some(budget) = spent {
            words.push(format!("no retry is left to the whole run (--retry-budget {budget})"));
        }
        if words.is_empty() { error } else { error.saying_first(&words.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::clock::testing::Controlled;
    use super::*;
    use crate::error::ErrorKind;

    fn retries(policy: RetryPolicy) -> (Retries, Arc<Controlled>, Arc<Counters>) {
        let (clock, run) = (Arc::new(Controlled::new()), Arc::new(Counters::default()));
        let own = Arc::default();
        (Retries::new(policy, Arc::clone(&clock) as _, Arc::clone(&run), own), clock, run)
    }

    fn failure(again: Again, told: Option<u64>) -> Failure {
        let error = Error::new(ErrorKind::Upstream, "the API failed");
        Failure { error, again, told: told.map(Duration::from_secs), limited: None }
    }

    fn seconds(waits: &[Duration]) -> Vec<f64> {
        waits.iter().map(Duration::as_secs_f64).collect()
    }

    #[tokio::test]
    async fn waits_double_to_their_cap_until_attempts_are_spent() {
        let policy = RetryPolicy { attempts: 9, ..RetryPolicy::default() };
        let (mut retries, clock, run) = retries(policy);
        for _ in 0..8 {
            retries.after(failure(Again::Often, None)).await.unwrap();
        }
        let error = retries.after(failure(Again::Often, None)).await.unwrap_err();
        assert_eq!(error.to_string(), "tried 9 times: the API failed");
        assert_eq!(error.kind(), ErrorKind::Upstream);
        assert_eq!(seconds(&clock.waits()), [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]);
        assert_eq!((run.requests().retried, retries.own.requests().retried), (8, 8));
    }

    #[tokio::test]
    async fn what_must_not_be_retried_comes_back_as_it_is() {
        let (mut retries, clock, run) = retries(RetryPolicy::default());
        let error = retries.after(failure(Again::Never, Some(1))).await.unwrap_err();
        assert_eq!(error.to_string(), "the API failed");
        assert_eq!(retries.after(failure(Again::Once, None)).await.map_err(|e| e.kind()), Ok(()));
        let error = retries.after(failure(Again::Once, None)).await.unwrap_err();
        assert_eq!(error.to_string(), "tried 3 times: the API failed");
        assert_eq!((clock.waits().len(), run.requests().retried), (1, 1));
    }

    #[tokio::test]
    async fn a_told_wait_is_kept_to_up_to_the_longest() {
        let (mut retries, clock, _) = retries(RetryPolicy::default());
        for told in [7, 0, 86_400] {
            retries.after(failure(Again::Often, Some(told))).await.unwrap();
        }
        // Nothing was asked for the second time: that is no reason to come back at once.
        assert_eq!(seconds(&clock.waits()), [7.0, 1.0, 300.0]);
        let error = retries.after(failure(Again::Never, None)).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "tried 4 times, asked to wait 86400 s, waited 300 s: the API failed"
        );
    }

    #[tokio::test]
    async fn no_wait_is_longer_than_the_longest() {
        let second = Duration::from_secs(1);
        let (mut retries, clock, _) =
            retries(RetryPolicy { max_wait: second, ..RetryPolicy::default() });
        for told in [None, Some(7), None, None] {
            retries.after(failure(Again::Often, told)).await.unwrap();
        }
        assert_eq!(seconds(&clock.waits()), [0.5, 1.0, 1.0, 1.0]);
    }

    #[tokio::test]
    async fn progress_lets_attempts_count_anew_but_not_the_budget() {
        let policy = RetryPolicy { attempts: 2, budget: 3, ..RetryPolicy::default() };
        let (mut retries, clock, _) = retries(policy);
        for _ in 0..3 {
            retries.after(failure(Again::Often, None)).await.unwrap();
            retries.progressed();
        }
        let error = retries.after(failure(Again::Often, None)).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "no retry is left to the whole run (--retry-budget 3): the API failed"
        );
        assert_eq!(seconds(&clock.waits()), [0.5, 0.5, 0.5]);
    }

    #[tokio::test]
    async fn what_is_not_needed_takes_nothing_of_the_budget() {
        let policy = RetryPolicy { attempts: 9, budget: 1, ..RetryPolicy::default() };
        let (retries, clock, run) = retries(policy);
        let mut apart = retries.apart();
        for _ in 0..3 {
            apart.after(failure(Again::Often, None)).await.unwrap();
        }
        let mut needed = Retries::new(policy, clock, Arc::clone(&run), Arc::default());
        needed.after(failure(Again::Often, None)).await.unwrap();
        assert!(needed.after(failure(Again::Often, None)).await.is_err());
        assert_eq!(run.requests().retried, 4);
    }

    #[tokio::test]
    async fn a_wait_ends_when_it_is_dropped() {
        let run = Arc::new(Counters::default());
        let policy = RetryPolicy { attempts: 2, ..RetryPolicy::default() };
        let clock = Arc::new(super::super::SystemClock);
        let mut retries = Retries::new(policy, clock, Arc::clone(&run), Arc::default());
        let waiting = retries.after(failure(Again::Often, Some(200)));
        assert!(tokio::time::timeout(Duration::from_millis(1), waiting).await.is_err());
        assert_eq!(run.requests().retried, 1);
    }
}
