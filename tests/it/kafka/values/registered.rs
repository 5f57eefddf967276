//! Which schema values are written by.

use license_stream::schema::{LICENSE_AVRO, LICENSE_NORMALIZED_JSON_SCHEMA, LICENSE_PROTOBUF};
use serde_json::{Value, json};

use super::{ACCOUNT, REGISTERED, input, produce};
use crate::kafka::kafka;
use crate::support::kafka::topic;
use crate::support::python::{header, topic_values};
use crate::support::registry::{keep, latest, may_follow, register, registry};
use crate::support::run::{Run, run};

/// What a registry calls the kind of `value`, and the schema that is ours.
fn ours(value: &str) -> (&'static str, &'static str) {
    match value {
        "avro" => ("AVRO", LICENSE_AVRO),
        "protobuf" => ("PROTOBUF", LICENSE_PROTOBUF),
        _ => ("JSON", LICENSE_NORMALIZED_JSON_SCHEMA),
    }
}

/// Ours, of a time when there was no `description`.
fn earlier(value: &str) -> String {
    let (_, ours) = ours(value);
    if value == "protobuf" {
        let field = "  optional string description = 6;\n";
        assert!(ours.contains(field));
        return ours.replace(field, "");
    }
    let mut schema: Value = serde_json::from_str(ours).unwrap();
    if value == "avro" {
        let fields = schema["fields"].as_array_mut().unwrap();
        fields.retain(|field| field["name"] != "description");
        assert_eq!(fields.len(), 16);
    } else {
        schema["properties"].as_object_mut().unwrap().remove("description").unwrap();
    }
    schema.to_string()
}

/// Ours, but that `assigned_quantity` is a text.
fn other(value: &str) -> String {
    let (_, ours) = ours(value);
    let (from, to) = match value {
        "protobuf" => ("optional double assigned_quantity", "optional string assigned_quantity"),
        "avro" => {
            let mut schema: Value = serde_json::from_str(ours).unwrap();
            schema["fields"][1]["type"][1] = "string".into();
            return schema.to_string();
        }
        _ => {
            let mut schema: Value = serde_json::from_str(ours).unwrap();
            schema["properties"]["assigned_quantity"] = json!({"type": ["string", "null"]});
            return schema.to_string();
        }
    };
    assert!(ours.contains(from));
    ours.replace(from, to)
}

/// A run by the subject's latest schema, which is the default.
fn by_latest(topic: &str, value: &str) -> Run {
    let (_directory, file) = input(b"{\"id\":\"a\",\"description\":\"d\"}\n");
    let mut command = kafka(topic);
    command.args(["--value", value, "--schema-registry", &registry()]);
    run(command.args(["--account", ACCOUNT, "--input"]).arg(&file))
}

fn registering(topic: &str, value: &str, arguments: &[&str]) -> Run {
    let (_directory, file) = input(b"{\"id\":\"a\",\"description\":\"d\"}\n");
    produce(topic, value, &file, arguments)
}

/// The record's name in each kind of schema.
fn record(value: &str) -> &'static str {
    match value {
        "avro" => "license_stream.License",
        "protobuf" => "license_stream.v1.License",
        _ => "License",
    }
}

#[test]
fn what_is_registered_is_what_the_files_say() {
    for value in REGISTERED {
        let topic = topic("registered");
        registering(&topic, value, &[]).expect(0);
        let registered = latest(&format!("{topic}-value")).expect("it was registered");
        let (kind, ours) = ours(value);
        let schema = registered["schema"].as_str().unwrap();
        if value == "protobuf" {
            assert_eq!(schema, ours);
        } else {
            let parsed = |text| serde_json::from_str::<Value>(text).unwrap();
            assert_eq!(parsed(schema), parsed(ours));
        }
        // Avro's is the one that need not be named.
        let found = registered.get("schemaType").map_or("AVRO", |kind| kind.as_str().unwrap());
        assert_eq!(found, kind);
        let message = topic_values(&topic, &registry(), value).remove(0);
        assert_eq!(message["schema_id"], registered["id"]);

        // A further run has the same one, and so has one that registers nothing.
        registering(&topic, value, &[]).expect(0);
        by_latest(&topic, value).expect(0);
        let again = latest(&format!("{topic}-value")).unwrap();
        assert_eq!((&again["id"], &again["version"]), (&registered["id"], &json!(1)));
        assert_eq!(topic_values(&topic, &registry(), value).len(), 3);
    }
}

