//! Which cursors were there before.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Hashes of the cursors so far: eight bytes a page. Following one for the second time would never end.
#[derive(Debug, Default)]
pub(super) struct Cursors(HashSet<u64>);

impl Cursors {
    /// Adds one; whether it was not there yet.
    pub(super) fn add(&mut self, cursor: &str) -> bool {
        let mut hasher = DefaultHasher::new();
        cursor.hash(&mut hasher);
        self.0.insert(hasher.finish())
    }
}
