//! The Arrow schema of a license.

use std::sync::{Arc, LazyLock};

use arrow_schema::extension::Json;
use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};

use crate::license::{License, Product, Role};

/// The time zone of every time. The name, not `+00:00`: it is what Parquet readers make of an
/// instant, in arrow-rs as elsewhere.
pub(super) const UTC: &str = "UTC";

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let number = || DataType::Float64;
    let time = || DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into()));
    let types = [
        DataType::Utf8,
        number(),
        number(),
        time(),
        DataType::Utf8,
        DataType::Utf8,
        DataType::Boolean,
        DataType::Utf8,
        list(product_fields()),
        DataType::Utf8,
        list(role_fields()),
        DataType::Utf8,
        number(),
        time(),
    ];
    let documented = License::FIELDS.into_iter().zip(types).map(|(name, data_type)| {
        let field = Field::new(name, data_type, name != "id");
        if name == "remote_data" { json(field) } else { field }
    });
    let added = [
        Field::new("_integrated_account_id", DataType::Utf8, true),
        Field::new("_snapshot_id", DataType::Utf8, true),
        json(Field::new("_extra", DataType::Utf8, true)),
    ];
    Arc::new(Schema::new(documented.chain(added).collect::<Vec<_>>()))
});

impl License {
    /// The Arrow schema of a license: the endpoint's fields in the order of [`License::FIELDS`],
    /// then `_integrated_account_id`, `_snapshot_id` and `_extra`.
    ///
    /// Only `id` is never null. Numbers are `Float64`, times microseconds in UTC. `remote_data` and
    /// `_extra` are JSON text, marked with Arrow's canonical extension type `arrow.json`.
    pub fn schema() -> SchemaRef {
        Arc::clone(&SCHEMA)
    }
}

pub(super) fn product_fields() -> &'static Fields {
    static FIELDS: LazyLock<Fields> = LazyLock::new(|| texts(Product::FIELDS));
    &FIELDS
}

pub(super) fn role_fields() -> &'static Fields {
    static FIELDS: LazyLock<Fields> = LazyLock::new(|| texts(Role::FIELDS));
    &FIELDS
}

/// The element field of a list of objects.
pub(super) fn element(fields: &Fields) -> Field {
    Field::new(Field::LIST_FIELD_DEFAULT_NAME, DataType::Struct(fields.clone()), true)
}

fn list(fields: &Fields) -> DataType {
    DataType::List(Arc::new(element(fields)))
}

fn texts<const N: usize>(names: [&str; N]) -> Fields {
    names.into_iter().map(|name| Field::new(name, DataType::Utf8, true)).collect()
}

pub(super) fn json(field: Field) -> Field {
    field.with_extension_type(Json::default())
}
