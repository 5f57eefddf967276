//! The half of the demo that fills a topic, and reads some of it again.

use std::time::Duration;

use anyhow::Context;
use console::{style, truncate_str};
use license_stream::sink::kafka::{KafkaOptions, KafkaSink, producer_config};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::{Demo, heading};
use crate::exit::Exit;
use crate::report::human_count;

const TIMEOUT: Duration = Duration::from_secs(15);
const PARTITIONS: i32 = 3;

pub(super) async fn show(demo: &Demo, brokers: Option<&str>) -> anyhow::Result<Exit> {
    heading("2  HTTP → Kafka");
    let snapshot = uuid::Uuid::now_v7().to_string();
    let topic = format!("license-stream.demo.{}", &snapshot[28..]);
    // The mock cluster ends when it is dropped.
    let (_mock, brokers) = match brokers {
        Some(brokers) => {
            println!("  The brokers of KAFKA_BOOTSTRAP_SERVERS or --brokers: {brokers}");
            (None, brokers.to_owned())
        }
        None => {
            let mock = MockCluster::<'_, DefaultProducerContext>::new(3)?;
            mock.create_topic(&topic, PARTITIONS, 3)?;
            println!("  librdkafka's mock cluster inside this process, since no real brokers were");
            println!("  named: set KAFKA_BOOTSTRAP_SERVERS to produce to yours.");
            let brokers = mock.bootstrap_servers();
            (Some(mock), brokers)
        }
    };
    let mut options = KafkaOptions::new(&topic);
    options.account = Some(demo.account().into());
    options.snapshot_id = Some(snapshot.into());
    let sink = KafkaSink::new(&producer_config(&brokers), options)?;
    sink.check(TIMEOUT).await?;
    let (_, exit) = demo.stream("the topic of the demo", sink).await?;
    tokio::task::spawn_blocking(move || describe(&brokers, &topic)).await??;
    Ok(exit)
}

fn describe(brokers: &str, topic: &str) -> anyhow::Result<()> {
    let consumer: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", brokers).set("group.id", topic).create()?;
    let metadata = consumer.fetch_metadata(Some(topic), TIMEOUT)?;
    let partitions = metadata.topics().first().context("the topic is not there")?.partitions();
    println!("  topic {topic}, every record acknowledged (acks=all):");
    println!();
    for partition in partitions {
        let (low, high) = consumer.fetch_watermarks(topic, partition.id(), TIMEOUT)?;
        println!("  partition {}  {:>9} records", partition.id(), human_count(high as u64));
        if partition.id() == 0 && high > low {
            let mut assignment = TopicPartitionList::new();
            assignment.add_partition_offset(topic, 0, Offset::Offset(high - 1))?;
            consumer.assign(&assignment)?;
        }
    }
    if let Some(message) = consumer.poll(TIMEOUT) {
        let message = message?;
        let text =
            |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
        println!();
        let line = |name: &str, value: String| {
            println!("  {} {}", style(format!("{name:<14}")).dim(), truncate_str(&value, 62, "…"));
        };
        line("key", text(message.key()));
        line("value", text(message.payload()));
        for header in message.headers().into_iter().flat_map(Headers::iter) {
            line(header.key, text(header.value));
        }
    }
    Ok(())
}
