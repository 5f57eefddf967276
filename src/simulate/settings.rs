//! What all accounts of a simulator have in common, set at once.

use std::num::NonZeroU64;
use std::sync::OnceLock;

use super::delivery::SimulatedFraming;
use super::encoding::SimulatedEncoding;
use super::{AccountGroup, Fault, FaultKind, SimulatedShape, Simulator};

/// What every account has, and how it answers. Each of these sets it for the groups that are there, and
/// not for those that [`with_groups`](Simulator::with_groups) brings later.
impl Simulator {
    /// Sets how many licenses each account has.
    #[must_use]
    pub fn with_records(self, records: u64) -> Self {
        self.each(|group| group.records = records)
    }

    /// Wraps the licenses so; [`Lines`](SimulatedShape::Lines) by default.
    #[must_use]
    pub fn with_shape(self, shape: SimulatedShape) -> Self {
        self.each(|group| group.shape = shape)
    }

    /// Answers each request with no more licenses than that, at least 1, and with the cursor that the
    /// next request must bear as `next_cursor`.
    ///
    /// A request's `limit` lowers it. In shapes that have no place for a cursor it does nothing.
    #[must_use]
    pub fn with_page_records(self, records: u64) -> Self {
        let records = NonZeroU64::new(records).unwrap_or(NonZeroU64::MIN);
        self.each(|group| group.page_records = Some(records))
    }

    /// Puts the cursor before the licenses, not behind them.
    #[must_use]
    pub fn with_cursor_first(self) -> Self {
        self.each(|group| group.cursor_first = true)
    }

    /// Calls the `result` of envelopes `results`, as some endpoints do.
    #[must_use]
    pub fn with_results(self) -> Self {
        self.each(|group| group.results = true)
    }

    /// Puts members into envelopes that no reader knows, of every type, on both sides of the licenses.
    #[must_use]
    pub fn with_unknown_members(self) -> Self {
        self.each(|group| group.unknown_members = true)
    }

    /// Gives licenses fields that no schema knows.
    #[must_use]
    pub fn with_unknown_fields(self) -> Self {
        self.each(|group| group.unknown_fields = true)
    }

    /// Sets the size of chunks, from 1 byte to 16 MiB: beyond, the nearest of these holds.
    ///
    /// The last chunk is smaller, and so may be those next to a hold or a stall, or at a slow pace.
    #[must_use]
    pub fn with_chunk_bytes(self, bytes: usize) -> Self {
        self.each(|group| group.chunk_bytes = bytes)
    }

    /// Sends each body no faster than that, evenly.
    #[must_use]
    pub fn with_pace(self, bytes_per_second: NonZeroU64) -> Self {
        self.each(|group| group.bytes_per_second = Some(bytes_per_second))
    }

    /// Tells the end of streams so; by chunks, by default.
    #[must_use]
    pub fn with_framing(self, framing: SimulatedFraming) -> Self {
        self.each(|group| group.framing = framing)
    }

    /// Compresses bodies of licenses so; not at all, by default.
    #[must_use]
    pub fn with_encoding(self, encoding: SimulatedEncoding) -> Self {
        self.each(|group| group.encoding = encoding)
    }

    /// Lets something go wrong with each account, behind what goes wrong already.
    #[must_use]
    pub fn with_fault(self, fault: impl Into<Fault>) -> Self {
        let fault = fault.into();
        self.each(|group| group.faults.push(fault.clone()))
    }

    /// [`FaultKind::CutAt`] at every request.
    #[must_use]
    pub fn with_cut_after(self, bytes: u64) -> Self {
        self.with_fault(FaultKind::CutAt(bytes))
    }

    /// Lets the cuts that were asked for strike only the first so many streams of each account.
    #[must_use]
    pub fn with_cut_times(self, times: u64) -> Self {
        self.each(|group| {
            for fault in &mut group.faults {
                if matches!(fault.kind(), FaultKind::CutAt(_)) {
                    *fault = fault.clone().times(times);
                }
            }
        })
    }

    /// [`FaultKind::Partial`] at every request.
    #[must_use]
    pub fn with_partial_response(self) -> Self {
        self.with_fault(FaultKind::Partial)
    }

    /// [`FaultKind::ErrorAfter`] at every request.
    #[must_use]
    pub fn with_error_after(self, records: u64) -> Self {
        self.with_fault(FaultKind::ErrorAfter(records))
    }

    /// [`FaultKind::EmptyPages`] at every request.
    #[must_use]
    pub fn with_empty_pages(self) -> Self {
        self.with_fault(FaultKind::EmptyPages)
    }

    /// [`FaultKind::RepeatCursor`] at every request.
    #[must_use]
    pub fn with_repeating_cursor(self) -> Self {
        self.with_fault(FaultKind::RepeatCursor)
    }

    fn each(mut self, set: impl Fn(&mut AccountGroup)) -> Self {
        self.scenario.accounts.iter_mut().for_each(set);
        self.listed = OnceLock::new();
        self
    }
}
