//! The one task that reads: chunks into blocks, blocks into jobs.

use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{FutureExt, Stream, StreamExt};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::DECODERS;
use super::bookmark::Bookmark;
use super::doubt::Doubt;
use super::job::Job;
use super::{Counting, Decoded, PageStart, Place, Requests, Source, Ticket};
use crate::error::{Error, ErrorKind, Result};
use crate::frame::{
    Asides, Block, Framer, FramerOptions, Page, PageReader, Shape, is_broken, lost_aside,
    may_have_been_more,
};
use crate::position::Position;
use crate::reject::Reject;
use crate::room::Room;
use crate::sink::{Decoder, Pace};

/// Bytes that may wait for the end of a job; beyond, it is looked whether they need to.
const MAX_HELD: usize = 1 << 20;

/// Pages without a record that may follow one another, each with the cursor of the next: an hour of them at three
/// a second.
pub(super) const MAX_EMPTY_PAGES: u32 = 10_000;

pub(super) struct Reader<D: Decoder> {
    pub(super) framer: Framer,
    pub(super) options: FramerOptions,
    pub(super) job: Job,
    pub(super) decoder: D,
    pub(super) pace: Pace,
    /// Whether nothing behind the first reject is wanted.
    pub(super) fail_fast: bool,
    pub(super) room: Room,
    pub(super) jobs: mpsc::Sender<Ticket<D::Output>>,
    pub(super) counting: Arc<Counting>,
    /// Bytes of the bodies that were read.
    pub(super) bytes_read: u64,
    pub(super) stop: CancellationToken,
    /// What lines of the body have said of the page.
    pub(super) lines: PageReader,
    pub(super) bookmark: Bookmark,
    /// Whether the first record of the body is still to come.
    pub(super) is_untried: bool,
    /// Whether the body may be no listing.
    pub(super) doubt: Option<Doubt>,
    /// Where to go on from, until that place is reached.
    pub(super) resume: Option<Place>,
}

/// How the reading ended, and how far it came.
pub(super) struct Reading {
    pub(super) end: Result<End>,
    pub(super) position: Position,
    /// Bodies that were asked for, one that did not come included.
    pub(super) bodies: u64,
    pub(super) requests: Requests,
    /// Bytes of their bodies that were read.
    pub(super) bytes_read: u64,
    /// What the last whole body said of itself, and whether any said that it is a part.
    pub(super) page: Page,
    /// The end, if everything was read.
    pub(super) end_place: Option<Place>,
}

pub(super) enum End {
    /// The last body was read to its end.
    Complete,
    /// It was told to stop.
    Stopped,
    /// The writer went away: it knows why.
    Abandoned,
}

impl<D: Decoder> Reader<D> {
    pub(super) async fn read(mut self, mut source: impl Source) -> Reading {
        let mut reading = Reading {
            end: Ok(End::Complete),
            position: Position::START,
            bodies: 0,
            requests: Requests::default(),
            bytes_read: 0,
            page: Page::default(),
            end_place: None,
        };
        reading.end = self.read_bodies(&mut source, &mut reading).await;
        reading.requests = source.requests();
        reading.bytes_read = self.bytes_read;
        reading.position = self.framer.position();
        if let Ok(End::Complete) = reading.end {
            let place = self.bookmark.place(reading.position, self.job.record_end());
            reading.end_place = Some(place);
        }
        reading
    }

    async fn read_bodies(
        &mut self,
        source: &mut impl Source,
        reading: &mut Reading,
    ) -> Result<End> {
        let stop = self.stop.clone();
        let mut page = self.resume.as_ref().map(|place| place.page.clone()).unwrap_or_default();
        reading.page.is_partial = page.is_partial;
        let mut before = page.cursor.clone().map(Page::before_cursor);
        let mut empty_pages = 0;
        loop {
            // A job of a body in doubt is of no other.
            let is_due = self.pace == Pace::Eager || self.doubt.is_some();
            if is_due && !self.submit().await {
                return Ok(End::Abandoned);
            }
            let body = tokio::select! {
                biased;
                () = stop.cancelled() => return self.stopped().await,
                // It may be long in coming: a source waits before it asks again.
                () = self.jobs.closed() => return Ok(End::Abandoned),
                body = source.next_body(before.take()) => body,
            };
            let body = match body {
                Ok(Some(body)) => body,
                Ok(None) => {
                    return Ok(if self.submit().await { End::Complete } else { End::Abandoned });
                }
                Err(error) => {
                    // No place in a body: there is none yet.
                    reading.bodies += 1;
                    self.submit().await;
                    return Err(error);
                }
            };
            reading.bodies += 1;
            let start = page.position;
            self.begin_body(source.shape(), page);
            match self.read_body(body).await? {
                End::Complete => {}
                end => return Ok(end),
            }
            let said = self.page();
            empty_pages = if self.was_empty(start) { empty_pages + 1 } else { 0 };
            if empty_pages == MAX_EMPTY_PAGES && said.next_cursor.is_some() {
                return Err(endless());
            }
            let is_partial = said.is_partial || reading.page.is_partial;
            let count = match (reading.page.result_count, said.result_count) {
                (Some(before), Some(count)) => Some(before.saturating_add(count)),
                (before, count) => before.or(count),
            };
            reading.page = Page { is_partial, result_count: count, ..said.clone() };
            page = PageStart {
                position: self.framer.position(),
                cursor: said.next_cursor.clone(),
                is_partial,
            };
            before = Some(said);
        }
    }

