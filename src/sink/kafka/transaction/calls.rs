//! What ending transactions asks of a producer.

use std::future::Future;
use std::time::{Duration, Instant};

use rdkafka::error::KafkaError;
use rdkafka::producer::Producer;

use crate::sink::kafka::KafkaProducer;
use crate::sink::kafka::producer;
use crate::sink::kafka::store::Change;

/// How long a connection is waited for before transactions are asked for all the same.
const TO_CONNECT: Duration = Duration::from_secs(1);

/// The calls by which transactions begin and end: those of librdkafka, and in tests of a topic in memory, with
/// which every order of them is tried. All but [`enqueue`](Self::enqueue) take their time, and are for threads
/// that may.
pub(in crate::sink::kafka) trait Calls:
    Clone + Send + Sync + 'static
{
    /// Where the brokers are.
    fn brokers(&self) -> &str;

    /// Fences the producers before, and ends their transactions.
    fn init(&self, timeout: Duration) -> Result<(), KafkaError>;

    fn begin(&self) -> Result<(), KafkaError>;

    /// Puts a checkpoint into the open transaction.
    fn enqueue(&self, change: &Change) -> impl Future<Output = Result<(), KafkaError>> + Send;

    /// Waits until all that was sent is reported.
    fn flush(&self, timeout: Duration);

    fn commit(&self, timeout: Duration) -> Result<(), KafkaError>;

    fn abort(&self, timeout: Duration) -> Result<(), KafkaError>;

    /// What was found to be fatal.
    fn fatal_error(&self) -> Option<KafkaError>;
}

impl Calls for KafkaProducer {
    fn brokers(&self) -> &str {
        self.brokers()
    }

    fn init(&self, timeout: Duration) -> Result<(), KafkaError> {
        let begun = Instant::now();
        // Who is not connected yet would ask for its coordinator half a second later.
        producer::connect(self.link(), timeout.min(TO_CONNECT));
        self.link().init_transactions(timeout.saturating_sub(begun.elapsed()))
    }

    fn begin(&self) -> Result<(), KafkaError> {
        self.link().begin_transaction()
    }

    async fn enqueue(&self, change: &Change) -> Result<(), KafkaError> {
        self.enqueue(change).await
    }

    fn flush(&self, timeout: Duration) {
        producer::flush(self.link(), timeout);
    }

    fn commit(&self, timeout: Duration) -> Result<(), KafkaError> {
        self.link().commit_transaction(timeout)
    }

    fn abort(&self, timeout: Duration) -> Result<(), KafkaError> {
        self.link().abort_transaction(timeout)
    }

    fn fatal_error(&self) -> Option<KafkaError> {
        self.link().client().fatal_error().map(|(code, _)| KafkaError::Global(code))
    }
}
