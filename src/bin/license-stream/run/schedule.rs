//! `--every`: when the jobs run again.

use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, Local};
use croner::Cron;
use croner::parser::{CronParser, Year};
use tokio::time::Instant;

/// A tenth of the time between two runs is no longer than this, unless it is said.
const MOST_JITTER: Duration = Duration::from_secs(30);

/// How long is slept before the clock is looked at again: it may have been set, or the machine have slept.
const LOOK: Duration = Duration::from_secs(30);

/// Times that are counted as passed over.
const MOST_MISSED: u64 = 1_000;

/// How times are shown.
pub(crate) const FORMAT: &str = "%Y-%m-%d %H:%M:%S %:z";

/// What was typed.
#[derive(Clone, Debug)]
pub(crate) enum Every {
    Time(Duration),
    Cron(Box<Cron>),
}

impl FromStr for Every {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const FORMS: &str = "a time such as 90s, 15m, 6h or 1d, or a cron expression such as '30 2 * * *', of five \
             fields, or six with seconds first";
        let text = text.trim();
        if !text.contains(char::is_whitespace) && !text.starts_with('@') {
            return duration(text).map(Self::Time).map_err(|_| FORMS.to_owned());
        }
        // A year in it would have an end.
        let parser = CronParser::builder().year(Year::Disallowed).build();
        let cron = parser.parse(text).map_err(|error| format!("{FORMS}: {error}"))?;
        if cron.find_next_occurrence(&Local::now(), false).is_err() {
            return Err("there is no time that this cron expression fits".to_owned());
        }
        Ok(Self::Cron(Box::new(cron)))
    }
}

/// A time such as `90s`, `15m`, `6h`, `1d` or `1h30m`, from a second to a year.
pub(crate) fn duration(text: &str) -> Result<Duration, &'static str> {
    const WHAT: &str = "a time from 1s to 365d, such as 90s, 15m, 6h, 1d or 1h30m";
    let mut seconds: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|char: char| !char.is_ascii_digit()).ok_or(WHAT)?;
        let number: u64 = rest[..end].parse().map_err(|_| WHAT)?;
        let unit = match rest.as_bytes()[end] {
            b's' => 1,
            b'm' => 60,
            b'h' => 3_600,
            b'd' => 86_400,
            _ => return Err(WHAT),
        };
        let more = number.checked_mul(unit).ok_or(WHAT)?;
        seconds = seconds.checked_add(more).ok_or(WHAT)?;
        rest = &rest[end + 1..];
    }
    if (1..=365 * 86_400).contains(&seconds) { Ok(Duration::from_secs(seconds)) } else { Err(WHAT) }
}

/// The times of a run that is repeated.
#[derive(Debug)]
pub(crate) struct Schedule {
    every: Every,
    /// The longest that a run is put off, if that was said.
    jitter: Option<Duration>,
    begun: Instant,
    /// Of a time: how many have passed. Of a cron expression: the last that was told of.
    passed: u64,
    last: DateTime<Local>,
}

/// The next time.
#[derive(Debug)]
pub(crate) struct Next {
    pub(crate) at: DateTime<Local>,
    /// Times that came since the last, while jobs ran.
    pub(crate) missed: u64,
    wait: Wait,
}

#[derive(Debug)]
enum Wait {
    /// However the clock is set.
    Until(Instant),
    /// For what the clock says.
    Clock,
}

impl Schedule {
    pub(crate) fn new(every: Every, jitter: Option<Duration>) -> Self {
        Self { every, jitter, begun: Instant::now(), passed: 0, last: Local::now() }
    }

    /// Whether the jobs run at once, and not only when a time has come.
    pub(crate) fn begins_at_once(&self) -> bool {
        matches!(self.every, Every::Time(_))
    }

    /// The next time from now on; `None` where there is none any more.
    pub(crate) fn next(&mut self) -> Option<Next> {
        let (elapsed, now) = (self.begun.elapsed(), Local::now());
        let (left, missed) = self.next_after(elapsed, now)?;
        let wait = match self.every {
            Every::Time(_) => Wait::Until(Instant::now() + left),
            Every::Cron(_) => Wait::Clock,
        };
        Some(Next { at: now + left, missed, wait })
    }

