//! Sending no faster than told.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

/// The longest that one write may be worth, which is also what a late sender may catch up on.
const STEP: Duration = Duration::from_millis(50);

/// Says when the next bytes may be sent.
#[derive(Debug)]
pub(super) struct Pace {
    bytes_per_second: NonZeroU64,
    next: Instant,
}

impl Pace {
    pub(super) fn new(bytes_per_second: NonZeroU64, now: Instant) -> Self {
        Pace { bytes_per_second, next: now }
    }

    /// The most bytes to send at once, so that the stream is smooth.
    pub(super) fn step_bytes(&self) -> usize {
        let bytes = self.bytes_per_second.get() / (1000 / STEP.as_millis() as u64);
        usize::try_from(bytes).unwrap_or(usize::MAX).max(1)
    }

    /// When to send `bytes`; the bytes after them then have their turn later.
    pub(super) fn reserve(&mut self, bytes: usize, now: Instant) -> Instant {
        // The time in which the client did not read, or nobody ran us, is lost but for one step.
        let turn = now.checked_sub(STEP).map_or(self.next, |earliest| self.next.max(earliest));
        let seconds = bytes as f64 / self.bytes_per_second.get() as f64;
        self.next = turn + Duration::from_secs_f64(seconds);
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_their_turn_one_after_the_other() {
        let start = Instant::now() + Duration::from_secs(100);
        let mut pace = Pace::new(NonZeroU64::new(1000).unwrap(), start);
        assert_eq!(pace.step_bytes(), 50);
        for turn in 0..10 {
            // However late each is looked at, within a step, the turns stay evenly spaced.
            let due = start + Duration::from_millis(50 * turn);
            assert_eq!(pace.reserve(50, due + Duration::from_millis(turn)), due);
        }
    }

    #[test]
    fn lost_time_is_not_made_up_for() {
        let start = Instant::now() + Duration::from_secs(100);
        let mut pace = Pace::new(NonZeroU64::new(1000).unwrap(), start);
        let late = start + Duration::from_secs(10);
        assert_eq!(pace.reserve(50, late), late - STEP);
        assert_eq!(pace.reserve(50, late), late);
        assert_eq!(pace.reserve(50, late), late + STEP);
    }

    #[test]
    fn the_slowest_pace_still_moves() {
        assert_eq!(Pace::new(NonZeroU64::MIN, Instant::now()).step_bytes(), 1);
    }
}
