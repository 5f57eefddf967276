//! Pages of accounts.

use std::collections::{HashSet, VecDeque};

use futures_util::{Stream, stream};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{AccountFilter, IntegratedAccount};
use crate::digest::{Digest, Digester};
use crate::error::{Error, ErrorKind, Result};
use crate::insight::Insight;
use crate::truto::TrutoClient;
use crate::truto::cursors::Cursors;

/// Longest page, in bytes; the vendor's default of some hundred accounts is far below.
const MAX_PAGE: usize = 32 << 20;

/// Pages in a row without an account that was not there before: no listing has so many that is not without an end.
const MAX_EMPTY_PAGES: u32 = 1_000;

impl TrutoClient {
    /// The accounts that fit `filter`, asked for page by page while they are taken.
    ///
    /// An account that is listed twice, as where pages shift while they are read, is given once, as it
    /// was listed first; for that, a digest of each id is kept.
    ///
    /// The stream ends with the last page, or behind an error: those of every request, and
    /// [`ErrorKind::Upstream`] where a page is no list of accounts, is longer than 32 MiB, or bears
    /// a cursor that was there before, or where 1,000 pages in a row have no further account. Where the API says that its list is not whole
    /// (`is_partial_response`), the accounts of all pages are given, and behind them an error of that
    /// kind.
    ///
    /// ```no_run
    /// # async fn example(client: license_stream::truto::TrutoClient) -> license_stream::Result<()> {
    /// use futures_util::TryStreamExt;
    /// use license_stream::truto::{AccountFilter, AccountStatus};
    ///
    /// let mut filter = AccountFilter::default();
    /// filter.statuses = vec![AccountStatus::NeedsReauth];
    /// let mut accounts = std::pin::pin!(client.accounts(filter));
    /// while let Some(account) = accounts.try_next().await? {
    ///     println!("{} must be connected anew", account.id);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn accounts(
        &self,
        filter: AccountFilter,
    ) -> impl Stream<Item = Result<IntegratedAccount>> + Send + use<> {
        let listing = Listing {
            client: self.clone(),
            filter,
            page: VecDeque::new(),
            next: Some(None),
            cursors: Cursors::default(),
            given: HashSet::new(),
            pages_of_nothing: 0,
            is_partial: false,
        };
        stream::try_unfold(listing, |mut listing| async {
            let account = listing.next().await;
            let account =
                account.map_err(|error| error.saying_first("the accounts could not be listed"))?;
            Ok(account.map(|account| (account, listing)))
        })
    }
}

/// A listing, as far as it was read.
struct Listing {
    client: TrutoClient,
    filter: AccountFilter,
    /// What is left of the page in hand.
    page: VecDeque<IntegratedAccount>,
    /// The cursor of the next page, none for the first; `None` behind the last.
    next: Option<Option<String>>,
    cursors: Cursors,
    /// Digests of the ids so far: 16 bytes an account.
    given: HashSet<Digest>,
    /// Pages in a row that had no account that was not there before.
    pages_of_nothing: u32,
    /// Whether the API said of a page that something is missing.
    is_partial: bool,
}

/// A page, as far as it is of use.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, alias = "results")]
    result: Vec<&'a RawValue>,
    #[serde(default)]
    next_cursor: Option<String>,
    /// Anything but `false` says that it is, as with licenses.
    #[serde(default)]
    is_partial_response: Value,
}

/// What a page says.
struct Page {
    accounts: Vec<IntegratedAccount>,
    next_cursor: Option<String>,
    is_partial: bool,
}

impl Listing {
    async fn next(&mut self) -> Result<Option<IntegratedAccount>> {
        loop {
            if let Some(account) = self.page.pop_front() {
                return Ok(Some(account));
            }
            let Some(cursor) = self.next.take() else { return self.end() };
            self.read_page(cursor.as_deref()).await?;
        }
    }

    /// Behind the last account.
    fn end(&mut self) -> Result<Option<IntegratedAccount>> {
        if std::mem::take(&mut self.is_partial) {
            let message = "the API says that its list of accounts is not whole \
                (is_partial_response): accounts may be missing, so run it again later";
            return Err(Error::new(ErrorKind::Upstream, message));
        }
        Ok(None)
    }

