//! The framer as an adapter of a stream of chunks.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::Stream;
use serde::de::DeserializeOwned;

use super::{
    Asides, Block, Framer, FramerOptions, Page, PageReader, is_broken, lines, lost_aside,
    may_have_been_more,
};
use crate::decode::{self, Fault, Limits};
use crate::error::{Error, ErrorKind, Result};
use crate::position::{Position, Span};
use crate::reject::RejectReason;

/// Framing for every stream of chunks, such as `reqwest::Response::bytes_stream`.
///
/// ```
/// use futures_util::{TryStreamExt, stream};
/// use license_stream::{License, frame::FrameExt};
///
/// # futures_util::future::FutureExt::now_or_never(async {
/// let chunks = ["{\"id\":\"a\"}\n{\"i", "d\":\"b\"}\n"].map(Ok::<_, std::io::Error>);
/// let body = stream::iter(chunks).map_ok(bytes::Bytes::from);
///
/// let mut licenses = body.frames().json::<License>();
/// while let Some(record) = licenses.try_next().await? {
///     println!("{} at {}: {} bytes", record.value.id, record.span.start, record.raw.len());
/// }
/// # Ok::<(), license_stream::Error>(())
/// # }).unwrap().unwrap();
/// ```
pub trait FrameExt<E>: Stream<Item = Result<Bytes, E>> + Sized {
    /// Blocks of whole records, within the default limits.
    fn frames(self) -> Frames<Self, E> {
        self.frames_with(FramerOptions::default())
    }

    /// Blocks of whole records, within the given limits.
    fn frames_with(self, options: FramerOptions) -> Frames<Self, E> {
        Frames {
            body: Box::pin(self),
            framer: Framer::new(options),
            state: State::Open,
            wording: None,
            error: PhantomData,
        }
    }
}

impl<S, E> FrameExt<E> for S where S: Stream<Item = Result<Bytes, E>> {}

/// A stream of [`Block`]s; made by [`FrameExt::frames`].
///
/// An error with [`is_record`](Error::is_record) is about one record, and the stream goes on behind
/// it. Any other ends the stream. An error of the body itself comes as
/// [`Truncated`](ErrorKind::Truncated) with that error as its source: the body was cut, and the part
/// of a record that was left is not given out.
#[must_use = "a stream does nothing unless it is polled"]
pub struct Frames<S, E> {
    body: Pin<Box<S>>,
    framer: Framer,
    state: State,
    /// What an error about the body goes through before it is given out.
    wording: Option<Wording>,
    error: PhantomData<fn() -> E>,
}

type Wording = Box<dyn Fn(Error) -> Error + Send + Sync>;

#[derive(Clone, Copy, PartialEq)]
enum State {
    Open,
    Ended,
    Failed,
}

impl<S, E> Frames<S, E> {
    /// What envelopes have said of the page so far.
    pub fn page(&self) -> Page {
        self.framer.page()
    }

    /// The same blocks, with errors as `wording` has them: a body may say back a secret that was sent
    /// for it.
    #[cfg(feature = "http")]
    pub(crate) fn worded(self, wording: impl Fn(Error) -> Error + Send + Sync + 'static) -> Self {
        Self { wording: Some(Box::new(wording)), ..self }
    }

    fn word(&self, error: Error) -> Error {
        match &self.wording {
            Some(wording) => wording(error),
            None => error,
        }
    }
}

impl<S, E, T> JsonRecords<S, E, T> {
    /// Reads within these limits instead of the default ones. serde_json itself goes at most 128
    /// levels deep, save into raw text such as `remote_data`.
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// What the body has said of the page so far, in envelopes or in lines of their own.
    pub fn page(&self) -> Page {
        self.frames.page().with_lines(self.lines.page())
    }
}

impl<S, E> fmt::Debug for Frames<S, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frames").field("position", &self.framer.position()).finish_non_exhaustive()
    }
}

impl<S, E> Frames<S, E> {
    /// The records one by one, each decoded as `T`.
    pub fn json<T: DeserializeOwned>(self) -> JsonRecords<S, E, T> {
        JsonRecords {
            frames: self,
            block: None,
            lines: PageReader::default(),
            limits: Limits::default(),
            value: PhantomData,
        }
    }
}

