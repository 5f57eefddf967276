//! The order of the rows within a row group.

use std::cmp::Ordering;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, TimestampMicrosecondType};
use arrow_array::{Array, BooleanArray, Float64Array, RecordBatch, StringArray};
use arrow_array::{ArrayRef, TimestampMicrosecondArray};
use arrow_schema::{ArrowError, DataType, Schema};
use arrow_select::interleave::interleave_record_batch;
use parquet::file::metadata::SortingColumn;

use super::group::leaves;
use crate::error::{Error, ErrorKind, Result};

/// Rows of a batch that is encoded at once.
const BATCH_ROWS: usize = 4096;

/// A column by which rows are sorted within each row group. Nulls come last in either direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortColumn {
    /// A column of text, numbers, times or truth values.
    pub name: String,
    /// Whether the greatest value comes first.
    pub is_descending: bool,
}

/// Refuses an order that `schema` does not have, and answers how a file declares it.
pub(super) fn sorting_columns(order: &[SortColumn], schema: &Schema) -> Result<Vec<SortingColumn>> {
    let mut declared: Vec<SortingColumn> = Vec::with_capacity(order.len());
    for SortColumn { name, is_descending } in order {
        let Some((index, field)) = schema.column_with_name(name) else {
            return Err(refused(format!(
                "rows cannot be sorted by {name:?}, which is not written"
            )));
        };
        if !is_sortable(field.data_type()) {
            return Err(refused(format!("rows cannot be sorted by {name}, a column of lists")));
        }
        let column_idx = schema.fields()[..index].iter().map(leaves).sum::<usize>() as i32;
        if declared.iter().any(|declared| declared.column_idx == column_idx) {
            return Err(refused(format!("rows are to be sorted by {name} twice")));
        }
        declared.push(SortingColumn { column_idx, descending: *is_descending, nulls_first: false });
    }
    Ok(declared)
}

fn is_sortable(data_type: &DataType) -> bool {
    use DataType::{Boolean, Float64, Timestamp, Utf8};
    matches!(data_type, Boolean | Float64 | Timestamp(..) | Utf8)
}

fn refused(message: String) -> Error {
    Error::new(ErrorKind::Configuration, message)
}

/// A row of several batches: which of them, and its number there.
pub(super) type Row = (u32, u32);

/// These `rows` of `batches` by `order`, in batches of so many that each is encoded in the memory of a few. Rows
/// that are equal in it stay in the order that they have, so that what comes depends on the rows alone.
pub(super) fn ordered(
    batches: &[RecordBatch],
    mut rows: Vec<Row>,
    order: &[SortColumn],
) -> impl Iterator<Item = Result<RecordBatch, ArrowError>> {
    let keys: Vec<_> = order.iter().filter_map(|column| Key::of(column, batches)).collect();
    let place = |(batch, row): Row| (batch as usize, row as usize);
    if !keys.is_empty() {
        rows.sort_by(|left, right| {
            let orders = keys.iter().map(|key| key.compare(place(*left), place(*right)));
            orders.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
        });
    }
    let all: Vec<_> = batches.iter().collect();
    let starts = (0..rows.len()).step_by(BATCH_ROWS);
    starts.map(move |start| {
        let end = rows.len().min(start + BATCH_ROWS);
        let places: Vec<_> = rows[start..end].iter().map(|row| place(*row)).collect();
        interleave_record_batch(&all, &places)
    })
}

/// A column of all batches.
struct Key<'a> {
    values: Values<'a>,
    is_descending: bool,
}

