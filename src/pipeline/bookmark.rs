//! What the reader keeps so that reading can go on from the end of any job.

use std::collections::VecDeque;

use bytes::Bytes;

use super::place::{PageStart, Place};
use crate::digest::{Digest, Digester};
use crate::position::Position;

/// The digest of the page so far, up to the last place that was asked for or [passed](Self::pass).
///
/// Where a job ends is known only after the chunks that it came in, so chunks wait here until then,
/// without being copied. What belongs to no job does not: white space, empty pages, and the rest of a
/// record that is too long may be as long as they like.
#[derive(Debug, Default)]
pub(super) struct Bookmark {
    page: PageStart,
    digester: Digester,
    /// The byte up to which `digester` has come.
    digested: u64,
    /// The chunks from there on, and their length together.
    chunks: VecDeque<Bytes>,
    held: usize,
    /// The end of the job in hand, and the digest there, once `digester` has come beyond it.
    mark: Option<(u64, Digest)>,
}

impl Bookmark {
    pub(super) fn begin_page(&mut self, page: PageStart) {
        *self = Self { digested: page.position.byte, page, ..Self::default() };
    }

    pub(super) fn push(&mut self, chunk: Bytes) {
        if !chunk.is_empty() {
            self.held += chunk.len();
            self.chunks.push_back(chunk);
        }
    }

    /// Bytes that wait here.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// Lets go of everything before `byte`: from here on no place is asked for before that, but for the
    /// end of the job in hand, if there is one, at `job_end`.
    pub(super) fn pass(&mut self, job_end: Option<u64>, byte: u64) {
        if let Some(end) = job_end.map(|end| end.max(self.page.position.byte))
            && end >= self.digested
        {
            self.digest_up_to(end);
            self.mark = Some((end, self.digester.digest()));
        }
        self.digest_up_to(byte);
    }

    /// The place at `position`, which must not lie before one that was asked for. One before the page
    /// is the start of the page: nothing is between the two but the end of the page before.
    pub(super) fn place(&mut self, position: Position, record_end: u64) -> Place {
        let position = position.max(self.page.position);
        let digest = match self.mark {
            Some((byte, digest)) if byte == position.byte => digest,
            _ => {
                debug_assert!(position.byte >= self.digested, "a place that was passed");
                self.digest_up_to(position.byte);
                self.digester.digest()
            }
        };
        Place { position, page: self.page.clone(), digest, record_end }
    }

    fn digest_up_to(&mut self, byte: u64) {
        while self.digested < byte
            && let Some(chunk) = self.chunks.front_mut()
        {
            let wanted = usize::try_from(byte - self.digested).unwrap_or(usize::MAX);
            let part = chunk.split_to(wanted.min(chunk.len()));
            self.digester.update(&part);
            self.held -= part.len();
            self.digested += part.len() as u64;
            if chunk.is_empty() {
                self.chunks.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_follows_from_the_bytes_before_it_alone() {
        let bytes = b"0123456789";
        let at = |byte| Position { byte: 100 + byte, line: 1, record: byte };
        let page = PageStart { position: at(0), cursor: Some("c".to_owned()), is_partial: true };
        let mut places = Vec::new();
        for size in 1..=bytes.len() {
            let mut bookmark = Bookmark::default();
            bookmark.begin_page(page.clone());
            bytes.chunks(size).for_each(|chunk| bookmark.push(Bytes::copy_from_slice(chunk)));
            places.push([0, 3, 3, 10].map(|byte| bookmark.place(at(byte), byte)));
            assert!(bookmark.chunks.is_empty());
        }
        for passed in 3..=8 {
            let mut bookmark = Bookmark::default();
            bookmark.begin_page(page.clone());
            bookmark.push(Bytes::from_static(bytes));
            let first = bookmark.place(at(0), 0);
            for byte in 3..=passed {
                bookmark.pass(Some(at(3).byte), at(byte).byte);
            }
            assert_eq!(bookmark.held(), 10 - passed as usize);
            let rest = [3, 3, 10].map(|byte| bookmark.place(at(byte), byte));
            places.push([first, rest[0].clone(), rest[1].clone(), rest[2].clone()]);
        }
        assert!(places.iter().all(|of_size| of_size == &places[0]));
        let mut digester = Digester::default();
        digester.update(b"012");
        assert_eq!(places[0][1].digest, digester.digest());
        assert_eq!(places[0][1].page, page);
    }

    #[test]
    fn a_place_before_the_page_is_its_start() {
        let start = Position { byte: 7, line: 2, record: 1 };
        let mut bookmark = Bookmark::default();
        bookmark.begin_page(PageStart { position: start, ..PageStart::default() });
        let place = bookmark.place(Position { byte: 5, line: 1, record: 1 }, 5);
        assert_eq!((place.position, place.record_end), (start, 5));
    }
}