    /// How long it is to the next time, and how many were missed, where it is `elapsed` since the start and `now` by
    /// the clock.
    fn next_after(&mut self, elapsed: Duration, now: DateTime<Local>) -> Option<(Duration, u64)> {
        match &self.every {
            Every::Time(time) => {
                let time = *time;
                let passed = (elapsed.as_nanos() / time.as_nanos()) as u64;
                let missed = passed.saturating_sub(self.passed);
                self.passed = passed + 1;
                let due = time.saturating_mul(u32::try_from(self.passed).unwrap_or(u32::MAX));
                Some((due.saturating_sub(elapsed) + self.put_off(time), missed))
            }
            Every::Cron(cron) => {
                let mut missed = 0;
                let mut next = cron.find_next_occurrence(&self.last, false).ok()?;
                while next <= now {
                    missed += 1;
                    // Of so many it is enough to know that they were.
                    let after = if missed < MOST_MISSED { &next } else { &now };
                    next = cron.find_next_occurrence(after, false).ok()?;
                }
                self.last = next;
                let after = cron.find_next_occurrence(&next, false);
                let gap = after.ok().and_then(|after| (after - next).to_std().ok());
                let left = (next - now).to_std().ok()?;
                Some((left + self.put_off(gap.unwrap_or(MOST_JITTER)), missed))
            }
        }
    }

    /// By how much a run is put off, where the next is a `gap` later.
    fn put_off(&self, gap: Duration) -> Duration {
        // One that is put off beyond the time behind it would pass that over.
        let most = self.jitter.unwrap_or_else(|| (gap / 10).min(MOST_JITTER)).min(gap);
        most.mul_f64(fastrand::f64())
    }
}

impl Next {
    /// Waits until it has come.
    pub(crate) async fn come(self) {
        if let Wait::Until(instant) = self.wait {
            return tokio::time::sleep_until(instant).await;
        }
        while let Ok(left) = (self.at - Local::now()).to_std()
            && !left.is_zero()
        {
            tokio::time::sleep(left.min(LOOK)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_typed_as_the_help_says() {
        for (text, seconds) in
            [("1s", 1), ("90s", 90), ("15m", 900), ("6h", 21_600), ("1d", 86_400)]
        {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(duration("1h30m"), Ok(Duration::from_secs(5_400)));
        for text in
            ["", "0s", "6", "h", "6 h", "6w", "-1s", "366d", "1.5h", "99999999999999999999s", "1é"]
        {
            assert!(duration(text).is_err(), "{text}");
        }
        for text in ["30 2 * * *", "*/15 * * * *", "@daily", "0 0 * * MON-FRI", "*/5 * * * * *"] {
            assert!(matches!(text.parse(), Ok(Every::Cron(_))), "{text}");
        }
        for text in ["61 * * * *", "* * *", "0 0 0 1 1 * 2030", "0 0 30 2 *", "@often", "6hours"] {
            assert!(text.parse::<Every>().is_err(), "{text}");
        }
    }

    #[test]
    fn times_that_come_during_a_run_are_passed_over_and_the_beat_stays() {
        let mut schedule = Schedule::new("10s".parse().unwrap(), Some(Duration::ZERO));
        assert!(schedule.begins_at_once());
        let mut elapsed = Duration::ZERO;
        let mut told = Vec::new();
        for run in [1, 25, 9, 0] {
            elapsed += Duration::from_secs(run);
            let (left, missed) = schedule.next_after(elapsed, Local::now()).unwrap();
            elapsed += left;
            told.push((missed, elapsed.as_secs()));
        }
        assert_eq!(told, [(0, 10), (2, 40), (0, 50), (0, 60)]);
    }

    #[test]
    fn a_run_is_put_off_by_a_tenth_at_most() {
        let put_off = |every: &str, time: u64| {
            let mut schedule = Schedule::new(every.parse().unwrap(), None);
            let (left, _) = schedule.next_after(Duration::ZERO, Local::now()).unwrap();
            left.as_secs_f64() - time as f64
        };
        for _ in 0..100 {
            let (short, long) = (put_off("100s", 100), put_off("1d", 86_400));
            assert!(
                (0.0..=10.0).contains(&short) && (0.0..=30.0).contains(&long),
                "{short} {long}"
            );
        }
        let all: Vec<_> = (0..100).map(|_| put_off("100s", 100)).collect();
        assert!(all.iter().any(|one| *one > 5.0) && all.iter().any(|one| *one < 5.0), "{all:?}");
    }

    #[test]
    fn a_cron_expression_has_its_next_time_on_the_clock() {
        let mut schedule = Schedule::new("0 * * * *".parse().unwrap(), Some(Duration::ZERO));
        assert!(!schedule.begins_at_once());
        let next = schedule.next().unwrap();
        assert_eq!((next.missed, next.at.format("%M:%S").to_string().as_str()), (0, "00:00"));
        let left = next.at - Local::now();
        assert!(left.num_seconds() <= 3_600, "{left}");
        // Three hours later two of them are gone by.
        schedule.last = Local::now() - Duration::from_secs(2 * 3_600);
        assert_eq!(schedule.next().unwrap().missed, 2);
    }
}
