//! Pages that are others when they are asked for again.

use license_stream::ErrorKind;

use super::{A, B, PLAIN, Wire, ask, both, client};
use crate::support::answers::{Answer, say};

/// How much of the body came before the cut: the first license, and all before the second one's id.
const PREFIX: usize = A.len() + 8;

/// A run whose page is cut behind `PREFIX`, and is `again` when it is asked for again.
async fn then(again: Answer) -> super::Got {
    ask(vec![PLAIN.cut(both(), PREFIX), again]).await
}

fn first() -> String {
    format!("{A}\n")
}

/// The body with another byte at `at`.
fn with_other(at: usize) -> String {
    let mut bytes = both().into_bytes();
    bytes[at] = b'x';
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn a_page_that_differs_in_what_came_before_has_changed() {
    // The first id, within the name, the last byte.
    for at in [7, 18, PREFIX - 1] {
        let got = then(PLAIN.whole(with_other(at))).await;
        let what = format!(
            "its first {PREFIX} bytes are not those that came before at byte 47, line 2, record 1"
        );
        got.assert_failed(ErrorKind::Changed, &what, &first(), 2);
    }
}

#[tokio::test]
async fn a_page_that_differs_behind_it_is_delivered_as_it_is_now() {
    let now = with_other(PREFIX);
    assert_ne!(now, both());
    then(PLAIN.whole(&now)).await.assert_done(&now, 2);
    let longer = format!("{}{{\"id\":\"c\"}}\n", both());
    then(PLAIN.whole(&longer)).await.assert_done(&longer, 2);
    let shorter = format!("{A}\n{{\"id\":\"b\"}}\n");
    then(PLAIN.whole(&shorter)).await.assert_done(&shorter, 2);
}

#[tokio::test]
async fn a_page_that_ends_before_it_has_changed() {
    for now in [&both()[..PREFIX - 1], &first(), ""] {
        let got = then(PLAIN.whole(now)).await;
        let what = format!("it is {} bytes long, and {PREFIX} had come before", now.len());
        got.assert_failed(ErrorKind::Changed, &what, &first(), 2);
    }
}

#[tokio::test]
async fn a_cut_that_comes_earlier_than_the_one_before_proves_nothing() {
    let answers = vec![
        PLAIN.cut(both(), PREFIX),
        // The same so far, and then cut: what came behind it must still be proven.
        PLAIN.cut(both(), 5),
        PLAIN.whole(with_other(PREFIX - 1)),
    ];
    let got = ask(answers).await;
    got.assert_failed(ErrorKind::Changed, "are not those that came before", &first(), 3);
}

#[tokio::test]
async fn another_content_type_is_another_page() {
    let sequence = Wire { content_type: "application/json-seq", ..PLAIN };
    let got = then(sequence.whole(both())).await;
    got.assert_failed(
        ErrorKind::Changed,
        "its content type says that its records stand otherwise",
        &first(),
        2,
    );
    // Of the same shape, it is the same.
    let charset = Wire { content_type: "application/x-ndjson; charset=utf-8", ..PLAIN };
    then(charset.whole(both())).await.assert_done(&both(), 2);
}

#[tokio::test]
async fn a_cursor_that_is_refused_now_has_changed() {
    for status in ["400 Bad Request", "404 Not Found", "410 Gone", "422 Unprocessable Entity"] {
        let got = then(say(status, "", "{\"message\":\"cursor has expired\"}")).await;
        let what = "the page was cut, and asking for the rest of it failed at byte 47, line 2";
        got.assert_failed(ErrorKind::Changed, what, &first(), 2);
    }
}

#[tokio::test]
async fn what_is_refused_before_anything_came_of_it_is_refused() {
    let got = ask(vec![PLAIN.cut(both(), 0), say("404 Not Found", "", "")]).await;
    got.assert_failed(ErrorKind::Refused, "asking for the rest of it failed", "", 2);
}

#[tokio::test]
async fn a_token_that_is_refused_now_is_no_change_of_the_data() {
    for (status, body, kind) in [
        ("401 Unauthorized", "", ErrorKind::Unauthorized),
        ("401 Unauthorized", "{\"truto_is_remote_error\":true}", ErrorKind::AccountUnauthorized),
        ("403 Forbidden", "", ErrorKind::Forbidden),
    ] {
        let got = then(say(status, "", body)).await;
        got.assert_failed(kind, "asking for the rest of it failed", &first(), 2);
    }
}

#[tokio::test]
async fn a_snapshot_can_be_begun_anew() {
    use license_stream::decode::Limits;
    use license_stream::pipeline::{self, Options};
    use license_stream::sink::ndjson::NdjsonSink;
    use license_stream::truto::LicenseRequest;

    let now = format!("{B}\n");
    let answers =
        vec![PLAIN.cut(both(), PREFIX), PLAIN.cut(both(), 0), PLAIN.whole(&now), PLAIN.whole(&now)];
    let api = crate::support::answers::Answers::of(answers);
    let clock = std::sync::Arc::new(crate::support::clock::Controlled::new());
    let client = client(&api.url()).with_clock(clock);
    let request = LicenseRequest::new(super::ACCOUNT);
    let mut outcomes = Vec::new();
    for _ in 0..2 {
        let mut delivered = Vec::new();
        let sink = NdjsonSink::new(&mut delivered, Limits::default());
        let pages = client.pages(request.clone());
        let summary = pipeline::run_source(pages, sink, Options::default()).await;
        let kind = summary.error.map(|error| error.kind());
        outcomes.push((kind, String::from_utf8(delivered).unwrap()));
    }
    assert_eq!(outcomes, [(Some(ErrorKind::Changed), first()), (None, now)]);
    assert_eq!(api.requests().len(), 4);
}
