//! An account that an earlier run left unfinished, and that is not listed any more.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::{command, counts, group, start};
use crate::support::command::license_stream;
use crate::support::process::{Run, run};
use crate::support::python::{ENGINES, parquet_rows, root, schema_violations};
use crate::support::truto::Truto;

const RECORDS: u64 = 3_000;

/// A lake in which a run of the second account was killed behind its first file.
struct Lake {
    truto: Truto,
    ids: Vec<String>,
    directory: tempfile::TempDir,
}

impl Lake {
    fn new() -> Self {
        let (truto, ids) = start([group(2, RECORDS)]);
        let lake = Self { truto, ids, directory: tempfile::tempdir().unwrap() };
        lake.kill();
        lake
    }

    fn out(&self) -> PathBuf {
        self.directory.path().join("lake")
    }

    fn parquet(&self) -> Command {
        let mut command = command("parquet", &self.truto);
        command.args(["--json", "--file-bytes", "1", "--out"]).arg(self.out());
        command
    }

    fn kill(&self) {
        let mut one = self.parquet();
        one.args(["--account", &self.ids[1]]).env("LICENSE_STREAM_KILL_AT", "checkpoint-renamed:2");
        let killed = run(&mut one);
        assert_eq!(killed.code, None, "{}", killed.stderr);
    }

    /// A run over several accounts, of which only the first is left.
    fn others(&self) -> (Value, Run) {
        let list = self.directory.path().join("accounts");
        std::fs::write(&list, format!("{}\n", self.ids[0])).unwrap();
        let ran = run(self.parquet().arg("--accounts-file").arg(list));
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let schema = root().join("schemas/summary.schema.json");
        assert_eq!(schema_violations(&schema, ran.text()), [""; 0]);
        let summary: Value = serde_json::from_str(ran.text()).unwrap();
        assert_eq!(counts(&summary), [("done", 1)].into());
        (summary, ran)
    }

    fn reset(&self) -> Command {
        let mut command = license_stream();
        command.args(["checkpoint", "reset", "--account", &self.ids[1], "--out"]).arg(self.out());
        command
    }

    fn files(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.out()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.contains(&self.ids[1])).collect()
    }

    fn has_success(&self) -> bool {
        self.out().join("_SUCCESS").exists()
    }
}

fn kept(out: &Path, account: &str) -> PathBuf {
    out.join(format!("_license-stream/{account}.checkpoint.json"))
}

#[test]
fn what_keeps_success_away_is_told_and_can_be_removed() {
    let lake = Lake::new();
    let (out, gone) = (lake.out(), lake.ids[1].as_str());
    assert!(!lake.files().is_empty(), "rows of it are there");
    for _ in 0..2 {
        let (summary, ran) = lake.others();
        assert_eq!(summary["pending"], json!([gone]));
        let place = out.display();
        let told = format!(
            "warning: there is no _SUCCESS in {place}: the last snapshot of 1 other account is unfinished, or being \
             read ({gone}): read such an account, or, if it is there no more, remove what there is of it by \
             `license-stream checkpoint reset --out {place} --account {gone}`\n"
        );
        assert_eq!(ran.stderr, told);
        assert!(!lake.has_success());
    }
    let quiet = run(lake.parquet().args(["--quiet", "--account", &lake.ids[0]]));
    assert_eq!((quiet.code, quiet.stderr.as_str()), (Some(0), ""));

    let files = lake.files().len();
    assert!(files > 1);
    let reset = run(&mut lake.reset());
    let told = format!(
        "reset: the next run of {gone} begins a new snapshot; {files} files of an unfinished one removed\n"
    );
    assert_eq!((reset.code, reset.stderr), (Some(0), told));
    assert_eq!(lake.files(), [""; 0]);
    assert!(!kept(&out, gone).exists());
    // Nothing has come to its end.
    assert!(!lake.has_success());
    let reset = run(&mut lake.reset());
    assert_eq!(reset.code, Some(1), "{}", reset.stderr);
    assert!(reset.stderr.starts_with("there is no checkpoint of "), "{}", reset.stderr);

    let (summary, ran) = lake.others();
    assert_eq!((&summary["pending"], ran.stderr.as_str()), (&Value::Null, ""));
    assert!(lake.has_success());
    let rows = parquet_rows(ENGINES[0], &out);
    assert!(rows.iter().all(|row| row["_integrated_account_id"] == lake.ids[0].as_str()));
}

#[test]
fn a_reset_that_was_killed_is_made_again_and_a_run_after_it_begins_anew() {
    // As it is killed behind each of its steps: without the checkpoint, without some files, without any.
    for removed in [0, 1, usize::MAX] {
        for is_reset in [true, false] {
            let lake = Lake::new();
            std::fs::remove_file(kept(&lake.out(), &lake.ids[1])).unwrap();
            for file in lake.files().into_iter().take(removed) {
                std::fs::remove_file(lake.out().join(file)).unwrap();
            }
            if is_reset {
                let reset = run(&mut lake.reset());
                assert_eq!(reset.code, Some(0), "{}", reset.stderr);
                lake.others();
                assert_eq!(lake.files(), [""; 0]);
            } else {
                let again = run(lake.parquet().args(["--account", &lake.ids[1]]));
                assert_eq!(again.code, Some(0), "{}", again.stderr);
                assert_eq!(parquet_rows(ENGINES[0], &lake.out()).len() as u64, RECORDS);
            }
            assert!(lake.has_success());
        }
    }
}

#[test]
fn all_of_them_are_reset_those_without_a_checkpoint_too_and_what_is_complete_stays() {
    let lake = Lake::new();
    lake.others();
    std::fs::remove_file(kept(&lake.out(), &lake.ids[1])).unwrap();
    let rows = parquet_rows(ENGINES[0], &lake.out()).len() as u64;
    assert!(rows > RECORDS);
    let mut all = license_stream();
    all.args(["checkpoint", "reset", "--all", "--out"]).arg(lake.out());
    let reset = run(&mut all);
    assert_eq!((reset.code, reset.stderr.lines().count()), (Some(0), 2), "{}", reset.stderr);
    assert_eq!(parquet_rows(ENGINES[0], &lake.out()).len() as u64, RECORDS);
}
