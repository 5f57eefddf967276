//! The body of a page, over as many responses as it takes.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::{Stream, stream};

use super::failure;
use super::resume::Resumable;
use super::token::Token;
use crate::error::{Error, Result};
use crate::frame::{FrameExt, FramerOptions, Frames, Shape};

/// The chunks of a page as they arrive, unpacked.
///
/// It ends without an error only if the body is known to have come whole: to its announced length or
/// to the terminator of a chunked one, and, if it was compressed, to the end of that stream too. A body
/// that stalls for longer than the idle time-out counts as cut.
///
/// A body that is cut is asked for again, as often as the client's [`RetryPolicy`](super::RetryPolicy)
/// allows. What was given out before is compared by its digest with what the API answers now, and the
/// stream goes on behind it as if nothing had happened. Where it is not the same, or is refused now, the
/// error's kind is [`Changed`](crate::ErrorKind::Changed).
#[must_use = "a stream does nothing unless it is polled"]
pub struct LicenseBody {
    chunks: Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>,
    shape: Shape,
    token: Token,
    account: Option<String>,
}

impl fmt::Debug for LicenseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LicenseBody").field("shape", &self.shape).finish_non_exhaustive()
    }
}

impl LicenseBody {
    pub(super) fn new(page: Resumable, token: Token, account: Option<String>) -> Self {
        let shape = page.shape();
        let chunks = stream::try_unfold(Box::new(page), |mut page| async move {
            Ok(page.next().await?.map(|chunk| (chunk, page)))
        });
        Self { chunks: Box::pin(chunks), shape, token, account }
    }

    /// Blocks of whole records, within the default limits: as [`FrameExt::frames`], but that the token
    /// is left out of errors that the body says, should it be in there.
    pub fn frames(self) -> Frames<Self, Error> {
        self.frames_with(FramerOptions::default())
    }

    /// The same within the given limits.
    pub fn frames_with(self, options: FramerOptions) -> Frames<Self, Error> {
        let (token, account) = (self.token.clone(), self.account.clone());
        let wording = move |error| failure::of_body(token.strip_error(error), account.as_deref());
        FrameExt::frames_with(self, options).worded(wording)
    }

    /// The shape that the response's `Content-Type` says.
    pub fn shape(&self) -> Shape {
        self.shape
    }
}

impl Stream for LicenseBody {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.chunks.as_mut().poll_next(cx)
    }
}
