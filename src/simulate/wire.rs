//! What a simulator sends, beside the licenses themselves.

use super::{SimulatedShape, Simulator};

/// The form of bodies, what they say beside the licenses, and how they mislead.
#[derive(Clone, Debug, Default)]
pub(super) struct Wire {
    pub(super) shape: SimulatedShape,
    /// Licenses of a page; all of them if there is none.
    pub(super) page_records: Option<u64>,
    pub(super) cursor_first: bool,
    pub(super) results: bool,
    pub(super) unknown_members: bool,
    pub(super) partial: bool,
    pub(super) error_after: Option<u64>,
    pub(super) empty_pages: bool,
    pub(super) repeating_cursor: bool,
}

/// The form of bodies, and what they say beside the licenses.
impl Simulator {
    /// Wraps the licenses so; [`Lines`](SimulatedShape::Lines) by default.
    #[must_use]
    pub fn with_shape(mut self, shape: SimulatedShape) -> Self {
        self.wire.shape = shape;
        self
    }

    /// Answers each request with no more licenses than that, at least 1, and with the cursor that the
    /// next request must bear as `next_cursor`.
    ///
    /// A request's `limit` lowers it. In shapes that have no place for a cursor it does nothing.
    #[must_use]
    pub fn with_page_records(mut self, records: u64) -> Self {
        self.wire.page_records = Some(records.max(1));
        self
    }

    /// Puts the cursor before the licenses, not behind them.
    #[must_use]
    pub fn with_cursor_first(mut self) -> Self {
        self.wire.cursor_first = true;
        self
    }

    /// Calls the `result` of envelopes `results`, as some endpoints do.
    #[must_use]
    pub fn with_results(mut self) -> Self {
        self.wire.results = true;
        self
    }

    /// Puts members into envelopes that no reader knows, of every type, on both sides of the licenses.
    #[must_use]
    pub fn with_unknown_members(mut self) -> Self {
        self.wire.unknown_members = true;
        self
    }

    /// Says `is_partial_response: true` in every body whose shape has a place for it.
    #[must_use]
    pub fn with_partial_response(mut self) -> Self {
        self.wire.partial = true;
        self
    }

    /// Sends an error of the API, with status 502, in the place of an account's next license when so
    /// many of them were sent; then the body ends, properly closed.
    ///
    /// Among lines, and among pages on lines, it is a line of its own. An account with fewer licenses
    /// is not affected.
    #[must_use]
    pub fn with_error_after(mut self, records: u64) -> Self {
        self.wire.error_after = Some(records);
        self
    }

    /// Puts a page without licenses before each page.
    #[must_use]
    pub fn with_empty_pages(mut self) -> Self {
        self.wire.empty_pages = true;
        self
    }

    /// Lets the last page lead back to the second one, so that whoever follows never ends; where there
    /// is only one page, back to itself.
    #[must_use]
    pub fn with_repeating_cursor(mut self) -> Self {
        self.wire.repeating_cursor = true;
        self
    }
}
