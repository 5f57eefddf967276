//! Which parameters an account's integration needs, and `GET …/licenses/meta/list`, which says so.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::integration::is_same_name;
use crate::simulate::accounts::Account;
use crate::simulate::answer::{Answer, Refusal};
use crate::simulate::request::Request;

/// `schemas/integrations.json`, as far as it is needed here.
#[derive(Debug, Deserialize)]
struct Table {
    parameters: BTreeMap<String, Parameter>,
    integrations: Vec<Integration>,
}

#[derive(Debug, Deserialize)]
struct Parameter {
    #[serde(default)]
    values: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Integration {
    name: String,
    /// Names, and whether they are `required` or `supported`.
    parameters: BTreeMap<String, String>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    // The file is compiled in, and a test reads it: no input can make this fail.
    serde_json::from_str(crate::schema::INTEGRATIONS).expect("a table that a test has read")
});

fn parameters<'a>(account: &Account<'a>) -> impl Iterator<Item = (&'static str, bool)> + use<'a> {
    let name = account.group.integration.as_deref();
    let is_named =
        move |known: &&Integration| name.is_some_and(|name| is_same_name(&known.name, name));
    let integration = TABLE.integrations.iter().find(is_named);
    integration
        .into_iter()
        .flat_map(|integration| &integration.parameters)
        .map(|(name, need)| (name.as_str(), need == "required"))
}

/// Refuses a request that lacks what the account's integration needs, or gives it wrongly.
pub(super) fn check(request: &Request, account: &Account<'_>) -> Result<(), Refusal> {
    let missing: Vec<_> = parameters(account)
        .filter(|(name, is_required)| *is_required && request.given(name).is_none())
        .map(|(name, _)| name)
        .collect();
    if !missing.is_empty() {
        let names = missing.join(", ");
        let description = format!("The query parameters that are missing: {names}.");
        let insight = json!({
            "missing_required_query_parameters": { "description": description, "value": missing },
        });
        let message = format!("missing required query parameters: {names}");
        return Err(Refusal::new(400, message).with_insight(insight));
    }
    for (name, _) in parameters(account) {
        let values = TABLE.parameters.get(name).map_or(&[][..], |parameter| &parameter.values);
        if let Some(given) = request.given(name)
            && !values.is_empty()
            && !values.iter().any(|value| value == given)
        {
            return Err(Refusal::new(400, format!("{name} is one of {}", values.join(", "))));
        }
    }
    Ok(())
}

/// The query schema of an account's licenses. That it has this shape is our assumption.
pub(super) fn answer(account: &Account<'_>) -> Answer {
    let schema: Map<String, Value> = parameters(account)
        .map(|(name, is_required)| {
            let mut parameter = json!({ "type": "string", "required": is_required });
            let values = TABLE.parameters.get(name).map_or(&[][..], |parameter| &parameter.values);
            if !values.is_empty() {
                parameter["enum"] = json!(values);
            }
            (name.to_owned(), parameter)
        })
        .collect();
    Answer::json(&json!({ "resource": "licenses", "method": "list", "query_schema": schema }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_can_be_read() {
        assert_eq!(TABLE.integrations.len(), 25);
        assert_eq!(TABLE.parameters["product"].values.len(), 2);
    }
}
