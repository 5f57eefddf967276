//! When a snapshot is complete: its manifest, `_SUCCESS`, and runs that were killed before.

use std::path::{Path, PathBuf};

use license_stream::digest::Digester;
use license_stream::pipeline::{self, Options};
use license_stream::simulate::Simulator;
use license_stream::sink::parquet::{ParquetOptions, ParquetSink};
use serde_json::{Value, json};

use super::{entries, files, parquet};
use crate::support::body::{id, records, simulated};
use crate::support::python::{self, root, schema_violations};
use crate::support::run::{run, start};
use crate::support::simulation::Simulation;

const COUNT: u64 = 12_000;
const FILE_BYTES: [&str; 2] = ["--file-bytes", "2000000"];

fn simulator() -> (Simulator, Vec<u8>) {
    let simulator = Simulator::new().with_seed(8).with_records(COUNT);
    let body = simulated(&simulator.licenses(&simulator.accounts()[0]), COUNT);
    (simulator, body)
}

fn success(out: &Path) -> bool {
    out.join("_SUCCESS").exists()
}

/// The manifest of the only snapshot of a summary, which must be valid and true.
fn manifest(out: &Path, summary: &Value) -> Value {
    let snapshot = &summary["snapshots"][0];
    let account = snapshot["account"].as_str();
    let name = format!(
        "{}-{}.json",
        account.unwrap_or("input"),
        snapshot["snapshot_id"].as_str().unwrap()
    );
    let text = std::fs::read_to_string(out.join("_license-stream").join(name)).unwrap();
    let manifest: Value = serde_json::from_str(&text).unwrap();
    let schema = root().join("schemas/manifest.schema.json");
    assert_eq!(schema_violations(&schema, &format!("{manifest}\n")), [""; 0]);
    assert_eq!((&manifest["version"], &manifest["account"]), (&json!(1), &json!(account)));
    assert_eq!(manifest["snapshot_id"], snapshot["snapshot_id"]);
    let before = snapshot["resumed_at_record"].as_u64().unwrap_or(0);
    let records = summary["records"].as_u64().unwrap();
    assert_eq!(manifest["records"], before + records);
    assert_eq!(manifest["rejected"], summary["rejected"]);

    let listed = manifest["files"].as_array().unwrap();
    let paths: Vec<_> =
        listed.iter().map(|file| out.join(file["name"].as_str().unwrap())).collect();
    assert!(
        paths.ends_with(&files(summary)) && (before > 0 || paths.len() == files(summary).len())
    );
    for (path, file) in paths.iter().zip(listed) {
        let bytes = std::fs::read(path).unwrap();
        let mut digester = Digester::default();
        digester.update(&bytes);
        assert_eq!(file["xxh3_128"], digester.digest().to_string());
        assert_eq!(file["bytes"], bytes.len());
        assert_eq!(file["records"], python::parquet_meta(path)["rows"]);
    }
    manifest
}

/// The rows of the files that a manifest lists, in which engines agree.
fn rows(out: &Path, manifest: &Value) -> Vec<Value> {
    let listed = manifest["files"].as_array().unwrap();
    let read = |engine: &str| -> Vec<Value> {
        let rows =
            |file: &Value| python::parquet_rows(engine, &out.join(file["name"].as_str().unwrap()));
        listed.iter().flat_map(rows).collect()
    };
    python::agreed(&python::PARQUET_READERS, read)
}

/// Rows as they are in any snapshot.
fn without_snapshot(mut rows: Vec<Value>) -> Vec<Value> {
    for row in &mut rows {
        row.as_object_mut().unwrap().remove("_snapshot_id").unwrap();
    }
    rows
}

fn partial(out: &Path) -> Vec<PathBuf> {
    let is_partial = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "partial");
    entries(out).into_iter().filter(is_partial).collect()
}

#[test]
fn a_complete_snapshot_has_a_manifest_and_success() {
    let (simulator, body) = simulator();
    let simulation = Simulation::start(simulator);
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path();
    let summary = run(simulation.source(parquet(out).args(FILE_BYTES))).expect(0).summary();
    let manifest = manifest(out, &summary);
    assert!(success(out) && manifest["files"].as_array().unwrap().len() > 2);
    let ids: Vec<_> = records(&body).iter().map(|record| id(record.bytes)).collect();
    assert!(rows(out, &manifest).iter().map(|row| row["id"].as_str().unwrap()).eq(&ids));
}

