//! What the end of an Arrow file says of it.

use std::collections::BTreeMap;

use arrow_ipc::{Footer, root_as_footer};
use arrow_schema::{DataType, Field, TimeUnit};
use bytes::Bytes;

use super::footer::{ColumnInspection, FileInspection, RowGroupInspection};
use crate::sink::parquet::writer::BATCH_ROWS;

/// What Arrow files begin and end with.
const MAGIC: &[u8] = b"ARROW1";

/// What is behind the footer: its length, and [`MAGIC`].
const END_BYTES: u64 = 10;

/// The longest footer that is read: that of a file of thousands of batches.
const MAX_FOOTER_BYTES: u64 = 16 << 20;

/// How many bytes of the end are wanted, once there are `tail`, of a file of so many bytes; `None` if these are
/// enough. Otherwise why it is no Arrow file.
pub(in crate::sink::parquet) fn wanted(tail: &[u8], bytes: u64) -> Result<Option<u64>, String> {
    let no_end = "it does not end as an Arrow file does";
    let Some((_, [a, b, c, d, magic @ ..])) = tail.split_last_chunk::<10>() else {
        return Err(no_end.to_owned());
    };
    if magic != MAGIC {
        return Err(no_end.to_owned());
    }
    let length = u64::from(u32::from_le_bytes([*a, *b, *c, *d]));
    if length + END_BYTES + MAGIC.len() as u64 > bytes {
        return Err("its footer would be longer than the file".to_owned());
    }
    if length > MAX_FOOTER_BYTES {
        return Err(format!("its footer has {length} bytes, more than are read of any file"));
    }
    let wanted = length + END_BYTES;
    Ok((wanted > tail.len() as u64).then_some(wanted))
}

/// A file by its last bytes, of which there are as many as [`wanted`].
pub(in crate::sink::parquet) fn decode(
    name: &str,
    bytes: u64,
    tail: &Bytes,
) -> Result<FileInspection, String> {
    let footer = tail.len().checked_sub(END_BYTES as usize).and_then(|end| {
        let length = tail.get(end..end + 4)?.try_into().map(u32::from_le_bytes).ok()?;
        tail.get(end.checked_sub(length as usize)?..end)
    });
    let footer = footer.ok_or("its footer is not whole")?;
    let footer =
        root_as_footer(footer).map_err(|error| format!("its footer cannot be read: {error}"))?;
    let schema = footer.schema().ok_or("its footer has no schema")?;
    let schema = arrow_ipc::convert::try_fb_to_schema(schema)
        .map_err(|error| format!("its schema cannot be read: {error}"))?;
    let row_groups = row_groups(&footer)?;
    let pairs = schema.metadata().iter();
    Ok(FileInspection {
        name: name.to_owned(),
        bytes,
        rows: super::footer::total(row_groups.iter().map(|group| group.rows)),
        row_groups,
        columns: schema.fields().iter().map(|field| column(field)).collect(),
        sorted_by: Vec::new(),
        created_by: None,
        metadata: pairs
            .map(|(key, value)| (key.to_owned(), Some(value.to_owned())))
            .collect::<BTreeMap<_, _>>(),
    })
}

/// The batches, each with the rows that the file says it has.
fn row_groups(footer: &Footer<'_>) -> Result<Vec<RowGroupInspection>, String> {
    let mut pairs = footer.custom_metadata().into_iter().flatten();
    let said = pairs.find(|pair| pair.key() == Some(BATCH_ROWS));
    let said = said.and_then(|pair| pair.value()).ok_or_else(|| {
        format!("it does not say in {BATCH_ROWS} how many rows its batches have: another program wrote it")
    })?;
    let rows: Result<Vec<u64>, _> =
        said.split(',').filter(|rows| !rows.is_empty()).map(str::parse).collect();
    let rows = rows.map_err(|_| format!("what it says in {BATCH_ROWS} are no numbers"))?;
    let blocks: Vec<_> = footer.recordBatches().into_iter().flatten().collect();
    if blocks.len() != rows.len() {
        return Err(format!(
            "it has {} batches, and says the rows of {}",
            blocks.len(),
            rows.len()
        ));
    }
    let group = |(block, rows): (&arrow_ipc::Block, u64)| RowGroupInspection {
        rows,
        compressed_bytes: (block.bodyLength().max(0) as u64)
            .saturating_add(block.metaDataLength().max(0) as u64),
        uncompressed_bytes: None,
    };
    Ok(blocks.into_iter().zip(rows).map(group).collect())
}

/// A column, of which the footer has no more than the type.
fn column(field: &Field) -> ColumnInspection {
    ColumnInspection {
        path: field.name().clone(),
        r#type: type_name(field),
        nullable: field.is_nullable(),
        codecs: Default::default(),
        compressed_bytes: None,
        uncompressed_bytes: None,
        page_index: false,
        bloom_filter: false,
        files: 1,
    }
}

fn type_name(field: &Field) -> String {
    if field.extension_type_name() == Some("arrow.json") {
        return "json".to_owned();
    }
    match field.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "string".to_owned(),
        DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) => format!("timestamp(us, {zone})"),
        DataType::List(_) => "list".to_owned(),
        DataType::Struct(_) => "struct".to_owned(),
        other => other.to_string().to_lowercase(),
    }
}
