//! Where bodies come from.

use std::error::Error as StdError;
use std::future::Future;

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};

use crate::error::{Error, Result};
use crate::frame::{Page, Shape};

/// A source of one body after another, such as the pages of a listing.
pub trait Source: Send + 'static {
    /// A body as it arrives. It ends without an error only if it is whole.
    type Body: Stream<Item = Result<Bytes>> + Send;

    /// The next body; `None` after the last. `before` is what the body before said of itself.
    fn next_body(
        &mut self,
        before: Option<Page>,
    ) -> impl Future<Output = Result<Option<Self::Body>>> + Send;

    /// The shape that the last body is said to have.
    fn shape(&self) -> Shape {
        Shape::Auto
    }

    /// What the run's error must go through before anybody reads it: a body may say back a secret that
    /// was sent for it. It changes nothing unless the source says so.
    fn wording(&self) -> Box<dyn FnOnce(Error) -> Error + Send> {
        Box::new(|error| error)
    }

    /// What was sent to a server for it so far; nothing unless it says so.
    fn requests(&self) -> Requests {
        Requests::default()
    }
}

/// Requests to a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// How many were sent, retries included.
    pub made: u64,
    /// How many were sent again because the one before had failed.
    pub retried: u64,
}

/// A source of exactly one body.
#[derive(Debug)]
pub struct OneBody<S>(Option<S>);

impl<S> OneBody<S> {
    /// The source of `body`.
    pub fn new<E>(body: S) -> OneBody<impl Stream<Item = Result<Bytes>> + Send + 'static>
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Into<Box<dyn StdError + Send + Sync>> + 'static,
    {
        OneBody(Some(body.map_err(Error::of_body)))
    }
}

impl<S> Source for OneBody<S>
where
    S: Stream<Item = Result<Bytes>> + Send + 'static,
{
    type Body = S;

    async fn next_body(&mut self, _: Option<Page>) -> Result<Option<S>> {
        Ok(self.0.take())
    }
}
