//! What becomes of `remote_data` in files.

use std::sync::{Arc, OnceLock};

use arrow_array::{Array, RecordBatch};
use arrow_schema::SchemaRef;

use super::inspect::FileInspection;
use super::looked::Looked;
use super::open::blocking;
use super::options::ParquetOptions;
use crate::decode::arrow::RemoteSchema;
use crate::decode::arrow::remote::{EXTRA, TYPED};
use crate::error::{Error, ErrorKind, Result};

/// Where a file says by which schema its `remote_data` is typed.
pub(super) const SCHEMA_KEY: &str = "license_stream.remote_data_schema";

/// What becomes of `remote_data`, the provider's own answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RemoteData {
    /// A column of JSON text.
    #[default]
    Json,
    /// A struct of these types, and beside it `_remote_data_extra`, JSON text of what it does not hold.
    Typed(RemoteSchema),
    /// The same by types that the first batch of the snapshot that has rows is looked at for, which is about 1 MiB of
    /// JSON; where there is nothing in it to be typed, a column of JSON text. A snapshot that is gone on with keeps the
    /// types that its files have.
    Infer,
}

/// The schema of a snapshot's `remote_data`, which many decoders wait for without waiting: what they decode before it
/// is known is typed by the sink. `None` is one that stays text.
#[derive(Clone, Debug, Default)]
pub(super) struct Shared(Arc<OnceLock<Option<RemoteSchema>>>);

impl Shared {
    /// That of `options`; `None` where `remote_data` stays as it is.
    pub(super) fn of(options: &ParquetOptions) -> Option<Self> {
        let shared = Self::default();
        match &options.remote_data {
            RemoteData::Json => return None,
            RemoteData::Typed(schema) => drop(shared.0.set(Some(schema.clone()))),
            RemoteData::Infer => {}
        }
        Some(shared)
    }

    /// The same rows, typed if it is known how.
    pub(super) fn typed_if_known(&self, rows: RecordBatch) -> RecordBatch {
        match self.0.get() {
            Some(Some(schema)) => schema.typed(&rows),
            Some(None) | None => rows,
        }
    }

    /// The same rows, typed: by a look at them if it is not known how. Batches come in the order of the body.
    pub(super) async fn typed(&self, rows: RecordBatch) -> Result<RecordBatch> {
        let shared = Arc::clone(&self.0);
        let work = move || {
            let found = || {
                let schema = RemoteSchema::found_in(&rows);
                (!schema.members().is_empty()).then_some(schema)
            };
            Ok(match shared.get_or_init(found) {
                Some(schema) => schema.typed(&rows),
                None => rows.clone(),
            })
        };
        blocking(work).await
    }

    /// What becomes of `remote_data`, if it is known.
    pub(super) fn known(&self) -> Option<RemoteData> {
        let schema = self.0.get()?.clone();
        Some(schema.map_or(RemoteData::Json, RemoteData::Typed))
    }
}

/// Whether `rows` have been typed.
pub(super) fn is_typed(rows: &RecordBatch) -> bool {
    rows.schema_ref().column_with_name(EXTRA).is_some()
}

impl ParquetOptions {
    /// The columns that files have, as they are there: of a `remote_data` that is still to be looked at as text.
    pub(super) fn file_schema(&self) -> Result<SchemaRef> {
        let columns = Arc::clone(self.file_columns()?.schema());
        Ok(match &self.remote_data {
            RemoteData::Typed(schema) => schema.columns(&columns),
            RemoteData::Json | RemoteData::Infer => columns,
        })
    }

    /// Refuses what a struct cannot be.
    pub(super) fn check_remote_data(&self) -> Result<()> {
        if self.remote_data == RemoteData::Json {
            return Ok(());
        }
        let refused = |message| Err(Error::new(ErrorKind::Configuration, message));
        if !self.columns.contains(TYPED) {
            return refused("remote_data is to be typed and is not written");
        }
        if self.sort_by.iter().any(|by| by.name == TYPED) {
            return refused(
                "rows cannot be sorted by remote_data where it is typed: it is a struct then",
            );
        }
        if self.properties.bloom_filter_properties(&TYPED.into()).is_some() {
            return refused(
                "remote_data can have no bloom filter where it is typed: it is a struct then",
            );
        }
        Ok(())
    }

    /// The same, with the types that the files of a snapshot have that is gone on with.
    pub(super) async fn resumed(mut self) -> Result<Self> {
        if self.remote_data != RemoteData::Infer {
            return Ok(self);
        }
        // Where there is none, the first batch that has rows is still to come.
        let Some(first) = self.files_before.first() else { return Ok(self) };
        let place = Looked(self.lake.clone());
        let said = place.file(&first.name, first.bytes).await?;
        let Ok(Some(known)) = said.map(|file| file.remote_data()) else {
            let message = format!(
                "{} does not say by which schema its remote_data is typed, so that the snapshot cannot be gone on \
                 with: begin a new one after `license-stream checkpoint reset`",
                place.path_of(&first.name)
            );
            return Err(Error::new(ErrorKind::Destination, message));
        };
        self.remote_data = known;
        Ok(self)
    }
}

