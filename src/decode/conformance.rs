//! Texts at the edges of RFC 8259, each alone and inside a record.

use super::json::FOLLOWED;
use super::{Fault, Limits, check, identify};

/// What the grammar allows.
const ACCEPTED: &[&[u8]] = &[
    // Structure.
    b"[]",
    b"{}",
    b"[ ]",
    b"{ }",
    b"[[]]",
    b"[{}]",
    b"[1,2]",
    b"[ 1 , 2 ]",
    b"\t[\n1\r]\t",
    b"{\"a\":1}",
    b"{\"a\":1,\"a\":2}",
    b"{\"\":0}",
    b"{\"a\":{\"a\":{}}}",
    b"[[],[[]],{}]",
    b"[null,true,false]",
    b"{\"a\":[]}",
    b" null",
    b"false ",
    b"\"\"",
    b"[\"\"]",
    // Numbers.
    b"0",
    b"-0",
    b"1",
    b"-1",
    b"10",
    b"1234567890",
    b"0.0",
    b"-0.5",
    b"1.25",
    b"0e0",
    b"0E+1",
    b"1e1",
    b"1E1",
    b"1e+1",
    b"1e-1",
    b"1.5e300",
    b"1e9999",
    b"-1e-9999",
    b"1e0001",
    b"123456789012345678901234567890",
    b"0.000000000000000000000000000000000000001",
    b"-123.456e-78",
    b"[0,1e1,-0]",
    // Strings.
    b"\"a\"",
    b"\"\\\"\"",
    b"\"\\\\\"",
    b"\"\\/\"",
    b"\"\\b\\f\\n\\r\\t\"",
    b"\"\\u0000\"",
    b"\"\\u0041\"",
    b"\"\\uAbCd\"",
    b"\"\\uD834\\uDD1E\"",
    b"\"\\uD834\"",
    b"\"\\uDD1E\"",
    b"\"\\uDD1E\\uD834\"",
    b"\"\\uFFFF\"",
    b"\"\x7f\"",
    b"\"'\"",
    b"\"[{,:}]\"",
    b"\"\\\\u0000\"",
    b"\"\\\\\\\"\"",
    b"\"\xc2\x80\"",
    b"\"\xc3\xa9\"",
    b"\"\xe2\x80\xa8\"",
    b"\"\xef\xbf\xbf\"",
    b"\"\xf0\x9f\x98\x80\"",
    b"\"\xf4\x8f\xbf\xbf\"",
    b"\"\xef\xbb\xbf\"",
    b"\"                \"",
    b"\"a string of more than sixteen bytes\"",
    b"\"sixteen bytes ..\\n\"",
    b"{\"\\u0061\":1}",
    b"{\"\\ud834\":1}",
];

