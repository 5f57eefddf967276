//! Files that are lost between a run that was killed and the next: nothing is passed over that is said to be in
//! them.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::parquet::{assert_undisturbed, command, parquet_files, undisturbed};
use super::simulator;
use crate::support::command::license_stream;
use crate::support::run::{run, start};
use crate::support::simulation::Simulation;

/// Kills a run when its second checkpoint is there: two files are.
fn kill(mut command: Command) {
    let killed = command.env("LICENSE_STREAM_KILL_AT", "checkpoint-renamed:2").status().unwrap();
    assert!(!killed.success());
}

fn first_file(out: &Path) -> PathBuf {
    let mut files = parquet_files(out);
    assert_eq!(files.len(), 2);
    files.sort();
    out.join(&files[0])
}

fn checkpoint(out: &Path, simulation: &Simulation) -> PathBuf {
    out.join(format!("_license-stream/{}.checkpoint.json", simulation.account()))
}

/// What is advised where the checkpoint in `out` is in the way, as it can be typed.
fn reset(out: &Path, simulation: &Simulation) -> String {
    let (out, account) = (out.display(), simulation.account());
    format!("`license-stream checkpoint reset --out {out} --account {account}`")
}

#[test]
fn a_file_that_is_lost_cut_or_changed_is_an_error_before_the_api_is_asked() {
    let simulation = Simulation::start(simulator(31));
    type Harm = fn(&Path);
    let harms: [(&str, Harm); 3] = [
        ("is not there any more", |path| std::fs::remove_file(path).unwrap()),
        ("were written", |path| {
            let bytes = std::fs::read(path).unwrap();
            std::fs::write(path, &bytes[..bytes.len() - 10]).unwrap();
        }),
        ("has other bytes than were written", |path| {
            let mut bytes = std::fs::read(path).unwrap();
            bytes[100] ^= 1;
            std::fs::write(path, bytes).unwrap();
        }),
    ];
    for (what, harm) in harms {
        let directory = tempfile::tempdir().unwrap();
        let out = directory.path();
        kill(command(&simulation, out));
        let file = first_file(out);
        harm(&file);
        let requests = simulation.requests();
        for _ in 0..2 {
            let refused = run(&mut command(&simulation, out)).expect(1);
            let reset = reset(out, &simulation);
            let says = [file.to_str().unwrap(), what, &reset];
            assert!(says.iter().all(|word| refused.stderr.contains(word)), "{}", refused.stderr);
        }
        assert_eq!(simulation.requests(), requests, "the API was asked for licenses");
        assert!(!out.join("_SUCCESS").exists());
        let mut reset = license_stream();
        reset.args(["checkpoint", "reset", "--account", simulation.account(), "--out"]).arg(out);
        run(&mut reset).expect(0);
        let summary = run(command(&simulation, out).arg("--json")).expect(0).summary();
        assert_eq!(summary["records"], super::COUNT, "{what}");
        assert!(!file.exists() && out.join("_SUCCESS").exists());
    }
}

#[test]
fn a_run_without_a_checkpoint_or_with_another_forgets_the_one_whose_files_it_removes() {
    let simulation = Simulation::start(simulator(32));
    let undisturbed = undisturbed(&simulation);
    let elsewhere = tempfile::tempdir().unwrap();
    let checkpoint_elsewhere = ["--checkpoint", elsewhere.path().to_str().unwrap()];
    for options in [&["--no-checkpoint"][..], &checkpoint_elsewhere] {
        let directory = tempfile::tempdir().unwrap();
        let out = directory.path();
        kill(command(&simulation, out));
        let first = first_file(out);
        run(command(&simulation, out).args(options)).expect(0);
        assert!(!first.exists() && !checkpoint(out, &simulation).exists());
        assert_undisturbed(out, &undisturbed, "beside an unfinished snapshot");
        run(&mut command(&simulation, out)).expect(0);
        assert_undisturbed(out, &undisturbed, "after it");
    }
}

#[test]
fn a_checkpoint_elsewhere_whose_files_were_removed_is_not_gone_on_with() {
    let simulation = Simulation::start(simulator(33));
    let (directory, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let out = directory.path();
    let with_checkpoint = || {
        let mut command = command(&simulation, out);
        command.arg("--checkpoint").arg(elsewhere.path());
        command
    };
    kill(with_checkpoint());
    let file = first_file(out);
    run(&mut command(&simulation, out)).expect(0);
    let refused = run(&mut with_checkpoint()).expect(1);
    let wanted = format!("{} is not there any more", file.display());
    assert!(refused.stderr.contains(&wanted), "{}", refused.stderr);
}

#[test]
fn a_checkpoint_that_does_not_fit_itself_is_not_gone_on_with() {
    let simulation = Simulation::start(simulator(35));
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path();
    kill(command(&simulation, out));
    let path = checkpoint(out, &simulation);
    let whole = std::fs::read_to_string(&path).unwrap();
    let mut damaged: serde_json::Value = serde_json::from_str(&whole).unwrap();
    damaged["pieces"].as_array_mut().unwrap().pop();
    std::fs::write(&path, damaged.to_string()).unwrap();
    let refused = run(&mut command(&simulation, out)).expect(1).stderr;
    let reset = reset(out, &simulation);
    let says = ["it is damaged; ", &reset];
    assert!(says.iter().all(|word| refused.contains(word)), "{refused}");
    // Nothing of what it should name is gone.
    std::fs::write(&path, whole).unwrap();
    run(&mut command(&simulation, out)).expect(0);
    assert_undisturbed(out, &undisturbed(&simulation), "with the checkpoint that there was");
}

#[test]
fn a_checkpoint_that_another_run_keeps_is_refused() {
    let held = Simulation::start(simulator(34).with_hold_after_records(1_000));
    let [one, other, elsewhere] = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let into = |out: &Path| {
        let mut command = command(&held, out);
        command.arg("--checkpoint").arg(elsewhere.path());
        command
    };
    let mut first = start(&mut into(one.path()));
    held.until_held(&mut first);
    let refused = run(&mut into(other.path())).expect(1);
    let wanted = ".lock: another run keeps its checkpoint here";
    assert!(refused.stderr.contains(wanted), "{}", refused.stderr);
    held.release();
    crate::support::run::Run::of(first).expect(0);
    // The place beside the files is that run's anyway.
    let simulation = Simulation::start(simulator(34));
    let beside = one.path().join("_license-stream");
    run(command(&simulation, one.path()).arg("--checkpoint").arg(beside)).expect(0);
    assert!(checkpoint(one.path(), &simulation).exists());
}
