//! `license-stream kafka`

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use license_stream::decode::arrow::Unexpected;
use license_stream::sink::kafka::{ClientConfig, KafkaOptions, KafkaSink, producer_config};
use license_stream::{Error, ErrorKind, Result};

use crate::args::{KafkaArgs, Setting};
use crate::exit::Exit;
use crate::export::Export;
use crate::report::{self, Destination, Written};

const CHECK_TIMEOUT: Duration = Duration::from_secs(15);

pub(crate) async fn run(args: KafkaArgs) -> anyhow::Result<Exit> {
    let export = Export::new(&args.source, &args.rejects, args.report)?;
    let mut options = KafkaOptions::new(&args.topic);
    options.account = args.source.account.as_deref().map(Arc::from);
    options.snapshot_id = Some(Arc::clone(&export.snapshot_id));
    options.limits = export.limits();
    options.any_json = args.source.is_any_json();
    let sink = KafkaSink::new(&config(&args)?, options)?;
    let stop = export.signals.stop();
    tokio::select! {
        checked = sink.check(CHECK_TIMEOUT) => checked?,
        // Nothing was read yet: the empty body is delivered at once.
        () = stop.cancelled() => {}
    }
    let exported = export.run(sink).await?;
    let report = &exported.summary.report;
    let written = Written {
        destination: Destination::Topic(args.topic.clone()),
        into: format!("delivered to topic {}", args.topic),
        records: report.delivered,
        bytes: report.bytes,
        unexpected: Unexpected::default(),
        data_on_stdout: false,
    };
    report::print(&export, &exported, &written);
    Ok(Exit::after(&exported.summary, export.signals.first()))
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
