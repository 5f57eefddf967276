//! Stores whose answers have no end: what is read of one is bounded, and the run says so.

use crate::support::body::edges;
use crate::support::command::license_stream;
use crate::support::process::{Run, run_with_input};
use crate::support::replies::{Answer, Replies, endless, say};
use crate::support::s3;

const ERROR: &str =
    "the store answered with more than 33554432 bytes, the most that is read of one answer";

/// Runs `words` with a store that gives `answers`; what it said, and the heads of the requests.
fn run(words: &[&str], answers: Vec<Answer>) -> (Run, Vec<String>) {
    let store = Replies::of(answers);
    let mut command = license_stream();
    command.args(words);
    let run = run_with_input(s3::settings(&mut command, &store.url()), b"{\"id\":\"a\"}\n");
    let lines = store
        .requests()
        .into_iter()
        .map(|request| request.head.lines().next().unwrap_or_default().to_owned());
    (run, lines.collect())
}

fn missing() -> Answer {
    say("404 Not Found", "", "<Error><Code>NoSuchKey</Code></Error>")
}

/// The same as `run`, which must fail once it has read so much of the last answer, and not ask for it again.
#[track_caller]
fn assert_refused(words: &[&str], mut answers: Vec<Answer>, what: &str, asked: &str) {
    answers.push(endless("200 OK"));
    let count = answers.len();
    let (run, requests) = run(words, answers);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    // A checkpoint that cannot be read is a row among the others.
    let said = format!("{}{}", run.stderr, String::from_utf8_lossy(&run.stdout));
    assert!(said.contains(&format!("{what}: {ERROR}")), "{said}");
    assert_eq!(requests.len(), count, "{requests:?}");
    assert!(requests[count - 1].starts_with(asked), "{requests:?}");
}

const EXPORT: [&str; 5] = ["parquet", "--input", "-", "--out", "s3://bucket/a"];
const SHOW: [&str; 4] = ["checkpoint", "show", "--checkpoint", "s3://bucket/a"];

#[test]
fn a_claim_without_an_end_is_refused() {
    let what = "s3://bucket/a/_license-stream/input.claim could not be read";
    assert_refused(&EXPORT, vec![], what, "GET /bucket/a/_license-stream/input.claim ");
}

#[test]
fn a_checkpoint_without_an_end_is_refused() {
    let claimed = vec![
        missing(),
        // Neither is anything pending.
        missing(),
        say("200 OK", "ETag: \"1\"\r\n", ""),
        // It must be so, and is.
        say("412 Precondition Failed", "", ""),
        say("200 OK", "", "<ListMultipartUploadsResult></ListMultipartUploadsResult>"),
    ];
    let what = "s3://bucket/a/_license-stream/input.checkpoint.json could not be read";
    // Standard input would be read once, and so be without a checkpoint.
    let input = edges();
    let export = EXPORT.map(|word| if word == "-" { input.to_str().unwrap() } else { word });
    assert_refused(&export, claimed, what, "GET /bucket/a/_license-stream/input.checkpoint.json ");
}

#[test]
fn a_listing_without_an_end_is_refused_and_so_is_what_it_lists() {
    assert_refused(&SHOW, vec![], "s3://bucket/a could not be listed", "GET /bucket?");

    let listing = "<ListBucketResult><Contents><Key>a/x.checkpoint.json</Key><Size>10</Size>\
        <LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents></ListBucketResult>";
    let what = "s3://bucket/a/x.checkpoint.json could not be read";
    let listed = vec![say("200 OK", "", listing)];
    assert_refused(&SHOW, listed, what, "GET /bucket/a/x.checkpoint.json ");
}

#[test]
fn of_a_refusal_without_an_end_the_beginning_is_told() {
    let mut refusal = b"HTTP/1.1 403 Forbidden\r\n\r\n<Error><Code>AccessDenied</Code>".to_vec();
    refusal.extend(b"<Message>not yours</Message>");
    let (run, requests) = run(&SHOW, vec![Answer::Endless(refusal)]);
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    assert!(run.stderr.contains("the store answered AccessDenied: not yours"), "{}", run.stderr);
    assert_eq!(requests.len(), 1, "{requests:?}");
}
