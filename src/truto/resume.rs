//! Verified resume: a body that was cut goes on where it was, once what came before it is proven.
//!
//! The API knows no ranges, so the page is asked for again from its cursor. Of the bytes that were
//! given out a digest is kept; the same number of bytes of the new body is hashed, compared, and then
//! left out. Nothing is left out on trust, and nothing of the body is kept for it: the memory is that
//! of one digest.

use std::fmt;

use bytes::{Bytes, BytesMut};

use super::answer::Answer;
use super::retry::Retries;
use super::{LicenseRequest, ResponseFormat, TrutoClient};
use crate::digest::{Digest, Digester};
use crate::error::{Error, ErrorKind, Result};
use crate::frame::Shape;

/// White space that a body may begin with and still be none: more than that is a body.
const MAX_BLANKS: usize = 64 << 10;

/// A page that is asked for again when it is cut.
#[derive(Debug)]
pub(super) struct Resumable {
    client: TrutoClient,
    request: LicenseRequest,
    answer: Answer,
    splice: Splice,
    /// What came of a body that is due to be JSON, as long as that is white space: it is held, so that nothing of a
    /// body without JSON was given out when it is asked for again.
    blanks: BytesMut,
    /// Whether more than that came.
    has_text: bool,
    /// The attempts at the page: those that got no answer, and those whose answer was cut.
    retries: Retries,
}

impl Resumable {
    pub(super) fn new(
        client: TrutoClient,
        request: LicenseRequest,
        answer: Answer,
        retries: Retries,
    ) -> Self {
        let (splice, blanks, has_text) = (Splice::default(), BytesMut::new(), false);
        Self { client, request, answer, splice, blanks, has_text, retries }
    }

    /// The shape that its `Content-Type` says.
    pub(super) fn shape(&self) -> Shape {
        self.answer.shape()
    }

    /// The next bytes of the page that were not given out yet; `None` once it has come whole.
    ///
    /// # Errors
    /// [`ErrorKind::Truncated`] if it was cut more often than the retries allow,
    /// [`ErrorKind::Changed`] if the API does not answer as before, and whatever keeps it from
    /// answering at all.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            match self.answer.next().await {
                Ok(Some(chunk)) => {
                    let Some(chunk) = self.behind_blanks(chunk) else { continue };
                    let fresh = self.splice.take(chunk).map_err(|error| self.of(error))?;
                    if fresh.is_some() {
                        self.retries.progressed();
                        return Ok(fresh);
                    }
                    // Much of what is left out may be there at once: let others have their turn.
                    tokio::task::consume_budget().await;
                }
                Ok(None) if self.lacks_json() => {
                    let message = "the body is empty, and JSON was due";
                    self.ask_again(Error::new(ErrorKind::Truncated, message)).await?;
                }
                Ok(None) => {
                    self.splice.end().map_err(|error| self.of(error))?;
                    tracing::debug!(bytes = self.splice.seen.bytes, "page read to its end");
                    return Ok(None);
                }
                Err(cut) if cut.kind() == ErrorKind::Truncated && self.answer.has_end() => {
                    self.ask_again(cut).await?;
                }
                Err(error) => return Err(self.of(error)),
            }
        }
    }

    /// Whether nothing came but white space, and no listing is written so.
    fn lacks_json(&self) -> bool {
        self.is_json_due() && !self.has_text && self.splice.is_empty()
    }

    fn is_json_due(&self) -> bool {
        self.request.format != ResponseFormat::Stream || self.answer.is_json()
    }

    /// `chunk` with the white space before it, unless it is only more of that.
    fn behind_blanks(&mut self, chunk: Bytes) -> Option<Bytes> {
        if self.has_text {
            return Some(chunk);
        }
        let is_blank = is_blank(&chunk);
        self.has_text = !is_blank || self.blanks.len() + chunk.len() > MAX_BLANKS;
        if is_blank && !self.has_text && self.is_json_due() {
            self.blanks.extend_from_slice(&chunk);
            return None;
        }
        if self.blanks.is_empty() {
            return Some(chunk);
        }
        self.blanks.extend_from_slice(&chunk);
        Some(self.blanks.split().freeze())
    }

    /// Begins the page once more, because of `failed`.
    async fn ask_again(&mut self, failed: Error) -> Result<()> {
        // A body that stalls would else keep its connection while another is asked for.
        self.answer.hang_up();
        tracing::info!(
            bytes = self.splice.given_out(),
            error = failed.message(),
            "page cut: it is asked for again"
        );
        let failed = self.of(failed);
        self.retries.after(failed).await.map_err(|error| self.of(error))?;
        let answer = self.client.answer(&self.request, &mut self.retries).await;
        let answer = answer.map_err(|error| self.of(self.not_continued(error)))?;
        if answer.shape() != self.answer.shape() {
            return Err(self.of(changed("its content type says that its records stand otherwise")));
        }
        self.answer = answer;
        self.blanks.clear();
        self.has_text = false;
        self.splice.begin_again();
        Ok(())
    }

    /// What `error` means where a page was cut, and is asked for again.
    fn not_continued(&self, error: Error) -> Error {
        let kind = match error.kind() {
            // The same request was good before: its cursor no longer is. Where nothing had come of the
            // page, nothing is left over that another snapshot would have to take the place of.
            ErrorKind::Refused if !self.splice.is_empty() => ErrorKind::Changed,
            kind => kind,
        };
        Error::new(kind, "the page was cut, and asking for the rest of it failed").caused_by(error)
    }

    fn of(&self, error: Error) -> Error {
        self.request.named(error)
    }
}

