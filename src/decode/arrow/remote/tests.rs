//! Whatever comes, struct and text together are what was there.

use std::collections::BTreeMap;

use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, StringArray};
use proptest::prelude::*;
use serde_json::value::RawValue;

use super::exact::Decimal;
use super::*;
use crate::error::ErrorKind;

/// A JSON value: of a name that comes twice the last one counts, and numbers are what they say.
#[derive(Clone, Debug, PartialEq)]
enum Tree {
    Null,
    Truth(bool),
    Number(Decimal),
    Text(String),
    List(Vec<Tree>),
    Object(BTreeMap<String, Tree>),
}

/// As serde_json reads it.
fn tree(json: &str) -> Tree {
    match json.trim_start().as_bytes()[0] {
        b'{' => {
            let members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(json).unwrap();
            Tree::Object(members.into_iter().map(|(name, raw)| (name, tree(raw.get()))).collect())
        }
        b'[' => {
            let elements: Vec<Box<RawValue>> = serde_json::from_str(json).unwrap();
            Tree::List(elements.iter().map(|raw| tree(raw.get())).collect())
        }
        b'"' => Tree::Text(serde_json::from_str(json).unwrap()),
        b't' | b'f' => Tree::Truth(serde_json::from_str(json).unwrap()),
        b'n' => Tree::Null,
        _ => Tree::Number(Decimal::of(json.trim()).unwrap()),
    }
}

/// What the struct's `row` has and what the text has, put together as the documentation says.
fn whole(array: &dyn Array, row: usize, extra: Option<Tree>) -> Option<Tree> {
    if array.is_null(row) {
        return extra;
    }
    let number = |text: String| Tree::Number(Decimal::of(&text).unwrap());
    Some(match array.data_type() {
        DataType::Struct(fields) => {
            let mut extra = match extra {
                Some(Tree::Object(members)) => members,
                None => BTreeMap::new(),
                Some(other) => panic!("an object, and beside it {other:?}"),
            };
            let columns = array.as_struct().columns();
            for (field, column) in fields.iter().zip(columns) {
                let beside = extra.remove(field.name());
                if let Some(value) = whole(column, row, beside) {
                    extra.insert(field.name().clone(), value);
                }
            }
            Tree::Object(extra)
        }
        DataType::List(_) => {
            let elements = array.as_list::<i32>().value(row);
            if let Some(list) = extra {
                let Tree::List(whole) = &list else { panic!("a list, and beside it {list:?}") };
                assert_eq!(whole.len(), elements.len());
                return Some(list);
            }
            let element = |row| whole(&elements, row, None).unwrap_or(Tree::Null);
            Tree::List((0..elements.len()).map(element).collect())
        }
        data_type => {
            assert_eq!(extra, None, "beside a {data_type}");
            match data_type {
                DataType::Utf8 => Tree::Text(array.as_string::<i32>().value(row).to_owned()),
                DataType::Boolean => Tree::Truth(array.as_boolean().value(row)),
                DataType::Int64 => number(array.as_primitive::<Int64Type>().value(row).to_string()),
                _ => number(format!("{:e}", array.as_primitive::<Float64Type>().value(row))),
            }
        }
    })
}

fn rows(texts: &[Option<&str>]) -> RecordBatch {
    let ids: ArrayRef =
        Arc::new(StringArray::from_iter_values((0..texts.len()).map(|it| it.to_string())));
    let texts: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
    RecordBatch::try_from_iter_with_nullable([("id", ids, false), (TYPED, texts, true)]).unwrap()
}

fn looked(texts: &[&str]) -> RemoteSchema {
    let mut look = Look::default();
    look.add(&StringArray::from(texts.to_vec()));
    look.schema()
}

fn extra(rows: &RecordBatch) -> Vec<Option<&str>> {
    rows.column_by_name(EXTRA).unwrap().as_string::<i32>().iter().collect()
}

/// Types `texts` by `schema`, and answers what is beside the struct, once both have proven to be what was there.
fn typed(schema: &RemoteSchema, texts: &[Option<&str>]) -> Vec<Option<String>> {
    let typed = schema.typed(&rows(texts));
    let extra = extra(&typed);
    for (row, text) in texts.iter().enumerate() {
        let beside = extra[row].map(tree);
        let found = match typed.column_by_name(TYPED) {
            Some(column) => whole(column, row, beside),
            None => beside,
        };
        assert_eq!(found, text.map(tree), "{text:?} beside {:?} by {schema:?}", extra[row]);
    }
    extra.into_iter().map(|text| text.map(str::to_owned)).collect()
}

/// What a look at `texts` finds, in short.
fn found(texts: &[&str]) -> String {
    let schema = looked(texts).to_json_schema();
    let start = schema.find("\"properties\":").unwrap();
    let short = schema[start + 13..schema.len() - 1].replace("\"type\":", "").replace('"', "");
    short.replace(",properties:", "").replace(",items:", "")
}

