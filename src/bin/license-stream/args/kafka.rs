//! `license-stream kafka`, as it is typed.

use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{Arg, ArgAction, Args as ClapArgs, Subcommand, ValueEnum};

use super::{
    CheckpointArgs, NdjsonArgs, ObserveArgs, ParquetArgs, RecordArgs, RejectArgs, ReportArgs, Size,
    SourceArgs, StopArgs, TopicArgs, ValueArgs,
};

pub(super) const KAFKA_EXAMPLES: &str = "\
Examples:
  license-stream kafka --account 62f44730-dd91-461e-bd6a-aedd9e0ad79d \\
    --brokers broker1:9092,broker2:9092 --topic saas.licenses
  license-stream kafka --input body.ndjson --brokers localhost:9092 --topic saas.licenses \\
    -X compression.type=zstd --kafka-config secrets.properties
  license-stream kafka --all-accounts --brokers localhost:9092 --topic 'licenses-{integration}' \\
    --create-topic partitions=6,config=cleanup.policy=compact --tombstone-on status=inactive
  license-stream kafka --account 62f44730-dd91-461e-bd6a-aedd9e0ad79d \\
    --brokers broker1:9092 --topic saas.licenses --value avro \\
    --schema-registry https://registry:8081 --registry-user-file registry.txt
  license-stream check kafka --account 62f44730-dd91-461e-bd6a-aedd9e0ad79d \\
    --brokers broker1:9092 --topic saas.licenses --kafka-config secrets.properties

Records of the raw format have no fields that are known: they are keyed `account`, or not at all
without one.";

#[derive(Debug, ClapArgs)]
#[command(after_help = KAFKA_EXAMPLES)]
pub(crate) struct KafkaArgs {
    /// Brokers to begin with, separated by commas
    #[arg(long, value_name = "HOST:PORT,…", env = "KAFKA_BOOTSTRAP_SERVERS",
        value_parser = NonEmptyStringValueParser::new())]
    pub(crate) brokers: String,
    /// Topic to produce to; or a template of it with {integrated_account_id}, {integration} or {status}
    #[arg(long)]
    pub(crate) topic: String,
    /// What consumers see of a run that was killed and begun again
    #[arg(long, value_enum, default_value_t = DeliveryArg::AtLeastOnce)]
    pub(crate) delivery: DeliveryArg,
    /// The transactional.id of records with exactly-once, and otherwise of checkpoints: a run fences the
    /// one before that has the same. Jobs of different accounts that write into one topic at the same time
    /// need one each; runs of one account must have the same, or both of them deliver it.
    /// `license-stream-TOPIC` if it is not given
    #[arg(long, value_name = "ID")]
    pub(crate) transactional_id: Option<String>,
    /// With exactly-once: a transaction ends with the block of records with which it holds this many bytes of keys and
    /// values, as 64MiB. 33554432 if it is not given
    #[arg(long, value_name = "BYTES")]
    pub(crate) transaction_bytes: Option<Size>,
    /// With exactly-once: a transaction ends once it is open for so long, 600 at most; consumers wait for its end. 5 if
    /// it is not given
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=600))]
    pub(crate) transaction_seconds: Option<u64>,
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
    #[command(flatten)]
    pub(crate) records: RecordArgs,
    #[command(flatten)]
    pub(crate) values: ValueArgs,
    #[command(flatten)]
    pub(crate) topics: TopicArgs,
    #[command(flatten)]
    pub(crate) checkpoint: CheckpointArgs,
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    #[command(flatten)]
    pub(crate) rejects: RejectArgs,
    #[command(flatten)]
    pub(crate) stop: StopArgs,
    #[command(flatten)]
    pub(crate) observe: ObserveArgs,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

/// What a run is looked at for. Each is given by the same flags as the run.
#[derive(Debug, Subcommand)]
pub(crate) enum CheckArgs {
    /// Look at the source and the directory or bucket of a `parquet` run
    #[command(mut_arg("json", lines), mut_arg("log_format", log_beside))]
    Parquet(Box<ParquetArgs>),
    /// Look at the source, brokers, topics and the schema registry of a `kafka` run
    #[command(mut_arg("json", lines), mut_arg("log_format", log_beside))]
    Kafka(Box<KafkaArgs>),
    /// Look at the source and the file of an `ndjson` run
    #[command(mut_arg("json", lines), mut_arg("log_format", log_beside))]
    Ndjson(Box<NdjsonArgs>),
}

/// `--json`, which is of what was found here: there is no summary.
fn lines(json: Arg) -> Arg {
    json.help("Print each thing that was found as a JSON object on a line of its own")
}

/// `--log-format`, which is of the log alone, as it is of a run.
fn log_beside(log_format: Arg) -> Arg {
    log_format.help(
        "Write a log to standard error, of level info unless -vv or RUST_LOG says otherwise. What was found is on standard \
         output, and lines for people unless --json is given too",
    )
}

/// `--delivery`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DeliveryArg {
    /// Each record once, or again behind the last checkpoint
    AtLeastOnce,
    /// Each record once, for consumers that set isolation.level=read_committed
    ExactlyOnce,
}

/// How the brokers are spoken to.
#[derive(Debug, ClapArgs)]
pub(crate) struct SettingArgs {
    /// A setting of librdkafka; may be repeated, and wins over --kafka-config. A secret is not typed here,
    /// but where it is: sasl.password=env:VARIABLE or sasl.password=@FILE
    #[arg(short = 'X', value_name = "NAME=VALUE", action = ArgAction::Append)]
    pub(crate) settings: Vec<TypedSetting>,
    /// File of librdkafka's settings, one `name=value` a line: a place for passwords
    #[arg(long, value_name = "FILE")]
    pub(crate) kafka_config: Option<PathBuf>,
}

/// `-X` as it was typed. Clap's own error would show it, and it may be a secret: it is parsed later.
#[derive(Clone)]
pub(crate) struct TypedSetting(pub(crate) String);

impl From<String> for TypedSetting {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl std::fmt::Debug for TypedSetting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}
