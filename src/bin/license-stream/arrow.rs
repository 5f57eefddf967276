//! `license-stream parquet --as arrow-stream`: Arrow batches on standard output.

use std::path::Path;

use license_stream::checkpoint::{Beginning, Identity};
use license_stream::decode::arrow::BatchOptions;
use license_stream::pipeline::Summary;
use license_stream::sink::arrow::{ArrowStream, ArrowStreamReport, ArrowStreamSink};
use license_stream::sink::parquet::{ParquetOptions, RemoteData};
use license_stream::{Error, ErrorKind, Result};
use tokio::io::Stdout;

use crate::args::{FormArg, ParquetArgs, RemoteDataArg};
use crate::distinct::{STDOUT, check_distinct};
use crate::exit::Exit;
use crate::export::Export;
use crate::input;
use crate::sinks::{Opened, Sinks};
use crate::snapshots::{Destination, Earlier, Remote, Written};
use crate::wanted::Wanted;

pub(crate) async fn run(args: ParquetArgs) -> anyhow::Result<Exit> {
    check(&args)?;
    let options = args.layout.set(ParquetOptions::new(args.out.lake()?, ""), 1)?;
    let export = Export::new(args.source, args.rejects, args.stop, args.report)?
        .observed(args.observe, FormArg::ArrowStream.sink())?;
    let keeps_extra = options.columns.contains("_extra");
    let (stdout, columns) = (tokio::io::stdout(), options.columns);
    let stream = match options.remote_data {
        RemoteData::Typed(schema) => ArrowStream::typed(stdout, columns, schema)?,
        RemoteData::Json | RemoteData::Infer => ArrowStream::new(stdout, columns)?,
    };
    let options =
        BatchOptions { limits: export.limits(), strict: args.strict, ..BatchOptions::default() };
    export.run(Batches { stream, options, keeps_extra }).await
}

/// Refuses what a stream has not.
fn check(args: &ParquetArgs) -> Result<()> {
    let typed = [
        ("--bloom", !args.layout.bloom.is_empty()),
        ("--sort-by", !args.layout.sort_by.is_empty()),
        ("--roll", args.layout.roll.is_some()),
        ("--file-bytes", args.layout.file_bytes.is_some()),
        ("--row-group-bytes", args.layout.row_group_bytes.is_some()),
        ("--row-group-rows", args.layout.row_group_rows.is_some()),
        ("--partition-by", !args.layout.partition_by.is_empty()),
        ("--compression", args.layout.compression.is_some()),
        ("--checkpoint", args.checkpoint.checkpoint.is_some()),
        ("--skip-newer-than", args.checkpoint.skip_newer_than.is_some()),
    ];
    if let Some((flag, _)) = typed.iter().find(|(_, is_typed)| *is_typed) {
        let message = format!("{flag} is of files, and does not go with --as arrow-stream");
        return Err(Error::new(ErrorKind::Configuration, message));
    }
    if args.layout.remote_data == Some(RemoteDataArg::Infer)
        && args.layout.remote_data_schema.is_none()
    {
        let message = "--remote-data infer does not go with --as arrow-stream, which has one schema before anything was \
            looked at: name the types by --remote-data-schema";
        return Err(Error::new(ErrorKind::Configuration, message));
    }
    let read = input::input_file(&args.source);
    let others = read.into_iter().chain(input::letters_file(&args.rejects));
    check_distinct(&others.chain([("standard output", Path::new(STDOUT))]).collect::<Vec<_>>())
}

/// One stream of all accounts.
struct Batches {
    stream: ArrowStream<Stdout>,
    /// Those of every snapshot.
    options: BatchOptions,
    keeps_extra: bool,
}

impl Sinks for Batches {
    type Sink = ArrowStreamSink<Stdout>;

    async fn sink(
        &self,
        wanted: &Wanted,
        _: Identity,
        attempt: u32,
    ) -> Result<Opened<ArrowStreamSink<Stdout>>> {
        if attempt > 0 {
            let message = "what was written already \
                cannot be taken back: write to files with --as parquet";
            return Err(Error::new(ErrorKind::Changed, message));
        }
        let beginning = Beginning::new();
        let sink = self.stream.sink(BatchOptions {
            account: wanted.account.clone(),
            snapshot_id: Some(beginning.snapshot_id().into()),
            ..self.options.clone()
        });
        Ok(Opened::without_journal(sink, beginning))
    }

    fn written(
        &self,
        _: Option<&str>,
        summary: &mut Summary<ArrowStreamReport>,
        _: bool,
    ) -> Written {
        Written {
            destination: Destination::Lines {},
            into: "written".to_owned(),
            records: summary.report.rows,
            bytes: summary.report.bytes,
            unexpected: summary.report.unexpected.clone(),
            tombstones: None,
            remote: Remote { not_held: summary.report.not_held, untyped: 0 },
            earlier: Earlier::Nothing,
        }
    }

    fn destination(&self) -> String {
        "standard output".to_owned()
    }

    fn place(&self, _: u64, _: u64) -> String {
        "written".to_owned()
    }

    async fn end(&self, is_complete: bool) -> Result<()> {
        if is_complete {
            return self.stream.finish().await;
        }
        // Whoever has stopped reading is why, or is told by the exit code.
        let _ = self.stream.break_off().await;
        Ok(())
    }

    fn keeps_extra(&self) -> bool {
        self.keeps_extra
    }

    fn is_stdout(&self) -> bool {
        true
    }

    /// Whoever has stopped reading the batches of one account reads those of no other.
    async fn is_shared(&self, error: &Error) -> bool {
        error.kind() == ErrorKind::Destination
    }
}
