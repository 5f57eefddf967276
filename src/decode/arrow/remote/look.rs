//! What types the members of objects have, found out by looking at some.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::StringArray;
use arrow_schema::{DataType, Field, Fields};

use super::exact::{as_integer, is_integer};
use super::{RemoteSchema, folded, is_name};
use crate::decode::json::{Kind, Scanner, Value};

/// A member is typed that at least one in so many of the objects has in which it may be: what fewer have costs a
/// column that is nearly empty, and is often no name at all, but a key such as an id.
const SELDOM: u64 = 100;

/// A look at values of `remote_data`, and at the types that others have found.
#[derive(Debug, Default)]
pub(super) struct Look(Objects);

/// The members that objects had so far.
#[derive(Debug, Default)]
struct Objects {
    count: u64,
    /// In the order in which they first came.
    members: Vec<Member>,
    /// By the folded name; of two that differ in nothing else the first is meant.
    by_name: HashMap<String, usize>,
    next: usize,
}

#[derive(Debug)]
struct Member {
    name: String,
    count: u64,
    seen: Seen,
}

/// What a member was so far.
#[derive(Debug, Default)]
enum Seen {
    /// Null, or a number that no type holds exactly.
    #[default]
    Nothing,
    Text,
    Integer,
    Number,
    Truth,
    Objects(Box<Objects>),
    List(Box<Seen>),
    /// Of more than one type.
    Mixed,
}

impl Look {
    /// Looks at each of these texts, as far as they are objects.
    pub(super) fn add(&mut self, texts: &StringArray) {
        for object in texts.iter().flatten().filter_map(Value::object) {
            self.0.add(object, 1);
        }
    }

    /// Adds what another look has found.
    pub(super) fn merge(&mut self, schema: &RemoteSchema) {
        self.0.merge(&schema.members);
    }

    /// The types that were the same wherever a member was.
    pub(super) fn schema(&self) -> RemoteSchema {
        let mut left = RemoteSchema::MAX_COLUMNS;
        RemoteSchema { members: self.0.fields(&mut left) }
    }
}

impl Objects {
    fn add(&mut self, object: Value<'_>, depth: usize) {
        self.count += 1;
        self.next = 0;
        Scanner::each_member(object, |name, value| {
            let member = match (name.is_escaped(), self.members.get(self.next)) {
                (false, Some(member)) if member.name == name.raw() => self.next,
                _ => match name.decode() {
                    Some(name) if is_name(&name) => match self.index(&name) {
                        Some(index) => index,
                        None => return,
                    },
                    _ => return,
                },
            };
            self.next = member + 1;
            let member = &mut self.members[member];
            member.count += 1;
            member.seen.add(value, depth);
        });
    }

    /// The place of the member of this name; `None` where another one has it in other letters, small or large.
    fn index(&mut self, name: &str) -> Option<usize> {
        let index = *self.by_name.entry(folded(name)).or_insert(self.members.len());
        if index == self.members.len() {
            self.members.push(Member { name: name.to_owned(), count: 0, seen: Seen::Nothing });
        }
        (self.members[index].name == name).then_some(index)
    }

    fn merge(&mut self, fields: &Fields) {
        // Whoever found them has counted.
        self.count = 1;
        for field in fields {
            if let Some(index) = self.index(field.name()) {
                self.members[index].count = 1;
                self.members[index].seen.merge(field.data_type());
            }
        }
    }

    fn fields(&self, left: &mut usize) -> Fields {
        let often = |member: &&Member| member.count.saturating_mul(SELDOM) >= self.count;
        let fields = self.members.iter().filter(often).filter_map(|member| {
            let data_type = member.seen.data_type(left)?;
            Some(Arc::new(Field::new(&member.name, data_type, true)))
        });
        fields.collect()
    }
}

impl Seen {
    fn add(&mut self, value: Value<'_>, depth: usize) {
        match value.kind() {
            Kind::Null => {}
            Kind::Text | Kind::EscapedText => self.meet(Self::Text),
            Kind::True | Kind::False => self.meet(Self::Truth),
            Kind::Number if as_integer(value).is_some() => self.meet(Self::Integer),
            Kind::Number if is_integer(value) => {}
            Kind::Number => self.meet(Self::Number),
            // What is deeper is text.
            Kind::Object | Kind::Array if depth == RemoteSchema::MAX_DEPTH => {
                self.meet(Self::Mixed);
            }
            Kind::Object => {
                self.meet(Self::Objects(Box::default()));
                if let Self::Objects(objects) = self {
                    objects.add(value, depth + 1);
                }
            }
            Kind::Array => {
                self.meet(Self::List(Box::default()));
                if let Self::List(element) = self {
                    Scanner::each_element(value, |value| element.add(value, depth + 1));
                }
            }
        }
    }

    fn merge(&mut self, data_type: &DataType) {
        match data_type {
            DataType::Utf8 => self.meet(Self::Text),
            DataType::Boolean => self.meet(Self::Truth),
            DataType::Int64 => self.meet(Self::Integer),
            DataType::Float64 => self.meet(Self::Number),
            DataType::Struct(members) => {
                self.meet(Self::Objects(Box::default()));
                if let Self::Objects(objects) = self {
                    objects.merge(members);
                }
            }
            DataType::List(element) => {
                self.meet(Self::List(Box::default()));
                if let Self::List(seen) = self {
                    seen.merge(element.data_type());
                }
            }
            _ => self.meet(Self::Mixed),
        }
    }

    /// Takes in that a value was of this type.
    fn meet(&mut self, other: Self) {
        *self = match (std::mem::take(self), other) {
            (Self::Nothing, other) => other,
            (Self::Integer, Self::Number) | (Self::Number, Self::Integer) => Self::Number,
            (seen, other) if std::mem::discriminant(&seen) == std::mem::discriminant(&other) => {
                seen
            }
            _ => Self::Mixed,
        };
    }

    /// The type of all of them, as long as there are columns left.
    fn data_type(&self, left: &mut usize) -> Option<DataType> {
        let scalar = match self {
            Self::Nothing | Self::Mixed => return None,
            Self::Objects(objects) => {
                let members = objects.fields(left);
                return (!members.is_empty()).then_some(DataType::Struct(members));
            }
            Self::List(element) => {
                return Some(DataType::new_list(element.data_type(left)?, true));
            }
            Self::Text => DataType::Utf8,
            Self::Integer => DataType::Int64,
            Self::Number => DataType::Float64,
            Self::Truth => DataType::Boolean,
        };
        *left = left.checked_sub(1)?;
        Some(scalar)
    }
}
