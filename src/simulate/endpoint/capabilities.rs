//! `GET /integrated-account/{id}/capabilities`

use serde_json::json;

use crate::simulate::accounts::Account;
use crate::simulate::answer::{Answer, Refusal};
use crate::simulate::request::Request;

/// What an account can do. That it answers in this shape is our assumption.
pub(super) fn answer(request: &Request, account: &Account<'_>) -> Result<Answer, Refusal> {
    for (name, played) in [("type", "unified"), ("resource", "licenses"), ("methods", "list")] {
        let given = request.given(name);
        if given.is_some_and(|given| given != played) {
            return Err(Refusal::new(400, format!("the simulator plays {name}={played} only")));
        }
    }
    Ok(Answer::json(&json!({
        "type": "unified",
        "resource": "licenses",
        "methods": { "list": account.group.licenses },
    })))
}
