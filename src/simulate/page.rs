//! Which licenses answer a request, and the cursors that lead from one request to the next.

use std::ops::Range;

use super::generator::seed_from;
use super::wire::Wire;

/// Cuts the licenses of an account into pages.
#[derive(Clone, Debug)]
pub(super) struct Pager {
    /// What the account's cursors are made from.
    key: u64,
    total: u64,
    page_records: Option<u64>,
    empty_pages: bool,
    repeating_cursor: bool,
    has_cursor: bool,
}

/// What answers a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) records: Range<u64>,
    pub(super) next_cursor: Option<String>,
    /// Whether the last license of the account is among its own, or would be.
    pub(super) is_last: bool,
}

/// The place that a cursor stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    start: u64,
    /// Whether a page without licenses comes first.
    is_empty: bool,
}

impl Pager {
    /// The pages of an account with `total` licenses.
    pub(super) fn new(
        seed: u64,
        account: &str,
        total: u64,
        wire: &Wire,
        limit: Option<u64>,
    ) -> Self {
        Pager {
            key: seed_from(seed, account),
            total,
            page_records: wire.page_records.into_iter().chain(limit).min(),
            empty_pages: wire.empty_pages,
            repeating_cursor: wire.repeating_cursor,
            has_cursor: wire.has_cursor(),
        }
    }

    /// Whether a body says what its next cursor is, even that there is none.
    pub(super) fn is_paged(&self) -> bool {
        self.page_records.is_some() || self.empty_pages || self.repeating_cursor
    }

    pub(super) fn first_page(&self) -> Page {
        self.page_at(Place { start: 0, is_empty: self.empty_pages })
    }

    /// The page that `cursor` leads to; `None` if the cursor is none of this account.
    pub(super) fn page(&self, cursor: &str) -> Option<Page> {
        self.decode(cursor).filter(|_| self.has_cursor).map(|place| self.page_at(place))
    }

    fn page_at(&self, place: Place) -> Page {
        let start = place.start;
        if place.is_empty && self.has_cursor {
            let next = self.encode(Place { is_empty: false, ..place });
            return Page { records: start..start, next_cursor: Some(next), is_last: false };
        }
        let end = match self.page_records {
            Some(records) if self.has_cursor => start.saturating_add(records).min(self.total),
            _ => self.total,
        };
        let next_cursor = self.cursor_after(end);
        Page { records: start..end, next_cursor, is_last: end == self.total }
    }

    /// The cursor of what follows when so many licenses have been sent.
    pub(super) fn cursor_after(&self, records: u64) -> Option<String> {
        let start = if records < self.total {
            records
        } else if self.repeating_cursor {
            self.page_records.filter(|second| *second < self.total).unwrap_or(0)
        } else {
            return None;
        };
        Some(self.encode(Place { start, is_empty: self.empty_pages }))
    }

    /// Opaque to whoever gets it, and of characters that a URL does not take as they are.
    fn encode(&self, place: Place) -> String {
        let Place { start, is_empty } = place;
        let kind = if is_empty { '/' } else { '+' };
        format!("{start:x}{kind}{:x}==", seed_from(self.key ^ start, "cursor"))
    }

    fn decode(&self, cursor: &str) -> Option<Place> {
        let at = cursor.find(['/', '+'])?;
        let start = u64::from_str_radix(&cursor[..at], 16).ok()?;
        let place = Place { start, is_empty: cursor[at..].starts_with('/') };
        (self.encode(place) == cursor && start <= self.total).then_some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::super::SimulatedShape;
    use super::*;

    /// The pages that the cursors lead through, up to one that was there before.
    fn walk(pager: &Pager) -> Vec<(u64, u64)> {
        let mut pages = Vec::new();
        let mut seen = Vec::new();
        let mut page = pager.first_page();
        loop {
            pages.push((page.records.start, page.records.end));
            let Some(next) = page.next_cursor else { return pages };
            if seen.contains(&next) {
                return pages;
            }
            page = pager.page(&next).unwrap();
            seen.push(next);
        }
    }

    fn pager(wire: &Wire, limit: Option<u64>) -> Pager {
        Pager::new(0, "a", 10, wire, limit)
    }

    #[test]
    fn cursors_lead_through_all_licenses() {
        let plain = Wire::default();
        let pages = |wire: &Wire, limit| walk(&pager(wire, limit));
        assert_eq!(pages(&plain, None), [(0, 10)]);
        assert_eq!(pages(&plain, Some(4)), [(0, 4), (4, 8), (8, 10)]);
        let paged = Wire { page_records: Some(5), ..plain.clone() };
        assert_eq!(pages(&paged, None), [(0, 5), (5, 10)]);
        assert_eq!(pages(&paged, Some(4)), [(0, 4), (4, 8), (8, 10)]);
        assert_eq!(pages(&paged, Some(100)), [(0, 5), (5, 10)]);
        let empty_pages = Wire { empty_pages: true, ..paged.clone() };
        assert_eq!(pages(&empty_pages, None), [(0, 0), (0, 5), (5, 5), (5, 10)]);
        assert_eq!(pages(&Wire { empty_pages: true, ..plain }, None), [(0, 0), (0, 10)]);
        assert_eq!(walk(&Pager::new(0, "a", 0, &paged, None)), [(0, 0)]);
        let array = Wire { shape: SimulatedShape::Array, ..empty_pages };
        assert_eq!(pages(&array, Some(1)), [(0, 10)], "no place for a cursor");
    }

    #[test]
    fn a_repeating_cursor_leads_back() {
        let wire = Wire { repeating_cursor: true, ..Wire::default() };
        assert_eq!(walk(&pager(&wire, Some(4))), [(0, 4), (4, 8), (8, 10)]);
        assert_eq!(walk(&pager(&wire, None)), [(0, 10), (0, 10)]);
    }

    #[test]
    fn a_cursor_belongs_to_its_account() {
        let wire = Wire { page_records: Some(5), ..Wire::default() };
        let pager = pager(&wire, None);
        let cursor = pager.first_page().next_cursor.unwrap();
        assert!(pager.page(&cursor).is_some());
        assert!(Pager::new(0, "b", 10, &wire, None).page(&cursor).is_none());
        assert!(Pager::new(0, "a", 3, &wire, None).page(&cursor).is_none());
        for cursor in ["", "5", "5+", "x+0==", &cursor[1..], "ffffffffffffffffff+0=="] {
            assert!(pager.page(cursor).is_none(), "{cursor}");
        }
    }
}
