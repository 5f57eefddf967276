//! Parquet files and checkpoints in an object store: a real server of the S3 protocol, read back by a
//! client that is not ours.

mod cuts;
mod endless;
mod export;
mod left;
mod lost;
mod overtaken;
mod partitions;
mod profiles;
mod refusals;
mod report;
mod secrets;

use serde_json::Value;

use crate::stores::{parquet, rows, summary};
use crate::support::command::license_stream;
use crate::support::process::run;
use crate::support::s3::{self, Bucket, endpoint};

/// What there is in a bucket, damaged or not.
fn inspected(bucket: &Bucket) -> Value {
    let mut command = license_stream();
    command.args(["inspect", "--json", &bucket.url()]);
    let run = run(s3::settings(&mut command, &endpoint()));
    serde_json::from_slice(&run.stdout).unwrap_or_else(|error| panic!("{error}: {}", run.stderr))
}
