//! The caller's own task: batches into the sink, rejects where the policy says.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinError;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::doubt::Doubt;
use super::journal::{HowFar, Marks};
use super::reader::{End, Reading};
use super::{
    AbortOnDrop, Counting, Counts, Decoded, Outcome, Place, Reached, RejectPolicy, Requests,
    Summary, Ticket,
};
use crate::error::{Error, ErrorKind, Result};
use crate::frame::Page;
use crate::position::Position;
use crate::sink::{Batch, Decoder, DurablePiece, Sink};

pub(super) struct Writer<K: Sink> {
    pub(super) sink: K,
    pub(super) rejects: RejectPolicy,
    pub(super) counting: Arc<Counting>,
    pub(super) marks: Option<Marks>,
    pub(super) begun_at: Position,
    /// What lies before, of the snapshot.
    pub(super) before: Counts,
    /// Where the sink was given records behind which no run goes on: what was whole before.
    pub(super) sound: Option<Sound>,
    /// Of a body of which all that has come were rejects.
    pub(super) doubt: Option<Doubt>,
    /// The doubt that a license of its body has dispelled.
    pub(super) dispelled: Option<Doubt>,
    pub(super) first_reject: Option<Error>,
}

/// How many pieces there were, and up to where.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sound {
    pieces: usize,
    durable: Position,
}

/// How often it is looked, while no batch comes, whether more has become durable.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

type Queue<K> = mpsc::Receiver<Ticket<<<K as Sink>::Decoder as Decoder>::Output>>;

impl<K: Sink> Writer<K> {
    pub(super) async fn write(
        mut self,
        mut queue: Queue<K>,
        mut reader: AbortOnDrop<Reading>,
        halt: CancellationToken,
    ) -> Summary<K::Report> {
        let mut counts = Counts::default();
        let written = tokio::select! {
            biased;
            written = self.write_all(&mut queue, &mut counts) => written.map(Some),
            () = halt.cancelled() => Ok(None),
        };
        drop(queue);
        let reading = (&mut reader.0).await.unwrap_or_else(|error| Reading {
            end: Err(internal(error)),
            position: Position::START,
            bodies: 0,
            requests: Requests::default(),
            bytes_read: 0,
            page: Page::default(),
            end_place: None,
        });
        let ended = match written {
            // However far it was read, not all of that was written.
            Ok(None) => reading.end.map(|_| End::Stopped),
            written => written.and(reading.end).and_then(|end| {
                self.judge(&end, &reading.page, &counts)?;
                Ok(end)
            }),
        };
        let mut verdict = match ended {
            Err(error) => (Outcome::Failed, Some(error)),
            Ok(End::Stopped) => (Outcome::Interrupted, None),
            Ok(_) if self.before.rejected + counts.rejected > 0 => (Outcome::Rejected, None),
            Ok(_) => (Outcome::Done, None),
        };
        let is_given_up =
            verdict.1.as_ref().is_some_and(|error| error.kind() == ErrorKind::Changed);
        self.counting.closing();
        let is_closed = tokio::select! {
            biased;
            () = self.close(&mut verdict, is_given_up, reading.end_place, &counts) => true,
            () = halt.cancelled() => false,
        };
        if !is_closed {
            if verdict.0.is_complete() {
                verdict = (Outcome::Interrupted, None);
            }
            self.leave(is_given_up, &counts).await;
        }
        let (outcome, error) = verdict;
        let begun_at = self.begun_at;
        let report = self.sink.report();
        let Reading { position, bodies, requests, bytes_read, page, .. } = reading;
        Summary {
            outcome,
            error,
            counts,
            before: self.before,
            begun_at,
            position,
            bodies,
            requests,
            bytes_read,
            page,
            first_reject: self.first_reject,
            report,
        }
    }

