//! The broker that `make test` starts.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// `HOST:PORT` of a real broker, which creates topics of three partitions when they are written to.
pub(crate) fn bootstrap() -> String {
    match std::env::var("KAFKA_BOOTSTRAP_SERVERS") {
        Ok(servers) if !servers.is_empty() => servers,
        _ => panic!(
            "this test needs a Kafka broker: run `make test`, `scripts/with-services.sh cargo test …`, \
             or set KAFKA_BOOTSTRAP_SERVERS to a broker that may be written to"
        ),
    }
}

/// A topic's name that no other test has, and no earlier run on the same broker.
pub(crate) fn topic(prefix: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{prefix}-{:x}-{:x}-{number}", since_epoch.as_micros(), std::process::id())
}
