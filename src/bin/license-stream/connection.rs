//! How the API is reached, and how patiently: flags, and the client that is made of them.

use std::env::VarError;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use license_stream::truto::{
    Compression, RateLimit, RetryPolicy, Timeouts, Token, TrutoClient, check_proxies, http_client,
};
use license_stream::{Error, ErrorKind, Result};

use crate::certificates;

/// How requests are made.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ConnectionArgs {
    /// How often a request that failed is made again at most, where that may help; 0 is never
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(crate) retries: u32,
    /// How many retries the whole run may use
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub(crate) retry_budget: u64,
    /// Longest wait that the API may ask for; where it asks for more, it is asked again after this long
    #[arg(long, value_name = "SECS", default_value_t = Seconds::of(300))]
    pub(crate) max_wait: Seconds,
    /// Most requests in any span of so many seconds, or `off`; 500/10 if it is not given, and off for
    /// an API on this machine. What the API says of its limits can lower it, but lifts only what was not
    /// given
    #[arg(long, value_name = "N/SECS")]
    pub(crate) rate_limit: Option<Limit>,
    /// The same of the requests for one account; 50/10 if it is not given
    #[arg(long, value_name = "N/SECS")]
    pub(crate) account_rate_limit: Option<Limit>,
    /// How long connecting may take
    #[arg(long, value_name = "SECS", default_value_t = Seconds::of(10))]
    pub(crate) connect_timeout: Seconds,
    /// How long an answer may take to begin
    #[arg(long, value_name = "SECS", default_value_t = Seconds::of(60))]
    pub(crate) first_byte_timeout: Seconds,
    /// How long a body may be silent; as a whole it may take as long as it takes, unless it is an error or is
    /// about accounts
    #[arg(long, value_name = "SECS", default_value_t = Seconds::of(60))]
    pub(crate) idle_timeout: Seconds,
    /// File of certificates (PEM) of authorities to trust, beside the system's
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_cert: Option<PathBuf>,
    /// File with the certificate to show and its key (PEM, PKCS#8 without a password)
    #[arg(long, value_name = "FILE")]
    pub(crate) client_cert: Option<PathBuf>,
    /// Allow plain http to other machines: whoever is on the way can read the token and the data
    #[arg(long)]
    pub(crate) allow_http: bool,
    /// Ask for bodies as they are. Otherwise they come compressed if the API can: less to transfer
    #[arg(long)]
    pub(crate) no_compression: bool,
    /// How far a compressed body may unpack beyond its first 10 MiB, as a multiple of what came: a
    /// guard against few bytes that make endless work
    #[arg(long, value_name = "N", default_value_t = Compression::default().max_ratio,
        value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_compression_ratio: u32,
}

impl ConnectionArgs {
    /// The same client as [`client`](Self::client), which makes a request again no more often than `most`.
    pub(crate) fn client_that_tries(
        &self,
        most: u32,
        base_url: &str,
        token_file: Option<&Path>,
    ) -> Result<TrutoClient> {
        let policy = self.retry_policy();
        let attempts = policy.attempts.min(most.saturating_add(1));
        Ok(self.client(base_url, token_file)?.with_retry(RetryPolicy { attempts, ..policy }))
    }

    /// The client for the API at `base_url`, with the token of `token_file`, or else of the environment.
    pub(crate) fn client(&self, base_url: &str, token_file: Option<&Path>) -> Result<TrutoClient> {
        let mut http = http_client(base_url).connect_timeout(self.connect_timeout.0);
        if let Some(file) = &self.ca_cert {
            http = http.tls_certs_merge(certificates::authorities("--ca-cert", file)?);
        }
        if let Some(file) = &self.client_cert {
            http = http.identity(certificates::identity("--client-cert", file)?);
        }
        let http = http.build().map_err(|error| {
            Error::new(ErrorKind::Configuration, "HTTP cannot be set up so").caused_by(error)
        })?;
        check_proxies(base_url)?;
        let token = token(token_file)?;
        let client = match self.allow_http {
            true => TrutoClient::allowing_http(http, base_url, token)?,
            false => TrutoClient::new(http, base_url, token)?,
        };
        let timeouts =
            Timeouts { first_byte: self.first_byte_timeout.0, idle: self.idle_timeout.0 };
        let client = client
            .with_timeouts(timeouts)
            .with_retry(self.retry_policy())
            .with_compression(self.compression());
        // Only what was typed is a bound: the API may lift what is only believed.
        let client = match self.rate_limit {
            Some(limit) => client.with_token_rate_limit(limit.0),
            None => client,
        };
        Ok(match self.account_rate_limit {
            Some(limit) => client.with_account_rate_limit(limit.0),
            None => client,
        })
    }

    fn compression(&self) -> Compression {
        Compression { ask: !self.no_compression, max_ratio: self.max_compression_ratio }
    }

    fn retry_policy(&self) -> RetryPolicy {
        RetryPolicy {
            attempts: self.retries.saturating_add(1),
            max_wait: self.max_wait.0,
            budget: self.retry_budget,
            ..RetryPolicy::default()
        }
    }
}

fn token(file: Option<&Path>) -> Result<Token> {
    let token = match file {
        Some(path) => std::fs::read_to_string(path).map_err(|error| {
            let message = format!("--token-file {} cannot be read", path.display());
            Error::new(ErrorKind::Configuration, message).caused_by(error)
        })?,
        None => std::env::var("TRUTO_API_TOKEN").map_err(|error| {
            let message = match error {
                VarError::NotPresent => {
                    "no API token: set TRUTO_API_TOKEN, or name a file with --token-file"
                }
                VarError::NotUnicode(_) => "TRUTO_API_TOKEN is no text",
            };
            Error::new(ErrorKind::Configuration, message)
        })?,
    };
    Token::new(&token).map_err(|error| {
        let place = file.map_or_else(
            || "TRUTO_API_TOKEN".to_owned(),
            |file| format!("--token-file {}", file.display()),
        );
        Error::new(error.kind(), format!("{place}: {}", error.message()))
    })
}

/// A time in seconds, with a fraction or without.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Seconds(pub(crate) Duration);

impl Seconds {
    const fn of(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }
}

impl FromStr for Seconds {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WHAT: &str = "seconds above 0, up to a day, such as 30 or 0.5";
        let seconds: f64 = text.trim().parse().map_err(|_| WHAT)?;
        if !(0.001..=86_400.0).contains(&seconds) {
            return Err(WHAT);
        }
        Ok(Self(Duration::from_secs_f64(seconds)))
    }
}

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.as_secs_f64().fmt(f)
    }
}

/// A rate limit, or `off`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Limit(pub(crate) Option<RateLimit>);

impl FromStr for Limit {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "off" {
            return Ok(Self(None));
        }
        let limit = text.parse().map_err(|_| "requests and seconds, such as 500/10, or off")?;
        Ok(Self(Some(limit)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_limits_are_typed_as_the_help_says() {
        assert_eq!("0.5".parse(), Ok(Seconds(Duration::from_millis(500))));
        assert_eq!("60".parse(), Ok(Seconds::of(60)));
        assert_eq!(Seconds::of(60).to_string(), "60");
        for text in ["", "0", "-1", "inf", "NaN", "86401", "1e-9", "10s"] {
            assert!(text.parse::<Seconds>().is_err(), "{text}");
        }
        assert_eq!("off".parse(), Ok(Limit(None)));
        assert_eq!("500/10".parse(), Ok(Limit(license_stream::truto::RateLimits::TRUTO.token)));
        assert!("fast".parse::<Limit>().is_err());
    }
}
