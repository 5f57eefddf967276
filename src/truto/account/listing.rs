//! Pages of accounts.

use std::collections::{HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use futures_util::{Stream, stream};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{AccountFilter, IntegratedAccount};
use crate::error::{Error, ErrorKind, Result};
use crate::truto::TrutoClient;

/// Longest page, in bytes; the vendor's default of some hundred accounts is far below.
const MAX_PAGE: usize = 32 << 20;

impl TrutoClient {
    /// The accounts that fit `filter`, asked for page by page while they are taken.
    ///
    /// The stream ends with the last page, or behind an error: those of every request, and
    /// [`ErrorKind::Upstream`] where a page is no list of accounts, is longer than 32 MiB, or bears
    /// a cursor that was there before.
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
            seen: HashSet::new(),
        };
        stream::try_unfold(listing, |mut listing| async {
            let account = listing.next().await?;
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
    /// Hashes of the cursors so far: eight bytes a page.
    seen: HashSet<u64>,
}

/// A page, as far as it is of use.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, alias = "results")]
    result: Vec<&'a RawValue>,
    #[serde(default)]
    next_cursor: Option<String>,
}

impl Listing {
    async fn next(&mut self) -> Result<Option<IntegratedAccount>> {
        loop {
            if let Some(account) = self.page.pop_front() {
                return Ok(Some(account));
            }
            let Some(cursor) = self.next.take() else { return Ok(None) };
            self.read_page(cursor.as_deref()).await?;
        }
    }

    /// An empty page that bears a cursor is not the end.
    async fn read_page(&mut self, cursor: Option<&str>) -> Result<()> {
        let mut url = self.client.url("integrated-account");
        self.filter.add_to(&mut url);
        if let Some(cursor) = cursor {
            url.query_pairs_mut().append_pair("next_cursor", cursor);
        }
        let body = self.client.get_whole(&url, None, MAX_PAGE).await?;
        let (records, next) = read(&body)?;
        self.page.extend(records.into_iter().filter(|account| self.filter.takes(account)));
        self.next = match next {
            Some(cursor) if !cursor.is_empty() => {
                if !self.seen.insert(hash(&cursor)) {
                    let message =
                        "a cursor came a second time: the pages of accounts lead in a circle";
                    return Err(Error::new(ErrorKind::Upstream, message));
                }
                Some(Some(cursor))
            }
            _ => None,
        };
        Ok(())
    }
}

/// The accounts of a page, and its cursor.
fn read(body: &[u8]) -> Result<(Vec<IntegratedAccount>, Option<String>)> {
    let no_list = |_| {
        // The cause is left out: it could show what it stumbled over.
        let message = "the API's answer is no list of accounts: the base URL may be wrong";
        Error::new(ErrorKind::Upstream, message)
    };
    let body = body.trim_ascii_start();
    let (accounts, cursor) = if body.starts_with(b"[") {
        // No documentation has a bare list; it could still be what one gets.
        (serde_json::from_slice(body).map_err(no_list)?, None)
    } else {
        let page: Envelope<'_> = serde_json::from_slice(body).map_err(no_list)?;
        (page.result, page.next_cursor)
    };
    let accounts: Vec<&RawValue> = accounts;
    let accounts = accounts.into_iter().map(|account| {
        serde_json::from_str(account.get()).map_err(|_| {
            let message = "the API's list of accounts has one without an id";
            Error::new(ErrorKind::Upstream, message)
        })
    });
    Ok((accounts.collect::<Result<_>>()?, cursor))
}

fn hash(cursor: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    cursor.hash(&mut hasher);
    hasher.finish()
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
            let (accounts, next) = read(page.as_bytes()).unwrap();
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
            let error = read(broken.as_bytes()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Upstream, "{broken}");
        }
    }
}