    fn begin_body(&mut self, said: Shape, page: PageStart) {
        self.counting.body(page.position);
        let shape = if self.options.shape == Shape::Auto { said } else { self.options.shape };
        let start = page.position;
        self.framer = Framer::new(FramerOptions { shape, start, ..self.options });
        self.lines = PageReader::default();
        self.doubt = None;
        // A place within a body is kept only once there is no doubt of it.
        self.is_untried =
            self.resume.as_ref().is_none_or(|place| place.position.byte <= start.byte);
        self.bookmark.begin_page(page);
    }

    async fn read_body(&mut self, body: impl Stream<Item = Result<Bytes>> + Send) -> Result<End> {
        let mut body = std::pin::pin!(body);
        let stop = self.stop.clone();
        loop {
            let chunk = match body.next().now_or_never() {
                Some(chunk) => chunk,
                None => {
                    if self.pace == Pace::Eager && !self.submit().await {
                        return Ok(End::Abandoned);
                    }
                    tokio::select! {
                        biased;
                        () = stop.cancelled() => return self.stopped().await,
                        () = self.jobs.closed() => return Ok(End::Abandoned),
                        chunk = body.next() => chunk,
                    }
                }
            };
            match chunk {
                Some(Ok(chunk)) => {
                    self.counting.read(chunk.len());
                    self.bytes_read += chunk.len() as u64;
                    self.bookmark.push(chunk.clone());
                    self.framer.push(chunk);
                }
                Some(Err(error)) => return self.failed(error).await,
                None => self.framer.finish(),
            }
            let is_end = self.framer.is_finished();
            match self.drain().await {
                Ok(true) if is_end => {
                    return match self.arrive() {
                        Ok(()) => Ok(End::Complete),
                        Err(error) => self.failed(error).await,
                    };
                }
                Ok(true) if stop.is_cancelled() => return self.stopped().await,
                Ok(true) => {}
                Ok(false) => return Ok(End::Abandoned),
                Err(error) => return self.failed(error).await,
            }
        }
    }

    async fn stopped(&mut self) -> Result<End> {
        Ok(if self.submit().await { End::Stopped } else { End::Abandoned })
    }

    /// Ends with `error`: what came whole is delivered; the part of a record that was left is not.
    async fn failed(&mut self, error: Error) -> Result<End> {
        self.submit().await;
        Err(error.or_at(self.framer.position()))
    }

    /// Whether nothing but what it says of itself was in the body that began at `start`.
    fn was_empty(&self, start: Position) -> bool {
        let said = u64::from(self.lines.page().next_cursor.is_some());
        self.framer.position().record - start.record <= said
    }

    /// What the body says of itself, now that all of it was read.
    fn page(&self) -> Page {
        self.framer.page().with_lines(self.lines.page())
    }

