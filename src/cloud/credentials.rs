//! What to say where a store's credentials come from none.
//!
//! `object_store` asks a service of the machine's own where nothing in the environment says otherwise, and tells of
//! that request alone when it fails.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use object_store::{CredentialProvider, Error as StoreError};

/// Asks `provider`, and says `none` of it where it gives none.
#[derive(Debug)]
pub(super) struct Named<C> {
    pub(super) provider: Arc<dyn CredentialProvider<Credential = C>>,
    /// Who was asked, and what could be set instead.
    pub(super) none: &'static str,
}

#[async_trait::async_trait]
impl<C: fmt::Debug + Send + Sync + 'static> CredentialProvider for Named<C> {
    type Credential = C;

    async fn get_credential(&self) -> object_store::Result<Arc<C>> {
        self.provider.get_credential().await.map_err(|error| {
            let said = super::failure::said(&error);
            // It was not the store that was asked.
            let cause = match said.strip_prefix("the store ") {
                Some(what) => format!("the service that has it {what}"),
                None => said,
            };
            let none = NoCredentials { none: self.none, cause };
            StoreError::Generic { store: "object", source: Box::new(none) }
        })
    }
}

/// There are no credentials to sign a request with.
#[derive(Debug)]
pub(super) struct NoCredentials {
    none: &'static str,
    cause: String,
}

impl fmt::Display for NoCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there are no credentials for the store: {} ({})", self.none, self.cause)
    }
}

impl StdError for NoCredentials {}
