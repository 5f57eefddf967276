//! Many accounts with faults by chance: what arrives is exactly what the simulator holds.
//!
//! Everything of a run is drawn from its seed: what the accounts hold and how it is sent, what goes wrong,
//! what is asked for, and where it goes. A seed that fails says how it is run again.

mod arrived;
mod faults;
mod plan;

use std::collections::BTreeMap;

use serde_json::Value;

use super::command;
use crate::support::body::id;
use crate::support::process::run;
use crate::support::truto::Truto;
use arrived::{Destination, Entry};
use plan::{Fate, Plan};

/// Runs unless `LICENSE_STREAM_SOAK_SEEDS` says how many, one for each destination: `make soak` has 100.
const SEEDS: u64 = Destination::ALL.len() as u64;

/// Tells which seed it was, should its run fail.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("seed {0} failed; run it again with `make soak SEED={0}`", self.0);
        }
    }
}

/// A number that an environment variable has.
fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok().filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is a number, not {text}")))
}

#[test]
fn nothing_is_lost_doubled_or_mixed_up() {
    let seeds = match number("LICENSE_STREAM_SOAK_SEED") {
        Some(seed) => seed..=seed,
        None => 0..=number("LICENSE_STREAM_SOAK_SEEDS").unwrap_or(SEEDS).saturating_sub(1),
    };
    for seed in seeds {
        let begun = std::time::Instant::now();
        let told = Seed(seed);
        let what = soak(&Plan::draw(seed));
        println!("seed {seed}: {what}, {:.1} s", begun.elapsed().as_secs_f64());
        drop(told);
    }
}

/// Runs what is planned, and compares; answers what it was.
fn soak(plan: &Plan) -> String {
    let simulator = plan.simulator();
    let ids: Vec<_> = simulator.account_ids().collect();
    let truto = Truto::start(simulator);
    let directory = tempfile::tempdir().unwrap();
    let mut command = command(plan.destination.verb(), &truto);
    command.args(["--all-accounts", "--json", "--on-error=skip"]).args(&plan.flags);
    let outlet = plan.destination.outlet(&mut command, directory.path());
    let got = run(command.current_dir(directory.path()));

    let text = if plan.destination.is_stdout() {
        got.stderr.lines().last().unwrap_or_default()
    } else {
        got.text()
    };
    let summary: Value = serde_json::from_str(text)
        .unwrap_or_else(|error| panic!("no summary, but {error}: {}", got.stderr));
    let entries = last_entries(&summary);
    assert_eq!(entries.len(), ids.len(), "each account is named: {}", got.stderr);
    let of_ids = ids.iter().enumerate().flat_map(|(index, account)| {
        // With those that a change has taken away since.
        let lines = super::lines(&truto, account, plan.records(index));
        let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| (id(line), index)).collect::<Vec<_>>()
    });
    let of_ids: BTreeMap<String, usize> = of_ids.collect();
    let mut arrived = outlet.arrived(&got.stdout, &entries, |license| {
        of_ids.get(license).map(|index| ids[*index].clone())
    });

    let mut counts = BTreeMap::new();
    for (index, account) in ids.iter().enumerate() {
        let fate = plan.fate(index);
        let entry = &entries[account];
        let found = arrived.remove(account).unwrap_or_default();
        let outcome = entry.outcome();
        let told = format!("account {index}, {account}, {fate:?}: {}", entry.0);
        assert_eq!((outcome, entry.why()), fate.told(plan.destination), "{told}");
        *counts.entry(outcome.to_owned()).or_insert(0_u64) += 1;
        // Nothing tells there which snapshot a line is of: those of one that was given up stay.
        let records = match plan.destination.is_stdout() {
            true => records_of(&summary, account),
            false => entry.count("records"),
        };
        assert_eq!(records, found.len() as u64, "{told}");
        if fate.is_whole(plan.destination) {
            let held = truto.held_by(account, plan.without);
            let lines = held.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
            let expected: Vec<_> = (0..)
                .zip(lines)
                .filter(|(place, _)| !fate.breaks(*place))
                .map(|(_, line)| outlet.expected(line, account, entry))
                .collect();
            outlet.assert_same(found, expected, &told);
        }
    }
    assert!(arrived.is_empty(), "licenses of no account that there is: {:?}", arrived.keys());
    assert_eq!(super::counts(&summary), counts.iter().map(|(k, v)| (k.as_str(), *v)).collect());
    assert_eq!(got.code, Some(plan.exit(&ids)), "{}", got.stderr);
    let retries: u64 = entries.values().map(|entry| entry.count("retries")).sum();
    assert!(retries > ids.len() as u64 / 10, "too few faults: {retries} retries");
    format!(
        "{:?}, {} licenses, {retries} retries, {counts:?}",
        plan.destination, summary["records"]
    )
}

/// The last entry of each account: those before are of snapshots that were given up.
fn last_entries(summary: &Value) -> BTreeMap<String, Entry> {
    let entries = summary["snapshots"].as_array().expect("a list of snapshots").iter();
    let named =
        |entry: &Value| (entry["account"].as_str().unwrap().to_owned(), Entry(entry.clone()));
    entries.map(named).collect()
}

/// How many licenses of an account were written, over all of its snapshots.
fn records_of(summary: &Value, account: &str) -> u64 {
    let entries = summary["snapshots"].as_array().expect("a list of snapshots").iter();
    let of_account = entries.filter(|entry| entry["account"] == account);
    of_account.map(|entry| entry["records"].as_u64().expect("a count")).sum()
}

impl Fate {
    /// The outcome and the reason that the summary has for it.
    fn told(&self, destination: Destination) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Whole => ("done", None),
            Self::Broken(_) => ("rejected", None),
            // What others have read cannot be taken back.
            Self::Renewed if destination.is_stdout() => ("failed", Some("changed")),
            Self::Renewed => ("done", None),
            Self::Failed(kind) => ("failed", Some(kind)),
            Self::Skipped(reason) => ("skipped", Some(reason)),
        }
    }

    /// Whether all that is held arrives.
    fn is_whole(&self, destination: Destination) -> bool {
        matches!(self.told(destination).0, "done" | "rejected")
    }

    /// Whether the license at this place is one that no reader can take.
    fn breaks(&self, place: u64) -> bool {
        matches!(self, Self::Broken(places) if places.contains(&place))
    }
}
