//! How fast requests may follow one another.
//!
//! Truto answers a client that is too fast with 429, and the client that shares its token with it too.
//! So requests wait here before they are sent: for the token's bucket, and for the account's. What
//! the API says of its limits in `ratelimit-*` headers corrects them.

mod bucket;
mod headers;

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
/// They are where it begins: what the API says in `ratelimit-*` headers is always obeyed, without any
/// limit too.
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

/// The buckets of one token, shared by all clones of a client.
#[derive(Debug)]
pub(super) struct Limiter(Mutex<Buckets>);

#[derive(Debug)]
struct Buckets {
    limits: RateLimits,
    token: Option<Bucket>,
    /// Those that are not full: a full one says no more than that nothing was sent lately.
    accounts: HashMap<Box<str>, Bucket>,
}

/// Accounts that are remembered.
const MAX_ACCOUNTS: usize = 4096;

impl Limiter {
    pub(super) fn new(limits: RateLimits) -> Self {
        Self(Mutex::new(Buckets { limits, token: None, accounts: HashMap::new() }))
    }

    pub(super) fn limits(&self) -> RateLimits {
        self.buckets().limits
    }

    /// Waits until a request for `account` may be sent. May be dropped meanwhile.
    pub(super) async fn admit(&self, account: Option<&str>, clock: &dyn Clock, watch: &Watch) {
        loop {
            let wait = self.buckets().take(account, clock.now());
            let Some(wait) = wait else { return };
            watch.tell(account, wait, WaitReason::RateLimit);
            clock.sleep(wait).await;
        }
    }

    /// Takes in what an answer to a request for `account` said of limits.
    pub(super) fn learn(&self, account: Option<&str>, said: &Said, now: Instant) {
        let mut buckets = self.buckets();
        let account = account.filter(|_| !buckets.is_of_token(said));
        if account.is_some() && !said.restricts() {
            return;
        }
        if let Some(bucket) = buckets.bucket(account, now) {
            bucket.correct(said, now);
        }
    }

