//! What can be typed.

mod accounts;
mod checkpoint;
mod records;
mod request;
mod stop;
mod values;

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::str::FromStr;

pub(crate) use accounts::{AccountArgs, AccountsArgs, is_uuid};
pub(crate) use checkpoint::{CheckpointArgs, CheckpointsArgs, ResetArgs, ShowArgs, StoreArgs};
use clap::{ArgAction, Args as ClapArgs, Parser, Subcommand, ValueEnum};
use license_stream::frame::Shape;
use license_stream::pipeline::MaxRejects;
use license_stream::simulate::{Fault, SimulatedShape};
use license_stream::truto::LicenseRequest;
use license_stream::{Error, ErrorKind, Integration};
pub(crate) use records::{DeadLetterArg, HeadersArg, RecordArgs, TopicArgs};
pub(crate) use request::{FormatArg, ProductArg, RequestArgs};
pub(crate) use stop::StopArgs;
pub(crate) use values::{RegistryArgs, ValueArg, ValueArgs};

use crate::connection::ConnectionArgs;
use crate::place::Place;

const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    failed while running
  2    wrong usage or configuration
  3    a server is unreachable, or refused a credential
  4    done, but some records were no licenses
  130  stopped by SIGINT, 143 by SIGTERM; what was read is delivered, as far as --grace lets it
With several accounts, the worst of them counts: 2, then 3, 1, 130 or 143, 4, 0";

/// Stream software licenses out of the Truto unified API into Kafka topics and Parquet files.
///
/// The body of the response is read while it arrives, every byte of it is checked, and memory stays
/// bounded however long it is. Data goes to standard output only where a command says so;
/// everything else goes to standard error.
#[derive(Debug, Parser)]
#[command(name = "license-stream", version, after_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write licenses to Parquet files
    Parquet(ParquetArgs),
    /// Produce licenses to a Kafka topic
    Kafka(Box<KafkaArgs>),
    /// Write licenses as they came, one a line, to standard output or a file
    Ndjson(NdjsonArgs),
    /// Look whether a run could do its work: nothing is read, written or made
    #[command(subcommand)]
    Check(CheckArgs),
    /// Show or reset what is kept between runs
    #[command(subcommand)]
    Checkpoint(CheckpointsArgs),
    /// List the integrated accounts that the API token can see
    Accounts(AccountsArgs),
    /// Print the schema of a license
    Schema(SchemaArgs),
    /// Show what each integration gives of a license, and what it needs to be asked with
    Integrations(IntegrationsArgs),
    /// Play a Truto API on this machine, with invented licenses
    Simulate(SimulateArgs),
    /// Show all of it at work: a simulated Truto, Parquet files and a Kafka topic
    Demo(DemoArgs),
}

/// Where the licenses come from.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Source")]
pub(crate) struct SourceArgs {
    /// Read a recorded body, or dead letters, instead of asking the API; `-` is standard input. What is
    /// compressed by gzip, zstd or zlib is told by its first bytes and unpacked
    #[arg(long, value_name = "FILE", conflicts_with_all = ["token_file", "RequestArgs",
        "FilterArgs", "ConnectionArgs"])]
    pub(crate) input: Option<PathBuf>,
    /// How records stand in the body; told from its first bytes if it is not given
    #[arg(long, value_enum, default_value_t = ShapeArg::Auto)]
    pub(crate) shape: ShapeArg,
    #[command(flatten)]
    pub(crate) accounts: AccountArgs,
    #[command(flatten)]
    pub(crate) request: RequestArgs,
    #[command(flatten)]
    pub(crate) api: ApiArgs,
}

/// Where the API is, and how it is reached.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "API")]
pub(crate) struct ApiArgs {
    /// Address of the API; plain http only to this machine, unless --allow-http says otherwise
    #[arg(
        long,
        value_name = "URL",
        env = "TRUTO_BASE_URL",
        default_value = license_stream::truto::DEFAULT_BASE_URL
    )]
    pub(crate) base_url: String,
    /// File that holds the API token; otherwise it is read from TRUTO_API_TOKEN
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

impl SourceArgs {
    /// Whether records need not be licenses.
    pub(crate) fn is_any_json(&self) -> bool {
        self.request.format == FormatArg::Raw || self.shape == ShapeArg::Document
    }

    /// Whether it cannot be read a second time: standard input is gone then.
    pub(crate) fn is_read_once(&self) -> bool {
        self.input.as_deref() == Some(std::path::Path::new("-"))
    }

