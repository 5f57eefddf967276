//! What is written of every snapshot, and what refuses it.

use std::path::Path;

use license_stream::sink::parquet::{Lake, ParquetOptions, PartitionField};
use license_stream::{Error, ErrorKind, Result};

use crate::args::{FormArg, LayoutArgs, ParquetArgs, SourceArgs, typed_name};
use crate::remarks::Use;

/// What is written of every snapshot, as far as it is known before any is begun; `at_once` accounts are read at once.
///
/// # Errors
/// Those of options that contradict themselves, or need what nobody says.
pub(crate) fn options(args: &ParquetArgs, at_once: u64) -> Result<ParquetOptions> {
    // A place that cannot be opened is told of as such by who looks at it.
    let lake = args.out.lake().unwrap_or_else(|_| Path::new("-").into());
    options_of(lake, args.form, &args.layout, &args.source, at_once)
}

pub(super) fn options_of(
    lake: Lake,
    form: FormArg,
    layout: &LayoutArgs,
    source: &SourceArgs,
    at_once: u64,
) -> Result<ParquetOptions> {
    let mut options = ParquetOptions::new(lake, "");
    options.format = form.format();
    let mut options = layout.set(options, at_once)?;
    // As the API's list has it.
    let typed = source.request.integration;
    options.integration = typed.map(typed_name);
    options.check()?;
    check_integration(&options, source)?;
    Ok(options)
}

/// Refuses directories that are named for what nobody knows.
fn check_integration(options: &ParquetOptions, source: &SourceArgs) -> Result<()> {
    let is_wanted = options.partition_by.iter().any(PartitionField::is_integration);
    let accounts = &source.accounts;
    let may_be_known = accounts.all_accounts || accounts.accounts_file.is_some();
    let is_asked = source.input.is_none() && !source.request.no_lookup;
    if !is_wanted || may_be_known || is_asked || options.integration.is_some() {
        return Ok(());
    }
    let message = match source.input.is_some() {
        true => {
            "--partition-by integration is of accounts that are asked for: a recorded body does not say its \
            integration"
        }
        false => {
            "--partition-by integration needs to know it, which --no-lookup does not let it ask: name it by \
            --integration"
        }
    };
    Err(Error::new(ErrorKind::Configuration, message))
}

/// What directories are named for.
pub(super) fn uses(options: &ParquetOptions) -> Vec<Use> {
    let named = options.partition_by.iter().filter_map(|field| {
        let what = format!("--partition-by {field} puts every license into one directory");
        Some((field.column()?, what))
    });
    named.collect()
}