impl FileInspection {
    /// What has become of `remote_data` in this file; `None` if it does not say.
    fn remote_data(&self) -> Option<RemoteData> {
        if self.metadata.contains_key(SCHEMA_KEY) {
            return self.remote_data_schema().map(RemoteData::Typed);
        }
        // What was looked at had nothing to be typed.
        self.columns.iter().any(|column| column.path == TYPED).then_some(RemoteData::Json)
    }
}

/// How many of `rows` have something that the struct does not hold.
pub(in crate::sink) fn not_held(rows: &RecordBatch) -> u64 {
    let extra = rows.column_by_name(EXTRA);
    extra.map_or(0, |extra| (extra.len() - extra.null_count()) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline;
    use crate::sink::DurablePiece;
    use crate::sink::parquet::{ParquetSink, WrittenFile};

    /// The files of a snapshot, with `remote_data` as is wanted.
    async fn written(options: ParquetOptions) -> Vec<DurablePiece> {
        let sink = ParquetSink::new(options).await.unwrap();
        let body = "{\"id\":\"a\",\"remote_data\":{\"n\":1}}\n";
        let body = futures_util::stream::iter([Ok::<_, Error>(body.into())]);
        let summary = pipeline::run(body, sink, Default::default()).await.into_result().unwrap();
        summary.report.files.iter().map(WrittenFile::durable).collect()
    }

    #[tokio::test]
    async fn where_there_is_nothing_to_be_typed_it_stays_text_and_is_gone_on_with_as_text() {
        let lake = tempfile::tempdir().unwrap();
        let mut options = ParquetOptions::new(lake.path(), "01a20c7e-5167-7459-84d1-21cf616966d5");
        options.remote_data = RemoteData::Infer;
        let sink = ParquetSink::new(options.clone()).await.unwrap();
        let body = "{\"id\":\"a\"}\n{\"id\":\"b\",\"remote_data\":[1]}\n";
        let body = futures_util::stream::iter([Ok::<_, Error>(body.into())]);
        let summary = pipeline::run(body, sink, Default::default()).await.into_result().unwrap();
        assert_eq!((summary.report.remote_data, summary.report.not_held), (None, 0));
        let files: Vec<_> = summary.report.files.iter().map(WrittenFile::durable).collect();
        let seen = FileInspection::of(lake.path(), &files[0].name).await.unwrap();
        let columns: Vec<_> = seen.columns.iter().map(|column| column.path.as_str()).collect();
        assert!(columns.contains(&TYPED) && !columns.contains(&EXTRA), "{columns:?}");
        options.files_before = files;
        assert_eq!(options.resumed().await.unwrap().remote_data, RemoteData::Json);
    }

    #[tokio::test]
    async fn rows_with_what_does_not_fit_are_counted() {
        let lake = tempfile::tempdir().unwrap();
        let mut options = ParquetOptions::new(lake.path(), "01a20c7e-5167-7459-84d1-21cf616966d5");
        options.remote_data = RemoteData::Infer;
        let sink = ParquetSink::new(options).await.unwrap();
        let body = "{\"id\":\"a\",\"remote_data\":{\"n\":1}}\n{\"id\":\"b\",\"remote_data\":[1]}\n{\"id\":\"c\"}\n";
        let body = futures_util::stream::iter([Ok::<_, Error>(body.into())]);
        let summary = pipeline::run(body, sink, Default::default()).await.into_result().unwrap();
        assert_eq!(summary.report.remote_data.unwrap().members().len(), 1);
        assert_eq!(summary.report.not_held, 1);
    }

    #[tokio::test]
    async fn a_snapshot_is_gone_on_with_by_the_types_that_its_files_say() {
        let lake = tempfile::tempdir().unwrap();
        let options = |remote_data: &RemoteData| {
            let mut options =
                ParquetOptions::new(lake.path(), "01a20c7e-5167-7459-84d1-21cf616966d5");
            options.remote_data = remote_data.clone();
            options
        };
        let mut begun = options(&RemoteData::Infer);
        begun.files_before = written(begun.clone()).await;
        let RemoteData::Typed(schema) = begun.resumed().await.unwrap().remote_data else {
            panic!("it is known");
        };
        assert_eq!(schema.members()[0].name(), "n");

        let mut begun = options(&RemoteData::Infer);
        let without = |mut options: ParquetOptions| {
            options.columns = options.columns.without("remote_data").unwrap();
            options
        };
        begun.files_before = written(without(options(&RemoteData::Json))).await;
        let refused = begun.clone().resumed().await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Destination);
        assert!(refused.message().contains("does not say by which schema"), "{refused}");
        let refused = ParquetSink::new(begun).await.unwrap_err();
        assert!(refused.message().contains("does not say by which schema"), "{refused}");
    }
}
