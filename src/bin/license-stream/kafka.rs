//! `license-stream kafka`

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use license_stream::checkpoint::{Identity, Keeper};
use license_stream::decode::arrow::Unexpected;
use license_stream::pipeline::{Journal, Summary};
use license_stream::sink::kafka::{
    ClientConfig, Delivery, KafkaOptions, KafkaProducer, KafkaReport, KafkaSink, KafkaStore,
    TransactionOptions, producer_config,
};
use license_stream::{Error, ErrorKind, Result};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::args::{DeliveryArg, KafkaArgs, Setting, SettingArgs};
use crate::checkpoints::{self, Store};
use crate::exit::Exit;
use crate::export::{Export, Opened, Sinks};
use crate::snapshots::{Destination, Written};

const CHECK_TIMEOUT: Duration = Duration::from_secs(15);

const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn run(args: KafkaArgs) -> anyhow::Result<Exit> {
    let config = config(&args.brokers, &args.settings)?;
    let delivery = delivery(&args)?;
    let export = Export::new(args.source, args.rejects, args.report)?;
    let mut options = KafkaOptions::new(&args.topic);
    options.limits = export.limits();
    options.any_json = export.source.is_any_json();
    let is_kept = !args.checkpoint.no_checkpoint && !export.source.is_read_once();
    let open = async {
        let in_flight_bytes = options.in_flight_bytes;
        let producer = KafkaProducer::connect(&config, in_flight_bytes, delivery.clone()).await?;
        producer.check(&args.topic, CHECK_TIMEOUT).await?;
        let kept = match &args.checkpoint.checkpoint {
            _ if !is_kept => Kept::Nothing,
            Some(place) => Kept::Elsewhere(place.store()?),
            None => {
                let topic = checkpoints::topic_beside(&args.topic);
                Kept::Beside(KafkaStore::through(&producer, &config, &topic, PATIENCE).await?)
            }
        };
        Ok::<_, Error>((producer, kept))
    };
    let stop = export.signals.stop();
    let (producer, kept) = tokio::select! {
        opened = open => opened?,
        // Nothing was read yet, and nothing will be.
        () = stop.cancelled() => (KafkaProducer::new(&config, 1)?, Kept::Nothing),
    };
    let is_exactly_once = delivery != Delivery::AtLeastOnce;
    export.run(Topic { producer, options, kept, is_exactly_once }).await
}

fn delivery(args: &KafkaArgs) -> Result<Delivery> {
    let is_exact = args.delivery == DeliveryArg::ExactlyOnce;
    let refused = |message| Err(Error::new(ErrorKind::Configuration, message));
    if !is_exact && args.transactional_id.is_some() {
        return refused("--transactional-id goes with --delivery exactly-once");
    }
    if !is_exact {
        return Ok(Delivery::AtLeastOnce);
    }
    if args.checkpoint.no_checkpoint || args.checkpoint.checkpoint.is_some() {
        return refused(
            "--delivery exactly-once commits its checkpoints with the records, in TOPIC.checkpoints: \
             leave --checkpoint and --no-checkpoint away",
        );
    }
    if args.source.is_read_once() {
        return refused(
            "--delivery exactly-once must be able to read its input again, and standard input cannot be: \
             name a file with --input",
        );
    }
    let mut transactions = TransactionOptions::of_topic(&args.topic);
    transactions.max_bytes = args.transaction_bytes;
    transactions.max_duration = Duration::from_secs(args.transaction_seconds);
    if let Some(id) = &args.transactional_id {
        transactions.id.clone_from(id);
    }
    Ok(Delivery::ExactlyOnce(transactions))
}

/// One topic, which all accounts share, and one producer.
struct Topic {
    producer: KafkaProducer,
    /// Those of every snapshot.
    options: KafkaOptions,
    kept: Kept,
    is_exactly_once: bool,
}

/// Where checkpoints are.
enum Kept {
    Nothing,
    /// In a directory, or an object store.
    Elsewhere(Store),
    /// In a topic; in the transactions of the records, if there are such.
    Beside(KafkaStore),
}

impl Sinks for Topic {
    type Sink = KafkaSink;

    async fn sink(
        &self,
        account: Option<&Arc<str>>,
        identity: Identity,
        attempt: u32,
    ) -> Result<Opened<KafkaSink>> {
        let identity = identity.with("topic", &self.options.topic);
        let store: Option<Store> = match &self.kept {
            Kept::Nothing => None,
            Kept::Elsewhere(store) => Some(Arc::clone(store)),
            Kept::Beside(store) => Some(Arc::new(store.clone())),
        };
        let beginning = checkpoints::beginning(store.as_ref(), &identity, attempt).await?;
        let mut options = self.options.clone();
        options.account = account.cloned();
        options.snapshot_id = Some(beginning.snapshot_id().into());
        let mut sink = KafkaSink::through(&self.producer, options);
        if let Kept::Beside(store) = &self.kept {
            sink = sink.keeping(store, identity.clone(), &beginning);
        }
        let journal = store
            .map(|store| Box::new(Keeper::new(store, identity, &beginning)) as Box<dyn Journal>);
        Ok(Opened { sink, beginning, journal })
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
        // A transaction that fails takes the records of all accounts with it.
        if self.is_exactly_once && error.kind() == ErrorKind::Destination {
            return true;
        }
        let cause = std::error::Error::source(error);
        let cause = cause.and_then(|cause| cause.downcast_ref::<KafkaError>());
        cause.and_then(KafkaError::rdkafka_error_code).is_some_and(|code| {
            !matches!(code, RDKafkaErrorCode::MessageSizeTooLarge | RDKafkaErrorCode::InvalidRecord)
        })
    }
}

/// What librdkafka is told of how to produce.
pub(crate) fn config(brokers: &str, args: &SettingArgs) -> Result<ClientConfig> {
    let mut config = producer_config(brokers);
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
            // --transactional-id has it.
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
