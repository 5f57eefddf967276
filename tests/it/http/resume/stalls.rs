//! Bodies that fall silent. These wait, for a socket knows no other clock: as short as can be.
//!
//! With a thread for the connections: the server waits in the test's own until they are closed.

use std::time::Duration;

use futures_util::TryStreamExt;
use license_stream::truto::LicenseRequest;
use license_stream::{ErrorKind, License};

use super::{A, ACCOUNT, B, FORMS, PLAIN, RetryPolicy, Timeouts, Wire, ask_with, both, client};
use crate::support::answers::{Answer, Answers};

const SHORT: Duration = Duration::from_secs(1);

/// `answer`, with silence where its end would be.
fn stalling(answer: Answer) -> Answer {
    match answer {
        Answer::Say(bytes) => Answer::SayAndStay(bytes),
        other => other,
    }
}

fn timeouts() -> Timeouts {
    Timeouts { idle: SHORT, ..Timeouts::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_stalled_body_is_a_cut_body_and_what_comes_once_more_may_stall_too() {
    let answers = vec![
        // Behind the head, behind a part, and before that part has come once more.
        stalling(PLAIN.cut(both(), 0)),
        stalling(PLAIN.cut(both(), 60)),
        stalling(PLAIN.cut(both(), 30)),
        PLAIN.whole(both()),
    ];
    ask_with(answers, |client| client.with_timeouts(timeouts())).await.assert_done(&both(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_body_that_always_stalls_is_given_up() {
    let twice = RetryPolicy { attempts: 2, ..RetryPolicy::default() };
    let answers = vec![stalling(PLAIN.cut(both(), 60))];
    let got = ask_with(answers, |client| client.with_timeouts(timeouts()).with_retry(twice)).await;
    let what = "tried 2 times: body stalled for 1 s at byte 47, line 2, record 1";
    got.assert_failed(ErrorKind::Truncated, what, &format!("{A}\n"), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_a_compressed_body_has_flushed_is_there_though_it_stands_still() {
    for form in FORMS {
        let part = &form.0.compress_parts(&[format!("{A}\n").as_bytes(), b"{"])[..2].concat();
        let head = Wire { chunk: Some(1), ..Wire::compressed(form) }.head(0);
        let chunk = format!("{:x}\r\n", part.len());
        let answer = [&head, chunk.as_bytes(), part, b"\r\n"].concat();
        let api = Answers::of(vec![Answer::SayAndStay(answer)]);
        let body = client(&api.url()).licenses(&LicenseRequest::new(ACCOUNT)).await.unwrap();
        let mut licenses = body.frames().json::<License>();
        let waited = tokio::time::timeout(Duration::from_secs(30), licenses.try_next()).await;
        let record = waited.expect("nothing is held back").unwrap().unwrap();
        assert_eq!(record.raw, A, "{form:?}");
        assert_ne!(record.raw, B);
    }
}
