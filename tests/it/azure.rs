//! Parquet files and checkpoints in Azure's blobs: a real server of its protocol, read back by a client that is not
//! ours.

mod cuts;
mod export;
mod overtaken;
mod refusals;

use std::process::Command;

use serde_json::Value;

use crate::support::azure::{Container, settings};
use crate::support::process::run;
use crate::support::truto::Truto;

/// A run that writes what `truto` has to `container`.
fn parquet(truto: &Truto, container: &Container) -> Command {
    let mut command = truto.command("parquet");
    command.args(["--json", "--out", &container.url()]);
    settings(&mut command);
    command
}

/// The summary of a run that must end well.
#[track_caller]
fn summary(command: &mut Command) -> Value {
    let run = run(command);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    serde_json::from_slice(&run.stdout).unwrap()
}
