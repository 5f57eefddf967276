//! What a run that is begun again passes over with `--skip-newer-than`.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::{command, counts, group, start};
use crate::support::command::license_stream;
use crate::support::kafka::{bootstrap, topic};
use crate::support::process::run;
use crate::support::python::{root, schema_violations};
use crate::support::truto::Truto;

const SKIP: [&str; 2] = ["--skip-newer-than", "6h"];

fn parquet(truto: &Truto, out: &Path) -> Command {
    let mut command = command("parquet", truto);
    command.args(["--all-accounts", "--json", "--out"]).arg(out);
    command
}

/// The summary of a run that must end well, and what it said.
#[track_caller]
fn ended(command: &mut Command) -> (Value, String) {
    let ran = run(command);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(schema_violations(&root().join("schemas/summary.schema.json"), ran.text()), [""; 0]);
    (serde_json::from_str(ran.text()).unwrap(), ran.stderr)
}

/// How many manifests there are.
fn complete(out: &Path) -> usize {
    let names = std::fs::read_dir(out.join("_license-stream")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let is_manifest = |name: &String| name.ends_with(".json") && !name.contains(".checkpoint");
    names.filter(is_manifest).count()
}

#[test]
fn a_complete_account_is_not_asked_for_again_and_success_is_written_as_if_it_were() {
    let (truto, ids) = start([group(3, 4)]);
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path();
    // There is nothing to pass over yet.
    let (first, _) = ended(parquet(&truto, out).args(SKIP));
    assert_eq!(counts(&first), [("done", 3)].into());
    // As a killed run leaves it.
    std::fs::remove_file(out.join("_SUCCESS")).unwrap();

    let before = truto.requests();
    let (again, stderr) = ended(parquet(&truto, out).args(SKIP));
    assert_eq!(truto.requests() - before, 1, "the list of accounts alone");
    assert_eq!((counts(&again), &again["records"]), ([("skipped", 3)].into(), &0.into()));
    assert!(stderr.ends_with("warning: every account was skipped: nothing was read\n"), "{stderr}");
    for (place, id) in ids.iter().enumerate() {
        let (then, now) = (&first["snapshots"][place], &again["snapshots"][place]);
        assert_eq!((&now["account"], &now["outcome"]), (&id.as_str().into(), &"skipped".into()));
        let reason = now["reason"].as_str().unwrap();
        let told = "its last snapshot is complete and newer than 6h (--skip-newer-than): ";
        let told = format!("{told}{} of 20", then["snapshot_id"].as_str().unwrap());
        assert!(reason.starts_with(&told), "{reason}");
    }
    assert!(out.join("_SUCCESS").exists());
    assert_eq!(complete(out), 3);

    // Without it, each is read into another one.
    let (anew, _) = ended(&mut parquet(&truto, out));
    assert_eq!((counts(&anew), complete(out)), ([("done", 3)].into(), 6));
}

#[test]
fn people_are_told_how_many_and_why_on_one_line() {
    let (truto, ids) = start([group(2, 4)]);
    let directory = tempfile::tempdir().unwrap();
    let text = |arguments: &[&str]| {
        let mut command = command("parquet", &truto);
        command.args(arguments).args(SKIP).arg("--out").arg(directory.path());
        let ran = run(&mut command);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        ran.stderr
    };
    let one = ["--account", ids[0].as_str()];
    text(&one);
    let why = "last snapshot is complete and newer than 6h (--skip-newer-than)";
    let told = text(&one);
    assert!(
        told.contains(&format!("skipped: 1 account, because its {why}: {}\n", ids[0])),
        "{told}"
    );
    let told = text(&["--all-accounts"]);
    assert!(told.contains("accounts: 1 done, 1 skipped\n"), "{told}");
    let mut sorted = ids.clone();
    sorted.sort();
    let told = text(&["--all-accounts"]);
    let wanted = format!("skipped: 2 accounts, because their {why}: {}\n", sorted.join(", "));
    assert!(told.contains(&wanted), "{told}");
}

#[test]
fn what_is_older_of_other_options_or_not_there_any_more_is_read() {
    let (truto, _) = start([group(1, 4)]);
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path();
    ended(parquet(&truto, out).args(SKIP));
    let (other, _) = ended(parquet(&truto, out).args(SKIP).args(["--sort-by", "name"]));
    assert_eq!((counts(&other), complete(out)), ([("done", 1)].into(), 2), "it is of others");
    let (same, _) = ended(parquet(&truto, out).args(SKIP).args(["--sort-by", "name"]));
    assert_eq!(counts(&same), [("skipped", 1)].into());
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    let sorted = ["--sort-by", "name", "--skip-newer-than", "1s"];
    let (older, _) = ended(parquet(&truto, out).args(sorted));
    assert_eq!((counts(&older), complete(out)), ([("done", 1)].into(), 3), "it is older");
    // Somebody has removed the snapshots, and left the checkpoint.
    for entry in std::fs::read_dir(out.join("_license-stream")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name.ends_with(".json") && !name.contains(".checkpoint") {
            std::fs::remove_file(path).unwrap();
        }
    }
    let (gone, _) = ended(parquet(&truto, out).args(SKIP).args(["--sort-by", "name"]));
    assert_eq!((counts(&gone), complete(out)), ([("done", 1)].into(), 1), "it is gone");
}

#[test]
fn one_that_was_begun_behind_a_complete_one_and_killed_before_its_first_file_is_passed_over_and_settled()
 {
    let (truto, _) = start([group(1, 4)]);
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path();
    ended(&mut parquet(&truto, out));
    let killed = run(parquet(&truto, out).env("LICENSE_STREAM_KILL_AT", "file-synced:1"));
    assert_eq!(killed.code, None, "{}", killed.stderr);
    assert!(!out.join("_SUCCESS").exists());
    let (again, _) = ended(parquet(&truto, out).args(SKIP));
    assert_eq!((counts(&again), complete(out)), ([("skipped", 1)].into(), 1));
    assert!(out.join("_SUCCESS").exists());
    let partial = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.unwrap().file_name().to_string_lossy().ends_with(".partial")
    };
    assert!(!std::fs::read_dir(out).unwrap().any(partial), "what it left is removed");
}