impl<S, E> Stream for Frames<S, E>
where
    S: Stream<Item = Result<Bytes, E>>,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Item = Result<Block>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if this.state == State::Failed {
                return Poll::Ready(None);
            }
            match this.framer.next_block() {
                Ok(Some(block)) => return Poll::Ready(Some(Ok(block))),
                Ok(None) => {}
                Err(error) => {
                    if !error.is_record() {
                        this.state = State::Failed;
                    }
                    return Poll::Ready(Some(Err(this.word(error))));
                }
            }
            if this.state == State::Ended {
                return Poll::Ready(None);
            }
            match ready!(this.body.as_mut().poll_next(cx)) {
                Some(Ok(chunk)) => this.framer.push(chunk),
                Some(Err(error)) => {
                    this.state = State::Failed;
                    let error = Error::of_body(error).or_at(this.framer.position());
                    return Poll::Ready(Some(Err(this.word(error))));
                }
                None => {
                    this.framer.finish();
                    this.state = State::Ended;
                }
            }
        }
    }
}

/// A record that was decoded, with the bytes it was decoded from.
#[derive(Clone, Debug)]
pub struct Record<T> {
    /// What the record says.
    pub value: T,
    /// The record as it came, sharing its block's memory.
    pub raw: Bytes,
    /// Where it stood in the body, without the white space around it.
    pub span: Span,
}

/// A stream of decoded [`Record`]s; made by [`Frames::json`].
///
/// Ends and goes on after an error as [`Frames`] does. A record that is not a `T` is an error with
/// [`is_record`](Error::is_record) and its position. To skip such records, look at each item instead of
/// using `?`:
///
/// ```
/// use futures_util::{StreamExt, stream};
/// use license_stream::{License, frame::FrameExt};
///
/// # futures_util::future::FutureExt::now_or_never(async {
/// let body = "{\"id\":\"a\"}\n{\"id\":7}\n{\"id\":\"b\"}\n";
/// let body = stream::iter([Ok::<_, std::io::Error>(bytes::Bytes::from(body))]);
///
/// let mut licenses = body.frames().json::<License>();
/// while let Some(record) = licenses.next().await {
///     match record {
///         Ok(record) => println!("{}", record.value.id),
///         Err(error) if error.is_record() => eprintln!("skipped: {error}"),
///         Err(error) => return Err(error),
///     }
/// }
/// # Ok::<(), license_stream::Error>(())
/// # }).unwrap().unwrap();
/// ```
#[must_use = "a stream does nothing unless it is polled"]
pub struct JsonRecords<S, E, T> {
    frames: Frames<S, E>,
    block: Option<(Block, usize)>,
    lines: PageReader,
    limits: Limits,
    value: PhantomData<fn() -> T>,
}

impl<S, E, T> fmt::Debug for JsonRecords<S, E, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonRecords").field("frames", &self.frames).finish_non_exhaustive()
    }
}

