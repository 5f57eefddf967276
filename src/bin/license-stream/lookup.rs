//! Which integration an account is of, where neither a flag nor a list has said it.

use std::sync::Arc;

use license_stream::truto::TrutoClient;

/// The name of the integration of `account`, or of the token's own account without one; `None` where the API does not
/// tell. It need not be one that is documented.
pub(crate) async fn integration_name(
    client: &TrutoClient,
    account: Option<&str>,
) -> Option<Arc<str>> {
    // Not again: whoever may not ask this may still ask for licenses, and if anything else is wrong the
    // request for these says it.
    client.look_up(account).await?.integration_name().map(Arc::from)
}
