//! Warnings: what may not come as it is wanted.

use license_stream::Result;

use crate::args::SourceArgs;
use crate::report::say;

/// Tells what can be asked for as it was typed, and may not be meant so.
pub(crate) fn tell(source: &SourceArgs) -> Result<()> {
    if source.input.is_some() {
        return Ok(());
    }
    let request = source.request.request(source.account.as_deref())?;
    for remark in request.remarks(source.request.integration) {
        say!("warning: {remark}");
    }
    Ok(())
}

/// Tells which columns will be empty, where the integration is known.
pub(crate) fn tell_of_null_columns(source: &SourceArgs) {
    let Some(integration) = source.request.integration else { return };
    let missing: Vec<_> = integration.missing_fields().collect();
    let name = integration.name();
    match missing.as_slice() {
        [] => {}
        [field] => say!("warning: {name} gives no {field}: the column will be null"),
        _ => say!("warning: {name} gives no {}: these columns will be null", missing.join(", ")),
    }
}
