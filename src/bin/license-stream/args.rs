//! What can be typed.

mod accounts;
mod checkpoint;
mod compact;
#[cfg(test)]
mod documents;
mod inspect;
mod kafka;
mod layout;
mod observe;
mod page;
mod parquet;
mod records;
mod rejects;
mod request;
mod run;
mod simulate;
mod size;
mod source;
mod stop;
mod values;

use std::path::PathBuf;

pub(crate) use accounts::{AccountArgs, AccountsArgs, account, is_uuid};
pub(crate) use checkpoint::{CheckpointArgs, CheckpointsArgs, ResetArgs, ShowArgs, StoreArgs};
use clap::{ArgAction, Args as ClapArgs, Parser, Subcommand, ValueEnum};
pub(crate) use compact::CompactArgs;
pub(crate) use inspect::InspectArgs;
pub(crate) use kafka::{CheckArgs, DeliveryArg, KafkaArgs, SettingArgs};
pub(crate) use layout::{LayoutArgs, RemoteDataArg};
use license_stream::Integration;
pub(crate) use observe::{LogFormat, ObserveArgs, listen};
pub(crate) use page::PageArgs;
pub(crate) use parquet::{FormArg, ParquetArgs};
pub(crate) use records::{DeadLetterArg, HeadersArg, RecordArgs, TopicArgs};
pub(crate) use rejects::{OnError, RejectArgs};
pub(crate) use request::{FormatArg, ProductArg, RequestArgs, typed_name};
pub(crate) use run::{RunArgs, ScheduleArgs, SetArg};
pub(crate) use simulate::SimulateArgs;
pub(crate) use size::Size;
pub(crate) use source::{ApiArgs, ShapeArg, SourceArgs};
pub(crate) use stop::StopArgs;
pub(crate) use values::{RegistryArgs, ValueArg, ValueArgs};

const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    failed while running
  2    wrong usage or configuration
  3    a server is unreachable, or refused a credential
  4    done, but some records were no licenses
  130  stopped by SIGINT, 143 by SIGTERM; what was read is delivered, as far as --grace lets it
With several accounts or jobs, the worst of them counts: 2, then 3, 1, 130 or 143, 4, 0";

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
#[expect(clippy::large_enum_variant, reason = "there is one in a process")]
pub(crate) enum Command {
    /// Write licenses to Parquet files
    Parquet(ParquetArgs),
    /// Produce licenses to a Kafka topic
    Kafka(Box<KafkaArgs>),
    /// Write licenses as they came, one a line, to standard output or a file
    Ndjson(NdjsonArgs),
    /// Run the jobs of a file: once, or again and again
    Run(RunArgs),
    /// Look whether a run could do its work: no license is read, and nothing is left behind
    #[command(subcommand)]
    Check(CheckArgs),
    /// Show or reset what is kept between runs
    #[command(subcommand)]
    Checkpoint(CheckpointsArgs),
    /// Show what there is in a Parquet file, or in a directory of them
    Inspect(InspectArgs),
    /// Make a page of a run that has ended, of a directory of Parquet files, or of both
    Report(PageArgs),
    /// Merge small Parquet files of complete snapshots into larger ones
    Compact(CompactArgs),
    /// List the integrated accounts that the API token can see
    Accounts(AccountsArgs),
    /// Print the schema of a license, or of a file of jobs
    Schema(SchemaArgs),
    /// Show what each integration gives of a license, and what it needs to be asked with
    Integrations(IntegrationsArgs),
    /// Play a Truto API on this machine, with invented licenses
    Simulate(SimulateArgs),
    /// Print what a shell completes of this command
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Write the manual pages of this command, one for each of its commands
    #[command(after_help = MAN_EXAMPLES)]
    Man {
        /// Directory for the pages, which is made if it is not there
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Show all of it at work: a simulated Truto, Parquet files and a Kafka topic
    Demo(DemoArgs),
}

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  license-stream completions bash > ~/.local/share/bash-completion/completions/license-stream
  license-stream completions zsh > ~/.zfunc/_license-stream";

const MAN_EXAMPLES: &str = "\
Examples:
  license-stream man --out ~/.local/share/man/man1 && man license-stream-parquet";

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
    /// Say line by line what is waited for, what is asked for again, and what is begun anew; -vv is a log of each
    /// request and checkpoint too
    #[arg(long, short, conflicts_with = "quiet", action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Write a log to standard error, of level info unless -vv or RUST_LOG says otherwise
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) log_format: Option<LogFormat>,
}

impl ReportArgs {
    /// Whether what is waited for is told line by line.
    pub(crate) fn is_verbose(self) -> bool {
        self.verbose > 0
    }
}

impl Command {
    /// What the command tells of its run, if it has one.
    pub(crate) fn report(&self) -> Option<ReportArgs> {
        Some(match self {
            Self::Parquet(args) => args.report,
            Self::Kafka(args) => args.report,
            Self::Ndjson(args) => args.report,
            Self::Run(args) => args.report,
            Self::Check(CheckArgs::Parquet(args)) => args.report,
            Self::Check(CheckArgs::Kafka(args)) => args.report,
            Self::Check(CheckArgs::Ndjson(args)) => args.report,
            Self::Checkpoint(_)
            | Self::Inspect(_)
            | Self::Report(_)
            | Self::Compact(_)
            | Self::Accounts(_)
            | Self::Schema(_)
            | Self::Integrations(_)
            | Self::Simulate(_)
            | Self::Completions { .. }
            | Self::Man { .. }
            | Self::Demo(_) => return None,
        })
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
    pub(crate) observe: ObserveArgs,
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
    /// The JSON Schema of the file that `run` takes, for editors that complete it
    Pipeline,
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
    use clap::CommandFactory;

    use super::compact::COMPACT_EXAMPLES;
    use super::inspect::INSPECT_EXAMPLES;
    use super::kafka::KAFKA_EXAMPLES;
    use super::page::PAGE_EXAMPLES;
    use super::parquet::PARQUET_EXAMPLES;
    use super::run::RUN_EXAMPLES;
    use super::simulate::SIMULATE_HELP;
    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn the_examples_of_the_help_can_be_typed() {
        let mut examples = 0;
        for help in [
            PARQUET_EXAMPLES,
            KAFKA_EXAMPLES,
            NDJSON_EXAMPLES,
            RUN_EXAMPLES,
            INTEGRATIONS_EXAMPLES,
            INSPECT_EXAMPLES,
            COMPACT_EXAMPLES,
            PAGE_EXAMPLES,
            SIMULATE_HELP,
        ] {
            let help = help.replace("\\\n", "").replace("(as printed)", "a");
            let help = help.replace("'Cisco Meraki'", "CiscoMeraki");
            let help =
                help.replace("'30 2 * * *'", "@daily").replace("; `license-stream schema", "");
            let commands = help.lines().filter_map(|line| line.split_once("license-stream "));
            for (_, arguments) in commands {
                // Not what the shell does with it.
                let arguments = arguments.split(['|', '>']).next().unwrap_or_default();
                let words = ["license-stream"]
                    .into_iter()
                    .chain(arguments.split_whitespace().map(|word| word.trim_matches('\'')));
                let parsed = Args::try_parse_from(words);
                assert!(parsed.is_ok(), "{arguments}: {}", parsed.expect_err("not typed so"));
                examples += 1;
            }
        }
        assert_eq!(examples, 38);
    }
}
