//! Which of a sink's batches are in which transaction.

use std::collections::VecDeque;

use crate::position::Position;

/// A sink's batches in transactions that are not known to be committed, and what came before them.
#[derive(Debug, Default)]
pub(super) struct Parts {
    open: VecDeque<Batches>,
    /// The place before which all is committed.
    pub(super) durable: Position,
    /// Records before it.
    pub(super) delivered: u64,
}

/// All of one transaction.
#[derive(Debug)]
struct Batches {
    transaction: u64,
    end: Position,
    records: u64,
}

impl Parts {
    /// A batch of `records` that ends at `end` is in `transaction`, which is the last or a later one.
    pub(super) fn push(&mut self, transaction: u64, end: Position, records: u64) {
        match self.open.back_mut().filter(|last| last.transaction == transaction) {
            Some(last) => {
                last.end = end;
                last.records += records;
            }
            None => self.open.push_back(Batches { transaction, end, records }),
        }
    }

    /// The last transaction that there is something in.
    pub(super) fn last(&self) -> u64 {
        self.open.back().map_or(0, |last| last.transaction)
    }

    /// Transactions up to `committed` are.
    pub(super) fn advance(&mut self, committed: u64) {
        while let Some(first) = self.open.front().filter(|first| first.transaction <= committed) {
            self.durable = first.end;
            self.delivered += first.records;
            self.open.pop_front();
        }
    }

    /// What `durable` is once [`advance`](Self::advance) is told of `committed`.
    pub(super) fn durable_at(&self, committed: u64) -> Position {
        let settled = self.open.iter().take_while(|batches| batches.transaction <= committed);
        settled.last().map_or(self.durable, |last| last.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_durable_is_what_is_committed() {
        let at = |byte| Position { byte, line: 1, record: byte };
        let mut parts = Parts::default();
        assert_eq!((parts.last(), parts.durable_at(9)), (0, Position::START));
        for (transaction, end) in [(2, 10), (2, 20), (5, 30), (6, 40)] {
            parts.push(transaction, at(end), 3);
        }
        for (committed, end, delivered) in [(1, 0, 0), (2, 20, 6), (4, 20, 6), (6, 40, 12)] {
            let end = if end == 0 { Position::START } else { at(end) };
            assert_eq!(parts.durable_at(committed), end);
            parts.advance(committed);
            assert_eq!((parts.durable, parts.delivered), (end, delivered));
        }
    }
}
