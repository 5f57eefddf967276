//! What a run leaves behind, searched for the token: however it ends, whatever it writes.
//!
//! Every run of these tests is searched so (see `support::process`); here are those that a leak is most
//! likely in, with all that a run can leave behind. The servers do what a careless one may: they say the
//! token back.

use std::path::Path;

use super::ACCOUNT;
use crate::support::process::{Run, TOKEN, run};
use crate::support::replies::{Answer, Replies, say};
use crate::support::scripted::{Refusing, response};
use crate::support::truto::api_command;

const NDJSON: &str = "Content-Type: application/x-ndjson\r\n";

/// `verb` with everything that leaves something behind, in `directory`.
fn leave(verb: &[&str], url: &str, directory: &Path) -> Run {
    let mut command = api_command(verb[0], url, ACCOUNT);
    command.args(&verb[1..]).args(["--json", "-vv", "--retries=1", "--on-error=dead-letter"]);
    command.args(["--dead-letter", "dead", "--first-byte-timeout=0.5", "--idle-timeout=0.5"]);
    command.current_dir(directory).env("RUST_LOG", "trace").env("RUST_BACKTRACE", "1");
    // It fails by itself where the token is in anything.
    run(&mut command)
}

#[test]
fn the_token_is_in_nothing_that_a_run_leaves_behind() {
    let whole = |body: &str| say("200 OK", NDJSON, body);
    let json = "Content-Type: application/json\r\n";
    let refused = |status: &str| say(status, json, "{\"message\":\"no\"}");
    let nobody = Refusing::take();
    let cases: Vec<(&str, Vec<Answer>)> = vec![
        ("success", vec![whole("{\"id\":\"1\"}\n")]),
        ("rejects", vec![whole("{\"id\":\"1\"}\n{\"broken\n{\"no\":\"id\"}\n")]),
        ("400", vec![refused("400 Bad Request")]),
        ("401", vec![refused("401 Unauthorized")]),
        ("403", vec![refused("403 Forbidden")]),
        ("404", vec![refused("404 Not Found")]),
        ("429", vec![say("429 Too Many Requests", "Retry-After: 0\r\n", "")]),
        ("500", vec![refused("500 Internal Server Error")]),
        ("503, then success", vec![refused("503 S"), whole("{\"id\":\"1\"}\n")]),
        ("html", vec![say("200 OK", "Content-Type: text/html\r\n", "<html>")]),
        ("redirect", vec![say("302 Found", "Location: http://127.0.0.1:1/\r\n", "")]),
        ("no http", vec![Answer::Say(b"SSH-2.0\r\n".to_vec())]),
        ("hung up", vec![Answer::HangUp]),
        ("silent", vec![Answer::Silence]),
        ("malformed", vec![say("200 OK", json, "{\"result\":[{\"id\":\"1\"}")]),
        (
            "error in the body",
            vec![whole("{\"id\":\"1\"}\n{\"statusCode\":502,\"error\":\"x\"}\n")],
        ),
        ("cut", {
            let cut = response("200 OK", NDJSON, "{\"id\":\"1\"}\n").replace(": 11", ": 1000");
            vec![Answer::Say(cut.into_bytes())]
        }),
    ];
    let mut asked = 0;
    for (name, answers) in cases {
        let api = Replies::of(answers);
        let directory = tempfile::tempdir().unwrap();
        for verb in [&["parquet", "--out", "lake"][..], &["ndjson", "--out", "out"]] {
            let got = leave(verb, &api.url(), directory.path());
            assert!(got.text().starts_with("{\"outcome\""), "{name}: {}", got.stderr);
        }
        let heads = api.requests();
        assert!(heads.iter().all(|request| request.head.contains(TOKEN)), "{name}");
        asked += heads.len();
    }
    assert!(asked > 30, "{asked} requests with the token");
    let directory = tempfile::tempdir().unwrap();
    let url = format!("http://127.0.0.1:{}", nobody.port());
    assert_eq!(leave(&["parquet", "--out", "lake"], &url, directory.path()).code, Some(3));
}

/// An error as it stands among records.
fn said_in_body() -> String {
    let message = format!("Bearer {TOKEN} is expired");
    format!("{{\"statusCode\":502,\"error\":\"{TOKEN}\",\"message\":\"{message}\"}}\n")
}

/// A success of which the body is `records`, and then the error.
fn in_body(records: &str) -> Answer {
    say("200 OK", NDJSON, &format!("{records}{}", said_in_body()))
}

#[tokio::test]
async fn nor_does_whoever_frames_a_body_by_himself_read_it() {
    use futures_util::TryStreamExt;
    use license_stream::License;
    use license_stream::truto::{LicenseRequest, Token, TrutoClient};

    let json = "Content-Type: application/json\r\n";
    let envelope = say("200 OK", json, &format!("{{\"result\":[{}", said_in_body()));
    for answer in [in_body("{\"id\":\"1\"}\n"), say("200 OK", json, &said_in_body()), envelope] {
        let api = Replies::of(vec![answer]);
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let client = TrutoClient::new(http, &api.url(), Token::new(TOKEN).unwrap()).unwrap();
        let body = client.licenses(&LicenseRequest::new(super::ACCOUNT)).await.unwrap();
        let error = body.frames().json::<License>().try_collect::<Vec<_>>().await.unwrap_err();
        assert!(error.to_string().contains("502"), "{error}");
        assert!(!format!("{error} {error:?}").contains(TOKEN), "{error}");
    }
}

#[test]
fn a_server_that_says_the_token_back_is_not_repeated() {
    let json = "Content-Type: application/json\r\n";
    let echo = format!("{{\"message\":\"Bearer {TOKEN} is not valid\",\"error\":\"{TOKEN}\"}}");
    let html = format!("<html>{TOKEN}</html>");
    for answer in [
        say("401 Unauthorized", json, &echo),
        say("400 Bad Request", json, &echo),
        say("500 Internal Server Error", json, &html),
        say("302 Found", &format!("Location: https://truto.test/?token={TOKEN}\r\n"), ""),
        say("200 OK", &format!("Content-Type: text/html; {TOKEN}\r\n"), &html),
        say("200 OK", &format!("{NDJSON}Content-Encoding: {TOKEN}\r\n"), ""),
        in_body(""),
        in_body("{\"id\":\"1\"}\n"),
        say("200 OK", json, &format!("{{\"result\":[{}", said_in_body())),
    ] {
        let api = Replies::of(vec![answer]);
        let directory = tempfile::tempdir().unwrap();
        let got = leave(&["ndjson", "--out", "out"], &api.url(), directory.path());
        assert_eq!(got.code, Some(if got.stderr.contains("status 401") { 3 } else { 1 }));
    }
    // Names of fields are in messages and summaries, as nothing else of a record is.
    let body = format!("{{\"id\":\"1\",\"{TOKEN}\":1,\"x {TOKEN} y\":2,\"other\":3}}\n");
    let api = Replies::of(vec![say("200 OK", NDJSON, &body)]);
    let directory = tempfile::tempdir().unwrap();
    let got = leave(&["parquet", "--columns", "id", "--out", "lake"], &api.url(), directory.path());
    assert_eq!(got.code, Some(0), "{}", got.stderr);
    assert!(
        got.text().contains(r#""fields_unknown":{"other":1,"x … y":1,"…":1}"#),
        "{}",
        got.text()
    );
}
