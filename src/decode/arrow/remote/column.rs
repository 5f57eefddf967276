//! Columns of typed members, which grow by a row at a time, and what of a value they do not hold.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, ListArray, StructArray};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, FieldRef, Fields};

use super::exact::{as_integer, as_number};
use crate::decode::arrow::column::{Bits, BoolColumn, NumberColumn, TextColumn};
use crate::decode::json::{Kind, Scanner, Value};
use crate::decode::read::as_bool;
use crate::decode::text::Text;

/// A column of any type.
#[derive(Debug)]
enum Column {
    Text(TextColumn),
    Integers(IntegerColumn),
    Numbers(NumberColumn),
    Truths(BoolColumn),
    Objects(ObjectColumn),
    Lists(Box<ListColumn>),
}

impl Column {
    fn of(data_type: &DataType) -> Self {
        match data_type {
            DataType::Int64 => Self::Integers(IntegerColumn::default()),
            DataType::Float64 => Self::Numbers(NumberColumn::default()),
            DataType::Boolean => Self::Truths(BoolColumn::default()),
            DataType::Struct(members) => Self::Objects(ObjectColumn::of(members)),
            DataType::List(element) => Self::Lists(Box::new(ListColumn::of(element))),
            _ => Self::Text(TextColumn::new()),
        }
    }

    /// Adds a row. What of `value` is not in it is added to `rest` as JSON; answers whether that is nothing.
    fn push(&mut self, value: Option<Value<'_>>, rest: &mut String) -> bool {
        let is_held = match self {
            Self::Text(column) => column.push_decoded(value.and_then(Value::as_text)),
            Self::Integers(column) => column.push(value.and_then(as_integer)),
            Self::Numbers(column) => {
                let number = value.and_then(as_number);
                column.push(number);
                number.is_some()
            }
            Self::Truths(column) => {
                let truth = value.and_then(as_bool);
                column.push(truth);
                truth.is_some()
            }
            Self::Objects(column) => return column.push(value, rest),
            Self::Lists(column) => return column.push(value, rest),
        };
        is_held || keep(value, rest)
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Text(column) => column.finish(),
            Self::Integers(column) => column.finish(),
            Self::Numbers(column) => column.finish(),
            Self::Truths(column) => column.finish(),
            Self::Objects(column) => column.finish(),
            Self::Lists(column) => column.finish(),
        }
    }
}

/// Keeps all of `value`; answers whether there is none.
fn keep(value: Option<Value<'_>>, rest: &mut String) -> bool {
    rest.push_str(value.map_or("", Value::raw));
    value.is_none()
}

/// Integers.
#[derive(Debug, Default)]
struct IntegerColumn {
    values: Vec<i64>,
    valid: Bits,
}

impl IntegerColumn {
    fn push(&mut self, value: Option<i64>) -> bool {
        self.values.push(value.unwrap_or_default());
        self.valid.push(value.is_some());
        value.is_some()
    }

    fn finish(&mut self) -> ArrayRef {
        let values = ScalarBuffer::from(std::mem::take(&mut self.values));
        Arc::new(Int64Array::new(values, self.valid.finish_nulls()))
    }
}

/// Objects, a column for each member that is known.
#[derive(Debug)]
pub(super) struct ObjectColumn {
    fields: Fields,
    members: Vec<Member>,
    by_name: HashMap<Box<str>, usize>,
    valid: Bits,
    /// Room for the values of the object in hand.
    values: Vec<Option<Value<'static>>>,
    /// The member that comes next if objects have theirs in one order.
    next: usize,
}

#[derive(Debug)]
struct Member {
    /// In quotes and with its colon.
    key: String,
    column: Column,
}

impl ObjectColumn {
    pub(super) fn of(fields: &Fields) -> Self {
        let member = |field: &FieldRef| Member {
            key: format!("{}:", serde_json::Value::from(field.name().as_str())),
            column: Column::of(field.data_type()),
        };
        let names = fields.iter().map(|field| field.name().as_str().into());
        Self {
            fields: fields.clone(),
            members: fields.iter().map(member).collect(),
            by_name: names.zip(0..).collect(),
            valid: Bits::default(),
            values: vec![None; fields.len()],
            next: 0,
        }
    }

