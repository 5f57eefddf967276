//! The table of what is retried, how often and how long, row by row: over a socket, with a clock that does
//! not wait.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use license_stream::ErrorKind;
use license_stream::decode::Limits;
use license_stream::pipeline::{self, Options, Requests, Summary};
use license_stream::sink::ndjson::NdjsonSink;
use license_stream::truto::{LicenseRequest, RetryPolicy, Timeouts, Token, TrutoClient};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::ACCOUNT;
use crate::support::clock::Controlled;
use crate::support::process::TOKEN;
use crate::support::replies::{Answer, Replies, say};
use crate::support::scripted::Refusing;

const LICENSE: &str = "{\"id\":\"1\"}\n";
const REMOTE: &str = r#"{"message":"m","truto_is_remote_error":true}"#;

fn licenses() -> Answer {
    say("200 OK", "Content-Type: application/x-ndjson\r\n", LICENSE)
}

/// What became of a run.
#[derive(Debug)]
struct Got {
    /// The kind of the error, and what it said.
    error: Option<(ErrorKind, String)>,
    delivered: String,
    waits: Vec<f64>,
    requests: Requests,
}

fn client(url: &str) -> TrutoClient {
    let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    TrutoClient::new(http.build().unwrap(), url, Token::new(TOKEN).unwrap()).unwrap()
}

async fn run(client: TrutoClient) -> Got {
    let clock = Arc::new(Controlled::new());
    let client = client.with_clock(Arc::clone(&clock) as _);
    let mut delivered = Vec::new();
    let sink = NdjsonSink::new(&mut delivered, Limits::default());
    let pages = client.pages(LicenseRequest::new(ACCOUNT));
    let Summary { error, requests, .. } =
        pipeline::run_source(pages, sink, Options::default()).await;
    assert_eq!(requests, client.requests());
    let delivered = String::from_utf8(delivered).unwrap();
    let error = error.map(|error| (error.kind(), error.to_string()));
    Got { error, delivered, waits: clock.waits(), requests }
}

/// A run against a server that says `answers`; what it counts as requests is what came.
async fn ask(answers: Vec<Answer>) -> Got {
    let api = Replies::of(answers);
    let got = run(client(&api.url())).await;
    assert_eq!(got.requests.made, api.requests().len() as u64);
    assert_eq!(got.requests.made, got.requests.retried + 1, "one page");
    got
}

#[track_caller]
fn assert_delivered(got: &Got, waits: &[f64]) {
    assert_eq!((got.delivered.as_str(), &got.error), (LICENSE, &None));
    assert_eq!(got.waits, waits);
    assert_eq!(got.requests.retried, waits.len() as u64);
}

#[track_caller]
fn assert_failed(got: &Got, kind: ErrorKind, start: &str, waits: &[f64]) {
    assert_eq!(got.delivered, "");
    let (got_kind, message) = got.error.as_ref().unwrap();
    assert_eq!(*got_kind, kind, "{message}");
    // What the account is called comes first.
    let said = message.strip_prefix("account ").and_then(|said| said.split_once(": "));
    let said = said.map_or(message.as_str(), |(_, said)| said);
    assert!(said.starts_with(start), "{message}");
    assert_eq!(got.waits, waits);
    assert_eq!(got.requests.retried, waits.len() as u64);
}

