//! Time-outs, which are options of the library: real sockets, and servers that fall silent.

use std::time::Duration;

use futures_util::TryStreamExt;
use license_stream::simulate::{DEFAULT_TOKEN, Simulator};
use license_stream::truto::{
    LicenseRequest, RetryPolicy, Timeouts, Token, TrutoClient, http_client,
};
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
    let port = silent.port();
    let message = format!("no answer from 127.0.0.1:{port} in 1 s (--first-byte-timeout)");
    assert_eq!(error.to_string(), message);
    assert!(!format!("{error:?} {client:?}").contains(TOKEN));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_connection_that_is_silent_is_looked_after_by_the_system() {
    let simulator = Simulator::new().with_records(10).with_hold_after_records(2).start().unwrap();
    let url = simulator.base_url();
    let http = http_client(&url).build().unwrap();
    let client = TrutoClient::new(http, &url, Token::new(DEFAULT_TOKEN).unwrap()).unwrap();
    let body = client.licenses(&LicenseRequest::new(&simulator.accounts()[0])).await.unwrap();
    simulator.until_held(1).await;
    let port: u16 = url.rsplit_once(':').unwrap().1.parse().unwrap();
    // Number, local and remote address, state, queues, and which timer runs: see proc_net_tcp of Linux.
    let (remote, established) = (format!(":{port:04X}"), "01");
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let timers: Vec<_> = rows
        .filter(|row| row[2].ends_with(&remote) && row[3] == established)
        .map(|row| row[5].to_owned())
        .collect();
    let (timer, ticks) = timers[0].split_once(':').unwrap();
    // That of keep-alive, in hundredths of a second.
    assert_eq!((timers.len(), timer), (1, "02"), "{table}");
    assert!((1..=3_000).contains(&u32::from_str_radix(ticks, 16).unwrap()), "{timers:?}");
    drop(body);
}
