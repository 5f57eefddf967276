//! The body of a page as a stream.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::{Stream, stream};

use super::answer::Answer;
use crate::error::Result;
use crate::frame::Shape;

/// The chunks of a page as they arrive, unpacked.
///
/// It ends without an error only if the body is known to have come whole: to its announced length or
/// to the terminator of a chunked one, and, if it was compressed, to the end of that stream too. A body
/// that stalls for longer than the idle time-out counts as cut.
#[must_use = "a stream does nothing unless it is polled"]
pub struct LicenseBody {
    chunks: Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>,
    shape: Shape,
}

impl fmt::Debug for LicenseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LicenseBody").field("shape", &self.shape).finish_non_exhaustive()
    }
}

impl LicenseBody {
    pub(super) fn new(answer: Answer) -> Self {
        let shape = answer.shape();
        let chunks = stream::try_unfold(Box::new(answer), |mut answer| async move {
            Ok(answer.next().await?.map(|chunk| (chunk, answer)))
        });
        Self { chunks: Box::pin(chunks), shape }
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
