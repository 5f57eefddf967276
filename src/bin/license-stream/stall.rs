//! A destination that takes nothing: a broker or a store that is away is waited for, and people are to know it.

use std::time::{Duration, Instant};

use license_stream::pipeline::Progress;

/// After how long it is told.
const AFTER: Duration = Duration::from_secs(5);

/// How long a destination has taken nothing of what waits for it.
#[derive(Debug)]
pub(crate) struct Stall {
    counted: Counted,
    since: Instant,
}

/// All that grows while a destination takes anything, or while there is still something to read for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    /// Whether something waits for it.
    pub(crate) is_waiting: bool,
    pub(crate) counters: [u64; 6],
}

impl Counted {
    pub(crate) fn of(progress: &Progress) -> Self {
        let running = progress.running();
        Self {
            is_waiting: running.iter().any(|it| it.queued_bytes() > 0 || it.is_closing()),
            counters: [
                progress.bytes_read(),
                progress.bytes_written(),
                progress.records(),
                progress.rejected(),
                progress.durable_records(),
                progress.pieces(),
            ],
        }
    }
}

impl Stall {
    pub(crate) fn new(now: Instant) -> Self {
        Self { counted: Counted::default(), since: now }
    }

    /// For how long `counted` has stood still with something waiting, where that is worth telling.
    pub(crate) fn look(&mut self, counted: Counted, now: Instant) -> Option<Duration> {
        if !counted.is_waiting || counted != self.counted {
            (self.counted, self.since) = (counted, now);
        }
        Some(now.saturating_duration_since(self.since)).filter(|time| *time >= AFTER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_nothing_is_told_once_something_waits_for_it_that_long() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let counted = |is_waiting, records| Counted { is_waiting, counters: [records; 6] };
        let mut stall = Stall::new(begun);
        // The API is slow.
        for seconds in [1, 20] {
            assert_eq!(stall.look(counted(false, 1), at(seconds)), None);
        }
        assert_eq!(stall.look(counted(true, 1), at(21)), None);
        assert_eq!(stall.look(counted(true, 1), at(25)), None);
        assert_eq!(stall.look(counted(true, 1), at(26)), Some(AFTER));
        assert_eq!(stall.look(counted(true, 1), at(40)), Some(Duration::from_secs(19)));
        // It has taken something.
        assert_eq!(stall.look(counted(true, 2), at(41)), None);
        assert_eq!(stall.look(counted(true, 2), at(46)), Some(AFTER));
    }
}
