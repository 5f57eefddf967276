//! `license-stream compact`: the same rows in fewer files, as readers see them that are not ours.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use license_stream::simulate::{AccountGroup, Simulator};
use serde_json::{Value, json};

use crate::support::command::license_stream;
use crate::support::process::{TOKEN, kill};
use crate::support::python::{
    ENGINES, hive_rows, parquet_chunks, parquet_meta, parquet_rows, schema_violations,
};
use crate::support::run::{Run, run, start};
use crate::support::truto::Truto;

const ACCOUNTS: u64 = 40;
const RECORDS: u64 = 50;

fn truto() -> Truto {
    let group = AccountGroup { count: ACCOUNTS, records: RECORDS, ..AccountGroup::default() };
    Truto::start(Simulator::new().with_seed(8).with_groups([group]))
}

/// Reads all accounts into `out`.
fn fill(truto: &Truto, out: &Path, options: &[&str]) {
    let mut command = license_stream();
    command.env("TRUTO_API_TOKEN", TOKEN);
    command.args(["parquet", "--json", "--all-accounts", "--base-url", &truto.url(), "--out"]);
    run(command.arg(out).args(options)).expect(0);
}

fn compact(out: &Path, options: &[&str]) -> Command {
    let mut command = license_stream();
    command.arg("compact").arg(out).args(options);
    command
}

/// All files below, but for those of runs.
fn files(out: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(out).unwrap() {
        let path = entry.unwrap().path();
        if !path.is_dir() {
            found.insert(path);
        } else if !path.ends_with("_license-stream") {
            found.extend(files(&path));
        }
    }
    found.retain(|path| !path.ends_with("_SUCCESS"));
    found
}

/// The rows of all files, in any order.
fn rows(engine: &str, out: &Path) -> Vec<String> {
    let is_partitioned = files(out).iter().all(|file| file.parent() != Some(out));
    let rows = if is_partitioned { hive_rows(engine, out) } else { parquet_rows(engine, out) };
    let mut rows: Vec<_> = rows.iter().map(Value::to_string).collect();
    rows.sort();
    rows
}

fn inspected(out: &Path) -> Value {
    let seen = run(license_stream().args(["inspect", "--json"]).arg(out)).expect(0).summary();
    let mut snapshots = seen["snapshots"].as_array().unwrap().iter();
    assert!(snapshots.all(|it| it["state"] == "complete" && it["rows"] == RECORDS), "{seen}");
    assert_eq!((&seen["success"], &seen["pending"]), (&json!(true), &json!([])));
    seen
}

