//! A job of the library's own parts, which a test may kill.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use license_stream::Result;
use license_stream::checkpoint::{Beginning, CheckpointStore, Identity, Keeper};
use license_stream::frame::FramerOptions;
use license_stream::pipeline::{self, Options, Summary};
use license_stream::simulate::Simulator;
use license_stream::sink::kafka::{
    ClientConfig, Delivery, KafkaOptions, KafkaProducer, KafkaReport, KafkaSink, KafkaStore,
    TransactionOptions, producer_config,
};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::check;
use crate::support::body::{records, simulated};
use crate::support::kafka::{bootstrap, topic};
use crate::support::python::topic_messages_at;

pub(crate) const ACCOUNT: &str = "62f44730-dd91-461e-bd6a-aedd9e0ad79d";

/// Nothing takes as long that does not hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// One body that goes into one topic, however many runs that takes.
pub(crate) struct Job {
    pub(crate) config: ClientConfig,
    pub(crate) topic: String,
    pub(crate) delivery: Delivery,
    pub(crate) in_flight_bytes: usize,
    pub(crate) body: Bytes,
}

/// A run's body comes up to there, and goes on when it is told to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Barrier {
    reached: Arc<Notify>,
    passed: Arc<Notify>,
}

impl Barrier {
    pub(crate) async fn reached(&self) {
        self.reached.notified().await;
    }

    pub(crate) fn pass(&self) {
        self.passed.notify_one();
    }
}

impl Job {
    /// `count` invented licenses for a new topic of the broker of the tests.
    pub(crate) fn new(name: &str, count: u64) -> Self {
        Self::at(&bootstrap(), name, count)
    }

    pub(crate) fn at(brokers: &str, name: &str, count: u64) -> Self {
        let simulator = Simulator::new().with_seed(7).with_records(count);
        let account = simulator.accounts()[0].clone();
        let body = simulated(&simulator.licenses(&account), count).into();
        let topic = topic(name);
        let mut config = producer_config(brokers);
        config.set("linger.ms", "5");
        // Several in the time of a test.
        let mut transactions = TransactionOptions::of_topic(&topic);
        transactions.max_bytes = 100_000;
        let delivery = Delivery::ExactlyOnce(transactions);
        Self { config, topic, delivery, in_flight_bytes: 1 << 20, body }
    }

    fn checkpoints(&self) -> String {
        format!("{}.checkpoints", self.topic)
    }

    /// The body in chunks; with a barrier before the one at `byte`.
    fn chunks(
        &self,
        barrier: Option<(usize, Barrier)>,
    ) -> impl Stream<Item = Result<Bytes>> + Send + 'static {
        let size = 4_001;
        let chunks: Vec<_> = (0..self.body.len())
            .step_by(size)
            .map(|start| (start, self.body.slice(start..self.body.len().min(start + size))))
            .collect();
        stream::iter(chunks).then(move |(start, chunk)| {
            let barrier =
                barrier.clone().filter(|(byte, _)| start <= *byte && *byte < start + size);
            async move {
                if let Some((_, barrier)) = barrier {
                    barrier.reached.notify_one();
                    barrier.passed.notified().await;
                }
                Ok(chunk)
            }
        })
    }

    pub(crate) async fn store(&self) -> KafkaStore {
        KafkaStore::open(&self.config, &self.checkpoints(), PATIENCE).await.unwrap()
    }

    /// A run from wherever the one before was.
    pub(crate) async fn run(&self, barrier: Option<(usize, Barrier)>) -> Summary<KafkaReport> {
        let producer =
            KafkaProducer::connect(&self.config, self.in_flight_bytes, self.delivery.clone())
                .await
                .unwrap();
        let checkpoints = self.checkpoints();
        let store = KafkaStore::through(&producer, &self.config, &checkpoints, PATIENCE);
        let store = store.await.unwrap();
        let identity = Identity::new(ACCOUNT);
        let found = store.load(identity.key()).await.unwrap();
        let beginning = Beginning::of(found, &identity).unwrap();
        let mut options = KafkaOptions::new(&self.topic);
        options.account = Some(ACCOUNT.into());
        options.snapshot_id = Some(beginning.snapshot_id().into());
        let sink = KafkaSink::through(&producer, options);
        let sink = sink.keeping(&store, identity.clone(), &beginning);
        let keeper = Keeper::new(store, identity, &beginning).with_interval(Duration::ZERO);
        let options = Options {
            framer: FramerOptions { block_bytes: 10_000, ..FramerOptions::default() },
            queue_bytes: 30_000,
            resume: beginning.reached(),
            journal: Some(Box::new(keeper)),
            ..Options::default()
        };
        pipeline::run(self.chunks(barrier), sink, options).await
    }

    /// What a client sees of the topic that reads what is committed.
    pub(crate) fn messages(&self) -> Vec<Value> {
        topic_messages_at(self.config.get("bootstrap.servers").unwrap(), &self.topic)
    }

    /// Makes sure that each record is seen once, in order, and in one snapshot that is complete.
    pub(crate) async fn assert_once(&self) {
        let kept = self.store().await.load(ACCOUNT).await.unwrap().expect("a checkpoint");
        assert!(kept.is_complete);
        let records = records(&self.body);
        assert_eq!(kept.records, records.len() as u64);
        let summary = json!({"snapshots": [{"snapshot_id": kept.snapshot_id}]});
        assert_eq!(check(&self.messages(), &records, Some(ACCOUNT), &summary), records.len());
    }
}
