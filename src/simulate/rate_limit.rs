//! Requests that are too many.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::time::{Duration, Instant};

use serde::Deserialize;

/// The most requests that a tier may allow: a sliding window remembers each.
const REQUESTS_LIMIT: u32 = 100_000;
/// How many who have not asked lately are kept before they are forgotten.
const FORGET_AT: usize = 1024;

/// So many requests in so many seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateTier {
    /// How many, from 1 to 100,000.
    pub requests: u32,
    /// In how many seconds.
    pub seconds: u32,
    /// Where the seconds begin.
    pub window: RateWindow,
}

/// Where the seconds of a tier begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RateWindow {
    /// They are the last ones, at any time.
    #[default]
    Sliding,
    /// They begin with a request, and when they are over, with the next.
    Fixed,
}

impl Default for RateTier {
    fn default() -> Self {
        RateTier { requests: 500, seconds: 10, window: RateWindow::default() }
    }
}

impl RateTier {
    /// Why it cannot be kept, if it cannot.
    pub(super) fn mistake(self) -> Option<&'static str> {
        if !(1..=REQUESTS_LIMIT).contains(&self.requests) {
            Some("requests is a number from 1 to 100000")
        } else if self.seconds == 0 {
            Some("seconds is at least 1")
        } else {
            None
        }
    }

    fn time(self) -> Duration {
        Duration::from_secs(self.seconds.max(1).into())
    }
}

/// What a request finds: how many more may follow, and when there is room again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Allowance {
    pub(super) tier: RateTier,
    pub(super) is_allowed: bool,
    pub(super) remaining: u32,
    /// Seconds until another request is allowed, or, while some are, until all of them are.
    pub(super) reset: u64,
}

/// Counts the requests of everyone that a tier is for.
#[derive(Debug)]
pub(super) struct RateLimit<K> {
    tier: RateTier,
    /// For each, when the requests came that still count.
    counted: HashMap<K, VecDeque<Instant>>,
    forget_at: usize,
}

impl<K: Eq + Hash> RateLimit<K> {
    pub(super) fn new(tier: RateTier) -> Self {
        RateLimit { tier, counted: HashMap::new(), forget_at: FORGET_AT }
    }

    /// Looks at a request without counting it.
    pub(super) fn look(&mut self, who: K, now: Instant) -> Allowance {
        if self.counted.len() >= self.forget_at {
            let time = self.tier.time();
            self.counted.retain(|_, counted| counted.back().is_some_and(|last| *last + time > now));
            self.forget_at = (self.counted.len() * 2).max(FORGET_AT);
        }
        let RateTier { requests, window, .. } = self.tier;
        let time = self.tier.time();
        let counted = self.counted.entry(who).or_default();
        match window {
            RateWindow::Sliding => {
                while counted.front().is_some_and(|first| *first + time <= now) {
                    counted.pop_front();
                }
            }
            RateWindow::Fixed => {
                if counted.front().is_some_and(|first| *first + time <= now) {
                    counted.clear();
                }
            }
        }
        let used = counted.len() as u32;
        let remaining = requests.saturating_sub(used);
        let until = if remaining == 0 { counted.front() } else { counted.back() };
        let until = if window == RateWindow::Fixed { counted.front() } else { until };
        let wait = until.map_or(Duration::ZERO, |at| (*at + time).saturating_duration_since(now));
        // Rounded up, so that who waits as long as told finds room.
        let reset = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        Allowance { tier: self.tier, is_allowed: remaining > 0, remaining, reset }
    }

    /// Counts a request that is allowed; answers what is left then.
    pub(super) fn count(&mut self, who: K, now: Instant) -> Allowance
    where
        K: Clone,
    {
        self.counted.entry(who.clone()).or_default().push_back(now);
        self.look(who, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks at these milliseconds; answers which ones were allowed, and the wait that the others got.
    fn ask(window: RateWindow, milliseconds: &[u64]) -> Vec<Result<u32, u64>> {
        let mut limit = RateLimit::new(RateTier { requests: 2, seconds: 10, window });
        let start = Instant::now();
        milliseconds
            .iter()
            .map(|at| {
                let now = start + Duration::from_millis(*at);
                let found = limit.look("a", now);
                assert!(limit.look("b", now).is_allowed, "another one's requests do not count");
                if found.is_allowed {
                    Ok(limit.count("a", now).remaining)
                } else {
                    Err(found.reset)
                }
            })
            .collect()
    }

    #[test]
    fn a_sliding_window_holds_no_more_than_the_limit() {
        let asked = ask(RateWindow::Sliding, &[0, 9_000, 9_500, 9_999, 10_000, 10_001, 19_000]);
        assert_eq!(asked, [Ok(1), Ok(0), Err(1), Err(1), Ok(0), Err(9), Ok(0)]);
    }

    #[test]
    fn a_fixed_window_begins_anew_when_it_is_over() {
        let asked = ask(RateWindow::Fixed, &[0, 9_000, 9_500, 10_000, 10_001, 19_000, 20_000]);
        assert_eq!(asked, [Ok(1), Ok(0), Err(1), Ok(1), Ok(0), Err(1), Ok(1)]);
    }

    #[test]
    fn who_has_not_asked_for_long_is_forgotten() {
        let mut limit = RateLimit::new(RateTier::default());
        let start = Instant::now();
        for who in 0..10 * FORGET_AT as u64 {
            limit.count(who, start + Duration::from_millis(20 * who));
        }
        assert!(limit.counted.len() <= 2 * FORGET_AT, "{}", limit.counted.len());
    }
}
