//! When requests may be sent, by what was set, believed and said.

use super::super::clock::testing::Controlled;
use super::*;

const LONGEST: Duration = Duration::from_secs(300);

/// When each of `accounts`' requests could be sent, in seconds since the first.
async fn times<'a>(
    limiter: &Limiter,
    clock: &Controlled,
    accounts: impl Iterator<Item = &'a str>,
) -> Vec<f64> {
    let begun = clock.now();
    let mut times = Vec::new();
    for account in accounts {
        limiter.admit(Some(account), clock, &Watch::default()).await;
        times.push((clock.now() - begun).as_secs_f64());
    }
    times
}

/// The most of `times` in any span of `per` seconds.
fn most(times: &[f64], per: f64) -> usize {
    let within = |start: f64| times.iter().filter(|at| (start..start + per).contains(*at)).count();
    times.iter().map(|start| within(*start)).max().unwrap_or_default()
}

fn said(limit: u32, per: Option<u64>, remaining: u32, reset: u64) -> Said {
    Said {
        limit: Some(limit),
        per: per.map(Duration::from_secs),
        remaining: Some(remaining),
        reset: Some(Duration::from_secs(reset)),
    }
}

#[tokio::test]
async fn no_span_has_more_requests_than_the_limit() {
    for limit in ["500/10", "50/10", "7/3", "2/1", "1/1"] {
        let limit: RateLimit = limit.parse().unwrap();
        let limiter = Limiter::believing(RateLimits { token: Some(limit), account: None });
        let clock = Controlled::new();
        let count = limit.requests as usize * 4;
        let names: Vec<_> = (0..count).map(|index| index.to_string()).collect();
        let times = times(&limiter, &clock, names.iter().map(String::as_str)).await;
        let per = limit.per.as_secs_f64();
        assert!(most(&times, per) <= limit.requests as usize, "{limit:?}");
        // Nearly as many as it may be. Where it is few, even spacing costs more.
        let longest = if limit.requests < 10 { per * 7.0 } else { per * 4.8 };
        assert!(times[count - 1] <= longest, "{limit:?}: {}", times[count - 1]);
    }
}

#[tokio::test]
async fn an_account_has_a_limit_of_its_own() {
    let limiter = Limiter::believing(RateLimits::TRUTO);
    let clock = Controlled::new();
    let one = times(&limiter, &clock, std::iter::repeat_n("a", 200)).await;
    assert!((49..=50).contains(&most(&one, 10.0)), "{}", most(&one, 10.0));
    // Another one is not held up by it.
    assert_eq!(times(&limiter, &clock, std::iter::repeat_n("b", 10)).await, [0.0; 10]);
}

#[tokio::test]
async fn without_limits_nothing_waits_and_nothing_is_kept() {
    let limiter = Limiter::believing(RateLimits::NONE);
    let clock = Controlled::new();
    for index in 0..10_000 {
        limiter.admit(Some(&index.to_string()), &clock, &Watch::default()).await;
    }
    limiter.learn(Some("a"), &Said::default(), LONGEST, clock.now());
    assert!(clock.waits().is_empty() && limiter.buckets().accounts.is_empty());
}

#[tokio::test]
async fn what_the_api_says_corrects_a_bucket() {
    for limits in [RateLimits::NONE, RateLimits::TRUTO] {
        let limiter = Limiter::believing(limits);
        let clock = Controlled::new();
        limiter.admit(Some("a"), &clock, &Watch::default()).await;
        // A provider's limit of 110 requests in 10 s, of which none remain for 7 s.
        limiter.learn(Some("a"), &said(110, Some(10), 0, 7), LONGEST, clock.now());
        assert_eq!(times(&limiter, &clock, ["b"].into_iter()).await, [0.0], "others go on");
        let times = times(&limiter, &clock, std::iter::repeat_n("a", 400)).await;
        assert_eq!(times[0], 7.0);
        assert!((100..=110).contains(&most(&times, 10.0)), "{}", most(&times, 10.0));
    }
}

#[tokio::test]
async fn a_provider_s_limit_does_not_lift_the_account_s() {
    for (requests, per, most_in_ten) in [
        // Faster than 50 in 10 s: not believed.
        (100_000, Some(3600), 48..=50),
        (100, None, 48..=50),
        // Slower, though it would allow 2,000 at once.
        (10_000, Some(3600), 30..=33),
        (20, None, 18..=20),
    ] {
        let limiter = Limiter::believing(RateLimits::TRUTO);
        let clock = Controlled::new();
        limiter.admit(Some("a"), &clock, &Watch::default()).await;
        let all_remain = Said { remaining: None, ..said(requests, per, 0, 0) };
        limiter.learn(Some("a"), &all_remain, LONGEST, clock.now());
        let times = times(&limiter, &clock, std::iter::repeat_n("a", 300)).await;
        let most = most(&times, 10.0);
        assert!(most_in_ten.contains(&most), "{most}");
    }
}

