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

use crate::decode::{
    Candidate, CheckedBlock, Fault, Fit, Good, Limits, Read, Row, Rows, Taken, Unexpected, Unfit,
};
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
    fn fit(self, strict: bool) -> Fit {
        match self {
            // RFC 3339 knows years of four digits.
            Self::Json => Fit {
                times: Timestamp::YEAR_0.as_micros()..=Timestamp::YEAR_9999_END.as_micros(),
                any_remote_data: false,
                strict,
            },
            // Those of google.protobuf.Timestamp; and those that readers of Avro have who make a date of it, as Python's do: one
            // that they have not would keep them from all that is behind it.
            Self::Avro | Self::Protobuf => Fit {
                times: Timestamp::YEAR_1.as_micros()..=Timestamp::YEAR_9999_END.as_micros(),
                any_remote_data: true,
                strict,
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
    /// Whether a record is rejected in which a known field has a value that the format has no place for.
    /// Otherwise the field is null, and the value is kept in `_extra`.
    pub strict: bool,
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
            strict: false,
        }
    }
}

/// A block with the licenses in it, encoded.
#[derive(Clone, Debug)]
pub struct EncodedBlock {
    checked: CheckedBlock,
    values: Values,
}

/// The values of a block's licenses.
#[derive(Clone, Debug)]
pub(crate) struct Values {
    bytes: Vec<u8>,
    /// Where in `bytes` each ends.
    ends: Vec<usize>,
    unexpected: Unexpected,
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
        on_reject: impl FnMut(Reject) -> ControlFlow<()>,
    ) -> Self {
        let (checked, values) = Self::encode_by(block, options, |_| Ok(()), on_reject);
        Self { checked, values }
    }

    /// The same with a say in what is taken: `admit` is asked of each license once it is encoded, in the
    /// order of the body.
    pub(crate) fn encode_by(
        block: Block,
        options: &EncodeOptions,
        admit: impl FnMut(Candidate<'_>) -> Result<(), Unfit>,
        on_reject: impl FnMut(Reject) -> ControlFlow<()>,
    ) -> (CheckedBlock, Values) {
        let mut encoder = Encoder::new(&block, options);
        let taken = Taken::of(&block, &mut encoder, admit, on_reject);
        let values = encoder.values();
        (CheckedBlock::of(block, taken), values)
    }

    /// How many licenses it holds.
    pub fn len(&self) -> usize {
        self.checked.len()
    }

    /// Whether it holds no license.
    pub fn is_empty(&self) -> bool {
        self.checked.is_empty()
    }

    /// The licenses in the order of the body.
    pub fn records(&self) -> impl Iterator<Item = EncodedRecord<'_>> {
        self.checked.records().enumerate().map(|(index, record)| EncodedRecord {
            id: record.id,
            value: self.values.get(index),
            raw: record.raw,
        })
    }

    /// What the records say that their format has no field for, and that went to `_extra`.
    pub fn unexpected(&self) -> &Unexpected {
        self.values.unexpected()
    }
}

impl Values {
    /// The value of the license of this index.
    #[inline]
    pub(crate) fn get(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[index]]
    }

    pub(crate) fn unexpected(&self) -> &Unexpected {
        &self.unexpected
    }
}

/// Encodes the records of one block.
struct Encoder<'o, 'a> {
    options: &'o EncodeOptions,
    header: Option<Header>,
    rows: Rows<'a>,
    values: Values,
}

impl<'o> Encoder<'o, '_> {
    fn new(block: &Block, options: &'o EncodeOptions) -> Self {
        Self {
            options,
            header: options.schema_id.map(|id| Header::new(options.format, id)),
            rows: Rows::new(options.format.fit(options.strict)),
            values: Values {
                bytes: Vec::with_capacity(block.bytes().len()),
                ends: Vec::with_capacity(block.len()),
                unexpected: Unexpected::default(),
            },
        }
    }

    /// The values of what was taken.
    fn values(mut self) -> Values {
        self.values.bytes.truncate(self.end());
        self.values
    }

    /// Where the values of what was taken end.
    fn end(&self) -> usize {
        self.values.ends.last().copied().unwrap_or_default()
    }
}

impl<'a> Read<'a> for Encoder<'_, 'a> {
    fn read(&mut self, record: &'a [u8], known: Option<&'a str>) -> Result<Good<'a>, Fault> {
        let start = self.end();
        let row = self.rows.read(record, known, &self.options.limits)?;
        let bytes = &mut self.values.bytes;
        // What was not taken is overwritten.
        bytes.truncate(start);
        bytes.extend_from_slice(self.header.as_ref().map_or(&[], Header::bytes));
        self.options.format.write(&row, self.options, bytes);
        let value_len = bytes.len() - start;
        Ok(Good { id: row.id, value_len })
    }

    fn take(&mut self) {
        self.values.ends.push(self.values.bytes.len());
        self.rows.count(&mut self.values.unexpected);
    }
}
