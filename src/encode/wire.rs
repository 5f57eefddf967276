//! The header of Confluent's wire format, by which a consumer finds the schema.

use super::Format;

/// What stands before each value.
#[derive(Debug)]
pub(super) struct Header {
    bytes: [u8; 6],
    len: usize,
}

impl Header {
    pub(super) fn new(format: Format, schema_id: u32) -> Self {
        let mut bytes = [0; 6];
        bytes[1..5].copy_from_slice(&schema_id.to_be_bytes());
        let len = match format {
            Format::Json | Format::Avro => 5,
            // Which message of the schema's file it is: zero stands for the first.
            Format::Protobuf => 6,
        };
        Self { bytes, len }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}
