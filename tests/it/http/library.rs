//! Time-outs, which are options of the library: real sockets, and servers that fall silent.

use std::time::Duration;

use futures_util::TryStreamExt;
use license_stream::simulate::{DEFAULT_TOKEN, Simulator};
use license_stream::truto::{LicenseRequest, RetryPolicy, Timeouts, Token, TrutoClient};
use license_stream::{ErrorKind, License, Position};

use super::ACCOUNT;
use crate::support::process::TOKEN;
use crate::support::scripted::Untouched;

/// Long enough for all that is not meant to run into it.
const LONG: Duration = Duration::from_secs(60);
/// Short enough to be waited for.
const SHORT: Duration = Duration::from_secs(1);

fn client(url: &str, token: &str, timeouts: Timeouts) -> TrutoClient {
    let token = Token::new(token).unwrap();
    let once = RetryPolicy { attempts: 1, ..RetryPolicy::default() };
    let client = TrutoClient::new(reqwest::Client::new(), url, token).unwrap();
    client.with_timeouts(timeouts).with_retry(once)
}

#[tokio::test]
async fn a_body_that_stalls_is_truncated_behind_what_came() {
    let simulator = Simulator::new().with_records(10).with_hold_after_records(2).start().unwrap();
    let timeouts = Timeouts { first_byte: LONG, idle: SHORT };
    let client = client(&simulator.base_url(), DEFAULT_TOKEN, timeouts);
    let request = LicenseRequest::new(&simulator.accounts()[0]);
    let body = client.licenses(&request).await.unwrap();
    let mut licenses = body.frames().json::<License>();
    let mut end = Position::START;
    for _ in 0..2 {
        end = licenses.try_next().await.unwrap().unwrap().span.end;
    }
    let error = licenses.try_next().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Truncated);
    // Behind the line feed, which does not belong to the record.
    let position = Position { byte: end.byte + 1, line: end.line + 1, record: end.record };
    assert_eq!(error.position(), Some(position));
    assert_eq!(error.message(), "body stalled for 1 s");
    assert!(licenses.try_next().await.unwrap().is_none());
}

#[tokio::test]
async fn a_server_that_says_nothing_is_unreachable() {
    // The system takes the connection, and nobody answers.
    let silent = Untouched::listen();
    let url = format!("http://127.0.0.1:{}", silent.port());
    let client = client(&url, TOKEN, Timeouts { first_byte: SHORT, idle: LONG });
    let error = client.licenses(&LicenseRequest::new(ACCOUNT)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert!(error.is_retryable());
    let message = format!("no answer from 127.0.0.1:{} in 1 s", silent.port());
    assert_eq!(error.to_string(), message);
    assert!(!format!("{error:?} {client:?}").contains(TOKEN));
}
