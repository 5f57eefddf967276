//! `license-stream inspect`, as it is typed.

use clap::Args as ClapArgs;

use crate::place::Place;

pub(super) const INSPECT_EXAMPLES: &str = "\
Examples:
  license-stream inspect lake/licenses
  license-stream inspect s3://lake/licenses --json | jq .snapshots
  license-stream inspect lake/licenses --remote-data-schema > remote-data.schema.json
  license-stream inspect lake/licenses/input-0199c2b0-5167-7459-84d1-21cf616966d5-00000.parquet";

#[derive(Debug, ClapArgs)]
#[command(after_help = INSPECT_EXAMPLES)]
pub(crate) struct InspectArgs {
    /// A Parquet file, or a directory that `parquet` writes into; or s3://BUCKET/PREFIX, gs://… or az://…,
    /// which is a file if it ends in .parquet or .arrow
    #[arg(value_name = "FILE|DIR|URL")]
    pub(crate) place: Place,
    /// Print nothing but the JSON Schema of the remote_data that `parquet --remote-data infer` has typed: of several
    /// files, of what they agree on. It is what --remote-data-schema takes
    #[arg(long, conflicts_with = "json")]
    pub(crate) remote_data_schema: bool,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}
