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
    /// Reads a JSON Schema. Of each member it has `type`, which is one of `string`, `integer`, `number`, `boolean`,
    /// `object` with `properties`, and `array` with `items`, or a list of one of these and `null`. What else it says
    /// of a value is not looked at, since a value that does not fit is kept beside the struct.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if it is no such schema; the message has the member.
    pub fn from_json_schema(json: &str) -> Result<Self> {
        let node: Node = serde_json::from_str(json).map_err(|error| {
            refused("the schema of remote_data is no JSON Schema".to_owned()).caused_by(error)
        })?;
        let DataType::Struct(members) = node.data_type(&mut Vec::new())? else {
            return Err(refused("the schema of remote_data is not that of an object".to_owned()));
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

/// What is read of a schema.
#[derive(Debug, Deserialize)]
struct Node {
    r#type: Option<Box<RawValue>>,
    properties: Option<Properties>,
    items: Option<Box<Node>>,
}

/// In their order.
#[derive(Debug)]
struct Properties(Vec<(String, Node)>);

impl<'de> Deserialize<'de> for Properties {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Properties;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with a schema for each member")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Properties, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Properties(members))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

impl Node {
    fn data_type(self, path: &mut Vec<String>) -> Result<DataType> {
        if path.len() > RemoteSchema::MAX_DEPTH {
            let most = RemoteSchema::MAX_DEPTH;
            return Err(wrong(path, &format!("nests deeper than {most} levels")));
        }
        match self.type_name().as_deref() {
            Some("string") => Ok(DataType::Utf8),
            Some("integer") => Ok(DataType::Int64),
            Some("number") => Ok(DataType::Float64),
            Some("boolean") => Ok(DataType::Boolean),
            Some("object") => self.object(path),
            Some("array") => match self.items {
                Some(items) => {
                    path.push("[]".to_owned());
                    let element = items.data_type(path)?;
                    path.pop();
                    Ok(DataType::new_list(element, true))
                }
                None => Err(wrong(path, "is an array without `items`")),
            },
            _ => Err(wrong(
                path,
                "has no single `type` (string, integer, number, boolean, object or array, beside null)",
            )),
        }
    }

    fn object(self, path: &mut Vec<String>) -> Result<DataType> {
        let Properties(members) = self.properties.unwrap_or(Properties(Vec::new()));
        // A struct without columns can be in no file; `remote_data` itself then has no column.
        if members.is_empty() && !path.is_empty() {
            return Err(wrong(path, "is an object without `properties`"));
        }
        let mut names = HashSet::new();
        let mut fields = Vec::with_capacity(members.len());
        for (name, node) in members {
            let (is_name, is_new) = (is_name(&name), names.insert(folded(&name)));
            path.push(name.clone());
            if !is_name {
                return Err(wrong(path, "has a name that no column can have everywhere"));
            }
            if !is_new {
                let what = "is there twice, as engines see it to which large and small letters are the same";
                return Err(wrong(path, what));
            }
            fields.push(Arc::new(Field::new(name, node.data_type(path)?, true)));
            path.pop();
        }
        Ok(DataType::Struct(fields.into()))
    }

    /// The one type, besides that of null.
    fn type_name(&self) -> Option<String> {
        let names = self.r#type.as_deref()?.get();
        let names = match serde_json::from_str::<Vec<String>>(names) {
            Ok(names) => names,
            Err(_) => vec![serde_json::from_str(names).ok()?],
        };
        let mut names = names.into_iter().filter(|name| name != "null");
        names.next().filter(|_| names.next().is_none())
    }
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
