//! Answers that came whole, and are no longer than what is read of one.

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, TryStreamExt};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
    ReqwestConnector,
};
use object_store::{ClientOptions, Error as StoreError, GetResult};
use reqwest::header::{CONTENT_TYPE, HeaderMap};

use super::failure::{NoStore, TooLong};

/// The longest answer that is read, where no range is asked for. A listing comes a thousand names at a time.
pub(super) use crate::kept::MOST_BYTES;

/// What is read of an answer that says what went wrong.
const MOST_OF_AN_ERROR: usize = 64 << 10;

/// Makes clients to which an answer that was cut is none, so that the request is made again.
///
/// `object_store` does that by itself only where no byte of an answer came, and not where a put on a condition hung. Nothing that is read here is
/// longer than [`MOST_BYTES`]: of files of data only the ends are read, and those as ranges.
#[derive(Debug)]
pub(super) struct Connector;

#[derive(Debug)]
struct Whole(HttpClient);

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Whole(ReqwestConnector::default().connect(options)?)))
    }
}

#[async_trait::async_trait]
impl HttpService for Whole {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let most = asked(&request).unwrap_or(MOST_BYTES);
        // This kind is one that is tried again whatever the request was: each that writes can be made
        // twice, as one can whose answer did not come at all.
        let cut = |error| HttpError::new(HttpErrorKind::Request, error);
        let answered = self.0.execute(request).await.map_err(|error| match error.kind() {
            // Else those that write on a condition would not be.
            HttpErrorKind::Timeout => cut(error),
            _ => error,
        });
        let (head, body) = answered?.into_parts();
        let chunks = body.bytes_stream().map_err(cut);
        let body = if head.status.is_success() {
            // This kind is one that is not tried again: the next answer would be as long.
            let too_long = |error| HttpError::new(HttpErrorKind::Decode, error);
            let body = at_most(most, chunks, too_long).await;
            if says_page(&head.headers) && body.as_ref().is_ok_and(|body| is_page(body)) {
                return Err(HttpError::new(HttpErrorKind::Decode, NoStore));
            }
            body?
        } else {
            beginning(MOST_OF_AN_ERROR, chunks).await?
        };
        Ok(HttpResponse::from_parts(head, body.into()))
    }
}

/// Whether an answer says that it is for people: a console's, or that of whatever else is at the address. Nothing of ours is
/// one; but some stores say so of an answer that is empty.
fn says_page(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("text/html"))
}

/// Whether it is one.
fn is_page(body: &[u8]) -> bool {
    let begin = &body.trim_ascii_start()[..body.trim_ascii_start().len().min(5)];
    begin.eq_ignore_ascii_case(b"<html") || begin.eq_ignore_ascii_case(b"<!doc")
}

/// How many bytes a request asks for, if it does not ask for all.
fn asked(request: &HttpRequest) -> Option<usize> {
    let range = request.headers().get("range")?.to_str().ok()?;
    let (start, end) = range.strip_prefix("bytes=")?.split_once('-')?;
    let (start, end): (usize, usize) = (start.parse().ok()?, end.parse().ok()?);
    end.checked_sub(start)?.checked_add(1)
}

/// All of an object, whatever store it is of.
pub(super) async fn whole(found: GetResult) -> Result<Bytes, StoreError> {
    let too_long =
        |error: TooLong| StoreError::Generic { store: "object", source: Box::new(error) };
    if found.meta.size > MOST_BYTES as u64 {
        return Err(too_long(TooLong(MOST_BYTES)));
    }
    at_most(MOST_BYTES, found.into_stream(), too_long).await
}

/// All of `chunks`, unless they are more than `most` bytes.
async fn at_most<E>(
    most: usize,
    mut chunks: impl Stream<Item = Result<Bytes, E>> + Unpin,
    too_long: impl Fn(TooLong) -> E,
) -> Result<Bytes, E> {
    let mut bytes = BytesMut::new();
    while let Some(chunk) = chunks.try_next().await? {
        if bytes.len() + chunk.len() > most {
            return Err(too_long(TooLong(most)));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

/// The first of `chunks`, up to `most` bytes: what follows is not waited for.
async fn beginning<E>(
    most: usize,
    mut chunks: impl Stream<Item = Result<Bytes, E>> + Unpin,
) -> Result<Bytes, E> {
    let mut bytes = BytesMut::new();
    while bytes.len() < most
        && let Some(chunk) = chunks.try_next().await?
    {
        bytes.extend_from_slice(&chunk[..chunk.len().min(most - bytes.len())]);
    }
    Ok(bytes.freeze())
}
