//! What is written, and how.

use std::num::NonZeroUsize;
use std::sync::Arc;

use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::schema::types::ColumnPath;

use super::claim::{COMPACTED, NO_ACCOUNT};
use super::format::FileFormat;
use super::lake::Lake;
use super::open::Form;
use super::order::{SortColumn, sorting_columns};
use super::partition::PartitionField;
use super::remote::RemoteData;
use super::roll::Roll;
use super::writer::ipc_options;
use crate::decode::Limits;
use crate::decode::arrow::Projection;
use crate::error::{Error, ErrorKind, Result};
use crate::license::License;
use crate::schema;
use crate::sink::DurablePiece;

/// The share of look-ups of a value that is not there which a bloom filter does not spare.
const BLOOM_FALSE_POSITIVES: f64 = 0.01;

/// A license has seldom fewer bytes. In row groups of shorter ones filters exclude less.
const LEAST_RECORD_BYTES: u64 = 32;

/// The most bytes of JSON in a row group that is held before it is encoded: it is put together from text
/// columns, none of which may reach 2 GiB.
const MAX_HELD_BYTES: u64 = 1 << 30;

/// Enough for most of what directories are named for, but for days.
const OPEN_PARTITIONS: NonZeroUsize = NonZeroUsize::new(64).unwrap();

/// In the form that readers take apart to know what a writer got wrong: application, version, build.
const CREATED_BY: &str = concat!(
    "license-stream version ",
    env!("CARGO_PKG_VERSION"),
    " (build ",
    env!("CARGO_PKG_VERSION"),
    ")"
);

/// What the rows of a file are the answer of, wherever they were read.
pub(super) const ENDPOINT: &str = "GET /unified/user-directory/licenses";

/// What a [`ParquetSink`](super::ParquetSink) writes, and how.
#[derive(Clone, Debug)]
pub struct ParquetOptions {
    /// Where the files go; it is made if it is not there.
    pub lake: Lake,
    /// Integrated account: a column, and the first part of file names.
    pub account: Option<Arc<str>>,
    /// Snapshot id: a column, and the second part of file names.
    pub snapshot_id: Arc<str>,
    /// The connector that the account is of, for directories that are named for it.
    pub integration: Option<Arc<str>>,
    /// Files of this snapshot that earlier runs have made: the next one has the next number. None by default.
    pub files_before: Vec<DurablePiece>,
    /// What files are encoded as; Parquet by default. In an Arrow file a row group is one record batch, which is held
    /// until it is full; of `properties` it has the codec, of the column `id`, and what files say of themselves.
    pub format: FileFormat,
    /// A row group ends with the batch that reaches this many bytes of JSON. 128 MiB by default.
    pub row_group_bytes: u64,
    /// A row group ends with the batch that reaches this many rows. 1,000,000 by default.
    pub row_group_rows: u64,
    /// A file ends with the batch that reaches this many bytes of JSON, and with it those of the same piece
    /// in other directories. 1 GiB by default.
    pub file_bytes: u64,
    /// What ends a file before that; nothing by default.
    pub roll: Roll,
    /// What directories below the lake are named for, the outermost first; nothing by default: files lie in
    /// the lake itself. Rows are then held as Arrow batches, as for `sort_by`, until `row_group_bytes` or
    /// `row_group_rows` are there, of all directories together.
    pub partition_by: Vec<PartitionField>,
    /// Files that are open at once: when the rows that were held go to more directories than that, all files
    /// end with them. 64 by default. In an object store an open file takes up to 5 MiB of memory.
    pub open_partitions: NonZeroUsize,
    /// The columns that files have; all by default.
    pub columns: Projection,
    /// What becomes of `remote_data`, if it is one of them; JSON text by default.
    pub remote_data: RemoteData,
    /// What the rows of each row group are sorted by, which their file declares; nothing by default: they
    /// are as they came. What is sorted is held as Arrow batches until its row group is full, in
    /// about as much memory as its JSON takes, and 1 GiB of that at most.
    pub sort_by: Vec<SortColumn>,
    /// How columns are encoded; [`writer_properties`] by default. The file's own metadata is added to what is
    /// in them; the sorting columns are those of `sort_by`.
    pub properties: WriterProperties,
    /// Columns that are encoded at once; as many as there are cores by default. The files do not depend
    /// on it.
    pub threads: NonZeroUsize,
    /// Limits of a record.
    pub limits: Limits,
    /// Whether a record is rejected in which a known field has a value of an unexpected type;
    /// otherwise the value is kept in `_extra`.
    pub strict: bool,
}

