//! One account, by its id.

use serde::Deserialize;

use super::IntegratedAccount;
use crate::error::{Error, ErrorKind, Result};
use crate::truto::TrutoClient;

/// Longest answer, in bytes; most of it is the `context`, which is passed over.
const MAX_ANSWER: usize = 1 << 20;

impl TrutoClient {
    /// Asks for one account: `GET /integrated-account/{id}`, as Truto's own SDKs do.
    ///
    /// The id `me` is the account that the token is scoped to. Such a token is good for no other id.
    ///
    /// # Errors
    /// Those of every request, and [`ErrorKind::Upstream`] where the answer is no account, is another
    /// one, or is longer than 1 MiB.
    pub async fn account(&self, id: &str) -> Result<IntegratedAccount> {
        let mut url = self.url("integrated-account");
        if let Ok(mut path) = url.path_segments_mut() {
            path.push(id);
        }
        let own = (id != "me").then_some(id);
        let body = self.get_whole(&url, own, MAX_ANSWER).await?;
        let what = match read(&body) {
            None => "the API's answer is no account: the base URL may be wrong",
            Some(account) if own.is_some_and(|id| !account.id.eq_ignore_ascii_case(id)) => {
                "the API's answer is about another account"
            }
            Some(account) => return Ok(account),
        };
        let error = Error::new(ErrorKind::Upstream, what);
        Err(match own {
            Some(id) => error.of_account(id),
            None => error,
        })
    }

    /// [`account`](Self::account) for what is good to know and not needed: asked once, and waited for 10 s at most
    /// until the answer begins and until it has ended. `None` is the account that the token is scoped to.
    /// Where nothing comes of it, who [watches](Self::with_watch) is told why.
    pub async fn look_up(&self, id: Option<&str>) -> Option<IntegratedAccount> {
        let asked = self.hurried(1).account(id.unwrap_or("me")).await;
        self.if_known("its integration", id, asked)
    }
}

/// The answer, with a `result` around the account or without.
#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    Bare(IntegratedAccount),
    Wrapped { result: IntegratedAccount },
}

/// The account, if it is one. Why it is none is not told: that could show what it stumbled over.
fn read(body: &[u8]) -> Option<IntegratedAccount> {
    serde_json::from_slice(body)
        .ok()
        .map(|(Answer::Bare(account) | Answer::Wrapped { result: account })| account)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reading_of_an_account_is_understood() {
        for body in [
            r#"{"id":"a","context":{"api_key":"s3cret"},"integration":{"name":"github"}}"#,
            r#"{"result":{"id":"a","status":7,"integration":{"name":"github"}},"next_cursor":null}"#,
        ] {
            let account = read(body.as_bytes()).unwrap();
            assert_eq!((account.id.as_str(), account.integration_name()), ("a", Some("github")));
        }
        for broken in ["", "<html>", "[]", "{}", r#"{"id":""}"#, r#"{"result":[{"id":"a"}]}"#] {
            assert_eq!(read(broken.as_bytes()), None, "{broken}");
        }
    }
}
