//! The client's own rate limit, over a socket.

use std::sync::Arc;
use std::time::Duration;

use license_stream::truto::{
    LicenseRequest, RateLimit, RateLimits, RetryPolicy, Token, TrutoClient,
};

use crate::support::clock::Controlled;
use crate::support::process::TOKEN;
use crate::support::replies::{Answer, Replies, say};

fn licenses(headers: &str) -> Answer {
    say("200 OK", &format!("Content-Type: application/x-ndjson\r\n{headers}"), "{\"id\":\"1\"}\n")
}

fn client(api: &Replies) -> TrutoClient {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    TrutoClient::new(http, &api.url(), Token::new(TOKEN).unwrap()).unwrap()
}

async fn ask(client: &TrutoClient, account: &str) {
    drop(client.licenses(&LicenseRequest::new(account)).await.unwrap());
}

#[tokio::test]
async fn requests_of_all_clones_come_no_faster_than_the_limit() {
    let api = Replies::of(vec![licenses("")]);
    let limit = RateLimit { requests: 20, per: Duration::from_secs(1) };
    let client = client(&api).with_rate_limits(RateLimits { token: Some(limit), account: None });
    let asked = (0..30).map(|index| {
        let client = client.clone();
        tokio::spawn(async move {
            client.licenses(&LicenseRequest::new(index.to_string())).await.map(drop)
        })
    });
    for asked in asked.collect::<Vec<_>>() {
        asked.await.unwrap().unwrap();
    }
    let requests = api.requests();
    assert_eq!(requests.len(), 30);
    let times: Vec<_> = requests.iter().map(|request| request.at).collect();
    for start in &times {
        let within = times.iter().filter(|at| **at >= *start && **at < *start + limit.per).count();
        assert!(within <= 20, "{within} requests in a second");
    }
    // 4 at once, the others at 16 a second.
    let took = times[29] - times[0];
    assert!(took >= Duration::from_secs(1), "{took:?}");
}

#[tokio::test]
async fn what_an_answer_says_of_limits_is_kept_to_before_a_429_comes() {
    let spent =
        licenses("RateLimit-Limit: 50;w=10\r\nRateLimit-Remaining: 0\r\nRateLimit-Reset: 6\r\n");
    for limits in [RateLimits::NONE, RateLimits::TRUTO] {
        let api = Replies::of(vec![spent.clone(), licenses("")]);
        let clock = Arc::new(Controlled::new());
        let client = client(&api).with_rate_limits(limits).with_clock(Arc::clone(&clock) as _);
        ask(&client, "a").await;
        ask(&client, "b").await;
        assert_eq!(clock.waits(), [0.0; 0], "it is about the account");
        ask(&client, "a").await;
        assert_eq!(clock.waits(), [6.0]);
    }
}

#[tokio::test]
async fn a_simulator_on_this_machine_is_not_waited_for() {
    let api = Replies::of(vec![licenses("")]);
    let clock = Arc::new(Controlled::new());
    let client = client(&api).with_clock(Arc::clone(&clock) as _);
    for _ in 0..100 {
        ask(&client, "a").await;
    }
    assert_eq!(clock.waits(), [0.0; 0]);
}

#[tokio::test]
async fn one_429_holds_up_everyone_whom_it_concerns() {
    let remote = r#"{"message":"m","truto_is_remote_error":true}"#;
    // The provider's limit is the account's own; another may be anyone's.
    for (body, waits_of_another) in [(remote, vec![]), ("", vec![9.0])] {
        let limit = say("429 Too Many Requests", "Retry-After: 9\r\n", body);
        let api = Replies::of(vec![limit, licenses("")]);
        let clock = Arc::new(Controlled::new());
        let client = client(&api).with_clock(Arc::clone(&clock) as _);
        let once = client.clone().with_retry(RetryPolicy { attempts: 1, ..RetryPolicy::default() });
        assert!(once.licenses(&LicenseRequest::new("a")).await.is_err());
        ask(&client, "b").await;
        assert_eq!(clock.waits(), waits_of_another);
        ask(&client, "a").await;
        assert_eq!(clock.waits(), [9.0]);
    }
}
