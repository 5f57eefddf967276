//! Waits, told before they begin.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::Error;

/// A wait before a request is sent; see [`TrutoClient::with_watch`](super::TrutoClient::with_watch).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Wait<'a> {
    /// The account that the request is about, if it is about one.
    pub account: Option<&'a str>,
    /// How long it is; nothing for [`Without`](WaitReason::Without).
    pub time: Duration,
    /// What it is for.
    pub reason: WaitReason<'a>,
}

/// What is waited for.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum WaitReason<'a> {
    /// A rate limit: the client's own, or one that the API has told of.
    RateLimit,
    /// The request, or the body that came of it, failed, and is asked for again.
    Retry {
        /// The number of the retry, from 1.
        number: u32,
        /// How many there are at most.
        of: u32,
        /// What failed.
        error: &'a Error,
    },
    /// Nothing: what was asked is good to know and not needed, and is not waited for any longer.
    Without {
        /// What is not known, such as `its integration`.
        what: &'a str,
        /// Why it is not.
        error: &'a Error,
    },
}

/// Who is told of waits, if anybody is.
#[derive(Clone, Default)]
pub(crate) struct Watch(Option<Arc<Told>>);

type Told = dyn Fn(&Wait<'_>) + Send + Sync;

impl Watch {
    pub(crate) fn by(told: impl Fn(&Wait<'_>) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(told)))
    }

    pub(crate) fn tell(&self, account: Option<&str>, time: Duration, reason: WaitReason<'_>) {
        if let Some(told) = &self.0 {
            told(&Wait { account, time, reason });
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}
