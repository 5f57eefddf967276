//! A file that is counted, batch by batch.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::sync::Arc;

use arrow_buffer::Buffer;
use arrow_ipc::reader::FileDecoder;
use arrow_ipc::{Block, root_as_footer};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData};
use parquet::file::reader::ChunkReader;

use super::rows::{Found, Rows, SNAPSHOT};
use crate::decode::arrow::remote::EXTRA;
use crate::error::{Error, ErrorKind, Result};
use crate::license::License;
use crate::sink::parquet::format::FileFormat;
use crate::sink::parquet::hive;
use crate::sink::parquet::inspect::{FileSummary, ipc};
use crate::sink::parquet::lake::Place;
use crate::sink::parquet::looked::Looked;
#[cfg(feature = "cloud")]
use crate::sink::parquet::object::Object;
use crate::sink::parquet::open::blocking;

/// About so many bytes, uncompressed and encoded, become a batch, and so many rows at most.
const BATCH_BYTES: u64 = 1 << 20;
const BATCH_ROWS: u64 = 8192;

/// Columns whose values are wanted; of the others, only whether there is one.
const SUMMED: [&str; 4] = ["assigned_quantity", "available_quantity", "currency", "unit_amount"];

/// Why a file cannot be counted.
enum Failure {
    Parquet(ParquetError),
    Arrow(String),
    /// The column that is missing, or of another type.
    Column(&'static str),
}

impl From<ParquetError> for Failure {
    fn from(error: ParquetError) -> Self {
        Self::Parquet(error)
    }
}

type Outcome = std::result::Result<Found, Failure>;

/// What the rows of `file` that are wanted add up to.
pub(super) async fn figures(place: &Looked, file: &FileSummary, rows: Rows) -> Result<Found> {
    let (path, bytes) = (place.path_of(&file.name), file.bytes);
    let directories = hive::partition(&file.name);
    let is_arrow = matches!(FileFormat::of(&file.name), Some((FileFormat::Arrow, _)));
    match &place.0.0 {
        Place::Directory(_) => {
            blocking(move || {
                let opened = File::open(&path).map_err(ParquetError::from);
                let counted = opened
                    .map_err(Failure::from)
                    .and_then(|file| count(file, bytes, is_arrow, &rows, &directories));
                counted.map_err(|failure| failure.of(&path))
            })
            .await
        }
        #[cfg(feature = "cloud")]
        Place::Bucket(bucket) => {
            let object = Object::of(bucket, &file.name, bytes);
            blocking(move || {
                let counted = count(object, bytes, is_arrow, &rows, &directories);
                counted.map_err(|failure| failure.of(&path))
            })
            .await
        }
    }
}

impl Failure {
    fn of(self, path: &str) -> Error {
        let input = |message: String| Error::new(ErrorKind::Input, message);
        match self {
            Self::Parquet(error) => input(format!("{path} cannot be read")).caused_by(error),
            Self::Arrow(reason) => input(format!("{path} cannot be read: {reason}")),
            Self::Column(SNAPSHOT) => input(format!(
                "{path} is of several snapshots, and has no column {SNAPSHOT} to tell their rows apart: where files \
                 are to be compacted, keep {SNAPSHOT} among --columns"
            )),
            Self::Column(name) => {
                input(format!("{path} has a column {name} of another type than is written"))
            }
        }
    }
}

fn count(
    file: impl ChunkReader + 'static,
    bytes: u64,
    is_arrow: bool,
    rows: &Rows,
    directories: &BTreeMap<String, Option<String>>,
) -> Outcome {
    match is_arrow {
        true => arrow(&file, bytes, rows, directories),
        false => parquet(file, rows, directories),
    }
}

fn parquet(
    file: impl ChunkReader + 'static,
    rows: &Rows,
    directories: &BTreeMap<String, Option<String>>,
) -> Outcome {
    let mut found = Found::new();
    // With the index of pages, each is one request.
    let options = ArrowReaderOptions::new().with_offset_index_policy(PageIndexPolicy::Optional);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options)?;
    let metadata = builder.metadata();
    let mut told = HashMap::new();
    if let Some(index) = rows.whole() {
        told = nulls(metadata);
        let count = metadata.file_metadata().num_rows().max(0) as u64;
        let figures = found.entry(index).or_default();
        for (name, nulls) in &told {
            figures.count(name, count, count.saturating_sub(*nulls));
        }
    }
    let is_wanted = |name: &str| {
        is_field(name) && !told.contains_key(name) || name == SNAPSHOT && rows.whole().is_none()
    };
    let schema = metadata.file_metadata().schema_descr_ptr();
    let roots = schema.root_schema().get_fields().iter().enumerate();
    let wanted = roots.filter(|(_, root)| is_wanted(root.name())).map(|(index, _)| index);
    let mask = ProjectionMask::roots(&schema, wanted);
    let groups = metadata.row_groups().iter();
    let columns = groups.flat_map(|group| group.columns().iter().enumerate());
    let sizes = columns.filter(|(leaf, _)| mask.leaf_included(*leaf));
    let size: u64 = sizes.map(|(_, column)| column.uncompressed_size().max(0) as u64).sum();
    let row_size = (size / metadata.file_metadata().num_rows().max(1) as u64).max(1);
    let batch_rows = (BATCH_BYTES / row_size).clamp(1, BATCH_ROWS) as usize;
    let mut directories = directories.clone();
    // A column that is in the file and in the names too counts once.
    directories.retain(|name, _| !told.contains_key(name.as_str()));
    let reader = builder.with_projection(mask).with_batch_size(batch_rows).build()?;
    for batch in reader {
        let batch = batch.map_err(ParquetError::from)?;
        rows.add(&mut found, &batch, &directories).map_err(Failure::Column)?;
    }
    Ok(found)
}

