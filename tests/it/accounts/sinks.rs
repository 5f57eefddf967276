//! What many accounts leave in each kind of destination.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::num::NonZeroU64;
use std::process::Stdio;

use license_stream::simulate::{AccountGroup, Fault};

use super::{command, group, lines, start};
use crate::support::body::records;
use crate::support::kafka;
use crate::support::process::{run, run_with_input};
use crate::support::python::{header, parquet_rows, topic_messages};
use crate::support::truto::Truto;

#[test]
fn lines_of_accounts_that_share_standard_output_stay_whole() {
    let chunks = AccountGroup { chunk_bytes: 700, ..group(6, 400) };
    let (truto, ids) = start([chunks]);
    let got = run(command("ndjson", &truto).arg("--all-accounts"));
    assert_eq!(got.code, Some(0), "{}", got.stderr);
    let expected: Vec<_> = ids.iter().flat_map(|id| lines(&truto, id, 400)).collect();
    let mut wanted: Vec<_> = records(&expected).iter().map(|it| it.bytes.to_vec()).collect();
    let mut found: Vec<_> = records(&got.stdout).iter().map(|it| it.bytes.to_vec()).collect();
    wanted.sort();
    found.sort();
    assert!(found == wanted, "{} of {} lines", found.len(), wanted.len());
}

#[test]
fn a_listing_that_was_edited_is_read() {
    let (truto, ids) = start([
        group(3, 2),
        AccountGroup { integration: Some("GitHub".to_owned()), ..group(1, 2) },
    ]);
    let listed = run(command("accounts", &truto).arg("--json"));
    let mut file = b"# without the second one\n\n".to_vec();
    for (index, line) in listed.text().lines().enumerate().filter(|(index, _)| *index != 1) {
        let organization = if index == 3 { ",\"organization_id\":\"acme\"}" } else { "}" };
        writeln!(file, "{}{organization}", line.strip_suffix('}').unwrap()).unwrap();
    }
    // Once more, as a bare id.
    writeln!(file, "{}", ids[0]).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let mut command = command("ndjson", &truto);
    command.args(["--accounts-file", "-", "--out", "."]).current_dir(directory.path());
    let got = run_with_input(&mut command, &file);
    assert_eq!(got.code, Some(0), "{}", got.stderr);
    let told = format!("account {} is named more than once: it is read once\n", ids[0]);
    assert!(got.stderr.contains(&told), "{}", got.stderr);
    assert!(got.stderr.contains("accounts: 3 done\n"), "{}", got.stderr);
    for (index, id) in ids.iter().enumerate() {
        let found = std::fs::read(directory.path().join(format!("{id}.ndjson")));
        let expected = (index != 1).then(|| lines(&truto, id, 2));
        assert_eq!(found.ok(), expected, "account {index}");
    }
}

#[test]
fn a_topic_has_the_licenses_of_all_under_their_accounts() {
    let (truto, ids) = start([group(5, 40)]);
    let topic = kafka::topic("accounts");
    let mut command = command("kafka", &truto);
    command.args(["--all-accounts", "--brokers", &kafka::bootstrap(), "--topic", &topic]);
    let got = run(&mut command);
    assert_eq!(got.code, Some(0), "{}", got.stderr);
    let messages = topic_messages(&topic);
    let mut counts = BTreeMap::new();
    let mut snapshots = BTreeMap::new();
    for message in &messages {
        let (account, _) = message["key"].as_str().unwrap().split_once(':').unwrap();
        *counts.entry(account.to_owned()).or_insert(0) += 1;
        let snapshot = header(message, "truto-snapshot").to_owned();
        snapshots.insert(snapshot, account.to_owned());
    }
    assert_eq!(counts, ids.iter().map(|id| (id.clone(), 40)).collect());
    assert_eq!(snapshots.len(), 5, "a snapshot for each account");
}

#[test]
fn files_have_the_rows_of_all_with_their_accounts() {
    let (truto, ids) = start([group(5, 40)]);
    let directory = tempfile::tempdir().unwrap();
    let mut command = command("parquet", &truto);
    command.args(["--all-accounts", "--out"]).arg(directory.path());
    let got = run(&mut command);
    assert_eq!(got.code, Some(0), "{}", got.stderr);
    let mut counts = BTreeMap::new();
    for row in parquet_rows("pyarrow", directory.path()) {
        let account = row["_integrated_account_id"].as_str().unwrap().to_owned();
        *counts.entry(account).or_insert(0) += 1;
    }
    assert_eq!(counts, ids.iter().map(|id| (id.clone(), 40)).collect());
}

#[test]
fn success_comes_with_the_end_of_a_run_of_which_all_is_complete() {
    let refused = AccountGroup { faults: vec![Fault::status(403).times(1)], ..group(1, 40) };
    let slow = AccountGroup { bytes_per_second: NonZeroU64::new(1), ..group(1, 40) };
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path();
    let has_success = || out.join("_SUCCESS").exists();
    let parquet = |truto: &Truto| {
        let mut command = command("parquet", truto);
        command.args(["--all-accounts", "--concurrency=1", "--out"]).arg(out);
        command
    };
    let (truto, _) = start([group(1, 40), refused]);
    assert_eq!(run(&mut parquet(&truto)).code, Some(3));
    assert!(!has_success(), "one of two accounts failed before its first file");
    assert_eq!(run(&mut parquet(&truto)).code, Some(0));
    assert!(has_success());

    let (slow, ids) = start([group(1, 40), slow]);
    let manifests = || {
        let entries = std::fs::read_dir(out.join("_license-stream")).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with(&ids[0]) && name.ends_with(".json")).count()
    };
    let before = manifests();
    let mut killed = parquet(&slow).stderr(Stdio::null()).spawn().unwrap();
    while manifests() == before {
        assert!(killed.try_wait().unwrap().is_none(), "it ended");
        std::thread::yield_now();
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(!has_success(), "the first of two accounts is complete, and the run was killed");
    assert_eq!(run(&mut parquet(&truto)).code, Some(0));
    assert!(has_success());
}
