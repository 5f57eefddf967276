//! What librdkafka does alone: records that are in memory, with the keys and headers that license-stream
//! gives them, and its settings. `benches/compare.py kafka` runs it beside the command.
//!
//!     produce BODY ACCOUNT BROKERS TOPIC CODEC
//!
//! Prints the seconds from the first record to the last acknowledgement, and the records. Nothing is checked on the
//! way, and how far the body is delivered is not known before its end.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use license_stream::sink::kafka::producer_config;
use rdkafka::ClientContext;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use serde::Deserialize;

const SNAPSHOT: &str = "01950000-0000-7000-8000-000000000000";

/// Cargo adds this to what a benchmark is called with.
const OF_CARGO: &str = "--bench";

fn main() -> Result<()> {
    let arguments: Vec<_> =
        std::env::args().skip(1).filter(|argument| argument != OF_CARGO).collect();
    let [body, account, brokers, topic, codec] = arguments.as_slice() else {
        bail!("produce BODY ACCOUNT BROKERS TOPIC CODEC");
    };
    let body = std::fs::read(body).with_context(|| format!("{body} cannot be read"))?;
    let records = prepared(&body, account)?;
    let mut config = producer_config(brokers);
    config.set("compression.type", codec);
    let begun = Instant::now();
    let producer = ThreadedProducer::from_config_and_context(&config, Acknowledged::default())?;
    for record in &records {
        send(&producer, topic, record)?;
    }
    producer.flush(Duration::from_secs(60))?;
    let seconds = begun.elapsed().as_secs_f64();
    let acknowledged = producer.context().0.load(Ordering::Relaxed);
    ensure!(acknowledged == records.len(), "{acknowledged} of {} records arrived", records.len());
    println!("{{\"seconds\":{seconds},\"records\":{acknowledged}}}");
    Ok(())
}

/// A record as librdkafka takes it: nothing is left to be found out.
struct Prepared<'a> {
    key: String,
    position: String,
    value: &'a [u8],
}

fn prepared<'a>(body: &'a [u8], account: &str) -> Result<Vec<Prepared<'a>>> {
    #[derive(Deserialize)]
    struct License<'a> {
        #[serde(borrow)]
        id: std::borrow::Cow<'a, str>,
    }
    let mut byte = 0;
    let prepare = |value: &'a [u8]| {
        let position = byte.to_string();
        byte += value.len() + 1;
        let License { id } = serde_json::from_slice(value)?;
        Ok(Prepared { key: format!("{account}:{id}"), position, value })
    };
    let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(prepare).collect()
}

/// Counts what brokers have acknowledged.
#[derive(Default)]
struct Acknowledged(AtomicUsize);

impl ClientContext for Acknowledged {}

impl ProducerContext for Acknowledged {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if result.is_ok() {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn send(
    producer: &ThreadedProducer<Acknowledged>,
    topic: &str,
    record: &Prepared<'_>,
) -> Result<(), KafkaError> {
    let Prepared { key, position, value } = record;
    let headers = OwnedHeaders::new_with_capacity(2)
        .insert(Header { key: "truto-snapshot", value: Some(SNAPSHOT) })
        .insert(Header { key: "truto-position", value: Some(position.as_str()) });
    let mut record = BaseRecord::to(topic).key(key.as_str()).payload(*value).headers(headers);
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), again)) => {
                std::thread::sleep(Duration::from_millis(1));
                record = again;
            }
            Err((error, _)) => return Err(error),
        }
    }
}
