//! Whether records that are written by our schema are records of another one.

mod avro;
mod json;
mod protobuf;

use super::schema;
use crate::encode::Format;

/// Says why not, naming the field.
pub(super) fn check(format: Format, other: &str) -> Result<(), String> {
    let ours = schema::text(format);
    match format {
        Format::Json => json::check(ours, other),
        Format::Avro => avro::check(ours, other),
        Format::Protobuf => protobuf::check(ours, other),
    }
}

/// A name of another's schema, fit to be shown.
fn named(name: &str) -> String {
    format!("field `{}`", crate::printable(name, 100))
}
