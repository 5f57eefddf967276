//! The HTTP client that a `TrutoClient` wants.

use std::time::Duration;

use reqwest::{ClientBuilder, Url, redirect};

use super::is_loopback;

/// How long to wait for a connection unless it is set otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a connection is silent before the system looks whether the other side is still there.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// A `reqwest::Client` as a [`TrutoClient`](super::TrutoClient) for the API at `base_url` should have it;
/// what is special about your network, such as a certificate authority, is set on it.
///
/// - There is no total time-out, which would cut long bodies; connecting may take 10 s.
/// - Redirects are not followed: one could lead the token to another host.
/// - Proxies are those of the environment (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`), but none
///   for an API on this machine. One that is no address counts as none: see
///   [`check_proxies`](super::check_proxies).
/// - After 30 s of silence TCP asks each 15 s whether the other side is still there, three times.
/// - `User-Agent` is `license-stream/VERSION`.
///
/// ```
/// use license_stream::truto::{DEFAULT_BASE_URL, Token, TrutoClient, http_client};
///
/// # let token = Token::new("s3cret").unwrap();
/// let http = http_client(DEFAULT_BASE_URL).build().unwrap();
/// let client = TrutoClient::new(http, DEFAULT_BASE_URL, token)?;
/// # Ok::<(), license_stream::Error>(())
/// ```
pub fn http_client(base_url: &str) -> ClientBuilder {
    let http = reqwest::Client::builder()
        .user_agent(concat!("license-stream/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        // Each body has a connection of its own, whatever else is built with `reqwest`'s HTTP/2.
        .http1_only()
        .redirect(redirect::Policy::none())
        .tcp_keepalive(KEEPALIVE);
    // A proxy could not lead back to here, and over plain HTTP would see the token.
    match Url::parse(base_url) {
        Ok(url) if is_loopback(&url) => http.no_proxy(),
        _ => http,
    }
}
