//! Answers that refuse, and servers that are not there.

use std::fmt::Write;
use std::time::{Duration, Instant};

use expect_test::expect_file;
use license_stream::simulate::Simulator;

use super::ACCOUNT;
use crate::support::compress::FORMS;
use crate::support::process::{Run, TOKEN, run};
use crate::support::scripted::{Refusing, Scripted, Untouched, response};
use crate::support::truto::{Truto, api_command};

const JSON: &str = "Content-Type: application/json\r\n";

/// What Truto says of an error.
fn said(status: u16, message: &str, more: &str) -> String {
    format!("{{\"statusCode\":{status},\"error\":\"Error\",\"message\":\"{message}\"{more}}}")
}

fn ask(answer: impl Into<Vec<u8>>) -> Run {
    let mut command = api_command("ndjson", &Scripted::answer(answer).url(), ACCOUNT);
    // Its server answers once. What is retried, and when, is the subject of `faults`.
    run(command.args(["--quiet", "--retries=0"]))
}

#[test]
fn a_name_that_has_no_address_is_an_environment_to_look_at() {
    // Names that end so are nobody's (RFC 2606).
    let mut command = api_command("ndjson", "https://truto.invalid", ACCOUNT);
    let got = run(command.args(["--quiet", "--retries", "2"]));
    assert_eq!((got.code, got.text()), (Some(3), ""), "{}", got.stderr);
    assert!(got.stderr.contains("truto.invalid"), "{}", got.stderr);
    assert!(got.stderr.contains("dns error"), "{}", got.stderr);
}

#[test]
fn each_answer_has_its_message_and_exit_code() {
    let remote = ",\"truto_is_remote_error\":true";
    let long = "x".repeat(5000);
    let html = "<html><body>Bad gateway</body></html>";
    let answers = [
        ("401 Unauthorized", said(401, "Invalid token", ""), 3),
        ("401 Unauthorized", said(401, "Token expired at the provider", remote), 3),
        ("403 Forbidden", said(403, "Missing scope licenses:read", remote), 3),
        ("404 Not Found", said(404, "No integrated account", ""), 1),
        ("400 Bad Request", said(400, "organization_id is required", ""), 1),
        ("422 Unprocessable Entity", said(422, "", ""), 1),
        ("408 Request Timeout", said(408, "Try again", ""), 1),
        ("429 Too Many Requests", said(429, "Rate limit exceeded", ""), 1),
        ("500 Internal Server Error", said(500, "Something went wrong", ""), 1),
        ("502 Bad Gateway", html.to_owned(), 1),
        ("503 Service Unavailable", said(503, "Account blocked", ""), 1),
        ("504 Gateway Timeout", String::new(), 1),
        // What a terminal would act on, in JSON's own escapes.
        ("500 Internal Server Error", said(500, r"a\u001b[2Jb\rc\nd\u0007\u009be\u202ef", ""), 1),
        ("500 Internal Server Error", said(500, &long, ""), 1),
        // More than is looked at: the message is lost, the status is not.
        ("500 Internal Server Error", said(500, &"x".repeat(1 << 20), ""), 1),
        ("500 Internal Server Error", "[1,2".to_owned(), 1),
    ];
    let insight = |message: &str, insight: &str| {
        said(400, message, &format!(",\"truto_error_insight\":{{{insight}}}"))
    };
    let missing = r#""missing_required_query_parameters":{"description":"Parameters are missing",
        "value":["organization_id","product"]}"#;
    let conditional = r#""conditionally_required_query_parameters":{"description":"d","value":[
        {"name":"remote_query[workspace]"}]}"#;
    let scopes = r#""forbidden_error":{"description":"The account lacks scopes","value":
        {"missing_scopes":["Organization.Read.All","Directory.Read.All"]}}"#;
    let limit = r#""rate_limit_error":{"description":"The provider allows 10 requests a minute"}"#;
    let failing = format!(
        r#"{remote},"raw_response":{{"customer":"secret"}},"truto_error_insight":
        {{"remote_error":{{"description":"The provider is being maintained","value":"secret"}}}}"#
    );
    let failures = r#","details":{"failures":[{"path":"limit","message":"must be a number"},
        {"path":"product","message":"must be one of azure_active_directory, onedrive"}]}"#;
    let told = [
        ("400 Bad Request", insight("Bad request", missing), 1),
        ("400 Bad Request", insight("", conditional), 1),
        ("400 Bad Request", said(400, "Validation failed", failures), 1),
        ("403 Forbidden", insight("Forbidden", scopes), 3),
        ("429 Too Many Requests", insight("Too many requests", limit), 1),
        ("502 Bad Gateway", said(502, "", &failing), 1),
        ("404 Not Found", said(404, "gone", remote), 1),
        ("400 Bad Request", said(400, "limit of 10", remote), 1),
        ("407 Proxy Authentication Required", html.to_owned(), 3),
        ("202 Accepted", "{}".to_owned(), 1),
    ];
    let mut golden = String::new();
    for (status, body, exit) in answers.into_iter().chain(told) {
        let got = ask(response(status, JSON, &body));
        assert_eq!((got.code, got.text()), (Some(exit), ""), "{status}: {}", got.stderr);
        writeln!(golden, "{status} → {exit}\n{}", got.stderr).unwrap();
    }
    let visible = |character: char| character == '\n' || !character.is_control();
    assert!(golden.chars().all(visible), "{golden:?}");
    assert!(!golden.contains("secret"), "{golden}");
    expect_file!["../../golden/api-errors.txt"].assert_eq(&golden);
}