impl ParquetOptions {
    /// Options for files in `lake`, such as the path of a directory, and defaults for everything else.
    pub fn new(lake: impl Into<Lake>, snapshot_id: impl Into<Arc<str>>) -> Self {
        Self {
            lake: lake.into(),
            account: None,
            snapshot_id: snapshot_id.into(),
            integration: None,
            files_before: Vec::new(),
            format: FileFormat::Parquet,
            row_group_bytes: 128 << 20,
            row_group_rows: 1_000_000,
            file_bytes: 1 << 30,
            roll: Roll::default(),
            partition_by: Vec::new(),
            open_partitions: OPEN_PARTITIONS,
            columns: Projection::all(),
            remote_data: RemoteData::default(),
            sort_by: Vec::new(),
            properties: writer_properties(),
            threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            limits: Limits::default(),
            strict: false,
        }
    }

    /// The same with pages of this codec. Only zstd, Snappy, LZ4 (raw) and none are built in.
    #[must_use]
    pub fn with_compression(mut self, compression: Compression) -> Self {
        self.properties = self.properties.into_builder().set_compression(compression).build();
        self
    }

    /// The same with a bloom filter of `column` in each row group, by which a look-up of one value passes
    /// over nearly all that do not have it. It takes one to two and a half bytes for each distinct value.
    /// While it is made it is as large as the row groups of these options may need, which are set first: 2 MiB
    /// for those of the defaults.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if there is no such column, or if it is one of lists or truth values.
    pub fn with_bloom_filter(mut self, column: &str) -> Result<Self> {
        use arrow_schema::DataType::{Boolean, List};
        if let Boolean | List(_) = Projection::of([column])?.schema().field(0).data_type() {
            let message =
                format!("column {column} can have no bloom filter: text, numbers and times can");
            return Err(Error::new(ErrorKind::Configuration, message));
        }
        // Row groups that many accounts share memory for are small, and so are their filters then.
        let values =
            (self.row_group_bytes / LEAST_RECORD_BYTES).clamp(1, self.row_group_rows.max(1));
        self.properties = with_bloom_filter(self.properties, ColumnPath::from(column), values);
        Ok(self)
    }

    /// Refuses what contradicts itself, before anything is claimed.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if rows are to be sorted by a column of lists or one that is not
    /// written, if such a one has a bloom filter, if an Arrow file is to have one or another codec than its own, if rows
    /// are to be sorted, partitioned or put into Arrow files in row groups of more than 1 GiB, if partitions leave no column, or come twice, if
    /// `remote_data` is to be typed and is not written, sorted by or has a bloom filter, or if the account is called `compacted`.
    pub fn check(&self) -> Result<()> {
        if self.account.as_deref() == Some(COMPACTED) {
            let message = format!("no account can be called {COMPACTED}: merged files are");
            return Err(Error::new(ErrorKind::Configuration, message));
        }
        self.check_partitions()?;
        self.check_remote_data()?;
        let columns = self.file_columns()?;
        sorting_columns(&self.sort_by, &*self.file_schema()?)?;
        let is_arrow = self.format == FileFormat::Arrow;
        let is_held = is_arrow || !self.sort_by.is_empty() || !self.partition_by.is_empty();
        if is_held && self.row_group_bytes > MAX_HELD_BYTES {
            let what = if is_arrow { "of an Arrow file" } else { "that is sorted or partitioned" };
            let message = format!("a row group {what} has {MAX_HELD_BYTES} bytes at most");
            return Err(Error::new(ErrorKind::Configuration, message));
        }
        if is_arrow && let Err(error) = ipc_options(&self.properties) {
            // Of its own words nobody need know whose they are.
            let said = error.to_string();
            let said = said.split_once(": ").map_or(said.as_str(), |(_, said)| said);
            return Err(Error::new(ErrorKind::Configuration, said.to_owned()));
        }
        let has_bloom = |field: &&Arc<arrow_schema::Field>| {
            let path = ColumnPath::from(field.name().as_str());
            self.properties.bloom_filter_properties(&path).is_some()
        };
        let all = License::schema();
        let mut blooms = all.fields().iter().filter(has_bloom);
        if let (true, Some(field)) = (is_arrow, blooms.clone().next()) {
            let message =
                format!("an Arrow file has no bloom filter, as of column {}", field.name());
            return Err(Error::new(ErrorKind::Configuration, message));
        }
        match blooms.find(|field| !columns.contains(field.name())) {
            None => Ok(()),
            Some(field) => {
                let message =
                    format!("column {} has a bloom filter and is not written", field.name());
                Err(Error::new(ErrorKind::Configuration, message))
            }
        }
    }

    /// The properties of each file, with what it says of itself.
    pub(super) fn file_properties(&self) -> Result<WriterProperties> {
        let mut metadata = self.properties.key_value_metadata().cloned().unwrap_or_default();
        // Nothing of the run, such as where the API was: the bytes of a file follow from its records and
        // the options.
        let schema_version = schema::VERSION.to_string();
        let remote_data_schema = match &self.remote_data {
            RemoteData::Typed(schema) => Some(schema.to_json_schema()),
            RemoteData::Json | RemoteData::Infer => None,
        };
        let said = [
            ("version", Some(env!("CARGO_PKG_VERSION"))),
            ("endpoint", Some(ENDPOINT)),
            ("schema_version", Some(&*schema_version)),
            ("snapshot_id", Some(&*self.snapshot_id)),
            ("account", self.account.as_deref()),
            ("remote_data_schema", remote_data_schema.as_deref()),
        ];
        metadata.extend(said.into_iter().filter_map(|(name, value)| {
            Some(KeyValue::new(format!("license_stream.{name}"), value?.to_owned()))
        }));
        let sorting = sorting_columns(&self.sort_by, &*self.file_schema()?)?;
        let properties = self.properties.clone().into_builder();
        let properties = properties.set_key_value_metadata(Some(metadata));
        Ok(properties.set_sorting_columns((!sorting.is_empty()).then_some(sorting)).build())
    }

