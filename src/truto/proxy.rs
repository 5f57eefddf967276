//! Proxies of the environment, as far as they can be told without asking them.

use std::env;

use reqwest::Url;

use super::{host, is_loopback};
use crate::error::{Error, ErrorKind, Result};

/// The variables for each scheme, in the order in which they count; of those of one list the first that is set,
/// empty or not.
const HTTPS: [&str; 2] = ["HTTPS_PROXY", "https_proxy"];
const HTTP: [&str; 2] = ["HTTP_PROXY", "http_proxy"];
const ALL: [&str; 2] = ["ALL_PROXY", "all_proxy"];

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

/// The proxy for https that the environment names, in words to stand behind others: ` (HOST:PORT, by
/// HTTPS_PROXY)`.
pub(super) fn of_environment() -> Option<String> {
    let mut proxies = [HTTPS, ALL].into_iter().filter_map(first);
    proxies.find_map(|(name, value)| Some(format!(" ({}, by {name})", host(&address(&value)?))))
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
