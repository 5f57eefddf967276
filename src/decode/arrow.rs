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
mod projection;
pub(crate) mod remote;
mod schema;

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};

use super::fields::{Fields, field};
use super::json::{Kind, Value};
use super::read::{as_bool, as_number, as_time};
use super::row::push_member;
use super::text::without_lone_surrogates;
pub use super::unexpected::Unexpected;
use super::{Fault, Limits, block_text, strict};
use crate::frame::Block;
use crate::license::{License, Product, Role};
use crate::reject::Reject;
use column::{BoolColumn, ListColumn, NumberColumn, SHORT, TextColumn, TimeColumn};
pub use projection::Projection;
pub use remote::RemoteSchema;

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
    /// The columns that batches have.
    pub projection: Projection,
}

/// Decodes records straight into the columns of [`License::schema`], without a value in between.
///
/// Rows gather until [`flush`](Self::flush) makes a batch of them: after each block, after so many
/// rows, whenever it suits. The [module](self) has an example.
#[derive(Debug)]
pub struct LicenseBatchBuilder {
    options: BatchOptions,
    rows: usize,
    columns: Columns,
    unexpected: Unexpected,
}

#[derive(Debug)]
struct Columns {
    id: TextColumn,
    assigned_quantity: NumberColumn,
    available_quantity: NumberColumn,
    created_at: TimeColumn,
    currency: TextColumn,
    description: TextColumn,
    is_paid: BoolColumn,
    name: TextColumn,
    products: ListColumn<{ Product::FIELDS.len() }>,
    remote_data: TextColumn,
    roles: ListColumn<{ Role::FIELDS.len() }>,
    status: TextColumn,
    unit_amount: NumberColumn,
    updated_at: TimeColumn,
    extra: TextColumn,
    /// The members of the row's `_extra` gathered so far.
    members: String,
    /// Whether `remote_data` is copied, which is most of the bytes.
    has_remote_data: bool,
}

impl LicenseBatchBuilder {
    /// An empty builder.
    pub fn new(options: BatchOptions) -> Self {
        let columns = Columns::new(options.projection.contains("remote_data"));
        Self { options, rows: 0, columns, unexpected: Unexpected::default() }
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
        self.columns.reserve(block);
        let text = block_text(block.bytes());
        for index in 0..block.len() {
            let range = block.range(index);
            let limits = &self.options.limits;
            let scanned = match text {
                Some(text) => fields.scan_str(&text[range.start..], range.len(), limits),
                None => fields.scan(&block.bytes()[range], limits),
            };
            if let Err(fault) = scanned.and_then(|()| self.push(&fields)) {
                let bytes = block.record_bytes(index).unwrap_or_default();
                if on_reject(fault.into_reject(block.position(index), bytes)).is_break() {
                    return;
                }
            }
        }
    }

    /// The rows appended since the last flush, as one batch of the columns that are wanted.
    pub fn flush(&mut self) -> RecordBatch {
        let rows = std::mem::take(&mut self.rows);
        let projection = &self.options.projection;
        let arrays = projection.pick(self.columns.finish(&self.options, rows));
        RecordBatch::try_new(Arc::clone(projection.schema()), arrays)
            .expect("every column was appended to once a row, with its type of the schema")
    }

    /// The counts since the last call.
    pub fn take_unexpected(&mut self) -> Unexpected {
        std::mem::take(&mut self.unexpected)
    }

    fn push(&mut self, fields: &Fields<'_>) -> Result<(), Fault> {
        let id = fields.id()?;
        if self.options.strict {
            strict::check(fields)?;
        }
        self.columns.push(&id, fields, &mut self.unexpected);
        self.rows += 1;
        Ok(())
    }
}

impl Columns {
    fn new(has_remote_data: bool) -> Self {
        Self {
            id: TextColumn::new(),
            assigned_quantity: NumberColumn::default(),
            available_quantity: NumberColumn::default(),
            created_at: TimeColumn::default(),
            currency: TextColumn::new(),
            description: TextColumn::new(),
            is_paid: BoolColumn::default(),
            name: TextColumn::new(),
            products: ListColumn::new(),
            remote_data: TextColumn::new(),
            roles: ListColumn::new(),
            status: TextColumn::new(),
            unit_amount: NumberColumn::default(),
            updated_at: TimeColumn::default(),
            extra: TextColumn::new(),
            members: String::new(),
            has_remote_data,
        }
    }

