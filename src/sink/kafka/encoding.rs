//! Values that are encoded anew.

use super::KafkaOptions;
use crate::encode::{EncodeOptions, Format};

/// How licenses are encoded that do not go into a topic as they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoding {
    /// The format.
    pub format: Format,
    /// The id of the schema in a registry, for the header of Confluent's wire format; without it, values
    /// are bare. It is for all topics of the sink: [`KafkaOptions::constant_topic`] says whether there is
    /// but one.
    pub schema_id: Option<u32>,
    /// Whether a record is rejected in which a known field has a value that the format has no place for.
    /// Otherwise the field is null, and the value is kept in `_extra`.
    pub strict: bool,
}

impl Encoding {
    /// Bare values of `format`, in which what has no place is kept in `_extra`.
    pub fn new(format: Format) -> Self {
        Self { format, schema_id: None, strict: false }
    }

    pub(super) fn options(self, kafka: &KafkaOptions) -> EncodeOptions {
        EncodeOptions {
            format: self.format,
            schema_id: self.schema_id,
            account: kafka.account.clone(),
            snapshot_id: kafka.snapshot_id.clone(),
            limits: kafka.limits,
            strict: self.strict,
        }
    }
}

/// The media type of values. Behind the header of the wire format, it is that of the rest.
pub(super) fn media_type(encoding: Option<Encoding>) -> &'static str {
    match encoding.map(|encoding| encoding.format) {
        None | Some(Format::Json) => "application/json",
        Some(Format::Avro) => "application/avro",
        Some(Format::Protobuf) => "application/protobuf",
    }
}
