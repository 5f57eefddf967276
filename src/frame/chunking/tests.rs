//! A table of bodies of every shape, and invented ones.

use proptest::prelude::*;

use super::*;

/// The records of a body that is told by itself, all of them good.
fn records(body: &str) -> (Vec<String>, Page) {
    let framing = check(body.as_bytes(), Shape::Auto);
    assert_eq!(framing.errors, [], "{body}");
    assert_eq!(framing.end.byte, body.len() as u64, "{body}");
    let text = |(_, bytes): &(_, Vec<u8>)| String::from_utf8_lossy(bytes).into_owned();
    (framing.records.iter().map(text).collect(), framing.page)
}

fn cursor(cursor: &str) -> Page {
    Page { next_cursor: Some(cursor.to_owned()), ..Page::default() }
}

#[test]
fn every_shape_is_told_by_its_first_bytes() {
    let a = r#"{"id":"a"}"#;
    let b = r#"{ "id": "b]}\"[", "x": [1, {"y": "}"}] }"#;
    let none = Page::default;
    for (body, page) in [
        // Lines.
        (format!("{a}\n{b}\n"), none()),
        (format!("\u{feff}{a}\r\n\r\n  {b}"), none()),
        // An envelope, with its other members before or after, compact or not.
        (format!(r#"{{"result":[{a},{b}],"next_cursor":"c"}}"#), cursor("c")),
        (format!(r#"{{"next_cursor":"c","result":[{a},{b}]}}"#), cursor("c")),
        (format!(r#"{{"next_cursor":null,"results":[{a},{b}]}}"#), none()),
        (format!(r#"{{"id":"r","result":[{a},{b}],"next_cursor":"c"}}"#), cursor("c")),
        (format!("{{ \"id\": 1,\n \"result\": [\n{a},\n{b} ] }}"), none()),
        (format!(r#"{{"id":"r","result":{{"a":{a},"b":{b}}}}}"#), none()),
        (format!(r#"{{"id":"r","result":[],"next_cursor":"b"}}{{"result":[{a},{b}]}}"#), none()),
        (format!(r#"{{"id":"r","status":"ok","result":[{a},{b}],"next_cursor":null}}"#), none()),
        (
            format!(
                "{{\"result\":[{a},{b}],\"meta\":{{\"x\":{{}}}}}}\n\
                {{\"next_cursor\":\"c\",\"status\":200,\"meta\":[{{\"x\":{{}}}}]}}"
            ),
            cursor("c"),
        ),
        (format!(r#"{{"x":{{"y":[1,"]}}"]}},"z":-1.5e3,"result":[{a},{b}],"w":true}}"#), none()),
        (
            format!(
                "{{\n  \"next_cursor\" : \"\",\n  \"result\" : [\n    {a},\n    {b}\n  ]\n}}\n"
            ),
            none(),
        ),
        (
            format!(r#"{{"result":[{a},{b}],"result_count":2,"is_partial_response":true}}"#),
            Page { is_partial: true, result_count: Some(2), ..none() },
        ),
        (format!("\u{feff}  {{\"r\\u0065sult\":[{a},{b}]}}"), none()),
        // Names of a license's fields do not tell, as long as there is no id.
        (format!(r#"{{"name":"page","status":"ok","result":[{a},{b}]}}"#), none()),
        // Keyed.
        (format!(r#"{{"result":{{"a":{a},"b\"}}":{b}}},"next_cursor":"c"}}"#), cursor("c")),
        // Several envelopes, on lines or not.
        (
            format!(
                "{{\"result\":[{a}],\"next_cursor\":\"c\"}}\n{{\"result\":[{b}],\"next_cursor\":null}}\n"
            ),
            none(),
        ),
        (format!("{{\"result\":[{a}]}}{{\"result\":[]}} {{\"result\":[{b}]}}"), none()),
        // The last of them says nothing of a cursor, and so is the last page.
        (format!(r#"{{"result":[{a}],"next_cursor":"c"}} {{"result":[{b}]}}"#), none()),
        // What is no page leaves the cursor as it is.
        (
            format!(r#"{{"result":[{a},{b}],"next_cursor":"c"}} {{"prev_cursor":null}}"#),
            cursor("c"),
        ),
        (
            format!("[{a},{b}]\n{{\"next_cursor\":\"c\"}}\n{{\"is_partial_response\":false}}"),
            cursor("c"),
        ),
        (format!("[{a},{b}]\n{{\"next_cursor\":\"c\"}}\n{{\"next_cursor\":null}}"), none()),
        (format!(r#"{{"result":[{a}]}} {{"next_cursor":"c","result":[{b}]}}"#), cursor("c")),
        // A bare array.
        (format!("[{a},{b}]"), none()),
        (format!("\n[ {a} ,\n {b} ]\n"), none()),
        // RFC 7464.
        (format!("\u{1e}{a}\n\u{1e}{b}\n"), none()),
        (format!("\u{1e}{a}\u{1e}\u{1e}{b}"), none()),
    ] {
        assert_eq!(records(&body), (vec![a.to_owned(), b.to_owned()], page), "{body}");
    }
}

#[test]
fn no_records_is_an_answer_too() {
    for body in [
        "",
        "\n",
        "[]",
        "[ ]",
        r#"{"result":[]}"#,
        r#"{"result":{}}"#,
        r#"{"result":null}"#,
        "\u{1e}",
        "\u{feff}",
        "\u{feff}[]",
        r#"{"next_cursor":null,"result":[]}"#,
    ] {
        assert_eq!(records(body), (vec![], Page::default()), "{body}");
    }
}

#[test]
fn a_first_line_without_records_is_a_line() {
    for line in [
        r#"{"next_cursor":"c"}"#,
        r#"{"name":"x"}"#,
        r#"{"id":"x","result":[]}"#,
        r#"{"id":"x","result":"ok","next_cursor":null}"#,
        r#"{"id":"x","next_cursor":null,"result":1}"#,
        "{}",
        r#"{"other":{"result":[]}}"#,
        "7",
        "nonsense",
        "{",
    ] {
        let body = format!("{line}\n{{\"id\":\"a\"}}\n");
        assert_eq!(records(&body).0, [line, r#"{"id":"a"}"#]);
    }
}

#[test]
fn any_value_in_the_list_is_one_record_for_the_decoder_to_judge() {
    let values = ["1", "null", r#""a,]""#, r#"[{"id":"x"}]"#, r#"{"id":}"#, "tru", "{]", "-"];
    for body in
        [format!(r#"{{"result":[{}]}}"#, values.join(" , ")), format!("[{}]", values.join(",\n"))]
    {
        assert_eq!(records(&body).0, values, "{body}");
    }
    let values = ["{}", r#"{"id":}"#, "{]"];
    let keyed = format!(r#"{{"result":{{"k":{}}}}}"#, values.join(r#","k": "#));
    assert_eq!(records(&keyed).0, values, "{keyed}");
}

#[test]
fn a_lost_structure_ends_the_body_with_its_place() {
    use ErrorKind::{Malformed, Truncated};
    let good = r#"{"id":"a"}"#;
    for (body, kept, kind, byte) in [
        (format!("[{good} {good}]"), 1, Malformed, 12),
        (format!("[{good},,{good}]"), 1, Malformed, 12),
        (format!("[{good},]"), 1, Malformed, 12),
        (format!("[{good}}}"), 1, Malformed, 11),
        (format!("[{good}]x"), 1, Malformed, 12),
        (format!(r#"{{"result":[{good}],"x":tru}}"#), 1, Malformed, 27),
        (format!(r#"{{"result":[{good}]"x":1}}"#), 1, Malformed, 22),
        (format!(r#"{{"result":[{good}],x:1}}"#), 1, Malformed, 23),
        (format!(r#"{{"result":{{{good}}}}}"#), 0, Malformed, 11),
        (format!(r#"{{"result":[{good}],"next_cursor":"\q"}}"#), 1, Malformed, 38),
        (format!(r#"{{"result":[{good}],"next_cursor": {{"a":1}},"x":1}}"#), 1, Malformed, 38),
        (format!(r#"{{"result":{good}}}"#), 0, Malformed, 16),
        (format!(r#"{{"result":{{"k":{good},"l":null}}}}"#), 1, Malformed, 30),
        (format!(r#"{{"result":[{good},"#), 1, Truncated, 22),
        (format!(r#"{{"result":[{good},{{"id"#), 1, Truncated, 26),
        (format!(r#"{{"result":[{good}]"#), 1, Truncated, 22),
        (format!(r#"{{"result":[{good}],"next"#), 1, Truncated, 28),
        (format!("[{good}"), 1, Truncated, 11),
    ] {
        let framing = check(body.as_bytes(), Shape::Auto);
        assert_eq!(framing.records.len(), kept, "{body}");
        let errors: Vec<_> =
            framing.errors.iter().map(|(at, kind)| (*kind, at.map(|at| at.byte))).collect();
        assert_eq!(errors, [(kind, Some(byte))], "{body}");
    }
}

#[test]
fn what_is_no_envelope_does_not_pass_for_an_empty_one() {
    for (body, kept) in [
        ("{\"id\":\"a\"}\n{\"id\":\"b\"}\n", 0),
        ("{\"result\":[{\"id\":\"a\"}]}\n{\"id\":\"b\"}\n", 1),
        (r#"{"result":null,"id":"a"}"#, 0),
        (r#"{"unknown":1}"#, 0),
        (r#"{"result":[{"id":"a"}],"next_cursor":{"after":1}}"#, 1),
        ("{}", 0),
        (r#"{"result":[],"id":"req"}"#, 0),
        ("{\"result\":[{\"id\":\"a\"}],\"next_cursor\":\"c\"}\n{\"id\":\"b\",\"result\":[]}", 1),
        (r#"{"result":{},"id":"r"}"#, 0),
        (r#"{"name":"x","next_cursor":null}"#, 0),
        (r#"{"next_cursor":null,"data":[{"id":"a"}]}"#, 0),
        (r#"{"statusCode":200,"message":"OK"}"#, 0),
        (r#"{"result":{"statusCode":502,"error":"Bad Gateway"}}"#, 0),
        ("\u{feff}[{\"id\":\"a\"}", 1),
    ] {
        let framing = check(body.as_bytes(), Shape::Envelope);
        assert_eq!((framing.records.len(), framing.errors.len()), (kept, 1), "{body}");
    }
    for (body, kept) in [
        (r#"{"id":"a","result":null,"next_cursor":null}"#, 0),
        (r#"{"id":"a","next_cursor":"","result":[]}"#, 0),
        (r#"{"id":7,"result":[],"result_count":0}"#, 0),
        (r#"{"id":"a","result":[{"id":"b"}],"name":"x"}"#, 1),
        (r#"{"name":"x","id":"a","result":{"k":{}}}"#, 1),
    ] {
        let framing = check(body.as_bytes(), Shape::Auto);
        assert_eq!((framing.records.len(), framing.errors.len()), (kept, 1), "{body}");
        assert_eq!(framing.errors[0].1, ErrorKind::Malformed);
        // Whoever says so knows what it is.
        assert_eq!(check(body.as_bytes(), Shape::Envelope).errors, [], "{body}");
    }
    let numbered = check(br#"{"result":[],"next_cursor":12}"#, Shape::Auto);
    assert_eq!(numbered.page, cursor("12"));
    for broken in [&b"\xef[]"[..], b"\xef\xbb[]", b"[\xbb{\"id\":\"a\"}]", b"[\xef\xbb\xbf]"] {
        let framing = check(broken, Shape::Envelope);
        // Either the structure is lost, or it is a record for the decoder to reject.
        assert!(framing.errors.len() == 1 || framing.records[0].1[0] > 0x7f, "{framing:?}");
    }
}

#[test]
fn an_envelope_that_is_an_error_is_a_failure() {
    for (body, shape) in [
        (
            r#"{"statusCode":502,"error":"Bad Gateway","message":"upstream","result":[]}"#,
            Shape::Auto,
        ),
        (r#"{"result":[],"statusCode":502.0,"error":"x"}"#, Shape::Auto),
        (r#"{"result":null,"error":"timed out"}"#, Shape::Auto),
        (r#"{"error":"timed out","message":"try later"}"#, Shape::Envelope),
        (r#"{"message":"Unauthorized"}"#, Shape::Envelope),
        ("{\"result\":[{\"id\":\"a\"}]}\n{\"message\":\"x\"}", Shape::Auto),
        (r#"{"result":null,"message":"Internal server error"}"#, Shape::Auto),
        (r#"{"message":"x","next_cursor":null,"result":null,"result_count":0}"#, Shape::Auto),
        (r#"{"result":[],"status":500,"message":"x"}"#, Shape::Auto),
        (r#"{"result":[{"id":"a"}],"statusCode":"502"}"#, Shape::Auto),
        (r#"{"result":[{"id":"a"}],"name":"x","status":502}"#, Shape::Auto),
        (r#"{"result":[],"truto_is_remote_error":true}"#, Shape::Auto),
    ] {
        let framing = check(body.as_bytes(), shape);
        assert_eq!(framing.errors.len(), 1, "{body}");
        assert_eq!(framing.errors[0].1, ErrorKind::Upstream, "{body}");
    }
    for page in [
        r#"{"result":[],"message":"ok","statusCode":200}"#,
        r#"{"result":[],"message":"ok","limit":10,"result_count":0}"#,
        r#"{"result":null,"message":null}"#,
        r#"{"result":null,"message":"","error":null}"#,
        r#"{"result":null,"message":"ok","status":200}"#,
        r#"{"result":[],"status":1000}"#,
        r#"{"result":[],"status":"ok","truto_is_remote_error":false}"#,
    ] {
        assert_eq!(check(page.as_bytes(), Shape::Auto).errors, [], "{page}");
    }
}

#[test]
fn a_long_record_costs_only_itself() {
    let long = format!(r#"{{"id":"{}"}}"#, "x".repeat(100));
    let good = r#"{"id":"a"}"#;
    for body in [
        format!("{good}\n{long}\n{good}\n"),
        format!("[{good},{long},\n{good}]"),
        format!(r#"{{"result":{{"k":{good},"l":{long},"m":{good}}}}}"#),
        format!("\u{1e}{good}\n\u{1e}{long}\n\u{1e}{good}\n"),
    ] {
        let framing = check(body.as_bytes(), Shape::Auto);
        assert_eq!(framing.records.len(), 2, "{body}");
        assert_eq!(framing.records[1].0.record, 2, "the long one counts");
        assert_eq!(framing.errors.len(), 1, "{body}");
        assert_eq!(framing.end.record, 3);
    }
    // A name or a member of the envelope that is too long cannot be skipped on trust.
    let framing = check(format!(r#"{{"x":{long},"result":[{good}]}}"#).as_bytes(), Shape::Envelope);
    assert_eq!((framing.records.len(), framing.errors.len()), (0, 1));
}

#[test]
fn positions_count_on_from_the_start_given() {
    let start = Position { byte: 1 << 40, line: 7, record: 9 };
    let options = FramerOptions { start, ..FramerOptions::default() };
    for body in ["\u{feff}{\"id\":1}\n{\"id\":2}\n", "\u{feff}[\n{\"id\":1},{\"id\":2}]"] {
        let framing = frame([body.as_bytes()], options);
        assert_eq!(framing.records.len(), 2, "{framing:?}");
        let (first, second) = (framing.records[0].0, framing.records[1].0);
        assert_eq!(first.byte - start.byte, body.find('{').unwrap_or_default() as u64);
        assert_eq!((first.record, second.record), (9, 10));
        assert_eq!(framing.end.byte - start.byte, body.len() as u64);
    }
}

#[test]
fn a_shape_can_be_forced() {
    let line = br#"{"result":[{"id":"a"}]}"#;
    assert_eq!(check(line, Shape::Lines).records[0].1, line);
    assert_eq!(Shape::of_content_type("application/json-seq; x=y"), Shape::Sequence);
    assert_eq!(Shape::of_content_type("application/x-ndjson"), Shape::Auto);
}

/// Pieces of bodies of every shape, joined at random.
fn nearly_a_body() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => Just(&b"{\"id\":\"a\"}"[..]),
        2 => Just(&b"{\"result\":["[..]),
        1 => Just(&b"{\"result\":{\"k\":"[..]),
        1 => Just(&b",\"next_cursor\":\"c\"}"[..]),
        2 => Just(&b"]"[..]),
        1 => Just(&b"["[..]),
        1 => Just(&b"}"[..]),
        3 => Just(&b","[..]),
        3 => Just(&b"\n"[..]),
        1 => Just(&b"\x1e"[..]),
        1 => Just(&b"\""[..]),
        1 => Just(&b"\\"[..]),
        1 => Just(&b"{\"x\":[1,\"\\\"]\"]}"[..]),
        1 => Just(&b"\xef\xbb\xbf"[..]),
        1 => Just(&b"\xff nul"[..]),
        1 => Just(&b"{\"next_cursor\":\"0123456789abcdef0123456789abcdef0123456789abcdef\"}"[..]),
        1 => Just(&b"{\"id\":\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789\"}"[..]),
    ];
    proptest::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_framing(body in nearly_a_body()) {
        for shape in
            [Shape::Auto, Shape::Lines, Shape::Envelope, Shape::Sequence, Shape::Document,
                Shape::Prefixed]
        {
            check(&body, shape);
        }
    }
}
