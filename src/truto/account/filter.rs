//! Which accounts are wanted.

use std::fmt;
use std::str::FromStr;

use reqwest::Url;

use super::IntegratedAccount;
use crate::integration::is_same_name;

/// Which accounts to list: those that fit all that is said here. A list means any of its values, and an
/// empty one that nothing is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccountFilter {
    /// [`IntegratedAccount::tenant_id`].
    pub tenants: Vec<String>,
    /// [`IntegratedAccount::status`].
    pub statuses: Vec<AccountStatus>,
    /// [`AccountIntegration::name`](super::AccountIntegration::name). Here only letters and digits are
    /// compared, and not their case; how the API compares them is not documented.
    pub integrations: Vec<String>,
    /// [`IntegratedAccount::is_sandbox`].
    pub sandbox: Option<bool>,
    /// [`IntegratedAccount::environment_id`].
    pub environments: Vec<String>,
}

impl AccountFilter {
    /// Whether an account may be one of those wanted. What the API does not say of it is not held
    /// against it.
    ///
    /// The API is asked for these accounts only. Should it not know a filter and give others too,
    /// another customer's licenses would be read.
    pub fn takes(&self, account: &IntegratedAccount) -> bool {
        let fits = |wanted: &[String], value: Option<&str>| {
            wanted.is_empty() || value.is_none_or(|value| wanted.iter().any(|it| it == value))
        };
        let status = account.status.as_deref();
        fits(&self.tenants, account.tenant_id.as_deref())
            && (self.statuses.is_empty()
                || status.is_none_or(|status| self.statuses.iter().any(|it| it.as_str() == status)))
            && (self.integrations.is_empty()
                || account.integration_name().is_none_or(|name| {
                    self.integrations.iter().any(|wanted| is_same_name(wanted, name))
                }))
            && fits(&self.environments, account.environment_id.as_deref())
            && self.sandbox.is_none_or(|wanted| account.is_sandbox.is_none_or(|is| is == wanted))
    }

    /// Adds what is wanted to the query of `url`.
    pub(super) fn add_to(&self, url: &mut Url) {
        let statuses: Vec<_> =
            self.statuses.iter().map(|status| status.as_str().to_owned()).collect();
        let sandbox: Vec<_> = self.sandbox.iter().map(ToString::to_string).collect();
        for (field, values) in [
            ("tenant_id", &self.tenants),
            ("status", &statuses),
            ("integration.name", &self.integrations),
            ("is_sandbox", &sandbox),
            ("environment_id", &self.environments),
        ] {
            match values.as_slice() {
                [] => {}
                [value] => {
                    url.query_pairs_mut().append_pair(field, value);
                }
                values => {
                    let field = format!("{field}[in]");
                    url.query_pairs_mut().append_pair(&field, &values.join(","));
                }
            }
        }
    }
}

/// How an account may stand, as documented.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AccountStatus {
    /// Licenses can be asked for.
    Active,
    /// The customer has not ended the connecting.
    Connecting,
    /// What is done after the connecting failed.
    PostInstallError,
    /// What the customer typed in was not right.
    ValidationError,
    /// The customer must connect it anew.
    NeedsReauth,
}

impl AccountStatus {
    /// All that are documented.
    pub const ALL: [Self; 5] = [
        Self::Active,
        Self::Connecting,
        Self::PostInstallError,
        Self::ValidationError,
        Self::NeedsReauth,
    ];

    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Connecting => "connecting",
            Self::PostInstallError => "post_install_error",
            Self::ValidationError => "validation_error",
            Self::NeedsReauth => "needs_reauth",
        }
    }
}

impl fmt::Display for AccountStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for AccountStatus {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|status| status.as_str() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str).join(", ");
            format!("an account's status is one of {names}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_values_are_a_list() {
        let mut filter = AccountFilter { sandbox: Some(false), ..AccountFilter::default() };
        filter.tenants = vec!["a&b".to_owned(), "c".to_owned()];
        filter.statuses = vec![AccountStatus::NeedsReauth];
        let mut url = Url::parse("http://localhost/").unwrap();
        filter.add_to(&mut url);
        let query = "tenant_id%5Bin%5D=a%26b%2Cc&status=needs_reauth&is_sandbox=false";
        assert_eq!(url.query(), Some(query));
    }

    #[test]
    fn what_an_account_says_otherwise_is_not_taken() {
        let account = |json: &str| serde_json::from_str::<IntegratedAccount>(json).unwrap();
        let mut filter = AccountFilter { sandbox: Some(true), ..AccountFilter::default() };
        filter.integrations = vec!["github".to_owned()];
        assert!(filter.takes(&account(r#"{"id":"a"}"#)));
        for name in ["github", "GitHub", "Git-Hub"] {
            let listed = format!(r#"{{"id":"a","integration":{{"name":"{name}"}}}}"#);
            assert!(filter.takes(&account(&listed)), "{name}");
        }
        assert!(!filter.takes(&account(r#"{"id":"a","integration":{"name":"jira"}}"#)));
        assert!(!filter.takes(&account(r#"{"id":"a","is_sandbox":false}"#)));
    }
}
