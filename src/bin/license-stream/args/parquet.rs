//! `license-stream parquet`, as it is typed.

use clap::{Args as ClapArgs, ValueEnum};

use license_stream::sink::parquet::FileFormat;
use license_stream::{Error, ErrorKind, License, Result};

use super::layout::RemoteDataArg;
use super::{
    CheckpointArgs, LayoutArgs, ObserveArgs, RejectArgs, ReportArgs, SourceArgs, StopArgs,
};
use crate::place::Place;

pub(super) const PARQUET_EXAMPLES: &str = "\
Examples:
  license-stream parquet --account 62f44730-dd91-461e-bd6a-aedd9e0ad79d --out lake/licenses
  license-stream parquet --input body.ndjson --out lake/licenses --on-error skip
  license-stream parquet --all-accounts --out s3://lake/licenses
  license-stream parquet --all-accounts --out lake --remote-data drop --bloom id --sort-by name
  license-stream parquet --all-accounts --out lake --partition-by integration,status --roll 256MiB
  license-stream parquet --input body.ndjson --out lake/licenses --as arrow
  license-stream parquet --input body.ndjson --as arrow-stream --out - | python load.py
  duckdb -c \"select name, sum(assigned_quantity) from 'lake/licenses/*.parquet' group by 1\"";

#[derive(Debug, ClapArgs)]
#[command(after_help = PARQUET_EXAMPLES)]
pub(crate) struct ParquetArgs {
    /// Directory for the files, which is made if it is not there; or s3://BUCKET/PREFIX,
    /// gs://BUCKET/PREFIX or az://CONTAINER/PREFIX, with credentials and settings from the environment
    /// (AWS_ACCESS_KEY_ID, AWS_REGION, …, or AWS_PROFILE; GOOGLE_APPLICATION_CREDENTIALS; AZURE_STORAGE_ACCOUNT_NAME, …);
    /// or - for standard output, with --as arrow-stream
    #[arg(long, value_name = "DIR|URL|-")]
    pub(crate) out: Place,
    /// What is written: files, or with --out - a stream for another program
    #[arg(long = "as", value_name = "FORM", value_enum, default_value_t = FormArg::Parquet)]
    pub(crate) form: FormArg,
    /// Reject a record in which a known field has a value of an unexpected type; otherwise the
    /// column is null, and the value is kept in _extra
    #[arg(long)]
    pub(crate) strict: bool,
    #[command(flatten)]
    pub(crate) layout: LayoutArgs,
    #[command(flatten)]
    pub(crate) checkpoint: CheckpointArgs,
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    #[command(flatten)]
    pub(crate) rejects: RejectArgs,
    #[command(flatten)]
    pub(crate) stop: StopArgs,
    #[command(flatten)]
    pub(crate) observe: ObserveArgs,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

/// `--as`. Not `--format`, which says how the API is to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormArg {
    /// Parquet files
    Parquet,
    /// Files in Arrow's IPC file format (Feather), `.arrow`, with everything else as for Parquet files
    Arrow,
    /// One stream of Arrow batches (Arrow's IPC streaming format) on standard output, of all accounts. A
    /// run that fails ends it within a message, so that readers fail too
    ArrowStream,
}

impl FormArg {
    /// What files are encoded as.
    pub(crate) fn format(self) -> FileFormat {
        match self {
            Self::Arrow => FileFormat::Arrow,
            Self::Parquet | Self::ArrowStream => FileFormat::Parquet,
        }
    }

    /// What metrics call the sink.
    pub(crate) fn sink(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
            Self::ArrowStream => "arrow-stream",
        }
    }
}

impl ParquetArgs {
    /// Refuses to leave out what another flag needs, and to leave it out twice.
    pub(crate) fn check_contradictions(&self) -> Result<()> {
        let request = &self.source.request;
        let excludes = |field: &str| request.excluded_fields.iter().any(|it| it.trim() == field);
        let needed = |field: &&'static str| Some((*field, self.layout.flag_that_needs(field)?));
        let mut excluded = License::FIELDS.iter().filter(|field| excludes(field));
        let is_dropped = self.layout.remote_data == Some(RemoteDataArg::Drop);
        let message = if let Some((field, flag)) = excluded.find_map(needed) {
            format!("--exclude-field {field} leaves out a column that {flag} names")
        } else if let (true, Some(flag)) =
            (request.ignore_remote_data, self.layout.flag_that_needs("remote_data"))
        {
            format!("--ignore-remote-data leaves out a column that {flag} names")
        } else if is_dropped && excludes("remote_data") {
            "remote_data is left out twice, with --remote-data drop and with --exclude-field: once is \
             enough"
                .to_owned()
        } else {
            return Ok(());
        };
        Err(Error::new(ErrorKind::Configuration, message))
    }

    /// Refuses a form that does not go where it is to go.
    pub(crate) fn check_form(&self) -> Result<()> {
        let is_stdout = self.out == Place::Directory("-".into());
        let message = match (self.form, is_stdout) {
            (FormArg::Parquet | FormArg::Arrow, false) | (FormArg::ArrowStream, true) => {
                return Ok(());
            }
            (FormArg::Parquet | FormArg::Arrow, true) => {
                "--out - is standard output, to which no file can be written: add --as \
                 arrow-stream, or name a directory (./-)"
            }
            (FormArg::ArrowStream, false) => "--as arrow-stream goes to standard output: --out -",
        };
        Err(Error::new(ErrorKind::Configuration, message))
    }
}