/// The files of a lake, and the manifests in it, of the account.
fn files_of(out: &Path, account: &str) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let named = |directory: &Path, ending: &str| {
        let paths = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
        let is_its = |path: &PathBuf| {
            let name = path.file_name().unwrap().to_str().unwrap();
            name.starts_with(account) && name.ends_with(ending) && !name.contains(".checkpoint")
        };
        paths.filter(is_its).collect::<Vec<_>>()
    };
    (named(out, ".parquet"), named(&out.join("_license-stream"), ".json"))
}

#[test]
fn one_whose_last_snapshot_is_damaged_is_read_again_and_it_is_told_why() {
    let (truto, ids) = start([group(2, 4)]);
    let whole = |path: &Path| std::fs::read(path).unwrap();
    for (damage, why) in [
        ("lost", "is not there any more\n"),
        ("cut", "has 1 bytes, and "),
        ("manifest", "is no manifest: expected value at line 1 column 1\n"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let out = directory.path();
        ended(&mut parquet(&truto, out));
        let (files, manifests) = files_of(out, &ids[1]);
        let (file, manifest) = (&files[0], &manifests[0]);
        let damaged = if damage == "manifest" { manifest } else { file };
        let before = whole(damaged);
        match damage {
            "lost" => std::fs::remove_file(file).unwrap(),
            "cut" => std::fs::write(file, "P").unwrap(),
            _ => std::fs::write(manifest, "x").unwrap(),
        }
        std::fs::remove_file(out.join("_SUCCESS")).unwrap();
        let (again, stderr) = ended(parquet(&truto, out).args(SKIP));
        assert_eq!(counts(&again), [("done", 1), ("skipped", 1)].into(), "{damage}");
        let told = format!("warning: account {} is read again, though its last snapshot ", ids[1]);
        assert!(stderr.starts_with(&told), "{stderr}");
        let told = format!(" is newer than 6h: it is damaged: {} {why}", damaged.display());
        assert!(stderr.contains(&told), "{stderr}");
        assert!(out.join("_SUCCESS").exists());
        // The one that has come in its place is whole, and passed over.
        let (passed, stderr) = ended(parquet(&truto, out).args(SKIP));
        assert_eq!(counts(&passed), [("skipped", 2)].into(), "{stderr}");
        let inspect = run(license_stream().arg("inspect").arg(out));
        assert_eq!(inspect.code, Some(1), "the damaged one is there still");
        std::fs::write(damaged, before).unwrap();
        assert_eq!(run(license_stream().arg("inspect").arg(out)).code, Some(0));
    }
}

#[test]
fn what_was_merged_into_other_files_is_passed_over() {
    let (truto, _) = start([group(3, 4)]);
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path();
    ended(&mut parquet(&truto, out));
    let compacted = run(license_stream().arg("compact").arg(out));
    assert_eq!(compacted.code, Some(0), "{}", compacted.stderr);
    let (merged, _) = files_of(out, "compacted");
    assert_eq!(merged.len(), 1);
    let (again, _) = ended(parquet(&truto, out).args(SKIP));
    assert_eq!(counts(&again), [("skipped", 3)].into());
    std::fs::remove_file(&merged[0]).unwrap();
    let (lost, _) = ended(parquet(&truto, out).args(SKIP));
    assert_eq!(counts(&lost), [("done", 3)].into());
}

#[test]
fn in_a_topic_and_by_checkpoints_elsewhere_it_is_the_same() {
    let (truto, _) = start([group(2, 4)]);
    let (directory, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = directory.path().to_str().unwrap();
    for options in [&["--delivery", "exactly-once"][..], &[], &["--checkpoint", path]] {
        let topic = topic("again");
        let kafka = || {
            let mut command = command("kafka", &truto);
            command.args(["--all-accounts", "--json", "--brokers", &bootstrap()]);
            command.args(["--topic", &topic]).args(options).args(SKIP);
            command
        };
        assert_eq!(counts(&ended(&mut kafka()).0), [("done", 2)].into(), "{options:?}");
        assert_eq!(counts(&ended(&mut kafka()).0), [("skipped", 2)].into(), "{options:?}");
        let keyed = ended(kafka().args(["--key", "id"])).0;
        assert_eq!(counts(&keyed), [("done", 2)].into(), "{options:?}");
    }
    // Of another destination, which keeps its own there.
    let elsewhere = || {
        let mut command = parquet(&truto, other.path());
        command.args(["--checkpoint", path]).args(SKIP);
        command
    };
    assert_eq!(counts(&ended(&mut elsewhere()).0), [("done", 2)].into());
    assert_eq!(counts(&ended(&mut elsewhere()).0), [("skipped", 2)].into());
}

#[test]
fn where_nothing_is_kept_nothing_is_known_and_it_is_refused() {
    let (truto, ids) = start([group(1, 1)]);
    for wrong in [
        &["--all-accounts", "--no-checkpoint"][..],
        &["--input", "body.ndjson"],
        &["--account", &ids[0], "--cursor", "c"],
    ] {
        let mut command = command("parquet", &truto);
        let ran = run(command.args(SKIP).args(wrong).args(["--out", "lake"]));
        assert_eq!(ran.code, Some(2), "{wrong:?}: {}", ran.stderr);
        assert!(ran.stderr.contains("--skip-newer-than"), "{wrong:?}: {}", ran.stderr);
    }
    for wrong in ["6", "0s", "soon"] {
        let mut command = command("parquet", &truto);
        let ran =
            run(command.args(["--all-accounts", "--out", "lake", "--skip-newer-than", wrong]));
        assert_eq!(ran.code, Some(2), "{wrong}: {}", ran.stderr);
        assert!(ran.stderr.contains("a time from 1s to 365d"), "{wrong}: {}", ran.stderr);
    }
}
