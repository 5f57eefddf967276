//! What is written of licenses into files, and how, as it is typed.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;

use super::Size;
use clap::{Args as ClapArgs, ValueEnum};
use license_stream::decode::arrow::{Projection, RemoteSchema};
use license_stream::sink::parquet::{
    FileFormat, ParquetOptions, PartitionField, RemoteData, Roll, SortColumn,
};
use license_stream::{Error, ErrorKind, Result};
use parquet::basic::{Compression, ZstdLevel};

/// What files hold, and how it lies in them.
#[derive(Clone, Debug, ClapArgs)]
#[command(next_help_heading = "Files")]
pub(crate) struct LayoutArgs {
    /// Columns to write, all if it is not given, always in the order of the schema: `license-stream
    /// schema arrow` has the names. Records are checked whole, whichever are written
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',', value_parser = column)]
    pub(crate) columns: Vec<String>,
    /// What becomes of remote_data, the provider's own answer; json if it is not given
    #[arg(long, value_enum)]
    pub(crate) remote_data: Option<RemoteDataArg>,
    /// Type remote_data by this file instead of by a look: a JSON Schema of an object, as `license-stream inspect
    /// --remote-data-schema` prints one. It goes with --remote-data infer, which need not be given then
    #[arg(long, value_name = "FILE")]
    pub(crate) remote_data_schema: Option<PathBuf>,
    /// Codec of the pages: zstd[:LEVEL] with a level from 1 to 22, snappy, lz4 or none; zstd:1 if it is not
    /// given. Arrow files have no snappy, and lz4 if it is not given
    #[arg(long, value_name = "CODEC")]
    pub(crate) compression: Option<CompressionArg>,
    /// Write a bloom filter of a column of text, numbers or times, by which engines find one value
    /// without reading the others; may be repeated
    #[arg(long, value_name = "COLUMN", value_parser = column)]
    pub(crate) bloom: Vec<String>,
    /// Sort the rows of each row group by these columns, each `:desc` or rising, nulls last, and say so in
    /// the files. A row group in hand then takes its JSON's bytes of memory once more
    #[arg(long, value_name = "COLUMN[:desc],…", value_delimiter = ',')]
    pub(crate) sort_by: Vec<SortArg>,
    /// Put files into directories named for these, the outermost first, as key=value: account, integration,
    /// snapshot, a column (status, is_paid, currency, name, description), or date(…), month(…) or year(…) of
    /// created_at or updated_at. What is such a column is then not in the files. A row group in hand takes its
    /// JSON's bytes of memory once more
    #[arg(long, value_name = "FIELD,…", value_delimiter = ',', value_parser = partition_field)]
    pub(crate) partition_by: Vec<PartitionField>,
    /// Files open at once: when a row group in hand goes to more directories, all files end with it. An open
    /// file in an object store takes up to 5 MiB of memory; accounts that are read at once share this number
    #[arg(long, value_name = "N", default_value = "64", requires = "partition_by",
        value_parser = open_partitions)]
    pub(crate) open_partitions: NonZeroUsize,
    /// A row group ends once it holds this many bytes of JSON; accounts that are read at once share
    /// it, so that memory stays the same. 134217728 if it is not given; of Arrow files, in which it is a record
    /// batch and not encoded while it is held, 16777216
    #[arg(long, value_name = "BYTES")]
    pub(crate) row_group_bytes: Option<Size>,
    /// A row group ends once it holds this many rows, with the batch of about 1 MiB of JSON that
    /// reaches them; 1000000 if it is not given
    #[arg(long, value_name = "ROWS", value_parser = rows)]
    pub(crate) row_group_rows: Option<u64>,
    /// A file ends once it holds this many bytes of JSON; 1073741824 if neither it nor --roll is given
    #[arg(long, value_name = "BYTES")]
    pub(crate) file_bytes: Option<Size>,
    /// A file ends when it is nearest to a length (256MiB), with so many rows (rows=1000000), or as long after
    /// it was begun (15m): the first of these where there are several, separated by commas
    #[arg(long, value_name = "SIZE|rows=N|TIME", value_parser = roll)]
    pub(crate) roll: Option<Roll>,
}

/// `--remote-data`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RemoteDataArg {
    /// A column of JSON text
    Json,
    /// No column, and the API is asked not to send it
    Drop,
    /// A struct, typed as the first records of each snapshot are, about 1 MiB of them; and a column
    /// _remote_data_extra, JSON text of what the struct does not hold, so that nothing is lost
    Infer,
}

