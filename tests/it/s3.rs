//! Parquet files and checkpoints in an object store: a real server of the S3 protocol, read back by a
//! client that is not ours.

mod cuts;
mod export;
mod overtaken;
mod refusals;

use std::process::Command;

use crate::support::command::license_stream;
use crate::support::s3::{self, Bucket};

/// A run that writes to `bucket` through `endpoint`.
fn parquet(bucket: &Bucket, endpoint: &str) -> Command {
    let mut command = license_stream();
    command.args(["parquet", "--json", "--out", &bucket.url()]);
    s3::settings(&mut command, endpoint);
    command
}
