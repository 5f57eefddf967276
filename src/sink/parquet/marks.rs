//! The mark of JSON text in Arrow's schemas, its extension type. The writer of Parquet goes by it; files and streams have
//! none.

use std::sync::Arc;

use arrow_schema::extension::{EXTENSION_TYPE_METADATA_KEY, EXTENSION_TYPE_NAME_KEY, Json};
use arrow_schema::{FieldRef, Fields, Schema};

/// `schema` without marks: text, as readers take it who know no extension type. Polars 2 and pyarrow's functions find
/// nothing to do with one.
pub(in crate::sink) fn plain(schema: &Schema) -> Schema {
    let unmarked = |field: &FieldRef| -> FieldRef {
        let mut metadata = field.metadata().clone();
        metadata.remove(EXTENSION_TYPE_NAME_KEY);
        metadata.remove(EXTENSION_TYPE_METADATA_KEY);
        Arc::new(field.as_ref().clone().with_metadata(metadata))
    };
    let fields: Fields = schema.fields().iter().map(unmarked).collect();
    Schema::new_with_metadata(fields, schema.metadata().clone())
}

/// `schema` with a mark at each column of JSON.
pub(super) fn with_json(schema: &Schema, is_json: impl Fn(&str) -> bool) -> Schema {
    let marked = |field: &FieldRef| match is_json(field.name()) {
        true => Arc::new(field.as_ref().clone().with_extension_type(Json::default())),
        false => Arc::clone(field),
    };
    let fields: Fields = schema.fields().iter().map(marked).collect();
    Schema::new_with_metadata(fields, schema.metadata().clone())
}
