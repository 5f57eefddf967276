//! What Truto says of an error, in words for the person who must act.

use serde_json::{Map, Value};

use crate::printable;

/// Characters of the API's own message that are passed on.
const MAX_MESSAGE: usize = 300;

/// Characters of one name, such as a parameter's or a scope's.
const MAX_NAME: usize = 60;

/// Names, or failures, that are listed.
const MAX_LISTED: usize = 10;

/// The body of an answer that is no success, as far as it is understood.
///
/// What is in it is not known for sure, so that each part is looked at by itself. What the provider
/// answered (`raw_response`) is never read: it may hold anything.
#[derive(Debug, Default)]
pub(crate) struct Insight {
    /// Whether it was the provider that failed or refused.
    #[cfg(any(feature = "http", test))]
    pub(crate) is_remote: bool,
    /// What was said, in the order in which it helps.
    words: Vec<String>,
}

impl Insight {
    /// Reads `body`.
    #[cfg(any(feature = "http", test))]
    pub(crate) fn of(body: &[u8]) -> Self {
        match serde_json::from_slice(body) {
            Ok(Value::Object(said)) => Self::of_object(&said),
            _ if body.trim_ascii_start().starts_with(b"<") => {
                let words = "a page of HTML came instead of JSON, perhaps from a proxy";
                Self { is_remote: false, words: vec![words.to_owned()] }
            }
            _ => Self::default(),
        }
    }

    /// Reads the members of an error.
    pub(crate) fn of_object(said: &Map<String, Value>) -> Self {
        #[cfg(any(feature = "http", test))]
        let is_remote = said.get("truto_is_remote_error").is_some_and(is_true);
        let mut words = Vec::new();
        let message = said.get("message").map(texts).unwrap_or_default();
        let message = if message.is_empty() {
            said.get("error").map(|error| texts(error.get("message").unwrap_or(error)))
        } else {
            Some(message)
        };
        words.extend(message);
        if let Some(failures) = said.get("details").and_then(|details| details.get("failures")) {
            words.extend(list(items(failures).map(failure)));
        }
        if let Some(insight) = said.get("truto_error_insight") {
            for (name, tell) in KNOWN {
                let told = insight.get(name).and_then(|said| tell(said, &words));
                words.extend(told);
            }
        }
        // The same is often said in several places.
        let mut kept: Vec<String> = Vec::new();
        for words in words.into_iter().filter(|words| !words.is_empty()) {
            if !kept.iter().any(|kept| kept.contains(&words)) {
                kept.push(words);
            }
        }
        Self {
            #[cfg(any(feature = "http", test))]
            is_remote,
            words: kept,
        }
    }

    /// The words alone, if there are any.
    #[cfg(feature = "http")]
    pub(crate) fn words(&self) -> Option<String> {
        (!self.words.is_empty()).then(|| self.words.join("; "))
    }

    /// What was said, behind the status: `status 400: …`.
    pub(crate) fn with_status(&self, status: impl Into<Option<u64>>) -> String {
        let status = status
            .into()
            .map_or("without a status".to_owned(), |status| format!("status {status}"));
        if self.words.is_empty() { status } else { format!("{status}: {}", self.words.join("; ")) }
    }
}

/// How one part of `truto_error_insight`, which is a `{description, value}`, is told behind the words
/// that were told already.
type Tell = fn(&Value, &[String]) -> Option<String>;

const KNOWN: [(&str, Tell); 5] = [
    ("missing_required_query_parameters", |said, told| parameters("these are missing", said, told)),
    ("conditionally_required_query_parameters", |said, told| {
        parameters("these may have to be given", said, told)
    }),
    ("forbidden_error", scopes),
    ("rate_limit_error", description),
    ("remote_error", description),
];

