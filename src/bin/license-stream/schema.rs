//! `license-stream schema`

use std::io::Write;

use license_stream::schema;

use crate::args::{SchemaArgs, SchemaForm};
use crate::exit::Exit;
use crate::listing::Listing;
use crate::run;

pub(crate) fn run(args: &SchemaArgs) -> anyhow::Result<Exit> {
    let text = match args.form {
        SchemaForm::Arrow => schema::arrow_text(),
        SchemaForm::Parquet => schema::parquet_text(),
        SchemaForm::Avro => schema::LICENSE_AVRO.to_owned(),
        SchemaForm::Protobuf => schema::LICENSE_PROTOBUF.to_owned(),
        SchemaForm::JsonSchema => schema::LICENSE_JSON_SCHEMA.to_owned(),
        SchemaForm::JsonNormalized => schema::LICENSE_NORMALIZED_JSON_SCHEMA.to_owned(),
        SchemaForm::Pipeline => run::schema::text()?,
    };
    Listing::begin().write_all(text.as_bytes())?;
    Ok(Exit::Done)
}
