//! What the end of a Parquet file says of it.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use parquet::basic::{ConvertedType, LogicalType, TimeUnit};
use parquet::file::metadata::{
    ColumnChunkMetaData, ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData,
};
use parquet::schema::types::ColumnDescriptor;
use serde::Serialize;

/// What Parquet files begin and end with.
const MAGIC: &[u8] = b"PAR1";

/// The longest metadata that are read: those of a file of thousands of row groups.
const MAX_METADATA_BYTES: u64 = 256 << 20;

/// The copy of the schema that Arrow's writers leave.
const ARROW_SCHEMA: &str = "ARROW:schema";

/// A Parquet file, or an Arrow file that this crate has written.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FileInspection {
    /// Its name in its directory.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// Its rows.
    pub rows: u64,
    /// Its row groups, in order; of an Arrow file its record batches.
    pub row_groups: Vec<RowGroupInspection>,
    /// Its columns, a leaf each, in order. Of an Arrow file only their names and types are known, and each counts
    /// once, be it a list.
    pub columns: Vec<ColumnInspection>,
    /// What the rows of each row group are sorted by, with ` desc` behind a column that falls.
    pub sorted_by: Vec<String>,
    /// What wrote it, in its own words.
    pub created_by: Option<String>,
    /// What else it says of itself, but for the copy of its schema that Arrow's writers leave.
    pub metadata: BTreeMap<String, Option<String>>,
}

/// A row group of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RowGroupInspection {
    /// Its rows.
    pub rows: u64,
    /// Bytes of its pages in the file.
    pub compressed_bytes: u64,
    /// Bytes of its pages before they were compressed, if the end of the file tells.
    pub uncompressed_bytes: Option<u64>,
}

/// A column of one file or of several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ColumnInspection {
    /// Where it stands in the schema. A path comes twice where files disagree about its type.
    pub path: String,
    /// Its type, in short.
    pub r#type: String,
    /// Whether there may be no value in a row.
    pub nullable: bool,
    /// The codecs of its pages.
    pub codecs: BTreeSet<String>,
    /// Bytes of its pages in the file, if the end of the file tells.
    pub compressed_bytes: Option<u64>,
    /// Bytes of its pages before they were compressed, likewise.
    pub uncompressed_bytes: Option<u64>,
    /// Whether all of it has the least and the greatest value of each page.
    pub page_index: bool,
    /// Whether all of it has a bloom filter.
    pub bloom_filter: bool,
    /// The files that have it.
    pub files: u64,
}

impl ColumnInspection {
    /// Whether it is the same column in another file.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.path == other.path && self.r#type == other.r#type
    }

    /// Adds the same column of more files.
    pub(super) fn merge(&mut self, other: &Self) {
        self.nullable |= other.nullable;
        self.codecs.extend(other.codecs.iter().cloned());
        let sum = |one: Option<u64>, other: Option<u64>| {
            one.zip(other).map(|(one, other)| one.saturating_add(other))
        };
        self.compressed_bytes = sum(self.compressed_bytes, other.compressed_bytes);
        self.uncompressed_bytes = sum(self.uncompressed_bytes, other.uncompressed_bytes);
        self.page_index &= other.page_index;
        self.bloom_filter &= other.bloom_filter;
        self.files += other.files;
    }
}

/// How many bytes of the end are wanted, once there are `tail`, of a file of so many bytes; `None` if these are
/// enough. Otherwise why it is no Parquet file.
pub(in crate::sink::parquet) fn wanted(tail: &[u8], bytes: u64) -> Result<Option<u64>, String> {
    let no_end = "it does not end as a Parquet file does";
    let Some((_, [a, b, c, d, magic @ ..])) = tail.split_last_chunk::<8>() else {
        return Err(no_end.to_owned());
    };
    if magic != MAGIC {
        return Err(no_end.to_owned());
    }
    let length = [a, b, c, d].map(|byte| *byte);
    let wanted = u64::from(u32::from_le_bytes(length)) + 8;
    if wanted + MAGIC.len() as u64 > bytes {
        return Err("its metadata would be longer than the file".to_owned());
    }
    if wanted > MAX_METADATA_BYTES {
        return Err(format!("its metadata have {wanted} bytes, more than are read of any file"));
    }
    Ok((wanted > tail.len() as u64).then_some(wanted))
}

/// The metadata in the last bytes of a file, of which there are as many as [`wanted`].
pub(in crate::sink::parquet) fn decode(tail: &Bytes) -> Result<ParquetMetaData, String> {
    let metadata = tail.len().checked_sub(8).and_then(|end| {
        let length = tail.get(end..end + 4)?.try_into().map(u32::from_le_bytes).ok()?;
        tail.get(end.checked_sub(length as usize)?..end)
    });
    let metadata = metadata.ok_or("its metadata are not whole")?;
    ParquetMetaDataReader::decode_metadata(metadata)
        .map_err(|error| format!("its metadata cannot be read: {error}"))
}