impl<S, E, T> Stream for JsonRecords<S, E, T>
where
    S: Stream<Item = Result<Bytes, E>>,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
    T: DeserializeOwned,
{
    type Item = Result<Record<T>>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if let Some((block, index)) = &mut this.block {
                if let Some(raw) = block.record_bytes(*index) {
                    let start = block.position(*index);
                    *index += 1;
                    let asides = this.frames.framer.asides();
                    let identified = decode::identify(&raw, &this.limits).map(drop);
                    // What has no `id` may be no record, even where it is a `T`.
                    if identified.is_err() {
                        match this.lines.aside(&raw, asides) {
                            Some(Ok(())) => continue,
                            Some(Err(failure)) => return this.fail(failure.at(start)),
                            None => {}
                        }
                    }
                    let is_lost = |fault: &Fault| {
                        asides != Asides::None
                            && is_broken(fault.reason)
                            && may_have_been_more(&raw, asides)
                    };
                    return match identified {
                        Err(fault) if is_lost(&fault) => {
                            this.fail(lost_aside(&fault.into_error(start)))
                        }
                        Err(fault) if is_broken(fault.reason) => {
                            Poll::Ready(Some(Err(fault.into_error(start))))
                        }
                        identified => Poll::Ready(Some(decode(raw, start, identified))),
                    };
                }
                this.block = None;
            }
            let next = ready!(Pin::new(&mut this.frames).poll_next(cx));
            if this.frames.state != State::Failed
                && let Some(failure) = this.frames.framer.doubtful()
            {
                return this.fail(failure);
            }
            match next {
                Some(Ok(block)) => this.block = Some((block, 0)),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}

impl<S, E, T> JsonRecords<S, E, T> {
    fn fail<V>(&mut self, failure: Error) -> Poll<Option<Result<V>>> {
        self.block = None;
        self.frames.state = State::Failed;
        Poll::Ready(Some(Err(self.frames.word(failure))))
    }
}

/// The record as a `T`, now that it was `identified`: it is JSON, if perhaps without an `id`.
fn decode<T: DeserializeOwned>(
    raw: Bytes,
    start: Position,
    identified: Result<(), Fault>,
) -> Result<Record<T>> {
    match serde_json::from_slice(&raw) {
        Ok(value) => {
            let end = Position {
                byte: start.byte + raw.len() as u64,
                line: start.line + lines(&raw),
                record: start.record + 1,
            };
            Ok(Record { value, raw, span: Span { start, end } })
        }
        // serde_json's own message can quote the record, so it is neither shown nor kept: our
        // scanner says what is wrong, and where, without it.
        Err(error) => Err(match identified {
            Err(fault) => fault.into_error(start),
            Ok(()) => Error::new(
                ErrorKind::Record(RejectReason::UnexpectedType),
                format!(
                    "record does not fit the type it is read as, before its byte {}",
                    error.column()
                ),
            )
            .at(start),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::license::License;
    use futures_util::{FutureExt, StreamExt, stream};
    use std::io;

    /// Every item of a stream that ends, and once more what it says after its end.
    fn all<S: Stream + Unpin>(mut stream: S) -> Vec<S::Item> {
        let items = stream.by_ref().collect().now_or_never().expect("nothing waits");
        assert!(stream.next().now_or_never().expect("nothing waits").is_none(), "ended for good");
        items
    }

    fn body(
        chunks: &[Result<&'static str, &'static str>],
    ) -> impl Stream<Item = io::Result<Bytes>> + use<> {
        let chunks = chunks.iter().map(|chunk| chunk.map(Bytes::from).map_err(io::Error::other));
        stream::iter(chunks.collect::<Vec<_>>())
    }

    fn ids(chunks: &[Result<&'static str, &'static str>]) -> Vec<Result<String>> {
        let records = body(chunks).frames().json::<License>();
        all(records).into_iter().map(|record| record.map(|record| record.value.id)).collect()
    }

    #[test]
    fn an_error_of_a_record_is_not_the_end() {
        let long = FramerOptions { max_record_bytes: 20, ..FramerOptions::default() };
        let body_with_long =
            body(&[Ok("{\"id\":\"a\"}\n{\"id\":\"far too long for this\"}\n{\"id\":\"b\"}\n")]);
        let blocks = all(body_with_long.frames_with(long));
        let [Ok(first), Err(error), Ok(last)] = &blocks[..] else { panic!("{blocks:?}") };
        assert_eq!(error.kind(), ErrorKind::Record(RejectReason::TooLong));
        assert_eq!((first.len(), last.position(0).record), (1, 2));

        let found = ids(&[Ok("{\"id\":\"a\"}\n{\"id\":1}\n{]\n{\"i"), Ok("d\":\"b\"}")]);
        let [Ok(a), Err(wrong), Err(broken), Ok(b)] = &found[..] else { panic!("{found:?}") };
        assert_eq!((a.as_str(), b.as_str()), ("a", "b"));
        assert!(wrong.is_record() && broken.is_record());
        assert_eq!(broken.position(), Some(Position { byte: 20, line: 3, record: 2 }));
    }

    #[test]
    fn depth_is_limited_as_it_is_for_every_other_path() {
        let deep = format!(r#"{{"id":"a","remote_data":{}{}}}"#, "[".repeat(150), "]".repeat(150));
        let body = || stream::iter([Ok::<_, io::Error>(Bytes::from(deep.clone()))]);
        let [Err(error)] = &all(body().frames().json::<License>())[..] else { panic!("a reject") };
        assert_eq!(error.kind(), ErrorKind::Record(RejectReason::TooDeep));
        let limits = Limits { max_depth: 151 };
        let [Ok(record)] = &all(body().frames().json::<License>().with_limits(limits))[..] else {
            panic!("a license")
        };
        assert_eq!(record.value.remote_data.as_ref().map(|raw| raw.get().len()), Some(300));

        let deep = format!(r#"{{"id":"a","x":{}{}}}"#, "[".repeat(1023), "]".repeat(1023));
        let limits = Limits { max_depth: Limits::MAX_DEPTH };
        let read = move || {
            let identified = decode::identify(deep.as_bytes(), &limits).map(drop);
            decode::<License>(deep.clone().into(), Position::START, identified).is_ok()
        };
        let thread = std::thread::Builder::new().stack_size(128 << 10).spawn(read);
        assert!(thread.unwrap().join().unwrap());
    }

    #[test]
    fn an_error_of_the_body_is_the_end_and_the_part_of_a_record_is_not_given_out() {
        for rest in ["", "{\"id\":", "{\"id\":\"b\"}"] {
            let found = ids(&[
                Ok("{\"id\":\"a\"}\n"),
                Ok(rest),
                Err("connection reset"),
                // Whatever comes behind the error is another body's.
                Ok("\n{\"id\":\"c\"}\n"),
            ]);
            let [Ok(a), Err(error)] = &found[..] else { panic!("{rest:?}: {found:?}") };
            assert_eq!(a, "a");
            assert_eq!(error.kind(), ErrorKind::Truncated);
            assert!(!error.is_record() && error.is_retryable());
            assert_eq!(error.position(), Some(Position { byte: 11, line: 2, record: 1 }));
            let source = std::error::Error::source(error).map(ToString::to_string);
            assert_eq!(source.as_deref(), Some("connection reset"));
        }
    }

    /// What comes of a body of which every record is wanted that is JSON.
    fn values(body: impl Into<Bytes>) -> (Vec<Result<serde_json::Value>>, Page) {
        let mut records =
            stream::iter([Ok::<_, io::Error>(body.into())]).frames().json::<serde_json::Value>();
        let values = records.by_ref().map(|record| record.map(|record| record.value));
        (values.collect().now_or_never().expect("nothing waits"), records.page())
    }

    #[test]
    fn what_is_no_record_is_none_of_any_type() {
        let (found, page) =
            values("{\"id\":\"a\"}\n{\"x\":1}\n7\n[8]\n{\"next_cursor\":\"c\"}\n{\"x\":2}\n");
        let found: Result<Vec<_>> = found.into_iter().collect();
        let found: Vec<_> = found.expect("values").iter().map(ToString::to_string).collect();
        assert_eq!(found, [r#"{"id":"a"}"#, r#"{"x":1}"#, "7", "[8]", r#"{"x":2}"#]);
        assert_eq!(page.next_cursor.as_deref(), Some("c"));
        for (second, kind) in [
            (r#"{"statusCode":502,"error":"Bad Gateway"}"#, ErrorKind::Upstream),
            (r#"{"result":[{"id":"b"}]}"#, ErrorKind::Malformed),
            (r#"[{"id":"b"},{"id":"c"}]"#, ErrorKind::Malformed),
            (r#"{"next_cursor":"c",}"#, ErrorKind::Malformed),
        ] {
            for body in [
                format!("{{\"id\":\"a\"}}\n{second}\n7\n"),
                format!("[{{\"id\":\"a\"}},{second},7]"),
            ] {
                let (found, _) = values(body);
                let [Ok(_), Err(error)] = &found[..] else { panic!("{second}: {found:?}") };
                assert_eq!(error.kind(), kind, "{second}");
            }
        }
        // One document is a record whatever is in it.
        let document =
            FramerOptions { shape: super::super::Shape::Document, ..FramerOptions::default() };
        let body = stream::iter([Ok::<_, io::Error>(Bytes::from_static(b"{\"statusCode\":502}"))]);
        let found = all(body.frames_with(document).json::<serde_json::Value>());
        assert!(matches!(found[..], [Ok(_)]), "{found:?}");
    }

    #[test]
    fn a_body_that_ends_by_itself_ends_its_last_record() {
        let found = ids(&[Ok("{\"id\":\"a\"}\n"), Ok("{\"id\":"), Ok("\"b\"}")]);
        let ids: Result<Vec<_>> = found.into_iter().collect();
        assert_eq!(ids.ok().as_deref(), Some(&["a".to_owned(), "b".to_owned()][..]));
    }
}
