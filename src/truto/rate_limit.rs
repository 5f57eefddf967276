//! How fast requests may follow one another.
//!
//! Truto answers a client that is too fast with 429, and the client that shares its token with it too.
//! So requests wait here before they are sent: for the token's bucket, and for the account's. What
//! the API says of its limits in `ratelimit-*` headers corrects them.

mod bucket;
mod headers;
mod tank;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bucket::Bucket;
pub(super) use headers::{Said, told};

use super::clock::Clock;
use super::failure::Limited;
use super::wait::{WaitReason, Watch};

/// The limits that a [`TrutoClient`](super::TrutoClient) keeps to by itself.
///
/// What the API says in `ratelimit-*` headers is obeyed beside them, and without any limit too: it makes
/// requests slower than those that were set, and never faster. Limits that nobody has set, such as
/// [`TRUTO`](Self::TRUTO), are only where a client begins: the API can lift them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimits {
    /// Of all requests with one token.
    pub token: Option<RateLimit>,
    /// Of the requests for one integrated account.
    pub account: Option<RateLimit>,
}

impl RateLimits {
    /// None.
    pub const NONE: Self = Self { token: None, account: None };

    /// Truto's tiers: 500 requests in 10 s with a token, 50 in 10 s for an account. They are not in its
    /// public documentation of the endpoint.
    pub const TRUTO: Self = Self {
        token: Some(RateLimit { requests: 500, per: Duration::from_secs(10) }),
        account: Some(RateLimit { requests: 50, per: Duration::from_secs(10) }),
    };
}

/// So many requests in any span of so much time.
///
/// A fifth of them may be sent at once; the others follow evenly, so that no span, wherever it begins,
/// has more of them.
///
/// ```
/// use license_stream::truto::RateLimit;
///
/// let limit: RateLimit = "500/10".parse()?;
/// assert_eq!((limit.requests, limit.per.as_secs()), (500, 10));
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// How many; 0 counts as 1.
    pub requests: u32,
    /// In how long.
    pub per: Duration,
}

impl RateLimit {
    /// Whether it is what an answer says; where that names no window, any will do.
    fn is_said_by(self, said: &Said) -> bool {
        said.limit == Some(self.requests) && said.per.is_none_or(|per| per == self.per)
    }
}

impl FromStr for RateLimit {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WHAT: &str = "requests and seconds, such as 500/10";
        let (requests, seconds) = text.split_once('/').ok_or(WHAT)?;
        let requests = requests.trim().parse().map_err(|_| WHAT)?;
        let seconds: f64 = seconds.trim().parse().map_err(|_| WHAT)?;
        match Duration::try_from_secs_f64(seconds) {
            Ok(per) if requests > 0 && (0.001..=86_400.0).contains(&seconds) => {
                Ok(Self { requests, per })
            }
            _ => Err(WHAT),
        }
    }
}

/// What a bucket begins with.
#[derive(Clone, Copy, Debug)]
pub(super) enum Start {
    /// A limit that was set, or that there is to be none: nothing that the API says lifts it.
    Set(Option<RateLimit>),
    /// What is believed until the API says more.
    Believed(Option<RateLimit>),
}

impl Start {
    fn limit(self) -> Option<RateLimit> {
        let (Self::Set(limit) | Self::Believed(limit)) = self;
        limit
    }
}

/// What the buckets of a client begin with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Starts {
    pub(super) token: Start,
    pub(super) account: Start,
}

/// The buckets of one token, shared by all clones of a client.
#[derive(Debug)]
pub(super) struct Limiter(Mutex<Buckets>);

#[derive(Debug)]
struct Buckets {
    starts: Starts,
    token: Option<Bucket>,
    /// Those that are not full: a full one says no more than that nothing was sent lately.
    accounts: HashMap<Box<str>, Bucket>,
}

/// A wait that is shorter only spaces requests.
const WORTH_LOGGING: Duration = Duration::from_secs(1);

/// Accounts that are remembered.
const MAX_ACCOUNTS: usize = 4096;

/// Whose limit was said, as far as it can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    /// The token's.
    Token,
    /// The account's own, or its provider's.
    Account,
    /// The token and the account have the same, or none was said.
    Untold,
}

impl Limiter {
    pub(super) fn new(starts: Starts) -> Self {
        Self(Mutex::new(Buckets { starts, token: None, accounts: HashMap::new() }))
    }

    /// One that believes in `limits`.
    pub(super) fn believing(limits: RateLimits) -> Self {
        let (token, account) = (Start::Believed(limits.token), Start::Believed(limits.account));
        Self::new(Starts { token, account })
    }

    /// What its buckets begin with.
    pub(super) fn starts(&self) -> Starts {
        self.buckets().starts
    }

    pub(super) fn limits(&self) -> RateLimits {
        let Starts { token, account } = self.starts();
        RateLimits { token: token.limit(), account: account.limit() }
    }

