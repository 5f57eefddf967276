//! One file made of many.

use std::sync::Arc;

use arrow_array::RecordBatch;
use parquet::file::metadata::KeyValue;
use parquet::schema::types::ColumnPath;

use super::Compaction;
use super::group::Group;
use super::source::Source;
use crate::error::Result;
use crate::pipeline::CancellationToken;
use crate::sink::parquet::claim::{COMPACTED, Claim};
use crate::sink::parquet::format::FileFormat;
use crate::sink::parquet::gathered::Gathered;
use crate::sink::parquet::looked::Looked;
use crate::sink::parquet::manifest::Manifest;
use crate::sink::parquet::marks::plain;
use crate::sink::parquet::open::{Form, OpenFile};
use crate::sink::parquet::options::{ENDPOINT, with_bloom_filter};
use crate::sink::parquet::order::sorting_columns;
use crate::sink::parquet::parts::Parts;
use crate::sink::parquet::writer::OpenGroup;

/// A row group ends with the batch that reaches so many bytes of Arrow, about what it has of JSON; where it is
/// sorted, half of that, as it is held beside what is encoded of it. It is half of what a run makes, as a source may
/// be in memory too.
const GROUP_BYTES: u64 = 64 << 20;
const GROUP_ROWS: u64 = 1_000_000;

/// The making of one file.
pub(super) struct Merge<'a> {
    pub(super) options: &'a Compaction,
    pub(super) claim: &'a Claim,
    pub(super) place: &'a Looked,
    pub(super) group: &'a Group,
    /// Of this compaction.
    pub(super) id: &'a str,
    pub(super) stop: &'a CancellationToken,
}

impl Merge<'_> {
    /// The manifest of the file, which is there; `None` if it was told to stop before.
    pub(super) async fn run(&self) -> Result<Option<Manifest>> {
        let Group { directory, kind, files } = self.group;
        let name = format!("{COMPACTED}-{}-00000.parquet", self.id);
        let name = if directory.is_empty() { name } else { format!("{directory}/{name}") };
        let mut writer = Writer {
            file: OpenFile::create(self.claim, self.form()?, name).await?,
            group: None,
            gathered: Gathered::default(),
            rows: 0,
            bytes: 0,
        };
        let columns = plain(&kind.schema);
        for file in files {
            let source = Source::of(self.place, file);
            // Only reading is left in the middle: what is written of a file is dropped between two steps.
            let Some(rows) = self.stop.run_until_cancelled(source.open()).await else {
                return Ok(None);
            };
            let (mut read, mut rows) = (0, rows?);
            loop {
                let Some(batch) = self.stop.run_until_cancelled(rows.next()).await else {
                    return Ok(None);
                };
                let Some(batch) = batch else { break };
                if plain(&batch.schema()).fields() != columns.fields() {
                    return Err(source.damaged("has other columns than its end says"));
                }
                read += batch.num_rows() as u64;
                writer = writer.write(batch, self.group).await?;
            }
            rows.end().await?;
            if read != file.piece.records {
                let what = format!("has {read} rows, and {} were written", file.piece.records);
                return Err(source.damaged(&what));
            }
        }
        let file = writer.close_group(self.group).await?.file;
        let written = file.finish(self.claim).await?;
        let mut manifest = Manifest::new(Some(COMPACTED), self.id);
        manifest.records = written.rows;
        manifest.files.push(written.durable());
        manifest.replaces = files.iter().map(|file| file.piece.name.clone()).collect();
        Ok(Some(manifest))
    }

    /// That of the sources, with what the file says of itself.
    fn form(&self) -> Result<Form> {
        let Group { kind, files, .. } = self.group;
        let mut properties = self.options.properties.clone();
        let rows: u64 = files.iter().map(|file| file.piece.records).sum();
        for column in &kind.blooms {
            let path = ColumnPath::from(column.split('.').map(str::to_owned).collect::<Vec<_>>());
            properties = with_bloom_filter(properties, path, rows.clamp(1, GROUP_ROWS));
        }
        let mut metadata = properties.key_value_metadata().cloned().unwrap_or_default();
        let said = [
            ("version", Some(env!("CARGO_PKG_VERSION").to_owned())),
            ("endpoint", Some(ENDPOINT.to_owned())),
            ("schema_version", kind.schema_version.clone()),
            ("account", kind.account.clone()),
            ("snapshot_id", kind.snapshot_id.clone()),
            ("remote_data_schema", kind.remote_data_schema.clone()),
            ("compacted_from", Some(files.len().to_string())),
        ];
        metadata.extend(said.into_iter().filter_map(|(name, value)| {
            Some(KeyValue::new(format!("license_stream.{name}"), value?))
        }));
        let sorting = sorting_columns(&kind.sort_by, &kind.schema)?;
        let properties = properties.into_builder().set_key_value_metadata(Some(metadata));
        let properties = properties.set_sorting_columns((!sorting.is_empty()).then_some(sorting));
        let (schema, threads) = (kind.schema.clone(), self.options.threads);
        let properties = properties.build();
        Ok(Form { format: FileFormat::Parquet, schema, properties, threads })
    }
}

/// The file, and the row group in hand.
struct Writer {
    file: OpenFile,
    /// Of rows that stay in their order.
    group: Option<OpenGroup>,
    /// Of those that are sorted.
    gathered: Gathered,
    rows: u64,
    bytes: u64,
}

impl Writer {
    async fn write(mut self, batch: RecordBatch, of: &Group) -> Result<Self> {
        let is_sorted = !of.kind.sort_by.is_empty();
        let (rows, bytes) = (batch.num_rows() as u64, batch.get_array_memory_size() as u64);
        self.rows += rows;
        self.bytes += bytes;
        if is_sorted {
            self.gathered.add(Parts { rows: batch, directories: Default::default() }, bytes);
        } else {
            let group = match &mut self.group {
                Some(group) => group,
                None => self.group.insert(self.file.begin_group()?),
            };
            self.file.encode(group, batch).await?;
        }
        let most = if is_sorted { GROUP_BYTES / 2 } else { GROUP_BYTES };
        if self.bytes >= most || self.rows >= GROUP_ROWS {
            self.close_group(of).await
        } else {
            Ok(self)
        }
    }

    /// Puts what there is of a row group into the file.
    async fn close_group(mut self, of: &Group) -> Result<Self> {
        if let Some(group) = self.group.take() {
            self.file = self.file.append(group, self.rows, self.bytes).await?;
        }
        let (batches, parts) = self.gathered.take();
        let batches: Arc<[RecordBatch]> = batches.into();
        for part in parts.into_values() {
            let (batches, sort_by) = (Arc::clone(&batches), of.kind.sort_by.clone());
            self.file = self.file.append_part(batches, part, sort_by).await?;
        }
        (self.rows, self.bytes) = (0, 0);
        Ok(self)
    }
}
