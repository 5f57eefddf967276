//! `license-stream report`, as it is typed.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use crate::place::Place;

pub(super) const PAGE_EXAMPLES: &str = "\
Examples:
  license-stream report lake/licenses --out report.html
  license-stream report summary.json s3://lake/licenses --out report.html
  license-stream parquet --all-accounts --out lake --json | license-stream report - --out r.html";

#[derive(Debug, ClapArgs)]
#[command(after_help = PAGE_EXAMPLES)]
pub(crate) struct PageArgs {
    /// What --json printed of a run, - for standard input; or a directory that `parquet` writes into, or
    /// s3://BUCKET/PREFIX, gs://… or az://…; or one of each, for a page on both
    #[arg(value_name = "SUMMARY.json|DIR|URL", required = true, num_args = 1..=2)]
    pub(crate) places: Vec<Place>,
    /// File to write, there once it is whole; - for standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// File that says which integration an account is of, lines as `license-stream accounts --json` prints them.
    /// Where its run knew it, so do the summary and the lake: this goes before both
    #[arg(long, value_name = "FILE")]
    pub(crate) accounts_file: Option<PathBuf>,
    /// Say nothing but errors
    #[arg(long, short)]
    pub(crate) quiet: bool,
}
