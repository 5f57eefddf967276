//! Which rows of a file are counted, and for which snapshot.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};

use super::figures::LicenseFigures;

/// The column that says whose a row is in a file of several snapshots.
pub(super) const SNAPSHOT: &str = "_snapshot_id";

/// The snapshot that a whole file is of, by its place among those that are counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whole(pub(super) usize);

/// Which rows are counted.
#[derive(Clone, Debug)]
pub(super) enum Rows {
    /// All of them, for one snapshot.
    All(Whole),
    /// Those of the snapshots with these ids.
    Of(Arc<HashMap<String, usize>>),
}

/// What was found in a file, by snapshot.
pub(super) type Found = BTreeMap<usize, LicenseFigures>;

impl Rows {
    /// Adds rows of a file to what was found in it.
    ///
    /// # Errors
    /// The column that is missing, or of another type than this crate writes.
    pub(super) fn add(
        &self,
        found: &mut Found,
        rows: &RecordBatch,
        directories: &BTreeMap<String, Option<String>>,
    ) -> Result<(), &'static str> {
        let by_id = match self {
            Self::All(Whole(index)) => {
                return found.entry(*index).or_default().add(rows, directories);
            }
            Self::Of(by_id) => by_id,
        };
        let Some(column) = rows.column_by_name(SNAPSHOT) else {
            // Files that lie in one directory are merged into one in it.
            let id = directories.get("snapshot").and_then(Option::as_deref).ok_or(SNAPSHOT)?;
            return match by_id.get(id) {
                Some(index) => found.entry(*index).or_default().add(rows, directories),
                None => Ok(()),
            };
        };
        let ids = column.as_string_opt::<i32>().ok_or(SNAPSHOT)?;
        let id = |row: usize| ids.is_valid(row).then(|| ids.value(row));
        // Files were merged one behind the other, so that there are few changes.
        let mut start = 0;
        while start < rows.num_rows() {
            let length = (start..rows.num_rows()).take_while(|row| id(*row) == id(start)).count();
            if let Some(index) = id(start).and_then(|id| by_id.get(id)) {
                let rows = rows.slice(start, length);
                found.entry(*index).or_default().add(&rows, directories)?;
            }
            start += length;
        }
        Ok(())
    }

    /// Whether all rows are counted, for one snapshot.
    pub(super) fn whole(&self) -> Option<usize> {
        match self {
            Self::All(Whole(index)) => Some(*index),
            Self::Of(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::{ArrayRef, StringArray};

    use super::*;

    #[test]
    fn each_row_is_counted_for_its_own_snapshot_and_those_of_others_for_none() {
        let ids = [Some("a"), Some("a"), Some("x"), Some("b"), None, Some("a")];
        let column: ArrayRef = Arc::new(StringArray::from(ids.to_vec()));
        let rows = RecordBatch::try_from_iter_with_nullable([(SNAPSHOT, column, true)]).unwrap();
        let by_id = HashMap::from([("a".to_owned(), 0), ("b".to_owned(), 7)]);
        let of = Rows::Of(Arc::new(by_id));
        let mut found = Found::new();
        of.add(&mut found, &rows, &BTreeMap::new()).unwrap();
        let licenses: Vec<_> = found.iter().map(|(index, it)| (*index, it.licenses)).collect();
        assert_eq!(licenses, [(0, 3), (7, 1)]);

        // Without the column a directory may say it; otherwise nobody knows.
        let id: ArrayRef = Arc::new(StringArray::from(vec!["1", "2"]));
        let rows = RecordBatch::try_from_iter([("id", id)]).unwrap();
        assert_eq!(of.add(&mut found, &rows, &BTreeMap::new()), Err(SNAPSHOT));
        let directories = [("snapshot".to_owned(), Some("b".to_owned()))].into();
        of.add(&mut found, &rows, &directories).unwrap();
        assert_eq!(found[&7].licenses, 3);
    }
}
