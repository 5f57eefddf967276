//! The Truto unified API as a source of bodies.
//!
//! What is known of the endpoint comes from Truto's public documentation of
//! `GET /unified/user-directory/licenses`. The wire format of `truto_response_format=stream` is not
//! documented; see [`Shape`](crate::frame::Shape) for what is read.
//!
//! ```no_run
//! # async fn example() -> license_stream::Result<()> {
//! use futures_util::TryStreamExt;
//! use license_stream::truto::{LicenseRequest, Token, TrutoClient, http_client};
//! use license_stream::License;
//!
//! let token = Token::new("…")?;
//! let http = http_client("https://api.truto.one").build().expect("a client");
//! let client = TrutoClient::new(http, "https://api.truto.one", token)?;
//! let request = LicenseRequest::new("62f44730-dd91-461e-bd6a-aedd9e0ad79d");
//! let mut licenses = client.licenses(&request).await?.frames().json::<License>();
//! while let Some(record) = licenses.try_next().await? {
//!     println!("{}", record.value.id);
//! }
//! # Ok(())
//! # }
//! ```

mod account;
mod answer;
mod body;
mod clock;
mod cursors;
mod decompress;
mod encoding;
mod failure;
mod http;
mod json;
mod pages;
mod proxy;
mod rate_limit;
mod recorded;
mod request;
mod resume;
mod retry;
mod token;
mod wait;
mod whole;

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, HeaderName};
use reqwest::{Client, Response, StatusCode, Url};

use crate::error::{Error, ErrorKind, Result};
use crate::pipeline::Requests;
use crate::room::Room;
pub use account::{
    AccountFilter, AccountIntegration, AccountStatus, IntegratedAccount, LicenseSupport,
};
use answer::Answer;
pub use body::LicenseBody;
pub use clock::{Clock, SystemClock};
pub use decompress::Compression;
pub(crate) use failure::Failure;
#[cfg(feature = "registry")]
pub(crate) use failure::unreachable;
pub use http::http_client;
pub use pages::LicensePages;
pub use proxy::check_proxies;
use rate_limit::{Limiter, Said, Start, Starts};
pub use rate_limit::{RateLimit, RateLimits};
pub use recorded::unpacked;
pub use request::{LicenseRequest, Product, QueryValue, RemoteQuery, ResponseFormat};
use resume::Resumable;
pub use retry::RetryPolicy;
pub(crate) use retry::{Counters, Retries};
pub use token::Token;
pub(crate) use wait::Watch;
pub use wait::{Wait, WaitReason};

/// Truto's public address.
pub const DEFAULT_BASE_URL: &str = "https://api.truto.one";

/// Asks one Truto environment for licenses.
///
/// Clones share what must not be exceeded together: rate limits and the budget of retries.
#[derive(Clone, Debug)]
pub struct TrutoClient {
    http: Client,
    base_url: Url,
    token: Token,
    timeouts: Timeouts,
    retry: RetryPolicy,
    clock: Arc<dyn Clock>,
    limiter: Arc<Limiter>,
    /// What this client and all of its clones have sent.
    sent: Arc<Counters>,
    compression: Compression,
    /// Whether it waits for less long than it was told to.
    is_hurried: bool,
    watch: Watch,
    /// What holds answers that are read whole, over all clones.
    room: Room,
}

/// How long to wait for a sign of life. There is no limit on the whole: a body may take hours.
///
/// The time to connect is the `reqwest::Client`'s own: see `ClientBuilder::connect_timeout`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// From sending the request to the head of the response. 60 s by default.
    pub first_byte: Duration,
    /// Between two chunks of the body; of an answer that is no listing of licenses, which is short, all of
    /// it. 60 s by default.
    pub idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { first_byte: Duration::from_secs(60), idle: Duration::from_secs(60) }
    }
}

impl TrutoClient {
    /// A client for the API at `base_url`.
    ///
    /// Proxies, certificates and the time to connect are settings of `http`: [`http_client`] begins one
    /// as it should be. It must not have a total time-out. Where it follows redirects, it must not take
    /// the token along to another host, as reqwest does not; what comes from there is not believed.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if `base_url` is no URL, holds a user or a password, or is plain
    /// HTTP to another host than this one: the token would travel in the clear.
    pub fn new(http: Client, base_url: &str, token: Token) -> Result<Self> {
        Self::with_scheme(http, base_url, token, false)
    }

    /// [`new`](Self::new), for plain HTTP to other hosts too: whoever is on the way can read the token.
    ///
    /// # Errors
    /// As those of `new`, but for plain HTTP.
    pub fn allowing_http(http: Client, base_url: &str, token: Token) -> Result<Self> {
        Self::with_scheme(http, base_url, token, true)
    }

