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

/// Before each of them. The crate draws each wait between the first and `base` times the one before, so that one
/// grows by half on average: all of them together are some 15 seconds, in which a store can be restarted.
const WAITS: BackoffConfig = BackoffConfig {
    init_backoff: Duration::from_millis(100),
    max_backoff: Duration::from_secs(10),
    base: 3.0,
};

pub(super) fn retries() -> RetryConfig {
    RetryConfig { backoff: WAITS, max_retries: RETRIES, retry_timeout: RETRY }
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
