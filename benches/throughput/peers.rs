//! The same work, done by others.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Schema, SchemaRef};
use serde::Deserialize;

use crate::corpus::Corpus;

/// Checks a record with serde_json and answers its id.
pub(crate) fn serde_json_id(record: &[u8]) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Identified<'a> {
        #[serde(borrow)]
        id: Cow<'a, str>,
    }
    serde_json::from_slice::<Identified<'_>>(record).ok().map(|record| record.id)
}

/// A license whose text is that of the record where it has no escapes.
#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "it is made, and that is what is measured")]
pub(crate) struct License<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    assigned_quantity: Option<f64>,
    available_quantity: Option<f64>,
    #[serde(borrow, default)]
    created_at: Option<&'a str>,
    #[serde(borrow, default)]
    currency: Option<&'a str>,
    #[serde(borrow, default)]
    description: Option<Cow<'a, str>>,
    is_paid: Option<bool>,
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    products: Option<Vec<Product<'a>>>,
    #[serde(borrow, default)]
    remote_data: Option<sonic_rs::LazyValue<'a>>,
    #[serde(borrow, default)]
    roles: Option<Vec<Role<'a>>>,
    #[serde(borrow, default)]
    status: Option<&'a str>,
    unit_amount: Option<f64>,
    #[serde(borrow, default)]
    updated_at: Option<&'a str>,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "it is made, and that is what is measured")]
struct Product<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    status: Option<&'a str>,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "it is made, and that is what is measured")]
struct Role<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
}

/// More than a block of 1 MiB has.
const BATCH_ROWS: usize = 8192;

/// As much of a license as arrow-json can decode. It makes no text of an object, so it reads over
/// `remote_data`; and it knows UTC only by its offset.
pub(crate) fn arrow_json_schema() -> SchemaRef {
    let schema = license_stream::License::schema();
    let fields = schema.fields().iter().filter(|field| field.name() != "remote_data");
    let fields = fields.map(|field| match field.data_type() {
        DataType::Timestamp(unit, Some(_)) => {
            let utc = DataType::Timestamp(*unit, Some("+00:00".into()));
            Arc::new(field.as_ref().clone().with_data_type(utc))
        }
        _ => Arc::clone(field),
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The corpus as batches of arrow-json, one a block, as ours are.
pub(crate) fn arrow_json(corpus: &Corpus, schema: &SchemaRef) -> impl Iterator<Item = RecordBatch> {
    let mut decoder = arrow_json::ReaderBuilder::new(schema.clone())
        .with_batch_size(BATCH_ROWS)
        .build_decoder()
        .expect("the decoder knows all types of the schema");
    corpus.blocks.iter().map(move |block| {
        let read = decoder.decode(block.bytes()).expect("licenses are JSON");
        assert_eq!(read, block.bytes().len());
        decoder.flush().expect("licenses fit the schema").expect("no block is empty")
    })
}
