//! `license-stream checkpoint`, and checkpoints that are not what they should be.

use std::path::Path;
use std::process::Command;

use license_stream::checkpoint::CheckpointLock;
use license_stream::simulate::Simulator;

use crate::support::command::license_stream;
use crate::support::run::run;
use crate::support::simulation::Simulation;

fn checkpoint(verb: &str, out: &Path, account: Option<&str>) -> Command {
    let mut command = license_stream();
    command.args(["checkpoint", verb, "--out"]).arg(out);
    account.into_iter().for_each(|account| {
        command.args(["--account", account]);
    });
    command
}

fn parquet(simulation: &Simulation, out: &Path) -> Command {
    let mut command = license_stream();
    command.args(["parquet", "--quiet", "--file-bytes", "1", "--out"]).arg(out);
    simulation.source(&mut command);
    command
}

fn kill(mut command: Command) {
    let killed = command.env("LICENSE_STREAM_KILL_AT", "checkpoint-renamed:1").output().unwrap();
    assert_eq!(killed.status.code(), None, "{killed:?}");
}

#[test]
fn a_place_where_nothing_is_kept_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing");
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    for place in [&missing, &file] {
        for mut command in [checkpoint("show", place, None), checkpoint("reset", place, Some("a"))]
        {
            let refused = run(&mut command).expect(2);
            let wanted = format!("error: {} is no directory", place.display());
            assert!(refused.stderr.starts_with(&wanted), "{}", refused.stderr);
        }
    }
    let own = directory.path().join("_license-stream");
    let shown = run(&mut checkpoint("show", directory.path(), None)).expect(0);
    assert_eq!(shown.stderr, format!("no checkpoints in {}\n", own.display()));
    assert_eq!(shown.stdout, "", "no heading of nothing");
    let bare = run(&mut checkpoint("reset", directory.path(), None)).expect(2);
    assert!(bare.stderr.contains("<--account <UUID>|--all>"), "{}", bare.stderr);
    let reset = run(&mut checkpoint("reset", directory.path(), Some("a"))).expect(1);
    assert_eq!(reset.stderr, format!("there is no checkpoint of a in {}\n", own.display()));
    let reset = run(checkpoint("reset", directory.path(), None).arg("--all")).expect(0);
    assert_eq!(reset.stderr, shown.stderr);
    let reset = run(checkpoint("reset", directory.path(), Some("a")).arg("--json")).expect(1);
    assert_eq!(reset.stdout, "{\"files_removed\":0,\"key\":\"a\",\"reset\":false}\n");
}

#[test]
fn what_becomes_of_each_reset_is_json_where_that_is_asked_for() {
    let simulation = Simulation::start(Simulator::new().with_seed(44).with_records(6_000));
    let directory = tempfile::tempdir().unwrap();
    kill(parquet(&simulation, directory.path()));
    let account = simulation.account();
    let reset = run(checkpoint("reset", directory.path(), Some(account)).arg("--json")).expect(0);
    let said: serde_json::Value = serde_json::from_str(&reset.stdout).unwrap();
    let removed = said["files_removed"].as_u64().unwrap();
    assert!(removed > 0, "{reset:#?}");
    let wanted = serde_json::json!({ "key": account, "reset": true, "files_removed": removed });
    assert_eq!((&said, &*reset.stderr), (&wanted, ""));
}

#[test]
fn a_checkpoint_that_is_damaged_or_of_another_account_is_refused_until_it_is_reset() {
    let simulation = Simulation::start(Simulator::new().with_seed(41).with_records(6_000));
    let other = Simulation::start(Simulator::new().with_seed(42).with_records(6_000));
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path();
    let path = |simulation: &Simulation| {
        out.join(format!("_license-stream/{}.checkpoint.json", simulation.account()))
    };
    kill(parquet(&simulation, out));
    kill(parquet(&other, out));
    std::fs::copy(path(&other), path(&simulation)).unwrap();
    let refused = run(&mut parquet(&simulation, out)).expect(2);
    let wanted = format!(
        "account {}: the checkpoint that is found as its own is that of {}",
        simulation.account(),
        other.account()
    );
    assert!(refused.stderr.contains(&wanted), "{}", refused.stderr);
    assert_eq!(simulation.requests(), 1, "it was refused before it asked");

    std::fs::write(path(&simulation), "{\"format\":1").unwrap();
    let refused = run(&mut parquet(&simulation, out)).expect(1);
    let damaged = path(&simulation);
    let (place, account) = (out.display(), simulation.account());
    let reset = format!("`license-stream checkpoint reset --out {place} --account {account}`");
    let told = format!("error: {}: checkpoint cannot be read: ", damaged.display());
    assert!(refused.stderr.starts_with(&told), "{}", refused.stderr);
    // Once.
    assert_eq!(refused.stderr.matches(&reset).count(), 1, "{}", refused.stderr);
    assert_eq!(refused.stderr.matches("checkpoint reset").count(), 1, "{}", refused.stderr);
    run(&mut checkpoint("reset", out, Some(simulation.account()))).expect(0);
    run(&mut parquet(&simulation, out)).expect(0);
    run(&mut parquet(&other, out)).expect(0);
    assert!(out.join("_SUCCESS").exists());
}

