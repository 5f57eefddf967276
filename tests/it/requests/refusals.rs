//! What is refused before a byte is sent, and before anything is written.

use std::fmt::Write;

use expect_test::expect_file;
use license_stream::ErrorKind;
use license_stream::truto::{LicenseRequest, Token, TrutoClient};

use super::ACCOUNT;
use crate::support::command::license_stream;
use crate::support::process::{TOKEN, run};
use crate::support::scripted::Untouched;
use crate::support::truto::api_command;

#[test]
fn contradictions_are_a_matter_of_usage_and_nothing_is_sent() {
    let lines = [
        "ndjson --exclude-field name --exclude-field id",
        "ndjson --exclude-field ",
        "ndjson --exclude-field id,name",
        "ndjson --limit 0",
        "ndjson --limit 10 --ignore-limit",
        "ndjson --ignore-remote-data --exclude-field remote_data",
        "ndjson --key-by name --exclude-field name",
        "ndjson --key-by roles",
        "ndjson --format json",
        "ndjson --accept ",
        "ndjson --format raw --ignore-remote-data",
        "ndjson --format raw --key-by id",
        "ndjson --format raw --exclude-field name",
        "ndjson --product sharepoint",
        "ndjson --organization-id o --product onedrive",
        "ndjson --organization-id o --product onedrive --account 00000000-0000-4000-8000-000000000000",
        "ndjson --integration GitHub",
        "ndjson --integration clickup --format raw",
        "ndjson --integration CiscoMeraki --organization-id ",
        "ndjson --integration Microsoft365",
        "ndjson --integration Zoom --organization-id o",
        "ndjson --integration GitHub --organization-id o --key-by currency",
        "ndjson --integration GitHub --product onedrive",
        "ndjson --integration Slack",
        "ndjson --remote-query s3cret",
        "ndjson --remote-query a[b=s3cret",
        "ndjson --remote-query a[][b]=s3cret",
        "ndjson --remote-query a=1 --remote-query a=s3cret",
        "ndjson --remote-query a=1 --remote-query a[b]=s3cret",
        "ndjson --shape document",
        "ndjson --shape dead-letters",
        "ndjson --token-account",
        "ndjson --cursor c --account 00000000-0000-4000-8000-000000000000",
        "parquet --out out --format raw",
        "parquet --out out --format raw --shape lines",
        "parquet --out out --limit 10 --ignore-limit",
        "parquet --out out --exclude-field name --columns id,name",
        "parquet --out out --ignore-remote-data --columns id,remote_data",
        "parquet --out out --exclude-field remote_data --remote-data drop",
        "parquet --out out --exclude-field remote_data --remote-data json",
        "parquet --out out --ignore-remote-data --remote-data json",
        "parquet --out out --exclude-field status --partition-by account,status",
        "parquet --out out --exclude-field created_at --partition-by date(created_at)",
        "parquet --out out --exclude-field status --sort-by status:desc",
        "parquet --out out --exclude-field status --bloom status",
        "kafka --topic t --brokers BROKER --format raw --key-by id",
        "kafka --topic t --brokers BROKER --integration GitHub",
        "kafka --topic t --brokers BROKER --key {name} --exclude-field name",
        "kafka --topic t-{status} --brokers BROKER --exclude-field status",
        "kafka --topic t --brokers BROKER --key {name} --format raw",
    ];
    let mut golden = String::new();
    for line in lines {
        let (api, broker) = (Untouched::listen(), Untouched::listen());
        let at_broker = line.replace("BROKER", &format!("127.0.0.1:{}", broker.port()));
        let mut words = at_broker.split(' ');
        let url = format!("http://127.0.0.1:{}", api.port());
        let mut command = api_command(words.next().unwrap(), &url, ACCOUNT);
        let directory = tempfile::tempdir().unwrap();
        let got = run(command.args(words).current_dir(directory.path()).env("COLUMNS", "100"));
        api.assert();
        broker.assert();
        assert_eq!((got.code, got.text()), (Some(2), ""), "{line}: {}", got.stderr);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "{line}");
        assert!(!got.stderr.contains("s3cret"), "{line}: {}", got.stderr);
        writeln!(golden, "$ license-stream {line}\n{}", got.stderr).unwrap();
    }
    expect_file!["../../golden/request-refusals.txt"].assert_eq(&golden);
}

#[test]
fn the_library_sends_nothing_that_contradicts_itself() {
    let api = Untouched::listen();
    let token = Token::new(TOKEN).unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://127.0.0.1:{}", api.port());
    let client = TrutoClient::new(http, &url, token).unwrap();
    let mut request = LicenseRequest::new(ACCOUNT);
    request.excluded_fields.push("id".to_owned());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let error = runtime.block_on(client.licenses(&request)).unwrap_err();
    api.assert();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.message().contains("`id` cannot be left out"), "{error}");
}

#[test]
fn what_is_asked_of_the_api_does_not_go_with_a_file() {
    for flags in [
        &["--integration", "GitHub"][..],
        &["--organization-id", "o"],
        &["--product", "onedrive"],
        &["--format", "unified"],
        &["--limit", "1"],
        &["--ignore-limit"],
        &["--cursor", "c"],
        &["--ignore-remote-data"],
        &["--exclude-field", "name"],
        &["--key-by", "id"],
        &["--remote-query", "a=b"],
        &["--token-account"],
    ] {
        let mut command = license_stream();
        let got = run(command.args(["ndjson", "--input", "body"]).args(flags));
        assert_eq!(got.code, Some(2), "{flags:?}: {}", got.stderr);
        assert!(got.stderr.contains("cannot be used with"), "{flags:?}: {}", got.stderr);
    }
    let mut command = license_stream();
    let got = run(command.args(["parquet", "--out", "out", "--input", "-", "--shape", "document"]));
    assert_eq!(got.code, Some(2), "{}", got.stderr);
    assert!(got.stderr.contains("fits no columns"), "{}", got.stderr);
}