#[test]
fn subjects_are_named_by_the_strategy() {
    for value in REGISTERED {
        let topic = topic("subjects");
        let both = format!("{topic}-{}", record(value));
        assert_eq!(latest(&both), None);
        registering(&topic, value, &["--subject-strategy", "topic-record"]).expect(0);
        let id = &latest(&both).expect("it was registered")["id"];
        assert_eq!(&topic_values(&topic, &registry(), value)[0]["schema_id"], id);

        let topic = self::topic("subjects");
        registering(&topic, value, &["--subject-strategy", "record"]).expect(0);
        let id = &latest(record(value)).expect("it was registered")["id"];
        assert_eq!(&topic_values(&topic, &registry(), value)[0]["schema_id"], id);
        assert_eq!(latest(&format!("{topic}-value")), None);
        assert_eq!(latest(&format!("{topic}-{}", record(value))), None);
    }
}

#[test]
fn each_topic_of_an_account_has_its_subject() {
    let name = topic("accounts");
    let template = format!("{name}-{{integrated_account_id}}");
    let topic = format!("{name}-{ACCOUNT}");
    let failed = by_latest(&template, "avro").expect(2);
    assert!(failed.stderr.contains(&format!("no subject {topic}-value")), "{}", failed.stderr);
    registering(&template, "avro", &[]).expect(0);
    let id = &latest(&format!("{topic}-value")).expect("it was registered")["id"];
    assert_eq!(&topic_values(&topic, &registry(), "avro")[0]["schema_id"], id);
}

#[test]
fn topics_that_records_decide_share_the_record_s_subject() {
    let name = topic("statuses");
    let template = format!("{name}-{{status}}");
    let (_directory, file) =
        input(b"{\"id\":\"a\",\"status\":\"x\"}\n{\"id\":\"b\",\"status\":\"y\"}\n");
    for strategy in ["topic", "topic-record"] {
        let refused =
            produce(&template, "avro", &file, &["--subject-strategy", strategy]).expect(2);
        assert!(refused.stderr.contains("choose --subject-strategy record"), "{}", refused.stderr);
    }
    produce(&template, "avro", &file, &["--subject-strategy", "record"]).expect(0);
    for (status, id) in [("x", "a"), ("y", "b")] {
        let values = topic_values(&format!("{name}-{status}"), &registry(), "avro");
        assert_eq!((values.len(), &values[0]["row"]["id"]), (1, &json!(id)));
    }
}

/// The default: a schema that somebody else has registered, under an id of its own.
#[test]
fn the_latest_schema_is_taken_if_licenses_can_be_written_by_it() {
    let topic = topic("latest");
    let subject = format!("{topic}-value");
    let missing = by_latest(&topic, "avro").expect(2);
    let message = format!(
        "error: schema registry has no subject {subject}: register a schema, or let it be done with --register \
         auto\n"
    );
    assert_eq!(missing.stderr, message);

    // The same layout in other words.
    let mut schema: Value = serde_json::from_str(LICENSE_AVRO).unwrap();
    schema["doc"] = "What the platform team says of it.".into();
    let id = register(&subject, "AVRO", &schema.to_string());
    by_latest(&topic, "avro").expect(0);
    let values = topic_values(&topic, &registry(), "avro");
    assert_eq!((&values[0]["schema_id"], &values[0]["row"]["id"]), (&json!(id), &json!("a")));
    assert_eq!(header(&values[0], "truto-position"), "0");
}

#[test]
fn an_incompatible_schema_is_refused_with_the_reason_and_the_subject() {
    for value in REGISTERED {
        let topic = topic("incompatible");
        let subject = format!("{topic}-value");
        register(&subject, ours(value).0, &other(value));
        let refused = registering(&topic, value, &[]).expect(2);
        let begin =
            format!("error: schema is not compatible with the latest one of subject {subject} (");
        assert!(refused.stderr.starts_with(&begin), "{value}: {}", refused.stderr);
        // In the registry's words.
        assert!(refused.stderr.len() > begin.len() + 150, "{value}: {}", refused.stderr);
        // What is there would be refused as well.
        let cure = "): licenses cannot be written by that one either, so write to another subject (--subject-strategy, or";
        assert!(refused.stderr.contains(cure), "{value}: {}", refused.stderr);
        assert!(!refused.stderr.contains("--register latest"), "{value}: {}", refused.stderr);

        let refused = by_latest(&topic, value).expect(2);
        let begin = format!(
            "error: licenses cannot be written by the latest schema of subject {subject}, version 1: its "
        );
        assert!(refused.stderr.starts_with(&begin), "{value}: {}", refused.stderr);
        assert!(refused.stderr.contains("assigned_quantity"), "{value}: {}", refused.stderr);
    }
    // Another kind altogether.
    let topic = topic("kinds");
    register(&format!("{topic}-value"), "AVRO", LICENSE_AVRO);
    for refused in [by_latest(&topic, "protobuf"), registering(&topic, "protobuf", &[])] {
        let refused = refused.expect(2);
        assert!(refused.stderr.contains("it is AVRO, not PROTOBUF"), "{}", refused.stderr);
    }
}

