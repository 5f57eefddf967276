//! How long a store is waited for, and how often it is asked: the same for each of them.

use std::time::Duration;

use object_store::{BackoffConfig, ClientConfigKey, RetryConfig};

pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// For one try of a request; a part is 5 MiB.
pub(super) const TIMEOUT: Duration = Duration::from_secs(30);

/// A request that failed is made again so often at most, and not once so long has passed since it was made first:
/// with the last wait and the last try, it takes 100 seconds at most.
pub(super) const RETRY: Duration = Duration::from_secs(60);
pub(super) const RETRIES: usize = 10;

// One that hangs is made again.
const _: () = assert!(TIMEOUT.as_secs() < RETRY.as_secs());

/// Before each of them. The crate draws each wait between the first and `base` times the one before: all of them
/// together are five seconds at least, in which a store can be restarted, and thirty at most.
const WAITS: BackoffConfig = BackoffConfig {
    init_backoff: Duration::from_millis(500),
    max_backoff: Duration::from_secs(3),
    base: 2.0,
};

// A store that is away for so long ends no run.
const _: () = assert!(WAITS.init_backoff.as_millis() as usize * RETRIES >= 5_000);

/// A service of the machine's own that gives credentials, if there is one, is near.
const NEAR_TIMEOUT: Duration = Duration::from_secs(2);
const NEAR_RETRY: Duration = Duration::from_secs(3);
const NEAR_RETRIES: usize = 3;

pub(super) fn retries() -> RetryConfig {
    RetryConfig { backoff: WAITS, max_retries: RETRIES, retry_timeout: RETRY }
}

/// How often whoever is near is asked who may not be there.
pub(super) fn near_retries() -> RetryConfig {
    let waits = BackoffConfig { init_backoff: Duration::from_millis(200), ..WAITS };
    RetryConfig { backoff: waits, max_retries: NEAR_RETRIES, retry_timeout: NEAR_RETRY }
}

/// How long such a one is waited for, as a builder takes it.
pub(super) fn near_timeouts() -> [(ClientConfigKey, String); 2] {
    [ClientConfigKey::ConnectTimeout, ClientConfigKey::Timeout]
        .map(|key| (key, format!("{} seconds", NEAR_TIMEOUT.as_secs())))
}

/// The timeouts that `is_set` says are not, as a builder takes them.
pub(super) fn timeouts(
    is_set: impl Fn(ClientConfigKey) -> bool,
) -> impl Iterator<Item = (ClientConfigKey, String)> {
    let timeouts =
        [(ClientConfigKey::ConnectTimeout, CONNECT_TIMEOUT), (ClientConfigKey::Timeout, TIMEOUT)];
    let unset = timeouts.into_iter().filter(move |(key, _)| !is_set(*key));
    unset.map(|(key, timeout)| (key, format!("{} seconds", timeout.as_secs())))
}
