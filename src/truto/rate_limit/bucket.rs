//! All that holds requests up of one token, or of one account.

use std::time::{Duration, Instant};

use super::tank::{Rate, Tank};
use super::{RateLimit, Said, Start};

/// What may be sent now: what was set, and beside it what is believed, which the API corrects.
#[derive(Debug)]
pub(super) struct Bucket {
    /// What was set: nothing that is said lifts it.
    set: Option<(RateLimit, Tank)>,
    /// Truto's own limit: what is believed to be it, until the API says another one.
    own: Option<Known>,
    /// A provider's limit beside it, of another window or of none that was said.
    other: Option<Known>,
    /// Counts by `own` and `other`.
    believed: Option<Tank>,
    closed: Option<Closed>,
}

/// A limit, and what is known of it.
#[derive(Clone, Copy, Debug)]
struct Known {
    limit: RateLimit,
    /// Whether its window is known, or only taken to be that of Truto's limit.
    has_window: bool,
    /// Requests a second, at least: for what is only said nobody waits longer than may be waited.
    slowest: f64,
}

/// A time in which nothing is sent.
#[derive(Clone, Copy, Debug)]
struct Closed {
    until: Instant,
    /// Whether a whole window begins then. Otherwise one request is certain.
    is_reset: bool,
}

/// Windows that are believed: a longer one would hold an account up for a whole run.
const WINDOWS: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(1)..=Duration::from_secs(3600);

impl Known {
    fn certain(limit: RateLimit) -> Self {
        Self { limit, has_window: true, slowest: 0.0 }
    }

    fn rate(self) -> Rate {
        let rate = Rate::from(self.limit);
        Rate { steady: rate.steady.max(self.slowest), ..rate }
    }

    fn is_said_by(self, said: &Said) -> bool {
        self.limit.is_said_by(said) && (self.has_window || said.per.is_none())
    }

    fn has_window_of(self, other: Self) -> bool {
        (self.has_window, self.limit.per) == (other.has_window, other.limit.per)
    }
}

impl Bucket {
    pub(super) fn new(start: Start, now: Instant) -> Self {
        let (set, own) = match start {
            Start::Set(limit) => (limit, None),
            Start::Believed(limit) => (None, limit),
        };
        let tank = |limit: RateLimit| Tank::new(limit.into(), now);
        Self {
            set: set.map(|limit| (limit, tank(limit))),
            own: own.map(Known::certain),
            other: None,
            believed: own.map(tank),
            closed: None,
        }
    }

    /// How long there will be no request in it; `None` if there is one.
    pub(super) fn wait(&mut self, now: Instant) -> Option<Duration> {
        self.fill(now);
        let set = self.set.map(|(_, tank)| tank.wait());
        let believed = match (self.closed, self.believed) {
            // Once it opens there is a request, however long it would have taken to gather one.
            (Some(closed), _) => Some(closed.until.saturating_duration_since(now)),
            (None, tank) => tank.map(|tank| tank.wait()),
        };
        set.max(believed).filter(|wait| !wait.is_zero())
    }

    /// Takes a request out, after [`wait`](Self::wait) said that there is one.
    pub(super) fn take(&mut self) {
        for tank in self.tanks() {
            tank.level -= 1.0;
        }
    }

    /// Believes what the API says: another limit of Truto's own window; of another window, or without one, a
    /// limit beside it, as it is then the provider's; and never that more remains than was counted here, as
    /// others may be on their way. What was set holds beside all of it. No wait that comes of it is longer
    /// than `longest`, but for the requests that wait as well.
    pub(super) fn correct(&mut self, said: &Said, longest: Duration, now: Instant) {
        self.fill(now);
        self.learn_limit(said, longest, now);
        let Some(remaining) = said.remaining else { return };
        let reset = said.reset.filter(|_| remaining == 0);
        let tank = match &mut self.set {
            // A reset tells when more may be sent, of which what was set knows nothing.
            Some((_, tank)) if reset.is_none() => self.believed.as_mut().or(Some(tank)),
            _ => self.believed.as_mut(),
        };
        if let Some(tank) = tank {
            tank.level = tank.level.min(f64::from(remaining));
        }
        if let Some(reset) = reset {
            self.close(Closed { until: now + reset.min(longest), is_reset: reset <= longest });
        }
    }

