//! The JSON Schema of the file of jobs, made of the definition of the command line.

use std::any::TypeId;
use std::num::NonZeroUsize;

use clap::Arg;
use serde_json::{Map, Value, json};

use super::file::{MOST_JOBS, MOST_NAME};
use super::keys::{Key, Keys, Kind, To};
use crate::connection::Seconds;

/// What a value is that the environment completes.
const VARIABLE: &str = r"\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}";

/// The schema, as it stands in `schemas/pipeline.schema.json`.
pub(crate) fn text() -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(&schema())? + "\n")
}

fn schema() -> Value {
    let mut definitions = forms();
    let mut all = Map::new();
    for to in To::ALL {
        let keys = Keys::of(to);
        let mut properties = properties(&keys);
        all.extend(properties.clone());
        properties.insert("name".to_owned(), json!({ "$ref": "#/$defs/name" }));
        properties.insert("to".to_owned(), json!({ "const": to.name() }));
        let job = json!({
            "description": format!("What `license-stream {}` is given by flags.", to.name()),
            "type": "object",
            "required": ["name", "to"],
            "additionalProperties": false,
            "properties": properties,
        });
        definitions.insert(to.name().to_owned(), job);
    }
    definitions.insert(
        "name".to_owned(),
        json!({
            "description": "The name of the job, by which it is told of and chosen.",
            "type": ["string", "integer"],
            "pattern": format!("^[A-Za-z0-9_-]{{1,{MOST_NAME}}}$"),
        }),
    );
    let jobs: Vec<_> = To::ALL.map(|to| json!({ "$ref": format!("#/$defs/{}", to.name()) })).into();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:license-stream:pipeline",
        "title": "Pipeline",
        "description": "The file of jobs that `license-stream run` takes. Values may hold ${VARIABLE} and \
            ${VARIABLE:-default}.",
        "type": "object",
        "required": ["jobs"],
        "additionalProperties": false,
        "properties": {
            "concurrency": {
                "description": "Jobs that run at once at most. Unit: jobs.",
                "default": 1,
                "anyOf": [{ "type": "integer", "minimum": 1, "maximum": 64 }, variable()],
            },
            "metrics": {
                "description": "Where /metrics of all jobs, /healthz and /readyz are served while the command runs, \
                    HOST:PORT.",
                "type": ["string", "null"],
            },
            "defaults": {
                "description": "What each job is given whose command has the key, unless it says otherwise itself.",
                "type": "object",
                "additionalProperties": false,
                "properties": all,
            },
            "jobs": {
                "description": "The jobs, in the order in which they begin.",
                "type": "array",
                "minItems": 1,
                "maxItems": MOST_JOBS,
                "items": { "oneOf": jobs },
            },
        },
        "$defs": definitions,
    })
}

fn variable() -> Value {
    json!({ "$ref": "#/$defs/variable" })
}

/// The forms that many keys have. Nothing is as good as not to say it, so that a job can take back what is in
/// `defaults`.
fn forms() -> Map<String, Value> {
    let scalar = json!({ "type": ["string", "number", "boolean", "null"] });
    let pair = json!({ "type": "string", "pattern": "=" });
    let mut forms = Map::new();
    for (name, form) in [
        ("variable", json!({ "type": "string", "pattern": VARIABLE })),
        ("switch", json!({ "anyOf": [{ "type": ["boolean", "null"] }, variable()] })),
        ("text", json!({ "type": ["string", "number", "null"] })),
        (
            "texts",
            json!({
                "anyOf": [
                    { "type": "array", "items": { "type": ["string", "number"] } },
                    { "$ref": "#/$defs/text" },
                ]
            }),
        ),
        (
            "pairs",
            json!({
                "anyOf": [
                    {
                        "type": "object",
                        "additionalProperties": { "anyOf": [scalar, { "type": "array", "items": scalar }] },
                    },
                    { "type": "array", "items": pair },
                    pair,
                    { "type": "null" },
                ]
            }),
        ),
    ] {
        forms.insert(name.to_owned(), form);
    }
    forms
}

fn properties(keys: &Keys) -> Map<String, Value> {
    keys.0.iter().map(|key| (key.name.clone(), property(key))).collect()
}

fn property(key: &Key) -> Value {
    let form = |name: &str| json!({ "$ref": format!("#/$defs/{name}") });
    let mut property = match (key.kind, values(&key.arg)) {
        (Kind::Switch, _) => form("switch"),
        (Kind::Pairs, _) => form("pairs"),
        (Kind::One, None) => form("text"),
        (Kind::Several, None) => form("texts"),
        (Kind::One, Some(one)) => json!({ "anyOf": [one, variable(), { "type": "null" }] }),
        (Kind::Several, Some(one)) => {
            let several = json!({ "type": "array", "items": { "anyOf": [one, variable()] } });
            json!({ "anyOf": [several, one, variable(), { "type": "null" }] })
        }
    };
    let help = key.arg.get_long_help().or(key.arg.get_help());
    let mut description = help.map(ToString::to_string).unwrap_or_default();
    if let Some(variable) = key.arg.get_env() {
        description += &format!(". The variable {} wins over it", variable.to_string_lossy());
    }
    property["description"] = description.into();
    let defaults: Vec<_> =
        key.arg.get_default_values().iter().filter_map(|it| it.to_str()).collect();
    if let ([default], Kind::One) = (defaults.as_slice(), key.kind) {
        property["default"] =
            default.parse::<u64>().map_or_else(|_| (*default).into(), Value::from);
    }
    property
}

/// What one value is, where it is not any text.
fn values(arg: &Arg) -> Option<Value> {
    let possible: Vec<_> =
        arg.get_possible_values().iter().map(|it| it.get_name().to_owned()).collect();
    let kind = arg.get_value_parser().type_id();
    if !possible.is_empty() {
        Some(json!({ "enum": possible }))
    } else if kind == TypeId::of::<u64>()
        || kind == TypeId::of::<u32>()
        || kind == TypeId::of::<u16>()
    {
        Some(json!({ "type": "integer", "minimum": 0 }))
    } else if kind == TypeId::of::<NonZeroUsize>() {
        Some(json!({ "type": "integer", "minimum": 1 }))
    } else if kind == TypeId::of::<Seconds>() {
        Some(json!({ "type": "number", "exclusiveMinimum": 0 }))
    } else {
        None
    }
}
