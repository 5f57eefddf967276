//! Whether an account has licenses.

use std::sync::Arc;

use serde_json::Value;

use crate::error::Result;
use crate::truto::TrutoClient;

/// Longest answer, in bytes: a list of what one resource can do.
const MAX_ANSWER: usize = 256 << 10;

/// How often it is asked at most.
const ATTEMPTS: u32 = 2;

/// Names under which an answer may have what matters.
const WRAPPERS: [&str; 6] =
    ["result", "results", "data", "capabilities", "unified", "user-directory"];

/// Whether licenses can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LicenseSupport {
    /// The API says so.
    Yes,
    /// The API says that they cannot.
    No,
    /// The API did not say so in a way that is understood: asking for them will tell.
    Unknown,
}

impl From<bool> for LicenseSupport {
    fn from(supported: bool) -> Self {
        if supported { Self::Yes } else { Self::No }
    }
}

impl TrutoClient {
    /// Asks whether an account has licenses:
    /// `GET /integrated-account/{id}/capabilities?type=unified&resource=licenses&methods=list`.
    ///
    /// What the answer looks like is not documented. Several readings are understood; where none fits,
    /// or the question fails, the answer is [`LicenseSupport::Unknown`], and the request for the
    /// licenses decides: that goes for a token that is refused, too, as it may be good for licenses and not for
    /// this. It is asked twice at most, outside the budget of retries, and waited for 10 s at most until it begins
    /// and until it has ended. Who [watches](Self::with_watch) is told why it failed.
    ///
    /// # Errors
    /// None today: where this question fails, the one for the licenses fails too, and says more.
    pub async fn supports_licenses(&self, account: &str) -> Result<LicenseSupport> {
        let mut url = self.url("integrated-account");
        if let Ok(mut path) = url.path_segments_mut() {
            path.push(account).push("capabilities");
        }
        url.query_pairs_mut()
            .append_pair("type", "unified")
            .append_pair("resource", "licenses")
            .append_pair("methods", "list");
        let hurried = self.hurried(ATTEMPTS);
        let retries = hurried.retries(&Arc::default()).apart();
        let asked = hurried.get_whole_with(&url, Some(account), MAX_ANSWER, retries).await;
        let said = self.if_known("whether it has licenses", Some(account), asked);
        let said = said.and_then(|body| serde_json::from_slice(&body).ok());
        Ok(said.map_or(LicenseSupport::Unknown, |said| read(&said)))
    }
}

/// What an answer says of the listing of licenses.
fn read(answer: &Value) -> LicenseSupport {
    match answer {
        Value::Bool(supported) => (*supported).into(),
        // Only what fits was asked for: an empty list says that nothing does.
        Value::Array(list) if list.is_empty() => LicenseSupport::No,
        Value::Array(list) => list.iter().map(element).fold(LicenseSupport::Unknown, best),
        Value::Object(object) => {
            for name in ["supported", "is_supported", "enabled"] {
                if let Some(Value::Bool(supported)) = object.get(name) {
                    return (*supported).into();
                }
            }
            if let Some(licenses) =
                object.get("licenses").or_else(|| object.get("user-directory/licenses"))
            {
                return methods(licenses);
            }
            if object.get("resource").is_none_or(is_licenses)
                && let Some(found) = object.get("methods").or_else(|| object.get("list"))
            {
                return methods(found);
            }
            let wrapped = WRAPPERS.iter().filter_map(|name| object.get(*name)).map(read);
            wrapped.fold(LicenseSupport::Unknown, best)
        }
        _ => LicenseSupport::Unknown,
    }
}

/// One of several resources.
fn element(element: &Value) -> LicenseSupport {
    match element {
        Value::String(_) if is_licenses(element) => LicenseSupport::Yes,
        Value::Object(object) => match object.get("resource").or_else(|| object.get("name")) {
            Some(resource) if is_licenses(resource) => {
                match read(element) {
                    // It is listed, and nothing more is said.
                    LicenseSupport::Unknown => LicenseSupport::Yes,
                    said => said,
                }
            }
            Some(_) => LicenseSupport::Unknown,
            None => read(element),
        },
        _ => LicenseSupport::Unknown,
    }
}

/// What is said of the methods of licenses.
fn methods(said: &Value) -> LicenseSupport {
    match said {
        Value::Bool(supported) => (*supported).into(),
        Value::String(method) => (method == "list").into(),
        Value::Array(methods) => {
            let is_list = |it: &Value| {
                let name = it.get("method").or_else(|| it.get("name")).unwrap_or(it);
                name.as_str() == Some("list")
            };
            methods.iter().any(is_list).into()
        }
        Value::Object(object) => match object.get("list").or_else(|| object.get("methods")) {
            Some(list) => methods(list),
            None => read(said),
        },
        _ => LicenseSupport::Unknown,
    }
}

fn is_licenses(resource: &Value) -> bool {
    resource.as_str().is_some_and(|name| name.rsplit('/').next() == Some("licenses"))
}

/// Of several that are said, `Yes` is certain, and `No` is more than nothing.
fn best(one: LicenseSupport, other: LicenseSupport) -> LicenseSupport {
    use LicenseSupport::{No, Unknown, Yes};

    match (one, other) {
        (Yes, _) | (_, Yes) => Yes,
        (No, _) | (_, No) => No,
        _ => Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_readings_of_the_answer_are_understood() {
        for (support, answers) in [
            (
                LicenseSupport::Yes,
                &[
                    "true",
                    r#"{"supported":true}"#,
                    r#"["licenses"]"#,
                    r#"{"result":["user-directory/licenses"]}"#,
                    r#"{"licenses":{"list":true}}"#,
                    r#"{"licenses":["get","list"]}"#,
                    r#"{"capabilities":{"unified":{"licenses":{"list":{"supported":true}}}}}"#,
                    r#"{"type":"unified","resource":"licenses","methods":{"list":true}}"#,
                    r#"{"result":[{"resource":"users"},{"resource":"licenses","methods":["list"]}]}"#,
                    r#"[{"resource":"user-directory/licenses"}]"#,
                    r#"[{"resource":"licenses","methods":[{"method":"list"}]}]"#,
                ][..],
            ),
            (
                LicenseSupport::No,
                &[
                    "false",
                    "[]",
                    r#"{"result":[]}"#,
                    r#"{"licenses":false}"#,
                    r#"{"licenses":{"list":false}}"#,
                    r#"{"licenses":[]}"#,
                    r#"{"data":{"licenses":["get"]}}"#,
                    r#"{"type":"unified","resource":"licenses","methods":{"list":false}}"#,
                    r#"[{"resource":"licenses","methods":["get"]}]"#,
                ],
            ),
            (
                LicenseSupport::Unknown,
                &[
                    "{}",
                    "7",
                    "null",
                    r#""soon""#,
                    r#"{"resource":"users","methods":["list"]}"#,
                    r#"[7]"#,
                ],
            ),
        ] {
            for answer in answers {
                let value = serde_json::from_str(answer).unwrap();
                assert_eq!(read(&value), support, "{answer}");
            }
        }
    }
}
