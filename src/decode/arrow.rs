//! Records into Arrow `RecordBatch`es, by the schema of a license.
//!
//! ```
//! use std::ops::ControlFlow;
//!
//! use license_stream::decode::arrow::{BatchOptions, LicenseBatchBuilder};
//! use license_stream::frame::{Framer, FramerOptions};
//!
//! let mut framer = Framer::new(FramerOptions::default());
//! framer.push("{\"id\":\"a\",\"is_paid\":true}\n{\"id\":}\n{\"id\":\"b\"}\n".into());
//!
//! let mut builder = LicenseBatchBuilder::new(BatchOptions::default());
//! let mut rejects = Vec::new();
//! while let Some(block) = framer.next_block()? {
//!     builder.append(&block, |reject| {
//!         rejects.push(reject);
//!         ControlFlow::Continue(())
//!     });
//! }
//! let batch = builder.flush();
//! assert_eq!(batch.num_rows(), 2);
//! assert_eq!(rejects[0].position.line, 2);
//! # Ok::<(), license_stream::Error>(())
//! ```

mod column;
mod schema;
mod unexpected;

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow_array::builder::{
    BooleanBuilder, Float64Builder, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::SchemaRef;

use super::fields::{Fields, field};
use super::text::without_lone_surrogates;
use super::{Fault, Limits};
use crate::frame::Block;
use crate::license::{License, Product, Role};
use crate::reject::Reject;
use column::{ListColumn, append_bool, append_number, append_text, append_time};
pub use unexpected::Unexpected;

/// How a [`LicenseBatchBuilder`] reads, and what it adds.
#[derive(Clone, Debug, Default)]
pub struct BatchOptions {
    /// Value of the column `_integrated_account_id`; null if it is not known.
    pub account: Option<Arc<str>>,
    /// Value of the column `_snapshot_id`; null if there is none.
    pub snapshot_id: Option<Arc<str>>,
    /// Limits of a record.
    pub limits: Limits,
    /// Whether a record is rejected in which a known field has a value of an unexpected type.
    /// Otherwise its column is null, and the value is kept in `_extra`.
    pub strict: bool,
}

/// Decodes records straight into the columns of [`License::schema`], without a value in between.
///
/// Rows gather until [`flush`](Self::flush) makes a batch of them: after each block, after so many
/// rows, whenever it suits. The [module](self) has an example.
#[derive(Debug)]
pub struct LicenseBatchBuilder {
    options: BatchOptions,
    schema: SchemaRef,
    rows: usize,
    columns: Columns,
    unexpected: Unexpected,
}

#[derive(Debug)]
struct Columns {
    id: StringBuilder,
    assigned_quantity: Float64Builder,
    available_quantity: Float64Builder,
    created_at: TimestampMicrosecondBuilder,
    currency: StringBuilder,
    description: StringBuilder,
    is_paid: BooleanBuilder,
    name: StringBuilder,
    products: ListColumn<{ Product::FIELDS.len() }>,
    remote_data: StringBuilder,
    roles: ListColumn<{ Role::FIELDS.len() }>,
    status: StringBuilder,
    unit_amount: Float64Builder,
    updated_at: TimestampMicrosecondBuilder,
    extra: StringBuilder,
    /// The members of the row's `_extra` gathered so far.
    members: String,
}

impl LicenseBatchBuilder {
    /// An empty builder.
    pub fn new(options: BatchOptions) -> Self {
        Self {
            options,
            schema: License::schema(),
            rows: 0,
            columns: Columns::new(),
            unexpected: Unexpected::default(),
        }
    }

    /// Rows appended since the last [`flush`](Self::flush).
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether no row was appended since the last [`flush`](Self::flush).
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Appends the licenses of a block, in order; what is no license goes to `on_reject`, which may
    /// end the reading there. Of a reject no column has anything.
    ///
    /// A batch takes less than 2 GiB of text a column, which bounds the bytes appended before a
    /// flush: blocks of the default limits are far below it.
    pub fn append(&mut self, block: &Block, mut on_reject: impl FnMut(Reject) -> ControlFlow<()>) {
        let mut fields = Fields::new();
        // One pass over the whole block costs less than one a record. A block is only then not
        // UTF-8 when one of its records is not, and that one must be found.
        let text = std::str::from_utf8(block.bytes()).ok();
        for (index, record) in block.records().enumerate() {
            let scanned = match text {
                Some(text) => {
                    let range = block.range(index);
                    fields.scan_str(&text[range.start..], range.len(), &self.options.limits)
                }
                None => fields.scan(record.bytes, &self.options.limits),
            };
            if let Err(fault) = scanned.and_then(|()| self.push(&fields)) {
                let bytes = block.record_bytes(index).unwrap_or_default();
                if on_reject(fault.into_reject(record.position, bytes)).is_break() {
                    return;
                }
            }
        }
    }

    /// The rows appended since the last flush, as one batch of [`License::schema`].
    pub fn flush(&mut self) -> RecordBatch {
        let rows = std::mem::take(&mut self.rows);
        let arrays = self.columns.finish(&self.options, rows);
        RecordBatch::try_new(Arc::clone(&self.schema), arrays)
            .expect("every column was appended to once a row, with its type of the schema")
    }

    /// The counts since the last call.
    pub fn take_unexpected(&mut self) -> Unexpected {
        std::mem::take(&mut self.unexpected)
    }

    fn push(&mut self, fields: &Fields<'_>) -> Result<(), Fault> {
        let id = fields.id()?;
        if self.options.strict {
            unexpected::check(fields)?;
        }
        self.columns.push(&id, fields, &mut self.unexpected);
        self.rows += 1;
        Ok(())
    }
}

impl Columns {
    fn new() -> Self {
        let time = || TimestampMicrosecondBuilder::new().with_timezone(schema::UTC);
        Self {
            id: StringBuilder::new(),
            assigned_quantity: Float64Builder::new(),
            available_quantity: Float64Builder::new(),
            created_at: time(),
            currency: StringBuilder::new(),
            description: StringBuilder::new(),
            is_paid: BooleanBuilder::new(),
            name: StringBuilder::new(),
            products: ListColumn::new(),
            remote_data: StringBuilder::new(),
            roles: ListColumn::new(),
            status: StringBuilder::new(),
            unit_amount: Float64Builder::new(),
            updated_at: time(),
            extra: StringBuilder::new(),
            members: String::new(),
        }
    }

    fn push(&mut self, id: &str, fields: &Fields<'_>, unexpected: &mut Unexpected) {
        self.id.append_value(id);
        self.members.clear();
        let mut keep = |index: usize, fits: bool| {
            if let (false, Some(value)) = (fits, fields.get(index)) {
                unexpected.count(index);
                push_member(&mut self.members, License::FIELDS[index], value.raw);
            }
        };
        macro_rules! append {
            ($($append:ident: $($column:ident = $field:ident),*;)*) => {$($(
                keep(field::$field, $append(&mut self.$column, fields.get(field::$field)));
            )*)*};
        }
        append! {
            append_number: assigned_quantity = ASSIGNED_QUANTITY,
                available_quantity = AVAILABLE_QUANTITY, unit_amount = UNIT_AMOUNT;
            append_time: created_at = CREATED_AT, updated_at = UPDATED_AT;
            append_text: currency = CURRENCY, description = DESCRIPTION, name = NAME,
                status = STATUS;
            append_bool: is_paid = IS_PAID;
        }
        let products = self.products.append(fields.get(field::PRODUCTS), &fields.products);
        keep(field::PRODUCTS, products);
        let roles = self.roles.append(fields.get(field::ROLES), &fields.roles);
        keep(field::ROLES, roles);
        let remote_data = fields.get(field::REMOTE_DATA).map(|value| value.raw);
        self.remote_data.append_option(remote_data.map(without_lone_surrogates));
        for (name, value) in &fields.unknown {
            unexpected.count_unknown(name.raw());
            push_member(&mut self.members, name.raw(), value);
        }
        if self.members.is_empty() {
            self.extra.append_null();
        } else {
            self.members.push('}');
            self.extra.append_value(without_lone_surrogates(&self.members));
        }
    }

    fn finish(&mut self, options: &BatchOptions, rows: usize) -> Vec<ArrayRef> {
        vec![
            Arc::new(self.id.finish()),
            Arc::new(self.assigned_quantity.finish()),
            Arc::new(self.available_quantity.finish()),
            Arc::new(self.created_at.finish()),
            Arc::new(self.currency.finish()),
            Arc::new(self.description.finish()),
            Arc::new(self.is_paid.finish()),
            Arc::new(self.name.finish()),
            self.products.finish(schema::product_fields()),
            Arc::new(self.remote_data.finish()),
            self.roles.finish(schema::role_fields()),
            Arc::new(self.status.finish()),
            Arc::new(self.unit_amount.finish()),
            Arc::new(self.updated_at.finish()),
            column::constant(options.account.as_deref(), rows),
            column::constant(options.snapshot_id.as_deref(), rows),
            Arc::new(self.extra.finish()),
        ]
    }
}

/// Adds a member to an object whose closing brace is still missing. `name` is escaped already.
fn push_member(object: &mut String, name: &str, value: &str) {
    object.push_str(if object.is_empty() { "{\"" } else { ",\"" });
    object.push_str(name);
    object.push_str("\":");
    object.push_str(value);
}
