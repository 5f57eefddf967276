//! Which integration an account is of, where neither a flag nor a list has said it.

use license_stream::Integration;
use license_stream::truto::{RetryPolicy, TrutoClient};

/// The integration of `account`, or of the token's own account without one; `None` where the API does not
/// tell, or names one that is not documented.
pub(crate) async fn integration(
    client: &TrutoClient,
    account: Option<&str>,
) -> Option<&'static Integration> {
    // Not again: whoever may not ask this may still ask for licenses, and if anything else is wrong the
    // request for these says it.
    let once = RetryPolicy { attempts: 1, ..client.retry_policy() };
    let account = client.clone().with_retry(once).account(account.unwrap_or("me")).await.ok()?;
    account.integration_name().and_then(Integration::by_name)
}
