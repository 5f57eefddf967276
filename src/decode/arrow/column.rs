//! One field of a record onto the end of its column.
//!
//! Every `append_…` adds exactly one row, and answers whether the column now says all that the
//! record did.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::builder::{
    BooleanBuilder, Float64Builder, NullBufferBuilder, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow_array::{ArrayRef, ListArray, StringArray, StructArray, new_null_array};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Fields};

use super::schema;
use crate::decode::fields::List;
use crate::decode::json::{Kind, Value};
use crate::decode::number;
use crate::decode::text::Text;
use crate::timestamp::Timestamp;

pub(super) fn as_number(value: Value<'_>) -> Option<f64> {
    match value.kind {
        Kind::Number => number::value(value.raw),
        _ => None,
    }
}

pub(super) fn as_bool(value: Value<'_>) -> Option<bool> {
    match value.kind {
        Kind::True => Some(true),
        Kind::False => Some(false),
        _ => None,
    }
}

pub(super) fn as_time(value: Value<'_>) -> Option<Timestamp> {
    value.as_text()?.decode()?.parse().ok()
}

pub(super) fn as_text(value: Value<'_>) -> Option<Cow<'_, str>> {
    value.as_text()?.decode()
}

#[inline]
pub(super) fn append_number(column: &mut Float64Builder, value: Option<Value<'_>>) -> bool {
    let number = value.and_then(as_number);
    column.append_option(number);
    number.is_some() || value.is_none()
}

#[inline]
pub(super) fn append_bool(column: &mut BooleanBuilder, value: Option<Value<'_>>) -> bool {
    let truth = value.and_then(as_bool);
    column.append_option(truth);
    truth.is_some() || value.is_none()
}

#[inline]
pub(super) fn append_time(
    column: &mut TimestampMicrosecondBuilder,
    value: Option<Value<'_>>,
) -> bool {
    let time = value.and_then(as_time);
    column.append_option(time.map(Timestamp::as_micros));
    time.is_some() || value.is_none()
}

#[inline]
pub(super) fn append_text(column: &mut StringBuilder, value: Option<Value<'_>>) -> bool {
    let text = value.and_then(as_text);
    column.append_option(text.as_deref());
    text.is_some() || value.is_none()
}

/// The same text, or null, in every row.
pub(super) fn constant(text: Option<&str>, rows: usize) -> ArrayRef {
    match text {
        Some(text) => Arc::new(StringArray::new_repeated(text, rows)),
        None => new_null_array(&DataType::Utf8, rows),
    }
}

/// A list of objects of `N` strings each.
#[derive(Debug)]
pub(super) struct ListColumn<const N: usize> {
    offsets: Vec<i32>,
    lists: NullBufferBuilder,
    elements: NullBufferBuilder,
    members: [StringBuilder; N],
}

impl<const N: usize> ListColumn<N> {
    pub(super) fn new() -> Self {
        Self {
            offsets: vec![0],
            lists: NullBufferBuilder::new(0),
            elements: NullBufferBuilder::new(0),
            members: std::array::from_fn(|_| StringBuilder::new()),
        }
    }

    pub(super) fn append(&mut self, value: Option<Value<'_>>, list: &List<'_, N>) -> bool {
        let is_list = value.is_some_and(|value| value.kind == Kind::Array);
        if is_list {
            for element in &list.elements {
                self.elements.append(element.is_some());
                let texts = element.unwrap_or([None; N]);
                for (column, text) in self.members.iter_mut().zip(texts) {
                    column.append_option(text.and_then(Text::decode));
                }
            }
        }
        self.lists.append(is_list);
        self.offsets.push(self.elements.len() as i32);
        value.is_none() || (list.fits && !list.has_more)
    }

    pub(super) fn finish(&mut self, fields: &Fields) -> ArrayRef {
        let members = self.members.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef);
        let elements = StructArray::new(fields.clone(), members.collect(), self.elements.finish());
        let offsets = std::mem::replace(&mut self.offsets, vec![0]);
        Arc::new(ListArray::new(
            Arc::new(schema::element(fields)),
            OffsetBuffer::new(ScalarBuffer::from(offsets)),
            Arc::new(elements),
            self.lists.finish(),
        ))
    }
}
