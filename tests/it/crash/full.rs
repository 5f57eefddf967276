//! A disk that takes no more: played by a limit on the size of files, since filling one takes root.

use std::path::Path;
use std::process::Command;

use super::parquet::{assert_undisturbed, undisturbed};
use super::{ended, parquet, simulator, start};
use crate::support::run::run;
use crate::support::simulation::Simulation;

/// `command` with files of up to `kibibytes`.
fn limited(command: &Command, kibibytes: u32) -> Command {
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -f \"$0\"; exec \"$@\"", &(kibibytes * 2).to_string()]);
    limited.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    limited
}

fn visible_files(out: &Path) -> usize {
    let names = std::fs::read_dir(out).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| !name.to_string_lossy().starts_with('_')).count()
}

#[test]
fn a_disk_that_is_full_is_an_error_and_the_run_is_gone_on_with() {
    let simulation = Simulation::start(simulator(10));
    let undisturbed = undisturbed(&simulation);
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path();
    // As long as the limit is below that of a file, and then far enough for all of them.
    for kibibytes in [1, 20, 60] {
        let run = run(&mut limited(&parquet::command(&simulation, out), kibibytes)).expect(1);
        assert!(run.stderr.starts_with("error: "), "{}", run.stderr);
        assert!(run.stderr.contains("could not be written: File too large"), "{}", run.stderr);
        assert_eq!(visible_files(out), 0, "a part of a file is visible");
        assert!(!out.join("_SUCCESS").exists());
    }
    // With room for some files first.
    let at = ("LICENSE_STREAM_KILL_AT", "checkpoint-renamed:2");
    assert!(!ended(start(parquet::command(&simulation, out).env(at.0, at.1))));
    let before = parquet::parquet_files(out);
    assert!(before.len() >= 2, "{before:?}");
    run(&mut limited(&parquet::command(&simulation, out), 20)).expect(1);
    let mut last = parquet::command(&simulation, out);
    let summary = run(last.arg("--json")).expect(0).summary();
    assert!(summary["snapshots"][0]["resumed_at_record"].as_u64() > Some(0), "{summary}");
    let after = parquet::parquet_files(out);
    assert!(before.iter().all(|name| after.contains(name)), "{before:?} and then {after:?}");
    assert_undisturbed(out, &undisturbed, "after a full disk");
}

#[test]
fn lines_that_find_no_room_are_an_error_and_whole_the_next_time() {
    let simulation = Simulation::start(simulator(11));
    let directory = tempfile::tempdir().unwrap();
    let lines = directory.path().join("lines");
    let command = || {
        let mut command = crate::support::command::license_stream();
        command.args(["ndjson", "--quiet", "--out"]).arg(&lines);
        simulation.source(&mut command);
        command
    };
    let full = run(&mut limited(&command(), 500)).expect(1);
    let partial = lines.with_extension("partial");
    let wanted = format!("{} did not take the licenses", partial.display());
    assert!(full.stderr.contains(&wanted), "{}", full.stderr);
    assert!(full.stderr.contains("File too large"), "{}", full.stderr);
    assert!(!lines.exists(), "a part of the file has its name");
    let kept = std::fs::read(&partial).unwrap();
    run(&mut command()).expect(0);
    let whole = std::fs::read(&lines).unwrap();
    assert!(kept.len() > 100_000 && whole.starts_with(&kept), "{} bytes", kept.len());
    assert_eq!(kept.last(), Some(&b'\n'), "a part of a line is there");
    let text = std::fs::read_to_string(&lines).unwrap();
    assert_eq!(text.lines().count() as u64, super::COUNT);

    let mut nowhere = crate::support::command::license_stream();
    nowhere.args(["ndjson", "--quiet", "--out", "/dev/full"]);
    let full = run(simulation.source(&mut nowhere)).expect(1);
    assert!(full.stderr.contains("No space left on device"), "{}", full.stderr);
}
