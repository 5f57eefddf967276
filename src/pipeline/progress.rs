//! Counters of a pipeline that is running.

use std::sync::atomic::{AtomicU64, Ordering};

/// How far a pipeline is. Share it by `Arc`, and look at it whenever you like.
///
/// Each counter only grows; they are not read at one instant.
#[derive(Debug, Default)]
pub struct Progress {
    bytes_read: AtomicU64,
    records: AtomicU64,
    rejected: AtomicU64,
}

impl Progress {
    /// Bytes of the decoded body that were read.
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Ordering::Relaxed)
    }

    /// Licenses that the sink took. Not all of them need be durable yet.
    pub fn records(&self) -> u64 {
        self.records.load(Ordering::Relaxed)
    }

    /// Records that are no licenses.
    pub fn rejected(&self) -> u64 {
        self.rejected.load(Ordering::Relaxed)
    }

    pub(super) fn read(&self, bytes: usize) {
        self.bytes_read.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn written(&self, records: u64, rejected: u64) {
        self.records.fetch_add(records, Ordering::Relaxed);
        self.rejected.fetch_add(rejected, Ordering::Relaxed);
    }
}
