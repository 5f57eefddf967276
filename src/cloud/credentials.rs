//! What to say where a store's credentials come from none.
//!
//! `object_store` asks a service of the machine's own where nothing in the environment says otherwise, and tells of
//! that request alone when it fails.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use object_store::{CredentialProvider, Error as StoreError};

/// Asks `provider`, and says `none` of it where it gives none.
#[derive(Debug)]
pub(super) struct Named<C> {
    provider: Arc<dyn CredentialProvider<Credential = C>>,
    /// The same, asked with less patience, until it has given some: it may not be there at all.
    first: Option<Arc<dyn CredentialProvider<Credential = C>>>,
    has_given: AtomicBool,
    /// Who was asked, and what could be set instead.
    none: &'static str,
}

impl<C> Named<C> {
    pub(super) fn new(
        provider: Arc<dyn CredentialProvider<Credential = C>>,
        none: &'static str,
    ) -> Self {
        Self { provider, first: None, has_given: AtomicBool::new(false), none }
    }

    /// One of a service that this machine may have: `first` is it too.
    pub(super) fn of_the_machine(
        provider: Arc<dyn CredentialProvider<Credential = C>>,
        first: Arc<dyn CredentialProvider<Credential = C>>,
        none: &'static str,
    ) -> Self {
        Self { first: Some(first), ..Self::new(provider, none) }
    }

    fn asked(&self) -> &Arc<dyn CredentialProvider<Credential = C>> {
        match &self.first {
            Some(first) if !self.has_given.load(Ordering::Relaxed) => first,
            _ => &self.provider,
        }
    }
}

#[async_trait::async_trait]
impl<C: fmt::Debug + Send + Sync + 'static> CredentialProvider for Named<C> {
    type Credential = C;

    async fn get_credential(&self) -> object_store::Result<Arc<C>> {
        let given = self.asked().get_credential().await;
        self.has_given.fetch_or(given.is_ok(), Ordering::Relaxed);
        given.map_err(|error| {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Service(Option<u32>);

    #[async_trait::async_trait]
    impl CredentialProvider for Service {
        type Credential = u32;

        async fn get_credential(&self) -> object_store::Result<Arc<u32>> {
            let none = || StoreError::Generic { store: "object", source: "away".into() };
            self.0.map(Arc::new).ok_or_else(none)
        }
    }

    #[tokio::test]
    async fn who_may_not_be_there_is_asked_with_little_patience_until_it_has_answered() {
        let service = |gives| Arc::new(Service(gives));
        let named = Named::of_the_machine(service(Some(2)), service(Some(1)), "none is set");
        assert_eq!(*named.get_credential().await.unwrap(), 1);
        assert_eq!(*named.get_credential().await.unwrap(), 2);
        let named = Named::of_the_machine(service(Some(2)), service(None), "none is set");
        for _ in 0..2 {
            let told = named.get_credential().await.unwrap_err().to_string();
            assert!(told.contains("none is set"), "{told}");
        }
    }
}
