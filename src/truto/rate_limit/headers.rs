//! What the headers of an answer say of limits and waits.

use std::time::{Duration, SystemTime};

use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// What `ratelimit-*` headers said; all of it may be absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Said {
    /// Requests that are allowed.
    pub(in super::super) limit: Option<u32>,
    /// In which span of time.
    pub(in super::super) per: Option<Duration>,
    /// Requests that are left of them.
    pub(in super::super) remaining: Option<u32>,
    /// From now until there are as many as `limit` again.
    pub(in super::super) reset: Option<Duration>,
}

/// What a wait beyond all measure counts as.
const FOREVER: Duration = Duration::from_secs(10 * 365 * 86_400);

impl Said {
    /// Reads `ratelimit-limit` (`110`, `110;w=10`, `110, 110;w=10`), `ratelimit-remaining` and
    /// `ratelimit-reset`, in seconds from now. What cannot be read was not said.
    pub(in super::super) fn of(headers: &HeaderMap) -> Self {
        let limits = text(headers, "ratelimit-limit").unwrap_or_default();
        let limit = limits.split([',', ';']).next().and_then(count);
        let window = limits.split([',', ';']).find_map(|part| part.trim().strip_prefix("w="));
        let remaining = text(headers, "ratelimit-remaining").and_then(count);
        let reset = text(headers, "ratelimit-reset").and_then(seconds);
        Self { limit, per: limit.and(window.and_then(seconds)), remaining, reset }
    }

    /// Whether it tells an account's bucket more than that all is well.
    pub(in super::super) fn restricts(&self) -> bool {
        self.limit.is_some() || self.remaining.is_some()
    }
}

/// How long the server wants to be left alone: `Retry-After`, in seconds or as a date. A date is
/// counted from the server's own, if it says that, and from `now` otherwise; one that has passed
/// is no wait.
pub(in super::super) fn told(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let told = text(headers, RETRY_AFTER)?;
    if let Some(wait) = seconds(told) {
        return Some(wait);
    }
    let until = httpdate::parse_http_date(told).ok()?;
    let now =
        text(headers, DATE).and_then(|date| httpdate::parse_http_date(date).ok()).unwrap_or(now);
    Some(until.duration_since(now).unwrap_or_default().min(FOREVER))
}

fn text(headers: &HeaderMap, name: impl reqwest::header::AsHeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

fn count(text: &str) -> Option<u32> {
    let text = text.trim();
    // So many that it does not fit is as good as no limit, but it was said.
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u32::MAX))
}

fn seconds(text: &str) -> Option<Duration> {
    let seconds: f64 = text.trim().parse().ok()?;
    (seconds >= 0.0).then(|| Duration::try_from_secs_f64(seconds).unwrap_or(FOREVER).min(FOREVER))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn after(value: &'static str) -> Option<f64> {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_770);
        told(&headers(&[("retry-after", value)]), now).map(|wait| wait.as_secs_f64())
    }

    #[test]
    fn a_wait_is_in_seconds_or_until_a_date() {
        assert_eq!(after("7"), Some(7.0));
        assert_eq!(after(" 1.5 "), Some(1.5));
        assert_eq!(after("0"), Some(0.0));
        // Seven seconds after `now`, in each of the three forms of HTTP.
        assert_eq!(after("Sun, 06 Nov 1994 08:49:37 GMT"), Some(7.0));
        assert_eq!(after("Sunday, 06-Nov-94 08:49:37 GMT"), Some(7.0));
        assert_eq!(after("Sun Nov  6 08:49:37 1994"), Some(7.0));
        assert_eq!(after("Sat, 06 Nov 1993 08:49:37 GMT"), Some(0.0));
        for forever in ["99999999999999999999999", "1e300", "inf", "Fri, 31 Dec 9999 23:59:59 GMT"]
        {
            assert_eq!(after(forever), Some(FOREVER.as_secs_f64()), "{forever}");
        }
        for nothing in ["", "-1", "NaN", "soon", "1994-11-06T08:49:37Z", "7 s"] {
            assert_eq!(after(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn a_date_is_counted_from_the_server_s_own() {
        let said = headers(&[
            ("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("date", "Sun, 06 Nov 1994 08:49:07 GMT"),
        ]);
        assert_eq!(told(&said, SystemTime::now()), Some(Duration::from_secs(30)));
    }

    #[test]
    fn limits_may_name_their_window() {
        let said = |limit: &'static str| {
            let said = Said::of(&headers(&[("RateLimit-Limit", limit)]));
            (said.limit, said.per.map(|per| per.as_secs()))
        };
        assert_eq!(said("110"), (Some(110), None));
        assert_eq!(said("110;w=10"), (Some(110), Some(10)));
        assert_eq!(said("110, 110;w=10"), (Some(110), Some(10)));
        assert_eq!(said("99999999999; w=60"), (Some(u32::MAX), Some(60)));
        for nothing in ["", "x", "-1", "w=10", ";w=10", "1.5"] {
            assert_eq!(said(nothing), (None, None), "{nothing}");
        }
        let all = headers(&[("ratelimit-remaining", "0"), ("ratelimit-reset", "9")]);
        let all = Said::of(&all);
        assert_eq!((all.remaining, all.reset), (Some(0), Some(Duration::from_secs(9))));
        assert!(all.restricts() && !Said::default().restricts());
    }
}
