//! `license-stream parquet`

use std::sync::Arc;

use license_stream::sink::parquet::{
    Claim, Completion, Manifest, ParquetOptions, ParquetReport, ParquetSink,
};

use crate::args::ParquetArgs;
use crate::exit::Exit;
use crate::export::Export;
use crate::remarks;
use crate::report::{self, Destination, Written, human_bytes};

pub(crate) async fn run(args: ParquetArgs) -> anyhow::Result<Exit> {
    args.source.check_columns()?;
    let export = Export::new(&args.source, &args.rejects, args.report)?;
    if let (Some(integration), false) = (args.source.request.integration, args.report.quiet) {
        remarks::tell_of_null_columns(integration);
    }
    let mut options = ParquetOptions::new(&args.out, Arc::clone(&export.snapshot_id));
    options.account = args.source.account.as_deref().map(Arc::from);
    options.row_group_bytes = args.row_group_bytes;
    options.file_bytes = args.file_bytes;
    options.limits = export.limits();
    options.strict = args.strict;
    let claim = Arc::new(Claim::take(&args.out, options.account.as_deref())?);
    let manifest = Manifest::new(options.account.as_deref(), &options.snapshot_id);
    let completion = Completion::new(Arc::clone(&claim), manifest);
    let sink = ParquetSink::within(claim, options)?;
    let exported = export.run_kept(sink, Some(Box::new(completion))).await?;
    let written = written(&exported.summary.report, &args.out.display().to_string());
    report::print(&export, &exported, &written);
    Ok(Exit::after(&exported.summary, export.signals.first()))
}

fn written(report: &ParquetReport, out: &str) -> Written {
    let files = &report.files;
    let bytes = files.iter().map(|file| file.bytes).sum();
    let count = match files.len() {
        1 => "1 file".to_owned(),
        count => format!("{count} files"),
    };
    Written {
        destination: Destination::Files(
            files.iter().map(|file| file.path.display().to_string()).collect(),
        ),
        into: format!("in {count} of {} in {out}", human_bytes(bytes)),
        records: files.iter().map(|file| file.rows).sum(),
        bytes,
        unexpected: report.unexpected.clone(),
        data_on_stdout: false,
    }
}
