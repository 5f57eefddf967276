//! What is asked for.

use reqwest::Url;

/// A request for the licenses of one integrated account, with
/// `truto_response_format=stream`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LicenseRequest {
    /// The integrated account whose licenses are wanted, a UUID.
    pub account: String,
    /// Leave `remote_data` out: the greatest saving of bytes.
    pub ignore_remote_data: bool,
    /// The page that is wanted, by the cursor that the page before bore; the first without one.
    pub next_cursor: Option<String>,
}

impl LicenseRequest {
    /// A request for all of an account's licenses.
    pub fn new(account: impl Into<String>) -> Self {
        Self { account: account.into(), ignore_remote_data: false, next_cursor: None }
    }

    pub(super) fn url(&self, base: &Url) -> Url {
        let mut url = base.clone();
        let path = format!("{}/unified/user-directory/licenses", base.path().trim_end_matches('/'));
        url.set_path(&path);
        let mut query = url.query_pairs_mut();
        query
            .append_pair("integrated_account_id", &self.account)
            .append_pair("truto_response_format", "stream");
        if self.ignore_remote_data {
            query.append_pair("truto_ignore_remote_data", "true");
        }
        if let Some(cursor) = &self.next_cursor {
            query.append_pair("next_cursor", cursor);
        }
        drop(query);
        url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_is_the_endpoint_s() {
        let base = Url::parse("https://api.truto.one/").unwrap();
        let mut request = LicenseRequest::new("a b");
        let endpoint = "https://api.truto.one/unified/user-directory/licenses?\
            integrated_account_id=a+b&truto_response_format=stream";
        assert_eq!(request.url(&base).as_str(), endpoint);
        request.ignore_remote_data = true;
        let url = request.url(&Url::parse("http://localhost:1/proxy").unwrap());
        assert_eq!(url.path(), "/proxy/unified/user-directory/licenses");
        assert!(url.as_str().ends_with("&truto_ignore_remote_data=true"));
        request.next_cursor = Some("a&b=".to_owned());
        assert!(request.url(&base).as_str().ends_with("&next_cursor=a%26b%3D"));
    }
}
