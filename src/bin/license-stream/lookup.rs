//! Which integration an account is of, where neither a flag nor a list has said it.

use license_stream::Integration;
use license_stream::truto::TrutoClient;

/// The integration of `account`, or of the token's own account without one; `None` where the API does not
/// tell, or names one that is not documented.
pub(crate) async fn integration(
    client: &TrutoClient,
    account: Option<&str>,
) -> Option<&'static Integration> {
    // Not again: whoever may not ask this may still ask for licenses, and if anything else is wrong the
    // request for these says it.
    client.look_up(account).await?.integration_name().and_then(Integration::by_name)
}