    /// Ends what was begun as the `verdict` has it, and keeps how far it is; what fails of that is in the
    /// verdict then. `end_place` is behind everything, if everything was read.
    async fn close(
        &mut self,
        verdict: &mut (Outcome, Option<Error>),
        is_given_up: bool,
        end_place: Option<Place>,
        counts: &Counts,
    ) {
        let ends_well = verdict.1.as_ref().is_none_or(is_about_records);
        // Asked first, a sink that fails to make durable what it took can still say what is.
        let flushed = if ends_well { self.sink.flush().await.map(drop) } else { Ok(()) };
        let closed = if is_given_up {
            self.give_up().await
        } else if ends_well && flushed.is_ok() {
            self.sink.finish().await
        } else {
            self.sink.abort().await
        };
        let closing = match closed {
            // What could not be taken back keeps the snapshot from being begun anew.
            Err(closing) if is_given_up => {
                verdict.1 = Some(closing);
                None
            }
            closed => closed.err(),
        };
        self.settle();
        let letters = self.rejects.flush().await;
        // Nothing is kept of what was given up, nor anything new where dead letters are missing: the next run makes them anew.
        let is_kept = !is_given_up && letters.is_ok();
        let mut error = verdict.1.take().or(flushed.err()).or(closing).or(letters.err());
        if is_kept {
            let is_complete = error.is_none() && verdict.0.is_complete();
            let end_place = end_place.filter(|_| is_complete);
            // Put back, since it is known even if what follows is not waited for.
            verdict.1 = error;
            let kept = self.keep(end_place, counts).await;
            error = verdict.1.take().or(kept.err());
        }
        if error.is_some() {
            verdict.0 = Outcome::Failed;
        }
        verdict.1 = error;
    }

    /// Ends without waiting for the sink: what can be aborted and kept in a moment is.
    async fn leave(&mut self, is_given_up: bool, counts: &Counts) {
        // What is left half-way here is what a kill would leave, so neither error nor time-out matters.
        let time = self.sink.time_to_leave();
        let end = Instant::now() + 2 * time;
        let _ = tokio::time::timeout(time, self.sink.abort()).await;
        let kept = async {
            self.rejects.flush().await?;
            // A snapshot that is being taken back must not be found by the next run.
            if is_given_up { Ok(()) } else { self.keep(None, counts).await }
        };
        let _ = tokio::time::timeout_at(end, kept).await;
    }

    async fn write_all(&mut self, queue: &mut Queue<K>, counts: &mut Counts) -> Result<()> {
        while let Some(ticket) = self.next(queue).await {
            let decoded = ticket.decoded.await.map_err(internal)?;
            let Decoded { value, records, rejects, failure } = decoded;
            let Ticket { span, place, doubt, .. } = ticket;
            self.weigh(doubt, records)?;
            let count = rejects.len() as u64;
            counts.add(&rejects);
            self.counting.rejected(&rejects);
            if self.first_reject.is_none() {
                self.first_reject = rejects.first().cloned().map(Error::from);
            }
            let total = self.before.rejected + counts.rejected;
            let taken = self.rejects.take(rejects, total).await;
            let mut taken = taken.and(failure.map_or(Ok(()), Err));
            if let Some(doubt) = self.doubt.filter(|doubt| doubt.is_told()) {
                taken =
                    taken.map_err(|error| if error.is_record() { doubt.error() } else { error });
            }
            if self.sink.is_exactly_once() {
                // The place behind the batch may become durable with it.
                std::mem::replace(&mut taken, Ok(()))?;
                if count > 0 {
                    self.rejects.flush().await?;
                }
            }
            let after = Counts { records: counts.records + records, ..counts.clone() };
            let reached = Reached { place: place.clone(), counts: after };
            // No later run may take the body for a listing because it begins within it.
            let is_sure = self.doubt.is_none();
            let reached = (taken.is_ok() && is_sure).then_some(reached);
            if taken.is_err() && records > 0 {
                let pieces = self.sink.pieces().len();
                self.sound = Some(Sound { pieces, durable: self.sink.durable() });
            }
            let written = self.sink.write(Batch { value, records, span, reached }).await;
            self.counting.taken(span.bytes());
            self.settle();
            written?;
            counts.records += records;
            self.counting.written(records);
            taken?;
            if let Some(marks) = self.marks.as_mut().filter(|_| is_sure) {
                marks.push(span.end, place, counts.clone());
                if marks.advance(self.sink.durable()) {
                    // Never ahead of the dead letters either.
                    self.rejects.flush().await?;
                    marks.record(self.sink.pieces(), HowFar::UnderWay).await?;
                }
            }
        }
        Ok(())
    }