#[tokio::test]
async fn what_is_said_of_the_token_holds_up_all() {
    let limiter = Limiter::believing(RateLimits::TRUTO);
    let clock = Controlled::new();
    limiter.admit(Some("a"), &clock, &Watch::default()).await;
    limiter.learn(Some("a"), &said(500, None, 0, 4), LONGEST, clock.now());
    assert_eq!(times(&limiter, &clock, ["b"].into_iter()).await, [4.0]);
    limiter.learn(None, &said(7, None, 0, 3), LONGEST, clock.now());
    assert_eq!(times(&limiter, &clock, ["c"].into_iter()).await, [3.0]);
}

#[tokio::test]
async fn a_limit_that_is_reached_holds_up_whom_it_concerns() {
    let limiter = Limiter::believing(RateLimits::TRUTO);
    let clock = Controlled::new();
    let reached = |limited, said: &Said, wait| {
        let until = clock.now() + Duration::from_secs(wait);
        limiter.reached(Some("a"), limited, said, until, clock.now());
    };
    reached(Limited::ByProvider, &Said::default(), 2);
    assert_eq!(times(&limiter, &clock, ["b", "a"].into_iter()).await, [0.0, 2.0]);
    reached(Limited::ByApi, &said(50, None, 0, 2), 2);
    assert_eq!(times(&limiter, &clock, ["b", "a"].into_iter()).await, [0.0, 2.0]);
    reached(Limited::ByApi, &Said::default(), 2);
    assert_eq!(times(&limiter, &clock, ["b", "a"].into_iter()).await, [2.0, 2.0]);
}

fn set(token: Option<&str>, account: Option<&str>) -> Limiter {
    let start = |text: Option<&str>| Start::Set(text.map(|text| text.parse().unwrap()));
    Limiter::new(Starts { token: start(token), account: start(account) })
}

#[tokio::test]
async fn what_was_set_is_lowered_and_not_lifted() {
    for (requests, per, most_in_ten) in [
        (500, Some(10), 95..=100),
        (500, None, 95..=100),
        (100_000, Some(60), 95..=100),
        (40, Some(10), 38..=40),
    ] {
        let all_remain = Said { remaining: None, ..said(requests, per, 0, 0) };
        for of_account in [false, true] {
            let clock = Controlled::new();
            let limiter = match of_account {
                true => set(None, Some("100/10")),
                false => set(Some("100/10"), None),
            };
            // Of the token it is what comes for no account.
            let account = of_account.then_some("a");
            limiter.learn(account, &all_remain, LONGEST, clock.now());
            let sent = times(&limiter, &clock, std::iter::repeat_n("a", 500)).await;
            let most = most(&sent, 10.0);
            assert!(most_in_ten.contains(&most), "{requests} {per:?} {of_account}: {most}");
        }
    }
}

#[tokio::test]
async fn a_window_that_begins_anew_does_not_lift_what_was_set() {
    let limiter = set(Some("100/10"), None);
    let clock = Controlled::new();
    let mut times = Vec::new();
    for _ in 0..300 {
        limiter.admit(Some("a"), &clock, &Watch::default()).await;
        times.push(clock.now().duration_since(clock.begun()).as_secs_f64());
        // Somebody else sends with the token too.
        limiter.learn(Some("a"), &said(500, Some(10), 0, 1), LONGEST, clock.now());
    }
    assert!(most(&times, 10.0) <= 100, "{}", most(&times, 10.0));
}

#[tokio::test]
async fn a_limit_that_was_believed_is_lifted_and_lowered() {
    let limiter = Limiter::believing(RateLimits::TRUTO);
    let clock = Controlled::new();
    let all_remain = |requests| Said { remaining: None, ..said(requests, Some(10), 0, 0) };
    for (requests, most_in_ten) in [(200, 190..=200), (20, 18..=20), (50, 48..=50)] {
        limiter.learn(Some("a"), &all_remain(requests), LONGEST, clock.now());
        clock.sleep(Duration::from_secs(100)).await;
        let times = times(&limiter, &clock, std::iter::repeat_n("a", 400)).await;
        let most = most(&times, 10.0);
        assert!(most_in_ten.contains(&most), "{requests}: {most}");
    }
    // A provider's limit of another window that is lifted does not lift Truto's with it.
    for requests in [10_000, 1_000_000] {
        let said = Said { remaining: None, ..said(requests, Some(3600), 0, 0) };
        limiter.learn(Some("b"), &said, LONGEST, clock.now());
    }
    let times = times(&limiter, &clock, std::iter::repeat_n("b", 300)).await;
    assert!((48..=50).contains(&most(&times, 10.0)), "{}", most(&times, 10.0));
}