/// Whether there is nothing but white space in `bytes`, and what a byte order mark is made of.
fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0xef | 0xbb | 0xbf))
}

fn changed(how: impl fmt::Display) -> Error {
    let message =
        format!("the page was cut, and is another one now that it was asked for again: {how}");
    Error::new(ErrorKind::Changed, message)
}

/// Joins one body to the next: what both have is given out once, and must be the same.
#[derive(Debug, Default)]
struct Splice {
    /// What has come of the body in hand.
    seen: Prefix,
    /// What had been given out when that body began, unless it has come once more since.
    due: Option<Mark>,
}

/// A place in a body, and the digest of all before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    bytes: u64,
    digest: Digest,
}

impl Splice {
    /// Another body begins.
    fn begin_again(&mut self) {
        // Where the body before did not come as far as the one before it, that one still counts.
        self.due = self.due.or((self.seen.bytes > 0).then(|| self.seen.mark()));
        self.seen = Prefix::default();
    }

    /// Whether nothing has come of any body.
    fn is_empty(&self) -> bool {
        self.seen.bytes == 0 && self.due.is_none()
    }

    /// Bytes that were given out.
    fn given_out(&self) -> u64 {
        self.due.map_or(self.seen.bytes, |due| due.bytes)
    }

    /// What is new in `chunk`, unless that is nothing.
    fn take(&mut self, mut chunk: Bytes) -> Result<Option<Bytes>> {
        if let Some(due) = self.due {
            let missing = usize::try_from(due.bytes - self.seen.bytes).unwrap_or(usize::MAX);
            self.seen.add(&chunk.split_to(chunk.len().min(missing)));
            if self.seen.bytes < due.bytes {
                return Ok(None);
            }
            if self.seen.mark() != due {
                let how =
                    format_args!("its first {} bytes are not those that came before", due.bytes);
                return Err(changed(how));
            }
            tracing::info!(
                bytes = due.bytes,
                "what came of the page before has come again: going on behind it"
            );
            self.due = None;
        }
        self.seen.add(&chunk);
        Ok((!chunk.is_empty()).then_some(chunk))
    }

    /// The body ended whole.
    fn end(&self) -> Result<()> {
        let Some(due) = self.due else { return Ok(()) };
        Err(changed(format_args!(
            "it is {} bytes long, and {} had come before",
            self.seen.bytes, due.bytes
        )))
    }
}

/// The beginning of a body, as far as it must be known to tell it from another.
#[derive(Debug, Default)]
struct Prefix {
    bytes: u64,
    digester: Digester,
}

impl Prefix {
    fn add(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.digester.update(bytes);
    }

    fn mark(&self) -> Mark {
        Mark { bytes: self.bytes, digest: self.digester.digest() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = b"0123456789";

    /// What comes out of `bodies` in chunks of `size`, of which all but the last are cut.
    fn join(bodies: &[&'static [u8]], size: usize) -> Result<Vec<u8>> {
        let (mut splice, mut out) = (Splice::default(), Vec::new());
        for (index, body) in bodies.iter().enumerate() {
            if index > 0 {
                splice.begin_again();
            }
            for chunk in body.chunks(size) {
                if let Some(fresh) = splice.take(Bytes::from_static(chunk))? {
                    assert!(!fresh.is_empty());
                    out.extend_from_slice(&fresh);
                }
            }
        }
        splice.end()?;
        Ok(out)
    }

    #[test]
    fn bodies_cut_anywhere_are_one_body() {
        for size in 1..=BODY.len() {
            for first in 0..=BODY.len() {
                for second in 0..=BODY.len() {
                    let bodies = [&BODY[..first], &BODY[..second], BODY];
                    assert_eq!(join(&bodies, size).unwrap(), BODY, "{first}, {second}, {size}");
                }
            }
        }
    }

    #[test]
    fn a_body_that_differs_in_what_was_given_out_has_changed() {
        for size in 1..=BODY.len() {
            for (again, how) in [
                (&b"x123456789"[..], "its first 5 bytes are not"),
                (b"0123x56789", "its first 5 bytes are not"),
                (b"0123", "it is 4 bytes long, and 5 had come before"),
                (b"", "it is 0 bytes long"),
            ] {
                // However short another body in between was cut.
                for between in [&BODY[..0], &BODY[..3]] {
                    let error = join(&[&BODY[..5], between, again], size).unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::Changed);
                    assert!(error.message().contains(how), "{error}");
                }
            }
        }
    }

    #[test]
    fn a_body_that_differs_behind_what_was_given_out_is_none_that_has_changed() {
        for size in 1..=BODY.len() {
            for again in [&b"01234x6789"[..], b"01234", b"0123456789abc"] {
                assert_eq!(join(&[&BODY[..5], again], size).unwrap(), again);
            }
        }
    }
}
