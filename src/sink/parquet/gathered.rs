//! Rows that are put in order, and into directories, once a row group of them is there.

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;

use super::order::{Row, SortColumn, ordered};
use super::parts::{Directory, Parts};

/// The rows of several batches, by the directories that they go to.
///
/// The batches stay as they came, and only the places of their rows are kept for each directory: so many
/// directories take little more memory than one.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    batches: Vec<RecordBatch>,
    pub(super) parts: BTreeMap<Directory, Part>,
}

/// The rows of one directory.
#[derive(Debug, Default)]
pub(super) struct Part {
    rows: Vec<Row>,
    /// The bytes of JSON that they were made from: their share of what their batches were.
    pub(super) json_bytes: u64,
}

impl Part {
    pub(super) fn rows(&self) -> u64 {
        self.rows.len() as u64
    }

    /// The rows in `order`, out of the batches that they are places in.
    pub(super) fn ordered(
        self,
        batches: &[RecordBatch],
        order: &[SortColumn],
    ) -> impl Iterator<Item = Result<RecordBatch, ArrowError>> {
        ordered(batches, self.rows, order)
    }
}

impl Gathered {
    /// Adds rows that were made from `json_bytes` bytes of JSON.
    pub(super) fn add(&mut self, parts: Parts, json_bytes: u64) {
        let batch = self.batches.len() as u32;
        let all = parts.rows.num_rows() as u64;
        if parts.directories.is_empty() {
            self.part("".into()).add(batch, 0..all as u32, json_bytes);
        }
        for (directory, rows) in parts.directories {
            let share = json_bytes * rows.len() as u64 / all.max(1);
            self.part(directory).add(batch, rows, share);
        }
        self.batches.push(parts.rows);
    }

    fn part(&mut self, directory: Directory) -> &mut Part {
        self.parts.entry(directory).or_default()
    }

    /// The batches, and which of their rows go where.
    pub(super) fn take(&mut self) -> (Vec<RecordBatch>, BTreeMap<Directory, Part>) {
        (std::mem::take(&mut self.batches), std::mem::take(&mut self.parts))
    }
}

impl Part {
    fn add(&mut self, batch: u32, rows: impl IntoIterator<Item = u32>, json_bytes: u64) {
        self.rows.extend(rows.into_iter().map(|row| (batch, row)));
        self.json_bytes += json_bytes;
    }
}
