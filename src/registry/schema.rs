//! The schemas that are registered: those that `schemas/` has.

use crate::encode::Format;
use crate::schema::{LICENSE_AVRO, LICENSE_NORMALIZED_JSON_SCHEMA, LICENSE_PROTOBUF};

pub(super) fn text(format: Format) -> &'static str {
    match format {
        Format::Json => LICENSE_NORMALIZED_JSON_SCHEMA,
        Format::Avro => LICENSE_AVRO,
        Format::Protobuf => LICENSE_PROTOBUF,
    }
}

/// What registries call its kind.
pub(super) fn kind(format: Format) -> &'static str {
    match format {
        Format::Json => "JSON",
        Format::Avro => "AVRO",
        Format::Protobuf => "PROTOBUF",
    }
}

/// The kind of a schema for which none is said.
pub(super) fn avro() -> String {
    kind(Format::Avro).to_owned()
}

/// The name of the record, with its package.
pub(super) fn record(format: Format) -> &'static str {
    match format {
        Format::Json => "License",
        Format::Avro => "license_stream.License",
        Format::Protobuf => "license_stream.v1.License",
    }
}