    /// Whether all pages are read, so that a snapshot can be complete.
    pub(crate) fn is_from_the_first_page(&self) -> bool {
        self.request.cursor.as_deref().unwrap_or_default().is_empty()
    }

    /// Refuses what fits no columns.
    pub(crate) fn check_columns(&self) -> license_stream::Result<()> {
        if self.shape == ShapeArg::Document {
            let message = "--shape document is of no known form and fits no columns: write it with \
                `ndjson` or `kafka`";
            return Err(Error::new(ErrorKind::Configuration, message));
        }
        self.request.request(self.accounts.only())?.check_columns()
    }

    /// The request that is to be made of the first account, if any; refuses what contradicts itself,
    /// before anything is sent or written.
    pub(crate) fn check(&self) -> license_stream::Result<Option<LicenseRequest>> {
        self.accounts.check(self.input.is_some())?;
        if self.accounts.all_accounts && self.request.integration.is_some() {
            let message = "--integration says of one account what it is, and filters nothing: \
                with --all-accounts goes --integration-name";
            return Err(Error::new(ErrorKind::Configuration, message));
        }
        if self.accounts.are_many() && !self.is_from_the_first_page() {
            let message = "--cursor leads to a page of one account: name it alone with --account";
            return Err(Error::new(ErrorKind::Configuration, message));
        }
        if self.input.is_some() {
            return Ok(None);
        }
        let message = match self.shape {
            ShapeArg::DeadLetters => "--shape dead-letters goes with --input FILE",
            ShapeArg::Document if self.request.format != FormatArg::Raw => {
                "--shape document goes with --format raw, or with --input FILE"
            }
            _ => return self.request.request(self.accounts.only()).map(Some),
        };
        Err(Error::new(ErrorKind::Configuration, message))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ShapeArg {
    /// Told from the content type and the first bytes
    Auto,
    /// One license a line
    Lines,
    /// `{"result":[…]}`, keyed or not, one or several; or a bare array
    Envelope,
    /// A JSON text sequence (RFC 7464)
    Sequence,
    /// The whole body is one record, of any form; what --format raw is read as. Not for `parquet`
    Document,
    /// With --input: the records of a file of dead letters, once more
    DeadLetters,
}

impl From<ShapeArg> for Shape {
    fn from(shape: ShapeArg) -> Self {
        match shape {
            // How the records of dead letters come, the source says.
            ShapeArg::Auto | ShapeArg::DeadLetters => Self::Auto,
            ShapeArg::Lines => Self::Lines,
            ShapeArg::Envelope => Self::Envelope,
            ShapeArg::Sequence => Self::Sequence,
            ShapeArg::Document => Self::Document,
        }
    }
}

/// What happens to records that are no licenses.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Broken records")]
pub(crate) struct RejectArgs {
    /// What to do with a record that is no license
    #[arg(long, value_enum, default_value_t = OnError::Fail)]
    pub(crate) on_error: OnError,
    /// File that dead letters are appended to, one JSON object a line. With `kafka` also a topic, as
    /// messages of their own: `topic:NAME`, or `topic:` for TOPIC.dlq
    #[arg(long, value_name = "DEST", required_if_eq("on_error", "dead-letter"))]
    pub(crate) dead_letter: Option<DeadLetterArg>,
    /// Fail with more rejects than this, by count (`100`) or by share of all records (`0.5%`)
    #[arg(long, value_name = "N|P%")]
    pub(crate) max_rejects: Option<RejectLimit>,
    /// Longest record, in bytes; a longer one is a reject and is not held in memory
    #[arg(long, value_name = "BYTES", default_value_t = 16 << 20,
        value_parser = clap::value_parser!(u64).range(1..=1 << 30))]
    pub(crate) max_record_bytes: u64,
    /// How deep arrays and objects of a record may nest
    #[arg(long, value_name = "LEVELS", default_value_t = 128,
        value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) max_depth: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnError {
    /// End the run at the first one; the licenses before it are delivered
    Fail,
    /// Count it and go on
    Skip,
    /// Keep it where --dead-letter says and go on
    DeadLetter,
}

/// `--max-rejects`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RejectLimit(pub(crate) MaxRejects);

