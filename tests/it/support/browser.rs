//! A real browser without a screen.

use std::path::Path;

use serde_json::Value;

use super::python;

/// What a browser draws of `page`, so many pixels wide and `light` or `dark`: what `tests/readers/browser.py` says.
pub(crate) fn look(page: &Path, width: u32, scheme: &str) -> Value {
    let [seen] = python::browser(page, width, scheme).try_into().expect("one object");
    seen
}

/// Asserts that nothing is wrong with a page that a browser drew.
#[track_caller]
pub(crate) fn assert_sound(seen: &Value) {
    assert_eq!(seen["scroll_width"], seen["width"], "it scrolls sideways");
    for fault in ["wide", "faint", "small", "torn", "console"] {
        assert_eq!(seen[fault].as_array().map(Vec::len), Some(0), "{fault}: {:#}", seen[fault]);
    }
    for fault in ["dim", "scripts", "unnamed"] {
        assert_eq!(seen[fault], 0, "{fault}");
    }
    assert_eq!(seen["links"], serde_json::json!(["data:,"]), "it needs other files");
    let requests = seen["requests"].as_array().expect("a list");
    assert!(
        requests.len() == 1 && requests[0].as_str().is_some_and(|it| it.starts_with("file:")),
        "{requests:?}"
    );
    let tables = seen["tables"].as_array().expect("a list").len() as u64;
    assert_eq!(seen["roles"]["table"], tables, "who hears it hears other tables");
}
