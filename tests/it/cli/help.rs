//! Help, version, and messages about what was typed.

use std::fmt::Write;

use expect_test::{ExpectFile, expect, expect_file};

use crate::support::command::license_stream;
use crate::support::process::{TOKEN, run};

/// The help that `arguments` ask for, as wide as a terminal of 100 columns.
fn assert_help(arguments: &[&str], golden: &ExpectFile) {
    let got = run(license_stream().env("COLUMNS", "100").args(arguments));
    assert_eq!((got.code, got.stderr.as_str()), (Some(0), ""));
    golden.assert_eq(got.text());
}

#[test]
fn help_is_as_it_was_reviewed() {
    assert_help(&["--help"], &expect_file!["../../golden/help.txt"]);
    assert_help(&["parquet", "--help"], &expect_file!["../../golden/help-parquet.txt"]);
    assert_help(&["kafka", "--help"], &expect_file!["../../golden/help-kafka.txt"]);
    assert_help(&["ndjson", "--help"], &expect_file!["../../golden/help-ndjson.txt"]);
    assert_help(&["run", "--help"], &expect_file!["../../golden/help-run.txt"]);
    assert_help(&["inspect", "--help"], &expect_file!["../../golden/help-inspect.txt"]);
    assert_help(&["report", "--help"], &expect_file!["../../golden/help-report.txt"]);
    assert_help(&["compact", "--help"], &expect_file!["../../golden/help-compact.txt"]);
    assert_help(&["accounts", "--help"], &expect_file!["../../golden/help-accounts.txt"]);
    assert_help(&["schema", "--help"], &expect_file!["../../golden/help-schema.txt"]);
    assert_help(&["check", "--help"], &expect_file!["../../golden/help-check.txt"]);
    assert_help(&["checkpoint", "--help"], &expect_file!["../../golden/help-checkpoint.txt"]);
    assert_help(
        &["checkpoint", "show", "--help"],
        &expect_file!["../../golden/help-checkpoint-show.txt"],
    );
    assert_help(
        &["checkpoint", "reset", "--help"],
        &expect_file!["../../golden/help-checkpoint-reset.txt"],
    );
    assert_help(&["integrations", "--help"], &expect_file!["../../golden/help-integrations.txt"]);
    assert_help(&["simulate", "--help"], &expect_file!["../../golden/help-simulate.txt"]);
    assert_help(&["completions", "--help"], &expect_file!["../../golden/help-completions.txt"]);
    assert_help(&["man", "--help"], &expect_file!["../../golden/help-man.txt"]);
    assert_help(&["demo", "--help"], &expect_file!["../../golden/help-demo.txt"]);
}

#[test]
fn no_command_is_without_help() {
    let got = run(license_stream().arg("--help"));
    let commands = got.text().lines().skip_while(|line| *line != "Commands:").skip(1);
    let names: Vec<_> = commands
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(
        names,
        [
            "parquet",
            "kafka",
            "ndjson",
            "run",
            "check",
            "checkpoint",
            "inspect",
            "report",
            "compact",
            "accounts",
            "schema",
            "integrations",
            "simulate",
            "completions",
            "man",
            "demo",
            "help"
        ]
    );
}

#[test]
fn the_version_is_the_package_s() {
    let got = run(license_stream().arg("--version"));
    assert_eq!(got.text(), concat!("license-stream ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn a_token_cannot_be_typed() {
    let got = run(license_stream().args(["ndjson", "--account", "a", "--token", "typed"]));
    assert_eq!(got.code, Some(2));
    expect![[r#"
        error: unexpected argument '--token' found

          tip: a similar argument exists: '--token-file'

        Usage: license-stream ndjson --account <UUID> --token-file <FILE>

        For more information, try '--help'.
    "#]]
    .assert_eq(&got.stderr);
}

#[test]
fn what_was_typed_wrong_is_told_with_what_helps() {
    let lines = [
        "",
        "ndjson",
        "parquet --account a",
        "kafka --account a",
        "ndjson --account 62f44730-dd91-461e-bd6a-aedd9e0ad79d --base-url truto",
        "ndjson --account 62f44730-dd91-461e-bd6a-aedd9e0ad79d --base-url ftp://truto.test",
        "ndjson --account 62f44730-dd91-461e-bd6a-aedd9e0ad79d --base-url http://truto.test",
        "ndjson --account 62f44730-dd91-461e-bd6a-aedd9e0ad79d --token-file missing",
        "ndjson --input missing",
        "ndjson --input body --token-file token",
        "ndjson --input body --on-error dead-letter",
        "ndjson --input body --on-error dead-letter --dead-letter missing/file",
        "ndjson --input body --on-error ignore",
        "ndjson --input body --max-rejects many",
        "ndjson --input body --max-rejects 101%",
        "ndjson --input body --max-rejects NaN%",
        "ndjson --input body --max-record-bytes 0",
        "ndjson --input body --max-record-bytes 2GiB",
        "ndjson --input body --max-record-bytes many",
        "ndjson --input body --max-depth 2000",
        "kafka --input body --brokers b --topic t -X linger.ms",
        "kafka --input body --brokers b --topic t -X acks=1",
        "kafka --input body --brokers b --topic t -X enable.idempotence=false",
        "kafka --input body --brokers b --topic t -X no.such.setting=passw0rd",
        "kafka --input body --brokers b --topic t --kafka-config missing",
        "ndjson --all-accounts --account a",
        "ndjson --account a",
        "ndjson --account a --tenant t",
        "ndjson --all-accounts --integration Zoom",
        "ndjson --all-accounts --tenant a,b",
        "ndjson --all-accounts --status gone",
        "ndjson --all-accounts --concurrency 0",
        "ndjson --input body --account a --account b",
        "ndjson --accounts-file missing",
        "ndjson --accounts-file accounts",
        "schema xml",
        "simulate --listen 8080",
    ];
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("body"), "").unwrap();
    std::fs::write(directory.path().join("accounts"), "# of acme\nan-account\n").unwrap();
    let mut golden = String::new();
    for line in lines {
        let mut command = license_stream();
        command.current_dir(directory.path()).env("TRUTO_API_TOKEN", TOKEN).env("COLUMNS", "100");
        let got = run(command.args(line.split_whitespace()));
        assert_eq!((got.code, got.text()), (Some(2), ""), "{line}: {}", got.stderr);
        assert!(!got.stderr.contains("passw0rd"), "{line}: {}", got.stderr);
        // How long it took is another each time.
        let said = got.stderr.lines().map(|it| it.split(" read in ").next().unwrap());
        let said: String = said.map(|it| format!("{it}\n")).collect();
        writeln!(golden, "$ license-stream {line}\n{said}").unwrap();
    }
    expect_file!["../../golden/usage-errors.txt"].assert_eq(&golden);
    let left: Vec<_> = std::fs::read_dir(directory.path()).unwrap().collect();
    assert_eq!(left.len(), 2, "{left:?}");
}