    /// What each file has, and how it is encoded.
    pub(super) fn form(&self) -> Result<Form> {
        let schema = self.file_schema()?;
        let properties = self.file_properties()?;
        Ok(Form { format: self.format, schema, properties, threads: self.threads })
    }

    /// The name of file `number` of the snapshot in `directory`, which is empty for the lake itself.
    pub(super) fn file_name(&self, directory: &str, number: usize) -> String {
        let account = self.account.as_deref().unwrap_or(NO_ACCOUNT);
        let ending = self.format.ending();
        let name = format!("{account}-{}-{number:05}{ending}", self.snapshot_id);
        if directory.is_empty() { name } else { format!("{directory}/{name}") }
    }
}

/// The same with a bloom filter of `column`, for so many values in a row group.
pub(super) fn with_bloom_filter(
    properties: WriterProperties,
    column: ColumnPath,
    values: u64,
) -> WriterProperties {
    let properties = properties.into_builder();
    let properties = properties.set_column_bloom_filter_enabled(column.clone(), true);
    let properties = properties.set_column_bloom_filter_fpp(column.clone(), BLOOM_FALSE_POSITIVES);
    properties.set_column_bloom_filter_max_ndv(column, values).build()
}

/// zstd at its first level, statistics and page index, dictionaries except where nearly every value
/// is another.
pub fn writer_properties() -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_writer_version(WriterVersion::PARQUET_1_0)
        // Elements of lists are named `element`, as Parquet has it, and not `item`, as Arrow has.
        .set_coerce_types(true)
        // Row groups end where this crate says.
        .set_max_row_group_row_count(None);
    for unique in ["id", "remote_data", "_extra"] {
        properties = properties.set_column_dictionary_enabled(ColumnPath::from(unique), false);
    }
    // The least and the greatest of JSON texts help nobody, and take as long as their encoding.
    for json in ["remote_data", "_remote_data_extra"] {
        let path = ColumnPath::from(json);
        properties = properties.set_column_statistics_enabled(path, EnabledStatistics::None);
    }
    properties.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> ParquetOptions {
        ParquetOptions::new("lake", "01a20c7e-5167-7459-84d1-21cf616966d5")
    }

    fn refused(options: &ParquetOptions) -> String {
        let error = options.check().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        error.message().to_owned()
    }

    #[test]
    fn what_is_not_written_has_no_filter_and_no_order() {
        let mut options = options().with_bloom_filter("id").unwrap();
        options.check().unwrap();
        options.sort_by = vec![SortColumn { name: "name".to_owned(), is_descending: false }];
        options.check().unwrap();
        options.columns = Projection::of(["id", "status"]).unwrap();
        assert_eq!(refused(&options), "rows cannot be sorted by \"name\", which is not written");
        options.columns = Projection::of(["name"]).unwrap();
        assert_eq!(refused(&options), "column id has a bloom filter and is not written");
        options.columns = Projection::all();
        options.row_group_bytes = MAX_HELD_BYTES + 1;
        let told = "a row group that is sorted or partitioned has 1073741824 bytes at most";
        assert_eq!(refused(&options), told);
        options.sort_by.clear();
        options.partition_by = vec!["status".parse().unwrap()];
        assert_eq!(refused(&options), told);
        options.partition_by.clear();
        options.check().unwrap();
    }

    #[test]
    fn lists_and_truth_values_have_no_bloom_filter() {
        for column in ["products", "is_paid", "no such"] {
            let refused = options().with_bloom_filter(column).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Configuration, "{column}");
        }
    }

    #[test]
    fn metadata_of_the_user_is_kept_beside_that_of_the_file() {
        let mut options = options();
        let theirs = KeyValue::new("team".to_owned(), "it".to_owned());
        let properties = options.properties.into_builder();
        options.properties = properties.set_key_value_metadata(Some(vec![theirs])).build();
        let properties = options.file_properties().unwrap();
        let metadata = properties.key_value_metadata().unwrap();
        let keys: Vec<_> = metadata.iter().map(|pair| pair.key.as_str()).collect();
        let said = ["version", "endpoint", "schema_version", "snapshot_id"];
        let said = said.map(|name| format!("license_stream.{name}"));
        assert_eq!(keys, [&["team".to_owned()][..], &said].concat());
        assert_eq!(properties.sorting_columns(), None);
    }
}
