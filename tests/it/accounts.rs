//! Many accounts: which there are, and all of them in one run.

mod again;
mod bounds;
mod changed;
mod listing;
mod outcomes;
mod questions;
mod sinks;
mod soak;
mod together;
mod vanished;

use std::collections::BTreeMap;
use std::process::Command;

use license_stream::simulate::{AccountGroup, Simulator};

use crate::support::command::license_stream;
use crate::support::process::TOKEN;
use crate::support::truto::Truto;

/// `license-stream VERB` at the simulated API, without any account.
fn command(verb: &str, truto: &Truto) -> Command {
    let mut command = license_stream();
    command.env("TRUTO_API_TOKEN", TOKEN);
    command.args([verb, "--base-url", &truto.url()]);
    command
}

fn group(count: u64, records: u64) -> AccountGroup {
    AccountGroup { count, records, ..AccountGroup::default() }
}

fn start(groups: impl Into<Vec<AccountGroup>>) -> (Truto, Vec<String>) {
    let simulator = Simulator::new().with_groups(groups);
    let ids = simulator.account_ids().collect();
    (Truto::start(simulator), ids)
}

/// What an account holds, one license a line.
fn lines(truto: &Truto, account: &str, records: u64) -> Vec<u8> {
    let mut lines = Vec::new();
    truto.licenses_of(account).write_ndjson(0..records, &mut lines).unwrap();
    lines
}

/// How many accounts ended in which way, as the summary has it; what is zero is left out.
fn counts(summary: &serde_json::Value) -> BTreeMap<&str, u64> {
    let counts = summary["accounts"].as_object().unwrap().iter();
    let counts = counts.map(|(name, count)| (name.as_str(), count.as_u64().unwrap()));
    counts.filter(|(_, count)| *count > 0).collect()
}