#[test]
fn a_lake_of_many_accounts_has_the_same_rows_in_fewer_files() {
    let truto = truto();
    for options in [
        &[][..],
        &["--partition-by", "status,is_paid", "--bloom", "id", "--sort-by", "name:desc,id"],
    ] {
        let directory = tempfile::tempdir().unwrap();
        let out = directory.path();
        fill(&truto, out, options);
        let before = files(out);
        let wanted = ENGINES.map(|engine| rows(engine, out));
        assert_eq!(wanted[0].len() as u64, ACCOUNTS * RECORDS);
        let folders: BTreeSet<_> = before.iter().map(|file| file.parent().unwrap()).collect();

        let plan = run(&mut compact(out, &["--dry-run", "--json"])).expect(0).summary();
        let groups = plan["groups"].as_array().unwrap();
        assert_eq!(groups.len(), folders.len());
        let planned: usize = groups.iter().map(|it| it["files"].as_array().unwrap().len()).sum();
        assert_eq!((planned, &files(out)), (before.len(), &before));
        let told = run(&mut compact(out, &["--dry-run"])).expect(0).stderr;
        assert!(told.starts_with(&format!("would merge {} files of ", before.len())), "{told}");
        assert_eq!(told.lines().count(), 1 + folders.len(), "{told}");

        let some = before.first().unwrap().clone();
        let (meta, chunks) = (parquet_meta(&some), parquet_chunks(&some, None));
        let summary = run(&mut compact(out, &["--json"])).expect(0).summary();
        let after = files(out);
        assert_eq!(after.len(), folders.len());
        assert_eq!(summary["is_complete"], true);
        assert_eq!((&summary["outcome"], &summary["error"]), (&json!("done"), &json!(null)));
        assert_eq!(summary["groups"], folders.len());
        assert_eq!(
            (&summary["files_before"], &summary["files_after"]),
            (&json!(before.len()), &json!(after.len()))
        );
        let bytes: u64 = after.iter().map(|file| file.metadata().unwrap().len()).sum();
        assert_eq!(
            (&summary["bytes_after"], &summary["rows"]),
            (&json!(bytes), &json!(ACCOUNTS * RECORDS))
        );
        for (engine, wanted) in ENGINES.into_iter().zip(&wanted) {
            assert!(&rows(engine, out) == wanted, "{engine}: other rows");
        }

        // What a reader sees of types, order and filters is what it was.
        let merged = after.iter().find(|it| it.parent() == some.parent()).unwrap();
        let merged_meta = parquet_meta(merged);
        let types = |meta: &Value| -> Vec<Value> {
            let columns = meta["columns"].as_array().unwrap().iter();
            columns.map(|it| json!([it["path"], it["physical_type"], it["logical_type"]])).collect()
        };
        assert_eq!(types(&merged_meta), types(&meta));
        let keys = &merged_meta["key_values"];
        assert!(
            keys["license_stream.snapshot_id"].is_null()
                && keys["license_stream.account"].is_null()
        );
        assert_eq!(
            keys["license_stream.schema_version"],
            meta["key_values"]["license_stream.schema_version"]
        );
        assert!(keys["license_stream.compacted_from"].is_string(), "{keys}");
        let blooms = |chunks: &Value| chunks["chunks"]["id"]["bloom"].is_u64();
        assert_eq!(blooms(&parquet_chunks(merged, None)), blooms(&chunks));
        let order = |file: &Path| {
            let seen = run(license_stream().args(["inspect", "--json"]).arg(file)).expect(0);
            seen.summary()["sorted_by"].clone()
        };
        assert_eq!(
            order(merged),
            json!(if options.is_empty() { vec![] } else { vec!["name desc", "id"] })
        );
        if !options.is_empty() {
            assert_sorted(merged);
        }

        // Each snapshot is whole by what took the place of its files.
        let seen = inspected(out);
        let sum = |list: &str, number: &str| -> u64 {
            seen[list].as_array().unwrap().iter().map(|it| it[number].as_u64().unwrap()).sum()
        };
        assert_eq!(
            (sum("snapshots", "files"), sum("snapshots", "replaced")),
            (0, before.len() as u64)
        );
        assert_eq!(sum("compactions", "files"), after.len() as u64);
        assert_eq!(sum("compactions", "replaces"), before.len() as u64);
        let text = run(license_stream().arg("inspect").arg(out)).expect(0).stdout;
        let said = format!("in the place of {} files of snapshots\n", before.len());
        assert!(text.contains("compacted: ") && text.contains(&said), "{text}");
        assert_manifests(out);

        // Nothing is left to do.
        let again = run(&mut compact(out, &[])).expect(0);
        assert!(again.stderr.starts_with("nothing to merge in "), "{again:?}");
        assert_eq!(files(out), after);

        // The next runs add their files, and those are merged into what there is.
        fill(&truto, out, options);
        assert!(files(out).len() > after.len());
        let told = run(&mut compact(out, &["--compression", "none"])).expect(0).stderr;
        assert!(told.starts_with("merged ") && told.contains("4,000 rows"), "{told}");
        assert_eq!(rows(ENGINES[0], out).len() as u64, 2 * ACCOUNTS * RECORDS);
        assert_eq!(files(out).len(), after.len());
        assert_eq!(inspected(out)["columns"][0]["codecs"], json!(["uncompressed"]));
    }
}

#[test]
fn rows_that_say_no_snapshot_or_account_are_merged_with_their_own_only() {
    const SNAPSHOTS: usize = 4;
    let group = AccountGroup { count: 2, records: 4_000, ..AccountGroup::default() };
    let truto = Truto::start(Simulator::new().with_groups([group]));
    for (columns, wanted) in [
        ("id", SNAPSHOTS),
        ("id,_integrated_account_id", SNAPSHOTS),
        ("id,_snapshot_id", 2),
        ("id,_integrated_account_id,_snapshot_id", 1),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let out = directory.path();
        for _ in 0..2 {
            fill(&truto, out, &["--columns", columns, "--file-bytes", "1MB"]);
        }
        let whose = |file: &PathBuf| {
            let keys = parquet_meta(file)["key_values"].clone();
            json!([keys["license_stream.account"], keys["license_stream.snapshot_id"]]).to_string()
        };
        let before = files(out);
        let snapshots: BTreeSet<_> = before.iter().map(whose).collect();
        assert_eq!(snapshots.len(), SNAPSHOTS);
        assert!(before.len() > 2 * SNAPSHOTS, "{before:?}");
        let rows_before = rows("duckdb", out);

        run(&mut compact(out, &[])).expect(0);
        let after = files(out);
        assert_eq!(after.len(), wanted, "{columns}");
        assert!(rows("duckdb", out) == rows_before);
        let has = |column: &str| columns.contains(column);
        match (has("_integrated_account_id"), has("_snapshot_id")) {
            // What no column says, each file does.
            (false, false) => {
                assert_eq!(after.iter().map(whose).collect::<BTreeSet<_>>(), snapshots);
            }
            (account, snapshot) => {
                let keys = parquet_meta(after.first().unwrap())["key_values"].clone();
                assert_eq!(keys["license_stream.account"].is_null(), account);
                assert_eq!(keys["license_stream.snapshot_id"].is_null(), snapshot);
            }
        }
        let again = run(&mut compact(out, &[])).expect(0);
        assert!(again.stderr.starts_with("nothing to merge in "), "{again:?}");
    }
}