/// `--compression`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct CompressionArg(Compression);

impl CompressionArg {
    pub(crate) fn codec(self) -> Compression {
        self.0
    }
}

impl FromStr for CompressionArg {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORMS: &str = "it is zstd, zstd:LEVEL with a level from 1 to 22, snappy, lz4 or none";
        Ok(Self(match text {
            "zstd" => Compression::ZSTD(ZstdLevel::default()),
            "snappy" => Compression::SNAPPY,
            // Parquet's older LZ4 is framed in a way of Hadoop's own, and deprecated.
            "lz4" => Compression::LZ4_RAW,
            "none" => Compression::UNCOMPRESSED,
            _ => {
                let level = text.strip_prefix("zstd:").and_then(|level| level.parse::<i32>().ok());
                // 0 stands for zstd's own default, which is another than ours.
                let level = level.filter(|level| *level > 0);
                let level = level.and_then(|level| ZstdLevel::try_new(level).ok());
                Compression::ZSTD(level.ok_or(FORMS)?)
            }
        }))
    }
}

/// A column of `--sort-by`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SortArg(SortColumn);

impl FromStr for SortArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, is_descending) = match text.strip_suffix(":desc") {
            Some(name) => (name, true),
            None => (text.strip_suffix(":asc").unwrap_or(text), false),
        };
        if let Some((name, order)) = name.split_once(':') {
            return Err(format!(
                "{order:?} is no order of {name}: a column may have `:asc` or `:desc` behind it, and rises without"
            ));
        }
        Ok(Self(SortColumn { name: column(name)?, is_descending }))
    }
}

impl LayoutArgs {
    /// The flag that needs a column to have values, if one does.
    pub(super) fn flag_that_needs(&self, field: &str) -> Option<&'static str> {
        if self.columns.iter().any(|name| name == field) {
            return Some("--columns");
        }
        if field == "remote_data" {
            match self.remote_data {
                Some(RemoteDataArg::Json) => return Some("--remote-data json"),
                Some(RemoteDataArg::Infer) => return Some("--remote-data infer"),
                None if self.remote_data_schema.is_some() => return Some("--remote-data-schema"),
                Some(RemoteDataArg::Drop) | None => {}
            }
        }
        if self.partition_by.iter().any(|level| level.column() == Some(field)) {
            return Some("--partition-by");
        }
        if self.sort_by.iter().any(|SortArg(column)| column.name == field) {
            return Some("--sort-by");
        }
        self.bloom.iter().any(|name| name == field).then_some("--bloom")
    }

    /// The columns that are written.
    fn projection(&self) -> Result<Projection> {
        let named = match self.columns.as_slice() {
            [] => Projection::all(),
            names => Projection::of(names)?,
        };
        match self.remote_data {
            None | Some(RemoteDataArg::Json | RemoteDataArg::Infer) => Ok(named),
            Some(RemoteDataArg::Drop) if self.columns.iter().any(|name| name == "remote_data") => {
                let message = "--remote-data drop leaves out a column that --columns names";
                Err(Error::new(ErrorKind::Configuration, message))
            }
            Some(RemoteDataArg::Drop) => named.without("remote_data"),
        }
    }

    /// What becomes of `remote_data`.
    fn remote_data(&self) -> Result<RemoteData> {
        let Some(path) = &self.remote_data_schema else {
            return Ok(match self.remote_data {
                Some(RemoteDataArg::Infer) => RemoteData::Infer,
                None | Some(RemoteDataArg::Json | RemoteDataArg::Drop) => RemoteData::Json,
            });
        };
        let refused = |message: String| Error::new(ErrorKind::Configuration, message);
        if let Some(RemoteDataArg::Json | RemoteDataArg::Drop) = self.remote_data {
            let message =
                "--remote-data-schema types remote_data, and goes with --remote-data infer only";
            return Err(refused(message.to_owned()));
        }
        let json = std::fs::read_to_string(path).map_err(|error| {
            refused(format!("--remote-data-schema {} cannot be read", path.display()))
                .caused_by(error)
        })?;
        let named =
            |message: &str| refused(format!("--remote-data-schema {}: {message}", path.display()));
        let schema =
            RemoteSchema::from_json_schema(&json).map_err(|error| named(error.message()))?;
        if schema.members().is_empty() {
            return Err(named(
                "it types no member of remote_data: it needs `properties`, each with a `type`",
            ));
        }
        Ok(RemoteData::Typed(schema))
    }

    /// Bytes of JSON in the row groups in hand, of all accounts together.
    pub(crate) fn row_group_bytes(&self, format: FileFormat) -> u64 {
        self.row_group_bytes.map_or_else(
            || match format {
                FileFormat::Arrow => 16 << 20,
                _ => 128 << 20,
            },
            |Size(bytes)| bytes,
        )
    }

    /// Sets all of it in `options`. Where `at_once` accounts are read at once, they share the row groups in
    /// hand, which are most of the memory, so that it does not grow with their number.
    pub(crate) fn set(&self, mut options: ParquetOptions, at_once: u64) -> Result<ParquetOptions> {
        options.columns = self.projection()?;
        options.remote_data = self.remote_data()?;
        options.row_group_bytes = (self.row_group_bytes(options.format) / at_once).max(1);
        if let Some(rows) = self.row_group_rows {
            options.row_group_rows = rows;
        }
        options.roll = self.roll.unwrap_or_default();
        if let Some(file_bytes) =
            self.file_bytes.map(|Size(bytes)| bytes).or(self.roll.map(|_| u64::MAX))
        {
            options.file_bytes = file_bytes;
        }
        options.partition_by.clone_from(&self.partition_by);
        let open =
            self.open_partitions.get() / usize::try_from(at_once).unwrap_or(usize::MAX).max(1);
        options.open_partitions = NonZeroUsize::new(open).unwrap_or(NonZeroUsize::MIN);
        options.sort_by = self.sort_by.iter().map(|SortArg(column)| column.clone()).collect();
        let compression = self.compression.map(CompressionArg::codec);
        let is_arrow = options.format == FileFormat::Arrow;
        if let Some(codec) = compression.or(is_arrow.then_some(Compression::LZ4_RAW)) {
            options = options.with_compression(codec);
        }
        self.bloom.iter().try_fold(options, |options, column| options.with_bloom_filter(column))
    }
}

