//! A clock that does not wait.

use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

use license_stream::truto::Clock;

/// Stands still but for what is waited, which takes no time at all. Jitter is always the longest.
#[derive(Debug)]
pub(crate) struct Controlled {
    begun: Instant,
    waits: Mutex<Vec<Duration>>,
}

/// What the clock's time of day begins with: `Sun, 06 Nov 1994 08:49:37 GMT`.
const TIME_OF_DAY: Duration = Duration::from_secs(784_111_777);

impl Controlled {
    pub(crate) fn new() -> Self {
        Self { begun: Instant::now(), waits: Mutex::default() }
    }

    /// All waits so far, in seconds.
    pub(crate) fn waits(&self) -> Vec<f64> {
        self.waits.lock().unwrap().iter().map(Duration::as_secs_f64).collect()
    }

    fn passed(&self) -> Duration {
        self.waits.lock().unwrap().iter().sum()
    }
}

impl Clock for Controlled {
    fn now(&self) -> Instant {
        self.begun + self.passed()
    }

    fn time_of_day(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + TIME_OF_DAY + self.passed()
    }

    fn sleep(&self, wait: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.waits.lock().unwrap().push(wait);
        Box::pin(std::future::ready(()))
    }

    fn jitter(&self, longest: Duration) -> Duration {
        longest
    }
}
