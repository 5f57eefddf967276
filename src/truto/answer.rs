//! The body of one response: unpacked, and known to be whole when it ends.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use reqwest::Response;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, TRANSFER_ENCODING};

use super::decompress::Decompressor;
use super::encoding::Encoding;
use super::failure;
use crate::error::{Error, ErrorKind, Result};
use crate::frame::Shape;

/// Reads the body of one response.
pub(super) struct Answer {
    chunks: Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>,
    decompressor: Option<Decompressor>,
    /// Whether the end of the body can be told from the end of the connection.
    has_end: bool,
    idle: Duration,
    shape: Shape,
    is_json: bool,
    /// Whether the first bytes are still to come, of a body that is said not to be compressed.
    is_untold: bool,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("decompressor", &self.decompressor)
            .field("has_end", &self.has_end)
            .field("shape", &self.shape)
            .finish_non_exhaustive()
    }
}

impl Answer {
    /// The body of `response`, which may fall silent for `idle` and unpack by `max_ratio`.
    ///
    /// # Errors
    /// [`ErrorKind::Upstream`] if it is a page of HTML, and [`ErrorKind::Malformed`] if it is compressed
    /// in a way that is not read.
    pub(super) fn new(response: Response, idle: Duration, max_ratio: u32) -> Result<Self> {
        let content_type = text(response.headers(), &CONTENT_TYPE);
        if content_type.to_ascii_lowercase().starts_with("text/html") {
            return Err(Error::new(ErrorKind::Upstream, "a page of HTML came instead of JSON")
                .advising("the base URL may be wrong, or a proxy answers"));
        }
        Self::open(response, idle, max_ratio)
    }

    /// The body of any `response`, whatever its type.
    pub(super) fn open(response: Response, idle: Duration, max_ratio: u32) -> Result<Self> {
        let headers = response.headers();
        let encoding = Encoding::of(headers)?;
        let has_end = response.version() >= reqwest::Version::HTTP_2
            || headers.contains_key(CONTENT_LENGTH)
            || text(headers, &TRANSFER_ENCODING).to_ascii_lowercase().ends_with("chunked")
            // Nothing may follow behind the end of such a stream.
            || encoding.is_some_and(|encoding| !encoding.may_go_on());
        let content_type = text(headers, &CONTENT_TYPE);
        let shape = Shape::of_content_type(content_type);
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        let is_json = essence.eq_ignore_ascii_case("application/json");
        let decompressor = encoding.map(|encoding| Decompressor::new(encoding, max_ratio));
        let chunks = Box::pin(response.bytes_stream());
        let is_untold = decompressor.is_none();
        Ok(Self { chunks, decompressor, has_end, idle, shape, is_json, is_untold })
    }

    /// The shape that its `Content-Type` says.
    pub(super) fn shape(&self) -> Shape {
        self.shape
    }

    /// Whether its `Content-Type` says that it is one JSON text, of which nothing is none.
    pub(super) fn is_json(&self) -> bool {
        self.is_json
    }

    /// Whether it can be known to be whole. Where it cannot, asking for it again would not help.
    pub(super) fn has_end(&self) -> bool {
        self.has_end
    }

    /// Closes its connection: nothing more is wanted of it.
    pub(super) fn hang_up(&mut self) {
        self.chunks = Box::pin(stream::empty());
    }

    /// The next bytes of the body; `None` once it has come whole.
    ///
    /// The idle time-out runs only while a chunk is waited for, not while nobody asks for one.
    ///
    /// # Errors
    /// [`ErrorKind::Truncated`] if it was cut, stalled, or damaged: asking for it again may help.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            if let Some(decompressor) = &mut self.decompressor
                && let Some(chunk) = decompressor.next()?
            {
                return Ok(Some(chunk));
            }
            match tokio::time::timeout(self.idle, self.chunks.next()).await {
                Ok(Some(Ok(chunk))) => match &mut self.decompressor {
                    Some(decompressor) => decompressor.push(chunk),
                    None => {
                        if std::mem::take(&mut self.is_untold) {
                            check_undeclared(&chunk)?;
                        }
                        return Ok(Some(chunk));
                    }
                },
                Ok(Some(Err(error))) => {
                    return Err(Error::new(ErrorKind::Truncated, "body was cut before its end")
                        .caused_by(failure::without_url(error)));
                }
                Ok(None) => return self.end().map(|()| None),
                Err(_) => {
                    let message = format!("body stalled for {} s", self.idle.as_secs_f64());
                    return Err(Error::new(ErrorKind::Truncated, message));
                }
            }
        }
    }

    fn end(&mut self) -> Result<()> {
        if let Some(decompressor) = &mut self.decompressor {
            decompressor.finish()?;
        }
        if self.has_end {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Truncated,
            "connection was closed, and nothing in the response tells whether the body is whole",
        ))
    }
}

/// Refuses a body that is compressed although no header says so.
fn check_undeclared(start: &[u8]) -> Result<()> {
    let Some(encoding) = Encoding::of_start(start) else { return Ok(()) };
    let message = format!(
        "body looks like {}, and no Content-Encoding says that it is compressed",
        encoding.name()
    );
    Err(Error::new(ErrorKind::Malformed, message)
        .advising("whatever stands between here and the API may have left the header out"))
}

/// A header as text; empty if there is none.
fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