    /// Takes in that a limit is reached: nothing is sent before `until`, for `account` if the limit is its
    /// own, and for no account otherwise.
    pub(super) fn reached(
        &self,
        account: Option<&str>,
        limited: Limited,
        said: &Said,
        until: Instant,
        now: Instant,
    ) {
        let mut buckets = self.buckets();
        let is_of_account = limited == Limited::ByProvider
            || buckets.limits.account.is_some_and(|limit| said.limit == Some(limit.requests));
        if let Some(bucket) = buckets.bucket(account.filter(|_| is_of_account), now) {
            bucket.close(until);
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
        let limits = self.limits;
        if self.token.is_none() {
            self.token = limits.token.map(|limit| Bucket::new(Some(limit), now));
        }
        if let Some(name) = account
            && limits.account.is_some()
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

    /// Whether what was said is about the token: anything else is about the account, if there is one. An
    /// answer bears the provider's limits too, and these must not hold up the other accounts.
    fn is_of_token(&self, said: &Said) -> bool {
        self.limits.token.is_some_and(|token| {
            said.limit == Some(token.requests) && said.per.is_none_or(|per| per == token.per)
        })
    }

    /// The bucket of `account`, or the token's without one; it is made if it is not there.
    fn bucket(&mut self, account: Option<&str>, now: Instant) -> Option<&mut Bucket> {
        let Some(account) = account else {
            let limit = self.limits.token;
            return Some(self.token.get_or_insert_with(|| Bucket::new(limit, now)));
        };
        if !self.accounts.contains_key(account) {
            self.forget(now);
            self.accounts.insert(account.into(), Bucket::new(self.limits.account, now));
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

#[cfg(test)]
mod tests {
    use super::super::clock::testing::Controlled;
    use super::*;

    /// When each of `accounts`' requests could be sent, in seconds since the first.
    async fn times<'a>(
        limiter: &Limiter,
        clock: &Controlled,
        accounts: impl Iterator<Item = &'a str>,
    ) -> Vec<f64> {
        let begun = clock.now();
        let mut times = Vec::new();
        for account in accounts {
            limiter.admit(Some(account), clock, &Watch::default()).await;
            times.push((clock.now() - begun).as_secs_f64());
        }
        times
    }

    /// The most of `times` in any span of `per` seconds.
    fn most(times: &[f64], per: f64) -> usize {
        let within =
            |start: f64| times.iter().filter(|at| (start..start + per).contains(*at)).count();
        times.iter().map(|start| within(*start)).max().unwrap_or_default()
    }

    fn said(limit: u32, per: Option<u64>, remaining: u32, reset: u64) -> Said {
        Said {
            limit: Some(limit),
            per: per.map(Duration::from_secs),
            remaining: Some(remaining),
            reset: Some(Duration::from_secs(reset)),
        }
    }

    #[tokio::test]
    async fn no_span_has_more_requests_than_the_limit() {
        for limit in ["500/10", "50/10", "7/3", "2/1", "1/1"] {
            let limit: RateLimit = limit.parse().unwrap();
            let limiter = Limiter::new(RateLimits { token: Some(limit), account: None });
            let clock = Controlled::new();
            let count = limit.requests as usize * 4;
            let names: Vec<_> = (0..count).map(|index| index.to_string()).collect();
            let times = times(&limiter, &clock, names.iter().map(String::as_str)).await;
            let per = limit.per.as_secs_f64();
            assert!(most(&times, per) <= limit.requests as usize, "{limit:?}");
            // Nearly as many as it may be. Where it is few, even spacing costs more.
            let longest = if limit.requests < 10 { per * 7.0 } else { per * 4.8 };
            assert!(times[count - 1] <= longest, "{limit:?}: {}", times[count - 1]);
        }
    }

    #[tokio::test]
    async fn an_account_has_a_limit_of_its_own() {
        let limiter = Limiter::new(RateLimits::TRUTO);
        let clock = Controlled::new();
        let one = times(&limiter, &clock, std::iter::repeat_n("a", 200)).await;
        assert!((49..=50).contains(&most(&one, 10.0)), "{}", most(&one, 10.0));
        // Another one is not held up by it.
        assert_eq!(times(&limiter, &clock, std::iter::repeat_n("b", 10)).await, [0.0; 10]);
    }

    #[tokio::test]
    async fn without_limits_nothing_waits_and_nothing_is_kept() {
        let limiter = Limiter::new(RateLimits::NONE);
        let clock = Controlled::new();
        for index in 0..10_000 {
            limiter.admit(Some(&index.to_string()), &clock, &Watch::default()).await;
        }
        limiter.learn(Some("a"), &Said::default(), clock.now());
        assert!(clock.waits().is_empty() && limiter.buckets().accounts.is_empty());
    }

    #[tokio::test]
    async fn what_the_api_says_corrects_a_bucket() {
        for limits in [RateLimits::NONE, RateLimits::TRUTO] {
            let limiter = Limiter::new(limits);
            let clock = Controlled::new();
            limiter.admit(Some("a"), &clock, &Watch::default()).await;
            // A provider's limit of 110 requests in 10 s, of which none remain for 7 s.
            limiter.learn(Some("a"), &said(110, Some(10), 0, 7), clock.now());
            assert_eq!(times(&limiter, &clock, ["b"].into_iter()).await, [0.0], "others go on");
            let times = times(&limiter, &clock, std::iter::repeat_n("a", 400)).await;
            assert_eq!(times[0], 7.0);
            assert!((100..=110).contains(&most(&times, 10.0)), "{}", most(&times, 10.0));
        }
    }

    #[tokio::test]
    async fn a_provider_s_limit_does_not_lift_the_account_s() {
        for (requests, per, most_in_ten) in [
            // Faster than 50 in 10 s: not believed.
            (100_000, Some(3600), 48..=50),
            (100, None, 48..=50),
            // Slower, though it would allow 2,000 at once.
            (10_000, Some(3600), 30..=33),
            (20, None, 18..=20),
        ] {
            let limiter = Limiter::new(RateLimits::TRUTO);
            let clock = Controlled::new();
            limiter.admit(Some("a"), &clock, &Watch::default()).await;
            let all_remain = Said { remaining: None, ..said(requests, per, 0, 0) };
            limiter.learn(Some("a"), &all_remain, clock.now());
            let times = times(&limiter, &clock, std::iter::repeat_n("a", 300)).await;
            let most = most(&times, 10.0);
            assert!(most_in_ten.contains(&most), "{most}");
        }
    }

    #[tokio::test]
    async fn what_is_said_of_the_token_holds_up_all() {
        let limiter = Limiter::new(RateLimits::TRUTO);
        let clock = Controlled::new();
        limiter.admit(Some("a"), &clock, &Watch::default()).await;
        limiter.learn(Some("a"), &said(500, None, 0, 4), clock.now());
        assert_eq!(times(&limiter, &clock, ["b"].into_iter()).await, [4.0]);
        limiter.learn(None, &said(7, None, 0, 3), clock.now());
        assert_eq!(times(&limiter, &clock, ["c"].into_iter()).await, [3.0]);
    }

    #[tokio::test]
    async fn a_limit_that_is_reached_holds_up_whom_it_concerns() {
        let limiter = Limiter::new(RateLimits::TRUTO);
        let clock = Controlled::new();
        let reached = |limited, said: &Said, wait| {
            let until = clock.now() + Duration::from_secs(wait);
            limiter.reached(Some("a"), limited, said, until, clock.now());
        };
        reached(Limited::ByProvider, &Said::default(), 2);
        assert_eq!(times(&limiter, &clock, ["b", "a"].into_iter()).await, [0.0, 2.0]);
        reached(Limited::ByApi, &said(50, None, 0, 2), 2);
        assert_eq!(times(&limiter, &clock, ["b", "a"].into_iter()).await, [0.0, 2.0]);
        reached(Limited::ByApi, &Said::default(), 2);
        assert_eq!(times(&limiter, &clock, ["b", "a"].into_iter()).await, [2.0, 2.0]);
    }

    #[tokio::test]
    async fn accounts_that_are_idle_are_forgotten() {
        let limiter = Limiter::new(RateLimits { token: None, ..RateLimits::TRUTO });
        let clock = Controlled::new();
        for index in 0..20_000 {
            limiter.admit(Some(&index.to_string()), &clock, &Watch::default()).await;
            assert!(limiter.buckets().accounts.len() <= MAX_ACCOUNTS);
        }
        // The one that is farthest from idle is kept.
        limiter.learn(Some("19999"), &said(100, Some(3600), 0, 100), clock.now());
        for index in 0..10_000 {
            limiter.admit(Some(&format!("other {index}")), &clock, &Watch::default()).await;
        }
        assert_eq!(times(&limiter, &clock, ["19999"].into_iter()).await, [100.0]);
    }

    #[test]
    fn a_limit_is_typed_as_requests_and_seconds() {
        let limit = RateLimit { requests: 3, per: Duration::from_millis(500) };
        assert_eq!("3/0.5".parse(), Ok(limit));
        for text in ["", "3", "/1", "3/", "0/1", "-1/1", "3/0", "3/-1", "3/inf", "3/NaN", "3/1e9"] {
            assert!(text.parse::<RateLimit>().is_err(), "{text}");
        }
    }
}
