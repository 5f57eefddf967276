//! What is kept between runs, and how it is looked at.

use clap::builder::NonEmptyStringValueParser;
use clap::{ArgGroup, Args as ClapArgs, Subcommand};

use super::SettingArgs;
use crate::again::SkipNewer;
use crate::place::Place;

/// Where a run keeps how far it is.
#[derive(Clone, Debug, Default, ClapArgs)]
#[command(next_help_heading = "Checkpoint")]
pub(crate) struct CheckpointArgs {
    /// Directory, or s3://BUCKET/PREFIX, gs://… or az://…, for checkpoints, by which the next run goes on
    /// where this one ended. If it is not given they are beside the data: in _license-stream/ of --out, in
    /// TOPIC.checkpoints of a topic
    #[arg(long, value_name = "DIR|URL")]
    pub(crate) checkpoint: Option<Place>,
    /// Keep no checkpoint, and look at none: every run begins a snapshot of its own
    #[arg(long, conflicts_with = "checkpoint")]
    pub(crate) no_checkpoint: bool,
    /// Pass over accounts whose last snapshot here, by the same options, is complete and began less than so long
    /// ago (90s, 15m, 6h, 1d): for a run that was killed and is begun again, which would otherwise read them into
    /// another snapshot
    #[arg(long, value_name = "TIME", conflicts_with_all = ["no_checkpoint", "input", "cursor"])]
    pub(crate) skip_newer_than: Option<SkipNewer>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CheckpointsArgs {
    /// Show how far each account's snapshot is
    Show(ShowArgs),
    /// Forget an account's checkpoint: its next run begins a new snapshot. With --out, files of one that is
    /// unfinished are removed too
    Reset(ResetArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ShowArgs {
    /// Print each checkpoint as a JSON object on a line of its own
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, ClapArgs)]
#[command(group(ArgGroup::new("which").required(true).args(["account", "all"])))]
pub(crate) struct ResetArgs {
    /// Account whose checkpoint is forgotten; `input` is that of inputs of no account
    #[arg(long, value_name = "UUID", value_parser = super::account)]
    pub(crate) account: Vec<String>,
    /// Forget the checkpoints of all accounts
    #[arg(long)]
    pub(crate) all: bool,
    /// Print what became of each as a JSON object on a line of its own
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// Where the checkpoints are.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Where they are")]
#[command(group(ArgGroup::new("place").required(true).args(["out", "checkpoint", "topic"])))]
pub(crate) struct StoreArgs {
    /// Directory, or s3://BUCKET/PREFIX, gs://… or az://…, that `parquet` writes into
    #[arg(long, value_name = "DIR|URL")]
    pub(crate) out: Option<Place>,
    /// What runs were given as --checkpoint
    #[arg(long, value_name = "DIR|URL")]
    pub(crate) checkpoint: Option<Place>,
    /// Topic that `kafka` produces to; needs --brokers
    #[arg(long, requires = "brokers")]
    pub(crate) topic: Option<String>,
    /// Brokers to begin with, separated by commas
    #[arg(long, value_name = "HOST:PORT,…", env = "KAFKA_BOOTSTRAP_SERVERS",
        value_parser = NonEmptyStringValueParser::new())]
    pub(crate) brokers: Option<String>,
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
}