enum Values<'a> {
    Text(Vec<&'a StringArray>),
    Numbers(Vec<&'a Float64Array>),
    Times(Vec<&'a TimestampMicrosecondArray>),
    Truths(Vec<&'a BooleanArray>),
}

impl<'a> Key<'a> {
    /// `None` for what cannot be sorted by, which [`sorting_columns`] has refused.
    fn of(column: &SortColumn, batches: &'a [RecordBatch]) -> Option<Self> {
        let arrays = batches.iter().map(|batch| batch.column_by_name(&column.name));
        let arrays: Vec<&ArrayRef> = arrays.collect::<Option<_>>()?;
        let values = match arrays.first()?.data_type() {
            DataType::Utf8 => Values::Text(each(&arrays, |array| array.as_string_opt())?),
            DataType::Float64 => {
                Values::Numbers(each(&arrays, |array| array.as_primitive_opt::<Float64Type>())?)
            }
            DataType::Timestamp(..) => {
                let times =
                    |array: &'a ArrayRef| array.as_primitive_opt::<TimestampMicrosecondType>();
                Values::Times(each(&arrays, times)?)
            }
            DataType::Boolean => Values::Truths(each(&arrays, |array| array.as_boolean_opt())?),
            _ => return None,
        };
        Some(Self { values, is_descending: column.is_descending })
    }

    fn compare(&self, left: (usize, usize), right: (usize, usize)) -> Ordering {
        macro_rules! compare {
            ($arrays:ident, $compare:expr) => {{
                let ((left, row), (right, other)) =
                    ((&$arrays[left.0], left.1), (&$arrays[right.0], right.1));
                match (left.is_null(row), right.is_null(other)) {
                    (false, false) => {
                        let order = $compare(&left.value(row), &right.value(other));
                        if self.is_descending { order.reverse() } else { order }
                    }
                    // Whatever the direction.
                    (is_null, is_other_null) => is_null.cmp(&is_other_null),
                }
            }};
        }
        match &self.values {
            Values::Text(arrays) => compare!(arrays, <&str>::cmp),
            Values::Numbers(arrays) => compare!(arrays, f64::total_cmp),
            Values::Times(arrays) => compare!(arrays, i64::cmp),
            Values::Truths(arrays) => compare!(arrays, bool::cmp),
        }
    }
}

fn each<'a, T>(
    arrays: &[&'a ArrayRef],
    cast: impl Fn(&'a ArrayRef) -> Option<&'a T>,
) -> Option<Vec<&'a T>> {
    arrays.iter().map(|array| cast(array)).collect()
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;
    use crate::License;
    use crate::decode::arrow::{BatchOptions, LicenseBatchBuilder};
    use crate::frame::{Framer, FramerOptions};

    fn batch(records: &[&str]) -> RecordBatch {
        let mut framer = Framer::new(FramerOptions::default());
        framer.push(format!("{}\n", records.join("\n")).into());
        framer.finish();
        let mut builder = LicenseBatchBuilder::new(BatchOptions::default());
        while let Some(block) = framer.next_block().unwrap() {
            builder.append(&block, |reject| {
                panic!("{reject:?}");
                #[expect(unreachable_code, reason = "the type that is wanted")]
                ControlFlow::Continue(())
            });
        }
        builder.flush()
    }

    fn by(names: &str) -> Vec<SortColumn> {
        let column = |name: &str| SortColumn {
            name: name.trim_end_matches(":desc").to_owned(),
            is_descending: name.ends_with(":desc"),
        };
        names.split(',').map(column).collect()
    }

    /// All rows, as they came.
    fn rows(batches: &[RecordBatch]) -> Vec<Row> {
        let batches = (0..).zip(batches);
        let rows = batches
            .map(|(number, batch)| (0..batch.num_rows() as u32).map(move |row| (number, row)));
        rows.flatten().collect()
    }

    fn ids(batches: &[RecordBatch], order: &str) -> String {
        let mut ids = Vec::new();
        for batch in ordered(batches, rows(batches), &by(order)) {
            let batch = batch.unwrap();
            let column = batch.column_by_name("id").unwrap().as_string::<i32>();
            ids.extend(column.iter().map(|id| id.unwrap().to_owned()));
        }
        ids.concat()
    }

    #[test]
    fn rows_of_several_batches_are_sorted_with_nulls_last_and_equal_ones_as_they_came() {
        let batches = [
            batch(&[
                r#"{"id":"a","unit_amount":2,"name":"z","is_paid":true,"created_at":"2024-01-01T00:00:00Z"}"#,
                r#"{"id":"b","name":"é"}"#,
                r#"{"id":"c","unit_amount":-1,"name":"y","is_paid":false}"#,
            ]),
            batch(&[
                r#"{"id":"d","unit_amount":2,"is_paid":false,"created_at":"1960-01-01T00:00:00Z"}"#,
                r#"{"id":"e","unit_amount":1e308,"name":"","is_paid":true}"#,
            ]),
        ];
        assert_eq!(ids(&batches, "unit_amount"), "cadeb");
        assert_eq!(ids(&batches, "unit_amount:desc"), "eadcb");
        assert_eq!(ids(&batches, "name"), "ecabd");
        assert_eq!(ids(&batches, "name:desc"), "baced");
        assert_eq!(ids(&batches, "created_at"), "dabce");
        assert_eq!(ids(&batches, "is_paid,unit_amount:desc"), "dceab");
        assert_eq!(ids(&batches, "is_paid:desc,id:desc"), "eadcb");
    }

    #[test]
    fn only_the_rows_that_are_wanted_come_and_without_an_order_as_they_are() {
        let batches = [batch(&[r#"{"id":"b"}"#, r#"{"id":"a"}"#]), batch(&[r#"{"id":"c"}"#])];
        let some = |rows: Vec<Row>, order: &str| {
            let order = if order.is_empty() { Vec::new() } else { by(order) };
            let batches = ordered(&batches, rows, &order).map(Result::unwrap);
            batches.map(|rows| ids(&[rows], "id")).collect::<String>()
        };
        assert_eq!(some(vec![(0, 0), (1, 0)], ""), "bc");
        assert_eq!(some(vec![(0, 1), (1, 0)], "id:desc"), "ac", "as `ids` sorts them");
        assert_eq!(some(Vec::new(), ""), "");
    }

    #[test]
    fn batches_of_whatever_length_have_all_rows() {
        let records: Vec<_> =
            (0..BATCH_ROWS + 1).map(|id| format!("{{\"id\":\"{id:05}\"}}")).collect();
        let records: Vec<_> = records.iter().map(String::as_str).collect();
        let batches = [batch(&records)];
        let sorted: Vec<_> =
            ordered(&batches, rows(&batches), &by("id:desc")).map(Result::unwrap).collect();
        let rows: Vec<_> = sorted.iter().map(RecordBatch::num_rows).collect();
        assert_eq!(rows, [BATCH_ROWS, 1]);
        assert_eq!(sorted[1].column(0).as_string::<i32>().value(0), "00000");
    }

    #[test]
    fn what_is_declared_counts_leaves_and_what_cannot_be_is_refused() {
        let schema = License::schema();
        let declared = |order: &str| sorting_columns(&by(order), &schema);
        let id = SortingColumn { column_idx: 0, descending: false, nulls_first: false };
        // Behind it the three leaves of `products`, and the two of `roles`.
        let status = SortingColumn { column_idx: 14, descending: true, nulls_first: false };
        assert_eq!(declared("status:desc,id").unwrap(), [status, id]);
        for (order, message) in [
            ("products", "rows cannot be sorted by products, a column of lists"),
            ("ids", "rows cannot be sorted by \"ids\", which is not written"),
            ("id,id:desc", "rows are to be sorted by id twice"),
        ] {
            assert_eq!(declared(order).unwrap_err().message(), message);
        }
    }
}
