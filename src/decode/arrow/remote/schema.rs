//! The types of `remote_data` as JSON Schema: a part of it, of which people have many.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Fields};
use serde::de::{MapAccess, Visitor};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::{RemoteSchema, folded, is_name, leaves};
use crate::error::{Error, ErrorKind, Result};
use crate::printable::printable;

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The most of a member's path that a message has.
const MOST_OF_A_PATH: usize = 200;

impl RemoteSchema {
    /// Reads a JSON Schema. A member has a column if its `type` is one of `string`, `integer`, `number`, `boolean`,
    /// `object` with `properties`, and `array` with `items`, or a list of one of these and `null`; if its `enum` is of
    /// texts; if it is a reference (`$ref`) within the schema to such a one; or if such a one is, beside null, the only
    /// one of its `anyOf`, `oneOf` or `allOf`. All others have none, and so are kept beside the struct, as is whatever
    /// does not fit. What else it says of a value is not looked at.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if it is no such schema; the message has the member.
    pub fn from_json_schema(json: &str) -> Result<Self> {
        let root: Box<RawValue> = serde_json::from_str(json).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            refused(format!(
                "the schema of remote_data is no JSON, at line {line}, column {column}"
            ))
        })?;
        let mut reader = Reader {
            root: &root,
            path: Vec::new(),
            followed: Vec::new(),
            left: 100 * Self::MAX_COLUMNS,
        };
        let Some(DataType::Struct(members)) = reader.data_type(&root)? else {
            let message = "the schema of remote_data is not that of an object: it needs `type`, object, and `properties`";
            return Err(refused(message.to_owned()));
        };
        let columns: usize = members.iter().map(|it| leaves(it.data_type())).sum();
        if columns > Self::MAX_COLUMNS {
            let most = Self::MAX_COLUMNS;
            let message =
                format!("the schema of remote_data has {columns} columns, and may have {most}");
            return Err(refused(message));
        }
        Ok(Self { members })
    }

    /// The same as JSON Schema, on one line.
    pub fn to_json_schema(&self) -> String {
        self.to_string()
    }
}

/// As JSON Schema, on one line; with `{:#}` a line for each member.
impl fmt::Display for RemoteSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut json = format!("{{\"$schema\":\"{DIALECT}\",");
        write_object(&mut json, &self.members, f.alternate().then_some(1));
        json.push('}');
        f.write_str(&json)
    }
}

/// As [`RemoteSchema::to_json_schema`] has it.
impl Serialize for RemoteSchema {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let json = RawValue::from_string(self.to_json_schema()).map_err(S::Error::custom)?;
        json.serialize(serializer)
    }
}

/// Members are on lines of their own if there is an `indent`.
fn write(json: &mut String, data_type: &DataType, indent: Option<usize>) {
    json.push('{');
    match data_type {
        DataType::Int64 => json.push_str("\"type\":\"integer\""),
        DataType::Float64 => json.push_str("\"type\":\"number\""),
        DataType::Boolean => json.push_str("\"type\":\"boolean\""),
        DataType::Struct(members) => write_object(json, members, indent),
        DataType::List(element) => {
            json.push_str("\"type\":\"array\",\"items\":");
            write(json, element.data_type(), indent);
        }
        _ => json.push_str("\"type\":\"string\""),
    }
    json.push('}');
}

fn write_object(json: &mut String, members: &Fields, indent: Option<usize>) {
    let line = |json: &mut String, indent: Option<usize>| {
        if let Some(indent) = indent {
            json.push('\n');
            json.extend(std::iter::repeat_n("  ", indent));
        }
    };
    json.push_str("\"type\":\"object\",\"properties\":{");
    for (index, member) in members.iter().enumerate() {
        if index > 0 {
            json.push(',');
        }
        line(json, indent);
        json.push_str(&serde_json::Value::from(member.name().as_str()).to_string());
        json.push(':');
        write(json, member.data_type(), indent.map(|indent| indent + 1));
    }
    line(json, indent.map(|indent| indent - 1));
    json.push('}');
}

/// The members of an object, in their order.
#[derive(Debug)]
struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;

        impl<'de> Visitor<'de> for Each {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Each)
    }
}

impl Members {
    /// Those of `json`; none where it is no object.
    fn of(json: &RawValue) -> Self {
        serde_json::from_str(json.get()).unwrap_or(Self(Vec::new()))
    }

    fn get(&self, name: &str) -> Option<&RawValue> {
        self.0.iter().find(|(member, _)| member == name).map(|(_, value)| &**value)
    }

