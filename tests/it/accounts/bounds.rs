//! What is bounded over all accounts: what a body may unpack to, and how many are read at once.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use license_stream::simulate::{AccountGroup, Fault, FaultKind, SimulatedEncoding, Simulator};
use serde_json::Value;

use super::{command, counts, group, lines, start};
use crate::support::command::license_stream;
use crate::support::process::{Run, TOKEN, run, start as begin};
use crate::support::scripted::read_head;
use crate::support::truto::Truto;

/// More than any machine of a test has room for.
const HUGE: u64 = 1 << 40;

/// An account that sends so much white space before its licenses, compressed to next to nothing.
fn bomb(encoding: SimulatedEncoding, bytes: u64) -> AccountGroup {
    AccountGroup {
        encoding,
        // What came is counted by chunks. Of longer ones the first would take Brotli a minute where nothing is optimized,
        // and the server would be taken for one that does not answer.
        chunk_bytes: 64,
        faults: vec![Fault::new(FaultKind::Bomb(bytes))],
        ..group(1, 3)
    }
}

/// Runs `command` to its end; also the most memory that it had, in KiB.
fn measured(command: &Command, directory: &Path) -> (Run, u64) {
    let peak = directory.join("peak");
    let mut timed = Command::new("/usr/bin/time");
    timed.args(["--quiet", "-f", "%M", "-o"]).arg(&peak);
    timed.arg(command.get_program()).args(command.get_args());
    timed.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let got = run(timed.current_dir(directory));
    let peak = std::fs::read_to_string(peak).unwrap();
    (got, peak.trim().parse().unwrap())
}

/// The memory of a run in which nothing is special, in KiB.
fn usual(directory: &Path) -> u64 {
    let (truto, _) = start([AccountGroup { encoding: SimulatedEncoding::Zstd, ..group(4, 3) }]);
    let mut command = command("ndjson", &truto);
    command.args(["--all-accounts", "--out", "usual"]);
    let (got, peak) = measured(&command, directory);
    assert_eq!(got.code, Some(0), "{}", got.stderr);
    peak
}

#[test]
fn a_bomb_is_an_error_of_its_account_and_the_others_go_on() {
    let bombs = [SimulatedEncoding::Zstd, SimulatedEncoding::Brotli].map(|it| bomb(it, HUGE));
    let (truto, ids) = start([&bombs[..], &[group(4, 3)]].concat());
    let directory = tempfile::tempdir().unwrap();
    let mut command = command("ndjson", &truto);
    command.args(["--all-accounts", "--json", "--out", "lake"]);
    let (got, peak) = measured(&command, directory.path());
    let summary: Value = serde_json::from_str(got.text()).unwrap();
    assert_eq!(got.code, Some(1), "{}", got.stderr);
    assert_eq!(counts(&summary), [("done", 4), ("failed", 2)].into());
    for index in 0..2 {
        let snapshot = &summary["snapshots"][index];
        assert_eq!(snapshot["error"]["kind"], "malformed", "{snapshot}");
        let message = snapshot["error"]["message"].as_str().unwrap();
        assert!(message.contains("--max-compression-ratio"), "{message}");
        // Little of it was unpacked, and it was not asked for again.
        assert!(snapshot["bytes_read"].as_u64().unwrap() < 16 << 20, "{snapshot}");
        assert_eq!(snapshot["requests"], 1, "{snapshot}");
    }
    for id in &ids[2..] {
        let file = directory.path().join(format!("lake/{id}.ndjson"));
        assert_eq!(std::fs::read(file).unwrap(), lines(&truto, id, 3));
    }
    let usual = usual(directory.path());
    assert!(peak < usual + (64 << 10), "{peak} KiB, and {usual} KiB without a bomb");
}

#[test]
fn where_any_ratio_is_let_through_the_longest_record_bounds_memory() {
    let (truto, _) = start([bomb(SimulatedEncoding::Zstd, HUGE), group(1, 3)]);
    let directory = tempfile::tempdir().unwrap();
    let mut command = command("ndjson", &truto);
    command.args(["--all-accounts", "--out", "lake", "--max-compression-ratio=4000000000"]);
    let (got, peak) = measured(&command, directory.path());
    assert_eq!(got.code, Some(1), "{}", got.stderr);
    assert!(got.stderr.contains("record is longer than 16777216 bytes"), "{}", got.stderr);
    assert!(got.stderr.contains("accounts: 1 done, 1 failed"), "{}", got.stderr);
    let usual = usual(directory.path());
    assert!(peak < usual + (64 << 10), "{peak} KiB, and {usual} KiB without a bomb");
}

