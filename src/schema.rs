//! The schemas of what goes in and what comes out, as text.
//!
//! They are the files of `schemas/`, built in: a program can hand them to a schema registry, to a
//! code generator or to a validator without having the files beside it.

/// One license as Truto sends it: JSON Schema, draft 2020-12.
///
/// Only `id` is required. Unknown fields are allowed and enumerations are not enforced.
pub const LICENSE_JSON_SCHEMA: &str = include_str!("../schemas/license.schema.json");

/// One license with the columns that the connector adds: an Avro record, `license_stream.License`.
pub const LICENSE_AVRO: &str = include_str!("../schemas/license.avsc");

/// One license with the columns that the connector adds: Protobuf, `license_stream.v1.License`.
pub const LICENSE_PROTOBUF: &str = include_str!("../schemas/license.proto");

/// Which fields each integration gives, and which query parameters it takes: JSON.
pub const INTEGRATIONS: &str = include_str!("../schemas/integrations.json");

/// One line of a dead letter file: JSON Schema, draft 2020-12.
pub const REJECT_JSON_SCHEMA: &str = include_str!("../schemas/reject.schema.json");

/// The summary that a run prints with `--json`: JSON Schema, draft 2020-12.
pub const SUMMARY_JSON_SCHEMA: &str = include_str!("../schemas/summary.schema.json");