/// When files end.
fn roll(text: &str) -> Result<Roll, String> {
    text.parse().map_err(|error: Error| error.message().to_owned())
}

/// How many files may be open.
fn open_partitions(text: &str) -> Result<NonZeroUsize, &'static str> {
    text.parse().map_err(|_| "it is a number of files, 1 at least")
}

/// How many rows a row group may have.
fn rows(text: &str) -> Result<u64, &'static str> {
    let rows = text.parse().ok().filter(|rows| *rows > 0);
    rows.ok_or("it is a number of rows, 1 at least")
}

/// What directories are named for.
fn partition_field(text: &str) -> Result<PartitionField, String> {
    text.parse().map_err(|error: Error| error.message().to_owned())
}

/// The name of a column that there is.
fn column(name: &str) -> Result<String, String> {
    Projection::of([name]).map_err(|error| error.message().to_owned())?;
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codecs_are_read_with_their_levels_and_nothing_else_is() {
        let level = |level| Compression::ZSTD(ZstdLevel::try_new(level).unwrap());
        for (text, codec) in [
            ("zstd", level(1)),
            ("zstd:1", level(1)),
            ("zstd:22", level(22)),
            ("snappy", Compression::SNAPPY),
            ("lz4", Compression::LZ4_RAW),
            ("none", Compression::UNCOMPRESSED),
        ] {
            assert_eq!(text.parse(), Ok(CompressionArg(codec)), "{text}");
        }
        for text in ["", "gzip", "zstd:", "zstd:0", "zstd:23", "zstd:x", "snappy:1", "ZSTD"] {
            assert!(text.parse::<CompressionArg>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_order_rises_unless_it_says_otherwise() {
        let sort =
            |text: &str| text.parse().map(|SortArg(column)| (column.name, column.is_descending));
        assert_eq!(sort("id"), Ok(("id".to_owned(), false)));
        assert_eq!(sort("id:asc"), Ok(("id".to_owned(), false)));
        assert_eq!(sort("id:desc"), Ok(("id".to_owned(), true)));
        assert!(sort("id:down").unwrap_err().starts_with("\"down\" is no order of id: "));
    }
}