impl FromStr for RejectLimit {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WHAT: &str = "a number of records such as 100, or a share such as 0.5%";
        let limit = match text.strip_suffix('%') {
            None => MaxRejects::Count(text.parse().map_err(|_| WHAT)?),
            Some(percent) => match percent.trim().parse::<f64>() {
                Ok(percent) if (0.0..=100.0).contains(&percent) => {
                    MaxRejects::Share(percent / 100.0)
                }
                _ => return Err(WHAT),
            },
        };
        Ok(Self(limit))
    }
}

/// What is told of the run.
#[derive(Clone, Copy, Debug, ClapArgs)]
#[command(next_help_heading = "Report")]
pub(crate) struct ReportArgs {
    /// Print the summary as one JSON object, on standard output unless the data goes there
    #[arg(long)]
    pub(crate) json: bool,
    /// Say nothing but errors
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// Say line by line what is waited for, what is asked for again, and what is begun anew
    #[arg(long, short, conflicts_with = "quiet", overrides_with = "verbose")]
    pub(crate) verbose: bool,
}

const PARQUET_EXAMPLES: &str = "\
Examples:
  license-stream parquet --account 62f44730-dd91-461e-bd6a-aedd9e0ad79d --out lake/licenses
  license-stream parquet --input body.ndjson --out lake/licenses --on-error skip
  license-stream parquet --all-accounts --out s3://lake/licenses
  duckdb -c \"select name, sum(assigned_quantity) from 'lake/licenses/*.parquet' group by 1\"";

#[derive(Debug, ClapArgs)]
#[command(after_help = PARQUET_EXAMPLES)]
pub(crate) struct ParquetArgs {
    /// Directory for the files, which is made if it is not there; or s3://BUCKET/PREFIX, with
    /// credentials and settings from the environment (AWS_ACCESS_KEY_ID, AWS_REGION, AWS_ENDPOINT_URL, …)
    #[arg(long, value_name = "DIR|URL")]
    pub(crate) out: Place,
    /// A row group ends once it holds this many bytes of JSON; accounts that are read at once share
    /// it, so that memory stays the same
    #[arg(long, value_name = "BYTES", default_value_t = 128 << 20,
        value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) row_group_bytes: u64,
    /// A file ends once it holds this many bytes of JSON
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 30,
        value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) file_bytes: u64,
    /// Reject a record in which a known field has a value of an unexpected type; otherwise the
    /// column is null, and the value is kept in _extra
    #[arg(long)]
    pub(crate) strict: bool,
    #[command(flatten)]
    pub(crate) checkpoint: CheckpointArgs,
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    #[command(flatten)]
    pub(crate) rejects: RejectArgs,
    #[command(flatten)]
    pub(crate) stop: StopArgs,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

const KAFKA_EXAMPLES: &str = "\
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
    #[arg(long, value_name = "HOST:PORT,…", env = "KAFKA_BOOTSTRAP_SERVERS")]
    pub(crate) brokers: String,
    /// Topic to produce to; or a template of it with {integrated_account_id}, {integration} or {status}
    #[arg(long)]
    pub(crate) topic: String,
    /// What consumers see of a run that was killed and begun again
    #[arg(long, value_enum, default_value_t = DeliveryArg::AtLeastOnce)]
    pub(crate) delivery: DeliveryArg,
    /// The transactional.id of records with exactly-once, and otherwise of checkpoints: a run fences the
    /// one before that has the same. Jobs that write into one topic at the same time need one each;
    /// `license-stream-TOPIC` if it is not given
    #[arg(long, value_name = "ID")]
    pub(crate) transactional_id: Option<String>,
    /// With exactly-once: a transaction ends once it holds this many bytes of keys and values
    #[arg(long, value_name = "BYTES", default_value_t = 32 << 20,
        value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) transaction_bytes: u64,
    /// With exactly-once: a transaction ends once it is open for so long; consumers wait for its end
    #[arg(long, value_name = "SECONDS", default_value_t = 5,
        value_parser = clap::value_parser!(u64).range(1..=600))]
    pub(crate) transaction_seconds: u64,
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
    pub(crate) report: ReportArgs,
}