#[test]
fn members_have_the_type_that_they_have_wherever_they_are() {
    for (texts, wanted) in [
        (
            &[r#"{"a":1,"b":"x","c":true,"d":1.5}"#, r#"{"e":null,"d":2}"#][..],
            "{a:{integer},b:{string},c:{boolean},d:{number}}",
        ),
        (
            &[r#"{"a":{"b":[1]}}"#, r#"{"a":{"b":[],"c":[[{"d":"x"}]]}}"#],
            "{a:{object{b:{array{integer}},c:{array{array{object{d:{string}}}}}}}}",
        ),
        // Of more than one type, of none, or of what no column can hold.
        (
            &[
                r#"{"a":1,"b":[1,"x"],"c":{},"d":[],"e":null,"f":18446744073709551615,"g":[{}]}"#,
                r#"{"a":"x"}"#,
            ],
            "{}",
        ),
        (&[r#"{"a":18446744073709551615}"#, r#"{"a":2.5}"#], "{a:{number}}"),
        // Names that no column can have, or not beside another.
        (&[r#"{"":1,"a\u0001":1,"Ab":1,"aB":2,"\u0063":3}"#], "{Ab:{integer},c:{integer}}"),
        (&["[1]", "7", "\"x\""], "{}"),
    ] {
        assert_eq!(found(texts), wanted, "{texts:?}");
    }
}

#[test]
fn what_few_objects_have_or_is_too_deep_or_too_much_has_no_column() {
    let mut texts = vec![r#"{"a":1}"#.to_owned(); 199];
    texts.push(r#"{"a":1,"seldom":1}"#.to_owned());
    let texts: Vec<_> = texts.iter().map(String::as_str).collect();
    assert_eq!(found(&texts), "{a:{integer}}");
    assert_eq!(found(&texts[100..]), "{a:{integer},seldom:{integer}}");

    let deep = |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
    assert!(found(&[&deep(10)]).contains("integer"));
    assert_eq!(found(&[&deep(11)]), "{}");
    let schema = looked(&[&deep(10)]);
    assert_eq!(RemoteSchema::from_json_schema(&schema.to_json_schema()).unwrap(), schema);

    let members: Vec<_> = (0..1_200).map(|index| format!("\"m{index}\":[{index}]")).collect();
    let wide = format!("{{{}}}", members.join(","));
    assert_eq!(looked(&[&wide]).members().len(), RemoteSchema::MAX_COLUMNS);
    typed(&looked(&[&wide]), &[Some(&wide)]);
}

#[test]
fn what_does_not_fit_is_beside_the_struct() {
    let schema = looked(&[r#"{"a":1,"b":"x","c":{"d":1.5,"e":[{"f":true,"g":[1]}]}}"#]);
    for (text, beside) in [
        (r#"{"a":1,"b":"x","c":{"d":1.5,"e":[{"f":true,"g":[1]}]}}"#, None),
        ("{}", None),
        (r#"{ "c" : { "e" : [ ] } , "\u0061" : -9223372036854775808 }"#, None),
        (r#"{"a":1.0,"b":1,"c":[]}"#, Some(r#"{"a":1.0,"b":1,"c":[]}"#)),
        (
            r#"{"a":9223372036854775808,"c":{"d":9007199254740993}}"#,
            Some(r#"{"a":9223372036854775808,"c":{"d":9007199254740993}}"#),
        ),
        (r#"{"a":null,"z":{"y": 1},"b":"x"}"#, Some(r#"{"z":{"y": 1},"a":null}"#)),
        (
            r#"{"c":{"e":[null,{"f":1},7,{"f":true},{"g":[2,"x",null]}]}}"#,
            Some(r#"{"c":{"e":[null,{"f":1},7,{"f":true},{"g":[2,"x",null]}]}}"#),
        ),
        // Whole, wherever the name comes twice.
        (r#"{"a":1,"b":"x","a":2}"#, Some(r#"{"a":1,"b":"x","a":2}"#)),
        (r#"{"a":1,"c":{"d":1,"\u0064":2}}"#, Some(r#"{"c":{"d":1,"\u0064":2}}"#)),
        (r#"{"a":1,"z":1,"z":2}"#, Some(r#"{"z":1,"z":2}"#)),
        ("[1, 2]", Some("[1, 2]")),
        ("\"x\"", Some("\"x\"")),
        ("7", Some("7")),
    ] {
        assert_eq!(
            typed(&schema, &[Some(text), None]),
            [beside.map(str::to_owned), None],
            "{text}"
        );
    }
}

#[test]
fn text_that_is_no_character_or_no_json_is_kept_as_it_is() {
    let schema = looked(&[r#"{"a":"x"}"#]);
    for text in [r#"{"a":"\ud83d"}"#, r#"{"\ud83d":"y"}"#, r#"{"a":"x","#, r#"{"a":"x"} 1"#, ""] {
        assert_eq!(extra(&schema.typed(&rows(&[Some(text)]))), [Some(text)]);
    }
}

#[test]
fn without_a_member_there_is_no_struct() {
    let schema = looked(&["[]"]);
    let rows = schema.typed(&rows(&[Some(r#"{"a":1}"#), None]));
    let names: Vec<_> =
        rows.schema_ref().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, ["id", EXTRA]);
    assert_eq!(extra(&rows), [Some(r#"{"a":1}"#), None]);
    assert_eq!(RemoteSchema::from_json_schema(&schema.to_json_schema()).unwrap(), schema);
}

#[test]
fn rows_without_the_column_stay_as_they_are() {
    let ids: ArrayRef = Arc::new(StringArray::from(vec!["a"]));
    let rows = RecordBatch::try_from_iter([("id", ids)]).unwrap();
    assert_eq!(looked(&[r#"{"a":1}"#]).typed(&rows), rows);
}

#[test]
fn a_json_schema_is_read_as_far_as_it_is_of_use() {
    let json = r#"{
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "what the provider says", "type": ["object", "null"], "required": ["z"], "additionalProperties": false,
        "properties": {
            "z": {"type": "string", "format": "date-time", "minLength": 3},
            "a": {"type": ["null", "integer"], "minimum": 0},
            "n": {"type": "number"}, "t": {"type": "boolean"},
            "o": {"type": "object", "properties": {"l": {"type": "array", "items": {"type": "string"}}}}
        }
    }"#;
    let schema = RemoteSchema::from_json_schema(json).unwrap();
    let names: Vec<_> = schema.members().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names, ["z", "a", "n", "t", "o"], "in their order");
    assert_eq!(RemoteSchema::from_json_schema(&schema.to_json_schema()).unwrap(), schema);
    assert!(schema.members().iter().all(|field| field.is_nullable()));
    let lines = r#"{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{
  "z":{"type":"string"},
  "a":{"type":"integer"},
  "n":{"type":"number"},
  "t":{"type":"boolean"},
  "o":{"type":"object","properties":{
    "l":{"type":"array","items":{"type":"string"}}
  }}
}}"#;
    assert_eq!(format!("{schema:#}"), lines);
}

#[test]
fn a_schema_that_says_too_little_or_too_much_is_refused() {
    let object = |members: &str| format!(r#"{{"type":"object","properties":{{{members}}}}}"#);
    let many: Vec<_> = (0..1_001).map(|it| format!(r#""m{it}":{{"type":"string"}}"#)).collect();
    for (json, said) in [
        ("{", "the schema of remote_data is no JSON, at line 1, column 1"),
        ("true", "is not that of an object"),
        (r#"{"type":"string"}"#, "is not that of an object"),
        (r#"{"properties":{}}"#, "is not that of an object"),
        (&object(r#""":{"type":"string"}"#), "has a name that no column can have everywhere"),
        (&object(r#""Id":{"type":"string"},"iD":{"type":"string"}"#), "member iD is there twice"),
        (&object(&many.join(",")), "has 1001 columns, and may have 1000"),
    ] {
        let error = RemoteSchema::from_json_schema(json).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.message().contains(said), "{json}: {error}");
    }
}

#[test]
fn what_a_schema_says_no_type_of_has_no_column() {
    let deep = format!(
        "{}{}{}",
        r#"{"type":"array","items":"#.repeat(11),
        r#"{"type":"string"}"#,
        "}".repeat(11)
    );
    for member in [
        r#"{"type":["string","integer"]}"#,
        r#"{"type":"null"}"#,
        r#"{"type":"array"}"#,
        r#"{"type":"array","items":{"type":"object"}}"#,
        r#"{"type":"object"}"#,
        r#"{"type":"date"}"#,
        r#"{"enum":["a",1]}"#,
        r##"{"$ref":"#/x"}"##,
        r##"{"$ref":"other.json#/a"}"##,
        r##"{"$ref":"#/properties/a"}"##,
        r#"{"anyOf":[{"type":"string"},{"type":"integer"}]}"#,
        "true",
        "{}",
        &deep,
    ] {
        let json =
            format!(r#"{{"type":"object","properties":{{"a":{member},"b":{{"type":"string"}}}}}}"#);
        let schema = RemoteSchema::from_json_schema(&json).unwrap();
        let names: Vec<_> = schema.members().iter().map(|field| field.name().as_str()).collect();
        assert_eq!(names, ["b"], "{member}");
    }
}

#[test]
fn a_schema_as_people_have_it_is_read() {
    let json = r##"{
        "$defs": {
            "Plan": {"type": "object", "properties": {"id": {"$ref": "#/$defs/Id"}, "next": {"$ref": "#/$defs/Plan"}}},
            "Id": {"type": "string", "format": "uuid"}
        },
        "type": ["object", "null"],
        "properties": {
            "plan": {"$ref": "#/$defs/Plan"},
            "tier": {"enum": ["a", "b", null]},
            "seats": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
            "price": {"type": ["integer", "number", "null"]},
            "tags": {"type": "array", "items": {"allOf": [{"$ref": "#/$defs/Id"}]}}
        }
    }"##;
    let schema = RemoteSchema::from_json_schema(json).unwrap().to_json_schema();
    let (_, members) = schema.split_once("\"properties\":").unwrap();
    assert_eq!(
        members,
        concat!(
            r#"{"plan":{"type":"object","properties":{"id":{"type":"string"}}},"tier":{"type":"string"},"#,
            r#""seats":{"type":"integer"},"price":{"type":"number"},"#,
            r#""tags":{"type":"array","items":{"type":"string"}}}}"#
        )
    );
    // By references a short schema can say very many members.
    let many =
        |to: usize| (0..20).map(move |it| format!(r##""m{it}":{{"$ref":"#/$defs/d{to}"}}"##));
    let defs = (0..9).map(|it| {
        let members = many(it + 1).collect::<Vec<_>>().join(",");
        format!(r#""d{it}":{{"type":"object","properties":{{{members}}}}}"#)
    });
    let defs = defs.collect::<Vec<_>>().join(",");
    let json = format!(
        r##"{{"$defs":{{{defs},"d9":{{"type":"string"}}}},"type":"object","properties":{{"a":{{"$ref":"#/$defs/d0"}}}}}}"##
    );
    let error = RemoteSchema::from_json_schema(&json).unwrap_err();
    assert!(error.message().contains("describes more than 100000 members"), "{error}");
}

#[test]
fn schemas_of_many_are_one_in_what_they_agree_on() {
    let mut look = Look::default();
    for text in [
        r#"{"a":1,"b":"x","c":{"d":1},"e":[1],"f":true}"#,
        r#"{"g":"new","a":1.5,"b":1,"c":{"h":true,"d":2},"e":[1.5],"F":"other"}"#,
        r#"{"b":"again text"}"#,
    ] {
        look.merge(&looked(&[text]));
    }
    let wanted = r#"{"a":1.5,"c":{"d":1,"h":true},"e":[1.5],"f":true,"g":"new"}"#;
    assert_eq!(look.schema(), looked(&[wanted]));
}

fn json() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        any::<i64>().prop_map(|it| it.to_string()),
        any::<f64>().prop_filter("finite", |it| it.is_finite()).prop_map(|it| format!("{it:e}")),
        (-200_i32..200).prop_map(|it| format!("{:.2}", f64::from(it) / 8.0)),
        "-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?",
    ];
    let text = prop_oneof![
        Just("\"x\"".to_owned()),
        any::<String>().prop_map(|it| serde_json::json!(it).to_string())
    ];
    let scalar = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|it| it.to_string()),
        number,
        text,
    ];
    let name = prop::sample::select(vec![
        r#""a""#,
        r#""b""#,
        r#""c""#,
        r#""A""#,
        r#""\u0061""#,
        r#""d \"e""#,
        r#""é""#,
        r#""""#,
    ]);
    let space = prop::sample::select(vec!["", " "]);
    scalar.prop_recursive(5, 40, 5, move |value| {
        prop_oneof![
            3 => prop::collection::vec((name.clone(), value.clone(), space.clone()), 0..6).prop_map(|members| {
                let members = members.iter().map(|(name, value, space)| format!("{name}{space}:{value}"));
                format!("{{{}}}", members.collect::<Vec<_>>().join(","))
            }),
            1 => prop::collection::vec(value, 0..4).prop_map(|elements| format!("[{}]", elements.join(", "))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn struct_and_text_together_are_what_was_there(
        texts in prop::collection::vec(prop::option::weighted(0.9, json()), 1..8),
        looked_at in 0..8_usize,
    ) {
        let texts: Vec<_> = texts.iter().map(|text| text.as_deref().filter(|text| *text != "null")).collect();
        let some: Vec<_> = texts.iter().take(looked_at).copied().flatten().collect();
        let schema = looked(&some);
        let beside = typed(&schema, &texts);
        // Batches of one row have the same.
        for (text, beside) in texts.iter().zip(beside) {
            prop_assert_eq!(typed(&schema, &[*text]), [beside]);
        }
        let read = RemoteSchema::from_json_schema(&schema.to_json_schema()).unwrap();
        prop_assert_eq!(read, schema);
    }
}