#[test]
fn no_more_accounts_are_read_at_once_than_row_groups_have_shares() {
    const ACCOUNTS: usize = 20;
    for (row_group_bytes, at_once) in [(1_000_000, 8), (24 << 20, 12), (40 << 20, ACCOUNTS)] {
        let groups = [group(ACCOUNTS as u64, 50)];
        let simulator = Simulator::new().with_groups(groups).with_hold_after_bytes(1);
        let truto = Truto::start(simulator.with_log(1000));
        let directory = tempfile::tempdir().unwrap();
        let mut command = command("parquet", &truto);
        command.args(["--all-accounts", "--json", "--concurrency", &ACCOUNTS.to_string()]);
        command.args(["--row-group-bytes", &row_group_bytes.to_string(), "--out", "lake"]);
        let running = begin(command.current_dir(directory.path()));
        truto.until_so_many_held(at_once);
        // Whoever was let in beside them would have asked by now.
        std::thread::sleep(Duration::from_millis(500));
        assert_eq!(truto.requests_for_licenses(), at_once, "{row_group_bytes}");
        truto.release();
        let got = running.finish();
        let summary: Value = serde_json::from_str(got.text()).unwrap();
        assert_eq!((got.code, &summary["records"]), (Some(0), &1000.into()), "{}", got.stderr);
        let told = format!("warning: {at_once} accounts are read at once, not more: ");
        assert_eq!(got.stderr.contains(&told), at_once < ACCOUNTS, "{}", got.stderr);
    }
}

/// Answers what begins with `path` at length: all of it at once but for its last byte, which comes later.
fn at_length(stream: &mut TcpStream, path: &str, status: &str, length: usize) {
    let head = read_head(stream);
    if !head.starts_with(&format!("GET {path}")) || head.contains("/capabilities") {
        let (kind, body) = match head.contains("/unified/") {
            true => ("application/x-ndjson", "{\"id\":\"1\"}\n"),
            false => ("application/json", "{}"),
        };
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}", body.len());
        let _ = stream.write_all(format!("{head}\r\nConnection: close\r\n\r\n{body}").as_bytes());
        return;
    }
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}");
    let body = format!("{{\"context\":\"{}\"}}", "x".repeat(length - 14));
    let (most, last) = body.split_at(length - 1);
    let sent = stream.write_all(format!("{head}\r\nConnection: close\r\n\r\n{most}").as_bytes());
    std::thread::sleep(Duration::from_millis(300));
    let _ = sent.and_then(|()| stream.write_all(last.as_bytes()));
}

#[test]
fn long_answers_about_accounts_do_not_add_up() {
    let directory = tempfile::tempdir().unwrap();
    let usual = usual(directory.path());
    for (path, status, length, code) in [
        ("/integrated-account/", "200 OK", 1_000_000, 0),
        ("/integrated-account/", "200 OK", 3_900_000, 0),
        ("/unified/", "400 Bad Request", 1_000_000, 1),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                std::thread::spawn(move || at_length(&mut stream, path, status, length));
            }
        });
        let ids = (0..64).map(|index| format!("{index:08x}-0000-4000-8000-000000000000\n"));
        std::fs::write(directory.path().join("ids"), ids.collect::<String>()).unwrap();
        let mut command = license_stream();
        command.env("TRUTO_API_TOKEN", TOKEN).args(["ndjson", "--base-url", &url, "--json"]);
        command.args(["--accounts-file", "ids", "--concurrency", "64", "--out", "many"]);
        let (got, peak) = measured(&command, directory.path());
        assert_eq!(got.code, Some(code), "{path} {length}: {}", got.stderr);
        assert!(
            peak < usual + (48 << 10),
            "{path} {length}: {peak} KiB, and {usual} KiB as a rule"
        );
    }
}
