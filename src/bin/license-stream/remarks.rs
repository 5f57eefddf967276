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

/// What a run makes of a field beside its column, and what becomes of it where the field never comes.
pub(crate) type Use = (&'static str, String);

/// Tells which of `uses` are of fields that an integration does not give.
pub(crate) fn tell_of_uses(integration: &Integration, uses: Vec<Use>) {
    for (field, what) in uses.into_iter().filter(|(field, _)| !integration.supports(field)) {
        say!("warning: {} gives no {field}: {what}", integration.name());
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
