//! Azure Blob Storage, as the environment describes it.

mod credentials;
mod environment;

use std::sync::Arc;

use object_store::azure::{AzureConfigKey as Key, MicrosoftAzureBuilder};

use super::address::{Address, is_name};
use super::answer::Connector;
use super::credentials::Named;
use super::crypto::Crypto;
use super::environment::variables;
use super::{Bucket, client, failure};
use crate::error::Result;

/// What hosts of accounts end with: of one and the same blobs, by two protocols.
const HOSTS: [&str; 2] = [".blob.core.windows.net", ".dfs.core.windows.net"];

/// The place that `az://container/prefix` names, or `abfss://container@account.dfs.core.windows.net/prefix`.
pub(super) fn open(address: Address) -> Result<Bucket> {
    let (container, account) = match address.bucket.split_once('@') {
        Some((container, host)) => (container, Some(account(host))),
        None => (address.bucket, None),
    };
    // `$web` and `$logs` are containers too.
    if !is_name(container.strip_prefix('$').unwrap_or(container), "-") {
        return Err(address.wrong(
            "it must name a container, of letters, digits and `-`, as az://CONTAINER/PREFIX does",
        ));
    }
    let prefix = address.prefix()?;
    let mut builder = environment::builder(variables()).map_err(|what| address.wrong(&what))?;
    match account {
        Some(Some(account)) => builder = builder.with_account(account),
        Some(None) => {
            return Err(address.wrong(
                "what is behind the `@` must be an account's host, as in \
                 abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/PREFIX",
            ));
        }
        None => {}
    }
    if !environment::has_account(&builder) {
        return Err(address.wrong(
            "it does not say of which account the container is: set AZURE_STORAGE_ACCOUNT_NAME, or name it as \
             abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/PREFIX does",
        ));
    }
    if let Some(variable) = environment::plain_abroad(&builder) {
        return Err(address.wrong(&format!(
            "{variable} is plain http:// to another machine, where licenses and what signs for them can be read: \
             use https://, or say that it is wanted (AZURE_ALLOW_HTTP=true)"
        )));
    }
    let is_set = |key| builder.get_config_value(&Key::Client(key)).is_some();
    for (key, timeout) in client::timeouts(is_set).collect::<Vec<_>>() {
        builder = builder.with_config(Key::Client(key), timeout);
    }
    let none = credentials::missing(&builder);
    let builder = builder
        .with_container_name(container)
        .with_crypto_provider(Arc::new(Crypto))
        .with_http_connector(Connector)
        .with_retry(client::retries());
    let build = |builder: MicrosoftAzureBuilder| {
        builder.build().map_err(|error| failure::unfit(&address, "AZURE_…", error))
    };
    let mut store = build(builder.clone())?;
    if let Some(none) = none {
        let provider = Arc::clone(store.credentials());
        store = build(builder.with_credentials(Arc::new(Named::new(provider, none))))?;
    }
    Ok(Bucket::staged(Arc::new(store), prefix, address.url()))
}

/// Whose host it is.
fn account(host: &str) -> Option<&str> {
    let account = HOSTS.iter().find_map(|end| host.strip_suffix(end))?;
    is_name(account, "-").then_some(account)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn addresses_that_are_none_are_refused() {
        for url in [
            "az://",
            "az:///a",
            "az://user:p@account.dfs.core.windows.net/a",
            "az://container@account/a",
            "abfss://container@account.dfs.core.windows.net.example/a",
            "abfss://container@a.b.dfs.core.windows.net/a",
            "az://container@account.blob.core.windows.net/a//b",
            "az://my container/a",
            "azure://bücket/a",
        ] {
            let error = Bucket::open(url).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration, "{url}");
            assert!(error.message().starts_with(&*crate::masked(url)), "{error}");
        }
    }

    #[test]
    fn an_account_may_stand_in_the_address() {
        assert_eq!(account("lake.dfs.core.windows.net"), Some("lake"));
        assert_eq!(account("lake-secondary.blob.core.windows.net"), Some("lake-secondary"));
        assert_eq!(account("dfs.core.windows.net"), None);
    }
}
