//! `license-stream parquet`, as it is typed.

use clap::Args as ClapArgs;

use super::{CheckpointArgs, LayoutArgs, RejectArgs, ReportArgs, SourceArgs, StopArgs};
use crate::place::Place;

pub(super) const PARQUET_EXAMPLES: &str = "\
Examples:
  license-stream parquet --account 62f44730-dd91-461e-bd6a-aedd9e0ad79d --out lake/licenses
  license-stream parquet --input body.ndjson --out lake/licenses --on-error skip
  license-stream parquet --all-accounts --out s3://lake/licenses
  license-stream parquet --all-accounts --out lake --remote-data drop --bloom id --sort-by name
  duckdb -c \"select name, sum(assigned_quantity) from 'lake/licenses/*.parquet' group by 1\"";

#[derive(Debug, ClapArgs)]
#[command(after_help = PARQUET_EXAMPLES)]
pub(crate) struct ParquetArgs {
    /// Directory for the files, which is made if it is not there; or s3://BUCKET/PREFIX, with
    /// credentials and settings from the environment (AWS_ACCESS_KEY_ID, AWS_REGION, AWS_ENDPOINT_URL, …)
    #[arg(long, value_name = "DIR|URL")]
    pub(crate) out: Place,
    /// Reject a record in which a known field has a value of an unexpected type; otherwise the
    /// column is null, and the value is kept in _extra
    #[arg(long)]
    pub(crate) strict: bool,
    #[command(flatten)]
    pub(crate) layout: LayoutArgs,
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
