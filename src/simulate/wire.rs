//! What a body says beside the licenses themselves.

use super::fault::{BreakRecords, FaultKind, Struck};
use super::{AccountGroup, SimulatedShape};

/// The form of one body, what it says beside the licenses, and how it misleads.
#[derive(Clone, Debug, Default)]
pub(super) struct Wire {
    pub(super) shape: SimulatedShape,
    /// Whether it is a provider's own, whose shape is not one of ours.
    pub(super) is_raw: bool,
    /// Whether envelopes hold their licenses by id.
    pub(super) keyed: bool,
    /// Licenses of a page; all of them if there is none.
    pub(super) page_records: Option<u64>,
    pub(super) cursor_first: bool,
    pub(super) results: bool,
    pub(super) unknown_members: bool,
    pub(super) partial: bool,
    pub(super) error_after: Option<u64>,
    pub(super) empty_pages: bool,
    pub(super) repeating_cursor: bool,
    pub(super) broken: Vec<BreakRecords>,
}

impl Wire {
    /// What an account's streams are like while nothing goes wrong.
    pub(super) fn of(group: &AccountGroup) -> Self {
        Wire {
            shape: group.shape,
            page_records: group.page_records.map(Into::into),
            cursor_first: group.cursor_first,
            results: group.results,
            unknown_members: group.unknown_members,
            ..Wire::default()
        }
    }

    /// The same with those of the faults that are about what the body says.
    pub(super) fn with_faults(mut self, struck: &[Struck<'_>]) -> Self {
        for fault in struck {
            match fault.kind {
                FaultKind::ErrorAfter(records) => self.error_after = Some(*records),
                FaultKind::Partial => self.partial = true,
                FaultKind::EmptyPages => self.empty_pages = true,
                FaultKind::RepeatCursor => self.repeating_cursor = true,
                FaultKind::BreakRecords(broken) => self.broken.push(broken.clone()),
                _ => {}
            }
        }
        self
    }

    /// Whether it has a place for a cursor.
    pub(super) fn has_cursor(&self) -> bool {
        self.is_raw || self.shape.has_cursor()
    }
}