#[test]
fn a_snapshot_with_rejects_is_complete_and_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let input = directory.path().join("body.ndjson");
    std::fs::write(&input, "{\"id\":\"a\"}\nbroken\n{\"id\":\"b\"}\n").unwrap();
    let out = directory.path().join("out");
    let mut command = parquet(&out);
    let summary =
        run(command.args(["--on-error", "skip", "--input"]).arg(&input)).expect(4).summary();
    assert_eq!(manifest(&out, &summary)["rejected"], 1);
    assert!(success(&out));
}

#[test]
fn a_snapshot_that_is_cut_has_neither_and_takes_success_away() {
    let (simulator, _) = simulator();
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path();
    let other = out.join("other.ndjson");
    std::fs::write(&other, "{\"id\":\"a\"}\n").unwrap();
    run(parquet(out).arg("--input").arg(&other)).expect(0);
    assert!(success(out));

    let cut = Simulation::start(simulator.clone().with_cut_after(4_000_000));
    let mut command = parquet(out);
    command.arg("--retries=0").args(FILE_BYTES);
    let summary = run(cut.source(&mut command)).expect(1).summary();
    assert!(!files(&summary).is_empty());
    assert!(!success(out));
    // Another account's being complete does not make this one so.
    run(parquet(out).arg("--input").arg(&other)).expect(0);
    assert!(!success(out));

    let whole = Simulation::start(simulator);
    let summary = run(whole.source(parquet(out).args(FILE_BYTES))).expect(0).summary();
    manifest(out, &summary);
    assert!(success(out));
}

#[test]
fn after_a_kill_the_next_run_cleans_up_and_has_the_rows_of_an_undisturbed_one() {
    let (simulator, body) = simulator();
    let directory = tempfile::tempdir().unwrap();
    let (out, undisturbed) = (directory.path().join("out"), directory.path().join("undisturbed"));
    let simulation = Simulation::start(simulator.clone());
    let mut command = parquet(&undisturbed);
    let summary = run(simulation.source(command.args(FILE_BYTES))).expect(0).summary();
    let expected = without_snapshot(rows(&undisturbed, &manifest(&undisturbed, &summary)));
    assert_eq!(expected.len(), COUNT as usize);

    let held_at = body.len() as u64 - 300_000;
    let held = Simulation::start(simulator.clone().with_hold_after_bytes(held_at));
    let mut child = start(held.source(parquet(&out).args(FILE_BYTES)));
    held.until_held(&mut child);
    while partial(&out).is_empty() {
        assert!(child.try_wait().unwrap().is_none(), "it ended");
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!success(&out) && partial(&out).len() == 1);
    // What another account's run is writing is not this one's to remove.
    let [ours] = &partial(&out)[..] else { unreachable!() };
    let name = ours.file_name().unwrap().to_str().unwrap();
    let others = out.join(format!(".other-{}", name.strip_prefix('.').unwrap()));
    std::fs::write(&others, "").unwrap();

    let whole = Simulation::start(simulator);
    let summary = run(whole.source(parquet(&out).args(FILE_BYTES))).expect(0).summary();
    assert_eq!(partial(&out), [others]);
    assert!(without_snapshot(rows(&out, &manifest(&out, &summary))) == expected);
    assert!(success(&out));
}

#[test]
fn a_file_that_is_removed_before_the_snapshot_is_complete_keeps_it_from_being_so() {
    let (simulator, _) = simulator();
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path();
    let held = Simulation::start(simulator.with_hold_after_bytes(5_000_000));
    let mut child = start(held.source(parquet(out).args(FILE_BYTES)));
    held.until_held(&mut child);
    let is_file = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "parquet");
    let file = loop {
        if let Some(file) = entries(out).into_iter().find(is_file) {
            break file;
        }
        assert!(child.try_wait().unwrap().is_none(), "it ended");
        std::thread::yield_now();
    };
    std::fs::remove_file(&file).unwrap();
    held.release();
    let run = crate::support::run::Run::of(child).expect(1);
    let says = format!("{} is not there any more", file.display());
    assert!(run.stderr.contains(&says), "{}", run.stderr);
    assert!(!success(out));
    let own = std::fs::read_dir(out.join("_license-stream")).unwrap();
    let own: Vec<_> = own.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let snapshot = run.summary()["snapshots"][0]["snapshot_id"].as_str().unwrap().to_owned();
    assert!(!own.iter().any(|name| name.contains(&snapshot)), "{own:?}");
}