impl FileInspection {
    /// A file by what its end says.
    pub(in crate::sink::parquet) fn from_metadata(
        name: &str,
        bytes: u64,
        metadata: &ParquetMetaData,
    ) -> Self {
        let file = metadata.file_metadata();
        let groups = metadata.row_groups();
        let leaves = file.schema_descr().columns();
        let columns = leaves.iter().enumerate().map(|(index, leaf)| {
            let chunks = groups.iter().filter_map(|group| group.columns().get(index));
            column(leaf, &chunks.collect::<Vec<_>>())
        });
        let sorted_by = groups.first().and_then(RowGroupMetaData::sorting_columns);
        let sorted_by = sorted_by.into_iter().flatten().map(|by| {
            let leaf = leaves.get(by.column_idx as usize);
            let path = leaf.map(|leaf| leaf.path().string()).unwrap_or_default();
            format!("{path}{}", if by.descending { " desc" } else { "" })
        });
        let pairs = file.key_value_metadata().into_iter().flatten();
        let pairs = pairs.filter(|pair| pair.key != ARROW_SCHEMA);
        Self {
            name: name.to_owned(),
            bytes,
            rows: file.num_rows().max(0) as u64,
            row_groups: groups.iter().map(row_group).collect(),
            columns: columns.collect(),
            sorted_by: sorted_by.collect(),
            created_by: file.created_by().map(str::to_owned),
            metadata: pairs.map(|pair| (pair.key.clone(), pair.value.clone())).collect(),
        }
    }
}

/// A sum, of numbers that anyone may have written.
pub(super) fn total(numbers: impl Iterator<Item = u64>) -> u64 {
    numbers.fold(0, u64::saturating_add)
}

fn row_group(group: &RowGroupMetaData) -> RowGroupInspection {
    RowGroupInspection {
        rows: group.num_rows().max(0) as u64,
        compressed_bytes: group.compressed_size().max(0) as u64,
        uncompressed_bytes: Some(group.total_byte_size().max(0) as u64),
    }
}

fn column(leaf: &ColumnDescriptor, chunks: &[&ColumnChunkMetaData]) -> ColumnInspection {
    let sum = |size: fn(&ColumnChunkMetaData) -> i64| {
        Some(total(chunks.iter().map(|chunk| size(chunk).max(0) as u64)))
    };
    // A level, which is how zstd was told to try, is not in a file.
    let codec =
        |chunk: &&ColumnChunkMetaData| format!("{:?}", chunk.compression_codec()).to_lowercase();
    ColumnInspection {
        path: leaf.path().string(),
        r#type: type_name(leaf),
        nullable: leaf.max_def_level() > 0,
        codecs: chunks.iter().map(codec).collect(),
        compressed_bytes: sum(ColumnChunkMetaData::compressed_size),
        uncompressed_bytes: sum(ColumnChunkMetaData::uncompressed_size),
        page_index: chunks.iter().all(|chunk| chunk.column_index_offset().is_some()),
        bloom_filter: chunks.iter().all(|chunk| chunk.bloom_filter_offset().is_some()),
        files: 1,
    }
}

fn type_name(leaf: &ColumnDescriptor) -> String {
    match leaf.logical_type_ref() {
        Some(LogicalType::String) => "string".to_owned(),
        Some(LogicalType::Json) => "json".to_owned(),
        Some(LogicalType::Timestamp(timestamp)) => {
            let zone = if timestamp.is_adjusted_to_u_t_c { ", UTC" } else { "" };
            format!("timestamp({}{zone})", unit(timestamp.unit))
        }
        // These are in files of other programs only.
        Some(LogicalType::Time(time)) => format!("time({})", unit(time.unit)),
        Some(LogicalType::Decimal(decimal)) => {
            format!("decimal({},{})", decimal.precision, decimal.scale)
        }
        Some(LogicalType::Integer(integer)) => {
            let sign = if integer.is_signed { "" } else { "u" };
            format!("{sign}int{}", integer.bit_width)
        }
        Some(other) => format!("{other:?}").to_lowercase(),
        None => match leaf.converted_type() {
            ConvertedType::DATE => "date".to_owned(),
            ConvertedType::UTF8 => "string".to_owned(),
            _ => leaf.physical_type().to_string().to_lowercase(),
        },
    }
}

fn unit(unit: TimeUnit) -> &'static str {
    match unit {
        TimeUnit::MILLIS => "ms",
        TimeUnit::MICROS => "us",
        TimeUnit::NANOS => "ns",
    }
}

#[cfg(test)]
mod tests {
    use parquet::schema::parser::parse_message_type;
    use parquet::schema::types::SchemaDescriptor;

    use super::*;

    #[test]
    fn types_of_other_programs_have_readable_names() {
        let message = "message foreign {
            optional int32 day (DATE);
            optional int64 price (DECIMAL(10,2));
            optional int64 hour (TIME(MICROS,false));
            optional int32 small (INTEGER(8,false));
            optional int64 at (TIMESTAMP(NANOS,true));
            optional binary text (UTF8);
            optional double plain;
        }";
        let schema = SchemaDescriptor::new(parse_message_type(message).unwrap().into());
        let names: Vec<_> = schema.columns().iter().map(|leaf| type_name(leaf)).collect();
        let wanted = [
            "date",
            "decimal(10,2)",
            "time(us)",
            "uint8",
            "timestamp(ns, UTC)",
            "string",
            "double",
        ];
        assert_eq!(names, wanted);
    }
}
