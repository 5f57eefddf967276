//! S3, as the environment describes it.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path;
use object_store::{BackoffConfig, ClientConfigKey, RetryConfig};

use super::answer::Connector;
use super::credentials::{Named, Origin};
use super::crypto::Sha2;
use super::listing::Listing;
use super::{Bucket, environment, failure};
use crate::error::{Error, ErrorKind, Result};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// For one try of a request; a part is 5 MiB.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A request that failed is made again so often at most, and not once so long has passed since it was made first:
/// with the last wait and the last try, it takes 100 seconds at most.
pub(super) const RETRY: Duration = Duration::from_secs(60);
pub(super) const RETRIES: usize = 10;

// One that hangs is made again.
const _: () = assert!(TIMEOUT.as_secs() < RETRY.as_secs());

/// Before each of them. The crate draws each wait between the first and `base` times the one before, so that one
/// grows by half on average: all of them together are some 15 seconds, in which a store can be restarted.
const WAITS: BackoffConfig = BackoffConfig {
    init_backoff: Duration::from_millis(100),
    max_backoff: Duration::from_secs(10),
    base: 3.0,
};

/// The place that `s3://bucket/prefix` names.
pub(super) fn open(url: &str) -> Result<Bucket> {
    let wrong = |what: &str| Error::new(ErrorKind::Configuration, format!("{url}: {what}"));
    let place = url.strip_prefix("s3://").ok_or_else(|| {
        wrong("an object store is named s3://BUCKET/PREFIX; others are not written to yet")
    })?;
    let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
    if !is_bucket(bucket) {
        return Err(wrong(
            "it must name a bucket, of letters, digits, `-`, `.` and `_`, as s3://BUCKET/PREFIX does",
        ));
    }
    let prefix = Path::parse(prefix.trim_end_matches('/'))
        .map_err(|error| wrong("this cannot be a prefix").caused_by(error))?;
    let mut builder =
        environment::builder(environment::variables()).map_err(|what| wrong(&what))?;
    if environment::is_plain_abroad(&builder) {
        return Err(wrong(
            "AWS_ENDPOINT_URL is plain http:// to another machine, where licenses and what signs for them can be read: \
             use https://, or say that it is wanted (AWS_ALLOW_HTTP=true)",
        ));
    }
    let is_set = |key| builder.get_config_value(&AmazonS3ConfigKey::Client(key)).is_some();
    let timeouts =
        [(ClientConfigKey::ConnectTimeout, CONNECT_TIMEOUT), (ClientConfigKey::Timeout, TIMEOUT)];
    let unset: Vec<_> = timeouts.into_iter().filter(|(key, _)| !is_set(*key)).collect();
    for (key, timeout) in unset {
        let seconds = format!("{} seconds", timeout.as_secs());
        builder = builder.with_config(AmazonS3ConfigKey::Client(key), seconds);
    }
    let origin = Origin::of(&builder);
    let builder = builder
        .with_bucket_name(bucket)
        .with_crypto_provider(Arc::new(Sha2))
        .with_http_connector(Connector)
        .with_retry(RetryConfig { backoff: WAITS, max_retries: RETRIES, retry_timeout: RETRY });
    let build = |builder: AmazonS3Builder| {
        builder.build().map_err(|error| {
            let wrong = failure::failed(String::new(), error);
            let cause = std::error::Error::source(&wrong).map(ToString::to_string);
            let what =
                format!("the environment (AWS_…) does not fit: {}", cause.unwrap_or_default());
            Error::new(ErrorKind::Configuration, format!("{url}: {what}"))
        })
    };
    let mut store = build(builder.clone())?;
    if let Some(origin) = origin {
        let provider = Arc::clone(store.credentials());
        store = build(builder.with_credentials(Arc::new(Named { provider, origin })))?;
    }
    let store = Arc::new(store);
    let listing = Listing::of(Arc::clone(&store), CONNECT_TIMEOUT, TIMEOUT);
    Ok(Bucket::with_listing(store, prefix, url, listing))
}

/// Whether it can be one's name: what else a store may allow cannot be part of an address.
fn is_bucket(text: &str) -> bool {
    let is_usual = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    !text.is_empty() && text.bytes().all(is_usual)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_none_are_refused() {
        for url in [
            "s3://",
            "s3:///a",
            "s3://u:p@bucket/a",
            "gs://bucket/a",
            "s3://bucket/a//b",
            "s3://my bucket/a",
            "s3://bücket/a",
        ] {
            let error = Bucket::open(url).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration, "{url}");
            assert!(error.message().starts_with(url), "{error}");
        }
    }
}