/// The parameters that `value` names, each with the flag that gives it. Where all of them were named
/// already, the flags alone.
fn parameters(what: &str, said: &Value, told: &[String]) -> Option<String> {
    let names: Vec<_> = said.get("value").into_iter().flat_map(names).collect();
    let is_told = |words: &String| names.iter().all(|name| words.contains(name.as_str()));
    let flags: Option<Vec<_>> = names.iter().map(|name| flag(name)).collect();
    if let Some(flags) = flags.filter(|flags| !flags.is_empty() && told.iter().any(is_told)) {
        return Some(format!("set it with {}", flags.join(", ")));
    }
    let names = names.into_iter();
    let named = list(names.map(|name| match flag(&name) {
        Some(flag) => format!("{name} ({flag})"),
        None => name,
    }));
    named.map(|named| format!("{what}: {named}")).or_else(|| description(said, told))
}

/// The flag of the command that gives a parameter of the endpoint.
fn flag(parameter: &str) -> Option<&'static str> {
    Some(match parameter.split('[').next()? {
        "integrated_account_id" => "--account",
        "organization_id" => "--organization-id",
        "product" => "--product",
        "remote_query" => "--remote-query",
        _ => return None,
    })
}

fn scopes(said: &Value, _: &[String]) -> Option<String> {
    let missing = said.get("value").and_then(|value| value.get("missing_scopes"));
    let missing = list(missing.into_iter().flat_map(names));
    missing
        .map(|missing| format!("scopes are missing: {missing}"))
        .or_else(|| description(said, &[]))
}

fn description(said: &Value, _: &[String]) -> Option<String> {
    said.get("description").map(texts).filter(|words| !words.is_empty())
}

/// `{path, message}` or plain words.
fn failure(said: &Value) -> String {
    let part = |name: &str| said.get(name).map(texts).filter(|words| !words.is_empty());
    let place = ["path", "field", "property", "param", "parameter", "instancePath"];
    let place = place.iter().find_map(|name| part(name));
    match (place, part("message").or_else(|| part("msg"))) {
        (Some(place), Some(message)) => format!("{place}: {message}"),
        (place, message) => message.or(place).unwrap_or_else(|| texts(said)),
    }
}

/// The names that `value` lists: as a text, in an array of texts or of objects with a name, or as the
/// members of an object.
fn names(value: &Value) -> Vec<String> {
    let named: Vec<_> = match value {
        Value::Object(members) => members.keys().map(String::as_str).collect(),
        value => items(value).filter_map(name).collect(),
    };
    named.into_iter().map(|name| printable(name, MAX_NAME)).collect()
}

fn name(value: &Value) -> Option<&str> {
    let member = ["name", "parameter", "scope", "key"].iter().find_map(|name| value.get(name));
    member.unwrap_or(value).as_str()
}

/// The elements of an array; anything else is its own only one.
fn items(value: &Value) -> impl Iterator<Item = &Value> {
    match value {
        Value::Array(items) => items.iter(),
        value => std::slice::from_ref(value).iter(),
    }
}

/// A text, or several, as one.
fn texts(value: &Value) -> String {
    let texts: Vec<_> = items(value).filter_map(Value::as_str).take(MAX_LISTED).collect();
    printable(&texts.join(", "), MAX_MESSAGE)
}

/// The first of `items`, and how many more there are; `None` if there is nothing.
fn list(items: impl Iterator<Item = String>) -> Option<String> {
    let mut items: Vec<_> = items.filter(|item| !item.is_empty()).collect();
    let more = items.len().saturating_sub(MAX_LISTED);
    items.truncate(MAX_LISTED);
    if more > 0 {
        items.push(format!("and {more} more"));
    }
    (!items.is_empty()).then(|| items.join(", "))
}