    fn with_scheme(http: Client, base_url: &str, token: Token, any_http: bool) -> Result<Self> {
        let base_url = Url::parse(base_url).map_err(|error| {
            let message =
                "base URL is no URL: it begins with https:// (--base-url, TRUTO_BASE_URL)";
            Error::new(ErrorKind::Configuration, message).caused_by(error)
        })?;
        if !base_url.username().is_empty() || base_url.password().is_some() {
            return Err(Error::new(
                ErrorKind::Configuration,
                "base URL must hold no user and no password: the token is what is sent",
            ));
        }
        if base_url.query().is_some() || base_url.fragment().is_some() {
            return Err(Error::new(
                ErrorKind::Configuration,
                "base URL must end with its host or its path: what stands behind ? or # would not be sent",
            ));
        }
        match base_url.scheme() {
            "https" => {}
            "http" if any_http || is_loopback(&base_url) => {}
            "http" => {
                return Err(Error::new(
                    ErrorKind::Configuration,
                    "base URL must be https: over plain http the token could be read on the way \
                     (--allow-http)",
                ));
            }
            _ => {
                let message = "base URL must begin with https:// (--base-url, TRUTO_BASE_URL)";
                return Err(Error::new(ErrorKind::Configuration, message));
            }
        }
        let limits = if is_loopback(&base_url) { RateLimits::NONE } else { RateLimits::TRUTO };
        Ok(Self {
            http,
            base_url,
            token,
            timeouts: Timeouts::default(),
            retry: RetryPolicy::default(),
            clock: Arc::new(SystemClock),
            limiter: Arc::new(Limiter::believing(limits)),
            sent: Arc::default(),
            compression: Compression::default(),
            is_hurried: false,
            watch: Watch::default(),
            room: whole::room(),
        })
    }

    /// The same client with other time-outs.
    #[must_use]
    pub fn with_timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// The same client that makes failed requests again by `policy`.
    #[must_use]
    pub fn with_retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// How failed requests are made again.
    pub fn retry_policy(&self) -> RetryPolicy {
        self.retry
    }

    /// The same client that is never faster than `limits`, whatever the API says of its own. Without them
    /// it begins with [`RateLimits::TRUTO`], which the API can lower and lift, and with
    /// [`RateLimits::NONE`] where the API is on this machine: then it is no API of Truto's.
    #[must_use]
    pub fn with_rate_limits(self, limits: RateLimits) -> Self {
        self.with_token_rate_limit(limits.token).with_account_rate_limit(limits.account)
    }

    /// The same of the limit for all requests with its token only; `None` is none but what the API says.
    #[must_use]
    pub fn with_token_rate_limit(mut self, limit: Option<RateLimit>) -> Self {
        let starts = Starts { token: Start::Set(limit), ..self.limiter.starts() };
        self.limiter = Arc::new(Limiter::new(starts));
        self
    }

    /// The same of the limit for the requests for one account only.
    #[must_use]
    pub fn with_account_rate_limit(mut self, limit: Option<RateLimit>) -> Self {
        let starts = Starts { account: Start::Set(limit), ..self.limiter.starts() };
        self.limiter = Arc::new(Limiter::new(starts));
        self
    }

    /// The limits that it keeps to by itself.
    pub fn rate_limits(&self) -> RateLimits {
        self.limiter.limits()
    }

