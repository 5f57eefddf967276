//! What is asked for.
//!
//! All that the endpoint's page documents. Objects and lists are written in brackets, which are
//! percent-encoded, as Truto's own SDKs do it.

mod check;
mod remote_query;

use std::num::NonZeroU64;

use reqwest::Url;

use crate::error::Error;
pub use remote_query::{QueryValue, RemoteQuery};

/// A request for the licenses of one integrated account.
///
/// Fields that are at their defaults are not sent. What contradicts itself is refused before anything
/// is sent: see [`check`](Self::check).
///
/// ```
/// use license_stream::Integration;
/// use license_stream::truto::{LicenseRequest, ResponseFormat};
///
/// let mut request = LicenseRequest::new("62f44730-dd91-461e-bd6a-aedd9e0ad79d");
/// request.format = ResponseFormat::Unified;
/// request.ignore_remote_data = true;
///
/// let github = Integration::by_name("GitHub").expect("one of the documented integrations");
/// let error = request.check_for(github).unwrap_err();
/// assert!(error.message().starts_with("GitHub needs an organization_id: set it (--organization-id;"));
///
/// request.organization_id = Some("acme".to_owned());
/// request.check_for(github)?;
/// # Ok::<(), license_stream::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LicenseRequest {
    /// The integrated account whose licenses are wanted, a UUID. `None` with a token that is scoped to
    /// one account.
    pub account: Option<String>,
    /// How the API is to answer.
    pub format: ResponseFormat,
    /// The `Accept` header, in place of one that suits the format: what it does to a streamed answer, Truto does not
    /// document.
    pub accept: Option<String>,
    /// The most licenses that one page is to have; all pages are read all the same. Truto documents
    /// neither what it is by default nor how large it may be.
    pub limit: Option<NonZeroU64>,
    /// The page to begin with, by the cursor that the page before bore; the first without one. An
    /// empty one counts as none.
    pub next_cursor: Option<String>,
    /// Let the result be an object, with the licenses under the values of this field. Licenses that
    /// share a value replace one another, so that all but one of them are lost; `id` alone is safe.
    pub key_by: Option<String>,
    /// Let the API ignore a limit.
    pub ignore_limit: bool,
    /// Leave `remote_data` out: the greatest saving of bytes.
    pub ignore_remote_data: bool,
    /// Fields of a license to leave out. `id` cannot be one.
    pub excluded_fields: Vec<String>,
    /// The organization within the integration. Cisco Meraki, ClickUp and GitHub need it.
    pub organization_id: Option<String>,
    /// The product within the integration. Microsoft 365 needs it.
    pub product: Option<Product>,
    /// Parameters for the provider's own API.
    pub remote_query: RemoteQuery,
}

/// What Truto makes of the provider's answer: `truto_response_format`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ResponseFormat {
    /// Unified licenses, sent while they are read.
    #[default]
    Stream,
    /// Unified licenses, page by page.
    Unified,
    /// Unified licenses in what Truto calls a normalized format; how it differs is not documented.
    Normalized,
    /// The provider's own answer, of no known form. It need hold no licenses, is one record as a
    /// whole, and has no further pages that could be told: see
    /// [`Shape::Document`](crate::frame::Shape::Document).
    Raw,
}

impl ResponseFormat {
    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Unified => "unified",
            Self::Normalized => "normalized",
            Self::Raw => "raw",
        }
    }
}

/// A product that licenses are read from: `product`. What a license contains is
/// [`license::Product`](crate::license::Product).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Product {
    /// `azure_active_directory`
    AzureActiveDirectory,
    /// `onedrive`
    OneDrive,
}

impl Product {
    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AzureActiveDirectory => "azure_active_directory",
            Self::OneDrive => "onedrive",
        }
    }
}

impl LicenseRequest {
    /// A request for all licenses of an account.
    pub fn new(account: impl Into<String>) -> Self {
        Self { account: Some(account.into()), ..Self::default() }
    }

    /// A request for all licenses of the account that the token is scoped to.
    pub fn of_token() -> Self {
        Self::default()
    }

    /// `error` with the account that it is about, where it is known.
    pub(super) fn named(&self, error: Error) -> Error {
        match &self.account {
            Some(account) => error.of_account(&**account),
            None => error,
        }
    }