    fn learn_limit(&mut self, said: &Said, longest: Duration, now: Instant) {
        let Some(requests) = said.limit.filter(|requests| *requests > 0) else { return };
        let set = self.set.map(|(limit, _)| limit);
        let own_window = self.own.map(|own| own.limit).or(set).map(|limit| limit.per);
        let per = match said.per {
            Some(per) => Some(per).filter(|per| WINDOWS.contains(per)),
            None => own_window.or(self.other.map(|other| other.limit.per)),
        };
        let Some(per) = per else { return };
        let known = Known {
            limit: RateLimit { requests, per },
            has_window: said.per.is_some(),
            slowest: 1.0 / longest.as_secs_f64().max(1e-3),
        };
        if said.per.is_some() && own_window == said.per {
            self.own = Some(known);
        } else if self.other.is_none_or(|other| {
            other.has_window_of(known) || known.rate().steady < other.rate().steady
        }) {
            self.other = Some(known);
        } else {
            return;
        }
        let known = [self.own, self.other].into_iter().flatten().map(Known::rate);
        let Some(rate) = known.reduce(Rate::and) else { return };
        // Where nothing was counted, the request that has told of the limit was sent at least.
        let counted = self.believed.or(self.set.map(|(_, tank)| tank));
        let spent = counted.map_or(1.0, |tank| tank.spent());
        let mut tank = Tank::new(rate, now);
        // What was spent before is waited for no longer than may be waited.
        tank.level = (rate.burst - spent).max(1.0 - rate.steady * longest.as_secs_f64());
        self.believed = Some(tank);
    }

    /// Sends nothing before `until`, and then one request at least.
    pub(super) fn close_until(&mut self, until: Instant) {
        self.close(Closed { until, is_reset: false });
    }

    fn close(&mut self, closed: Closed) {
        self.closed = match self.closed {
            Some(before) if before.until > closed.until => Some(before),
            Some(before) if before.until == closed.until && before.is_reset => Some(before),
            _ => Some(closed),
        };
    }

    /// Whether it has learnt a limit, or believes in one.
    pub(super) fn has_own(&self) -> bool {
        self.own.is_some()
    }

    /// Whether what was said is a limit that it keeps to.
    pub(super) fn knows(&self, said: &Said) -> bool {
        let set = self.set.map(|(limit, _)| Known::certain(limit));
        [set, self.own, self.other].into_iter().flatten().any(|known| known.is_said_by(said))
    }

    /// Whether it is as good as a new one.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        self.fullness(now) >= 1.0 && self.closed.is_none_or(|closed| closed.until <= now)
    }

    /// How full it is, of 1; below 0 while it is closed.
    pub(super) fn fullness(&self, now: Instant) -> f64 {
        match self.closed {
            Some(Closed { until, .. }) if until > now => -(until - now).as_secs_f64(),
            _ => {
                let tanks = self.set.map(|(_, tank)| tank).into_iter().chain(self.believed);
                tanks.map(|tank| tank.fullness(now)).fold(1.0, f64::min)
            }
        }
    }

    fn tanks(&mut self) -> impl Iterator<Item = &mut Tank> {
        self.set.as_mut().map(|(_, tank)| tank).into_iter().chain(&mut self.believed)
    }

    fn fill(&mut self, now: Instant) {
        if let Some(Closed { until, is_reset }) = self.closed.filter(|it| it.until <= now) {
            if let Some(tank) = &mut self.believed {
                tank.fill(until);
                let at_least = if is_reset { tank.rate.burst } else { 1.0 };
                tank.level = tank.level.max(at_least);
            }
            self.closed = None;
        }
        self.tanks().for_each(|tank| tank.fill(now));
    }
}