    /// An empty page that bears a cursor is not the end.
    async fn read_page(&mut self, cursor: Option<&str>) -> Result<()> {
        let mut url = self.client.url("integrated-account");
        self.filter.add_to(&mut url);
        if let Some(cursor) = cursor {
            url.query_pairs_mut().append_pair("next_cursor", cursor);
        }
        let body = self.client.get_whole(&url, None, MAX_PAGE).await?;
        let page = read(&body).map_err(|error| self.client.token.strip_error(error))?;
        self.is_partial |= page.is_partial;
        let count = self.given.len();
        for account in page.accounts {
            if self.given.insert(digest(&account.id)) && self.filter.takes(&account) {
                self.page.push_back(account);
            }
        }
        self.pages_of_nothing =
            if self.given.len() > count { 0 } else { self.pages_of_nothing + 1 };
        self.next = match page.next_cursor {
            Some(cursor) if !cursor.is_empty() => {
                if !self.cursors.add(&cursor) {
                    let message =
                        "a cursor came a second time: the pages of accounts lead in a circle";
                    return Err(Error::new(ErrorKind::Upstream, message));
                }
                if self.pages_of_nothing == MAX_EMPTY_PAGES {
                    let message = format!(
                        "{MAX_EMPTY_PAGES} pages in a row had no further account, and each the cursor of a further one: \
                         the listing seems to have no end"
                    );
                    return Err(Error::new(ErrorKind::Upstream, message));
                }
                Some(Some(cursor))
            }
            _ => None,
        };
        Ok(())
    }
}

/// Reads a page.
fn read(body: &[u8]) -> Result<Page> {
    let no_list = |_| {
        // The cause is left out: it could show what it stumbled over.
        let message = match Insight::of(body).words() {
            None => "the API's answer is no list of accounts: the base URL may be wrong".to_owned(),
            Some(words) => {
                format!("the API's answer is no list of accounts, but an error ({words})")
            }
        };
        Error::new(ErrorKind::Upstream, message)
    };
    let body = body.trim_ascii_start();
    let (accounts, next_cursor, said) = if body.starts_with(b"[") {
        // No documentation has a bare list; it could still be what one gets.
        (serde_json::from_slice(body).map_err(no_list)?, None, Value::Null)
    } else {
        let page: Envelope<'_> = serde_json::from_slice(body).map_err(no_list)?;
        (page.result, page.next_cursor, page.is_partial_response)
    };
    let accounts: Vec<&RawValue> = accounts;
    let accounts = accounts.into_iter().map(|account| {
        serde_json::from_str(account.get()).map_err(|_| {
            let message = "the API's list of accounts has one without an id";
            Error::new(ErrorKind::Upstream, message)
        })
    });
    let is_partial = !matches!(said, Value::Null | Value::Bool(false));
    Ok(Page { accounts: accounts.collect::<Result<_>>()?, next_cursor, is_partial })
}

/// Tells an account by its id; the case of its letters makes no other one.
fn digest(id: &str) -> Digest {
    let mut digester = Digester::default();
    digester.update(id.to_ascii_lowercase().as_bytes());
    digester.digest()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reading_of_a_page_gives_its_accounts() {
        for (page, cursor) in [
            (r#"{"result":[{"id":"a"}],"next_cursor":null}"#, None),
            (r#"{"results":[{"id":"a","context":7}],"prev_cursor":"p"}"#, None),
            (r#"{"next_cursor":"c","result":[{"id":"a","tenant_id":7}]}"#, Some("c")),
            (r#"[{"id":"a","integration":"github","created_at":"soon"}]"#, None),
        ] {
            let Page { accounts, next_cursor: next, is_partial } = read(page.as_bytes()).unwrap();
            assert!(!is_partial, "{page}");
            assert_eq!((accounts.len(), &*accounts[0].id), (1, "a"), "{page}");
            assert_eq!(next.as_deref(), cursor, "{page}");
            assert_eq!(
                accounts[0],
                IntegratedAccount {
                    id: "a".into(),
                    integration: accounts[0].integration.clone(),
                    ..Default::default()
                }
            );
        }
        for broken in ["", "<html>", "{}", r#"{"result":{}}"#, r#"{"result":[{"id":""}]}"#, "[7]"] {
            let error = read(broken.as_bytes()).err().expect("no page");
            assert_eq!(error.kind(), ErrorKind::Upstream, "{broken}");
        }
    }

    #[test]
    fn a_page_is_partial_unless_it_says_otherwise() {
        for (said, is_partial) in [("null", false), ("false", false), ("true", true), ("1", true)] {
            let page = format!(r#"{{"result":[{{"id":"a"}}],"is_partial_response":{said}}}"#);
            let page = read(page.as_bytes()).unwrap();
            assert_eq!((page.accounts.len(), page.is_partial), (1, is_partial), "{said}");
        }
    }
}