#[test]
fn what_cannot_be_read_is_a_row_of_its_own_and_is_reset_without_being_read() {
    let simulation = Simulation::start(Simulator::new().with_seed(43).with_records(600));
    let directory = tempfile::tempdir().unwrap();
    let (out, account) = (directory.path(), simulation.account());
    kill(parquet(&simulation, out));
    let path = |key: &str| out.join(format!("_license-stream/{key}.checkpoint.json"));
    let lay = || {
        std::fs::write(path("damaged"), "{").unwrap();
        std::fs::write(path("newer"), "{\"format\":9}").unwrap();
    };
    lay();
    let shown = run(&mut checkpoint("show", out, None)).expect(1);
    let row = |key: &str| {
        let row = shown.stdout.lines().find(|line| line.split_whitespace().next() == Some(key));
        row.unwrap_or_else(|| panic!("{}", shown.stdout)).to_owned()
    };
    assert!(row(account).contains("unfinished"), "{}", shown.stdout);
    for (key, why) in [("damaged", "checkpoint cannot be read"), ("newer", "checkpoint has form 9")]
    {
        let wanted = format!("unreadable  {}: {why}", path(key).display());
        assert!(row(key).contains(&wanted), "{}", shown.stdout);
    }
    let shown = run(checkpoint("show", out, None).arg("--json")).expect(1);
    let lines: Vec<serde_json::Value> =
        shown.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let key = |line: &serde_json::Value| line["key"].as_str().unwrap().to_owned();
    let unreadable: Vec<_> =
        lines.iter().filter(|line| line["error"].is_string()).map(key).collect();
    assert_eq!((lines.len(), unreadable), (3, vec!["damaged".to_owned(), "newer".to_owned()]));

    run(&mut checkpoint("reset", out, Some("newer"))).expect(0);
    lay();
    let reset = run(checkpoint("reset", out, None).arg("--all")).expect(0);
    assert_eq!(reset.stderr.lines().count(), 3, "{}", reset.stderr);
    assert!(["damaged", "newer", account].iter().all(|key| !path(key).exists()));
}

#[test]
fn what_a_run_under_way_keeps_is_not_reset() {
    let simulation = Simulation::start(Simulator::new().with_seed(44).with_records(600));
    let directory = tempfile::tempdir().unwrap();
    let (out, account) = (directory.path(), simulation.account());
    kill(parquet(&simulation, out));
    let own = out.join("_license-stream");
    let kept = own.join(format!("{account}.checkpoint.json"));
    let run_under_way = CheckpointLock::take(&own, account).unwrap();
    std::fs::write(own.join("other.checkpoint.json"), "{").unwrap();
    let refused = run(checkpoint("reset", out, None).arg("--all")).expect(1);
    let told =
        format!("{account}.lock: a run is under way, and would keep its checkpoint anew; stop it");
    assert!(refused.stderr.contains(&told), "{}", refused.stderr);
    assert!(refused.stderr.contains("reset: the next run of other begins"), "{}", refused.stderr);
    assert!(kept.exists());
    drop(run_under_way);
    let reset = run(&mut checkpoint("reset", out, Some(account))).expect(0);
    let told = "begins a new snapshot; 1 file of an unfinished one removed";
    assert_eq!(reset.stderr, format!("reset: the next run of {account} {told}\n"));
    assert!(!kept.exists());
}

#[test]
fn what_is_advised_where_other_options_are_refused_can_be_typed() {
    let simulation = Simulation::start(Simulator::new().with_seed(44).with_records(6_000));
    let (directory, own) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let out = directory.path().join("a lake's");
    let elsewhere = own.path().join("checkpoints");
    for elsewhere in [None, Some(&elsewhere)] {
        let run_with = |options: &[&str]| {
            let mut command = parquet(&simulation, &out);
            elsewhere.into_iter().for_each(|place| {
                command.arg("--checkpoint").arg(place);
            });
            command.args(options);
            command
        };
        kill(run_with(&[]));
        let refused = run(&mut run_with(&["--sort-by", "name"])).expect(2).stderr;
        let advised = refused.split('`').nth(1).unwrap_or_else(|| panic!("{refused}"));
        let advised = advised.strip_prefix("license-stream ").unwrap();
        // As a shell takes it.
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("\"$0\" {advised}")).arg(license_stream().get_program());
        let reset = run(&mut shell).expect(0).stderr;
        assert!(reset.starts_with("reset: the next run of "), "{reset}");
        run(&mut run_with(&["--sort-by", "name"])).expect(0);
    }
}
