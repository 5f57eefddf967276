//! Answers that are read whole.

use std::sync::Arc;

use reqwest::Url;
use reqwest::header::ACCEPT;

use super::TrutoClient;
use super::retry::Retries;
use crate::error::{Error, ErrorKind, Result};

impl TrutoClient {
    /// Asks for `url`; answers the whole body, of `most` bytes at most. One that is cut is short: it is
    /// asked for from its beginning, as often as any request.
    pub(super) async fn get_whole(
        &self,
        url: &Url,
        account: Option<&str>,
        most: usize,
    ) -> Result<Vec<u8>> {
        let mut retries = self.retries(&Arc::default());
        loop {
            match self.get_once(url, account, most, &mut retries).await {
                Err(cut) if cut.kind() == ErrorKind::Truncated => retries.after(cut).await?,
                answered => return answered,
            }
        }
    }

    async fn get_once(
        &self,
        url: &Url,
        account: Option<&str>,
        most: usize,
        retries: &mut Retries,
    ) -> Result<Vec<u8>> {
        let accept = [(ACCEPT, "application/json")];
        let mut answer = self.get(url, &accept, account, retries).await?;
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
