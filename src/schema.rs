//! The schemas of what goes in and what comes out, as text.
//!
//! They are the files of `schemas/`, built in: a program can hand them to a schema registry, to a
//! code generator or to a validator without having the files beside it.

/// The version of the columns of a license. It rises when a column is added, or becomes another.
pub const VERSION: u32 = 1;

/// One license as Truto sends it: JSON Schema, draft 2020-12.
///
/// Only `id` is required. Unknown fields are allowed and enumerations are not enforced.
pub const LICENSE_JSON_SCHEMA: &str = include_str!("../schemas/license.schema.json");

/// One license in one spelling, with the columns that the connector adds: JSON Schema, draft 7, which every
/// registry understands. It is
/// what [`Format::Json`](crate::encode::Format::Json) writes.
///
/// Other than [`LICENSE_JSON_SCHEMA`] it allows no unknown fields: they are in `_extra`.
pub const LICENSE_NORMALIZED_JSON_SCHEMA: &str =
    include_str!("../schemas/license.normalized.schema.json");

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

/// The Arrow schema of a license as text: `schemas/license.arrow.txt`.
#[cfg(feature = "arrow")]
pub fn arrow_text() -> String {
    use std::fmt::Write;

    let mut text = String::new();
    for field in crate::License::schema().fields() {
        let null = if field.is_nullable() { "" } else { " not null" };
        let extension = field.extension_type_name().map(|name| format!(" ({name})"));
        let extension = extension.unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}: {}{extension}{null}", field.name(), field.data_type());
    }
    text
}

/// The Parquet schema of a license as text, in Parquet's own notation:
/// `schemas/license.parquet.txt`.
#[cfg(feature = "parquet")]
pub fn parquet_text() -> String {
    let schema = parquet::arrow::ArrowSchemaConverter::new()
        .with_coerce_types(true)
        .convert(&crate::License::schema())
        .expect("every type of the schema has a counterpart in Parquet");
    let mut text = Vec::new();
    parquet::schema::printer::print_schema(&mut text, schema.root_schema());
    String::from_utf8_lossy(&text).into_owned()
}
