//! `license-stream compact`, as it is typed.

use clap::Args as ClapArgs;

use super::Size;
use super::layout::CompressionArg;
use crate::place::Place;

pub(super) const COMPACT_EXAMPLES: &str = "\
Examples:
  license-stream compact lake/licenses --dry-run
  license-stream compact lake/licenses
  license-stream compact s3://lake/licenses --file-bytes 67108864 --compression zstd:6 --json";

#[derive(Debug, ClapArgs)]
#[command(after_help = COMPACT_EXAMPLES)]
pub(crate) struct CompactArgs {
    /// A directory that `parquet` writes into, or s3://BUCKET/PREFIX, gs://… or az://…
    #[arg(value_name = "DIR|URL")]
    pub(crate) place: Place,
    /// Merge files that are smaller than half of so many bytes, as many into one as have so many together
    #[arg(long, value_name = "BYTES", default_value_t = Size(128 << 20))]
    pub(crate) file_bytes: Size,
    /// Codec of the pages: zstd[:LEVEL] with a level from 1 to 22, snappy, lz4 or none; zstd:1 if it is not
    /// given
    #[arg(long, value_name = "CODEC")]
    pub(crate) compression: Option<CompressionArg>,
    /// Show what would be merged, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print the summary as one JSON object, on standard output
    #[arg(long)]
    pub(crate) json: bool,
    /// Say nothing but errors
    #[arg(long, short)]
    pub(crate) quiet: bool,
}