/// The first row group's names fall, and nulls come last.
fn assert_sorted(file: &Path) {
    let names = parquet_rows(ENGINES[0], file);
    let names: Vec<_> = names.iter().map(|row| row["name"].as_str().map(str::to_owned)).collect();
    assert!(names.is_sorted_by(|one, next| one >= next), "{names:?}");
}

/// Manifests are by their schema, and those of runs say nothing of files that are replaced.
fn assert_manifests(out: &Path) {
    let (mut documents, mut compactions) = (String::new(), 0);
    for entry in std::fs::read_dir(out.join("_license-stream")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.ends_with(".json") && !name.ends_with(".checkpoint.json") {
            let manifest: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
            let is_compaction = name.starts_with("compacted-");
            assert_eq!(manifest.get("replaces").is_some(), is_compaction, "{name}");
            compactions += usize::from(is_compaction);
            documents.push_str(&format!("{manifest}\n"));
        }
    }
    assert!(compactions > 0);
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/manifest.schema.json");
    assert_eq!(schema_violations(&schema, &documents), [""; 0]);
}

/// A lake of ten files of one account.
fn small_lake(seed: u64) -> (tempfile::TempDir, Truto) {
    let truto = Truto::start(Simulator::new().with_seed(seed).with_records(6_000));
    let directory = tempfile::tempdir().unwrap();
    let mut command = truto.command("parquet");
    run(command.args(["--json", "--file-bytes", "1", "--out"]).arg(directory.path())).expect(0);
    (directory, truto)
}

#[test]
fn a_damaged_source_is_refused_with_its_snapshot_and_costs_nothing() {
    let (directory, truto) = small_lake(4);
    let out = directory.path();
    let before = files(out);
    let file = before.iter().nth(2).unwrap();
    let whole = std::fs::read(file).unwrap();
    let mut changed = whole.clone();
    changed[100] ^= 1;
    for (bytes, what) in [
        (Some(&changed[..]), "has other bytes than were written"),
        (Some(&whole[..whole.len() - 1]), "were written"),
        (None, "is not there any more"),
    ] {
        match bytes {
            Some(bytes) => std::fs::write(file, bytes).unwrap(),
            None => std::fs::remove_file(file).unwrap(),
        }
        let there = files(out);
        let refused = run(&mut compact(out, &["--json"])).expect(1);
        let snapshot = format!(" of {} is damaged", truto.account());
        for said in [file.to_str().unwrap(), what, &snapshot] {
            assert!(refused.stderr.contains(said), "{said}: {}", refused.stderr);
        }
        // Machines are told of the same.
        let error = refused.stderr.trim_end().strip_prefix("error: ").unwrap();
        let failed = json!({ "outcome": "failed", "error": error, "is_complete": false });
        assert_eq!(refused.summary(), failed);
        let planned = run(&mut compact(out, &["--dry-run", "--json"]));
        let is_seen = what != "has other bytes than were written";
        assert_eq!(planned.summary()["outcome"], if is_seen { "failed" } else { "done" });
        assert_eq!((files(out), out.join("_SUCCESS").exists()), (there, true));
    }
    std::fs::write(file, &whole).unwrap();
    run(&mut compact(out, &["--json"])).expect(0);
    assert_eq!(files(out).len(), 1);
}

