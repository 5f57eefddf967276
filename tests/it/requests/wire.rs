//! Each flag as it goes over the wire.

use std::fmt::Write;

use expect_test::expect_file;

use super::{ACCOUNT, asking, json};
use crate::support::command::license_stream;
use crate::support::process::{TOKEN, run};
use crate::support::series::Series;

const ONE: &str = "{\"result\":[{\"id\":\"1\"}]}";

#[test]
fn each_flag_is_the_documented_parameter() {
    let flags: [&[&str]; 21] = [
        &[],
        &["--format", "stream"],
        &["--format", "unified"],
        &["--format", "normalized"],
        &["--format", "raw"],
        &["--accept", "application/json"],
        &["--organization-id", "acme & sons/é"],
        &["--product", "azure_active_directory"],
        &["--product", "onedrive"],
        &["--limit", "50"],
        &["--ignore-limit"],
        &["--cursor", "eyJwIjoyfQ==+/"],
        &["--cursor", ""],
        &["--key-by", "id"],
        &["--ignore-remote-data"],
        &["--exclude-field", "name", "--exclude-field", "roles"],
        &["--remote-query", "foo=bar"],
        &["--remote-query", "foo[bar1][bar2]=a=b&c d", "--remote-query", "foo[bar]="],
        &["--remote-query", "ids[]=1", "--remote-query", "ids[]=2"],
        // What an integration needs.
        &["--integration", "GitHub", "--organization-id", "acme"],
        &["--integration", "microsoft365", "--product", "onedrive", "--format", "unified"],
    ];
    let mut golden = String::new();
    for flags in flags {
        let (api, mut command) = asking("ndjson", &[ONE]);
        let got = run(command.args(flags));
        assert_eq!(got.code, Some(0), "{flags:?}: {}", got.stderr);
        let requests = api.requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        let mut lines = requests[0].lines();
        writeln!(golden, "$ license-stream ndjson {}", flags.join(" ")).unwrap();
        writeln!(golden, "  {}", lines.next().unwrap()).unwrap();
        writeln!(golden, "  {}", lines.find(|line| line.starts_with("accept: ")).unwrap()).unwrap();
    }
    expect_file!["../../golden/requests.txt"].assert_eq(&golden.replace(ACCOUNT, "ACCOUNT"));
}

#[test]
fn the_account_of_a_scoped_token_is_not_named() {
    let api = Series::answer(vec![json(ONE)]);
    let mut command = license_stream();
    command.env("TRUTO_API_TOKEN", TOKEN);
    command.args(["ndjson", "--json", "--base-url", &api.url(), "--token-account", "--no-lookup"]);
    let got = run(&mut command);
    assert_eq!((got.code, got.text()), (Some(0), "{\"id\":\"1\"}\n"), "{}", got.stderr);
    let summary: serde_json::Value = serde_json::from_str(&got.stderr).unwrap();
    assert!(summary["snapshots"][0]["account"].is_null(), "{summary}");
    let requests = api.requests();
    let line = requests[0].lines().next().unwrap();
    let expected = "GET /unified/user-directory/licenses?truto_response_format=stream HTTP/1.1";
    assert_eq!(line, expected);
}
