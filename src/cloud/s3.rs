//! S3, as the environment describes it.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path;
use object_store::{BackoffConfig, ClientConfigKey, RetryConfig};
use reqwest::Url;

use super::answer::Connector;
use super::crypto::Sha2;
use super::listing::Listing;
use super::{Bucket, failure};
use crate::error::{Error, ErrorKind, Result};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// For one request; a part is 5 MiB.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A request that failed is made again for so long.
pub(super) const RETRY: Duration = Duration::from_secs(60);
pub(super) const RETRIES: usize = 8;

/// The place that `s3://bucket/prefix` names.
pub(super) fn open(url: &str) -> Result<Bucket> {
    let wrong = |what: &str| Error::new(ErrorKind::Configuration, format!("{url}: {what}"));
    let place = url.strip_prefix("s3://").ok_or_else(|| {
        wrong("an object store is named s3://BUCKET/PREFIX; others are not written to yet")
    })?;
    let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
    if bucket.is_empty() || bucket.contains(['?', '#', '@', ':']) {
        return Err(wrong("it must name a bucket, as s3://BUCKET/PREFIX does"));
    }
    let prefix = Path::parse(prefix.trim_end_matches('/'))
        .map_err(|error| wrong("this cannot be a prefix").caused_by(error))?;
    let mut builder = AmazonS3Builder::from_env();
    let endpoint = builder.get_config_value(&AmazonS3ConfigKey::Endpoint);
    if endpoint.as_deref().is_some_and(is_plain_loopback) {
        builder = builder.with_allow_http(true);
    }
    let is_set = |key| builder.get_config_value(&AmazonS3ConfigKey::Client(key)).is_some();
    let timeouts =
        [(ClientConfigKey::ConnectTimeout, CONNECT_TIMEOUT), (ClientConfigKey::Timeout, TIMEOUT)];
    let unset: Vec<_> = timeouts.into_iter().filter(|(key, _)| !is_set(*key)).collect();
    for (key, timeout) in unset {
        let seconds = format!("{} seconds", timeout.as_secs());
        builder = builder.with_config(AmazonS3ConfigKey::Client(key), seconds);
    }
    let store = builder
        .with_bucket_name(bucket)
        .with_crypto_provider(Arc::new(Sha2))
        .with_http_connector(Connector)
        .with_retry(RetryConfig {
            backoff: BackoffConfig::default(),
            max_retries: RETRIES,
            retry_timeout: RETRY,
        })
        .build()
        .map_err(|error| {
            let wrong = failure::failed(String::new(), error);
            let cause = std::error::Error::source(&wrong).map(ToString::to_string);
            let what =
                format!("the environment (AWS_…) does not fit: {}", cause.unwrap_or_default());
            Error::new(ErrorKind::Configuration, format!("{url}: {what}"))
        })?;
    let store = Arc::new(store);
    let listing = Listing::of(Arc::clone(&store), CONNECT_TIMEOUT, TIMEOUT);
    Ok(Bucket::with_listing(store, prefix, url, listing))
}

/// Whether it is plain HTTP to this machine, which nobody can read on its way.
fn is_plain_loopback(endpoint: &str) -> bool {
    let Ok(url) = Url::parse(endpoint) else { return false };
    let is_loopback = match url.host_str() {
        Some("localhost" | "[::1]") => true,
        Some(host) => host.parse().is_ok_and(|ip: std::net::Ipv4Addr| ip.is_loopback()),
        None => false,
    };
    url.scheme() == "http" && is_loopback
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_none_are_refused() {
        for url in ["s3://", "s3:///a", "s3://u:p@bucket/a", "gs://bucket/a", "s3://bucket/a//b"] {
            let error = Bucket::open(url).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration, "{url}");
            assert!(error.message().starts_with(url), "{error}");
        }
    }

    #[test]
    fn only_this_machine_is_spoken_to_in_plain() {
        assert!(is_plain_loopback("http://127.0.0.1:9000") && is_plain_loopback("http://[::1]:1"));
        for other in ["http://minio:9000", "https://127.0.0.1", "http://127.0.0.1.example.com", ""]
        {
            assert!(!is_plain_loopback(other), "{other}");
        }
    }
}