#[cfg(any(feature = "http", test))]
fn is_true(value: &Value) -> bool {
    value.as_bool().unwrap_or_else(|| value.as_str() == Some("true"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(body: &str) -> String {
        Insight::of(body.as_bytes()).with_status(400)
    }

    fn insight(insight: &str) -> String {
        told(&format!(r#"{{"message":"no","truto_error_insight":{{{insight}}}}}"#))
    }

    #[test]
    fn parameters_are_named_with_the_flags_that_give_them() {
        for value in [
            r#"["organization_id"]"#,
            r#""organization_id""#,
            r#"[{"name":"organization_id","type":"string"}]"#,
            r#"{"organization_id":{"required":true}}"#,
        ] {
            let said = format!(
                r#""missing_required_query_parameters":{{"description":"Missing","value":{value}}}"#
            );
            let expected = "status 400: no; these are missing: organization_id (--organization-id)";
            assert_eq!(insight(&said), expected);
        }
        let named = r#"{"message":"missing: organization_id, product","truto_error_insight":{
            "missing_required_query_parameters":{"value":["organization_id","product"]}}}"#;
        let expected = "status 400: missing: organization_id, product; set it with \
            --organization-id, --product";
        assert_eq!(told(named), expected);
        let said = r#""conditionally_required_query_parameters":
            {"description":"d","value":["product","remote_query[a]","other"]}"#;
        assert_eq!(
            insight(said),
            "status 400: no; these may have to be given: product (--product), remote_query[a] \
             (--remote-query), other"
        );
        // Without names, the description is what there is.
        for value in ["", r#","value":null"#, r#","value":[]"#, r#","value":7"#] {
            let said =
                format!(r#""missing_required_query_parameters":{{"description":"d"{value}}}"#);
            assert_eq!(insight(&said), "status 400: no; d");
        }
    }

    #[test]
    fn scopes_and_descriptions_are_told() {
        let said = r#""forbidden_error":{"description":"d","value":{"missing_scopes":["a","b"]}}"#;
        assert_eq!(insight(said), "status 400: no; scopes are missing: a, b");
        let said = r#""rate_limit_error":{"description":"slow down","value":{"x":"secret"}},
            "remote_error":{"description":"the provider is down","value":{"body":"secret"}}"#;
        assert_eq!(insight(said), "status 400: no; slow down; the provider is down");
    }

    #[test]
    fn failures_of_validation_are_listed() {
        let said = |failures: &str| {
            told(&format!(r#"{{"message":"","error":"Bad","details":{{"failures":{failures}}}}}"#))
        };
        let failures = r#"[{"path":"limit","message":"must be a number","value":"secret"},"plain",
            {"message":"alone"},{"field":"x"},7,null,{}]"#;
        assert_eq!(said(failures), "status 400: Bad; limit: must be a number, plain, alone, x");
        let many = format!("[{}]", vec!["\"f\""; 13].join(","));
        assert!(said(&many).ends_with("f, and 3 more"), "{}", said(&many));
    }

    #[test]
    fn a_message_may_be_empty_or_of_any_type() {
        assert_eq!(told(r#"{"message":""}"#), "status 400");
        assert_eq!(told(r#"{"message":["a","b"]}"#), "status 400: a, b");
        assert_eq!(told(r#"{"message":7,"error":"Bad Request"}"#), "status 400: Bad Request");
        assert_eq!(told("[1]"), "status 400");
        assert_eq!(told("{"), "status 400");
        assert!(told(" <!doctype html>").contains("a page of HTML came instead of JSON"));
        let remote = |value| {
            Insight::of(format!(r#"{{"truto_is_remote_error":{value}}}"#).as_bytes()).is_remote
        };
        assert!(remote("true") && remote("\"true\""));
        assert!(!remote("false") && !remote("null") && !remote("[]"));
    }

    #[test]
    fn nothing_that_the_provider_answered_is_told() {
        let body = r#"{"message":"no","raw_response":{"message":"secret"},"truto_error_insight":
            {"remote_error":{"value":"secret"},"raw_response":"secret","other":{"description":"x"}},
            "truto_is_remote_error":true}"#;
        assert_eq!(told(body), "status 400: no");
    }

    #[test]
    fn words_are_bounded_and_printable() {
        let long = "x".repeat(10_000);
        let names = format!("[{}]", vec![format!("\"{long}\\u001b\""); 100].join(","));
        let said = format!(
            r#""missing_required_query_parameters":{{"value":{names}}},
               "remote_error":{{"description":{names}}}"#
        );
        let told = insight(&said);
        assert!(told.len() < 1500, "{}", told.len());
        assert!(!told.contains('\u{1b}'));
    }
}
