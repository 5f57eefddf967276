//! The raw format: bodies of no known form, which go only where bytes go.

use super::{ACCOUNT, asking, queries};
use crate::support::command::license_stream;
use crate::support::kafka::{bootstrap, topic};
use crate::support::process::{run, run_with_input};
use crate::support::python::topic_messages;
use crate::support::scripted::{Scripted, response};
use crate::support::truto::api_command;

#[test]
fn a_body_is_one_record_on_one_line_and_the_only_one_asked_for() {
    for (body, line) in [
        ("{\"users\":[{\"seat\":1}],\"next_cursor\":\"c\"}", None),
        ("{\"next_cursor\":\"c\"}", None),
        ("{\"statusCode\":500,\"error\":\"said the provider\"}", None),
        ("[{\"id\":7},{\"id\":null}]", None),
        ("\"text\"", None),
        (" \n{\n  \"a\": 1\n}\n", Some("{   \"a\": 1 }\n")),
    ] {
        let (api, mut command) = asking("ndjson", &[body]);
        let got = run(command.args(["--format", "raw"]));
        let line = line.map_or_else(|| format!("{body}\n"), str::to_owned);
        assert_eq!((got.code, got.text()), (Some(0), line.as_str()), "{body}: {}", got.stderr);
        assert!(got.stderr.starts_with("done: 1 record written, "), "{}", got.stderr);
        assert_eq!(queries(api), ["raw"]);
    }
}

#[test]
fn what_is_not_json_or_too_long_is_a_broken_record() {
    let directory = tempfile::tempdir().unwrap();
    let letters = directory.path().join("letters");
    let long = format!("[{}1]", "1,".repeat(500));
    for (body, reason) in [("<licenses/>", "syntax"), ("{}\n{}", "syntax"), (&long, "too_long")] {
        let (_api, mut command) = asking("ndjson", &[body]);
        command.args(["--format", "raw", "--max-record-bytes", "1000"]);
        let got = run(&mut command);
        assert_eq!((got.code, got.text()), (Some(1), ""), "{body}: {}", got.stderr);

        let (_api, mut command) = asking("ndjson", &[body]);
        command.args([
            "--format",
            "raw",
            "--max-record-bytes",
            "1000",
            "--on-error",
            "dead-letter",
        ]);
        let got = run(command.arg("--dead-letter").arg(&letters));
        assert_eq!((got.code, got.text()), (Some(4), ""), "{body}: {}", got.stderr);
        let letter = std::fs::read_to_string(&letters).unwrap();
        let letter: serde_json::Value = serde_json::from_str(&letter).unwrap();
        assert_eq!(letter["reason"], reason, "{letter}");
        std::fs::remove_file(&letters).unwrap();
    }
}

#[test]
fn a_page_of_html_is_no_answer_in_this_format_either() {
    let html = response("200 OK", "Content-Type: text/html\r\n", "<html></html>");
    let api = Scripted::answer(html);
    let mut command = api_command("ndjson", &api.url(), ACCOUNT);
    let got = run(command.args(["--format", "raw", "--retries", "0"]));
    assert_eq!((got.code, got.text()), (Some(1), ""), "{}", got.stderr);
    assert!(got.stderr.contains("HTML"), "{}", got.stderr);
}

#[test]
fn who_knows_the_form_can_say_it() {
    let want = "{\"a\":1}\n[2]\n";
    for (shape, body) in [
        ("lines", "{\"a\":1}\n[2]\n"),
        ("envelope", "[{\"a\":1},[2]]"),
        ("envelope", "{\"result\":[{\"a\":1},[2]]}"),
        ("sequence", "\u{1e}{\"a\":1}\n\u{1e}[2]\n"),
    ] {
        let (api, mut command) = asking("ndjson", &[body]);
        let got = run(command.args(["--format", "raw", "--shape", shape]));
        assert_eq!((got.code, got.text()), (Some(0), want), "{shape}: {}", got.stderr);
        assert_eq!(queries(api), ["raw"]);
    }
}

#[test]
fn a_recorded_body_is_read_as_a_document_too() {
    let mut command = license_stream();
    command.args(["ndjson", "--input", "-", "--shape", "document"]);
    let got = run_with_input(&mut command, b"{\"seats\":\n3}\n");
    assert_eq!((got.code, got.text()), (Some(0), "{\"seats\": 3}\n"), "{}", got.stderr);
}

#[test]
fn the_key_in_kafka_is_the_account_or_there_is_none() {
    let topic = topic("raw");
    let (_api, mut command) = asking("kafka", &["{\"id\":\"1\"}"]);
    command.args(["--format", "raw", "--brokers", &bootstrap(), "--topic", &topic]);
    let got = run(&mut command);
    assert_eq!(got.code, Some(0), "{}", got.stderr);
    let mut command = license_stream();
    command.args(["kafka", "--input", "-", "--shape", "document"]);
    command.args(["--brokers", &bootstrap(), "--topic", &topic]);
    let got = run_with_input(&mut command, b"[1,\n2]");
    assert_eq!(got.code, Some(0), "{}", got.stderr);

    let messages = topic_messages(&topic);
    let mut found: Vec<_> =
        messages.iter().map(|it| (it["key"].as_str(), it["value"].as_str().unwrap())).collect();
    found.sort_unstable();
    assert_eq!(found, [(None, "[1,\n2]"), (Some(ACCOUNT), "{\"id\":\"1\"}")]);
}
