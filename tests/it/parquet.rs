//! What is in Parquet files, as readers see it that are not ours.

mod arrow;
mod columns;
mod complete;
mod encoding;
mod inspect;
mod layout;
mod layouts;
pub(crate) mod oracle;
pub(crate) mod partitions;
mod remote;
mod roll;
mod rows;
mod stream;
mod whole;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::command::license_stream;

/// `license-stream parquet` into `out`, which tells of its run in JSON.
fn parquet(out: &Path) -> Command {
    let mut command = license_stream();
    command.args(["parquet", "--json", "--out"]).arg(out);
    command
}

/// The files that a summary names, in the order of the body.
fn files(summary: &Value) -> Vec<PathBuf> {
    let files = summary["snapshots"][0]["files"].as_array().expect("a list of files");
    files.iter().map(|file| PathBuf::from(file.as_str().expect("a path"))).collect()
}

/// Everything in a directory, by name, but what readers pass over and runs keep there of their own.
fn entries(directory: &Path) -> Vec<PathBuf> {
    let is_own = |path: &PathBuf| path.ends_with("_license-stream") || path.ends_with("_SUCCESS");
    let all = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut entries: Vec<_> = all.filter(|path| !is_own(path)).collect();
    entries.sort();
    entries
}
