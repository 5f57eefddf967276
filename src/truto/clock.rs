//! Time and chance, as far as requests depend on them.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant, SystemTime};

/// What a [`TrutoClient`](super::TrutoClient) waits by.
///
/// [`SystemClock`] is what it uses unless it is told otherwise. One of your own that answers at once
/// lets you test hours of waiting in no time; see
/// [`TrutoClient::with_clock`](super::TrutoClient::with_clock).
pub trait Clock: Debug + Send + Sync + 'static {
    /// The time that waits are measured by.
    fn now(&self) -> Instant;

    /// The time of day, which a server may name as the end of a wait.
    fn time_of_day(&self) -> SystemTime;

    /// Ends after `wait`.
    fn sleep(&self, wait: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;

    /// A random wait between nothing and `longest`, each as likely as any other.
    fn jitter(&self, longest: Duration) -> Duration;
}

/// The machine's own clock, and tokio's timers.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn time_of_day(&self) -> SystemTime {
        SystemTime::now()
    }

    fn sleep(&self, wait: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(tokio::time::sleep(wait))
    }

    fn jitter(&self, longest: Duration) -> Duration {
        longest.mul_f64(fastrand::f64())
    }
}

#[cfg(test)]
pub(super) mod testing {
    use std::sync::Mutex;

    use super::*;

    /// A clock that stands still but for what is waited, which takes no time at all. Jitter is always
    /// the longest.
    #[derive(Debug)]
    pub(in super::super) struct Controlled {
        begun: Instant,
        waited: Mutex<(Duration, Vec<Duration>)>,
    }

    impl Controlled {
        pub(in super::super) fn new() -> Self {
            Self { begun: Instant::now(), waited: Mutex::default() }
        }

        /// All waits so far.
        pub(in super::super) fn waits(&self) -> Vec<Duration> {
            self.waited.lock().unwrap().1.clone()
        }

        /// The time that it stood at first.
        pub(in super::super) fn begun(&self) -> Instant {
            self.begun
        }

        fn passed(&self) -> Duration {
            self.waited.lock().unwrap().0
        }
    }

    impl Clock for Controlled {
        fn now(&self) -> Instant {
            self.begun + self.passed()
        }

        fn time_of_day(&self) -> SystemTime {
            SystemTime::UNIX_EPOCH + self.passed()
        }

        fn sleep(&self, wait: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
            let (passed, waits) = &mut *self.waited.lock().unwrap();
            *passed += wait;
            waits.push(wait);
            Box::pin(std::future::ready(()))
        }

        fn jitter(&self, longest: Duration) -> Duration {
            longest
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_uses_the_whole_range() {
        let waits: Vec<_> =
            (0..10_000).map(|_| SystemClock.jitter(Duration::from_secs(1)).as_secs_f64()).collect();
        assert!(waits.iter().all(|wait| (0.0..=1.0).contains(wait)));
        for tenth in 0..10 {
            let of_tenth = waits.iter().filter(|wait| (**wait * 10.0) as usize == tenth).count();
            assert!(of_tenth > 500, "{of_tenth} waits in tenth {tenth}");
        }
    }
}
