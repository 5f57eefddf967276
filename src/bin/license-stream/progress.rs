//! How far a run is, for people: lines that are kept current on a terminal, and elsewhere a line now and then.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use console::Style;
use license_stream::pipeline::{Progress, SnapshotProgress};
use license_stream::printable;
use tokio::task::JoinHandle;

use crate::args::is_uuid;
use crate::job::Job;
use crate::report::{human_bytes, human_count};
use crate::screen::{self, say};
use crate::stall::{Counted, Stall};
use crate::waits::Waits;

const REFRESH: Duration = Duration::from_millis(200);

/// Where lines stay: after how long the first is written, and the longest time between two, to which it doubles.
const PAUSES: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(300));

/// Where lines stay: how often it is looked whether the destination takes nothing.
const LOOK: Duration = Duration::from_secs(1);

/// Accounts that are shown while they are read, where there is room for them.
const RUNNING: usize = 8;

/// Accounts that have failed and are shown: the last of them.
const FAILED: usize = 3;

/// Characters of a failure that are kept; what is shown of it is cut at the width.
const FAILURE: usize = 300;

/// Characters of a destination's name that are shown.
const DESTINATION: usize = 120;

/// The time over which bytes a second are taken.
const SPAN: Duration = Duration::from_secs(2);

/// Who is shown how far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Whoever sits before a terminal, and whoever reads what was written.
    People,
    /// A program, which reads the summary; but a terminal is shown it all the same.
    Programs,
    /// People, of a job beside others: the terminal is theirs too, and so lines stay there.
    PeopleBesideOthers,
    /// Nobody.
    Nobody,
}

/// Shows how far a run is, until it is cleared.
#[derive(Debug)]
pub(crate) struct ProgressLine {
    refresh: Option<JoinHandle<()>>,
}

impl ProgressLine {
    /// Shows `progress`, with the accounts where there are many, and what is waited for, `destination` perhaps.
    pub(crate) fn show(
        progress: &Arc<Progress>,
        accounts: Option<Arc<AccountsDone>>,
        waits: Arc<Waits>,
        destination: &str,
        audience: Audience,
    ) -> Self {
        let view = View {
            progress: Arc::clone(progress),
            accounts,
            waits,
            destination: printable(destination, DESTINATION),
            stall: Stall::new(Instant::now()),
            begun: Instant::now(),
            rates: Rates::default(),
            frame: 0,
        };
        let refresh = match (audience, screen::is_terminal()) {
            (Audience::Nobody, _) | (Audience::Programs, false) => None,
            (Audience::PeopleBesideOthers, _) | (Audience::People, false) => {
                // The lines are told as those of the job.
                Some(tokio::spawn(Job::scope(Job::current(), view.write_now_and_then())))
            }
            (Audience::People | Audience::Programs, true) => {
                Some(tokio::spawn(view.keep_current()))
            }
        };
        Self { refresh }
    }

    /// Takes the lines away.
    pub(crate) fn clear(&self) {
        if let Some(refresh) = &self.refresh {
            refresh.abort();
            if screen::is_terminal() {
                screen::show(&[]);
            }
        }
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        self.clear();
    }
}

/// How many accounts have ended, and of how many; and the last of those that failed.
#[derive(Debug)]
pub(crate) struct AccountsDone {
    done: AtomicU64,
    failed: AtomicU64,
    /// `None` where they are listed while they are read.
    of: Option<u64>,
    failures: Mutex<VecDeque<String>>,
}

impl AccountsDone {
    pub(crate) fn of(count: Option<u64>) -> Self {
        let (done, failed, failures) = Default::default();
        Self { done, failed, of: count, failures }
    }

    /// One more has ended; `failure` is why it failed, if it did.
    pub(crate) fn add(&self, failure: Option<&str>) {
        self.done.fetch_add(1, Ordering::Relaxed);
        if let Some(failure) = failure {
            self.failed.fetch_add(1, Ordering::Relaxed);
            let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
            failures.push_back(printable(&shortened(failure), FAILURE));
            if failures.len() > FAILED {
                failures.pop_front();
            }
        }
    }

    fn failures(&self) -> Vec<String> {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.iter().cloned().collect()
    }
}

/// A failure whose account is told by the beginning of its id: on a line of 80 columns the reason has to show. The whole
/// of it is in the summary.
fn shortened(failure: &str) -> Cow<'_, str> {
    const ACCOUNT: &str = "account ";
    let Some(rest) = failure.strip_prefix(ACCOUNT) else { return failure.into() };
    match rest.split_once(':') {
        Some((id, reason)) if is_uuid(id) => format!("{ACCOUNT}{}…:{reason}", &id[..8]).into(),
        _ => failure.into(),
    }
}

