//! A response body that is known to be whole when it ends.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use reqwest::Response;
use reqwest::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use tokio::time::{Instant, Sleep};

use super::failure;
use crate::error::{Error, ErrorKind, Result};
use crate::frame::Shape;

/// The chunks of a body as they arrive.
///
/// It ends without an error only if the body is known to have come whole: to its announced length,
/// or to the terminator of a chunked one. A body that stalls for longer than the idle time-out
/// counts as cut.
#[must_use = "a stream does nothing unless it is polled"]
pub struct LicenseBody {
    chunks: Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>,
    /// Whether the end of the body can be told from the end of the connection.
    has_end: bool,
    shape: Shape,
    idle: Duration,
    deadline: Pin<Box<Sleep>>,
    /// Whether `deadline` runs: only while a chunk is waited for, not while nobody asks for one.
    is_waiting: bool,
    ended: bool,
}

impl fmt::Debug for LicenseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LicenseBody").field("ended", &self.ended).finish_non_exhaustive()
    }
}

impl LicenseBody {
    pub(super) fn new(response: Response, idle: Duration) -> Result<Self> {
        let header = |name| {
            response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
        };
        if !matches!(header(CONTENT_ENCODING), "" | "identity") {
            return Err(Error::new(
                ErrorKind::Upstream,
                "body is compressed, although that was not asked for",
            ));
        }
        if header(CONTENT_TYPE).to_ascii_lowercase().starts_with("text/html") {
            return Err(Error::new(
                ErrorKind::Upstream,
                "a page of HTML came instead of JSON: the base URL may be wrong, or a proxy answers",
            ));
        }
        let has_end = response.version() >= reqwest::Version::HTTP_2
            || response.headers().contains_key(CONTENT_LENGTH)
            || header(TRANSFER_ENCODING).to_ascii_lowercase().ends_with("chunked");
        let shape = Shape::of_content_type(header(CONTENT_TYPE));
        Ok(Self {
            chunks: Box::pin(response.bytes_stream()),
            has_end,
            shape,
            idle,
            deadline: Box::pin(tokio::time::sleep(idle)),
            is_waiting: false,
            ended: false,
        })
    }

    /// The shape that the response's `Content-Type` says.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    fn end(&mut self, error: Option<Error>) -> Poll<Option<Result<Bytes>>> {
        self.ended = true;
        Poll::Ready(error.map(Err))
    }
}

impl Stream for LicenseBody {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        match self.chunks.as_mut().poll_next(cx) {
            Poll::Ready(Some(Ok(chunk))) => {
                self.is_waiting = false;
                Poll::Ready(Some(Ok(chunk)))
            }
            Poll::Ready(Some(Err(error))) => {
                let cut = Error::new(ErrorKind::Truncated, "body was cut before its end")
                    .caused_by(failure::without_url(error));
                self.end(Some(cut))
            }
            Poll::Ready(None) if self.has_end => self.end(None),
            Poll::Ready(None) => self.end(Some(Error::new(
                ErrorKind::Truncated,
                "connection was closed, and nothing in the response tells whether the body is whole",
            ))),
            Poll::Pending => {
                if !self.is_waiting {
                    self.is_waiting = true;
                    let deadline = Instant::now() + self.idle;
                    self.deadline.as_mut().reset(deadline);
                }
                ready!(self.deadline.as_mut().poll(cx));
                let seconds = self.idle.as_secs_f64();
                let message = format!("body stalled for {seconds} s");
                self.end(Some(Error::new(ErrorKind::Truncated, message)))
            }
        }
    }
}
