//! Pages that are cut, and go on where they were: over a socket, with a clock that does not wait.

mod changed;
mod random;
mod stalls;

use std::sync::{Arc, OnceLock};

use license_stream::ErrorKind;
use license_stream::decode::Limits;
use license_stream::pipeline::{self, Options, Outcome};
use license_stream::sink::ndjson::NdjsonSink;
use license_stream::truto::{LicenseRequest, RetryPolicy, Timeouts, Token, TrutoClient};

use super::ACCOUNT;
use crate::support::answers::{Answer, Answers, say};
use crate::support::clock::Controlled;
use crate::support::compress::{FORMS, Form};
use crate::support::process::TOKEN;

/// What became of a run.
#[derive(Debug)]
struct Got {
    delivered: String,
    outcome: Outcome,
    /// The kind of the error, and what it said.
    error: Option<(ErrorKind, String)>,
    waits: Vec<f64>,
    /// The first line of each request.
    requests: Vec<String>,
    retries: u64,
}

impl Got {
    /// A run that was done in so many requests, one more than cuts.
    #[track_caller]
    fn assert_done(&self, delivered: &str, requests: usize) {
        assert_eq!((self.outcome, &self.error), (Outcome::Done, &None), "{self:#?}");
        assert!(self.delivered == delivered, "{self:#?}");
        assert_eq!((self.requests.len(), self.retries), (requests, requests as u64 - 1));
    }

    /// A run that failed.
    #[track_caller]
    fn assert_failed(&self, kind: ErrorKind, what: &str, delivered: &str, requests: usize) {
        let (found, message) = self.error.as_ref().expect("it failed");
        assert_eq!(*found, kind, "{self:#?}");
        assert!(message.contains(what), "{self:#?}");
        assert_eq!(self.delivered, delivered, "{self:#?}");
        assert_eq!(self.requests.len(), requests, "{self:#?}");
    }
}

fn client(url: &str) -> TrutoClient {
    // Making one reads the system's certificates, which takes longer than a run.
    static HTTP: OnceLock<reqwest::Client> = OnceLock::new();
    let http = HTTP.get_or_init(|| reqwest::Client::builder().no_proxy().build().unwrap());
    TrutoClient::new(http.clone(), url, Token::new(TOKEN).unwrap()).unwrap()
}

async fn ask(answers: Vec<Answer>) -> Got {
    ask_with(answers, |client| client).await
}

/// A run against a server that says `answers`, by a client that is set `with`.
async fn ask_with(answers: Vec<Answer>, with: impl FnOnce(TrutoClient) -> TrutoClient) -> Got {
    let api = Answers::of(answers);
    let clock = Arc::new(Controlled::new());
    let client = with(client(&api.url())).with_clock(Arc::clone(&clock) as _);
    let mut delivered = Vec::new();
    let sink = NdjsonSink::new(&mut delivered, Limits::default());
    let pages = client.pages(LicenseRequest::new(ACCOUNT));
    let summary = pipeline::run_source(pages, sink, Options::default()).await;
    let requests = api.requests();
    assert_eq!(summary.requests.made, requests.len() as u64);
    Got {
        delivered: String::from_utf8(delivered).unwrap(),
        outcome: summary.outcome,
        error: summary.error.map(|error| (error.kind(), error.to_string())),
        waits: clock.waits(),
        requests: requests
            .iter()
            .map(|request| request.lines().next().unwrap().to_owned())
            .collect(),
        retries: summary.requests.retried,
    }
}

