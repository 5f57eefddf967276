//! From memory into Kafka, beside what librdkafka does alone.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use criterion::{BenchmarkId, Criterion};
use futures_util::stream;
use license_stream::Result;
use license_stream::sink::kafka::{KafkaOptions, KafkaSink, producer_config};
use rdkafka::ClientContext;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use tokio::runtime::Runtime;

use crate::corpus::{Corpus, RECORDS, WHOLE, chunks};
use crate::group;
use crate::peers::serde_json_id;
use crate::pipeline::{brokers, deliver};

const ACCOUNT: &str = "62f44730-dd91-461e-bd6a-aedd9e0ad79d";
const SNAPSHOT: &str = "01950000-0000-7000-8000-000000000000";

pub(crate) fn bench(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let mut group = group(criterion, "memory to Kafka", WHOLE.body.len());
    for codec in ["none", "lz4", "zstd"] {
        let topic = format!("bench-{}-memory-{codec}", std::process::id());
        group.bench_function(BenchmarkId::new("license-stream", codec), |bencher| {
            let brokers = brokers();
            bencher.iter(|| runtime.block_on(produce(&brokers, codec, &topic)));
        });
        group.bench_function(BenchmarkId::new("librdkafka alone", codec), |bencher| {
            let (brokers, records) = (brokers(), Prepared::all(&WHOLE));
            bencher.iter(|| produce_alone(&brokers, codec, &topic, &records));
        });
    }
    group.finish();
}

/// The records are framed, checked, keyed and tracked.
async fn produce(brokers: &str, codec: &str, topic: &str) {
    let mut config = producer_config(brokers);
    config.set("compression.type", codec);
    let options = KafkaOptions {
        account: Some(ACCOUNT.into()),
        snapshot_id: Some(SNAPSHOT.into()),
        ..KafkaOptions::new(topic)
    };
    let sink = KafkaSink::new(&config, options).expect("librdkafka takes the settings");
    deliver(stream::iter(chunks(&WHOLE.body).map(Result::Ok).collect::<Vec<_>>()), sink).await;
}

/// A record as librdkafka takes it: nothing is left to be found out.
struct Prepared<'a> {
    key: String,
    position: String,
    value: &'a [u8],
}

impl<'a> Prepared<'a> {
    fn all(corpus: &'a Corpus) -> Vec<Self> {
        let mut byte = 0;
        let prepare = |value: &'a [u8]| {
            let position = byte.to_string();
            byte += value.len() + 1;
            let id = serde_json_id(value).expect("each license has an id");
            Self { key: format!("{ACCOUNT}:{id}"), position, value }
        };
        corpus.records().map(prepare).collect()
    }
}

/// Counts what brokers have acknowledged.
#[derive(Default)]
struct Acknowledged(AtomicUsize);

impl ClientContext for Acknowledged {}

impl ProducerContext for Acknowledged {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        result.as_ref().expect("the broker takes each record");
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// The same keys, headers, values and settings, by what the client gives to everybody.
fn produce_alone(brokers: &str, codec: &str, topic: &str, records: &[Prepared<'_>]) {
    let mut config = producer_config(brokers);
    config.set("compression.type", codec);
    let producer = ThreadedProducer::from_config_and_context(&config, Acknowledged::default())
        .expect("librdkafka takes the settings");
    for Prepared { key, position, value } in records {
        let headers = OwnedHeaders::new_with_capacity(2)
            .insert(Header { key: "truto-snapshot", value: Some(SNAPSHOT) })
            .insert(Header { key: "truto-position", value: Some(position) });
        let mut record = BaseRecord::to(topic).key(key).payload(*value).headers(headers);
        while let Err((error, again)) = producer.send(record) {
            let is_full =
                matches!(error, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull));
            assert!(is_full, "{error}");
            std::thread::sleep(Duration::from_millis(1));
            record = again;
        }
    }
    producer.flush(Duration::from_secs(60)).expect("the broker answers");
    assert_eq!(producer.context().0.load(Ordering::Relaxed), RECORDS);
}
