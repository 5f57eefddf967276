//! What a checkpoint says of how files are laid out.

use license_stream::checkpoint::Identity;
use license_stream::digest::Digester;
use license_stream::sink::parquet::{FileFormat, ParquetOptions, RemoteData, SortColumn};

/// What a snapshot's files must have in common: which rows each has, in which columns and order. How they are
/// encoded is each file's own affair, and so is where its row groups end.
pub(super) fn layout(identity: Identity, options: &ParquetOptions) -> Identity {
    let mut identity = identity.with("file_bytes", options.file_bytes);
    // What is not asked for is not named: checkpoints are then those of versions that did not know it.
    if options.format == FileFormat::Arrow {
        identity = identity.with("as", "arrow");
    }
    if !options.columns.is_all() {
        let fields = options.columns.schema().fields().iter();
        let names: Vec<_> = fields.map(|field| field.name().as_str()).collect();
        identity = identity.with("columns", names.join(","));
    }
    match &options.remote_data {
        RemoteData::Json => {}
        RemoteData::Infer => identity = identity.with("remote_data", "infer"),
        RemoteData::Typed(schema) => {
            // A digest, as it may be long.
            let mut digester = Digester::default();
            digester.update(schema.to_json_schema().as_bytes());
            identity = identity.with("remote_data_schema", digester.digest());
        }
    }
    if !options.roll.is_never() {
        identity = identity.with("roll", options.roll);
    }
    if !options.partition_by.is_empty() {
        let fields: Vec<_> = options.partition_by.iter().map(ToString::to_string).collect();
        identity = identity.with("partition_by", fields.join(","));
    }
    if !options.sort_by.is_empty() {
        let column = |column: &SortColumn| {
            format!("{}{}", column.name, if column.is_descending { ":desc" } else { "" })
        };
        let order: Vec<_> = options.sort_by.iter().map(column).collect();
        identity = identity.with("sort_by", order.join(","));
    }
    identity
}