/// What a run is looked at for.
#[derive(Debug, Subcommand)]
pub(crate) enum CheckArgs {
    /// Look at brokers, topics and the source of a `kafka` run, which is given by the same flags
    Kafka(Box<KafkaArgs>),
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

const NDJSON_EXAMPLES: &str = "\
Examples:
  license-stream ndjson --account 62f44730-dd91-461e-bd6a-aedd9e0ad79d | jq .name
  license-stream ndjson --account 62f44730-dd91-461e-bd6a-aedd9e0ad79d --out licenses.ndjson";

#[derive(Debug, ClapArgs)]
#[command(after_help = NDJSON_EXAMPLES)]
pub(crate) struct NdjsonArgs {
    /// File to write, there once it is whole; until then, and after a failure, its lines are in
    /// FILE.partial. With several accounts a directory, with a file ACCOUNT.ndjson for each. Standard
    /// output if it is not given, where lines of several accounts come mixed
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    #[command(flatten)]
    pub(crate) rejects: RejectArgs,
    #[command(flatten)]
    pub(crate) stop: StopArgs,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct SchemaArgs {
    /// Which form of it
    #[arg(value_enum)]
    pub(crate) form: SchemaForm,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum SchemaForm {
    /// The Arrow schema, as text
    Arrow,
    /// The Parquet schema, as text
    Parquet,
    /// The Avro schema
    Avro,
    /// The Protobuf definition
    Protobuf,
    /// The JSON Schema of a record as the API sends it
    JsonSchema,
    /// The JSON Schema of a record as `kafka --value json-normalized` and `json-schema` write it
    JsonNormalized,
}

const INTEGRATIONS_EXAMPLES: &str = "\
Examples:
  license-stream integrations
  license-stream integrations 'Cisco Meraki'
  license-stream integrations --json | jq -r '.[] | select(.fields.updated_at) | .name'";

#[derive(Debug, ClapArgs)]
#[command(after_help = INTEGRATIONS_EXAMPLES)]
pub(crate) struct IntegrationsArgs {
    /// The one integration to show; all of them if it is not given
    #[arg(value_name = "NAME", value_parser = request::integration)]
    pub(crate) name: Option<&'static Integration>,
    /// Print an array of objects, or the object of the one that is named
    #[arg(long)]
    pub(crate) json: bool,
}

const SIMULATE_HELP: &str = "\
Truto does not publish the wire format of its streams: what is played here is
our own reading, and so is every --shape of it. Responses say so in their
x-simulated header.

Examples:
  license-stream simulate --records 1000000 --listen 127.0.0.1:8080
  license-stream simulate --shape pretty-envelope --page-records 1000
  license-stream simulate --fault '{\"refuse\":503,\"times\":2}' \\
    --fault '{\"cut_at\":5000}'
  license-stream simulate --scenario examples/scenarios/customers.json
  license-stream simulate --records 1000000 --out body.ndjson

  TRUTO_API_TOKEN=simulator-token license-stream ndjson \\
    --base-url http://127.0.0.1:8080 --account (as printed)";

#[derive(Debug, ClapArgs)]
#[command(after_help = SIMULATE_HELP)]
pub(crate) struct SimulateArgs {
    /// Licenses of each account
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub(crate) records: u64,
    /// Integrated accounts
    #[arg(long, value_name = "N", default_value_t = 1,
        value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(crate) accounts: u64,
    /// What the licenses are made from: the same seed makes the same licenses
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// How licenses stand in a body
    #[arg(long, value_enum, default_value_t = SimulatedShapeArg::Lines)]
    pub(crate) shape: SimulatedShapeArg,
    /// Most licenses that one request is answered with; a cursor leads to the next ones. All of them if
    /// it is not given, and in an array or a sequence, which cannot bear a cursor
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) page_records: Option<u64>,
    /// Put the cursor before the licenses, not behind them
    #[arg(long)]
    pub(crate) cursor_first: bool,
    /// Send an error of the API in the place of the license after this many, and end the body there
    #[arg(long, value_name = "N")]
    pub(crate) error_after: Option<u64>,
    /// Play what a JSON file says: groups of accounts, what they hold and what goes wrong
    /// (docs/simulator.md)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["records", "accounts", "seed", "shape",
        "page_records", "cursor_first", "chunk_bytes", "pace", "encoding"])]
    pub(crate) scenario: Option<PathBuf>,
    /// Let something go wrong with each account, spelled as in a scenario; repeatable
    #[arg(long = "fault", value_name = "JSON", value_parser = fault)]
    pub(crate) faults: Vec<Fault>,
    /// Compress bodies: `accepted` goes by what a request accepts, the others come unasked
    #[arg(long, value_name = "ENCODING", conflicts_with = "out",
        value_parser = ["accepted", "zstd", "brotli", "gzip", "deflate", "raw-deflate"])]
    pub(crate) encoding: Option<String>,
    /// Answer with 429 beyond what seem to be Truto's tiers: in 10 s, 500 requests of a token and 50 of
    /// an account
    #[arg(long)]
    pub(crate) rate_limits: bool,
    /// Address to listen on
    #[arg(
        long,
        value_name = "HOST:PORT",
        default_value = "127.0.0.1:8080",
        conflicts_with = "out"
    )]
    pub(crate) listen: SocketAddr,
    /// Bytes of a chunk of the body
    #[arg(long, value_name = "BYTES", default_value_t = 64 << 10, conflicts_with = "out",
        value_parser = clap::value_parser!(u64).range(1..=16 << 20))]
    pub(crate) chunk_bytes: u64,
    /// Bytes of the body a second; as fast as possible if it is not given
    #[arg(long, value_name = "BYTES", conflicts_with = "out")]
    pub(crate) pace: Option<NonZeroU64>,
    /// Cut the connection after this many bytes of a body
    #[arg(long, value_name = "BYTES", conflicts_with = "out")]
    pub(crate) cut_after: Option<u64>,
    /// Write the first account's first body to a file instead of serving; `-` is standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

