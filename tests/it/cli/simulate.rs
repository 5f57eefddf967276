//! `license-stream simulate` from outside.

use license_stream::simulate::{LicenseGenerator, Scenario, Simulator};

use crate::support::command::license_stream;
use crate::support::process::{run, start};

#[test]
fn what_it_prints_is_all_that_it_takes_to_read_from_it() {
    let mut simulate = license_stream();
    simulate.args(["simulate", "--listen", "127.0.0.1:0", "--seed", "5", "--records", "50"]);
    let mut simulator = start(&mut simulate);
    let mut setting = |name: &str| {
        let line = String::from_utf8(simulator.line()).unwrap();
        let value = line.trim_end().strip_prefix(name).and_then(|rest| rest.strip_prefix('='));
        value.unwrap_or_else(|| panic!("{name}: {line}")).to_owned()
    };
    let mut ndjson = license_stream();
    for name in ["TRUTO_BASE_URL", "TRUTO_API_TOKEN"] {
        ndjson.env(name, setting(name));
    }
    let account = setting("account");
    let got = run(ndjson.args(["ndjson", "--account", &account]));
    assert_eq!(got.code, Some(0), "{}", got.stderr);
    let mut want = Vec::new();
    LicenseGenerator::new(5, &account).write_ndjson(0..50, &mut want).unwrap();
    assert!(got.stdout == want);

    let recorded =
        run(license_stream().args(["simulate", "--seed", "5", "--records", "50", "--out", "-"]));
    assert!(recorded.stdout == want);

    simulator.signal("INT");
    let ended = simulator.finish();
    assert_eq!((ended.code, ended.text()), (Some(130), ""));
    assert!(ended.stderr.contains("not publish"), "{}", ended.stderr);
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let got = run(license_stream().args(["simulate", "--listen", &address]));
    assert_eq!(got.code, Some(2));
    let what = format!("{address} cannot be listened on: try another --listen");
    assert!(got.stderr.contains(&what), "{}", got.stderr);
}

#[test]
fn the_scenario_of_the_examples_can_be_played() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/scenarios/customers.json");
    let scenario: Scenario = std::fs::read_to_string(path).unwrap().parse().unwrap();
    let simulator = Simulator::from(scenario);
    let mut want = Vec::new();
    simulator.write_body(&simulator.accounts()[0], &mut want).unwrap();
    let got = run(license_stream().args(["simulate", "--scenario", path, "--out", "-"]));
    assert_eq!((got.code, &*got.stderr), (Some(0), ""));
    assert!(got.stdout == want);
    assert_eq!(want.iter().filter(|byte| **byte == b'\n').count(), 101, "a page, and its cursor");
}

#[test]
fn a_mistake_in_a_scenario_is_told_with_file_line_and_column() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mine.json");
    std::fs::write(&path, "{\"accounts\": [\n  {\"faults\": [{\"refuse\": 503, \"time\": 1}]}\n]}")
        .unwrap();
    let got = run(license_stream().arg("simulate").arg("--scenario").arg(&path));
    assert_eq!(got.code, Some(2));
    for part in ["mine.json", "unknown field `time`, expected one of", "at line 2 column 36"] {
        assert!(got.stderr.contains(part), "{part}: {}", got.stderr);
    }
    let got = run(license_stream().args(["simulate", "--scenario", "/nowhere/x.json"]));
    assert_eq!(got.code, Some(2));
    assert!(got.stderr.contains("/nowhere/x.json cannot be read"), "{}", got.stderr);
}

#[test]
fn who_wants_to_sees_each_request() {
    let mut simulate = license_stream();
    simulate.args(["simulate", "--listen", "127.0.0.1:0", "--records", "5", "--log"]);
    simulate.args(["--fault", r#"{"refuse":502,"times":1}"#]);
    let mut simulator = start(&mut simulate);
    let mut setting = || {
        let line = String::from_utf8(simulator.line()).unwrap();
        line.trim_end().split_once('=').unwrap().1.to_owned()
    };
    let (url, token, account) = (setting(), setting(), setting());
    let mut ndjson = license_stream();
    ndjson.env("TRUTO_API_TOKEN", &token);
    let got = run(ndjson.args(["ndjson", "--base-url", &url, "--account", &account]));
    assert_eq!(got.code, Some(0), "{}", got.stderr);
    simulator.signal("INT");
    let logged = simulator.finish().stderr;
    let lines: Vec<_> = logged.lines().filter(|line| line.starts_with("GET ")).collect();
    let licenses = format!(
        "GET /unified/user-directory/licenses?integrated_account_id={account}&\
         truto_response_format=stream"
    );
    assert_eq!(
        lines,
        [
            format!("GET /integrated-account/{account} 200"),
            format!("{licenses} 502"),
            format!("{licenses} 200")
        ]
    );
    assert!(!logged.contains(&token), "{logged}");
}

#[test]
fn a_fault_that_is_typed_strikes() {
    let mut simulate = license_stream();
    simulate.args([
        "simulate",
        "--listen",
        "127.0.0.1:0",
        "--records",
        "20",
        "--encoding",
        "accepted",
    ]);
    simulate.args(["--fault", r#"{"refuse":{"status":404,"message":"gone fishing"},"times":1}"#]);
    let mut simulator = start(&mut simulate);
    let mut setting = || {
        let line = String::from_utf8(simulator.line()).unwrap();
        line.trim_end().split_once('=').unwrap().1.to_owned()
    };
    let (url, token, account) = (setting(), setting(), setting());
    for code in [1, 0] {
        let mut ndjson = license_stream();
        ndjson.env("TRUTO_API_TOKEN", &token);
        let got = run(ndjson.args(["ndjson", "--base-url", &url, "--account", &account]));
        assert_eq!(got.code, Some(code), "{}", got.stderr);
        assert_eq!(got.stderr.contains("gone fishing"), code == 1);
    }
    let got = run(license_stream().args(["simulate", "--fault", r#"{"cut":1}"#]));
    assert_eq!(got.code, Some(2));
    assert!(got.stderr.contains("unknown field `cut`"), "{}", got.stderr);
}

#[test]
fn a_fault_for_which_a_shape_has_no_place_is_refused() {
    for shape in ["array", "sequence"] {
        for fault in ["partial", "empty_pages", "repeat_cursor", "refuse_cursor"] {
            let mut command = license_stream();
            let fault = format!("{{\"{fault}\":true}}");
            command.args(["simulate", "--listen=127.0.0.1:0", "--shape", shape, "--fault", &fault]);
            let got = run(&mut command);
            assert_eq!(got.code, Some(2), "{shape} {fault}: {}", got.stderr);
            assert!(got.stderr.contains("says nothing of its page"), "{}", got.stderr);
        }
    }
}
