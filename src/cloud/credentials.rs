//! Where credentials for a store come from, and what to say where none come.
//!
//! `object_store` asks an instance's own service where nothing in the environment says otherwise, and tells of that
//! request alone when it fails.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey as Key, AwsCredential};
use object_store::{CredentialProvider, Error as StoreError};

type Provider = Arc<dyn CredentialProvider<Credential = AwsCredential>>;

/// Who is asked for credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    WebIdentity,
    Container,
    /// As nothing else is set.
    Instance,
}

impl Origin {
    /// Who `object_store` will ask; `None` where credentials, or a part of them, stand in the environment, or none
    /// are wanted.
    pub(super) fn of(builder: &AmazonS3Builder) -> Option<Self> {
        let is_set = |key| builder.get_config_value(&key).is_some();
        if is_set(Key::AccessKeyId) || is_set(Key::SecretAccessKey) {
            None
        } else if is_set(Key::WebIdentityTokenFile) && is_set(Key::RoleArn) {
            Some(Self::WebIdentity)
        } else if is_set(Key::ContainerCredentialsRelativeUri)
            || (is_set(Key::ContainerCredentialsFullUri)
                && is_set(Key::ContainerAuthorizationTokenFile))
        {
            Some(Self::Container)
        } else {
            Some(Self::Instance)
        }
    }
}

/// Asks `provider`, and names whom it asked where that gives none.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) provider: Provider,
    pub(super) origin: Origin,
}

#[async_trait::async_trait]
impl CredentialProvider for Named {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        self.provider.get_credential().await.map_err(|error| {
            let said = super::failure::said(&error);
            // It was not the store that was asked.
            let cause = match said.strip_prefix("the store ") {
                Some(what) => format!("the service that has it {what}"),
                None => said,
            };
            let none = NoCredentials { origin: self.origin, cause };
            StoreError::Generic { store: "S3", source: Box::new(none) }
        })
    }
}

/// There are no credentials to sign a request with.
#[derive(Debug)]
pub(super) struct NoCredentials {
    origin: Origin,
    cause: String,
}

impl fmt::Display for NoCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there are no credentials for the store: ")?;
        match self.origin {
            Origin::WebIdentity => f.write_str(
                "AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN are set, and no role is given for them",
            ),
            Origin::Container => f.write_str(
                "AWS_CONTAINER_CREDENTIALS_… names a service, and it gives none",
            ),
            Origin::Instance => f.write_str(
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; neither is set, nor is a web identity or a \
                 container's role, and this machine has no role of its own",
            ),
        }?;
        write!(f, " ({})", self.cause)
    }
}

impl StdError for NoCredentials {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_asked_is_who_the_crate_asks() {
        let of = |set: &[Key]| {
            let with = |builder: AmazonS3Builder, key: &Key| builder.with_config(*key, "x");
            Origin::of(&set.iter().fold(AmazonS3Builder::new(), with))
        };
        assert_eq!(of(&[]), Some(Origin::Instance));
        assert_eq!(of(&[Key::WebIdentityTokenFile]), Some(Origin::Instance));
        assert_eq!(of(&[Key::WebIdentityTokenFile, Key::RoleArn]), Some(Origin::WebIdentity));
        assert_eq!(of(&[Key::ContainerCredentialsRelativeUri]), Some(Origin::Container));
        assert_eq!(of(&[Key::AccessKeyId, Key::WebIdentityTokenFile, Key::RoleArn]), None);
    }
}
