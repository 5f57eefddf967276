//! The fields of a license and their order are the same in every schema.

use arrow_schema::{DataType, Field, TimeUnit};
use license_stream::{License, schema};
use serde_json::{Value, json};

use crate::support::body::members;

/// The type of a column in Avro.
fn avro(field: &Field) -> Value {
    let plain = match field.data_type() {
        DataType::Utf8 => json!("string"),
        DataType::Float64 => json!("double"),
        DataType::Boolean => json!("boolean"),
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => {
            json!({"type": "long", "logicalType": "timestamp-micros"})
        }
        DataType::List(element) => json!({"type": "array", "items": avro(element)}),
        DataType::Struct(members) => {
            let members: Vec<_> = members
                .iter()
                .map(|member| json!({"name": member.name(), "type": avro(member), "default": null}))
                .collect();
            json!({"type": "record", "fields": members})
        }
        other => panic!("no type of Avro for {other}"),
    };
    if field.is_nullable() { json!(["null", plain]) } else { plain }
}

/// An Avro schema without what is for people, and without the names of records.
fn bare(schema: &Value, is_field: bool) -> Value {
    match schema {
        Value::Object(members) => members
            .iter()
            .filter(|(name, _)| *name != "doc" && (is_field || *name != "name"))
            .map(|(name, value)| (name.clone(), bare(value, false)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Value::Array(values) => {
            let has_fields = values.iter().all(|value| value["name"] != Value::Null);
            values.iter().map(|value| bare(value, has_fields)).collect()
        }
        other => other.clone(),
    }
}

#[test]
fn avro_has_the_columns_of_arrow() {
    let avsc: Value = serde_json::from_str(schema::LICENSE_AVRO).unwrap();
    let found = bare(&avsc["fields"], false);
    let expected: Vec<_> = License::schema()
        .fields()
        .iter()
        .map(|field| {
            let mut expected = json!({"name": field.name(), "type": avro(field)});
            if field.is_nullable() {
                expected["default"] = Value::Null;
            }
            expected
        })
        .collect();
    assert_eq!(found.as_array().unwrap(), &expected);
}

/// Type and name of each field of a message, numbered from 1 without a gap.
fn message<'a>(proto: &'a str, name: &str) -> Vec<(&'a str, &'a str)> {
    let start = proto.find(&format!("\nmessage {name} {{\n")).expect("the message is there");
    let body = &proto[start + 1..];
    let body = &body[..body.find("\n}\n").unwrap()];
    let fields = body.lines().skip(1).map(str::trim);
    let fields = fields.filter(|line| !line.is_empty() && !line.starts_with("//"));
    fields
        .enumerate()
        .map(|(index, field)| {
            let (declared, number) = field.split_once(" = ").unwrap();
            let number = number.trim_end_matches(';').split(' ').next().unwrap();
            assert_eq!(number, (index + 1).to_string(), "{field}");
            declared.rsplit_once(' ').unwrap()
        })
        .collect()
}

/// The type of a column in Protobuf.
fn protobuf(field: &Field) -> String {
    let plain = match field.data_type() {
        DataType::Utf8 => "string",
        DataType::Float64 => "double",
        DataType::Boolean => "bool",
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => return timestamp(),
        DataType::List(_) if field.name() == "products" => return "ProductList".to_owned(),
        DataType::List(_) if field.name() == "roles" => return "RoleList".to_owned(),
        other => panic!("no type of Protobuf for {other}"),
    };
    if field.is_nullable() { format!("optional {plain}") } else { plain.to_owned() }
}

fn timestamp() -> String {
    "google.protobuf.Timestamp".to_owned()
}

#[test]
fn protobuf_has_the_columns_of_arrow() {
    let columns = License::schema();
    let columns = columns.fields();
    let found = message(schema::LICENSE_PROTOBUF, "License");
    let expected: Vec<_> = columns
        .iter()
        .map(|field| (protobuf(field), field.name().trim_start_matches('_').to_owned()))
        .collect();
    let found: Vec<_> =
        found.into_iter().map(|(kind, name)| (kind.to_owned(), name.to_owned())).collect();
    assert_eq!(found, expected);

    for (list, element, column) in
        [("ProductList", "Product", "products"), ("RoleList", "Role", "roles")]
    {
        let items = format!("repeated {element}");
        assert_eq!(message(schema::LICENSE_PROTOBUF, list), [(items.as_str(), "items")]);
        let column = columns.find(column).unwrap().1;
        let DataType::List(item) = column.data_type() else { panic!("{column} is a list") };
        let DataType::Struct(members) = item.data_type() else { panic!("{item} is a struct") };
        let mut expected: Vec<_> =
            members.iter().map(|member| ("optional string", member.name().as_str())).collect();
        expected.push(("bool", "is_null"));
        assert_eq!(message(schema::LICENSE_PROTOBUF, element), expected);
    }
}

#[test]
fn json_schema_has_the_fields_of_the_endpoint() {
    let member = |json: &str, name: &str| {
        let members = members(json.as_bytes()).unwrap();
        members.into_iter().find(|(found, _)| found == name).unwrap().1
    };
    let properties = member(schema::LICENSE_JSON_SCHEMA, "properties");
    let properties = members(properties.get().as_bytes()).unwrap();
    let columns = License::schema();
    for (index, (name, property)) in properties.iter().enumerate() {
        let column = columns.field(index);
        let property: Value = serde_json::from_str(property.get()).unwrap();
        let kind = match column.data_type() {
            DataType::Utf8 if name == "remote_data" => "object",
            DataType::Utf8 | DataType::Timestamp(..) => "string",
            DataType::Float64 => "number",
            DataType::Boolean => "boolean",
            DataType::List(_) => "array",
            other => panic!("no type of JSON Schema for {other}"),
        };
        let expected = if column.is_nullable() { json!([kind, "null"]) } else { json!(kind) };
        assert_eq!((name, &property["type"]), (column.name(), &expected));
    }
    // The columns behind are the connector's own.
    assert_eq!(properties.len(), License::FIELDS.len());
}
