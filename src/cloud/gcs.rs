//! Google Cloud Storage, as the environment describes it.

mod credentials;
mod environment;

use std::sync::Arc;

use object_store::Error as StoreError;
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey as Key};
use reqwest::Url;

use super::address::{Address, is_name};
use super::answer::Connector;
use super::credentials::Named;
use super::crypto::Crypto;
use super::environment::variables;
use super::listing::{Asked, Listing};
use super::{Bucket, client, failure};
use crate::error::{Error, Result};

/// Where buckets are, if it is not said otherwise.
const GOOGLE: &str = "https://storage.googleapis.com";

/// The place that `gs://bucket/prefix` names.
pub(super) fn open(address: Address) -> Result<Bucket> {
    if !is_name(address.bucket, "-._") {
        return Err(address.wrong(
            "it must name a bucket, of letters, digits, `-`, `.` and `_`, as gs://BUCKET/PREFIX does",
        ));
    }
    let prefix = address.prefix()?;
    let mut builder = environment::builder(variables()).map_err(|what| address.wrong(&what))?;
    if environment::is_plain_abroad(&builder) {
        return Err(address.wrong(
            "GOOGLE_BASE_URL is plain http:// to another machine, where licenses and what signs for them can be read: \
             use https://, or say that it is wanted (GOOGLE_ALLOW_HTTP=true)",
        ));
    }
    let is_set = |key| builder.get_config_value(&Key::Client(key)).is_some();
    for (key, timeout) in client::timeouts(is_set).collect::<Vec<_>>() {
        builder = builder.with_config(Key::Client(key), timeout);
    }
    let none = credentials::missing(&builder);
    let base = builder.get_config_value(&Key::BaseUrl).unwrap_or_else(|| GOOGLE.to_owned());
    let builder = builder
        .with_bucket_name(address.bucket)
        .with_crypto_provider(Arc::new(Crypto))
        .with_http_connector(Connector)
        .with_retry(client::retries());
    let build = |builder: GoogleCloudStorageBuilder| {
        builder.build().map_err(|error| unfit(&address, error))
    };
    let mut store = build(builder.clone())?;
    if let Some(none) = none {
        let provider = Arc::clone(store.credentials());
        let named = match credentials::is_of_the_machine(none) {
            true => {
                // Where it is not there, nobody is to wait for it as for the store.
                let near = builder.clone().with_retry(client::near_retries());
                let near = client::near_timeouts()
                    .into_iter()
                    .fold(near, |near, (key, timeout)| near.with_config(Key::Client(key), timeout));
                Named::of_the_machine(provider, Arc::clone(build(near)?.credentials()), none)
            }
            false => Named::new(provider, none),
        };
        store = build(builder.with_credentials(Arc::new(named)))?;
    }
    let bucket = Url::parse(&format!("{base}/{}", address.bucket)).ok();
    let asked = bucket.map(|bucket| Asked::Bearer(Arc::clone(store.credentials()), bucket));
    let listing = asked.and_then(Listing::of);
    Ok(Bucket::with_listing(Arc::new(store), prefix, address.url(), listing))
}

/// That the environment does not fit. Of a file with credentials nothing is repeated but where it is wrong.
fn unfit(address: &Address, error: StoreError) -> Error {
    let first: &(dyn std::error::Error + 'static) = &error;
    let mut causes = std::iter::successors(Some(first), |error| (*error).source());
    let Some(json) = causes.find_map(<dyn std::error::Error>::downcast_ref::<serde_json::Error>)
    else {
        return failure::unfit(address, "GOOGLE_…", error);
    };
    address.wrong(&format!(
        "the environment (GOOGLE_…) does not fit: what it names, or what `gcloud` has left, is no file of a service \
         account's or of a user's credentials (line {}, column {}); others are not known",
        json.line(),
        json.column()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn addresses_that_are_none_are_refused() {
        for url in ["gs://", "gs:///a", "gs://u:p@bucket/a", "gs://bucket/a//b", "gs://bücket/a"] {
            let error = Bucket::open(url).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration, "{url}");
            assert!(error.message().starts_with(&*crate::masked(url)), "{error}");
        }
    }

    #[test]
    fn nothing_is_repeated_of_a_file_with_credentials() {
        for key in ["\"s3cret\"", "{\"s3cret\":", "{\"type\":\"s3cret\"}"] {
            let builder = GoogleCloudStorageBuilder::new().with_bucket_name("a");
            let error = builder.with_service_account_key(key).build().unwrap_err();
            let error = unfit(&Address::of("gs://a"), error);
            assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
            assert!(error.message().contains("(line 1, column "), "{error}");
        }
    }
}