    /// Makes room for the licenses of a block: a guess, so that columns seldom grow in steps.
    fn reserve(&mut self, block: &Block) {
        let rows = block.len();
        for (column, bytes) in [
            (&mut self.id, 40),
            (&mut self.currency, 4),
            (&mut self.description, SHORT),
            (&mut self.name, 2 * SHORT),
            (&mut self.status, SHORT),
        ] {
            column.reserve(rows, rows * bytes);
        }
        // Much of what a provider says of a license is in its own words.
        let remote_bytes = if self.has_remote_data { block.bytes().len() / 2 } else { 0 };
        self.remote_data.reserve(rows, remote_bytes);
        self.extra.reserve(rows, 0);
        self.is_paid.reserve(rows);
        self.products.reserve(rows);
        self.roles.reserve(rows);
        for column in
            [&mut self.assigned_quantity, &mut self.available_quantity, &mut self.unit_amount]
        {
            column.reserve(rows);
        }
        self.created_at.reserve(rows);
        self.updated_at.reserve(rows);
    }

    fn push(&mut self, id: &str, fields: &Fields<'_>, unexpected: &mut Unexpected) {
        self.id.push(Some(id));
        self.members.clear();
        let mut keep = |index: usize, value: Value<'_>| {
            unexpected.count(index);
            push_member(&mut self.members, License::FIELDS[index], value.raw());
        };
        // What a column cannot say of a value is kept beside it.
        macro_rules! push {
            ($($read:ident: $($column:ident = $field:ident),*;)*) => {$($({
                let value = fields.get(field::$field);
                let read = value.and_then($read);
                self.$column.push(read);
                if let (None, Some(value)) = (read, value) {
                    keep(field::$field, value);
                }
            })*)*};
        }
        macro_rules! push_text {
            ($($column:ident = $field:ident),*) => {$({
                let value = fields.get(field::$field);
                let is_text = self.$column.push_decoded(value.and_then(Value::as_text));
                if let (false, Some(value)) = (is_text, value) {
                    keep(field::$field, value);
                }
            })*};
        }
        macro_rules! push_list {
            ($($column:ident = $field:ident),*) => {$({
                let value = fields.get(field::$field);
                let list = &fields.$column;
                self.$column.push(value.filter(|value| value.kind() == Kind::Array).map(|_| list));
                if let (false, Some(value)) = (list.fits && !list.has_more, value) {
                    keep(field::$field, value);
                }
            })*};
        }
        push! {
            as_number: assigned_quantity = ASSIGNED_QUANTITY,
                available_quantity = AVAILABLE_QUANTITY, unit_amount = UNIT_AMOUNT;
            as_time: created_at = CREATED_AT, updated_at = UPDATED_AT;
            as_bool: is_paid = IS_PAID;
        }
        push_text!(currency = CURRENCY, description = DESCRIPTION, name = NAME, status = STATUS);
        push_list!(products = PRODUCTS, roles = ROLES);
        match fields.get(field::REMOTE_DATA).filter(|_| self.has_remote_data) {
            Some(value) if fields.is_escaped => {
                self.remote_data.push(Some(&without_lone_surrogates(value.raw())));
            }
            value => self.remote_data.push(value.map(Value::raw)),
        }
        for (name, value) in &fields.unknown {
            unexpected.count_unknown(*name);
            push_member(&mut self.members, name.raw(), value);
        }
        if self.members.is_empty() {
            self.extra.push(None);
        } else {
            self.members.push('}');
            self.extra.push(Some(&without_lone_surrogates(&self.members)));
        }
    }

    fn finish(&mut self, options: &BatchOptions, rows: usize) -> Vec<ArrayRef> {
        vec![
            self.id.finish(),
            self.assigned_quantity.finish(),
            self.available_quantity.finish(),
            self.created_at.finish(),
            self.currency.finish(),
            self.description.finish(),
            self.is_paid.finish(),
            self.name.finish(),
            self.products.finish(schema::product_fields()),
            self.remote_data.finish(),
            self.roles.finish(schema::role_fields()),
            self.status.finish(),
            self.unit_amount.finish(),
            self.updated_at.finish(),
            column::constant(options.account.as_deref(), rows),
            column::constant(options.snapshot_id.as_deref(), rows),
            self.extra.finish(),
        ]
    }
}