#[tokio::test]
async fn a_request_that_is_refused_is_not_made_again() {
    for (status, kind) in [
        ("400 Bad Request", ErrorKind::Refused),
        ("401 Unauthorized", ErrorKind::Unauthorized),
        ("403 Forbidden", ErrorKind::Forbidden),
        ("404 Not Found", ErrorKind::Refused),
        ("405 Method Not Allowed", ErrorKind::Refused),
        ("409 Conflict", ErrorKind::Refused),
        ("410 Gone", ErrorKind::Refused),
        ("422 Unprocessable Entity", ErrorKind::Refused),
        ("301 Moved Permanently", ErrorKind::Refused),
        ("304 Not Modified", ErrorKind::Refused),
        // No listing, though no failure.
        ("202 Accepted", ErrorKind::Refused),
        ("206 Partial Content", ErrorKind::Refused),
        ("501 Not Implemented", ErrorKind::Upstream),
        ("505 HTTP Version Not Supported", ErrorKind::Upstream),
    ] {
        // It says when to come back: there is no use in it.
        let got = ask(vec![say(status, "Retry-After: 1\r\n", ""), licenses()]).await;
        assert_failed(&got, kind, "", &[]);
    }
}

#[tokio::test]
async fn an_account_that_must_be_connected_anew_is_not_a_bad_token() {
    let got = ask(vec![say("401 Unauthorized", "", REMOTE), licenses()]).await;
    assert_failed(&got, ErrorKind::AccountUnauthorized, "the account must be connected anew", &[]);
}

#[tokio::test]
async fn what_passes_is_retried_with_a_wait_that_doubles() {
    for status in [
        "408 Request Timeout",
        "425 Too Early",
        "500 Internal Server Error",
        "502 Bad Gateway",
        "504 Gateway Timeout",
        "520 Web Server Returned an Unknown Error",
    ] {
        for body in ["", REMOTE, "<html>"] {
            let failure = say(status, "", body);
            let got = ask(vec![failure.clone(), failure.clone(), licenses()]).await;
            assert_delivered(&got, &[0.5, 1.0]);
            let got = ask(vec![failure]).await;
            let waits = [0.5, 1.0, 2.0, 4.0, 8.0];
            assert_failed(&got, ErrorKind::Upstream, "tried 6 times: ", &waits);
        }
    }
}

#[tokio::test]
async fn a_wait_that_is_told_is_kept_to_after_any_failure_that_passes() {
    let failure = say("502 Bad Gateway", "Retry-After: 20\r\n", "");
    assert_delivered(&ask(vec![failure, licenses()]).await, &[20.0]);
    // Where less is told than would be waited, that is no reason to hurry.
    let failure = say("502 Bad Gateway", "Retry-After: 0\r\nRateLimit-Reset: 9\r\n", "");
    assert_delivered(&ask(vec![failure, licenses()]).await, &[0.5]);
}

#[tokio::test]
async fn a_rate_limit_is_waited_for_as_told() {
    for (headers, wait) in [
        ("", 10.0),
        ("Retry-After: 7\r\n", 7.0),
        ("Retry-After: 7\r\nRateLimit-Reset: 3\r\n", 7.0),
        ("RateLimit-Reset: 3\r\n", 3.0),
        ("Retry-After: soon\r\nRateLimit-Reset: 3\r\n", 3.0),
        ("RateLimit-Limit: 110;w=10\r\nRateLimit-Remaining: 0\r\nRateLimit-Reset: 3\r\n", 3.0),
        // From the clock's time of day on, and from the server's.
        ("Retry-After: Sun, 06 Nov 1994 08:49:49 GMT\r\n", 12.0),
        (
            "Date: Sun, 06 Nov 2044 08:49:37 GMT\r\nRetry-After: Sun, 06 Nov 2044 08:49:41 GMT\r\n",
            4.0,
        ),
    ] {
        for body in ["", REMOTE] {
            let got = ask(vec![say("429 Too Many Requests", headers, body), licenses()]).await;
            assert_delivered(&got, &[wait]);
        }
    }
}

#[tokio::test]
async fn a_wait_beyond_all_measure_is_cut_short_and_the_error_says_so() {
    for told in ["86400", "99999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"] {
        let limit = say("429 Too Many Requests", &format!("Retry-After: {told}\r\n"), "");
        let got = ask(vec![limit.clone(), licenses()]).await;
        assert_delivered(&got, &[300.0]);
        let got = ask(vec![limit]).await;
        assert_failed(&got, ErrorKind::Upstream, "tried 6 times, asked to wait ", &[300.0; 5]);
        assert!(got.error.unwrap().1.contains(" s, waited 300 s: the API's rate limit is reached"));
    }
}