impl fmt::Display for AccountsDone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let done = human_count(self.done.load(Ordering::Relaxed));
        match self.of {
            Some(count) => write!(f, "{done}/{} accounts ended · ", human_count(count))?,
            None if done == "1" => write!(f, "1 account ended · ")?,
            None => write!(f, "{done} accounts ended · ")?,
        }
        match self.failed.load(Ordering::Relaxed) {
            0 => Ok(()),
            failed => write!(f, "{} of them failed · ", human_count(failed)),
        }
    }
}

/// Makes lines of what there is to be seen.
#[derive(Debug)]
struct View {
    progress: Arc<Progress>,
    accounts: Option<Arc<AccountsDone>>,
    waits: Arc<Waits>,
    destination: String,
    stall: Stall,
    begun: Instant,
    rates: Rates,
    frame: usize,
}

impl View {
    async fn keep_current(mut self) {
        let mut ticks = tokio::time::interval(REFRESH);
        loop {
            ticks.tick().await;
            let lines = self.lines(screen::room(), Instant::now());
            screen::show(&lines);
        }
    }

    async fn write_now_and_then(mut self) {
        let (mut pause, longest) = PAUSES;
        let mut at = tokio::time::Instant::now();
        let mut next = at + pause;
        let mut is_told = false;
        loop {
            at = next.min(at + LOOK);
            tokio::time::sleep_until(at).await;
            let now = Instant::now();
            let stalled = self.stalled(now);
            let is_news = stalled.is_some() && !is_told;
            is_told = stalled.is_some();
            if at < next && !is_news {
                continue;
            }
            let waiting = self.waiting().into_iter().chain(stalled);
            let waiting: String = waiting.map(|it| format!(" · {it}")).collect();
            say!("under way: {}{}{waiting}", self.total(now), self.running());
            if at >= next {
                pause = longest.min(pause * 2);
                next += pause;
            }
        }
    }

    /// The total, what is waited for, and where there are many accounts those that are read and those that have
    /// failed last, on as many lines as there is `room` for, if that is more than a few.
    fn lines(&mut self, room: usize, now: Instant) -> Vec<String> {
        const FRAMES: [&str; 4] = ["⠋", "⠙", "⠸", "⠴"];
        self.frame = (self.frame + 1) % FRAMES.len();
        let total = self.total(now);
        let spinner = Style::new().for_stderr().cyan().apply_to(FRAMES[self.frame]);
        let mut lines = vec![format!("{spinner} {total}")];
        let waiting = self.waiting().into_iter().chain(self.stalled(now));
        lines.extend(waiting.map(|waiting| format!("  {waiting}")));
        if let Some(accounts) = &self.accounts {
            let failures = accounts.failures();
            let mut running = self.progress.running();
            // One more says how many more there are.
            let room = room.saturating_sub(lines.len() + failures.len() + 1).min(RUNNING);
            let more = running.len().saturating_sub(room);
            running.truncate(room);
            lines.extend(running.iter().map(|it| account(it, &mut self.rates, now)));
            if more > 0 {
                lines.push(format!("  and {} more", human_count(more as u64)));
            }
            let failed = Style::new().for_stderr().red().apply_to("failed:").to_string();
            lines.extend(failures.into_iter().map(|failure| format!("  {failed} {failure}")));
        }
        self.rates.forget(now);
        lines
    }

    fn total(&mut self, now: Instant) -> String {
        let progress = &self.progress;
        let bytes = progress.bytes_read();
        let rate = self.rates.of(None, bytes, self.begun, now);
        let accounts = self.accounts.as_ref().map(ToString::to_string).unwrap_or_default();
        let rejected = match progress.rejected() {
            0 => String::new(),
            rejected => format!(" · {} rejected", human_count(rejected)),
        };
        format!(
            "{accounts}{} licenses{rejected} · {} · {}/s · {} s",
            human_count(progress.records()),
            human_bytes(bytes),
            human_bytes(rate as u64),
            now.saturating_duration_since(self.begun).as_secs()
        )
    }

    /// How many of several accounts are being read, where they are not shown one by one.
    fn running(&self) -> String {
        match (&self.accounts, self.progress.running().len() as u64) {
            (None, _) | (_, 0) => String::new(),
            (Some(_), running) => format!(" · {} running", human_count(running)),
        }
    }

    fn waiting(&self) -> Option<String> {
        self.waits.told()
    }

    /// Whether the destination is waited for.
    fn stalled(&mut self, now: Instant) -> Option<String> {
        let time = self.stall.look(Counted::of(&self.progress), now)?;
        let (destination, seconds) = (&self.destination, time.as_secs());
        Some(format!(
            "waiting for {destination}, which has taken nothing for {seconds} s: nothing is lost"
        ))
    }
}

