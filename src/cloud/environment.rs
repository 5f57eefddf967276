//! Variables of the environment, as far as they can be used.
//!
//! `object_store` takes them as they are, and panics at the first request that one does not fit into.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::str::FromStr;

use object_store::client::{HttpConnector, ReqwestConnector};
use object_store::{ClientConfigKey, ClientOptions};
use reqwest::Url;

/// What is wrong with a variable. No value is repeated: it may be a secret.
pub(super) type Wrong = &'static str;

/// Those of this process that are text.
pub(super) fn variables() -> impl Iterator<Item = (String, String)> {
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(text)
}

/// What those of `variables` say that begin with `prefix` and are keys of a store's, in the form that `checked` gives
/// them. `alias` knows other names of them.
///
/// # Errors
/// Which variable is wrong, and what is wrong with it.
pub(super) fn settings<K: FromStr>(
    prefix: &str,
    variables: impl IntoIterator<Item = (String, String)>,
    alias: impl Fn(&str) -> Option<K>,
    checked: impl Fn(&K, &str) -> Result<String, Wrong>,
) -> Result<Vec<(K, String)>, String> {
    // One that is empty is not set, as to the stores' own tools.
    let is_set = |(name, value): &(String, String)| name.starts_with(prefix) && !value.is_empty();
    // In one order everywhere: where two names of one setting are set, AWS_ENDPOINT and AWS_ENDPOINT_URL, the
    // last one counts.
    let variables: BTreeMap<_, _> = variables.into_iter().filter(is_set).collect();
    let mut settings = Vec::new();
    for (name, value) in variables {
        let key = alias(&name).or_else(|| name.to_ascii_lowercase().parse().ok());
        let Some(key) = key else { continue };
        let value = checked(&key, &value).map_err(|wrong| format!("{name} {wrong}"))?;
        settings.push((key, value));
    }
    Ok(settings)
}

/// `value` of a key that is the client's, and of any that nothing else is known of.
pub(super) fn client(key: Option<ClientConfigKey>, value: &str) -> Result<String, Wrong> {
    match key {
        Some(ClientConfigKey::AllowHttp) => truth(value),
        Some(key) if !is_usable(key, value) => Err(
            "cannot be what it is for: a time is written as `30 seconds` is, what is on or off `true` or `false`",
        ),
        _ if value.contains(char::is_control) => {
            Err("has the end of a line, or another control character, in it")
        }
        _ => Ok(value.to_owned()),
    }
}

/// Whether a client can be made with `value` for `key`: nobody else knows what form each of them has.
fn is_usable(key: ClientConfigKey, value: &str) -> bool {
    let options = ClientOptions::new().with_config(key, value);
    ReqwestConnector::default().connect(&options).is_ok()
}

/// `value` of what goes into a header.
pub(super) fn credential(value: &str) -> Result<String, Wrong> {
    if value.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(value.to_owned());
    }
    Err(
        "has a character in it that no credential has: a blank, the end of a line, or one beyond ASCII",
    )
}

/// `value` of what is true or false, of all that `object_store` takes for that.
pub(super) fn truth(value: &str) -> Result<String, Wrong> {
    let is_among = |values: [&str; 5]| values.iter().any(|is| is.eq_ignore_ascii_case(value));
    if is_among(["1", "true", "on", "yes", "y"]) {
        Ok("true".to_owned())
    } else if is_among(["0", "false", "off", "no", "n"]) {
        Ok("false".to_owned())
    } else {
        Err("is neither `true` nor `false`")
    }
}

/// The address `text`, escaped where it must be. Where it has a user or a password in it, that is wrong, and where these
/// belong stands in `users`.
pub(super) fn address(text: &str, users: Wrong) -> Result<String, Wrong> {
    const SCHEME: Wrong = "must begin with http:// or https://, as http://localhost:9000 does";

    let url = match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => url,
        // `localhost:9000` has a scheme, by the letter.
        Ok(_) => return Err(SCHEME),
        Err(_) if text.trim_start().starts_with("http") && text.contains("://") => {
            return Err(
                "is no address: http:// or https:// must have a host behind it, and may have a port, as \
                 http://localhost:9000 does",
            );
        }
        Err(_) => return Err(SCHEME),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(users);
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must be an address without `?` and `#`");
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// Whether it is plain HTTP to this machine, which nobody can read on its way.
pub(super) fn is_plain_loopback(endpoint: &str) -> bool {
    let Ok(url) = Url::parse(endpoint) else { return false };
    let is_loopback = match url.host_str() {
        Some("localhost" | "[::1]") => true,
        Some(host) => host.parse().is_ok_and(|ip: Ipv4Addr| ip.is_loopback()),
        None => false,
    };
    url.scheme() == "http" && is_loopback
}

/// Whether it is plain HTTP to another machine.
pub(super) fn is_plain_abroad(endpoint: &str) -> bool {
    endpoint.starts_with("http://") && !is_plain_loopback(endpoint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_spoken_to_in_plain() {
        assert!(is_plain_loopback("http://127.0.0.1:9000") && is_plain_loopback("http://[::1]:1"));
        for other in ["http://minio:9000", "https://127.0.0.1", "http://127.0.0.1.example.com", ""]
        {
            assert!(!is_plain_loopback(other), "{other}");
        }
        assert!(is_plain_abroad("http://minio:9000") && !is_plain_abroad("https://minio:9000"));
    }
}
