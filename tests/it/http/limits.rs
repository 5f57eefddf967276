//! The client's own rate limit, over a socket.

use std::sync::Arc;
use std::time::Duration;

use license_stream::truto::{
    LicenseRequest, RateLimit, RateLimits, RetryPolicy, Token, TrutoClient,
};

use crate::support::clock::Controlled;
use crate::support::command::license_stream;
use crate::support::process::{TOKEN, run};
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

/// The most of `times`, in seconds, in any span of ten.
fn most_in_ten(times: &[f64]) -> usize {
    let within = |start: f64| times.iter().filter(|at| (start..start + 10.0).contains(*at)).count();
    times.iter().map(|start| within(*start)).max().unwrap_or_default()
}

#[tokio::test]
async fn limits_that_are_set_are_lowered_by_the_api_and_never_lifted() {
    let limit = |requests| Some(RateLimit { requests, per: Duration::from_secs(10) });
    let (token, account) = ("500;w=10", "50;w=10");
    for (limits, said, most) in [
        (RateLimits { token: limit(30), account: None }, token, 30),
        (RateLimits { token: limit(600), account: limit(600) }, account, 50),
        (RateLimits { token: None, account: limit(30) }, account, 30),
        (RateLimits { token: None, account: limit(30) }, "100000;w=3600", 30),
    ] {
        let api = Replies::of(vec![licenses(&format!("RateLimit-Limit: {said}\r\n"))]);
        let clock = Arc::new(Controlled::new());
        let client = client(&api).with_rate_limits(limits).with_clock(Arc::clone(&clock) as _);
        let mut times = Vec::new();
        for _ in 0..80 {
            ask(&client, "a").await;
            times.push(clock.waits().iter().sum());
        }
        let got = most_in_ten(&times);
        assert!((most - 4..=most).contains(&got), "{limits:?} {said}: {got}");
    }
}

#[test]
fn the_flags_are_bounds_whatever_the_api_says() {
    const ACCOUNT: &str = "62f44730-dd91-461e-bd6a-aedd9e0ad79d";
    let page = |cursor: &str| {
        let body = format!("{{\"id\":\"1\"}}\n{{\"next_cursor\":{cursor}}}\n");
        let headers = "Content-Type: application/x-ndjson\r\nRateLimit-Limit: 500;w=1\r\n";
        say("200 OK", headers, &body)
    };
    let took = |api: &Replies, flags: &[&str]| {
        let mut command = license_stream();
        command.env("TRUTO_API_TOKEN", TOKEN).args(["ndjson", "--no-lookup"]).args(flags);
        let got = run(command.args(["--base-url", &api.url()]));
        assert_eq!((got.code, got.text().lines().count()), (Some(0), 20), "{}", got.stderr);
        let times: Vec<_> = api.requests().iter().map(|request| request.at).collect();
        (times.len(), *times.last().unwrap() - times[0])
    };
    // At 25 in a second 5 go at once, and then one in 50 ms; at 500 in a second 100 would.
    let pages = (0..19).map(|index| page(&format!("\"{index}\""))).chain([page("null")]);
    let api = Replies::of(pages.collect());
    let (requests, time) = took(&api, &["--account", ACCOUNT, "--account-rate-limit", "25/1"]);
    assert!(requests == 20 && time >= Duration::from_millis(700), "{requests}: {time:?}");

    // What is said with a list is about the token.
    let ids: Vec<_> = (0..20).map(|index| format!("{{\"id\":\"{index}\"}}")).collect();
    let list = format!("{{\"result\":[{}]}}", ids.join(","));
    let headers = "Content-Type: application/json\r\nRateLimit-Limit: 500;w=1\r\n";
    let api = Replies::of(vec![say("200 OK", headers, &list), licenses("")]);
    let (requests, time) = took(&api, &["--all-accounts", "--rate-limit", "25/1"]);
    assert!(requests == 41 && time >= Duration::from_millis(1_700), "{requests}: {time:?}");
}

#[tokio::test]
async fn a_wait_is_as_long_as_was_told_and_no_longer_than_it_may_be() {
    let limits = |limit: &str, more: &str| {
        format!(
            "RateLimit-Limit: {limit}\r\nRateLimit-Remaining: 0\r\nRateLimit-Reset: 1\r\n{more}"
        )
    };
    for (status, headers) in [
        ("429 Too Many Requests", limits("1;w=3600", "")),
        ("429 Too Many Requests", limits("100;w=3600", "Retry-After: 1\r\n")),
        ("502 Bad Gateway", limits("1;w=3600", "")),
    ] {
        let api = Replies::of(vec![say(status, &headers, ""), licenses("")]);
        let clock = Arc::new(Controlled::new());
        let policy = RetryPolicy { max_wait: Duration::from_secs(2), ..RetryPolicy::default() };
        let client = client(&api).with_retry(policy).with_clock(Arc::clone(&clock) as _);
        ask(&client, "a").await;
        let waited: f64 = clock.waits().iter().sum();
        assert!((waited - 1.0).abs() < 1e-3, "{status} {headers}: {:?}", clock.waits());
        // What is asked next waits for the slow limit, as long as it may.
        ask(&client, "a").await;
        assert!(clock.waits().iter().all(|wait| *wait <= 2.0), "{headers}: {:?}", clock.waits());
    }
}

#[tokio::test]
async fn an_account_s_own_429_holds_up_no_other() {
    let headers = "Retry-After: 5\r\nRateLimit-Limit: 60;w=10\r\nRateLimit-Remaining: 0\r\nRateLimit-Reset: 5\r\n";
    let limits = |token, account| RateLimits {
        token: Some(RateLimit { requests: token, per: Duration::from_secs(10) }),
        account: Some(RateLimit { requests: account, per: Duration::from_secs(10) }),
    };
    // With what is believed of the API, with other limits, and without any.
    for limits in [RateLimits::TRUTO, limits(100, 20), RateLimits::NONE] {
        let limit = say("429 Too Many Requests", headers, "");
        let api = Replies::of(vec![limit, licenses("")]);
        let clock = Arc::new(Controlled::new());
        let client = client(&api).with_rate_limits(limits).with_clock(Arc::clone(&clock) as _);
        let once = client.clone().with_retry(RetryPolicy { attempts: 1, ..RetryPolicy::default() });
        assert!(once.licenses(&LicenseRequest::new("a")).await.is_err());
        for other in ["b", "c"] {
            ask(&client, other).await;
        }
        assert_eq!(clock.waits(), [0.0; 0], "{limits:?}");
        ask(&client, "a").await;
        assert_eq!(clock.waits(), [5.0], "{limits:?}");
    }
    // The token's own holds up all of them.
    let headers = headers.replace("60;w=10", "500;w=10");
    let api = Replies::of(vec![say("429 Too Many Requests", &headers, ""), licenses("")]);
    let clock = Arc::new(Controlled::new());
    let client = client(&api).with_clock(Arc::clone(&clock) as _);
    let once = client.clone().with_retry(RetryPolicy { attempts: 1, ..RetryPolicy::default() });
    assert!(once.licenses(&LicenseRequest::new("a")).await.is_err());
    ask(&client, "b").await;
    assert_eq!(clock.waits(), [5.0]);
}