/// A body as it goes over the wire.
#[derive(Clone, Copy, Debug)]
struct Wire {
    /// How it is compressed.
    form: Option<(Form, &'static str)>,
    /// The size of its chunks, or an announced length.
    chunk: Option<usize>,
    content_type: &'static str,
}

/// As it is, with its length announced.
const PLAIN: Wire = Wire { form: None, chunk: None, content_type: "application/json" };

impl Wire {
    fn compressed(form: (Form, &'static str)) -> Self {
        Self { form: Some(form), ..PLAIN }
    }

    /// What is sent behind the head: `body` compressed and cut into chunks.
    fn bytes(self, body: &[u8]) -> Vec<u8> {
        let bytes = self.form.map_or(body.to_vec(), |(form, _)| form.compress(body));
        let Some(size) = self.chunk else { return bytes };
        let mut chunked = Vec::new();
        for chunk in bytes.chunks(size) {
            chunked.extend(format!("{:x}\r\n", chunk.len()).bytes());
            chunked.extend(chunk);
            chunked.extend(b"\r\n");
        }
        chunked.extend(b"0\r\n\r\n");
        chunked
    }

    /// The head of a response with `length` bytes behind it.
    fn head(self, length: usize) -> Vec<u8> {
        let mut head = format!(
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: {}\r\n",
            self.content_type
        );
        if let Some((_, encoding)) = self.form {
            head += &format!("Content-Encoding: {encoding}\r\n");
        }
        head += &match self.chunk {
            Some(_) => "Transfer-Encoding: chunked\r\n\r\n".to_owned(),
            None => format!("Content-Length: {length}\r\n\r\n"),
        };
        head.into_bytes()
    }

    fn whole(self, body: impl AsRef<[u8]>) -> Answer {
        self.cut(body, usize::MAX)
    }

    /// A response of which only the first `at` bytes behind the head come.
    fn cut(self, body: impl AsRef<[u8]>, at: usize) -> Answer {
        let bytes = self.bytes(body.as_ref());
        let mut all = self.head(bytes.len());
        all.extend(&bytes[..at.min(bytes.len())]);
        Answer::Say(all)
    }
}

const A: &str = "{\"id\":\"a\",\"name\":\"Größe \\u00e9\\\\\\\" 😀 ]}\"}";
const B: &str = "{\"id\":\"b\",\"name\":null}";

/// The two licenses as they are delivered.
fn both() -> String {
    format!("{A}\n{B}\n")
}

/// Bodies that hold both.
fn bodies() -> [String; 4] {
    [
        both(),
        format!("{{\"next_cursor\":null,\"result\":[{A},{B}],\"result_count\":2}}\n"),
        format!("{{\"result\":{{\"a\":{A},\"b\":{B}}},\"next_cursor\":\"\"}}"),
        format!("\u{1e}{A}\n\u{1e}{B}\n"),
    ]
}

#[tokio::test]
async fn a_cut_at_any_byte_is_not_seen_in_what_is_delivered() {
    for (body, step) in bodies().iter().zip([1, 1, 7, 7]) {
        // At the end of a record, within a character or an escape, behind the last record.
        for at in (0..body.len()).step_by(step) {
            let got = ask(vec![PLAIN.cut(body, at), PLAIN.whole(body)]).await;
            got.assert_done(&both(), 2);
            assert_eq!(got.requests[0], got.requests[1]);
            assert_eq!(got.waits, [0.5]);
        }
    }
}

#[tokio::test]
async fn a_missing_terminator_is_a_cut_too() {
    let chunked = Wire { chunk: Some(10), ..PLAIN };
    let length = chunked.bytes(both().as_bytes()).len();
    for missing in 1..=5 {
        let answers = vec![chunked.cut(both(), length - missing), chunked.whole(both())];
        ask(answers).await.assert_done(&both(), 2);
    }
}

#[tokio::test]
async fn each_answer_may_be_compressed_in_its_own_way() {
    let wires = || FORMS.into_iter().map(Wire::compressed).chain([PLAIN]);
    for first in wires() {
        let length = first.bytes(both().as_bytes()).len();
        for second in wires() {
            for at in [0, 1, length / 2, length - 1] {
                let answers = vec![first.cut(both(), at), second.whole(both())];
                ask(answers).await.assert_done(&both(), 2);
            }
        }
    }
}

#[tokio::test]
async fn a_compressed_stream_that_ends_too_early_is_a_cut_though_its_length_is_right() {
    for form in FORMS {
        let wire = Wire::compressed(form);
        let bytes = wire.bytes(both().as_bytes());
        // Behind it comes what is rubbish to a stream that has ended.
        let trailed = [&bytes[..], b"\n"].concat();
        let lengths = (0..bytes.len()).step_by(5).chain(bytes.len() - 9..bytes.len());
        for sent in lengths.map(|length| &bytes[..length]).chain([&trailed[..]]) {
            let answer = Answer::Say([&wire.head(sent.len()), sent].concat());
            ask(vec![answer, wire.whole(both())]).await.assert_done(&both(), 2);
        }
    }
}

#[tokio::test]
async fn damage_is_a_cut_if_it_is_noticed_before_it_is_given_out() {
    let wire = Wire::compressed((Form::Gzip, "gzip"));
    // So much that most of it has been given out before its check sum comes, and is proven later.
    for copies in [1, 10_000] {
        let body = both().repeat(copies);
        let mut bytes = wire.bytes(body.as_bytes());
        let sum = bytes.len() - 8;
        bytes[sum] ^= 1;
        let damaged = Answer::Say([wire.head(bytes.len()), bytes].concat());
        ask(vec![damaged.clone(), wire.whole(&body)]).await.assert_done(&body, 2);
        let got = ask(vec![damaged]).await;
        let (kind, message) = got.error.unwrap();
        assert_eq!((kind, got.requests.len()), (ErrorKind::Truncated, 6));
        assert!(message.contains("cannot be unpacked as gzip"), "{message}");
        assert!(body.starts_with(&got.delivered));
    }
}

#[tokio::test]
async fn a_later_page_goes_on_from_its_own_cursor() {
    let first = format!("{{\"result\":[{A}],\"next_cursor\":\"to b\"}}");
    let empty = "{\"result\":[],\"next_cursor\":\"behind it\"}";
    let last = format!("{{\"result\":[{B}],\"next_cursor\":null}}");
    // Within the first cursor, at the end of the empty page, within the last record.
    let answers = vec![
        PLAIN.cut(&first, first.len() - 5),
        PLAIN.whole(&first),
        PLAIN.cut(empty, empty.len() - 1),
        PLAIN.whole(empty),
        PLAIN.cut(&last, 20),
        PLAIN.whole(&last),
    ];
    let got = ask(answers).await;
    assert_eq!((got.outcome, got.delivered.as_str()), (Outcome::Done, both().as_str()), "{got:#?}");
    assert_eq!((got.requests.len(), got.retries), (6, 3));
    for (request, cursor) in
        got.requests.iter().zip(["", "", "to%20b", "to%20b", "behind%20it", "behind%20it"])
    {
        let parameter = format!("&next_cursor={cursor} HTTP/1.1");
        let is_first = cursor.is_empty() && !request.contains("next_cursor");
        assert!(is_first || request.ends_with(&parameter), "{request}");
    }
}

#[tokio::test]
async fn a_page_that_is_always_cut_at_the_same_byte_is_given_up() {
    let got = ask(vec![PLAIN.cut(both(), A.len() + 1)]).await;
    let what = "tried 6 times: body was cut before its end at byte 47, line 2, record 1";
    got.assert_failed(ErrorKind::Truncated, what, &format!("{A}\n"), 6);
    assert_eq!(got.waits, [0.5, 1.0, 2.0, 4.0, 8.0]);
    assert_eq!(got.retries, 5);
}

#[tokio::test]
async fn attempts_count_anew_once_more_has_come_than_ever_before() {
    // Some more each time, after one attempt that came less far.
    let mut answers = Vec::new();
    for at in (0..both().len()).step_by(5) {
        answers.extend([PLAIN.cut(both(), at), PLAIN.cut(both(), at / 2)]);
    }
    answers.push(PLAIN.whole(both()));
    let requests = answers.len();
    let got = ask(answers).await;
    got.assert_done(&both(), requests);
    assert!(requests > 20 && got.waits.iter().all(|wait| *wait <= 2.0), "{:?}", got.waits);
}

#[tokio::test]
async fn the_budget_of_the_run_ends_even_a_page_that_always_gets_further() {
    let answers = (40..both().len()).map(|at| PLAIN.cut(both(), at)).collect();
    let budget = RetryPolicy { budget: 20, ..RetryPolicy::default() };
    let got = ask_with(answers, |client| client.with_retry(budget)).await;
    let what = "no retry is left to the whole run (--retry-budget 20): body was cut";
    got.assert_failed(ErrorKind::Truncated, what, &format!("{A}\n"), 21);
}

#[tokio::test]
async fn failures_between_two_answers_are_retried_as_ever() {
    let unavailable = say("502 Bad Gateway", "", "");
    let page = say("200 OK", "Content-Type: text/html\r\n", "<html>Please wait</html>");
    let answers =
        vec![PLAIN.cut(both(), 60), unavailable, Answer::HangUp, page, PLAIN.whole(both())];
    let got = ask(answers).await;
    got.assert_done(&both(), 5);
    assert_eq!(got.waits, [0.5, 1.0, 2.0, 4.0]);
}

#[tokio::test]
async fn what_the_body_itself_says_is_no_cut() {
    let failed = format!("{A}\n{{\"statusCode\":502,\"error\":\"x\",\"message\":\"y\"}}\n");
    let got = ask(vec![PLAIN.whole(&failed)]).await;
    got.assert_failed(ErrorKind::Upstream, "(status 502: y)", &format!("{A}\n"), 1);

    let partial = format!("{{\"result\":[{A},{B}],\"is_partial_response\":true}}");
    let got = ask(vec![PLAIN.whole(&partial)]).await;
    got.assert_failed(ErrorKind::Upstream, "", &both(), 1);

    // The server says that this is all.
    let unclosed = format!("{{\"result\":[{A}");
    let got = ask(vec![PLAIN.whole(&unclosed)]).await;
    assert_eq!((got.outcome, got.requests.len()), (Outcome::Failed, 1), "{got:#?}");

    let circle = format!("{{\"result\":[{A}],\"next_cursor\":\"c\"}}");
    let got = ask(vec![PLAIN.whole(&circle)]).await;
    let twice = format!("{A}\n{A}\n");
    got.assert_failed(ErrorKind::Upstream, "a cursor came a second time", &twice, 2);
}

#[tokio::test]
async fn a_length_that_is_wrong_is_never_a_whole_body() {
    // Too long: the connection ends before it is reached.
    let long = Answer::Say([PLAIN.head(both().len() + 1), both().into_bytes()].concat());
    ask(vec![long, PLAIN.whole(both())]).await.assert_done(&both(), 2);
    // Too short: what comes behind it is not read. The record that it cuts is broken, and compressed
    // the stream has no end.
    let short = Answer::Say([PLAIN.head(both().len() - 5), both().into_bytes()].concat());
    let got = ask(vec![short]).await;
    assert_eq!((got.outcome, got.delivered), (Outcome::Failed, format!("{A}\n")));
    let wire = Wire::compressed((Form::Gzip, "gzip"));
    let bytes = wire.bytes(both().as_bytes());
    let short = Answer::Say([wire.head(bytes.len() - 5), bytes].concat());
    ask(vec![short, wire.whole(both())]).await.assert_done(&both(), 2);
}

#[tokio::test]
async fn a_body_that_only_the_connection_ends_is_not_asked_for_again() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n";
    let got = ask(vec![Answer::Say([head.as_bytes(), both().as_bytes()].concat())]).await;
    got.assert_failed(ErrorKind::Truncated, "nothing in the response tells", &both(), 1);
}

#[tokio::test]
async fn a_bomb_is_neither_unpacked_nor_asked_for_again() {
    let mut body = both().into_bytes();
    body.resize(12 << 20, b'\n');
    let wire = Wire::compressed((Form::Zstd, "zstd"));
    let got = ask(vec![wire.whole(&body)]).await;
    got.assert_failed(ErrorKind::Malformed, "--max-compression-ratio", &both(), 1);
}
