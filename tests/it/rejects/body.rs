//! A body with every way in which a record can be no license.

/// Stands in every broken record that can hold it, and must stand nowhere but in dead letters.
pub(super) const CONTENT: &str = "c0nf1dential";

/// The limits that the body is made for.
pub(super) const LIMITS: [&str; 4] = ["--max-record-bytes", "400", "--max-depth", "10"];

/// Reasons, and records that are rejected for them.
pub(super) fn broken() -> Vec<(&'static str, Vec<u8>)> {
    let texts = [
        ("syntax", r#"c0nf1dential"#),
        ("syntax", r#"{"id":"c0nf1dential","name":}"#),
        ("syntax", r#"{"id":"c0nf1dential","name":"x""#),
        ("syntax", r#"{"id":"c0nf1dential"#),
        ("syntax", r#"{"id":"c0nf1dential",}"#),
        ("syntax", r#"{"id":"c0nf1dential"}x"#),
        ("syntax", r#"{,"id":"c0nf1dential"}"#),
        ("syntax", r#"{"id":"c0nf1dential" "name":"x"}"#),
        ("syntax", r#"{'id':'c0nf1dential'}"#),
        ("syntax", r#"{"id":"c0nf1dential","x":01}"#),
        ("syntax", r#"{"id":"c0nf1dential","x":1.}"#),
        ("syntax", r#"{"id":"c0nf1dential","x":.5}"#),
        ("syntax", r#"{"id":"c0nf1dential","x":+1}"#),
        ("syntax", r#"{"id":"c0nf1dential","x":NaN}"#),
        ("syntax", r#"{"id":"c0nf1dential","x":TRUE}"#),
        ("syntax", r#"{"id":"c0nf1dential","x":nul}"#),
        ("syntax", r#"{"id":"c0nf1dential","x":"\x41"}"#),
        ("syntax", r#"{"id":"c0nf1dential","x":"\u12g4"}"#),
        ("syntax", "{\"id\":\"c0nf1dential\",\"x\":\"a\tb\"}"),
        ("syntax", "{\"id\":\"c0nf1dential\",\"x\":\"\u{0}\"}"),
        ("syntax", "{\"id\":\"c0nf1dential\",\"remote_data\":{\"x\":[1,]}}"),
        ("syntax", "\u{feff}{\"id\":\"c0nf1dential\"}"),
        ("not_an_object", r#"["c0nf1dential"]"#),
        ("not_an_object", r#""c0nf1dential""#),
        ("not_an_object", "7"),
        ("not_an_object", "null"),
        ("not_an_object", "true"),
        ("missing_id", "{}"),
        ("missing_id", r#"{"name":"c0nf1dential"}"#),
        ("missing_id", r#"{"ID":"c0nf1dential"}"#),
        ("missing_id", r#"{"id":null,"name":"c0nf1dential"}"#),
        ("missing_id", r#"{"id":"","name":"c0nf1dential"}"#),
        ("missing_id", r#"{"id":7,"name":"c0nf1dential"}"#),
        ("missing_id", r#"{"id":["c0nf1dential"]}"#),
        ("missing_id", r#"{"id":"\ud83d","name":"c0nf1dential"}"#),
        ("missing_id", r#"{"id":"c0nf1dential","id":null}"#),
    ];
    let mut broken: Vec<_> =
        texts.into_iter().map(|(reason, text)| (reason, text.as_bytes().to_vec())).collect();
    // A byte that is none, an overlong form, half a character, one that is cut short.
    for bytes in [&b"\xff"[..], b"\xc0\x80", b"\xed\xa0\xbd", b"\xf0\x9f\x98"] {
        let record = [b"{\"id\":\"c0nf1dential ", bytes, b"\"}"].concat();
        broken.push(("utf8", record));
    }
    let long = format!("{{\"id\":\"{}\"}}", CONTENT.repeat(100));
    broken.push(("too_long", long.into_bytes()));
    // The record itself is a level, and its arrays are the others.
    let deep = |levels: usize| {
        let (open, close) = ("[".repeat(levels - 1), "]".repeat(levels - 1));
        format!("{{\"id\":\"{CONTENT}\",\"x\":{open}{close}}}").into_bytes()
    };
    broken.push(("too_deep", deep(11)));
    broken
}

/// The broken records, each behind a good one, with blanks and blank lines between; and a good one
/// at the end.
pub(super) fn body() -> Vec<u8> {
    let mut body = Vec::new();
    for (number, (reason, record)) in broken().into_iter().enumerate() {
        body.extend(format!("{}\n", good(number)).bytes());
        if number % 3 == 0 {
            body.extend(b" \r\n");
        }
        // A line that is too long is too long with its blanks.
        if reason != "too_long" {
            body.extend(b"  ");
        }
        body.extend(record);
        body.extend(b"\r\n");
    }
    body.extend(good(broken().len()).bytes());
    body
}

/// A license as deep as it may be.
fn good(number: usize) -> String {
    format!(r#"{{"id":"good {number}","x":[[[[[[[[[]]]]]]]]]}}"#)
}

/// The ids of the licenses in the body.
pub(super) fn good_ids() -> Vec<String> {
    (0..=broken().len()).map(|number| format!("good {number}")).collect()
}
