//! `license-stream simulate` from outside.

use license_stream::simulate::LicenseGenerator;

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
