//! Parquet files and checkpoints in an object store: a real server of the S3 protocol, read back by a
//! client that is not ours.

mod cuts;
mod endless;
mod export;
mod left;
mod lost;
mod overtaken;
mod partitions;
mod refusals;
mod report;
mod secrets;

use std::process::Command;

use serde_json::Value;

use crate::support::command::license_stream;
use crate::support::process::run;
use crate::support::s3::{self, Bucket, endpoint};
use crate::support::truto::Truto;

/// A run that writes what `truto` has to `bucket`.
fn parquet(truto: &Truto, bucket: &Bucket) -> Command {
    parquet_through(&endpoint(), truto, bucket)
}

/// The same by another way to the store.
fn parquet_through(endpoint: &str, truto: &Truto, bucket: &Bucket) -> Command {
    let mut command = truto.command("parquet");
    command.args(["--json", "--out", &bucket.url()]);
    s3::settings(&mut command, endpoint);
    command
}

/// The summary of a run that must end well.
#[track_caller]
fn summary(command: &mut Command) -> Value {
    let run = run(command);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    serde_json::from_slice(&run.stdout).unwrap()
}

/// What there is in a bucket, damaged or not.
fn inspected(bucket: &Bucket) -> Value {
    let mut command = license_stream();
    command.args(["inspect", "--json", &bucket.url()]);
    let run = run(s3::settings(&mut command, &endpoint()));
    serde_json::from_slice(&run.stdout).unwrap_or_else(|error| panic!("{error}: {}", run.stderr))
}