/// Whether a column is that of a field, or a part of it.
fn is_field(name: &str) -> bool {
    License::FIELDS.contains(&name) || name == EXTRA
}

/// How many nulls there are in each column whose values are not wanted, where the end of the file says it.
fn nulls(metadata: &ParquetMetaData) -> HashMap<&'static str, u64> {
    let schema = metadata.file_metadata().schema_descr();
    let count = |name: &&'static str| {
        let leaf = schema.columns().iter().position(|leaf| leaf.path().parts() == [*name])?;
        // Of a list, a null is one of its elements too.
        let chunks = metadata.row_groups().iter().map(|group| group.columns().get(leaf));
        let nulls: Option<u64> = chunks.map(|chunk| chunk?.statistics()?.null_count_opt()).sum();
        Some((*name, nulls?))
    };
    let others = License::FIELDS.iter().filter(|name| !SUMMED.contains(name));
    others.filter_map(count).collect()
}

fn arrow(
    file: &impl ChunkReader,
    bytes: u64,
    rows: &Rows,
    directories: &BTreeMap<String, Option<String>>,
) -> Outcome {
    let fail = |reason: &dyn std::fmt::Display| Failure::Arrow(reason.to_string());
    let read = |start: u64, length: u64| {
        if start.checked_add(length).is_none_or(|end| end > bytes) {
            return Err(fail(&"what it lists lies behind its end"));
        }
        Ok(file.get_bytes(start, length as usize)?)
    };
    let end = read(bytes.saturating_sub(10), bytes.min(10))?;
    let length = ipc::wanted(&end, bytes).map_err(Failure::Arrow)?.unwrap_or(10);
    let end = read(bytes.saturating_sub(length), length)?;
    let footer = end.get(..end.len().saturating_sub(10)).unwrap_or_default();
    let footer = root_as_footer(footer).map_err(|error| fail(&error))?;
    let schema = footer.schema().ok_or_else(|| fail(&"its footer has no schema"))?;
    let schema = arrow_ipc::convert::try_fb_to_schema(schema).map_err(|error| fail(&error))?;
    let is_wanted = |name: &str| is_field(name) || name == SNAPSHOT && rows.whole().is_none();
    let fields = schema.fields().iter().enumerate();
    let wanted = fields.filter(|(_, field)| is_wanted(field.name())).map(|(index, _)| index);
    let wanted = wanted.collect();
    let mut decoder = FileDecoder::new(Arc::new(schema), footer.version()).with_projection(wanted);
    let block = |block: &Block| {
        let head = u64::try_from(block.metaDataLength()).ok();
        let body = u64::try_from(block.bodyLength()).ok();
        let length = head.zip(body).and_then(|(head, body)| head.checked_add(body));
        match u64::try_from(block.offset()).ok().zip(length) {
            Some((start, length)) => read(start, length).map(Buffer::from),
            None => Err(fail(&"it lists a batch of a length below nothing")),
        }
    };
    for dictionary in footer.dictionaries().into_iter().flatten() {
        let buffer = block(dictionary)?;
        decoder.read_dictionary(dictionary, &buffer).map_err(|error| fail(&error))?;
    }
    let mut found = Found::new();
    for batch in footer.recordBatches().into_iter().flatten() {
        let buffer = block(batch)?;
        let batch = decoder.read_record_batch(batch, &buffer).map_err(|error| fail(&error))?;
        if let Some(batch) = batch {
            rows.add(&mut found, &batch, directories).map_err(Failure::Column)?;
        }
    }
    Ok(found)
}
