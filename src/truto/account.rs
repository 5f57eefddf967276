//! Integrated accounts: which there are, and which of them have licenses.
//!
//! `GET /integrated-account`, and below it `/{id}` and `/{id}/capabilities`, of Truto's API.

mod capabilities;
mod filter;
mod listing;
mod one;

use serde::{Deserialize, Deserializer, Serialize};

use crate::timestamp::Timestamp;
pub use capabilities::LicenseSupport;
pub use filter::{AccountFilter, AccountStatus};

/// A customer's connection to one integration, after Truto's documentation of
/// `GET /integrated-account`.
///
/// Only [`id`](Self::id) is certain. A field that is absent, `null` or of another type than
/// documented is `None`. The API gives a `context` too, which may hold a customer's settings and
/// secrets: it is never read.
///
/// ```
/// use license_stream::truto::IntegratedAccount;
///
/// let json = r#"{"id":"62f4","status":"active","is_sandbox":"?","context":{"api_key":"s3cret"},
///     "integration":{"name":"github"},"created_at":"2024-09-01 10:00:00"}"#;
/// let account: IntegratedAccount = serde_json::from_str(json)?;
/// assert_eq!(account.integration.unwrap().name.as_deref(), Some("github"));
/// assert_eq!(account.created_at, Some("2024-09-01T10:00:00Z".parse().unwrap()));
/// assert_eq!(account.is_sandbox, None);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct IntegratedAccount {
    /// Identifies the account; a UUID.
    #[serde(deserialize_with = "id")]
    pub id: String,
    /// The customer that it belongs to, as whoever uses Truto calls them.
    #[serde(default, deserialize_with = "or_none")]
    pub tenant_id: Option<String>,
    /// The Truto environment that it belongs to.
    #[serde(default, deserialize_with = "or_none")]
    pub environment_id: Option<String>,
    /// How it stands; see [`AccountStatus`] for what is documented.
    #[serde(default, deserialize_with = "or_none")]
    pub status: Option<String>,
    /// Whether it is for trying things out.
    #[serde(default, deserialize_with = "or_none")]
    pub is_sandbox: Option<bool>,
    /// How it was connected, such as `oauth2`.
    #[serde(default, deserialize_with = "or_none")]
    pub authentication_method: Option<String>,
    /// Where its data is kept.
    #[serde(default, deserialize_with = "or_none")]
    pub region: Option<String>,
    /// What it is connected to.
    #[serde(default, deserialize_with = "or_none")]
    pub integration: Option<AccountIntegration>,
    /// When it was connected.
    #[serde(default, deserialize_with = "or_none")]
    pub created_at: Option<Timestamp>,
    /// When it was last changed.
    #[serde(default, deserialize_with = "or_none")]
    pub updated_at: Option<Timestamp>,
}

/// What an account is connected to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct AccountIntegration {
    /// Identifies the integration.
    #[serde(default, deserialize_with = "or_none")]
    pub id: Option<String>,
    /// Its name, such as `github`.
    #[serde(default, deserialize_with = "or_none")]
    pub name: Option<String>,
    /// Its kind.
    #[serde(default, deserialize_with = "or_none")]
    pub category: Option<String>,
}

impl IntegratedAccount {
    /// The name of what it is connected to, if it is known.
    pub fn integration_name(&self) -> Option<&str> {
        self.integration.as_ref()?.name.as_deref()
    }
}

/// An account without an id cannot be asked for anything.
fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let id = String::deserialize(deserializer)?;
    if id.is_empty() { Err(serde::de::Error::custom("id is empty")) } else { Ok(id) }
}

/// A value of another type than documented is as good as none.
fn or_none<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Value<T> {
        Known(T),
        Other(serde::de::IgnoredAny),
    }

    Ok(match Value::deserialize(deserializer)? {
        Value::Known(value) => Some(value),
        Value::Other(_) => None,
    })
}