/// Rules of docs/values.md.
#[test]
fn a_field_that_is_added_keeps_what_each_format_can_keep() {
    for (value, level, is_kept) in [
        ("avro", "BACKWARD", true),
        ("avro", "FULL", true),
        ("protobuf", "BACKWARD", true),
        ("protobuf", "FULL", true),
        ("json-schema", "BACKWARD", true),
        // An older schema allows no field that it does not know.
        ("json-schema", "FORWARD", false),
    ] {
        let topic = topic("evolution");
        let subject = format!("{topic}-value");
        let (kind, ours) = ours(value);
        register(&subject, kind, &earlier(value));
        keep(&subject, level);
        assert_eq!(may_follow(&subject, kind, ours), is_kept, "{value}, {level}");
        assert!(!may_follow(&subject, kind, &other(value)), "{value}, {level}");

        let run = registering(&topic, value, &[]).expect(if is_kept { 0 } else { 2 });
        if is_kept {
            let latest = latest(&subject).unwrap();
            assert_eq!(latest["version"], 2);
            let values = topic_values(&topic, &registry(), value);
            assert_eq!(values[0]["schema_id"], latest["id"]);
            assert_eq!(values[0]["row"]["description"], "d");
        } else {
            assert!(run.stderr.contains(&subject), "{}", run.stderr);
        }
    }
}

/// Ours, of a time when there is a further field.
fn later(value: &str) -> String {
    let (_, ours) = ours(value);
    if value == "protobuf" {
        let last = "  optional string extra = 17;\n";
        return ours.replace(last, &format!("{last}  optional string later = 18;\n"));
    }
    let mut schema: Value = serde_json::from_str(ours).unwrap();
    if value == "avro" {
        let field = json!({"name": "later", "type": ["null", "string"], "default": null});
        schema["fields"].as_array_mut().unwrap().push(field);
    } else {
        schema["properties"]["later"] = json!({"type": ["string", "null"]});
    }
    schema.to_string()
}

#[test]
fn a_later_schema_stops_no_run_that_brings_its_own() {
    for value in REGISTERED {
        let topic = topic("later");
        let subject = format!("{topic}-value");
        let (kind, schema) = ours(value);
        let own = register(&subject, kind, schema);
        let later = register(&subject, kind, &later(value));
        assert_ne!(own, later);
        registering(&topic, value, &[]).expect(0);
        assert_eq!(topic_values(&topic, &registry(), value)[0]["schema_id"], own, "{value}");

        // By the later one itself, where a field that is not written may be left out.
        let topic = self::topic("later");
        let again = register(&format!("{topic}-value"), kind, &self::later(value));
        if value == "avro" {
            let refused = by_latest(&topic, value).expect(2);
            let why = "its field `later` is none that is written";
            assert!(refused.stderr.contains(why), "{}", refused.stderr);
        } else {
            by_latest(&topic, value).expect(0);
            let values = topic_values(&topic, &registry(), value);
            assert_eq!(
                (&values[0]["schema_id"], &values[0]["row"]["id"]),
                (&json!(again), &json!("a"))
            );
        }
    }
}

/// Licenses have fields that an earlier schema has no place for.
#[test]
fn an_earlier_schema_is_none_that_can_be_written_by() {
    for value in REGISTERED {
        let topic = topic("earlier");
        register(&format!("{topic}-value"), ours(value).0, &earlier(value));
        let refused = by_latest(&topic, value).expect(2);
        assert!(refused.stderr.contains("description"), "{value}: {}", refused.stderr);
    }
}