    fn text(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.get(name)?.get()).ok()
    }

    fn list(&self, name: &str) -> Option<Vec<Box<RawValue>>> {
        serde_json::from_str(self.get(name)?.get()).ok()
    }

    /// The one type, besides that of null; without `type` that of all its `enum`.
    fn type_name(&self) -> Option<&'static str> {
        const TYPES: [&str; 6] = ["string", "integer", "number", "boolean", "object", "array"];
        let names: Vec<String> = match self.list("type") {
            Some(names) => names
                .iter()
                .map(|name| serde_json::from_str(name.get()).ok())
                .collect::<Option<_>>()?,
            None => match self.text("type") {
                Some(name) => vec![name],
                None if self.get("type").is_some() => return None,
                None => return self.type_of_enum(),
            },
        };
        let mut names = names.iter().filter(|name| *name != "null");
        let name = names.next()?;
        let others: Vec<_> = names.collect();
        // All integers are numbers.
        let is_number = |name: &String| name == "integer" || name == "number";
        let name = match others.as_slice() {
            [] => name,
            [other] if is_number(name) && is_number(other) => "number",
            _ => return None,
        };
        TYPES.into_iter().find(|it| *it == name)
    }

    fn type_of_enum(&self) -> Option<&'static str> {
        let values = self.list("enum")?;
        let mut values = values.iter().filter(|value| value.get() != "null").peekable();
        values.peek()?;
        values.all(|value| value.get().starts_with('"')).then_some("string")
    }
}

/// What a schema is read with.
struct Reader<'a> {
    root: &'a RawValue,
    /// The members above the one in hand.
    path: Vec<String>,
    /// The references that were followed to it.
    followed: Vec<String>,
    /// Schemas that may be looked at yet: by references a short one can say very many members.
    left: usize,
}

impl Reader<'_> {
    /// The type of what `json` describes; none where it says no single one that a column can have.
    fn data_type(&mut self, json: &RawValue) -> Result<Option<DataType>> {
        const MOST: usize = 100 * RemoteSchema::MAX_COLUMNS;
        if self.left == 0 {
            return Err(refused(format!(
                "the schema of remote_data describes more than {MOST} members, by references too"
            )));
        }
        self.left -= 1;
        let node = Members::of(json);
        if let Some(to) = node.text("$ref") {
            let Some(found) = self.referred(&to).filter(|_| !self.followed.contains(&to)) else {
                return Ok(None);
            };
            self.followed.push(to);
            let found = self.data_type(&found);
            self.followed.pop();
            return found;
        }
        if node.get("type").is_none()
            && let Some(only) = only_choice(&node)
        {
            return self.data_type(&only);
        }
        Ok(match node.type_name() {
            Some("string") => Some(DataType::Utf8),
            Some("integer") => Some(DataType::Int64),
            Some("number") => Some(DataType::Float64),
            Some("boolean") => Some(DataType::Boolean),
            Some("object") => self.object(&node)?,
            Some("array") if self.path.len() < RemoteSchema::MAX_DEPTH => match node.get("items") {
                Some(items) => {
                    self.path.push("[]".to_owned());
                    let element = self.data_type(items)?;
                    self.path.pop();
                    element.map(|element| DataType::new_list(element, true))
                }
                None => None,
            },
            _ => None,
        })
    }

    /// A struct of the members that can be typed; a struct of none can be in no file.
    fn object(&mut self, node: &Members) -> Result<Option<DataType>> {
        let members = node.get("properties").map_or(Members(Vec::new()), Members::of);
        let is_deep = self.path.len() >= RemoteSchema::MAX_DEPTH;
        if is_deep {
            return Ok(None);
        }
        let mut names = HashSet::new();
        let mut fields = Vec::with_capacity(members.0.len());
        for (name, json) in members.0 {
            self.path.push(name.clone());
            if let Some(data_type) = self.data_type(&json)? {
                if !is_name(&name) {
                    return Err(wrong(&self.path, "has a name that no column can have everywhere"));
                }
                if !names.insert(folded(&name)) {
                    let what = "is there twice, as engines see it to which large and small letters are the same";
                    return Err(wrong(&self.path, what));
                }
                fields.push(Arc::new(Field::new(name, data_type, true)));
            }
            self.path.pop();
        }
        let is_root = self.path.is_empty();
        Ok((is_root || !fields.is_empty()).then(|| DataType::Struct(fields.into())))
    }

    /// What a reference within the schema is to.
    fn referred(&self, to: &str) -> Option<Box<RawValue>> {
        let pointer = to.strip_prefix('#')?;
        let mut found = self.root.to_owned();
        for name in pointer.split('/').skip(1) {
            let name = name.replace("~1", "/").replace("~0", "~");
            found = Members::of(&found).get(&name)?.to_owned();
        }
        Some(found)
    }
}

/// The one of several schemas that is not that of null.
fn only_choice(node: &Members) -> Option<Box<RawValue>> {
    let choices = ["anyOf", "oneOf", "allOf"].into_iter().find_map(|name| node.list(name))?;
    let is_null = |json: &RawValue| Members::of(json).text("type").as_deref() == Some("null");
    let mut choices = choices.into_iter().filter(|json| !is_null(json));
    choices.next().filter(|_| choices.next().is_none())
}

fn wrong(path: &[String], what: &str) -> Error {
    let path = printable(&path.join("."), MOST_OF_A_PATH);
    let which = if path.is_empty() { "it".to_owned() } else { format!("member {path}") };
    refused(format!(
        "the schema of remote_data is not one that can be taken: {which} {what}; \
        a member that it leaves out stays text, in _remote_data_extra"
    ))
}

fn refused(message: String) -> Error {
    Error::new(ErrorKind::Configuration, message)
}
