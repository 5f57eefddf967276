//! Requests that gather as time passes.

use std::time::{Duration, Instant};

use super::RateLimit;

/// What may be sent at once, and how fast more of it comes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tank {
    pub(super) rate: Rate,
    /// Requests that may be sent at once, as of `at`.
    pub(super) level: f64,
    at: Instant,
}

/// How fast requests may follow one another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rate {
    /// Requests at once.
    pub(super) burst: f64,
    /// Requests a second.
    pub(super) steady: f64,
}

/// Of the requests of a limit, one in so many may be sent at once.
const BURST: u32 = 5;

/// What is less than one request by no more than this is one: sums of fractions are not exact.
const NEARLY: f64 = 1e-6;

impl From<RateLimit> for Rate {
    /// With the burst, a span of `per` has no more than `requests`.
    fn from(limit: RateLimit) -> Self {
        let burst = f64::from((limit.requests / BURST).max(1));
        let evenly = (f64::from(limit.requests) - burst).max(1.0);
        Self { burst, steady: evenly / limit.per.as_secs_f64().max(1e-3) }
    }
}

impl Rate {
    /// What neither of two exceeds.
    pub(super) fn and(self, other: Self) -> Self {
        Self { burst: self.burst.min(other.burst), steady: self.steady.min(other.steady) }
    }
}

impl Tank {
    /// A full one.
    pub(super) fn new(rate: Rate, now: Instant) -> Self {
        Self { rate, level: rate.burst, at: now }
    }

    pub(super) fn fill(&mut self, now: Instant) {
        self.level = self.level_at(now);
        self.at = self.at.max(now);
    }

    /// How long there will be no request in it, once it is filled.
    pub(super) fn wait(&self) -> Duration {
        let lacking = 1.0 - self.level;
        let seconds = if lacking <= NEARLY { 0.0 } else { lacking / self.rate.steady };
        Duration::try_from_secs_f64(seconds).unwrap_or_default()
    }

    /// Requests that are missing from a full one.
    pub(super) fn spent(&self) -> f64 {
        self.rate.burst - self.level
    }

    /// How full it is, of 1.
    pub(super) fn fullness(&self, now: Instant) -> f64 {
        self.level_at(now) / self.rate.burst
    }

    fn level_at(&self, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        (self.level + passed * self.rate.steady).min(self.rate.burst)
    }
}
