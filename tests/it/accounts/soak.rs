//! Many accounts with faults by chance: what arrives is exactly what the simulator holds.

use license_stream::simulate::{AccountGroup, Fault, FaultKind, Simulator};
use serde_json::Value;

use super::{command, lines};
use crate::support::body::records;
use crate::support::process::run;
use crate::support::truto::Truto;

/// Accounts of a run.
const ACCOUNTS: u64 = 200;

/// Runs unless `LICENSE_STREAM_SOAK_SEEDS` says how many: `make soak` has 100.
const SEEDS: u64 = 2;

/// Groups that differ in size, pages and shape, each struck by its own faults. None fails so often in a
/// row that trying again is given up.
fn groups() -> Vec<AccountGroup> {
    let pages = std::num::NonZeroU64::new;
    let by_chance = |kind, chance| Fault::new(kind).with_chance(chance);
    let faults = || {
        vec![
            Fault::status(502).with_chance(0.05),
            Fault::status(429).with_chance(0.05),
            by_chance(FaultKind::CutAt(5_000), 0.2),
            by_chance(FaultKind::CutAt(50_000), 0.2),
            by_chance(FaultKind::LengthOff(7), 0.05),
        ]
    };
    let shapes = ["lines", "pages", "envelope", "pretty-envelope"];
    let group = |index: u64| AccountGroup {
        count: ACCOUNTS / 20,
        records: [0, 1, 30, 200, 700][index as usize % 5],
        page_records: [None, pages(50)][index as usize / 10],
        shape: serde_json::from_value(shapes[index as usize % 4].into()).unwrap(),
        chunk_bytes: 1 << (8 + index % 8),
        faults: faults(),
        ..AccountGroup::default()
    };
    (0..20).map(group).collect()
}

/// The licenses of a file, whatever white space they came with.
fn values(lines: &[u8]) -> Vec<Value> {
    records(lines).iter().map(|it| serde_json::from_slice(it.bytes).unwrap()).collect()
}

#[test]
fn nothing_is_lost_doubled_or_mixed_up() {
    let seeds = std::env::var("LICENSE_STREAM_SOAK_SEEDS");
    let seeds = seeds.map_or(SEEDS, |seeds| seeds.parse().expect("a number of seeds"));
    for seed in 0..seeds {
        let simulator = Simulator::new().with_seed(seed).with_groups(groups());
        let ids: Vec<_> = simulator.account_ids().collect();
        let truto = Truto::start(simulator);
        let directory = tempfile::tempdir().unwrap();
        let mut command = command("ndjson", &truto);
        command.args(["--all-accounts", "--json", "--concurrency", "32", "--out", "."]);
        command.args(["--retries", "20", "--max-wait", "0.01", "--retry-budget", "100000"]);
        let got = run(command.current_dir(directory.path()));
        assert_eq!(got.code, Some(0), "seed {seed}: {}", got.stderr);
        let summary: Value = serde_json::from_str(got.text()).unwrap();
        assert_eq!(summary["accounts"]["done"], ACCOUNTS, "seed {seed}");
        for (index, id) in ids.iter().enumerate() {
            let records = groups()[index / (ACCOUNTS as usize / 20)].records;
            let found = std::fs::read(directory.path().join(format!("{id}.ndjson"))).unwrap();
            let expected = values(&lines(&truto, id, records));
            assert!(values(&found) == expected, "seed {seed}, account {index}: {id}");
        }
        let retries = summary["snapshots"].as_array().unwrap().iter();
        let retries: u64 = retries.map(|it| it["retries"].as_u64().unwrap()).sum();
        assert!(retries > ACCOUNTS / 10, "seed {seed}: too few faults, {retries} retries");
    }
}
