//! Records of an envelope or a list on their way to a block.

use bytes::Bytes;

use super::{Block, RecordRange};
use crate::position::{Position, Span};

/// Records of one piece of memory that follow one another.
#[derive(Debug, Default)]
pub(super) struct Run {
    records: Vec<RecordRange>,
    /// Where the first of them begins: offset in the memory, and place in the body.
    offset: usize,
    start: Position,
    end: Position,
}

impl Run {
    pub(super) fn push(&mut self, offset: usize, len: usize, start: Position, end: Position) {
        if self.records.is_empty() {
            self.offset = offset;
            self.start = start;
        }
        self.records.push(RecordRange {
            start: (offset - self.offset) as u32,
            len: len as u32,
            line: (start.line - self.start.line) as u32,
        });
        self.end = end;
    }

    pub(super) fn len(&self) -> usize {
        (self.end.byte - self.start.byte) as usize
    }

    /// The block of the records, if there are any.
    pub(super) fn close(self, memory: &Bytes) -> Option<Block> {
        if self.records.is_empty() {
            return None;
        }
        let bytes = memory.slice(self.offset..self.offset + self.len());
        let span = Span { start: self.start, end: self.end };
        Some(Block { bytes, records: self.records, span })
    }
}
