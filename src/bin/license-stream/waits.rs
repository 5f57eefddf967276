//! What requests wait for, for people: on the progress line, and with `-v` line by line.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use license_stream::registry::SchemaRegistry;
use license_stream::truto::{TrutoClient, Wait, WaitReason};
use license_stream::{ErrorKind, printable};

use crate::job::Job;
use crate::log;
use crate::screen::say;

/// A wait for a rate limit that is shorter only spaces requests: nobody needs to know.
const WORTH_TELLING: Duration = Duration::from_secs(1);

/// Characters of a failure that have room on the progress line.
const FAILURE: usize = 60;

/// The waits of a run.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    /// When the last of them ends, and what it is for.
    longest: Mutex<Option<(Instant, String)>>,
    rate_limits: Counted,
    retries: [Counted; RETRIED.len()],
}

/// Kinds of errors after which something is asked for again; what is no other is the last.
pub(crate) const RETRIED: [ErrorKind; 3] =
    [ErrorKind::Unreachable, ErrorKind::Truncated, ErrorKind::Upstream];

/// Waits of one reason: their number, and their milliseconds.
#[derive(Debug, Default)]
struct Counted {
    waits: AtomicU64,
    milliseconds: AtomicU64,
}

impl Counted {
    fn add(&self, time: Duration) {
        self.waits.fetch_add(1, Ordering::Relaxed);
        self.milliseconds.fetch_add(time.as_millis() as u64, Ordering::Relaxed);
    }

    fn waits(&self) -> u64 {
        self.waits.load(Ordering::Relaxed)
    }

    fn seconds(&self) -> f64 {
        self.milliseconds.load(Ordering::Relaxed) as f64 / 1e3
    }
}

impl Waits {
    /// The same client, whose waits are told here.
    pub(crate) fn watch(self: &Arc<Self>, client: TrutoClient, is_verbose: bool) -> TrutoClient {
        let (waits, job) = (Arc::clone(self), Job::current());
        client.with_watch(move |wait| {
            waits.begin(wait);
            if is_verbose && !log::has_info() && is_worth_telling(wait) {
                Job::sync_scope(job.as_ref(), || say!("{}", line(wait)));
            }
        })
    }

    /// The same client, of which waits of a second or more are told, and with `is_verbose` all that are worth
    /// it: where no progress line has them.
    pub(crate) fn tell(client: TrutoClient, is_verbose: bool) -> TrutoClient {
        client.with_watch(move |wait| {
            let is_told = wait.time >= WORTH_TELLING || (is_verbose && is_worth_telling(wait));
            if is_told && !log::has_info() {
                say!("{}", line(wait));
            }
        })
    }

    /// The same for the registry at `address`: it is mostly asked before there is a progress line.
    pub(crate) fn tell_of_registry(
        registry: SchemaRegistry,
        address: String,
        is_verbose: bool,
    ) -> SchemaRegistry {
        registry.with_watch(move |wait| {
            let is_told = is_verbose || wait.time >= WORTH_TELLING;
            if is_told && !log::has_info() {
                say!("{} ({address})", line(wait));
            }
        })
    }

    fn begin(&self, wait: &Wait<'_>) {
        match wait.reason {
            WaitReason::RateLimit => self.rate_limits.add(wait.time),
            WaitReason::Retry { error, .. } => {
                let place = RETRIED.iter().position(|kind| *kind == error.kind());
                self.retries[place.unwrap_or(RETRIED.len() - 1)].add(wait.time);
            }
            _ => {}
        }
        let end = Instant::now() + wait.time;
        let mut longest = self.longest.lock().unwrap_or_else(PoisonError::into_inner);
        if longest.as_ref().is_none_or(|(last, _)| *last < end) {
            *longest = Some((end, what(wait)));
        }
    }

    /// Waits for rate limits, and all of their seconds, as they were announced.
    pub(crate) fn rate_limits(&self) -> (u64, f64) {
        (self.rate_limits.waits(), self.rate_limits.seconds())
    }

    /// Retries by what failed before, and the seconds that were waited before them.
    pub(crate) fn retries(&self) -> impl Iterator<Item = (&'static str, u64, f64)> {
        let kinds = RETRIED.iter().map(|kind| kind.as_str());
        kinds.zip(&self.retries).map(|(kind, it)| (kind, it.waits(), it.seconds()))
    }

    /// What is shown with the progress: how long is waited yet, and what for. Nothing where it is less
    /// than a second.
    pub(crate) fn told(&self) -> Option<String> {
        let longest = self.longest.lock().unwrap_or_else(PoisonError::into_inner);
        let (end, what) = longest.as_ref()?;
        let left = end.saturating_duration_since(Instant::now()).as_secs();
        (left > 0).then(|| format!("waiting {left} s: {what}"))
    }
}

fn is_worth_telling(wait: &Wait<'_>) -> bool {
    !matches!(wait.reason, WaitReason::RateLimit) || wait.time >= WORTH_TELLING
}

fn what(wait: &Wait<'_>) -> String {
    match wait.reason {
        WaitReason::Retry { number, of, error } => {
            format!("retry {number} of {of}, as {}", printable(error.message(), FAILURE))
        }
        _ => "rate limit".to_owned(),
    }
}

/// A wait as `-v` has it.
fn line(wait: &Wait<'_>) -> String {
    let account = wait.account.map(|account| format!("account {account}: ")).unwrap_or_default();
    let seconds = wait.time.as_secs_f64();
    match wait.reason {
        WaitReason::Retry { number, of, error } => {
            let message = error.message();
            format!("{account}{message}: retry {number} of {of} in {seconds:.1} s")
        }
        WaitReason::Without { what, error } => {
            format!("{account}{what} is not known: going on without ({})", error.message())
        }
        _ => format!("{account}waiting {seconds:.1} s for a rate limit"),
    }
}