    /// What is accepted as an answer.
    pub(super) fn accepted(&self) -> &str {
        if let Some(accept) = &self.accept {
            return accept;
        }
        match self.format {
            ResponseFormat::Stream => "application/x-ndjson, application/json",
            ResponseFormat::Unified | ResponseFormat::Normalized => "application/json",
            ResponseFormat::Raw => "application/json, */*;q=0.1",
        }
    }

    /// What is sent: the name and the value of each parameter, as they are before they are encoded. Those
    /// of `remote_query` are between the user and the provider, and may be secrets.
    pub fn parameters(&self) -> Vec<(String, String)> {
        let mut parameters = Vec::new();
        let mut text = |name: &str, value: Option<&str>| {
            if let Some(value) = value {
                parameters.push((name.to_owned(), value.to_owned()));
            }
        };
        let flag = |is_set: bool| is_set.then_some("true");
        text("integrated_account_id", self.account.as_deref());
        text("truto_response_format", Some(self.format.as_str()));
        text("organization_id", self.organization_id.as_deref());
        text("product", self.product.map(Product::as_str));
        text("limit", self.limit.map(|limit| limit.to_string()).as_deref());
        text("truto_ignore_limit", flag(self.ignore_limit));
        text("truto_ignore_remote_data", flag(self.ignore_remote_data));
        for field in &self.excluded_fields {
            text("truto_exclude_fields[]", Some(field));
        }
        text("truto_key_by", self.key_by.as_deref());
        for (name, value) in self.remote_query.pairs() {
            let (first, members) = name.split_at(name.find('[').unwrap_or(name.len()));
            text(&format!("remote_query[{first}]{members}"), Some(value));
        }
        text("next_cursor", self.next_cursor.as_deref().filter(|cursor| !cursor.is_empty()));
        parameters
    }