    /// Adds a row. What of `value` is not in it is added to `rest` as JSON; answers whether that is nothing.
    pub(super) fn push(&mut self, value: Option<Value<'_>>, rest: &mut String) -> bool {
        let start = rest.len();
        let mut values = empty(std::mem::take(&mut self.values));
        let object = value.filter(|value| value.kind() == Kind::Object);
        let fits = object.is_some_and(|object| self.find_members(object, &mut values, rest));
        self.valid.push(fits);
        if !fits {
            rest.truncate(start);
            values.fill(None);
        }
        for (Member { key, column }, value) in self.members.iter_mut().zip(&values) {
            let Some(value) = *value else {
                column.push(None, rest);
                continue;
            };
            let before = rest.len();
            begin_member(rest, start);
            rest.push_str(key);
            if value.kind() == Kind::Null {
                column.push(None, rest);
                rest.push_str("null");
            } else if column.push(Some(value), rest) {
                rest.truncate(before);
            }
        }
        self.values = empty(values);
        if !fits {
            return keep(value, rest);
        }
        if rest.len() == start {
            return true;
        }
        rest.push('}');
        false
    }

    /// Finds the values of members that are known, and begins an object of the others; whether it is an object in which
    /// each of those comes once.
    fn find_members<'a>(
        &mut self,
        object: Value<'a>,
        values: &mut [Option<Value<'a>>],
        rest: &mut String,
    ) -> bool {
        let start = rest.len();
        let mut is_once = true;
        self.next = 0;
        let is_whole = Scanner::each_member(object, |name, value| match self.index(name) {
            Some(index) => is_once &= values[index].replace(value).is_none(),
            None => {
                begin_member(rest, start);
                rest.push('"');
                rest.push_str(name.raw());
                rest.push_str("\":");
                rest.push_str(value.raw());
            }
        });
        is_whole && is_once
    }

    fn index(&mut self, name: Text<'_>) -> Option<usize> {
        let name = match name.is_escaped() {
            false => Cow::Borrowed(name.raw()),
            true => name.decode()?,
        };
        let is_next = self.fields.get(self.next).is_some_and(|field| *field.name() == name);
        let index = if is_next { self.next } else { *self.by_name.get(&*name)? };
        self.next = index + 1;
        Some(index)
    }

    pub(super) fn finish(&mut self) -> ArrayRef {
        let arrays = self.members.iter_mut().map(|member| member.column.finish()).collect();
        Arc::new(StructArray::new(self.fields.clone(), arrays, self.valid.finish_nulls()))
    }
}

/// The same room without its values, for those of another text: they are as large, so that it is not made anew.
fn empty<'a>(values: Vec<Option<Value<'_>>>) -> Vec<Option<Value<'a>>> {
    values.into_iter().map(|_| None).collect()
}

/// Begins a member of the object that begins at `start`.
fn begin_member(object: &mut String, start: usize) {
    object.push(if object.len() == start { '{' } else { ',' });
}

/// Lists.
#[derive(Debug)]
struct ListColumn {
    field: FieldRef,
    element: Column,
    elements: i32,
    offsets: Vec<i32>,
    valid: Bits,
}

impl ListColumn {
    fn of(field: &FieldRef) -> Self {
        Self {
            field: Arc::clone(field),
            element: Column::of(field.data_type()),
            elements: 0,
            offsets: vec![0],
            valid: Bits::default(),
        }
    }

    /// As that of [`Column`]; a list is kept whole, if anything of it is.
    fn push(&mut self, value: Option<Value<'_>>, rest: &mut String) -> bool {
        let list = value.filter(|value| value.kind() == Kind::Array);
        let mut fits = list.is_some();
        if let Some(list) = list {
            let start = rest.len();
            // An array that was walked over as part of its object: it breaks off nowhere.
            Scanner::each_element(list, |value| {
                let value = Some(value).filter(|value| value.kind() != Kind::Null);
                fits &= self.element.push(value, rest);
                rest.truncate(start);
                self.elements += 1;
            });
        }
        self.offsets.push(self.elements);
        self.valid.push(list.is_some());
        fits || keep(value, rest)
    }

    fn finish(&mut self) -> ArrayRef {
        self.elements = 0;
        let offsets = std::mem::replace(&mut self.offsets, vec![0]);
        Arc::new(ListArray::new(
            Arc::clone(&self.field),
            OffsetBuffer::new(ScalarBuffer::from(offsets)),
            self.element.finish(),
            self.valid.finish_nulls(),
        ))
    }
}
