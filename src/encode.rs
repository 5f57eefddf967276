//! Licenses anew, in the formats that `schemas/` describes: Avro, Protobuf, and JSON in one spelling.
//!
//! Records are written straight from the bytes that were checked, without a value a record in between,
//! and every value arrives as the [columns](crate::License) have it: what fits no field stands in
//! `_extra`. Like decoding, encoding does no I/O.
//!
//! ```
//! use std::ops::ControlFlow;
//!
//! use license_stream::encode::{EncodeOptions, EncodedBlock, Format};
//! use license_stream::frame::{Framer, FramerOptions};
//!
//! let mut framer = Framer::new(FramerOptions::default());
//! framer.push("{\"tier\":3, \"name\":\"T\\u0065am\", \"id\":\"a\", \"unit_amount\":1.50}\n".into());
//! let block = framer.next_block()?.expect("a whole record");
//!
//! let options = EncodeOptions::new(Format::Json);
//! let encoded = EncodedBlock::encode(block, &options, |_| ControlFlow::Break(()));
//! let record = encoded.records().next().expect("a license");
//! let json = br#"{"id":"a","name":"Team","unit_amount":1.5,"_extra":{"tier":3}}"#;
//! assert_eq!((record.id, record.value), ("a", &json[..]));
//! # Ok::<(), license_stream::Error>(())
//! ```

mod avro;
mod json;
mod number;
mod protobuf;
#[cfg(test)]
mod tests;
mod wire;

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::decode::{Fault, Fit, Limits, Row, Rows, Unexpected};
use crate::frame::{Block, RawRecord};
use crate::reject::Reject;
use crate::timestamp::Timestamp;
use wire::Header;

/// What a record becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// A JSON object by [`LICENSE_NORMALIZED_JSON_SCHEMA`](crate::schema::LICENSE_NORMALIZED_JSON_SCHEMA):
    /// the fields that are not null in the schema's order, without white space; numbers and text spelled
    /// as RFC 8785 has it, save that -0 keeps its sign; times in UTC.
    Json,
    /// Avro's binary encoding by [`LICENSE_AVRO`](crate::schema::LICENSE_AVRO).
    Avro,
    /// Protobuf's by [`LICENSE_PROTOBUF`](crate::schema::LICENSE_PROTOBUF).
    Protobuf,
}

impl Format {
    fn fit(self) -> Fit {
        match self {
            // RFC 3339 knows years of four digits.
            Self::Json => Fit {
                times: Timestamp::YEAR_0.as_micros()..=Timestamp::YEAR_9999_END.as_micros(),
                any_remote_data: false,
            },
            Self::Avro => Fit { times: i64::MIN..=i64::MAX, any_remote_data: true },
            // Those of google.protobuf.Timestamp.
            Self::Protobuf => Fit {
                times: Timestamp::YEAR_1.as_micros()..=Timestamp::YEAR_9999_END.as_micros(),
                any_remote_data: true,
            },
        }
    }

    fn write(self, row: &Row<'_, '_>, options: &EncodeOptions, values: &mut Vec<u8>) {
        match self {
            Self::Json => json::write(row, options, values),
            Self::Avro => avro::write(row, options, values),
            Self::Protobuf => protobuf::write(row, options, values),
        }
    }
}

/// How an [`EncodedBlock`] is made, and what is added to its records.
#[derive(Clone, Debug)]
pub struct EncodeOptions {
    /// The format.
    pub format: Format,
    /// The schema's id in a registry. With it each value begins with the header of Confluent's wire
    /// format; without, it is the bare record.
    pub schema_id: Option<u32>,
    /// Value of `_integrated_account_id`; null if it is not known.
    pub account: Option<Arc<str>>,
    /// Value of `_snapshot_id`; null if there is none.
    pub snapshot_id: Option<Arc<str>>,
    /// Limits of a record.
    pub limits: Limits,
}

impl EncodeOptions {
    /// Bare records of `format`, and defaults for everything else.
    pub fn new(format: Format) -> Self {
        Self {
            format,
            schema_id: None,
            account: None,
            snapshot_id: None,
            limits: Limits::default(),
        }
    }
}

/// A block with the licenses in it, encoded.
#[derive(Clone, Debug)]
pub struct EncodedBlock {
    block: Block,
    licenses: Vec<Encoded>,
    ids: String,
    values: Vec<u8>,
    unexpected: Unexpected,
}

/// Where a license's parts are.
#[derive(Clone, Copy, Debug)]
struct Encoded {
    /// Index among the block's records.
    index: u32,
    id_end: u32,
    value_end: usize,
}

/// A license that was encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncodedRecord<'a> {
    /// Its `id`, escapes undone; never empty.
    pub id: &'a str,
    /// It in the format that was asked for.
    pub value: &'a [u8],
    /// The bytes as they came, and where they stood.
    pub raw: RawRecord<'a>,
}

impl EncodedBlock {
    /// Encodes the licenses of `block`; what is no license goes to `on_reject`, which may end the reading
    /// there.
    pub fn encode(
        block: Block,
        options: &EncodeOptions,
        mut on_reject: impl FnMut(Reject) -> ControlFlow<()>,
    ) -> Self {
        let header = options.schema_id.map(|id| Header::new(options.format, id));
        let mut licenses = Vec::with_capacity(block.len());
        let mut ids = String::with_capacity(block.len() * 40);
        let mut values = Vec::with_capacity(block.bytes().len());
        let mut unexpected = Unexpected::default();
        let mut rows = Rows::new(options.format.fit());
        let bytes = block.bytes();
        let text = std::str::from_utf8(bytes).ok();
        for index in 0..block.len() {
            let range = block.range(index);
            let known = text.map(|text| &text[range.start..]);
            match rows.read(&bytes[range], known, &options.limits, &mut unexpected) {
                Ok(row) => {
                    values.extend_from_slice(header.as_ref().map_or(&[], Header::bytes));
                    options.format.write(&row, options, &mut values);
                    ids.push_str(&row.id);
                    licenses.push(Encoded {
                        index: index as u32,
                        id_end: ids.len() as u32,
                        value_end: values.len(),
                    });
                }
                Err(fault) => {
                    if on_reject(reject(&block, index, fault)).is_break() {
                        break;
                    }
                }
            }
        }
        drop(rows);
        Self { block, licenses, ids, values, unexpected }
    }

    /// How many licenses it holds.
    pub fn len(&self) -> usize {
        self.licenses.len()
    }

    /// Whether it holds no license.
    pub fn is_empty(&self) -> bool {
        self.licenses.is_empty()
    }

    /// The licenses in the order of the body.
    pub fn records(&self) -> impl Iterator<Item = EncodedRecord<'_>> {
        let (mut id_start, mut value_start) = (0, 0);
        self.licenses.iter().map(move |license| {
            let id = &self.ids[id_start..license.id_end as usize];
            let value = &self.values[value_start..license.value_end];
            (id_start, value_start) = (license.id_end as usize, license.value_end);
            EncodedRecord { id, value, raw: self.block.raw(license.index as usize) }
        })
    }

    /// What the records say that their format has no field for, and that went to `_extra`.
    pub fn unexpected(&self) -> &Unexpected {
        &self.unexpected
    }
}

fn reject(block: &Block, index: usize, fault: Fault) -> Reject {
    let bytes = block.record_bytes(index).unwrap_or_default();
    fault.into_reject(block.position(index), bytes)
}