    /// Makes jobs of all the framer has; whether the writer still takes them.
    async fn drain(&mut self) -> Result<bool> {
        loop {
            let next = self.framer.next_block();
            // Where the first reject ends the run, it has said why.
            if !self.fail_fast
                && let Some(failure) = self.framer.doubtful()
            {
                self.arrive()?;
                return Err(failure);
            }
            match next {
                Ok(None) => {
                    self.let_go();
                    return Ok(true);
                }
                Ok(Some(block)) => {
                    if std::mem::take(&mut self.is_untried)
                        && self.framer.may_be_no_listing()
                        && let Some(doubt) = Doubt::of(&block)
                    {
                        if !self.submit().await {
                            return Ok(false);
                        }
                        self.doubt = Some(doubt);
                    }
                    let asides = self.framer.asides();
                    for record in block.records() {
                        if asides.has_lines() && PageReader::may_be_line(record.bytes) {
                            // An error is told where the line is decoded.
                            self.lines.line(record.bytes, asides);
                        }
                    }
                    let mut rest = self.behind_resume(block)?;
                    while let Some(block) = rest {
                        rest = self.job.push(block);
                        if self.job.is_full() && !self.submit().await {
                            return Ok(false);
                        }
                    }
                }
                Err(error) if self.was_delivered(&error) => {}
                Err(error) if error.is_record() => {
                    self.arrive()?;
                    self.job.reject(&error, self.framer.position());
                    if self.fail_fast {
                        self.submit().await;
                        return Ok(false);
                    }
                    if self.job.is_full() && !self.submit().await {
                        return Ok(false);
                    }
                }
                // These very bytes had a structure that could be followed, or they are others.
                Err(error) if self.resume.is_some() && is_of_structure(&error) => {
                    return Err(changed().caused_by(error));
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Keeps the bookmark from holding what belongs to no job, however long that is.
    fn let_go(&mut self) {
        if self.bookmark.held() < MAX_HELD {
            return;
        }
        let known = self.framer.position().byte;
        let wanted = self.resume.as_ref().map_or(u64::MAX, |place| place.position.byte);
        self.bookmark.pass(self.job.end().map(|end| end.byte), known.min(wanted));
    }

    /// What of `block` lies behind the place to go on from.
    fn behind_resume(&mut self, mut block: Block) -> Result<Option<Block>> {
        let Some(place) = &self.resume else { return Ok(Some(block)) };
        let known = block.records_beginning_before(place.position.byte);
        if known == block.len() {
            return Ok(None);
        }
        self.arrive()?;
        if known > 0 {
            block.split_to(known);
        }
        Ok(Some(block))
    }

    /// Whether `error` is about a record that lies before the place to go on from.
    fn was_delivered(&self, error: &Error) -> bool {
        let Some(place) = &self.resume else { return false };
        error.is_record() && error.position().is_some_and(|at| at.byte < place.position.byte)
    }

    /// Makes sure, where reading is to go on from a place, that the page is the same up to there.
    fn arrive(&mut self) -> Result<()> {
        let Some(place) = self.resume.take() else { return Ok(()) };
        if self.framer.position().byte < place.position.byte {
            return Err(changed().at(self.framer.position()));
        }
        let found = self.bookmark.place(place.position, place.record_end);
        if found.digest != place.digest {
            return Err(changed().at(place.position));
        }
        tracing::info!(
            byte = place.position.byte,
            record = place.position.record,
            "what an earlier run delivered of the page has come again: going on behind it"
        );
        self.job = Job::behind(&place, self.options.block_bytes as u64);
        Ok(())
    }

    /// Hands the job to a decoder; whether the writer still takes it.
    async fn submit(&mut self) -> bool {
        let record_end = self.job.record_end();
        let Some((blocks, rejects, span)) = self.job.take() else { return true };
        let place = self.bookmark.place(span.end, record_end);
        let share = tokio::select! {
            biased;
            () = self.jobs.closed() => return false,
            share = self.room.take(span.bytes() as usize) => share,
        };
        let Some(_share) = share else { return false };
        // More decoders than cores would decode nothing sooner, and hold more memory while they do.
        let core = DECODERS.acquire().await;
        let doubt = self.doubt;
        let (mut decoder, fail_fast) = (self.decoder.clone(), self.fail_fast);
        let (asides, lead) = (self.framer.asides(), self.framer.lead());
        let decoded = tokio::task::spawn_blocking(move || {
            let _core = core;
            let mut rejects = rejects;
            let mut failure = None;
            let (value, records) = decoder.decode(blocks, &mut |mut reject| {
                reject.position.byte -= lead;
                match aside(&reject, asides, fail_fast) {
                    // A line about the page is no reject, and licenses may follow it.
                    Some(Ok(())) => return ControlFlow::Continue(()),
                    Some(Err(error)) => failure = Some(error.at(reject.position)),
                    None => {
                        rejects.push(reject);
                        if !fail_fast {
                            return ControlFlow::Continue(());
                        }
                    }
                }
                ControlFlow::Break(())
            });
            rejects.sort_by_key(|reject| reject.position.byte);
            // Nothing behind a failure is of any account, however much of it came with what was before.
            if let Some(at) = failure.as_ref().and_then(Error::position) {
                rejects.retain(|reject| reject.position.byte < at.byte);
            }
            Decoded { value, records, rejects, failure }
        });
        self.counting.queued(span.bytes());
        self.jobs.send(Ticket { decoded, span, place, doubt, _share }).await.is_ok()
    }
}

fn is_of_structure(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Malformed | ErrorKind::Truncated)
}

fn endless() -> Error {
    let message = format!(
        "{MAX_EMPTY_PAGES} pages in a row had no licenses, and each the cursor of a further one: the listing seems to \
         have no end"
    );
    Error::new(ErrorKind::Upstream, message).advising("ask Truto why, or for less (--remote-query)")
}

fn changed() -> Error {
    let message = "the API answers differently than before: what was delivered of this page cannot be \
        gone on with, and the snapshot must be begun anew";
    Error::new(ErrorKind::Changed, message)
}

/// What a reject is that is none: a line about the page; or an error of the API, or what may have been one of
/// these, which fail the run.
fn aside(reject: &Reject, asides: Asides, fail_fast: bool) -> Option<Result<()>> {
    let record = reject.bytes.as_deref()?;
    let told = PageReader::default().aside(record, asides);
    // Where the reject ends the run by itself, it says better why.
    if told.is_some() || fail_fast {
        return told;
    }
    let is_lost =
        asides != Asides::None && is_broken(reject.reason) && may_have_been_more(record, asides);
    is_lost.then(|| Err(lost_aside(&reject.clone().into())))
}