    /// The next batch, if one comes.
    async fn next(
        &mut self,
        queue: &mut Queue<K>,
    ) -> Option<Ticket<<K::Decoder as Decoder>::Output>> {
        loop {
            match tokio::time::timeout(LOOK_AGAIN, queue.recv()).await {
                Ok(ticket) => return ticket,
                Err(_) => self.settle(),
            }
        }
    }

    /// Counts what the sink has made durable.
    fn settle(&self) {
        let (sink, pieces) = (&self.sink, self.sink.pieces());
        let news = self.counting.settle(sink.durable(), sink.bytes_written(), pieces.len());
        for piece in &pieces[pieces.len() - news..] {
            let DurablePiece { name, records, bytes, .. } = piece;
            tracing::info!(name, records, bytes, "piece complete");
        }
    }

    /// Takes note of `records` licenses of a body that may be in doubt.
    fn weigh(&mut self, doubt: Option<Doubt>, records: u64) -> Result<()> {
        if let Some(open) = self.doubt
            && !open.is_of_same_body(doubt)
        {
            return Err(open.error());
        }
        if records > 0 {
            self.dispelled = doubt;
        }
        self.doubt = doubt.filter(|doubt| !doubt.is_of_same_body(self.dispelled));
        Ok(())
    }

    /// Takes back what can be, once no later run goes on with it.
    async fn give_up(&mut self) -> Result<()> {
        if let Some(marks) = &mut self.marks {
            marks.abandon().await?;
        }
        self.sink.discard().await
    }

    /// Tells the journal, at the end, what is durable: everything up to `end_place` if there is one.
    async fn keep(&mut self, end_place: Option<Place>, counts: &Counts) -> Result<()> {
        let Some(marks) = &mut self.marks else { return Ok(()) };
        let pieces = self.sink.pieces();
        if let Some(place) = end_place {
            marks.complete(place, counts.clone());
            return marks.record(pieces, HowFar::Complete).await;
        }
        // The next run makes such a piece anew: its last records lie behind the last place to go on from.
        let (pieces, durable) = match self.sound {
            Some(sound) if sound.pieces < pieces.len() => (&pieces[..sound.pieces], sound.durable),
            _ => (pieces, self.sink.durable()),
        };
        marks.advance(durable);
        marks.record(pieces, HowFar::BrokenOff).await
    }

    /// What is wrong with a run in which nothing failed by itself.
    fn judge(&self, end: &End, page: &Page, counts: &Counts) -> Result<()> {
        match end {
            End::Complete => {}
            End::Stopped => return Ok(()),
            End::Abandoned => {
                return Err(Error::new(ErrorKind::Internal, "the reader stopped early"));
            }
        }
        if let Some(doubt) = self.doubt {
            return Err(doubt.error());
        }
        let Counts { records, rejected, .. } = &self.before;
        self.rejects.check_at_end(records + counts.records, rejected + counts.rejected)?;
        if page.is_partial {
            let message =
                "the API says that its answer is partial: the provider's data was incomplete";
            return Err(Error::new(ErrorKind::Upstream, message));
        }
        if page.next_cursor.is_some() {
            let message = "the body is one page, and bears the cursor of the next";
            return Err(Error::new(ErrorKind::Truncated, message));
        }
        Ok(())
    }
}

/// Whether nothing failed but records: then the licenses before them are delivered all the same.
fn is_about_records(error: &Error) -> bool {
    error.is_record() || error.kind() == ErrorKind::TooManyRejects
}

fn internal(error: JoinError) -> Error {
    Error::new(ErrorKind::Internal, "a task of the pipeline failed").caused_by(error)
}
