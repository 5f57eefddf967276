//! Bodies that no server should send, from files.

use std::io::Write;

use serde_json::Value;

use super::{failure, ndjson, summary};
use crate::support::run::{Run, run};

/// Reads `body` from a file.
fn read(body: &str, arguments: &[&str], code: i32) -> Run {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(body.as_bytes()).unwrap();
    run(ndjson().args(arguments).arg("--input").arg(file.path())).expect(code)
}

const A: &str = r#"{"id":"a","name":"]}"}"#;
const B: &str = r#"{"id":"b"}"#;

/// Bodies of every shape that hold `A`, then `middle`, then `B`.
fn bodies(middle: &str) -> Vec<String> {
    vec![
        format!("{A}\n{middle}\n{B}\n"),
        format!("{{\"result\":[{A},{middle},{B}],\"next_cursor\":null}}"),
        format!("{{\"next_cursor\":null,\"results\":[{A},{middle}]}}\n{{\"result\":[{B}]}}\n"),
        format!("{{\n  \"result\": [\n    {A},\n    {middle},\n    {B}\n  ]\n}}\n"),
        format!("{{\"result\":{{\"a\":{A},\"x\":{middle},\"b\":{B}}}}}"),
        format!("[{A},{middle},{B}]"),
        format!("\u{1e}{A}\n\u{1e}{middle}\n\u{1e}{B}\n"),
    ]
}

