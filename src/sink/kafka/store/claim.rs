//! Checkpoints of a run that has claimed their topic: each is a transaction, so that a later claim fences this one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rdkafka::ClientConfig;
use tokio::sync::Mutex;

use super::{Change, IN_FLIGHT_BYTES};
use crate::error::Result;
use crate::sink::kafka::KafkaProducer;
use crate::sink::kafka::transaction::{TransactionOptions, Transactions};

/// How long a producer may say nothing of a checkpoint before another one takes its place.
///
/// librdkafka forgets brokers that others leave out for a while, as they do of one that stood still for longer than its
/// session. Once in ten such absences (seen with 2.12.1, of 60 s) a producer that had nothing under way never sends
/// again when the broker is back.
const SILENCE: Duration = Duration::from_secs(30);

/// Two names of one setting.
const MESSAGE_TIMEOUTS: [&str; 2] = ["message.timeout.ms", "delivery.timeout.ms"];

pub(super) struct Claim {
    id: String,
    /// Takes the place of whoever has claimed the topic, which may take so long.
    begin: Begin,
    /// How long a checkpoint is tried.
    patience: Duration,
    current: Mutex<Arc<Transactions>>,
}

type Begin = Box<dyn Fn(Duration) -> BoxFuture<'static, Result<Arc<Transactions>>> + Send + Sync>;

impl Claim {
    /// Fences whoever claimed `topic` before under `id`, which may take `timeout`.
    pub(super) async fn take(
        config: &ClientConfig,
        topic: &str,
        id: &str,
        timeout: Duration,
    ) -> Result<Self> {
        let patience = of_records(config);
        let mut config = config.clone();
        for name in MESSAGE_TIMEOUTS {
            config.remove(name);
        }
        // A broker may be away for as long as a checkpoint is tried.
        config
            .set("transaction.timeout.ms", patience.as_millis().to_string())
            .set("transactional.id", id)
            .set("enable.idempotence", "true")
            .set("acks", "all");
        let options = TransactionOptions {
            id: id.to_owned(),
            timeout: patience.min(SILENCE),
            ..TransactionOptions::of_topic(topic)
        };
        let begin = move |timeout| begin(config.clone(), options.clone(), timeout).boxed();
        Self::by(id, Box::new(begin), patience, timeout).await
    }

    async fn by(id: &str, begin: Begin, patience: Duration, timeout: Duration) -> Result<Self> {
        let current = Mutex::new(begin(timeout).await?);
        Ok(Self { id: id.to_owned(), begin, patience, current })
    }

    /// Keeps `change`. Should a producer go silent on the way, the next one writes it once more, which changes nothing.
    pub(super) async fn write(&self, change: &Change) -> Result<()> {
        let begun = Instant::now();
        loop {
            let transactions = Arc::clone(&*self.current.lock().await);
            let Err(failure) = transactions.keep(change.clone()).await else { return Ok(()) };
            let left = self.patience.saturating_sub(begun.elapsed());
            if !failure.is_unanswered() {
                return Err(failure.error());
            }
            if left.is_zero() {
                return Err(failure.after(&self.id, self.patience).error());
            }
            let mut current = self.current.lock().await;
            // Of several who wait for the same silent producer, one replaces it.
            if Arc::ptr_eq(&current, &transactions) {
                let id = &self.id;
                tracing::warn!(
                    id,
                    "the producer of checkpoints is silent: another takes its place"
                );
                *current = (self.begin)(left).await?;
            }
        }
    }
}

async fn begin(
    config: ClientConfig,
    mut options: TransactionOptions,
    timeout: Duration,
) -> Result<Arc<Transactions>> {
    options.start_timeout = timeout;
    let producer = KafkaProducer::new(&config, IN_FLIGHT_BYTES)?;
    Ok(Arc::new(Transactions::begin(producer, options).await?))
}

