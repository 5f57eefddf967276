//! Answers that are read whole.

use reqwest::Url;

use super::TrutoClient;
use crate::error::{Error, ErrorKind, Result};

/// How often an answer that was cut is asked for in all. They are short: there is no use in going on
/// in the middle of one.
const TRIES: usize = 3;

impl TrutoClient {
    /// Asks for `url`; answers the whole body, of `most` bytes at most.
    pub(super) async fn get_whole(
        &self,
        url: &Url,
        account: Option<&str>,
        most: usize,
    ) -> Result<Vec<u8>> {
        let mut tries = 1;
        loop {
            match self.get_once(url, account, most).await {
                Err(error) if error.kind() == ErrorKind::Truncated && tries < TRIES => tries += 1,
                answered => return answered,
            }
        }
    }

    async fn get_once(&self, url: &Url, account: Option<&str>, most: usize) -> Result<Vec<u8>> {
        let response = self.get(url.clone(), "application/json", account).await?;
        let mut answer = self.read(response)?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.next().await? {
            if body.len() + chunk.len() > most {
                let message = format!("answer is longer than {most} bytes");
                return Err(Error::new(ErrorKind::Upstream, message));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}