    /// Waits until a request for `account` may be sent. May be dropped meanwhile.
    pub(super) async fn admit(&self, account: Option<&str>, clock: &dyn Clock, watch: &Watch) {
        loop {
            let wait = self.buckets().take(account, clock.now());
            let Some(wait) = wait else { return };
            let wait_seconds = wait.as_secs_f64();
            if wait >= WORTH_LOGGING {
                tracing::info!(account, wait_seconds, "waiting for a rate limit");
            } else {
                tracing::debug!(account, wait_seconds, "waiting for a rate limit");
            }
            watch.tell(account, wait, WaitReason::RateLimit);
            clock.sleep(wait).await;
        }
    }

    /// Takes in what an answer to a request for `account` said of limits, for none of which anybody waits longer
    /// than `longest`. What may be the account's is taken to be: an answer bears its provider's limits too, and
    /// these must not hold up the other accounts.
    pub(super) fn learn(
        &self,
        account: Option<&str>,
        said: &Said,
        longest: Duration,
        now: Instant,
    ) {
        let mut buckets = self.buckets();
        let account = account.filter(|account| buckets.whose(account, said) != Whose::Token);
        if account.is_some() && !said.restricts() {
            return;
        }
        if let Some(bucket) = buckets.bucket(account, now) {
            bucket.correct(said, longest, now);
        }
    }

    /// Takes in that a limit is reached: nothing is sent before `until`, for `account` if the limit is its
    /// own, and for no account if it is the token's, or may be.
    pub(super) fn reached(
        &self,
        account: Option<&str>,
        limited: Limited,
        said: &Said,
        until: Instant,
        now: Instant,
    ) {
        let mut buckets = self.buckets();
        let is_of_account = |account: &&str| {
            limited == Limited::ByProvider || buckets.whose(account, said) == Whose::Account
        };
        let account = account.filter(is_of_account);
        if let Some(bucket) = buckets.bucket(account, now) {
            bucket.close_until(until);
        }
    }

    fn buckets(&self) -> MutexGuard<'_, Buckets> {
        // What it guards is whole between any two statements.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Buckets {
    /// Takes a request from each bucket that it has to be taken from, or says how long to wait.
    fn take(&mut self, account: Option<&str>, now: Instant) -> Option<Duration> {
        let Starts { token, account: own } = self.starts;
        if self.token.is_none() && token.limit().is_some() {
            self.token = Some(Bucket::new(token, now));
        }
        if let Some(name) = account
            && own.limit().is_some()
        {
            self.bucket(Some(name), now);
        }
        let mut wanted: Vec<&mut Bucket> = Vec::with_capacity(2);
        wanted.extend(&mut self.token);
        wanted.extend(account.and_then(|name| self.accounts.get_mut(name)));
        let wait = wanted.iter_mut().filter_map(|bucket| bucket.wait(now)).max();
        if wait.is_none() {
            wanted.into_iter().for_each(Bucket::take);
        }
        wait
    }

    /// Whose limit was said: the token's only if it is one that is known of the token and not of the account.
    fn whose(&self, account: &str, said: &Said) -> Whose {
        if said.limit.is_none() {
            return Whose::Untold;
        }
        let is_known = |bucket: Option<&Bucket>, start: Start, usual: Option<RateLimit>| {
            // Whatever was set, the API's own limits are what they are.
            let usual = usual.filter(|_| !bucket.is_some_and(Bucket::has_own));
            bucket.is_some_and(|bucket| bucket.knows(said))
                || [start.limit(), usual].into_iter().flatten().any(|limit| limit.is_said_by(said))
        };
        let Starts { token, account: own } = self.starts;
        let is_of_token = is_known(self.token.as_ref(), token, RateLimits::TRUTO.token);
        let is_of_account = is_known(self.accounts.get(account), own, RateLimits::TRUTO.account);
        match (is_of_token, is_of_account) {
            (true, true) => Whose::Untold,
            (true, false) => Whose::Token,
            (false, _) => Whose::Account,
        }
    }

    /// The bucket of `account`, or the token's without one; it is made if it is not there.
    fn bucket(&mut self, account: Option<&str>, now: Instant) -> Option<&mut Bucket> {
        let Some(account) = account else {
            let start = self.starts.token;
            return Some(self.token.get_or_insert_with(|| Bucket::new(start, now)));
        };
        if !self.accounts.contains_key(account) {
            self.forget(now);
            self.accounts.insert(account.into(), Bucket::new(self.starts.account, now));
        }
        self.accounts.get_mut(account)
    }

    /// Makes room for one more account.
    fn forget(&mut self, now: Instant) {
        if self.accounts.len() < MAX_ACCOUNTS {
            return;
        }
        self.accounts.retain(|_, bucket| !bucket.is_idle(now));
        if self.accounts.len() > MAX_ACCOUNTS / 2 {
            // Limits of an hour keep many from being idle: those that are nearest to it go.
            let mut levels: Vec<_> =
                self.accounts.values().map(|bucket| bucket.fullness(now)).collect();
            let (_, median, _) = levels.select_nth_unstable_by(MAX_ACCOUNTS / 2, f64::total_cmp);
            let median = *median;
            self.accounts.retain(|_, bucket| bucket.fullness(now) < median);
        }
    }
}