    /// The same client that waits by another clock, for tests.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The same client that tells `watch` of each wait, before it begins: for people, or for metrics.
    /// It must not block.
    #[must_use]
    pub fn with_watch(mut self, watch: impl Fn(&Wait<'_>) + Send + Sync + 'static) -> Self {
        self.watch = Watch::by(watch);
        self
    }

    /// What this client and all of its clones have sent so far.
    pub fn requests(&self) -> Requests {
        self.sent.requests()
    }

    /// What a server said, without the token of this client, should it have said it back.
    pub fn without_token(&self, said: &str) -> String {
        let stripped = self.token.strip(said.as_bytes().to_vec());
        String::from_utf8_lossy(&stripped).into_owned()
    }

    /// The same client that asks for compressed bodies, or does not, and bounds how they unpack.
    #[must_use]
    pub fn with_compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// All pages of `request`, for [`run_source`](crate::pipeline::run_source).
    pub fn pages(&self, request: LicenseRequest) -> LicensePages {
        LicensePages::new(self.clone(), request)
    }

    /// Asks for one page of licenses; answers as soon as the body begins. [`LicensePages`] asks for
    /// all of them.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration), with nothing sent, where
    /// [`check`](LicenseRequest::check) refuses the request,
    /// [`Unreachable`](ErrorKind::Unreachable) without an answer in time,
    /// [`Unauthorized`](ErrorKind::Unauthorized) and [`Refused`](ErrorKind::Refused) where asking
    /// again does not help, and [`Upstream`](ErrorKind::Upstream) where it has not helped.
    pub async fn licenses(&self, request: &LicenseRequest) -> Result<LicenseBody> {
        self.licenses_with(request, self.retries(&Arc::default())).await
    }

    /// [`licenses`](Self::licenses), with attempts that are counted elsewhere too.
    pub(crate) async fn licenses_with(
        &self,
        request: &LicenseRequest,
        mut retries: Retries,
    ) -> Result<LicenseBody> {
        request.check()?;
        let answer = self.answer(request, &mut retries).await?;
        let page = Resumable::new(self.clone(), request.clone(), answer, retries);
        Ok(LicenseBody::new(page, self.token.clone(), request.account.clone()))
    }

    /// A page of licenses, of which the head has come.
    async fn answer(&self, request: &LicenseRequest, retries: &mut Retries) -> Result<Answer> {
        let accept = [(ACCEPT, request.accepted()), (ACCEPT_ENCODING, self.compression.accepted())];
        let url = request.url(&self.base_url);
        self.get(&url, &accept, request.account.as_deref(), retries).await
    }

    /// The attempts at one request, which are counted in `own` too.
    pub(crate) fn retries(&self, own: &Arc<Counters>) -> Retries {
        Retries::new(self.retry, Arc::clone(&self.clock), Arc::clone(&self.sent), Arc::clone(own))
            .watched_by(self.watch.clone())
    }

    /// The address of `path` at the API.
    fn url(&self, path: &str) -> Url {
        let mut url = self.base_url.clone();
        url.set_path(&format!("{}/{path}", self.base_url.path().trim_end_matches('/')));
        url
    }

    /// Asks for `url`, again where that may help; answers once the head of a success has come, and what
    /// follows it can be read.
    async fn get(
        &self,
        url: &Url,
        accept: &[(HeaderName, &str)],
        account: Option<&str>,
        retries: &mut Retries,
    ) -> Result<Answer> {
        loop {
            self.limiter.admit(account, &*self.clock, &self.watch).await;
            retries.sent();
            // Never the query: cursors and what a user typed are in it.
            tracing::debug!(method = "GET", path = url.path(), "request");
            let read = |response| {
                Answer::new(response, self.timeouts.idle, self.compression.max_ratio)
                    .map_err(|error| Failure::from(self.token.strip_error(error)).of(account))
            };
            let answer = self.attempt(url.clone(), accept, account).await.and_then(read);
            match answer {
                Ok(answer) => return Ok(answer),
                Err(failure) => retries.after_of(account, failure).await?,
            }
        }
    }

    /// Asks for `url` once.
    async fn attempt(
        &self,
        url: Url,
        accept: &[(HeaderName, &str)],
        account: Option<&str>,
    ) -> Result<Response, Failure> {
        let mut request = self.http.get(url.clone()).header(AUTHORIZATION, self.token.bearer());
        for (name, value) in accept {
            request = request.header(name, *value);
        }
        let sent = std::time::Instant::now();
        let response = match tokio::time::timeout(self.timeouts.first_byte, request.send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => {
                let flags = "--ca-cert, --client-cert";
                return Err(failure::unreachable(&self.base_url, error, flags));
            }
            Err(_) => {
                let seconds = self.timeouts.first_byte.as_secs_f64();
                let host = host(&self.base_url);
                let message = match self.is_hurried {
                    false => format!("no answer from {host} in {seconds} s (--first-byte-timeout)"),
                    true => format!("no answer from {host} in {seconds} s"),
                };
                return Err(Error::new(ErrorKind::Unreachable, message).into());
            }
        };
        tracing::debug!(
            status = response.status().as_u16(),
            bytes = response.content_length(),
            milliseconds = sent.elapsed().as_millis() as u64,
            "answer"
        );
        if response.url().origin() != url.origin() {
            let message = format!(
                "the API redirected to another address, {}, whose answer is not believed: if the API is \
                 there, name it with --base-url",
                response.url().origin().ascii_serialization()
            );
            return Err(Error::new(ErrorKind::Refused, message).into());
        }
        let said = Said::of(response.headers());
        self.limiter.learn(account, &said, self.retry.max_wait, self.clock.now());
        if matches!(response.status(), StatusCode::OK | StatusCode::NON_AUTHORITATIVE_INFORMATION) {
            return Ok(response);
        }
        let (now, idle, ratio) =
            (self.clock.time_of_day(), self.timeouts.idle, self.compression.max_ratio);
        let failure = failure::refused(response, idle, ratio, &self.room, &self.token, now).await;
        if let (Some(limited), Some(told)) = (failure.limited, failure.told) {
            let now = self.clock.now();
            let until = now + told.min(self.retry.max_wait);
            self.limiter.reached(account, limited, &said, until, now);
        }
        Err(failure.of(account))
    }
}

/// The address without anything that could be a secret.
pub(crate) fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_goes_to_this_host_only() {
        let client = |url| {
            TrutoClient::new(Client::new(), url, Token::new("t").unwrap()).map_err(|e| e.kind())
        };
        for url in
            ["https://api.truto.one", "http://127.0.0.1:80", "http://[::1]", "http://localhost"]
        {
            assert!(client(url).is_ok(), "{url}");
        }
        for url in
            ["https://api.truto.one?a=b", "https://api.truto.one/#", "https://api.truto.one/v1?"]
        {
            assert_eq!(client(url).unwrap_err(), ErrorKind::Configuration, "{url}");
        }
        for url in
            ["http://api.truto.one", "http://127.0.0.1.evil.test", "ftp://localhost", "truto"]
        {
            assert_eq!(client(url).unwrap_err(), ErrorKind::Configuration, "{url}");
        }
    }
}