#[test]
fn a_wrong_token_says_what_to_do() {
    let truto = Truto::start(Simulator::new());
    for wrong in ["other-s3cret", &TOKEN[1..]] {
        let got = run(truto.command("ndjson").env("TRUTO_API_TOKEN", wrong));
        assert_eq!((got.code, got.text()), (Some(3), ""));
        assert!(
            got.stderr.contains("look at TRUTO_API_TOKEN or --token-file (status 401"),
            "{}",
            got.stderr
        );
        assert!(!got.stderr.contains(wrong), "{}", got.stderr);
    }
}

#[test]
fn an_unknown_account_is_named() {
    let truto = Truto::start(Simulator::new());
    let got = run(&mut api_command("ndjson", &truto.url(), ACCOUNT));
    assert_eq!((got.code, got.text()), (Some(1), ""));
    assert!(got.stderr.contains("(status 404: "), "{}", got.stderr);
    assert!(got.stderr.contains(ACCOUNT), "{}", got.stderr);
}

#[test]
fn a_token_that_is_missing_or_no_token_is_a_matter_of_usage() {
    let truto = Truto::start(Simulator::new());
    for (token, what) in [
        (None, "set TRUTO_API_TOKEN, or name a file with --token-file"),
        (Some(""), "TRUTO_API_TOKEN: API token is empty"),
        (
            Some("s3cret\u{7f}cret"),
            "TRUTO_API_TOKEN: API token has a character that no header may have",
        ),
    ] {
        let mut command = truto.command("ndjson");
        match token {
            Some(token) => command.env("TRUTO_API_TOKEN", token),
            None => command.env_remove("TRUTO_API_TOKEN"),
        };
        let got = run(&mut command);
        assert_eq!((got.code, got.text()), (Some(2), ""), "{token:?}");
        assert!(got.stderr.contains(what), "{}", got.stderr);
        assert!(!got.stderr.contains("cret"), "{}", got.stderr);
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    let got = run(truto.command("ndjson").arg("--token-file").arg(file.path()));
    let what = format!("--token-file {}: API token is empty", file.path().display());
    assert!(got.code == Some(2) && got.stderr.contains(&what), "{}", got.stderr);
    assert_eq!(truto.requests(), 0);
}

#[test]
fn nobody_there_is_a_matter_of_the_environment() {
    let port = Refusing::take();
    let url = format!("http://127.0.0.1:{}", port.port());
    let got = run(api_command("ndjson", &url, ACCOUNT).arg("--retries=0"));
    assert_eq!((got.code, got.text()), (Some(3), ""));
    let what = format!("127.0.0.1:{} cannot be connected to", port.port());
    assert!(got.stderr.contains(&what), "{}", got.stderr);
    assert!(got.stderr.contains("Connection refused"), "{}", got.stderr);
    // A URL names the account: it is not part of the message.
    assert!(!got.stderr.contains(ACCOUNT), "{}", got.stderr);
}

#[test]
fn a_server_that_hangs_up_did_not_answer_and_one_without_http_did() {
    for (answer, what) in [
        ("", "did not answer: "),
        ("HTTP/1.1 200 OK\r\nContent-", "did not answer: "),
        ("SSH-2.0-OpenSSH_9.2\r\n", "answers with what is no HTTP"),
        ("HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\n", "answers with what is no HTTP"),
    ] {
        let got = ask(answer);
        assert_eq!((got.code, got.text()), (Some(3), ""), "{answer}");
        assert!(got.stderr.contains(what), "{answer}: {}", got.stderr);
        // What a library calls its layers is of no use to anybody.
        assert!(!got.stderr.contains("client error"), "{answer}: {}", got.stderr);
    }
}

#[test]
fn a_redirect_says_where_to_and_what_to_do() {
    for (status, location, what) in [
        (
            "307 Temporary Redirect",
            "Location: https://user:s3cret@truto.test:444/v2/licenses?key=s3cret\r\n",
            "the API redirects to https://truto.test:444, where no token is taken: if the API is there, name \
             it with --base-url (status 307)",
        ),
        (
            "302 Found",
            "Location: /v2?key=s3cret\r\n",
            "the API redirects to another path of its own, ",
        ),
        ("302 Found", "", "the API redirects to an address that it does not name, "),
        (
            "302 Found",
            "Location: mailto:s3cret\r\n",
            "the API redirects to an address that it does not",
        ),
        ("304 Not Modified", "", "the API answered that nothing has changed, which was not asked"),
    ] {
        let got = ask(response(status, location, ""));
        assert_eq!((got.code, got.text()), (Some(1), ""), "{status}");
        assert!(got.stderr.contains(what), "{status} {location}: {}", got.stderr);
        assert!(!got.stderr.contains("s3cret"), "{}", got.stderr);
    }
}

#[test]
fn a_server_without_tls_is_no_https() {
    let api = Scripted::answer("HTTP/1.1 400 Bad Request\r\n\r\n".repeat(4));
    let url = format!("https://127.0.0.1:{}", api.port());
    let got = run(api_command("ndjson", &url, ACCOUNT).arg("--retries=0"));
    assert_eq!((got.code, got.text()), (Some(3), ""));
    assert!(got.stderr.contains("cannot be connected to"), "{}", got.stderr);
}

#[test]
fn connecting_takes_no_longer_than_it_may() {
    // The system takes the connection, and nobody ever speaks TLS on it.
    let silent = Untouched::listen();
    let mut command =
        api_command("ndjson", &format!("https://127.0.0.1:{}", silent.port()), ACCOUNT);
    let begun = Instant::now();
    let got = run(command.args(["--connect-timeout=0.5", "--retries=0"]));
    // The time-outs of the answer and of the body are a minute.
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    assert_eq!((got.code, got.text()), (Some(3), ""));
    assert!(got.stderr.contains("cannot be connected to"), "{}", got.stderr);
    assert!(got.stderr.contains("timed out"), "{}", got.stderr);
}

#[test]
fn an_error_may_come_compressed() {
    for (form, name) in FORMS {
        let body = form.compress(said(400, "organization_id is required", "").as_bytes());
        let length = body.len();
        let head = format!(
            "HTTP/1.1 400 Bad Request\r\n{JSON}Content-Encoding: {name}\r\nContent-Length: {length}\r\n\r\n"
        );
        let got = ask([head.into_bytes(), body].concat());
        assert!(got.stderr.contains("organization_id is required"), "{name}: {}", got.stderr);
    }
}
