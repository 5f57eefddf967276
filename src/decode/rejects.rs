//! What is said of broken records, word for word and with its place: the golden file is the table.

use std::fmt::Write;
use std::ops::ControlFlow;

use expect_test::expect_file;

use super::arrow::{BatchOptions, LicenseBatchBuilder};
use super::{CheckedBlock, Limits};
use crate::frame::{Framer, FramerOptions, Shape};
use crate::reject::Reject;

/// Bodies of lines of which the second is a reject.
const BROKEN: &[(&str, &[u8])] = &[
    ("cut off in a string", br#"{"id":"a","name":"Te"#),
    ("cut off behind a name", br#"{"id":"a","name""#),
    ("cut off behind a colon", br#"{"id":"a","name":"#),
    ("cut off behind a comma", br#"{"id":"a","#),
    ("cut off in an escape", br#"{"id":"a","name":"\"#),
    ("not closed", br#"{"id":"a","roles":[{"id":"r"}]"#),
    ("closed otherwise", br#"{"id":"a","roles":[{"id":"r"]}"#),
    ("something behind", br#"{"id":"a"} {"id":"b"}"#),
    ("no quotes around a name", br#"{"id":"a",name:1}"#),
    ("no quotes around a text", br#"{"id":"a","name":Team}"#),
    ("no comma", br#"{"id":"a" "name":"x"}"#),
    ("a comma too many", br#"{"id":"a","roles":[1,]}"#),
    ("no value", br#"{"id":"a","name":}"#),
    ("a word that is none", br#"{"id":"a","is_paid":True}"#),
    ("a number that is none", br#"{"id":"a","unit_amount":1.}"#),
    ("a leading zero", br#"{"id":"a","assigned_quantity":007}"#),
    ("an unknown escape", br#"{"id":"a","name":"\x41"}"#),
    ("three digits of four", br#"{"id":"a","name":"\u12g4"}"#),
    ("a control character", b"{\"id\":\"a\",\"name\":\"a\tb\"}"),
    ("a name that is no text", br#"{"id":"a","\ud800":1}"#),
    ("deep inside what is passed on", br#"{"id":"a","remote_data":{"x":[{"y":nul}]}}"#),
    ("bytes that are no text", b"{\"id\":\"a\",\"name\":\"\xff\"}"),
    ("text that is cut off", b"{\"id\":\"a\",\"remote_data\":\"\xe9\x96\"}"),
    ("an array", br#"[{"id":"a"}]"#),
    ("a text", br#""id""#),
    ("no id", br#"{"name":"Team"}"#),
    ("a null for an id", br#"{"id":null}"#),
    ("a number for an id", br#"{"id":7}"#),
    ("an empty id", br#"{"id":""}"#),
    ("a lone surrogate for an id", br#"{"id":"\ud800"}"#),
    ("five levels", br#"{"id":"a","remote_data":[[[[1]]]]}"#),
    (
        "a long record",
        br#"{"id":"a","name":"a text that makes the record longer than it may be, here"}"#,
    ),
];

/// Well-formed, but rejected where types are to be as documented.
const STRICT: &[(&str, &[u8])] = &[
    ("a text for a number", br#"{"id":"a","assigned_quantity":"3"}"#),
    ("a number beyond the range", br#"{"id":"a","unit_amount":1e400}"#),
    ("a date that is none", br#"{"id":"a","created_at":"2024-02-30T10:00:00Z"}"#),
    ("a lone surrogate", br#"{"id":"a","name":"\ud800"}"#),
    ("an object for a list", br#"{"id":"a","roles":{"id":"r"}}"#),
];

/// What both decoders say of the second line of a body.
fn rejects(line: &[u8], strict: bool) -> (Vec<String>, Vec<String>) {
    let options =
        FramerOptions { shape: Shape::Lines, max_record_bytes: 64, ..FramerOptions::default() };
    let limits = Limits { max_depth: 4 };
    let mut framer = Framer::new(options);
    framer.push([b"{\"id\":\"before\"}\n", line, b"\n{\"id\":\"behind\"}\n"].concat().into());
    framer.finish();
    let (mut checked, mut arrow) = (Vec::new(), Vec::new());
    let mut rows = 0;
    loop {
        let block = match framer.next_block() {
            Ok(Some(block)) => block,
            Ok(None) => break,
            Err(error) => {
                let at = error.position().expect("it is about a record");
                let said = format!("{at}: {error}");
                checked.push(said.clone());
                arrow.push(said);
                continue;
            }
        };
        let say = |reject: &Reject| {
            format!("{}: {}: {}", reject.position, reject.reason.as_str(), reject.message)
        };
        CheckedBlock::check(block.clone(), &limits, |reject| {
            checked.push(say(&reject));
            ControlFlow::Continue(())
        });
        let options = BatchOptions { limits, strict, ..BatchOptions::default() };
        let mut builder = LicenseBatchBuilder::new(options);
        builder.append(&block, |reject| {
            arrow.push(say(&reject));
            ControlFlow::Continue(())
        });
        rows += builder.flush().num_rows();
    }
    let read = 2 + usize::from(arrow.is_empty());
    assert_eq!(rows, read, "the records before and behind are read");
    (checked, arrow)
}

#[test]
fn each_reject_says_what_is_wrong_and_where() {
    let mut golden = String::new();
    for (what, line) in BROKEN {
        let (checked, arrow) = rejects(line, false);
        assert_eq!(checked, arrow, "{what}");
        let [said] = &arrow[..] else { panic!("{what}: {arrow:?}") };
        writeln!(golden, "{what}: {}\n    {said}", line.escape_ascii()).expect("a String");
    }
    for (what, line) in STRICT {
        assert_eq!(rejects(line, false), (vec![], vec![]), "{what}");
        let (checked, arrow) = rejects(line, true);
        assert_eq!(checked, Vec::<String>::new(), "bytes that are passed on have no types");
        let [said] = &arrow[..] else { panic!("{what}: {arrow:?}") };
        writeln!(golden, "strict, {what}: {}\n    {said}", line.escape_ascii()).expect("a String");
    }
    expect_file!["../../tests/golden/rejects.txt"].assert_eq(&golden);
}
