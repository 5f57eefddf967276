//! `--out FILE`: whole under its name, or not at all.

use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::process::Command;

use license_stream::simulate::Simulator;

use super::assert_done;
use crate::support::process::{run, start};
use crate::support::scripted::{Scripted, response};
use crate::support::truto::{Truto, api_command};

const NAME: &str = "licenses.ndjson";

/// The names in a directory.
fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The command with a directory of its own, and `--out` in it.
fn out(command: &mut Command, directory: &Path) {
    command.current_dir(directory).args(["--out", NAME]);
}

#[test]
fn the_file_is_seen_once_it_is_whole() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(NAME);
    std::fs::write(&path, "older").unwrap();
    let truto = Truto::start(Simulator::new().with_records(500).with_hold_after_records(250));
    let mut command = truto.command("ndjson");
    out(&mut command, directory.path());
    let running = start(&mut command);
    truto.until_held();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "older");
    truto.release();
    let got = running.finish();
    assert_done(&got);
    assert_eq!(got.text(), "");
    assert!(std::fs::read(&path).unwrap() == truto.licenses(0..500));
    assert_eq!(names(directory.path()), [NAME]);
}

#[test]
fn a_second_run_into_the_file_is_refused_while_the_first_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let simulator = Simulator::new().with_records(500);
    let truto = Truto::start(simulator.clone().with_hold_after_records(250));
    let other = Truto::start(simulator.with_seed(99));
    let command = |truto: &Truto| {
        let mut command = truto.command("ndjson");
        out(&mut command, directory.path());
        command
    };
    let first = start(&mut command(&truto));
    truto.until_held();
    let refused = run(&mut command(&other));
    assert_eq!(refused.code, Some(1));
    let wanted = format!("another run is writing to {NAME}: it holds {NAME}.partial");
    assert!(refused.stderr.contains(&wanted), "{}", refused.stderr);
    assert_eq!(other.requests(), 0, "it was refused before it asked");
    truto.release();
    assert_done(&first.finish());
    assert!(std::fs::read(directory.path().join(NAME)).unwrap() == truto.licenses(0..500));
    assert_eq!(names(directory.path()), [NAME]);
}

#[test]
fn a_body_that_was_cut_leaves_its_whole_lines_beside_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let truto = Truto::start(Simulator::new().with_cut_after(5000));
    let mut command = truto.command("ndjson");
    out(&mut command, directory.path());
    assert_eq!(run(&mut command).code, Some(1));
    let partial = format!("{NAME}.partial");
    assert_eq!(names(directory.path()), [&*partial]);
    let lines = std::fs::read(directory.path().join(&partial)).unwrap();
    assert!(!lines.is_empty() && truto.licenses(0..500).starts_with(&lines));
    assert_eq!(lines.last(), Some(&b'\n'));

    let path = directory.path().join(NAME);
    std::fs::write(&path, "older").unwrap();
    assert_eq!(run(&mut command).code, Some(1));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "older");
}

#[test]
fn a_run_that_does_not_begin_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let api = Scripted::answer(response("404 Not Found", "", "{}"));
    let mut refused = api_command("ndjson", &api.url(), "62f44730-dd91-461e-bd6a-aedd9e0ad79d");
    out(&mut refused, directory.path());
    assert_eq!(run(&mut refused).code, Some(1));
    assert!(names(directory.path()).is_empty());

    let mut wrong =
        api_command("ndjson", "http://example.invalid", "62f44730-dd91-461e-bd6a-aedd9e0ad79d");
    out(&mut wrong, directory.path());
    assert_eq!(run(&mut wrong).code, Some(2));
    assert!(names(directory.path()).is_empty());
}

#[test]
fn a_file_that_cannot_be_made_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let truto = Truto::start(Simulator::new());
    let mut command = truto.command("ndjson");
    let got = run(command.current_dir(directory.path()).args(["--out", "missing/file"]));
    assert_eq!(got.code, Some(1));
    assert!(got.stderr.contains("missing/file could not be written"), "{}", got.stderr);
    assert_eq!(truto.requests(), 0);
}

#[test]
fn a_pipe_with_a_name_is_written_to_and_stays() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let truto = Truto::start(Simulator::new().with_records(1000));
    let reader = std::thread::spawn({
        let path = path.clone();
        move || std::fs::read(path).unwrap()
    });
    assert_done(&run(truto.command("ndjson").arg("--out").arg(&path)));
    assert_eq!(names(directory.path()), ["pipe"]);
    assert!(std::fs::metadata(&path).unwrap().file_type().is_fifo());
    assert!(reader.join().unwrap() == truto.licenses(0..1000));
}
