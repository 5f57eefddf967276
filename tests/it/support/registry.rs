//! The schema registry that `make test` starts.

use serde_json::{Value, json};

/// The address of a registry's API that is compatible with Confluent's.
pub(crate) fn registry() -> String {
    match std::env::var("LICENSE_STREAM_REGISTRY") {
        Ok(address) if !address.is_empty() => address,
        _ => panic!(
            "this test needs a schema registry: run `make test`, `scripts/with-services.sh cargo test …`, or set \
             LICENSE_STREAM_REGISTRY to the address of one that may be written to"
        ),
    }
}

/// The id that the registry gives to `schema` of `kind`, registered under `subject`.
pub(crate) fn register(subject: &str, kind: &str, schema: &str) -> u64 {
    let body = json!({"schemaType": kind, "schema": schema});
    let (status, answer) = ask("POST", &format!("subjects/{subject}/versions"), Some(&body));
    assert_eq!(status, 200, "{answer}");
    answer["id"].as_u64().unwrap()
}

/// What the latest version of `subject` is; `None` if there is none.
pub(crate) fn latest(subject: &str) -> Option<Value> {
    match ask("GET", &format!("subjects/{subject}/versions/latest"), None) {
        (200, latest) => Some(latest),
        (404, _) => None,
        other => panic!("{other:?}"),
    }
}

/// Makes `level` the one that versions of `subject` must keep.
pub(crate) fn keep(subject: &str, level: &str) {
    let (status, answer) =
        ask("PUT", &format!("config/{subject}"), Some(&json!({"compatibility": level})));
    assert_eq!(status, 200, "{answer}");
}

/// Whether `schema` of `kind` may follow the latest version of `subject`.
pub(crate) fn may_follow(subject: &str, kind: &str, schema: &str) -> bool {
    let body = json!({"schemaType": kind, "schema": schema});
    let path = format!("compatibility/subjects/{subject}/versions/latest");
    let (status, answer) = ask("POST", &path, Some(&body));
    assert_eq!(status, 200, "{answer}");
    answer["is_compatible"].as_bool().unwrap()
}

#[tokio::main(flavor = "current_thread")]
async fn ask(method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
    let mut request = http.request(method, format!("{}/{path}", registry()));
    if let Some(body) = body {
        request = request.header("content-type", "application/json").body(body.to_string());
    }
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let body = response.bytes().await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}
