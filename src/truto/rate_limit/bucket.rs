//! A bucket of requests: full at first, and filled as time passes.

use std::time::{Duration, Instant};

use super::{RateLimit, Said};

/// What may be sent now, of one limit.
#[derive(Debug)]
pub(super) struct Bucket {
    /// `None` where nothing but `closed_until` holds requests up.
    limit: Option<RateLimit>,
    /// Requests of a full bucket.
    burst: f64,
    /// Requests that may be sent at once, as of `at`.
    level: f64,
    at: Instant,
    closed_until: Option<Instant>,
}

/// Of the requests of a limit, one in so many may be sent at once.
const BURST: u32 = 5;

/// What is less than one request by no more than this is one: sums of fractions are not exact.
const NEARLY: f64 = 1e-6;

/// Windows that are believed: a longer one would hold an account up for a whole run.
const WINDOWS: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(1)..=Duration::from_secs(3600);

impl RateLimit {
    fn burst(self) -> f64 {
        f64::from((self.requests / BURST).max(1))
    }

    /// Requests a second. With the burst, a span of `per` has no more than `requests`.
    fn rate(self) -> f64 {
        let evenly = (f64::from(self.requests) - self.burst()).max(1.0);
        evenly / self.per.as_secs_f64().max(1e-3)
    }
}

impl Bucket {
    pub(super) fn new(limit: Option<RateLimit>, now: Instant) -> Self {
        let burst = limit.map_or(0.0, RateLimit::burst);
        Self { limit, burst, level: burst, at: now, closed_until: None }
    }

    /// How long there will be no request in it; `None` if there is one.
    pub(super) fn wait(&mut self, now: Instant) -> Option<Duration> {
        self.fill(now);
        let closed = self.closed_until.map(|until| until.saturating_duration_since(now));
        let empty = self.limit.map(|limit| {
            let lacking = 1.0 - self.level;
            if lacking <= NEARLY { 0.0 } else { lacking / limit.rate() }
        });
        let empty = empty.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        closed.max(empty).filter(|wait| !wait.is_zero())
    }

    /// Takes a request out, after [`wait`](Self::wait) said that there is one.
    pub(super) fn take(&mut self) {
        self.level -= 1.0;
    }

    /// Believes what the API says: another limit for the same window; for another window, or without
    /// one, only if it is slower, as it is then the provider's, beside the one that is known; and never that
    /// more remains than was counted here, as others may be on their way.
    pub(super) fn correct(&mut self, said: &Said, now: Instant) {
        self.fill(now);
        let per = said.per.filter(|per| WINDOWS.contains(per));
        let per = per.or(self.limit.map(|known| known.per).filter(|_| said.per.is_none()));
        if let (Some(requests), Some(per)) = (said.limit.filter(|requests| *requests > 0), per) {
            let limit = RateLimit { requests, per };
            let is_believed = self
                .limit
                .is_none_or(|known| said.per == Some(known.per) || limit.rate() < known.rate());
            if is_believed {
                self.set(limit);
            }
        }
        if let Some(remaining) = said.remaining {
            self.level = self.level.min(f64::from(remaining));
            if let (0, Some(reset)) = (remaining, said.reset) {
                self.close(now + reset);
            }
        }
    }

    /// Sends nothing before `until`.
    pub(super) fn close(&mut self, until: Instant) {
        self.closed_until = self.closed_until.max(Some(until));
    }

    /// Whether it is as good as a new one.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        self.fullness(now) >= 1.0 && self.closed_until.is_none_or(|until| until <= now)
    }

    /// How full it is, of 1; below 0 while it is closed.
    pub(super) fn fullness(&self, now: Instant) -> f64 {
        match self.closed_until {
            Some(until) if until > now => -(until - now).as_secs_f64(),
            _ => self.limit.map_or(1.0, |limit| self.level_at(limit, now) / self.burst),
        }
    }

    fn set(&mut self, limit: RateLimit) {
        if self.limit == Some(limit) {
            return;
        }
        let spent = if self.limit.is_some() { self.burst - self.level } else { 1.0 };
        // A long window allows many at once, which the limit that it takes the place of does not.
        self.burst = match self.limit {
            Some(known) if known.per != limit.per => limit.burst().min(self.burst),
            _ => limit.burst(),
        };
        self.level = self.burst - spent;
        self.limit = Some(limit);
    }

    fn fill(&mut self, now: Instant) {
        if let Some(limit) = self.limit {
            self.level = self.level_at(limit, now);
        }
        self.at = now;
    }

    fn level_at(&self, limit: RateLimit, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        (self.level + passed * limit.rate()).min(self.burst)
    }
}
