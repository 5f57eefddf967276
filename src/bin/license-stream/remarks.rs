//! Warnings: what may not come as it is wanted.

use license_stream::Integration;
use license_stream::truto::LicenseRequest;

use crate::screen::say;

/// Tells what can be asked for as it was typed, and may not be meant so.
pub(crate) fn tell(request: &LicenseRequest, integration: Option<&Integration>) {
    for remark in request.remarks(integration) {
        say!("warning: {remark}");
    }
}

/// Tells which of the columns that are wanted will be empty for an integration.
pub(crate) fn tell_of_null_columns(integration: &Integration, is_wanted: impl Fn(&str) -> bool) {
    let missing: Vec<_> = integration.missing_fields().filter(|field| is_wanted(field)).collect();
    let name = integration.name();
    match missing.as_slice() {
        [] => {}
        [field] => say!("warning: {name} gives no {field}: the column will be null"),
        _ => say!("warning: {name} gives no {}: these columns will be null", missing.join(", ")),
    }
}
