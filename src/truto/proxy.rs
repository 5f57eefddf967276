//! Proxies of the environment, as far as they can be told without asking them.

use std::env;
use std::net::IpAddr;

use reqwest::Url;

use super::{host, is_loopback};
use crate::error::{Error, ErrorKind, Result};

/// The variables for each scheme, in the order in which they count; of those of one list the first that is set,
/// empty or not.
const HTTPS: [&str; 2] = ["HTTPS_PROXY", "https_proxy"];
const HTTP: [&str; 2] = ["HTTP_PROXY", "http_proxy"];
const ALL: [&str; 2] = ["ALL_PROXY", "all_proxy"];
const NO: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// Refuses a proxy of the environment that a client of [`http_client`](super::http_client) could not use for the
/// API at `base_url`: it would be passed over without a word, and the token would go another way than is meant.
///
/// # Errors
/// [`ErrorKind::Configuration`], which names the variable, and not what it holds: that may be a password.
pub fn check_proxies(base_url: &str) -> Result<()> {
    let Ok(url) = Url::parse(base_url) else { return Ok(()) };
    if is_loopback(&url) {
        return Ok(());
    }
    let own = if url.scheme() == "http" { HTTP } else { HTTPS };
    for (name, value) in [own, ALL].into_iter().filter_map(first) {
        if !value.is_empty() && address(&value).is_none() {
            let message = format!(
                "{name} is no address of a proxy: it is http://HOST:PORT or https://HOST:PORT, and empty for \
                 none"
            );
            return Err(Error::new(ErrorKind::Configuration, message));
        }
    }
    Ok(())
}

/// The proxy that the environment names for `url`, in words to stand behind others: ` (HOST:PORT, by
/// HTTPS_PROXY)`; `None` where it names none, or excepts the host, as far as that can be told.
pub(super) fn of_environment(url: &Url) -> Option<String> {
    let name = url.host_str()?.trim_matches(['[', ']']);
    if is_loopback(url) || first(NO).is_some_and(|(_, excepted)| is_excepted(name, &excepted)) {
        return None;
    }
    let own = if url.scheme() == "http" { HTTP } else { HTTPS };
    let mut proxies = [own, ALL].into_iter().filter_map(first);
    proxies.find_map(|(name, value)| Some(format!(" ({}, by {name})", host(&address(&value)?))))
}

/// Whether a list of hosts that no proxy is for has `host`. A network in it may have any address: no proxy is
/// named that was perhaps not asked.
fn is_excepted(host: &str, excepted: &str) -> bool {
    let is_address = host.parse::<IpAddr>().is_ok();
    excepted.split(',').map(str::trim).filter(|it| !it.is_empty()).any(|it| {
        let domain = it.trim_start_matches('.').to_ascii_lowercase();
        let host = host.to_ascii_lowercase();
        it == "*"
            || host == domain
            || (is_address && it.contains('/'))
            || host.strip_suffix(&domain).is_some_and(|before| before.ends_with('.'))
    })
}

/// The first of `names` that is set.
fn first(names: [&'static str; 2]) -> Option<(&'static str, String)> {
    names.into_iter().find_map(|name| Some((name, env::var(name).ok()?)))
}

/// The address of a proxy, which need not have a scheme.
fn address(value: &str) -> Option<Url> {
    let has_scheme = value.contains("://");
    let url = if has_scheme { Url::parse(value) } else { Url::parse(&format!("http://{value}")) };
    url.ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_that_no_proxy_is_for_are_known() {
        for (host, list, excepted) in [
            ("api.test", "", false),
            ("api.test", "other.test, api.test", true),
            ("API.test", ".Test", true),
            ("api.test", "test", true),
            ("api.test", "pi.test", false),
            ("api.test", "*", true),
            ("api.test", "10.0.0.0/8", false),
            ("10.0.0.1", "10.0.0.0/8", true),
            ("10.0.0.1", "10.0.0.1", true),
        ] {
            assert_eq!(is_excepted(host, list), excepted, "{host} {list}");
        }
    }

    #[test]
    fn an_address_has_a_host_and_a_scheme_that_is_spoken() {
        for (value, known) in [
            ("http://proxy.test:3128", Some("proxy.test:3128")),
            ("https://user:s3cret@proxy.test", Some("proxy.test")),
            ("proxy.test:3128", Some("proxy.test:3128")),
            ("127.0.0.1:1", Some("127.0.0.1:1")),
            ("::::", None),
            ("http://", None),
            ("socks5://proxy.test", None),
            ("proxy test", None),
        ] {
            assert_eq!(address(value).map(|url| host(&url)).as_deref(), known, "{value}");
        }
    }
}