#[tokio::test]
async fn an_account_that_may_be_blocked_is_asked_for_once_more() {
    let blocked = say("503 Service Unavailable", "", "");
    let got = ask(vec![blocked.clone(), licenses()]).await;
    assert_delivered(&got, &[0.5]);
    let got = ask(vec![blocked.clone(), blocked, licenses()]).await;
    assert_failed(&got, ErrorKind::Upstream, "tried 2 times: the API is not available", &[0.5]);
    // As told, if it is told.
    let told = say("503 Service Unavailable", "Retry-After: 5\r\n", "");
    assert_delivered(&ask(vec![told, licenses()]).await, &[5.0]);
    // Another failure in between is retried as it is by itself.
    let (blocked, failed) = (say("503 S", "", ""), say("500 S", "", ""));
    let got = ask(vec![blocked.clone(), failed, blocked, licenses()]).await;
    assert_failed(&got, ErrorKind::Upstream, "tried 3 times: ", &[0.5, 1.0]);
}

#[tokio::test]
async fn a_page_of_html_in_place_of_licenses_may_pass() {
    let page = say("200 OK", "Content-Type: text/html\r\n", "<html>Please wait</html>");
    let got = ask(vec![page.clone(), page.clone(), licenses()]).await;
    assert_delivered(&got, &[0.5, 1.0]);
    let waits = [0.5, 1.0, 2.0, 4.0, 8.0];
    let got = ask(vec![page]).await;
    assert_failed(&got, ErrorKind::Upstream, "tried 6 times: a page of HTML came", &waits);
}

#[tokio::test]
async fn waits_are_told_before_they_begin() {
    let api = Replies::of(vec![say("502 Bad Gateway", "", ""), licenses()]);
    let told: Arc<std::sync::Mutex<Vec<String>>> = Arc::default();
    let kept = Arc::clone(&told);
    let client = client(&api.url()).with_watch(move |wait| {
        kept.lock().unwrap().push(format!("{wait:?}"));
    });
    assert_delivered(&run(client).await, &[0.5]);
    let told = told.lock().unwrap();
    assert!(told.len() == 1 && told[0].contains(ACCOUNT) && told[0].contains("number: 1, of: 5"));
}

#[tokio::test]
async fn a_connection_that_ends_before_the_answer_is_retried() {
    for answer in [
        Answer::HangUp,
        Answer::Say(b"HTTP/1.1 200 OK\r\nContent-".to_vec()),
        Answer::Say(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()),
    ] {
        let got = ask(vec![answer.clone(), answer.clone(), licenses()]).await;
        assert_delivered(&got, &[0.5, 1.0]);
        let got = ask(vec![answer]).await;
        let waits = [0.5, 1.0, 2.0, 4.0, 8.0];
        assert_failed(&got, ErrorKind::Unreachable, "tried 6 times: 127.0.0.1:", &waits);
    }
}

#[tokio::test]
async fn a_connection_that_is_refused_is_retried() {
    let nobody = Refusing::take();
    let got = run(client(&format!("http://127.0.0.1:{}", nobody.port()))).await;
    let waits = [0.5, 1.0, 2.0, 4.0, 8.0];
    assert_failed(&got, ErrorKind::Unreachable, "tried 6 times: 127.0.0.1:", &waits);
    assert_eq!(got.requests, Requests { made: 6, retried: 5 });
}

/// Finds nothing the first two times.
#[derive(Debug, Default)]
struct Resolver(AtomicUsize);