/// What it does not.
const REJECTED: &[&[u8]] = &[
    b"",
    b" ",
    b"\xef\xbb\xbf[]",
    // Structure.
    b"[",
    b"]",
    b"{",
    b"}",
    b"[}",
    b"{]",
    b"[1",
    b"[1,",
    b"[1,]",
    b"[,1]",
    b"[,]",
    b"[1,,2]",
    b"[1 2]",
    b"[1;2]",
    b"[:]",
    b"[1:2]",
    b"[]]",
    b"[[]",
    b"[][]",
    b"{}{}",
    b"{} {}",
    b"[]1",
    b"1 2",
    b"{,}",
    b"{\"a\"}",
    b"{\"a\":}",
    b"{:1}",
    b"{\"a\" 1}",
    b"{\"a\",1}",
    b"{\"a\"::1}",
    b"{\"a\":1,}",
    b"{\"a\":1,,\"b\":2}",
    b"{\"a\":1 \"b\":2}",
    b"{\"a\":1",
    b"{\"a\":",
    b"{\"a\"",
    b"{\"a",
    b"{a:1}",
    b"{'a':1}",
    b"{1:1}",
    b"{null:1}",
    b"{[]:1}",
    b"[\"a\",\n4\n,1,",
    b"[]#",
    b"[] //x",
    b"/**/[]",
    b"[1,/**/2]",
    b"\x0c[]",
    b"[\x0b]",
    b"[\xc2\xa0]",
    b"\xe2\x81\xa0[]",
    b"[\0]",
    b"\0[]",
    b"[]\0",
    // Words.
    b"nul",
    b"nulll",
    b"Null",
    b"NULL",
    b"tru",
    b"truee",
    b"True",
    b"fals",
    b"falsee",
    b"n",
    b"t",
    b"f",
    b"none",
    b"undefined",
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"inf",
    b"x",
    b"true false",
    b"truefalse",
    // Numbers.
    b"+1",
    b"-",
    b"--1",
    b"+",
    b".5",
    b"-.5",
    b"1.",
    b"-1.",
    b"1.e1",
    b"1e",
    b"1e+",
    b"1e-",
    b"1E",
    b"1ee1",
    b"1e1.5",
    b"01",
    b"-01",
    b"00",
    b"0x10",
    b"1_000",
    b"1,000",
    b"1a",
    b"1 000",
    b"1.2.3",
    b"0.",
    b".",
    b"-e1",
    b"1e+-1",
    b"\xef\xbc\x91",
    b"1\0",
    // Strings.
    b"\"",
    b"\"a",
    b"a\"",
    b"'a'",
    b"\"\\\"",
    b"\"\\\\\\\"",
    b"\"\\a\"",
    b"\"\\'\"",
    b"\"\\x41\"",
    b"\"\\0\"",
    b"\"\\U0041\"",
    b"\"\\u\"",
    b"\"\\u0\"",
    b"\"\\u00\"",
    b"\"\\u004\"",
    b"\"\\u004g\"",
    b"\"\\u 041\"",
    b"\"\\u+041\"",
    b"\"\\\n\"",
    b"\"\n\"",
    b"\"\t\"",
    b"\"\0\"",
    b"\"\x1f\"",
    b"\"\\",
    b"\"\\u00",
    b"\"a\"b",
    b"\"more than sixteen bytes\nand a line feed\"",
    // Bytes that are not UTF-8: alone, cut short, too long, beyond the last, surrogates.
    b"\"\x80\"",
    b"\"\xbf\"",
    b"\"\xc3\"",
    b"\"\xc3(\"",
    b"\"\xe2\x82\"",
    b"\"\xe2(\xac\"",
    b"\"\xf0\x9f\x98\"",
    b"\"\xc0\xaf\"",
    b"\"\xc1\xbf\"",
    b"\"\xe0\x80\xaf\"",
    b"\"\xf0\x80\x80\xaf\"",
    b"\"\xf4\x90\x80\x80\"",
    b"\"\xf8\x88\x80\x80\x80\"",
    b"\"\xfe\"",
    b"\"\xff\"",
    b"\"\xed\xa0\x80\"",
    b"\"\xed\xbf\xbf\"",
    b"\xff",
    b"[\xff]",
    b"{\"\xff\":1}",
    b"[1]\xc3",
];

#[test]
fn texts_are_told_apart_alone_and_inside_a_record() {
    let limits = Limits::default();
    for (texts, is_json) in [(ACCEPTED, true), (REJECTED, false)] {
        for text in texts {
            let shown = String::from_utf8_lossy(text);
            assert_eq!(check(text, &limits).is_ok(), is_json, "{shown}");
            // In the middle of a record, and as the last thing in it, in a field that is not read.
            for record in [
                [b"{\"id\":\"a\",\"remote_data\":", *text, b",\"name\":null}"].concat(),
                [b"{\"remote_data\":[", *text, b"],\"id\":\"a\"}"].concat(),
                [b"{\"id\":\"a\",\"unknown\":{\"x\":", *text, b"}}"].concat(),
            ] {
                // What is broken alone can be whole inside: the comma and colon then are the record's.
                let expected = std::str::from_utf8(&record)
                    .is_ok_and(|text| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok());
                assert!(expected || !is_json, "{shown} is JSON");
                assert_eq!(identify(&record, &limits).is_ok(), expected, "{shown} in a record");
            }
        }
    }
}

#[test]
fn depth_is_bounded_exactly() {
    for depth in [1, 2, 128, 1024] {
        let limits = Limits { max_depth: depth };
        let nested = |levels: u16| {
            let levels = usize::from(levels);
            [vec![b'['; levels], vec![b']'; levels]].concat()
        };
        assert_eq!(check(&nested(depth), &limits), Ok(()));
        let fault = check(&nested(depth + 1), &limits).unwrap_err();
        let expected = (crate::RejectReason::TooDeep, usize::from(depth));
        assert_eq!((fault.reason, fault.offset), expected);
    }
    // A limit beyond the largest is that.
    let far = vec![b'['; 1 << 20];
    let fault = check(&far, &Limits { max_depth: u16::MAX }).unwrap_err();
    assert_eq!(fault.reason, crate::RejectReason::TooDeep);
}