    pub(super) fn url(&self, base: &Url) -> Url {
        let mut url = base.clone();
        let path = format!("{}/unified/user-directory/licenses", base.path().trim_end_matches('/'));
        url.set_path(&path);
        url.query_pairs_mut().extend_pairs(self.parameters());
        // A space as `+` is understood by readers of forms only, and `%20` by all. A plus sign itself
        // is percent-encoded, so none of these is one.
        let query = url.query().map(|query| query.replace('+', "%20"));
        url.set_query(query.as_deref());
        url
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BASE: &str = "https://api.truto.one/";

    fn url(request: &LicenseRequest) -> Url {
        request.url(&Url::parse(BASE).unwrap())
    }

    /// What is sent beyond the account `a`.
    fn sent(change: impl FnOnce(&mut LicenseRequest)) -> String {
        let mut request = LicenseRequest::new("a");
        change(&mut request);
        let url = url(&request);
        let start = "integrated_account_id=a&truto_response_format=";
        url.query().unwrap().strip_prefix(start).unwrap().to_owned()
    }

    #[test]
    fn the_url_is_the_endpoint_s() {
        let endpoint = "https://api.truto.one/unified/user-directory/licenses?\
            integrated_account_id=a%20b&truto_response_format=stream";
        assert_eq!(url(&LicenseRequest::new("a b")).as_str(), endpoint);
        let below =
            LicenseRequest::of_token().url(&Url::parse("http://localhost:1/proxy").unwrap());
        assert_eq!(below.path(), "/proxy/unified/user-directory/licenses");
        assert_eq!(below.query(), Some("truto_response_format=stream"));
    }

    #[test]
    fn each_parameter_has_its_documented_form() {
        type Change = fn(&mut LicenseRequest);
        let cases: [(Change, &str); 15] = [
            (|_| {}, "stream"),
            (|request| request.format = ResponseFormat::Unified, "unified"),
            (|request| request.format = ResponseFormat::Normalized, "normalized"),
            (|request| request.format = ResponseFormat::Raw, "raw"),
            (|request| request.limit = NonZeroU64::new(50), "stream&limit=50"),
            (|request| request.ignore_limit = true, "stream&truto_ignore_limit=true"),
            (|request| request.ignore_remote_data = true, "stream&truto_ignore_remote_data=true"),
            (
                |request| request.excluded_fields = vec!["name".to_owned(), "roles".to_owned()],
                "stream&truto_exclude_fields%5B%5D=name&truto_exclude_fields%5B%5D=roles",
            ),
            (|request| request.key_by = Some("id".to_owned()), "stream&truto_key_by=id"),
            (
                |request| request.organization_id = Some("a&b".to_owned()),
                "stream&organization_id=a%26b",
            ),
            (
                |request| request.product = Some(Product::AzureActiveDirectory),
                "stream&product=azure_active_directory",
            ),
            (|request| request.product = Some(Product::OneDrive), "stream&product=onedrive"),
            (
                |request| request.next_cursor = Some("a+b=".to_owned()),
                "stream&next_cursor=a%2Bb%3D",
            ),
            (|request| request.next_cursor = Some(String::new()), "stream"),
            (
                |request| {
                    for name in ["foo", "a[b c][d]", "e[]", "e[]"] {
                        request.remote_query.add(name, "1").unwrap();
                    }
                },
                "stream&remote_query%5Ba%5D%5Bb%20c%5D%5Bd%5D=1&remote_query%5Be%5D%5B%5D=1\
                 &remote_query%5Be%5D%5B%5D=1&remote_query%5Bfoo%5D=1",
            ),
        ];
        for (change, query) in cases {
            assert_eq!(sent(change), query);
        }
    }

    /// A request with any texts in it.
    fn any_request() -> impl Strategy<Value = LicenseRequest> {
        let text = || proptest::option::of(any::<String>());
        let member = "[^\\[\\]]{1,5}";
        let remote = proptest::collection::btree_map(
            (member, proptest::collection::vec(member, 0..3), any::<bool>())
                .prop_map(|(first, rest, is_list)| (first, (rest, is_list)))
                .prop_map(|(first, (rest, is_list))| {
                    let rest: String = rest.iter().map(|name| format!("[{name}]")).collect();
                    format!("{first}{rest}{}", if is_list { "[]" } else { "" })
                }),
            any::<String>(),
            0..4,
        );
        let texts = (text(), text(), text(), text());
        let fields = proptest::collection::vec(any::<String>(), 0..3);
        (texts, fields, remote, any::<(u64, bool, bool)>()).prop_map(
            |((account, cursor, key_by, organization), fields, remote, (limit, all, data))| {
                let mut query = RemoteQuery::default();
                for (name, value) in remote {
                    // Names may contradict one another: what was taken is what counts.
                    let _ = query.add(&name, value);
                }
                LicenseRequest {
                    account,
                    next_cursor: cursor.filter(|cursor| !cursor.is_empty()),
                    key_by,
                    organization_id: organization,
                    excluded_fields: fields,
                    limit: NonZeroU64::new(limit),
                    ignore_limit: all,
                    ignore_remote_data: data,
                    remote_query: query,
                    ..LicenseRequest::default()
                }
            },
        )
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out_of_a_url_parser(request in any_request()) {
            let url = url(&request);
            let query = url.query().unwrap();
            prop_assert!(query.bytes().all(|byte| byte.is_ascii_graphic()), "{query}");
            prop_assert!(!query.contains(['+', '[', ']', '#']), "{query}");
            let again = Url::parse(url.as_str()).unwrap();
            let pairs: Vec<(String, String)> = again.query_pairs().into_owned().collect();
            let value = |name: &str| {
                let mut values = pairs.iter().filter(|(given, _)| given == name);
                let value = values.next().map(|(_, value)| value.clone());
                assert!(values.next().is_none(), "{name} came twice");
                value
            };
            let flag = |name: &str| value(name).is_some_and(|value| value == "true");
            prop_assert_eq!(value("integrated_account_id"), request.account);
            prop_assert_eq!(value("next_cursor"), request.next_cursor);
            prop_assert_eq!(value("truto_key_by"), request.key_by);
            prop_assert_eq!(value("organization_id"), request.organization_id);
            prop_assert_eq!(value("limit"), request.limit.map(|limit| limit.to_string()));
            prop_assert_eq!(flag("truto_ignore_limit"), request.ignore_limit);
            prop_assert_eq!(flag("truto_ignore_remote_data"), request.ignore_remote_data);
            let fields = pairs.iter().filter(|(name, _)| name == "truto_exclude_fields[]");
            let fields: Vec<_> = fields.map(|(_, field)| field.clone()).collect();
            prop_assert_eq!(fields, request.excluded_fields);
            let mut remote = RemoteQuery::default();
            for (name, value) in &pairs {
                if let Some(rest) = name.strip_prefix("remote_query[") {
                    let (first, members) = rest.split_once(']').unwrap();
                    remote.add(&format!("{first}{members}"), value.clone()).unwrap();
                }
            }
            prop_assert_eq!(remote, request.remote_query);
        }
    }
}