#[test]
fn a_broken_record_costs_one_record() {
    for (broken, reason) in [
        (r#"{"id":}"#, "syntax"),
        (r#"{"id":"x","name":nope}"#, "syntax"),
        (r#"{"name":"no id"}"#, "missing_id"),
        (r#"{"name":"no id","message":"x","result_count":1}"#, "missing_id"),
        (r#"{"name":"no id","remote_data":{"error":"x"},"x":}"#, "syntax"),
        ("{}", "missing_id"),
        ("7", "not_an_object"),
    ] {
        for body in bodies(broken) {
            // A keyed result has nothing but objects.
            if broken == "7" && body.starts_with(r#"{"result":{"#) {
                continue;
            }
            let run = read(&body, &["--on-error", "skip"], 4);
            assert_eq!(run.stdout, format!("{A}\n{B}\n"), "{body}");
            let summary = summary(&run);
            assert_eq!(summary["rejected"], 1, "{body}: {summary}");
            assert_eq!(summary["rejects_by_reason"][reason], 1, "{body}: {summary}");
            assert_eq!(summary["snapshots"][0]["complete"], true);

            let run = read(&body, &[], 1);
            assert_eq!(
                (run.stdout.as_str(), failure(&run).as_str()),
                (&*format!("{A}\n"), "record")
            );
        }
    }
}

#[test]
fn an_error_fails_the_run_however_the_body_goes_on() {
    for error in [
        r#"{"statusCode":502,"error":"Bad Gateway","message":"x","truto_is_remote_error":true}"#,
        r#"{"statusCode":"502","error":"Bad Gateway","message":"x"}"#,
        r#"{"statusCode":502,"error":"","message":"x"}"#,
        r#"{"statusCode":502,"error":{"code":1},"message":"x"}"#,
        r#"{"statusCode":502.0,"error":"x"}"#,
        r#"{"error":"Bad Gateway","message":"x"}"#,
        r#"{"message":"x"}"#,
    ] {
        let unclosed = [format!("{{\"result\":[{A},{error}"), format!("[{A},{error}")];
        // On a line of its own, behind a page.
        let behind = [format!("{{\"result\":[{A}],\"next_cursor\":\"c\"}}\n{error}\n")];
        for body in bodies(error).into_iter().chain(unclosed).chain(behind) {
            for arguments in [&[][..], &["--on-error", "skip"]] {
                let run = read(&body, arguments, 1);
                assert_eq!(failure(&run), "upstream", "{body}: {run:#?}");
                let status =
                    if error.contains("502") { "(status 502: x)" } else { "(without a status: x)" };
                assert!(run.stderr.contains(status), "{run:#?}");
                // However much came together, nothing behind it.
                assert_eq!(run.stdout, format!("{A}\n"), "{body}: {run:#?}");
            }
        }
    }
}

#[test]
fn an_error_with_all_of_the_provider_s_answer_is_still_an_error() {
    let raw = "x".repeat(100_000);
    let error = format!(
        r#"{{"statusCode":502,"error":"Bad Gateway","message":"x","raw_response":"{raw}"}}"#
    );
    for body in bodies(&error) {
        let run = read(&body, &["--on-error", "skip"], 1);
        assert_eq!(failure(&run), "upstream", "{run:#?}");
    }
}

#[test]
fn a_line_about_the_page_is_no_record_wherever_it_stands() {
    for line in [
        r#"{"next_cursor":null}"#,
        r#"{"prev_cursor":"c","result_count":2}"#,
        r#"{"is_partial_response":false}"#,
        r#"{"is\u005fpartial_response":false}"#,
        r#"{"id":null,"next_cursor":null}"#,
    ] {
        for body in [
            format!("{line}\n{A}\n{B}\n"),
            format!("{A}\n{line}\n{B}\n"),
            format!("{A}\n{B}\n{line}\n"),
            format!("\u{1e}{A}\n\u{1e}{line}\n\u{1e}{B}\n"),
        ] {
            let run = read(&body, &[], 0);
            assert_eq!(run.stdout, format!("{A}\n{B}\n"), "{body}");
            assert_eq!(summary(&run)["rejected"], 0);
        }
    }
}

#[test]
fn a_list_has_no_lines_about_the_page() {
    let bodies = |middle: &str| {
        [
            format!("[{A},{middle},{B}]"),
            format!("{{\"result\":[{A},{middle},{B}]}}"),
            format!("{{\"result\":{{\"a\":{A},\"x\":{middle},\"b\":{B}}}}}"),
        ]
    };
    for middle in [
        r#"{"next_cursor":"c"}"#,
        r#"{"is_partial_response":true}"#,
        r#"{"next_cursor":"c","x":NaN}"#,
        r#"{"statusCode":502,"error":Bad}"#,
        r#"[{"id":"c"},{"id":"d"}]"#,
    ] {
        for body in bodies(middle) {
            let run = read(&body, &["--on-error", "skip"], 1);
            assert_eq!(run.stdout, format!("{A}\n"), "{body}");
            assert_eq!(failure(&run), "malformed", "{body}");
        }
    }
    for body in bodies(r#"{"next_cursor":null}"#) {
        let run = read(&body, &["--on-error", "skip"], 4);
        assert_eq!(run.stdout, format!("{A}\n{B}\n"), "{body}");
        assert_eq!(summary(&run)["rejects_by_reason"]["missing_id"], 1);
    }
}

#[test]
fn a_list_or_a_line_of_several_is_no_record() {
    for line in [
        r#"[{"id":"c"},{"id":"d"}]"#,
        r#"[{"id":"c"},{"id":"d",}]"#,
        r#"{"id":"c"}{"next_cursor":"c1"}"#,
        r#"{"id":"c","na{"statusCode":502,"error":"Bad Gateway"}"#,
        r#"{"next_cursor:"c1"}"#,
        &r#"{"id":"c"}"#.repeat(1000),
        &"{\"id\":\"c\"}\r".repeat(1000),
        r#"{"id":"c","na{"id":"d"}{"id":"e"}"#,
    ] {
        for body in [format!("{A}\n{line}\n{B}\n"), format!("\u{1e}{A}\n\u{1e}{line}\n\u{1e}{B}\n")]
        {
            let run = read(&body, &["--on-error", "skip"], 1);
            assert_eq!(run.stdout, format!("{A}\n"), "{body}");
            assert_eq!(failure(&run), "malformed", "{body}");
        }
    }
    // Lines that one separator stands before, or that are said to be a sequence.
    let lines = format!("{B}\n").repeat(1000);
    for (body, shape) in [(format!("\u{1e}{lines}"), "auto"), (lines, "sequence")] {
        for policy in ["skip", "fail"] {
            let run = read(&body, &["--shape", shape, "--on-error", policy], 1);
            assert_eq!((run.stdout.as_str(), &*failure(&run)), ("", "malformed"), "{run:#?}");
            assert!(run.stderr.contains("several objects follow one another"), "{run:#?}");
        }
    }
}

#[test]
fn a_license_is_one_record_whatever_is_wrong_with_it() {
    for license in [
        r#"["id":"165f","name":"x","roles":[{"id":"r"},{"id":"s"}]}"#,
        r#"{"id":7,"name":"n","status":1000}"#,
        r#"{"id":7,"name":"n","status":500}"#,
    ] {
        let run = read(&format!("{A}\n{license}\n{B}\n"), &["--on-error", "skip"], 4);
        assert_eq!(run.stdout, format!("{A}\n{B}\n"), "{license}");
        assert_eq!(summary(&run)["rejected"], 1, "{license}");
    }
    let run = read(&format!("{A}\n[{{\"id\":\"7bf8\n{B}\n"), &["--on-error", "skip"], 1);
    assert_eq!(failure(&run), "malformed");
}

#[test]
fn a_result_has_records_in_it() {
    for result in [r#"{"id":"a","name":"x"}"#, r#""x""#, "7", r#"{"a":{"id":"a"},"b":null}"#] {
        let run = read(&format!(r#"{{"result":{result}}}"#), &["--on-error", "skip"], 1);
        assert_eq!(failure(&run), "malformed", "{result}");
    }
    let run = read(r#"{"result":["x"]}"#, &["--on-error", "skip"], 4);
    assert_eq!(summary(&run)["rejects_by_reason"]["not_an_object"], 1);
}

#[test]
fn a_record_may_nest_as_deep_as_it_likes() {
    let nested = |levels: usize| format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels));
    let body = format!("{B}\n{}\n{B}\n", nested(1000));
    let run = read(&body, &["--on-error", "skip"], 4);
    assert_eq!(
        (run.stdout.clone(), &summary(&run)["rejects_by_reason"]["too_deep"]),
        (format!("{B}\n{B}\n"), &1.into())
    );
    let license = format!("{{\"id\":\"a\",\"remote_data\":{}}}\n", nested(1023));
    for shape in ["lines", "sequence"] {
        assert_eq!(read(&license, &["--max-depth=1024", "--shape", shape], 0).stdout, license);
    }
}

#[test]
fn a_message_says_what_is_wrong_and_where() {
    for (body, message) in [
        (r#"{"result":[{"id":"a"}],"next_cursor":{"a":1}}"#, "cannot be followed at byte 37,"),
        (
            r#"{"result":[{"id":"a"}],"x":01}"#,
            "`,` or `}` was expected behind a member at byte 28,",
        ),
        (
            "{\"id\":\"z\"}\n[{\"id\":\"a\"]",
            "ends at byte 22 within its last record, or the quotes and brackets of that do not pair up: it begins at \
             byte 11,",
        ),
        (
            r#"[{"id":"a"},{"id":"b","n":"x},{"id":"c"},{"id":"d"},{"id":"e"}]"#,
            "of the record that begins at byte 12, line 1, record 1 do not pair up, or it was cut: body ends inside its \
             JSON at byte 63,",
        ),
        (
            "{\"result\":[{\"id\":\"a\"}],\n\"next_cursor\":\"c",
            "a part of the envelope that begins at byte 38, line 2 has no end, or it was cut: body ends inside its JSON \
             at byte 40,",
        ),
    ] {
        let run = read(body, &["--on-error", "skip"], 1);
        assert!(run.stderr.contains(message), "{}", run.stderr);
    }
}

#[test]
fn an_answer_without_records_may_be_an_error() {
    for (body, status) in [
        (r#"{"result":null,"message":"Internal server error"}"#, "without a status"),
        (r#"{"result":[],"status":500,"message":"x"}"#, "status 500"),
    ] {
        for line in ["", "{\"next_cursor\":null}\n"] {
            let run = read(&format!("{line}{body}\n"), &["--on-error", "skip"], 1);
            assert_eq!(failure(&run), "upstream", "{run:#?}");
            assert!(run.stderr.contains(status), "{run:#?}");
        }
    }
    let page = r#"{"result":[],"message":"ok","limit":10,"result_count":0}"#;
    assert_eq!(summary(&read(page, &[], 0))["records"], 0);
}

#[test]
fn what_may_be_a_license_is_no_empty_page() {
    let first = r#"{"id":"a","result":null,"next_cursor":null}"#;
    for body in [format!("{first}\n"), format!("{first}\n{B}\n")] {
        let run = read(&body, &["--on-error", "skip"], 1);
        assert_eq!(failure(&run), "malformed", "{run:#?}");
        assert!(run.stderr.contains("--shape envelope or --shape lines"), "{run:#?}");
        let run = read(&body, &["--shape", "lines"], 0);
        assert_eq!(run.stdout, body);
    }
    assert_eq!(read(first, &["--shape", "envelope"], 0).stdout, "");
}

#[test]
fn an_envelope_where_lines_are_read_is_not_passed_over() {
    for envelope in [
        r#"{"result":[{"id":"c"}],"next_cursor":null}"#,
        r#"{"results":{"c":{"id":"c"}}}"#,
        r#"{"data":[{"id":"c"}],"next_cursor":null}"#,
        r#"{"name":"x","next_cursor":"c"}"#,
    ] {
        for body in [
            format!("{A}\n{envelope}\n{B}\n"),
            format!("{{\"next_cursor\":null}}\n{A}\n{envelope}\n"),
            format!("\u{1e}{A}\n\u{1e}{envelope}\n"),
        ] {
            for arguments in [&[][..], &["--on-error", "skip"]] {
                let run = read(&body, arguments, 1);
                assert_eq!(run.stdout, format!("{A}\n"), "{body}");
                assert_eq!(failure(&run), "malformed", "{body}");
            }
        }
    }
}

#[test]
fn what_may_have_borne_the_cursor_is_not_skipped() {
    let limit = "--max-record-bytes=40";
    let long = format!(r#"{{"next_cursor":"{}"}}"#, "c".repeat(50));
    let other = format!(r#"{{"id":"x","error":"{}"}}"#, "c".repeat(50));
    for (line, code) in [
        (r#"{"next_cursor":"c",}"#, 1),
        (r#"{"next_cursor":"c"#, 1),
        (r#"{"statusCode":502,"error":"x""#, 1),
        (&long, 1),
        (&other, 4),
        (r#"{"id":"x","error":}"#, 4),
        (r#"{"id":"x","next_cursor":}"#, 1),
        // Behind as much as is looked at of it.
        (&format!(r#"{{"name":"{}","next_cursor":"c"}}"#, "c".repeat(50)), 1),
        (&format!(r#"{{"raw_response":"{}","statusCode":502,"error":"x"}}"#, "c".repeat(50)), 1),
        (&format!(r#"{{"id":"{}"}}{{"next_cursor":"c"}}"#, "c".repeat(50)), 1),
        (&format!(r#"{{"id":"x","name":"{}","#, "c".repeat(50)), 1),
        (&format!(r#"{{"id":"{}","error":"c"}}"#, "c".repeat(50)), 4),
        (&format!(r#"{{"id":"{}","next_cursor":"c"}}"#, "c".repeat(50)), 1),
    ] {
        for body in [format!("{A}\n{line}\n{B}\n"), format!("\u{1e}{A}\n\u{1e}{line}\n\u{1e}{B}\n")]
        {
            let run = read(&body, &["--on-error", "skip", limit], code);
            let is_complete = summary(&run)["snapshots"][0]["complete"] == true;
            assert_eq!(is_complete, code == 4, "{body}");
            if code == 1 {
                assert_eq!(
                    (run.stdout.as_str(), failure(&run).as_str()),
                    (&*format!("{A}\n"), "malformed")
                );
                assert!(run.stderr.contains("licenses may be missing"), "{run:#?}");
            }
        }
    }
}

#[test]
fn advice_about_a_long_first_line_is_given_where_it_may_be_an_envelope() {
    let long = "x".repeat(70_000);
    for (first, is_advised) in [
        (format!(r#"{{"x":"{long}","result":[{A}]}}"#), true),
        (format!(r#"{{"id":"x","x":"{long}"}}"#), false),
        (format!(r#""{long}""#), false),
    ] {
        for policy in ["fail", "skip"] {
            let limit = "--max-record-bytes=40";
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(format!("{first}\n{A}\n").as_bytes()).unwrap();
            let run = run(ndjson().args(["--on-error", policy, limit, "--input"]).arg(file.path()));
            assert_eq!(run.stderr.contains("--shape envelope"), is_advised, "{policy}: {run:#?}");
        }
    }
}

#[test]
fn what_the_api_counts_is_told_and_compared() {
    for (count, is_warned) in [(2, false), (3, true)] {
        let body = format!("{{\"result\":[{A},{B}],\"result_count\":{count}}}");
        let run = read(&body, &[], 0);
        assert_eq!(summary(&run)["snapshots"][0]["result_count"], count);
        assert_eq!(run.stderr.contains("warning: the API counts 3"), is_warned, "{run:#?}");
    }
    let run = read(&format!("{A}\n"), &[], 0);
    assert_eq!(summary(&run)["snapshots"][0].get("result_count"), None);
}

#[test]
fn white_space_around_a_record_does_not_make_it_too_long() {
    let limit = format!("--max-record-bytes={}", A.len());
    for body in
        [format!("{A}\r\n  {A} \r\n"), format!("\u{1e}{A}\n\u{1e} {A}\n"), format!("[ {A} , {A} ]")]
    {
        assert_eq!(read(&body, &[&limit], 0).stdout, format!("{A}\n{A}\n"), "{body}");
    }
}

#[test]
fn a_body_that_bears_a_cursor_is_not_all() {
    let cursor = r#"{"next_cursor":"c"}"#;
    for body in [
        format!("{A}\n{B}\n{cursor}\n"),
        format!("{cursor}\n{A}\n{B}\n"),
        format!("{A}\n{cursor}\n{B}\n"),
        format!("{A}\n{B}\n{cursor}\n{{\"result_count\":2}}\n"),
        format!("{{\"result\":[{A},{B}],\"next_cursor\":\"c\"}}"),
        format!("{{\"result\":[{A}]}}\n{{\"next_cursor\":\"c\",\"result\":[{B}]}}\n"),
    ] {
        let run = read(&body, &[], 1);
        assert_eq!(run.stdout, format!("{A}\n{B}\n"), "{body}");
        assert_eq!(failure(&run), "truncated", "{body}");
    }
}

#[test]
fn the_cursor_of_the_last_page_counts() {
    for last in ["", ",\"next_cursor\":null", ",\"next_cursor\":\"\""] {
        let body =
            format!("{{\"result\":[{A}],\"next_cursor\":\"c\"}}\n{{\"result\":[{B}]{last}}}\n");
        let run = read(&body, &[], 0);
        assert_eq!(run.stdout, format!("{A}\n{B}\n"), "{body}");
    }
}

#[test]
fn a_license_over_many_lines_is_written_on_one() {
    let license = "{\r\n  \"id\": \"a\",\n  \"name\": \"b\\n\"\n}";
    for body in [format!("[{license},{B}]"), format!("\u{1e}{license}\n\u{1e}{B}\n")] {
        let run = read(&body, &[], 0);
        let lines: Vec<_> = run.stdout.lines().collect();
        assert_eq!(lines.len(), 2, "{:?}", run.stdout);
        let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(value(lines[0]), value(license));
        assert_eq!(lines[1], B);
    }
}
