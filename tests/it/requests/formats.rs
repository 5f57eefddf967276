//! The formats that hold licenses, and their pages.

use super::{asking, queries};
use crate::support::process::run;

#[test]
fn every_format_of_licenses_is_read_to_its_last_page() {
    for format in ["stream", "unified", "normalized"] {
        let pages = [
            "{\n  \"result\": [\n    {\"id\": \"1\"},\n    {\"id\": \"2\"}\n  ],\n  \"next_cursor\": \"a b\"\n}\n",
            // An empty page that has a cursor is not the end.
            "{\"next_cursor\":\"c\",\"result\":[]}",
            "{\"result\":[{\"id\":\"3\"}],\"next_cursor\":null}",
        ];
        let (api, mut command) = asking("ndjson", &pages);
        let got = run(command.args(["--format", format, "--limit", "2"]));
        let want = "{\"id\": \"1\"}\n{\"id\": \"2\"}\n{\"id\":\"3\"}\n";
        assert_eq!((got.code, got.text()), (Some(0), want), "{format}: {}", got.stderr);
        let first = format!("{format}&limit=2");
        let further = |cursor| format!("{first}&next_cursor={cursor}");
        assert_eq!(queries(api), [first.clone(), further("a%20b"), further("c")]);
    }
}

#[test]
fn pages_that_lead_in_a_circle_are_an_error_in_every_format() {
    for format in ["stream", "unified", "normalized"] {
        let page = "{\"result\":[{\"id\":\"1\"}],\"next_cursor\":\"a\"}";
        let (api, mut command) = asking("ndjson", &[page, page]);
        let got = run(command.args(["--format", format]));
        assert_eq!(got.code, Some(1), "{}", got.stderr);
        assert!(got.stderr.contains("lead in a circle"), "{}", got.stderr);
        assert_eq!(queries(api).len(), 2);
    }
}

#[test]
fn a_partial_answer_is_not_complete_in_any_format() {
    for format in ["unified", "normalized"] {
        let body = "{\"result\":[{\"id\":\"1\"}],\"is_partial_response\":true}";
        let (_api, mut command) = asking("ndjson", &[body]);
        let got = run(command.args(["--format", format]));
        assert_eq!((got.code, got.text()), (Some(1), "{\"id\":\"1\"}\n"), "{}", got.stderr);
        assert!(got.stderr.contains("partial"), "{}", got.stderr);
    }
}

#[test]
fn what_has_no_id_is_no_license_in_any_format_but_raw() {
    for format in ["stream", "unified", "normalized"] {
        let (_api, mut command) =
            asking("ndjson", &["{\"result\":[{\"id\":\"1\"},{\"name\":\"x\"}]}"]);
        let got = run(command.args(["--format", format]));
        assert_eq!((got.code, got.text()), (Some(1), "{\"id\":\"1\"}\n"), "{}", got.stderr);
        assert!(got.stderr.contains("field `id` is missing"), "{}", got.stderr);
    }
}

#[test]
fn a_keyed_result_is_read() {
    let body = "{\"result\":{\"1\":{\"id\":\"1\"},\"2\":{\"id\":\"2\"}}}";
    let (_api, mut command) = asking("ndjson", &[body]);
    let got = run(command.args(["--format", "unified", "--key-by", "id"]));
    let want = "{\"id\":\"1\"}\n{\"id\":\"2\"}\n";
    assert_eq!((got.code, got.text()), (Some(0), want), "{}", got.stderr);
    assert!(!got.stderr.contains("warning"), "{}", got.stderr);
}

#[test]
fn what_begins_at_a_cursor_is_not_all_of_it() {
    for (flags, is_complete) in
        [(&["--cursor", "p2"][..], false), (&["--cursor", ""], true), (&[], true)]
    {
        let (api, mut command) = asking("ndjson", &["{\"id\":\"3\"}\n"]);
        let got = run(command.args(["--json"]).args(flags));
        assert_eq!((got.code, got.text()), (Some(0), "{\"id\":\"3\"}\n"), "{}", got.stderr);
        let summary = got.stderr.lines().last().unwrap();
        let summary: serde_json::Value = serde_json::from_str(summary).unwrap();
        assert_eq!(summary["snapshots"][0]["complete"], is_complete, "{flags:?}");
        assert_eq!(got.stderr.contains("begins at a cursor"), !is_complete, "{}", got.stderr);
        let query = if is_complete { "stream" } else { "stream&next_cursor=p2" };
        assert_eq!(queries(api), [query]);
    }
}
