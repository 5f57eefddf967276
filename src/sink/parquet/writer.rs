//! What rows are encoded with, in the format of their file.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufWriter, Write};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions};
use arrow_schema::{Schema, SchemaRef};
use arrow_select::concat::concat_batches;
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowRowGroupWriterFactory, ArrowWriterOptions,
};
use parquet::arrow::{ArrowWriter, add_encoded_arrow_schema_to_metadata};
use parquet::basic::Compression;
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;

use super::format::FileFormat;
use super::group::{Failure, RowGroup};
use super::marks::plain;
use super::open::{Destination, Form};

/// Where an Arrow file says how many rows each of its batches has, separated by commas: its footer has only where they
/// lie.
pub(super) const BATCH_ROWS: &str = "license_stream.batch_rows";

/// What appends whole row groups to a file.
pub(super) enum Writer {
    Parquet(Box<SerializedFileWriter<Destination>>),
    Arrow {
        writer: Box<FileWriter<BufWriter<Destination>>>,
        schema: SchemaRef,
        /// Of each batch.
        rows: Vec<u64>,
    },
}

/// What begins row groups of a file, also while its writer is busy with the one before.
pub(super) enum GroupFactory {
    Parquet(ArrowRowGroupWriterFactory, SchemaRef),
    Arrow,
}

/// The row group in hand.
#[derive(Debug)]
pub(super) enum OpenGroup {
    /// Encoded as it comes.
    Columns(RowGroup),
    /// To become one record batch.
    Batches(Vec<RecordBatch>),
}

/// A row group that has all of its rows.
pub(super) enum ClosedGroup {
    Columns(Vec<ArrowColumnChunk>),
    Batches(Vec<RecordBatch>),
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // That of Arrow has none.
        f.debug_struct("Writer").field("file", self.file()).finish_non_exhaustive()
    }
}

impl Writer {
    /// Begins a file.
    pub(super) fn begin(form: Form, file: Destination) -> Result<(Self, GroupFactory)> {
        let Form { format, schema, properties, .. } = form;
        match format {
            FileFormat::Parquet => {
                let columns = Arc::clone(&schema);
                let mut properties = properties;
                // Of JSON the columns' own types say that it is, which engines go by.
                add_encoded_arrow_schema_to_metadata(&plain(&schema), &mut properties);
                let options = ArrowWriterOptions::new()
                    .with_properties(properties)
                    .with_skip_arrow_metadata(true);
                let writer = ArrowWriter::try_new_with_options(file, columns, options)?;
                let (writer, factory) = writer.into_serialized_writer()?;
                Ok((Self::Parquet(Box::new(writer)), GroupFactory::Parquet(factory, schema)))
            }
            FileFormat::Arrow => {
                let options = ipc_options(&properties)?;
                // In the schema, where all readers show it.
                let pairs = properties.key_value_metadata().into_iter().flatten();
                let pairs = pairs.filter_map(|pair| Some((pair.key.clone(), pair.value.clone()?)));
                let fields = plain(&schema).fields;
                let described =
                    Schema::new_with_metadata(fields, pairs.collect::<BTreeMap<_, _>>());
                let file = BufWriter::new(file);
                let writer = FileWriter::try_new_with_options(file, &described, options)?;
                let writer = Self::Arrow { writer: Box::new(writer), schema, rows: Vec::new() };
                Ok((writer, GroupFactory::Arrow))
            }
        }
    }

    /// Where the bytes go.
    pub(super) fn file(&self) -> &Destination {
        match self {
            Self::Parquet(writer) => writer.inner(),
            Self::Arrow { writer, .. } => writer.get_ref().get_ref(),
        }
    }

    /// Bytes that the file has so far.
    pub(super) fn bytes(&self) -> u64 {
        match self {
            Self::Parquet(writer) => writer.bytes_written() as u64,
            Self::Arrow { writer, .. } => {
                writer.get_ref().get_ref().bytes() + writer.get_ref().buffer().len() as u64
            }
        }
    }

    /// Puts a row group into the file.
    pub(super) fn append(&mut self, group: ClosedGroup) -> Result<()> {
        match (self, group) {
            (Self::Parquet(writer), ClosedGroup::Columns(chunks)) => {
                let mut group = writer.next_row_group()?;
                for chunk in chunks {
                    chunk.append_to_row_group(&mut group)?;
                }
                group.close().map(drop)
            }
            (Self::Arrow { writer, schema, rows }, ClosedGroup::Batches(batches)) => {
                let batch = concat_batches(schema, &batches)?;
                rows.push(batch.num_rows() as u64);
                writer.write(&batch)?;
                // So that it is on its way to the disk.
                writer.flush().map_err(ParquetError::from)
            }
            _ => Err(ParquetError::General("a row group is of another file".to_owned())),
        }
    }

    /// Ends the file.
    pub(super) fn end(self) -> Result<Destination> {
        match self {
            Self::Parquet(writer) => writer.into_inner(),
            Self::Arrow { mut writer, rows, .. } => {
                let rows: Vec<_> = rows.iter().map(u64::to_string).collect();
                writer.write_metadata(BATCH_ROWS, rows.join(","));
                let mut file = writer.into_inner()?;
                file.flush()?;
                file.into_inner().map_err(|error| error.into_error().into())
            }
        }
    }
}

impl GroupFactory {
    /// Begins row group `number`.
    pub(super) fn begin(&self, number: usize, threads: usize) -> Result<OpenGroup> {
        match self {
            Self::Parquet(factory, schema) => {
                RowGroup::begin(factory, schema, number, threads).map(OpenGroup::Columns)
            }
            Self::Arrow => Ok(OpenGroup::Batches(Vec::new())),
        }
    }
}

impl fmt::Debug for GroupFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // That of Parquet has none.
        f.debug_struct("GroupFactory").finish_non_exhaustive()
    }
}

impl OpenGroup {
    /// Begins to encode `rows`, once those before have been.
    pub(super) async fn write(&mut self, rows: RecordBatch) -> std::result::Result<(), Failure> {
        match self {
            Self::Columns(columns) => columns.write(rows).await,
            Self::Batches(batches) => {
                batches.push(rows);
                Ok(())
            }
        }
    }

    /// All of it.
    pub(super) async fn close(self) -> std::result::Result<ClosedGroup, Failure> {
        match self {
            Self::Columns(columns) => columns.close().await.map(ClosedGroup::Columns),
            Self::Batches(batches) => Ok(ClosedGroup::Batches(batches)),
        }
    }
}

/// The codec of Arrow's format that is one of Parquet's, if there is one.
pub(super) fn ipc_options(properties: &WriterProperties) -> Result<IpcWriteOptions> {
    let options = IpcWriteOptions::default();
    Ok(match properties.compression(&ColumnPath::from("id")) {
        Compression::UNCOMPRESSED => options,
        Compression::LZ4_RAW => options.try_with_compression(Some(CompressionType::LZ4_FRAME))?,
        Compression::ZSTD(level) => {
            let options = options.try_with_compression(Some(CompressionType::ZSTD))?;
            options.try_with_compression_level(Some(level.compression_level()))?
        }
        other => {
            let message =
                format!("an Arrow file cannot be compressed with {other}: zstd, lz4 and none can");
            return Err(ParquetError::General(message));
        }
    })
}