#[test]
fn what_begins_at_a_cursor_is_a_part_and_makes_no_account_complete() {
    let (simulator, _) = simulator();
    let simulation = Simulation::start(simulator.with_page_records(2_000.try_into().unwrap()));
    let directory = tempfile::tempdir().unwrap();
    let (out, first) = (directory.path().join("out"), directory.path().join("first"));
    // The cursor of a later page, from where a run was killed.
    let mut command = parquet(&first);
    command.args(["--file-bytes", "1"]).env("LICENSE_STREAM_KILL_AT", "checkpoint-renamed:3");
    let killed = simulation.source(&mut command).status().unwrap();
    assert!(!killed.success());
    let kept = format!("_license-stream/{}.checkpoint.json", simulation.account());
    let kept = std::fs::read_to_string(first.join(kept)).unwrap();
    let kept: Value = serde_json::from_str(&kept).unwrap();
    let cursor = kept["place"]["page"]["cursor"].as_str().expect("a later page").to_owned();

    let mut command = parquet(&out);
    let part = run(simulation.source(command.args(["--cursor", &cursor]))).expect(0).summary();
    let records = part["records"].as_u64().unwrap();
    assert!(records > 0 && records < COUNT && records.is_multiple_of(2_000), "{part}");
    assert_eq!(part["snapshots"][0]["complete"], false);
    assert_eq!(manifest(&out, &part)["is_part"], true);
    let inspect = |out: &Path| {
        let mut command = crate::support::command::license_stream();
        let seen = run(command.args(["inspect", "--json"]).arg(out)).expect(0);
        let seen: Value = serde_json::from_str(&seen.stdout).unwrap();
        let states = seen["snapshots"].as_array().unwrap().iter().map(|it| it["state"].clone());
        (seen["success"].clone(), states.collect::<Vec<_>>())
    };
    assert!(!success(&out));
    assert_eq!(inspect(&out), (json!(false), vec![json!("part")]));
    let mut show = crate::support::command::license_stream();
    let shown = run(show.args(["checkpoint", "show", "--out"]).arg(&out)).expect(0).stdout;
    let line = shown.lines().last().unwrap();
    assert!(line.split_whitespace().nth(1) == Some("part"), "{shown}");
    // The whole of it begins anew, and the part stays.
    let whole = run(simulation.source(&mut parquet(&out))).expect(0).summary();
    assert_eq!(whole["records"], COUNT);
    assert_eq!(manifest(&out, &whole).get("is_part"), None);
    assert!(success(&out));
    assert_eq!(inspect(&out), (json!(true), vec![json!("part"), json!("complete")]));
}

#[test]
fn a_second_run_of_the_same_account_is_refused_while_the_first_goes_on() {
    let (simulator, _) = simulator();
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path();
    let held = Simulation::start(simulator.with_hold_after_bytes(3_000_000));
    let mut first = start(held.source(parquet(out).args(FILE_BYTES)));
    held.until_held(&mut first);
    let refused = run(held.source(&mut parquet(out))).expect(1);
    assert!(refused.stderr.starts_with("error: another run is writing to "), "{}", refused.stderr);
    assert_eq!(held.requests(), 1, "it was refused before it asked");
    held.release();
    let summary = crate::support::run::Run::of(first).expect(0).summary();
    manifest(out, &summary);
}

#[test]
fn files_do_not_depend_on_the_threads_that_encode() {
    let (simulator, body) = simulator();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let account = &simulator.accounts()[0];
    let written = |threads: usize, chunk_bytes: usize| -> Vec<Vec<u8>> {
        let directory = tempfile::tempdir().unwrap();
        let mut options =
            ParquetOptions::new(directory.path(), "01a20c7e-5167-7459-84d1-21cf616966d5");
        options.account = Some(account.as_str().into());
        (options.row_group_bytes, options.file_bytes) = (2_000_000, 5_000_000);
        options.threads = threads.try_into().unwrap();
        let chunks: Vec<_> = body
            .chunks(chunk_bytes)
            .map(|chunk| Ok::<_, license_stream::Error>(chunk.to_vec().into()))
            .collect();
        let body = futures_util::stream::iter(chunks);
        let sink = runtime.block_on(ParquetSink::new(options)).unwrap();
        let summary = runtime.block_on(pipeline::run(body, sink, Options::default()));
        let files = summary.into_result().unwrap().report.files;
        files.iter().map(|file| std::fs::read(&file.path).unwrap()).collect()
    };
    let expected = written(1, 1 << 20);
    assert!(expected.len() > 1);
    for (threads, chunk_bytes) in [(2, 1 << 20), (7, 100_000), (40, 1 << 14)] {
        assert!(written(threads, chunk_bytes) == expected, "{threads} threads");
    }
}