/// How long a record is tried.
fn of_records(config: &ClientConfig) -> Duration {
    let set = MESSAGE_TIMEOUTS.into_iter().find_map(|name| config.get(name)?.parse().ok());
    // 0 is for ever; five minutes is what librdkafka takes if nothing is set.
    let milliseconds = set.filter(|milliseconds| *milliseconds > 0).unwrap_or(300_000);
    // Brokers take no less than a second for a transaction, and by default no more than a quarter of an hour.
    Duration::from_millis(milliseconds).clamp(Duration::from_secs(1), Duration::from_secs(900))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use rdkafka::error::{KafkaError, RDKafkaErrorCode};

    use super::*;
    use crate::error::ErrorKind;
    use crate::sink::kafka::transaction::Calls;

    /// A producer of which the first `silent` say nothing of a transaction.
    #[derive(Clone)]
    struct Producer {
        is_silent: bool,
        commits: Arc<AtomicUsize>,
    }

    impl Calls for Producer {
        fn brokers(&self) -> &'static str {
            "memory"
        }

        fn init(&self, _: Duration) -> Result<(), KafkaError> {
            Ok(())
        }

        fn begin(&self) -> Result<(), KafkaError> {
            Ok(())
        }

        async fn enqueue(&self, _: &Change) -> Result<(), KafkaError> {
            Ok(())
        }

        fn flush(&self, _: Duration) {}

        fn commit(&self, _: Duration) -> Result<(), KafkaError> {
            if self.is_silent {
                return Err(KafkaError::Flush(RDKafkaErrorCode::OperationTimedOut));
            }
            self.commits.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }

        fn abort(&self, _: Duration) -> Result<(), KafkaError> {
            Ok(())
        }

        fn fatal_error(&self) -> Option<KafkaError> {
            None
        }
    }

    /// A claim of which the first `silent` producers say nothing, and how many producers and commits there were.
    async fn claim(silent: usize) -> (Claim, Arc<AtomicUsize>, Arc<AtomicUsize>) {
        let (begun, commits) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let counts = (Arc::clone(&begun), Arc::clone(&commits));
        let begin = move |_| {
            let is_silent = begun.fetch_add(1, Ordering::SeqCst) < silent;
            let producer = Producer { is_silent, commits: Arc::clone(&commits) };
            let options = TransactionOptions {
                timeout: Duration::from_millis(300),
                ..TransactionOptions::of_topic("licenses")
            };
            async move { Ok(Arc::new(Transactions::begin(producer, options).await?)) }.boxed()
        };
        let patience = Duration::from_secs(1);
        let claim = Claim::by("licenses", Box::new(begin), patience, patience).await.unwrap();
        (claim, counts.0, counts.1)
    }

    fn change() -> Change {
        Change {
            topic: "licenses.checkpoints".into(),
            key: "a".to_owned(),
            json: None,
            kept: Arc::default(),
        }
    }

    #[tokio::test]
    async fn a_producer_that_goes_silent_is_replaced_by_one() {
        let (claim, begun, commits) = claim(1).await;
        // All of them wait for the same one.
        let (one, other, third) = (change(), change(), change());
        let written = tokio::join!(claim.write(&one), claim.write(&other), claim.write(&third));
        assert!(written.0.is_ok() && written.1.is_ok() && written.2.is_ok());
        assert_eq!(begun.load(Ordering::SeqCst), 2);
        assert!((1..=3).contains(&commits.load(Ordering::SeqCst)));
    }

    #[tokio::test]
    async fn where_all_of_them_are_silent_it_ends_when_the_patience_does() {
        let (claim, begun, commits) = claim(usize::MAX).await;
        let started = Instant::now();
        let error = claim.write(&change()).await.unwrap_err();
        assert!(started.elapsed() >= Duration::from_secs(1));
        assert_eq!(error.kind(), ErrorKind::Destination);
        assert!(error.message().contains("did not say within 1 s"), "{error}");
        assert!((2..=6).contains(&begun.load(Ordering::SeqCst)));
        assert_eq!(commits.load(Ordering::SeqCst), 0);
    }
}