fn fault(text: &str) -> Result<Fault, serde_json::Error> {
    serde_json::from_str(text)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SimulatedShapeArg {
    /// One license a line
    Lines,
    /// One `{"result":[…],"next_cursor":…}` of up to 100 licenses a line
    Pages,
    /// One `{"result":[…],"next_cursor":…}`
    Envelope,
    /// The same over many lines
    PrettyEnvelope,
    /// The same with the licenses by id, as with truto_key_by=id
    KeyedEnvelope,
    /// A bare array
    Array,
    /// A JSON text sequence (RFC 7464)
    Sequence,
}

/// Licenses of a line that is a page.
const LINE_RECORDS: u64 = 100;

impl From<SimulatedShapeArg> for SimulatedShape {
    fn from(shape: SimulatedShapeArg) -> Self {
        match shape {
            SimulatedShapeArg::Lines => Self::Lines,
            SimulatedShapeArg::Pages => Self::Pages { records: LINE_RECORDS },
            SimulatedShapeArg::Envelope => Self::Envelope,
            SimulatedShapeArg::PrettyEnvelope => Self::PrettyEnvelope,
            SimulatedShapeArg::KeyedEnvelope => Self::KeyedEnvelope,
            SimulatedShapeArg::Array => Self::Array,
            SimulatedShapeArg::Sequence => Self::Sequence,
        }
    }
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DemoArgs {
    /// Licenses to stream
    #[arg(long, value_name = "N", default_value_t = 500_000)]
    pub(crate) records: u64,
    /// Directory for the Parquet files; it is made if it is not there
    #[arg(long, value_name = "DIR", default_value = "demo-output")]
    pub(crate) out: PathBuf,
    /// Brokers of a Kafka cluster; otherwise librdkafka's mock cluster runs inside the demo
    #[arg(long, value_name = "HOST:PORT,…", env = "KAFKA_BOOTSTRAP_SERVERS")]
    pub(crate) brokers: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn what_stands_behind_the_help_of_the_simulator_fits_a_terminal() {
        let widest = SIMULATE_HELP.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(78), "{widest:?}");
    }

    #[test]
    fn the_examples_of_the_help_can_be_typed() {
        let mut examples = 0;
        for help in [
            PARQUET_EXAMPLES,
            KAFKA_EXAMPLES,
            NDJSON_EXAMPLES,
            INTEGRATIONS_EXAMPLES,
            SIMULATE_HELP,
        ] {
            let help = help.replace("\\\n", "").replace("(as printed)", "a");
            let help = help.replace("'Cisco Meraki'", "CiscoMeraki");
            let commands = help.lines().filter_map(|line| line.split_once("license-stream "));
            for (_, arguments) in commands {
                let arguments = arguments.split(" | ").next().unwrap_or_default();
                let words = ["license-stream"]
                    .into_iter()
                    .chain(arguments.split_whitespace().map(|word| word.trim_matches('\'')));
                let parsed = Args::try_parse_from(words);
                assert!(parsed.is_ok(), "{arguments}: {}", parsed.expect_err("not typed so"));
                examples += 1;
            }
        }
        assert_eq!(examples, 19);
    }

    #[test]
    fn shapes_have_the_names_that_the_simulator_prints() {
        for arg in SimulatedShapeArg::value_variants() {
            let name = arg.to_possible_value().expect("a shape that can be typed");
            assert_eq!(SimulatedShape::from(*arg).to_string(), name.get_name());
        }
    }
}
