//! What one decoder does at once.

use super::place::Place;
use crate::error::{Error, ErrorKind};
use crate::frame::Block;
use crate::position::{Position, Span};
use crate::reject::Reject;

/// Gathers blocks until they are worth a decoder's while.
///
/// A job is full with the first record that ends `target` bytes or more behind the last record of
/// the job before, or with [`MAX_RECORDS`] records: what is kept of a record beside its bytes would
/// else not be bounded where records are tiny. So where full jobs end follows from the records alone, not
/// from how the body was chunked; and with it where pieces end that a sink makes of whole batches.
#[derive(Debug)]
pub(super) struct Job {
    target: u64,
    blocks: Vec<Block>,
    /// Records that the framer itself gave up.
    rejects: Vec<Reject>,
    span: Span,
    /// Where the last record of the job before ended.
    base: u64,
    /// Records in `blocks`.
    records: usize,
}

/// Records of a job at most.
const MAX_RECORDS: usize = 16 << 10;

impl Job {
    pub(super) fn new(target: u64) -> Self {
        Self {
            target,
            blocks: Vec::new(),
            rejects: Vec::new(),
            span: Span { start: Position::START, end: Position::START },
            base: 0,
            records: 0,
        }
    }

    /// The first job behind `place`: jobs end from there on as if those before had been taken here.
    pub(super) fn behind(place: &Place, target: u64) -> Self {
        let span = Span { start: place.position, end: place.position };
        Self { span, base: place.record_end, ..Self::new(target) }
    }

    /// Adds as much of `block` as there is room for; answers what is left.
    pub(super) fn push(&mut self, mut block: Block) -> Option<Block> {
        let full_at = self.base + self.target;
        let wanted = block.records_ending_before(full_at) + 1;
        let head = block.split_to(wanted.min(MAX_RECORDS - self.records));
        self.records += head.len();
        self.span.end = head.span().end;
        self.blocks.push(head);
        (!block.is_empty()).then_some(block)
    }

    /// Adds a record that the framer gave up, and behind which it stands at `end`.
    pub(super) fn reject(&mut self, error: &Error, end: Position) {
        if let (ErrorKind::Record(reason), Some(position)) = (error.kind(), error.position()) {
            let message = error.message().to_owned();
            self.span.end = end;
            self.rejects.push(Reject { position, reason, message, bytes: None });
        }
    }

    /// The end of what was gathered, unless it is nothing.
    pub(super) fn end(&self) -> Option<Position> {
        let is_empty = self.blocks.is_empty() && self.rejects.is_empty();
        (!is_empty).then_some(self.span.end)
    }

    pub(super) fn is_full(&self) -> bool {
        self.records >= MAX_RECORDS
            || self.rejects.len() >= MAX_RECORDS
            || self.last_record_end().is_some_and(|end| end >= self.base + self.target)
    }

    /// The byte behind the last record so far.
    pub(super) fn record_end(&self) -> u64 {
        self.last_record_end().unwrap_or(self.base)
    }

    /// What was gathered, unless it is nothing; the next job begins behind it.
    pub(super) fn take(&mut self) -> Option<(Vec<Block>, Vec<Reject>, Span)> {
        self.end()?;
        self.base = self.record_end();
        self.records = 0;
        let span = self.span;
        self.span.start = span.end;
        Some((std::mem::take(&mut self.blocks), std::mem::take(&mut self.rejects), span))
    }

    fn last_record_end(&self) -> Option<u64> {
        self.blocks.last().map(|block| block.record_end(block.len() - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Framer, FramerOptions};
    use bytes::Bytes;

    /// The jobs of `body`, pushed in chunks of `size`: the record numbers and ends of each.
    fn jobs(body: &'static [u8], size: usize) -> Vec<(u64, Vec<Vec<u8>>)> {
        let options =
            FramerOptions { max_record_bytes: 30, block_bytes: 25, ..FramerOptions::default() };
        let mut framer = Framer::new(options);
        let mut job = Job::new(25);
        let mut found = Vec::new();
        let mut take = |job: &mut Job| {
            if let Some((blocks, rejects, span)) = job.take() {
                let records: Vec<_> = blocks
                    .iter()
                    .flat_map(|block| block.records().map(|record| record.bytes.to_vec()))
                    .chain(rejects.iter().map(|reject| reject.message.clone().into_bytes()))
                    .collect();
                assert_eq!(span.records(), records.len() as u64);
                for block in &blocks {
                    for record in block.records() {
                        let at = record.position.byte as usize;
                        assert_eq!(&body[at..at + record.bytes.len()], record.bytes);
                        let line = body[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
                        assert_eq!(record.position.line, line as u64);
                    }
                }
                found.push((span.start.record, records));
            }
        };
        for chunk in body.chunks(size).map(Some).chain([None]) {
            match chunk {
                Some(chunk) => framer.push(Bytes::from_static(chunk)),
                None => framer.finish(),
            }
            loop {
                match framer.next_block() {
                    Ok(None) => break,
                    Ok(Some(block)) => {
                        let mut rest = Some(block);
                        while let Some(block) = rest {
                            rest = job.push(block);
                            if job.is_full() {
                                take(&mut job);
                            }
                        }
                    }
                    Err(error) => job.reject(&error, framer.position()),
                }
            }
        }
        take(&mut job);
        found
    }

    #[test]
    fn jobs_end_at_the_same_records_however_the_body_is_chunked() {
        let body = b"{\"id\":\"a\"}\n{\"id\":\"bcdef\"}\n\n\n  {\"id\":\"c\"}\r\n{\"id\":\"d\"}\n\
            \n{\"id\":\"much longer than thirty bytes\"}\n{\"id\":\"e\"}\n\n{\"id\":\"f\"}";
        let whole = jobs(body, body.len());
        assert!(whole.len() > 2, "{whole:?}");
        for size in 1..body.len() {
            assert_eq!(jobs(body, size), whole, "chunks of {size}");
        }
    }
}