#[test]
fn depth_takes_no_room_on_the_stack() {
    let check_all = || {
        for (limit, levels) in [(128, 127), (1024, 1023), (128, 5_000), (1024, 5_000)] {
            let limits = Limits { max_depth: limit };
            for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
                let deep = open.repeat(levels) + "1" + &close.repeat(levels);
                let record = format!(r#"{{"id":"a","x":{deep}}}"#);
                let is_in = levels < usize::from(limit);
                assert_eq!(
                    identify(record.as_bytes(), &limits).is_ok(),
                    is_in,
                    "{limit}, {levels}"
                );
                assert_eq!(check(record.as_bytes(), &limits).is_ok(), is_in, "{limit}, {levels}");
            }
        }
    };
    let thread = std::thread::Builder::new().stack_size(128 << 10).spawn(check_all);
    thread.unwrap().join().unwrap();
}

#[test]
fn far_down_a_text_is_read_as_at_the_top() {
    let around = 30;
    for text in [
        r#"{"a":[1,{"b":null},[],{}],"c":{"d":["x",true , {"e" : -1.5e3} ]}, "f" :[ ] , "g":{ }}"#,
        r#"[[[]],{"a":{}},[{}],"]",0]"#,
        r#"{"a":1,}"#,
        r#"{"a" 1}"#,
        r#"{"a":[1 2]}"#,
        r#"{"a":1 "b":2}"#,
        r#"{,"a":1}"#,
        r#"{1:2}"#,
        "[1,]",
        "[,1]",
        "[1}",
        r#"{"a":1]"#,
        r#"[{"a":tru}]"#,
        r#"{"a":"x\y"}"#,
        r#"[[1],[[2],x]]"#,
        r#"{"a":01}"#,
    ] {
        // Everything that is cut off, too: what it says of its end lies at the same byte.
        for end in 1..=text.len() {
            let text = &text[..end];
            let limits = Limits::default();
            let top = check(text.as_bytes(), &limits);
            let deep = format!("{}{text}", "[".repeat(around));
            let closed = format!("{deep}{}", "]".repeat(around));
            let found = check(closed.as_bytes(), &limits);
            assert_eq!(found.is_ok(), top.is_ok(), "{text}");
            let at = |fault: Fault| (fault.reason, fault.what, fault.offset);
            if let Err(fault) = top
                && fault.offset < text.len()
                && fault.what != FOLLOWED
            {
                let shifted = Fault { offset: fault.offset + around, ..fault };
                assert_eq!(check(deep.as_bytes(), &limits).map_err(at), Err(at(shifted)), "{text}");
            }
        }
    }
}

#[test]
fn faults_say_where() {
    use crate::RejectReason::{MissingId, NotAnObject, Syntax, TooDeep, Utf8};
    for (record, reason, offset, what) in [
        (&b"{\"id\":\"a\",}"[..], Syntax, 10, "a member name in quotes was expected"),
        (b"{\"id\" \"a\"}", Syntax, 6, "`:` was expected"),
        (b"{\"id\":\"a\" \"b\":1}", Syntax, 10, "`,` or `}` was expected"),
        (b"{\"id\":\"a\",\"x\":[1 2]}", Syntax, 17, "`,` or `]` was expected"),
        (b"{\"id\":}", Syntax, 6, "a value was expected"),
        (b"{\"id\":\"a", Syntax, 8, "the record ends inside a string"),
        (b"{\"id\":", Syntax, 6, "the record ends where a value was expected"),
        (b"{\"id\":\"a\"} x", Syntax, 11, "something follows the record"),
        (b"{\"id\":\"a\\x\"}", Syntax, 8, "no such escape"),
        (b"{\"id\":\"a\\u12\"}", Syntax, 8, "`\\u` needs four hexadecimal digits"),
        (b"{\"id\":\"a\tb\"}", Syntax, 8, "a control character must be escaped"),
        (b"{\"id\":-x}", Syntax, 7, "a digit was expected"),
        (b"{\"id\":\"\xff\"}", Utf8, 7, "bytes are not UTF-8"),
        (b"[1]", NotAnObject, 0, "record is not a JSON object"),
        (b"{}", MissingId, 0, "field `id` is missing or null"),
        (b"{\"id\":7}", MissingId, 0, "field `id` is not a string"),
        (b"{\"id\":\"\"}", MissingId, 0, "field `id` is empty"),
        (
            b"{\"id\":\"a\",\"x\":[[[]]]}",
            TooDeep,
            16,
            "record nests deeper than its limit (--max-depth)",
        ),
    ] {
        let limits = Limits { max_depth: if reason == TooDeep { 3 } else { 128 } };
        let fault = identify(record, &limits).unwrap_err();
        let shown = String::from_utf8_lossy(record);
        assert_eq!((fault.reason, fault.offset, fault.what), (reason, offset, what), "{shown}");
    }
}