/// A line of one account: what is sure to fit into 80 columns first.
fn account(it: &SnapshotProgress, rates: &mut Rates, now: Instant) -> String {
    let bytes = it.bytes_read();
    let rate = rates.of(Some(it.number()), bytes, it.begun(), now);
    format!(
        "  {} {} · {} · {}/s · {} s",
        printable(it.account().unwrap_or("-"), 36),
        human_count(it.records()),
        human_bytes(bytes),
        human_bytes(rate as u64),
        now.saturating_duration_since(it.begun()).as_secs(),
    )
}

/// Bytes a second, lately.
#[derive(Debug, Default)]
struct Rates(HashMap<Option<u64>, Rate>);

#[derive(Clone, Copy, Debug)]
struct Rate {
    /// When it was looked last whether so much time has passed that it is worth while.
    at: Instant,
    bytes: u64,
    lately: f64,
    seen: Instant,
}

impl Rates {
    /// That of a snapshot by its number, or of all: of the last [`SPAN`] that has passed, and before that since
    /// it was begun.
    fn of(&mut self, which: Option<u64>, bytes: u64, begun: Instant, now: Instant) -> f64 {
        let per_second = |bytes: u64, since: Instant| {
            bytes as f64 / now.saturating_duration_since(since).as_secs_f64().max(0.001)
        };
        let rate =
            self.0.entry(which).or_insert(Rate { at: begun, bytes: 0, lately: 0.0, seen: now });
        rate.seen = now;
        let is_first = rate.at == begun;
        let is_due = now.saturating_duration_since(rate.at) >= SPAN;
        if is_first || is_due {
            rate.lately = per_second(bytes.saturating_sub(rate.bytes), rate.at);
        }
        if is_due {
            (rate.at, rate.bytes) = (now, bytes);
        }
        rate.lately
    }

    /// Lets go of snapshots that are not looked at any more.
    fn forget(&mut self, now: Instant) {
        self.0.retain(|_, rate| rate.seen == now);
    }
}

#[cfg(test)]
mod tests {
    use console::measure_text_width;

    use super::*;

    #[test]
    fn bytes_a_second_are_those_of_late() {
        let begun = Instant::now();
        let at = |seconds: f64| begun + Duration::from_secs_f64(seconds);
        let mut rates = Rates::default();
        assert_eq!(rates.of(None, 100, begun, at(1.0)), 100.0);
        assert_eq!(rates.of(None, 400, begun, at(2.0)), 200.0);
        // Not yet due, and then nothing came any more.
        assert_eq!(rates.of(None, 400, begun, at(3.0)), 200.0);
        assert_eq!(rates.of(None, 400, begun, at(4.0)), 0.0);
        rates.of(Some(1), 1, begun, at(4.0));
        rates.forget(at(4.0));
        assert_eq!(rates.0.len(), 2);
        rates.of(None, 400, begun, at(5.0));
        rates.forget(at(5.0));
        assert_eq!(rates.0.len(), 1);
    }

    fn view(accounts: Option<Arc<AccountsDone>>) -> View {
        View {
            progress: Arc::default(),
            accounts,
            waits: Arc::default(),
            destination: String::new(),
            stall: Stall::new(Instant::now()),
            begun: Instant::now(),
            rates: Rates::default(),
            frame: 0,
        }
    }

    #[test]
    fn the_last_failures_are_shown_and_all_are_counted() {
        let done = Arc::new(AccountsDone::of(Some(1000)));
        for number in 0..7 {
            done.add(Some(&format!("account {number}: no\x1b[2J\nway")));
            done.add(None);
        }
        let mut view = view(Some(Arc::clone(&done)));
        let lines = view.lines(24, view.begun);
        let text = lines.join("\n");
        assert!(
            text.contains("14/1,000 accounts ended · 7 of them failed · 0 licenses · 0 B"),
            "{text}"
        );
        assert_eq!(lines.len(), 1 + FAILED, "{text}");
        assert!(!text.contains("account 3") && text.contains("account 6: no"), "{text}");
        assert!(!text.contains("\x1b[2J"), "{text}");
    }

    #[test]
    fn a_failure_is_told_with_the_beginning_of_the_id() {
        for (failure, wanted) in [
            ("account d02e9240-dd91-461e-bd6a-aedd9e0ad79d: no: way", "account d02e9240…: no: way"),
            ("account mine: no way", "account mine: no way"),
            ("no way", "no way"),
        ] {
            assert_eq!(shortened(failure), wanted);
        }
    }

    #[test]
    fn what_is_seen_of_a_large_run_fits_into_80_columns() {
        let done = AccountsDone::of(Some(100_000));
        done.done.store(99_999, Ordering::Relaxed);
        let mut view = view(Some(Arc::new(done)));
        let line = view.total(view.begun + Duration::from_secs(86_400));
        assert!(measure_text_width(&line) <= 76, "{line}");
    }
}