/// What others were merged into is the only copy of their rows: nobody is told to remove it.
#[test]
fn a_damaged_file_that_others_were_merged_into_is_told_with_whose_rows_it_has() {
    let (directory, truto) = small_lake(14);
    let out = directory.path();
    run(&mut compact(out, &[])).expect(0);
    // The second one merges what the first has made with another snapshot.
    let mut again = truto.command("parquet");
    run(again.args(["--file-bytes", "1", "--out"]).arg(out)).expect(0);
    run(&mut compact(out, &[])).expect(0);
    let file = files(out).into_iter().next().unwrap();
    let whole = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();

    let refused = run(&mut compact(out, &[])).expect(1);
    let told = &refused.stderr;
    let begin =
        format!("error: {} is not there any more: it has the rows of snapshot ", file.display());
    assert!(told.starts_with(&begin), "{told}");
    assert_eq!(told.matches(&format!(" of {}", truto.account())).count(), 2, "{told}");
    assert!(told.contains("put it back from a copy"), "{told}");

    let mut inspect = license_stream();
    let seen = run(inspect.arg("inspect").arg(out)).expect(1);
    let name = file.file_name().unwrap().to_str().unwrap();
    let damaged = format!("damaged: {name} is not there as it was written");
    assert!(seen.stdout.contains(&damaged), "{}", seen.stdout);
    assert!(!seen.stdout.contains("damaged compaction"), "{}", seen.stdout);
    let mut inspect = license_stream();
    let seen = run(inspect.args(["inspect", "--json"]).arg(out)).expect(1).summary();
    let missed = |compaction: &Value| compaction["damaged_files"].clone();
    let missed: Vec<_> = seen["compactions"].as_array().unwrap().iter().map(missed).collect();
    assert_eq!(missed, [Value::Null, json!([name])]);

    std::fs::write(&file, &whole).unwrap();
    run(&mut compact(out, &[])).expect(0);
}

#[test]
fn where_no_run_was_nothing_is_made() {
    let directory = tempfile::tempdir().unwrap();
    for (place, said) in [("", "holds nothing that a run has left"), ("missing", "cannot be read")]
    {
        let place = directory.path().join(place);
        let refused: Run = run(&mut compact(&place, &[])).expect(1);
        let is_told = refused.stderr.contains(said) || refused.stderr.contains("holds nothing");
        assert!(is_told, "{}", refused.stderr);
        assert_eq!(refused.stdout, "");
        let told = run(&mut compact(&place, &["--json"])).expect(1);
        assert_eq!(told.summary()["outcome"], "failed");
        assert_eq!(format!("error: {}\n", told.summary()["error"].as_str().unwrap()), told.stderr);
    }
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn two_compactions_at_once_do_not_mix_and_a_run_is_not_hindered() {
    let (directory, truto) = small_lake(5);
    let out = directory.path();
    let wanted = rows(ENGINES[0], out);
    // One stands still for as long as another holds what it needs.
    let lock = std::fs::File::create(out.join("_license-stream/compacted.lock")).unwrap();
    lock.try_lock().unwrap();
    let refused = run(&mut compact(out, &[])).expect(1);
    assert!(refused.stderr.contains("another run is writing to"), "{}", refused.stderr);
    run(truto.command("parquet").args(["--json", "--out"]).arg(out)).expect(0);
    drop(lock);
    run(&mut compact(out, &[])).expect(0);
    let found = rows(ENGINES[0], out);
    assert_eq!((files(out).len(), found.len()), (1, 2 * wanted.len()));
    assert!(wanted.iter().all(|row| found.binary_search(row).is_ok()));
}

#[test]
fn stopped_by_a_signal_it_leaves_what_there_was_or_what_was_merged() {
    let (directory, _truto) = small_lake(6);
    let out = directory.path();
    let wanted = rows(ENGINES[0], out);
    let mut random = fastrand::Rng::with_seed(6);
    let mut stopped = 0;
    for (signal, code) in [("TERM", 143), ("INT", 130)] {
        for _ in 0..20 {
            let copy = tempfile::tempdir().unwrap();
            assert!(
                Command::new("cp").arg("-r").arg(out).arg(copy.path()).status().unwrap().success()
            );
            let lake = copy.path().join(out.file_name().unwrap());
            // Of two files each.
            let most = files(&lake).iter().map(|it| it.metadata().unwrap().len()).max().unwrap();
            let child = start(&mut compact(&lake, &["--file-bytes", &(2 * most + 2).to_string()]));
            std::thread::sleep(Duration::from_millis(random.u64(20..400)));
            let was_sent = kill(signal, child.id());
            let output = child.wait_with_output().unwrap();
            let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
            match output.status.code() {
                Some(0) => {}
                Some(found) if found == code && was_sent => {
                    assert!(stderr.contains(&format!("stopped by SIG{signal}")), "{stderr}");
                    stopped += 1;
                }
                // Before it listened.
                None if was_sent => {}
                _ => panic!("{:?}: {stderr}", output.status),
            }
            assert!(lake.join("_SUCCESS").exists(), "{stderr}");
            assert!(rows(ENGINES[0], &lake) == wanted, "after {signal}: {stderr}");
        }
    }
    assert!(stopped > 3, "{stopped}");
}
