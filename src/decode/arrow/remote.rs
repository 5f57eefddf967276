//! `remote_data` as a typed struct, and what does not fit it as JSON text beside it.
//!
//! Struct and text together hold every value that was there. What fits is in the struct alone:
//!
//! - Null in the struct means *not there*: a member that is JSON's null is null in the text.
//! - Where both have a member that is an object, its members are in the one or in the other.
//! - Where both have a list, that in the text is the whole one. The struct's has what fits of it, as long as it is, as
//!   it is with `_extra`.
//! - An object in which a name of the struct comes twice is in the text, whole; so is what is no object at all.
//!
//! So the text is a JSON Merge Patch (RFC 7396) by which the struct becomes what was there, but for what nulls mean.

mod column;
mod exact;
mod look;
mod schema;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};

use super::column::TextColumn;
use super::schema::json;
use crate::decode::json::Value;
use column::ObjectColumn;
use look::Look;

/// The column that is typed.
pub(crate) const TYPED: &str = "remote_data";

/// The column of what the struct does not hold.
pub(crate) const EXTRA: &str = "_remote_data_extra";

/// The types of `remote_data`: which members of it have columns of their own, and what is in these.
///
/// A member is text (`Utf8`), an integer (`Int64`), a number (`Float64`), a truth value, an object of such, or a
/// list of one of these. It is read from, and written as, a [JSON Schema](Self::from_json_schema).
///
/// ```
/// use std::sync::Arc;
///
/// use arrow_array::{Array, ArrayRef, RecordBatch, StringArray, cast::AsArray, types::Int64Type};
/// use license_stream::decode::arrow::RemoteSchema;
///
/// let schema = r#"{"type": "object", "properties": {"seats": {"type": "integer"}}}"#;
/// let schema = RemoteSchema::from_json_schema(schema)?;
///
/// let texts: ArrayRef = Arc::new(StringArray::from(vec![r#"{"seats":3,"sku":"E5"}"#, r#"{"seats":"many"}"#]));
/// let rows = schema.typed(&RecordBatch::try_from_iter([("remote_data", texts)])?);
/// let seats = rows.column(0).as_struct().column(0).as_primitive::<Int64Type>();
/// assert_eq!((seats.value(0), seats.is_null(1)), (3, true));
/// let extra = rows.column_by_name("_remote_data_extra").unwrap().as_string::<i32>();
/// assert_eq!([extra.value(0), extra.value(1)], [r#"{"sku":"E5"}"#, r#"{"seats":"many"}"#]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteSchema {
    members: Fields,
}

impl RemoteSchema {
    /// How deep members may lie, in objects and lists; members of `remote_data` itself are at level 1.
    pub const MAX_DEPTH: usize = 10;

    /// The most columns that may become of it: one for each member, at whatever level, that is no object.
    pub const MAX_COLUMNS: usize = 1_000;

    /// The types that the members have in each row in which they have one, as far as there is one: of rows whose
    /// `remote_data` is text. What cannot be typed so, or is in fewer than one in a hundred objects, is no member.
    pub fn found_in(rows: &RecordBatch) -> Self {
        let mut look = Look::default();
        let column = rows.column_by_name(TYPED);
        if let Some(texts) = column.and_then(|column| column.as_string_opt::<i32>()) {
            look.add(texts);
        }
        look.schema()
    }

    /// The members that have one type in each of `schemas` that has them; integers in some and numbers in others are
    /// numbers.
    pub fn agreed<'a>(schemas: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut look = Look::default();
        schemas.into_iter().for_each(|schema| look.merge(schema));
        look.schema()
    }

    /// The struct's members.
    pub fn members(&self) -> &Fields {
        &self.members
    }

    /// `columns` with the struct in the place of the text, and behind all others `_remote_data_extra`; without the
    /// struct where it has no member. Columns without `remote_data` stay as they are.
    pub fn columns(&self, columns: &Schema) -> SchemaRef {
        let typed = || Field::new(TYPED, DataType::Struct(self.members.clone()), true).into();
        let mut fields: Vec<FieldRef> = Vec::with_capacity(columns.fields().len() + 1);
        for field in columns.fields() {
            match field.name() == TYPED {
                false => fields.push(Arc::clone(field)),
                true if self.members.is_empty() => {}
                true => fields.push(typed()),
            }
        }
        if columns.column_with_name(TYPED).is_some() {
            fields.push(json(Field::new(EXTRA, DataType::Utf8, true)).into());
        }
        Arc::new(Schema::new(fields))
    }

    /// The same rows with the struct in the place of the text, and what it does not hold beside it: with the
    /// [columns](Self::columns) of this schema. Text that is no JSON is kept as what is no object.
    ///
    /// # Panics
    /// If there is a column `remote_data` that is not of text.
    pub fn typed(&self, rows: &RecordBatch) -> RecordBatch {
        let mut extra = None;
        let mut arrays = Vec::with_capacity(rows.num_columns() + 1);
        for (field, array) in rows.schema_ref().fields().iter().zip(rows.columns()) {
            if field.name() != TYPED {
                arrays.push(Arc::clone(array));
            } else if self.members.is_empty() {
                extra = Some(Arc::clone(array));
            } else {
                let (typed, rest) = self.split(array);
                arrays.push(typed);
                extra = Some(rest);
            }
        }
        arrays.extend(extra);
        let schema = self.columns(rows.schema_ref());
        RecordBatch::try_new(schema, arrays).expect("each is as long as before, with its type")
    }

    fn split(&self, texts: &ArrayRef) -> (ArrayRef, ArrayRef) {
        let texts = texts.as_string::<i32>();
        let (mut typed, mut extra) = (ObjectColumn::of(&self.members), TextColumn::new());
        extra.reserve(texts.len(), 0);
        let mut rest = String::new();
        for text in texts {
            rest.clear();
            let object = text.and_then(Value::object);
            let fits = typed.push(object, &mut rest);
            let other = text.filter(|_| object.is_none());
            rest.push_str(other.unwrap_or_default());
            let fits = fits && other.is_none();
            extra.push((!fits).then_some(&*rest));
        }
        (typed.finish(), extra.finish())
    }
}

/// How many columns become of a member.
fn leaves(data_type: &DataType) -> usize {
    match data_type {
        DataType::List(element) => leaves(element.data_type()),
        DataType::Struct(members) => members.iter().map(|it| leaves(it.data_type())).sum(),
        _ => 1,
    }
}

/// Whether a member can have a column of this name, wherever it is read: a text of some length, without what disturbs.
fn is_name(name: &str) -> bool {
    const MAX_BYTES: usize = 128;
    (1..=MAX_BYTES).contains(&name.len()) && !name.contains(char::is_control)
}

/// What names are equal by: engines such as DuckDB and Spark take two that differ only in this for one.
fn folded(name: &str) -> String {
    name.to_lowercase()
}
