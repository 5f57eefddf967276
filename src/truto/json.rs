//! Answers about accounts, which are read whole.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::ACCEPT;

use super::TrutoClient;
use super::retry::Retries;
use super::wait::WaitReason;
use super::whole::Whole;
use crate::error::{Error, ErrorKind, Result};

/// How long an answer may take that is good to have and not needed: until it begins, and until it has ended.
const PATIENCE: Duration = Duration::from_secs(10);

impl TrutoClient {
    /// Asks for `url`; answers the whole body, of `most` bytes at most, and all of it within the time that a part
    /// of a longer one may take. One that is cut is short: it is asked for from its beginning, as often
    /// as any request.
    pub(super) async fn get_whole(
        &self,
        url: &Url,
        account: Option<&str>,
        most: usize,
    ) -> Result<Whole> {
        self.get_whole_with(url, account, most, self.retries(&Arc::default())).await
    }

    /// The same client with little patience, for what is good to know and not needed: it asks `attempts` times at
    /// most, and waits for no answer for long.
    pub(super) fn hurried(&self, attempts: u32) -> Self {
        let mut client = self.clone();
        client.timeouts.first_byte = self.timeouts.first_byte.min(PATIENCE);
        client.is_hurried = self.timeouts.first_byte > PATIENCE;
        client.timeouts.idle = self.timeouts.idle.min(PATIENCE);
        client.retry.attempts = self.retry.attempts.min(attempts);
        client
    }

    /// What came of asking for `what`, without which it goes on too: whoever watches is told why it is not known.
    pub(super) fn if_known<T>(
        &self,
        what: &str,
        account: Option<&str>,
        asked: Result<T>,
    ) -> Option<T> {
        let tell = |error: &Error| {
            let reason = WaitReason::Without { what, error };
            tracing::info!(account, what, error = error.message(), "going on without");
            self.watch.tell(account, Duration::ZERO, reason);
        };
        asked.inspect_err(tell).ok()
    }

    /// [`get_whole`](Self::get_whole), with attempts of its own.
    pub(super) async fn get_whole_with(
        &self,
        url: &Url,
        account: Option<&str>,
        most: usize,
        mut retries: Retries,
    ) -> Result<Whole> {
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
    ) -> Result<Whole> {
        let accept = [(ACCEPT, "application/json")];
        let mut answer = self.get(url, &accept, account, retries).await?;
        let read = async {
            let mut body = Whole::new(most, &self.room);
            while let Some(chunk) = answer.next().await? {
                if !body.push(&chunk).await {
                    let message = format!("answer is longer than {most} bytes");
                    return Err(Error::new(ErrorKind::Upstream, message));
                }
            }
            Ok(body)
        };
        let time = self.timeouts.idle;
        let read = tokio::time::timeout(time, read).await.unwrap_or_else(|_| {
            let seconds = time.as_secs_f64();
            let message = format!("answer has not come whole in {seconds} s (--idle-timeout)");
            Err(Error::new(ErrorKind::Truncated, message))
        });
        match account {
            Some(account) => read.map_err(|error| error.of_account(account)),
            None => read,
        }
    }
}
