//! S3, as the environment describes it.

mod credentials;
mod environment;
mod profile;

use std::sync::Arc;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};

use super::address::{Address, is_name};
use super::answer::Connector;
use super::credentials::Named;
use super::crypto::Crypto;
use super::environment::variables;
use super::listing::{Asked, Listing};
use super::{Bucket, client, failure};
use crate::error::Result;
use profile::Profile;

/// The place that `s3://bucket/prefix` names.
pub(super) fn open(address: Address) -> Result<Bucket> {
    if !is_name(address.bucket, "-._") {
        return Err(address.wrong(
            "it must name a bucket, of letters, digits, `-`, `.` and `_`, as s3://BUCKET/PREFIX does",
        ));
    }
    let prefix = address.prefix()?;
    let variables: Vec<_> = variables().collect();
    let profile = Profile::of(&address, &variables, std::env::home_dir().as_deref())?;
    let mut builder =
        environment::builder(variables, profile.as_ref()).map_err(|what| address.wrong(&what))?;
    if environment::is_plain_abroad(&builder) {
        return Err(address.wrong(&format!("AWS_ENDPOINT_URL {}", environment::PLAIN)));
    }
    let is_set = |key| builder.get_config_value(&AmazonS3ConfigKey::Client(key)).is_some();
    for (key, timeout) in client::timeouts(is_set).collect::<Vec<_>>() {
        builder = builder.with_config(AmazonS3ConfigKey::Client(key), timeout);
    }
    if let Some(half) = credentials::half(&builder) {
        return Err(address.wrong(half));
    }
    let none = credentials::missing(&builder, profile.is_some());
    let builder = builder
        .with_bucket_name(address.bucket)
        .with_crypto_provider(Arc::new(Crypto))
        .with_http_connector(Connector)
        .with_retry(client::retries());
    let build = |builder: AmazonS3Builder| {
        builder.build().map_err(|error| failure::unfit(&address, "AWS_…", error))
    };
    let mut store = build(builder.clone())?;
    if let Some(none) = none {
        let provider = Arc::clone(store.credentials());
        store = build(builder.with_credentials(Arc::new(Named::new(provider, none))))?;
    }
    let store = Arc::new(store);
    let listing = Listing::of(Asked::Signed(Arc::clone(&store)));
    Ok(Bucket::with_listing(store, prefix, address.url(), listing))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn addresses_that_are_none_are_refused() {
        for url in [
            "s3://",
            "s3:///a",
            "s3://u:p@bucket/a",
            "s3://bucket/a//b",
            "s3://my bucket/a",
            "s3://bücket/a",
        ] {
            let error = Bucket::open(url).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration, "{url}");
            assert!(error.message().starts_with(&*crate::masked(url)), "{error}");
        }
    }
}