#[tokio::test]
async fn whose_a_limit_is_is_told_by_all_that_is_known() {
    for limiter in [set(Some("100/10"), Some("20/10")), set(None, None)] {
        let clock = Controlled::new();
        limiter.learn(Some("a"), &said(110, Some(60), 5, 1), LONGEST, clock.now());
        let buckets = limiter.buckets();
        let whose =
            |limit, per| buckets.whose("a", &Said { remaining: None, ..said(limit, per, 0, 0) });
        // Those that Truto has, whatever was set.
        assert_eq!(whose(500, Some(10)), Whose::Token);
        assert_eq!(whose(50, None), Whose::Account);
        // What the account's own answers have said.
        assert_eq!(whose(110, Some(60)), Whose::Account);
        // It is the token's number, and not its window.
        assert_eq!(whose(500, Some(60)), Whose::Account);
    }
    let limiter = set(Some("100/10"), Some("100/10"));
    let whose = |said: &Said| limiter.buckets().whose("a", said);
    assert_eq!(whose(&said(100, Some(10), 0, 0)), Whose::Untold);
    assert_eq!(whose(&Said::default()), Whose::Untold);
    // What a listing says is the token's, and then known as such.
    limiter.learn(None, &said(1000, Some(10), 7, 1), LONGEST, Instant::now());
    assert_eq!(whose(&said(1000, Some(10), 0, 0)), Whose::Token);
}

#[tokio::test]
async fn a_slow_limit_is_waited_for_as_long_as_was_told_and_no_longer_than_may_be() {
    let two = Duration::from_secs(2);
    for (requests, waits) in [(1, [1.0, 2.0, 2.0]), (100, [1.0, 0.0, 0.0])] {
        let limiter = Limiter::believing(RateLimits::NONE);
        let clock = Controlled::new();
        limiter.admit(Some("a"), &clock, &Watch::default()).await;
        let said = said(requests, Some(3600), 0, 1);
        limiter.learn(Some("a"), &said, two, clock.now());
        let until = clock.now() + Duration::from_secs(1);
        limiter.reached(Some("a"), Limited::ByApi, &said, until, clock.now());
        let times = times(&limiter, &clock, std::iter::repeat_n("a", 3)).await;
        let between = [times[0], times[1] - times[0], times[2] - times[1]];
        assert!(between.iter().zip(waits).all(|(is, due)| (is - due).abs() < 1e-3), "{between:?}");
    }
    // A reset that may not be waited for is no new window.
    let limiter = Limiter::believing(RateLimits::NONE);
    let clock = Controlled::new();
    limiter.admit(Some("a"), &clock, &Watch::default()).await;
    limiter.learn(Some("a"), &said(100, Some(3600), 0, 900), two, clock.now());
    let times = times(&limiter, &clock, std::iter::repeat_n("a", 3)).await;
    assert!(times[0] == 2.0 && times[2] > 5.0, "{times:?}");
    assert!(clock.waits().iter().all(|wait| wait.as_secs_f64() < 2.001), "{:?}", clock.waits());
}

#[tokio::test]
async fn accounts_that_are_idle_are_forgotten() {
    let limiter = Limiter::believing(RateLimits { token: None, ..RateLimits::TRUTO });
    let clock = Controlled::new();
    for index in 0..20_000 {
        limiter.admit(Some(&index.to_string()), &clock, &Watch::default()).await;
        assert!(limiter.buckets().accounts.len() <= MAX_ACCOUNTS);
    }
    // The one that is farthest from idle is kept.
    limiter.learn(Some("19999"), &said(100, Some(3600), 0, 100), LONGEST, clock.now());
    for index in 0..10_000 {
        limiter.admit(Some(&format!("other {index}")), &clock, &Watch::default()).await;
    }
    assert_eq!(times(&limiter, &clock, ["19999"].into_iter()).await, [100.0]);
}

#[test]
fn a_limit_is_typed_as_requests_and_seconds() {
    let limit = RateLimit { requests: 3, per: Duration::from_millis(500) };
    assert_eq!("3/0.5".parse(), Ok(limit));
    for text in ["", "3", "/1", "3/", "0/1", "-1/1", "3/0", "3/-1", "3/inf", "3/NaN", "3/1e9"] {
        assert!(text.parse::<RateLimit>().is_err(), "{text}");
    }
}