impl Resolve for Resolver {
    fn resolve(&self, _: Name) -> Resolving {
        let found = self.0.fetch_add(1, Ordering::SeqCst) >= 2;
        Box::pin(async move {
            let addresses = [SocketAddr::from(([127, 0, 0, 1], 0))];
            match found {
                true => Ok(Box::new(addresses.into_iter()) as Addrs),
                false => Err("no such name".into()),
            }
        })
    }
}

#[tokio::test]
async fn a_name_that_is_not_found_is_looked_for_again() {
    let api = Replies::of(vec![licenses()]);
    let http = reqwest::Client::builder().no_proxy().dns_resolver(Arc::new(Resolver::default()));
    let url = format!("http://localhost:{}", api.port());
    let token = Token::new(TOKEN).unwrap();
    let client = TrutoClient::new(http.build().unwrap(), &url, token).unwrap();
    assert_delivered(&run(client).await, &[0.5, 1.0]);
}

#[tokio::test]
async fn silence_is_retried() {
    let api = Replies::of(vec![Answer::Silence, licenses()]);
    let short = Timeouts { first_byte: Duration::from_millis(300), ..Timeouts::default() };
    assert_delivered(&run(client(&api.url()).with_timeouts(short)).await, &[0.5]);
    assert_eq!(api.requests().len(), 2);
}

#[tokio::test]
async fn an_error_says_no_more_of_attempts_than_there_were() {
    let got = ask(vec![say("500 Internal Server Error", "", ""), say("400 Bad", "", "")]).await;
    assert_failed(&got, ErrorKind::Refused, "tried 2 times: the API refused", &[0.5]);
    let api = Replies::of(vec![say("500 Internal Server Error", "", "")]);
    let once = RetryPolicy { attempts: 1, ..RetryPolicy::default() };
    let got = run(client(&api.url()).with_retry(once)).await;
    assert_failed(&got, ErrorKind::Upstream, "the API failed (status 500)", &[]);
}

#[tokio::test]
async fn clones_share_the_budget() {
    let api = Replies::of(vec![say("500 Internal Server Error", "", "")]);
    let policy = RetryPolicy { budget: 7, ..RetryPolicy::default() };
    let client = client(&api.url()).with_retry(policy).with_clock(Arc::new(Controlled::new()));
    let mut errors = Vec::new();
    for client in [client.clone(), client.clone(), client.clone()] {
        let error = client.licenses(&LicenseRequest::new(ACCOUNT)).await.unwrap_err();
        errors.push(error.message().to_owned());
    }
    assert_eq!(
        errors,
        [
            "tried 6 times: the API failed (status 500)",
            "tried 3 times, no retry is left to the whole run (--retry-budget 7): the API failed (status 500)",
            "no retry is left to the whole run (--retry-budget 7): the API failed (status 500)",
        ]
    );
    assert_eq!(client.requests(), Requests { made: 10, retried: 7 });
}

#[tokio::test]
async fn each_page_has_attempts_of_its_own() {
    let failure = say("500 Internal Server Error", "", "");
    let first = "{\"id\":\"1\"}\n{\"next_cursor\":\"c\"}\n";
    let mut answers = vec![failure.clone(); 5];
    answers.push(say("200 OK", "Content-Type: application/x-ndjson\r\n", first));
    answers.extend(vec![failure; 5]);
    answers.push(say("200 OK", "Content-Type: application/x-ndjson\r\n", "{\"id\":\"2\"}\n"));
    let api = Replies::of(answers);
    let got = run(client(&api.url())).await;
    assert_eq!((got.delivered.as_str(), got.error), ("{\"id\":\"1\"}\n{\"id\":\"2\"}\n", None));
    assert_eq!(got.requests, Requests { made: 12, retried: 10 });
    assert_eq!(got.waits, [[0.5, 1.0, 2.0, 4.0, 8.0]; 2].concat());
    let cursors: Vec<_> =
        api.requests().iter().map(|request| request.head.contains("next_cursor=c")).collect();
    assert_eq!(cursors, [[false; 6], [true; 6]].concat());
}
