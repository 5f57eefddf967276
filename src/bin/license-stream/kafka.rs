//! `license-stream kafka`

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use license_stream::decode::arrow::Unexpected;
use license_stream::pipeline::Summary;
use license_stream::sink::kafka::{
    ClientConfig, KafkaOptions, KafkaProducer, KafkaReport, KafkaSink, producer_config,
};
use license_stream::{Error, ErrorKind, Result};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::args::{KafkaArgs, Setting};
use crate::exit::Exit;
use crate::export::{Export, Kept, Sinks};
use crate::snapshots::{Destination, Written};

const CHECK_TIMEOUT: Duration = Duration::from_secs(15);

pub(crate) async fn run(args: KafkaArgs) -> anyhow::Result<Exit> {
    let config = config(&args)?;
    let export = Export::new(args.source, args.rejects, args.report)?;
    let mut options = KafkaOptions::new(&args.topic);
    options.limits = export.limits();
    options.any_json = export.source.is_any_json();
    let producer = KafkaProducer::new(&config, options.in_flight_bytes)?;
    let stop = export.signals.stop();
    tokio::select! {
        checked = producer.check(&args.topic, CHECK_TIMEOUT) => checked?,
        // Nothing was read yet, and nothing will be.
        () = stop.cancelled() => {}
    }
    export.run(Topic { producer, options }).await
}

/// One topic, which all accounts share, and one producer.
struct Topic {
    producer: KafkaProducer,
    /// Those of every snapshot.
    options: KafkaOptions,
}

impl Sinks for Topic {
    type Sink = KafkaSink;

    async fn sink(
        &self,
        account: Option<&Arc<str>>,
        snapshot_id: &Arc<str>,
        _: u32,
    ) -> Result<Kept<KafkaSink>> {
        let mut options = self.options.clone();
        options.account = account.cloned();
        options.snapshot_id = Some(Arc::clone(snapshot_id));
        Ok((KafkaSink::through(&self.producer, options), None))
    }

    fn written(&self, _: Option<&str>, summary: &mut Summary<KafkaReport>) -> Written {
        Written {
            destination: Destination::Topic(self.options.topic.clone()),
            into: self.place(0, 0),
            records: summary.report.delivered,
            bytes: summary.report.bytes,
            unexpected: Unexpected::default(),
        }
    }

    fn place(&self, _: u64, _: u64) -> String {
        format!("delivered to topic {}", self.options.topic)
    }

    /// Brokers that do not take a record within librdkafka's time-out will take none of the others; a
    /// record that is too large is its account's own.
    fn is_shared(&self, error: &Error) -> bool {
        let cause = std::error::Error::source(error);
        let cause = cause.and_then(|cause| cause.downcast_ref::<KafkaError>());
        cause.and_then(KafkaError::rdkafka_error_code).is_some_and(|code| {
            !matches!(code, RDKafkaErrorCode::MessageSizeTooLarge | RDKafkaErrorCode::InvalidRecord)
        })
    }
}

fn config(args: &KafkaArgs) -> Result<ClientConfig> {
    let mut config = producer_config(&args.brokers);
    let mut settings =
        args.kafka_config.as_deref().map(read_config).transpose()?.unwrap_or_default();
    for typed in &args.settings {
        settings.push(
            typed
                .0
                .parse()
                .map_err(|what| Error::new(ErrorKind::Configuration, format!("-X: {what}")))?,
        );
    }
    for Setting { name, value } in &settings {
        let weakens = match name.as_str() {
            "enable.idempotence" => value != "true",
            // No transaction is begun here.
            "transactional.id" => true,
            // A run waits for the report of every record.
            "delivery.report.only.error" => value != "false",
            "acks" | "request.required.acks" => value != "all" && value != "-1",
            _ => false,
        };
        if weakens {
            let message = format!(
                "{name} must stay as it is: without it records can be lost, doubled or reordered"
            );
            return Err(Error::new(ErrorKind::Configuration, message));
        }
        config.set(name, value);
    }
    Ok(config)
}

/// Reads lines of `name=value`; blank ones and those that begin with `#` say nothing.
fn read_config(path: &Path) -> Result<Vec<Setting>> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        let message = format!("--kafka-config {} cannot be read", path.display());
        Error::new(ErrorKind::Configuration, message).caused_by(error)
    })?;
    let lines = text.lines().map(str::trim).enumerate();
    lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(index, line)| {
            line.parse().map_err(|what| {
                let message =
                    format!("--kafka-config {}, line {}: {what}", path.display(), index + 1);
                Error::new(ErrorKind::Configuration, message)
            })
        })
        .collect()
}
