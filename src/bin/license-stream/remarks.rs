//! Warnings: what may not come as it is wanted.

use license_stream::Integration;
use license_stream::truto::LicenseRequest;

use crate::report::say;

/// Tells what can be asked for as it was typed, and may not be meant so.
pub(crate) fn tell(request: &LicenseRequest, integration: Option<&Integration>) {
    for remark in request.remarks(integration) {
        say!("warning: {remark}");
    }
}

/// Tells which columns will be empty for an integration.
pub(crate) fn tell_of_null_columns(integration: &Integration) {
    let missing: Vec<_> = integration.missing_fields().collect();
    let name = integration.name();
    match missing.as_slice() {
        [] => {}
        [field] => say!("warning: {name} gives no {field}: the column will be null"),
        _ => say!("warning: {name} gives no {}: these columns will be null", missing.join(", ")),
    }
}
