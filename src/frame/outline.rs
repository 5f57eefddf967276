//! What the quotes and brackets of a record tell of it, whatever else is wrong with it.

#[cfg(feature = "stream")]
use super::blanks::BOM;
use super::blanks::is_blank;
use super::layout::Layout;
use super::structure::Scan;

/// Whether `record` is one object to its end.
#[cfg(feature = "stream")]
pub(super) fn closes(record: &[u8]) -> bool {
    record.starts_with(b"{") && Scan::of(b'{').end(record) == Some(record.len())
}

/// Whether `record` is a list with an object in it. One that begins as a member does, `["name":`, is an
/// object of which the first bracket is wrong.
#[cfg(feature = "stream")]
pub(super) fn is_list(record: &[u8]) -> bool {
    let mut bytes = record.iter().copied();
    if bytes.next() != Some(b'[') || !record.contains(&b'{') {
        return false;
    }
    if token(&mut bytes) != Some(b'"') {
        return true;
    }
    is_text_of(&mut bytes, b"");
    token(&mut bytes) != Some(b':')
}

/// Whether several objects follow one another in `record`, of which one at least is whole: as where the line
/// feeds between records are missing.
#[cfg(feature = "stream")]
pub(super) fn has_several(record: &[u8]) -> bool {
    if record.starts_with(b"{")
        && let Some(len) = Scan::of(b'{').end(record)
    {
        return objects(&record[len..]).next().is_some();
    }
    // Where the first is torn, quotes and brackets tell nothing of those behind it.
    has_neighbours(record)
}

/// Whether an object begins in `record` right behind the end of another, whatever quotes say.
#[cfg(feature = "stream")]
pub(super) fn has_neighbours(record: &[u8]) -> bool {
    objects(record).any(|at| {
        let is_between = |byte: &u8| *byte <= b' ' || BOM.contains(byte);
        record[..at].iter().rev().find(|byte| !is_between(byte)) == Some(&b'}')
    })
}

/// Where in `text` objects with members begin, as far as that can be told of broken ones.
#[cfg(feature = "stream")]
pub(super) fn objects(text: &[u8]) -> impl Iterator<Item = usize> {
    memchr::memchr_iter(b'{', text)
        .filter(|at| token(&mut text[at + 1..].iter().copied()) == Some(b'"'))
}

/// Whether the object that `bytes` are the beginning of has an `id` at its top level that is a text of a
/// character at least, and the last one of several is: then it is a license, if a broken one.
pub(super) fn has_text_id(bytes: impl Iterator<Item = u8>) -> bool {
    let mut bytes = bytes;
    if token(&mut bytes) != Some(b'{') {
        return false;
    }
    let mut has_id = false;
    let mut depth = 1;
    let mut next = bytes.next();
    while let Some(byte) = next {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 1 => return has_id,
            b'}' | b']' => depth -= 1,
            b'"' => {
                let is_id = is_text_of(&mut bytes, b"id");
                next = token(&mut bytes);
                if !(is_id && depth == 1 && next == Some(b':')) {
                    continue;
                }
                next = token(&mut bytes);
                has_id = next == Some(b'"') && is_usable_text(&mut bytes);
                if next != Some(b'"') {
                    continue;
                }
            }
            _ => {}
        }
        next = bytes.next();
    }
    has_id
}

/// Whether the text whose opening quote was passed has something in it, and no half of a character, as far as
/// it goes; passes it and its closing quote. A character of two halves is none that is looked for.
fn is_usable_text(bytes: &mut impl Iterator<Item = u8>) -> bool {
    let (mut is_empty, mut has_half) = (true, false);
    // How much there is of the beginning of a half, `\ud8`.
    let mut begun = 0;
    for byte in bytes {
        begun = match (begun, byte) {
            (1, b'u') => 2,
            (1, _) => 0,
            (_, b'"') => break,
            (_, b'\\') => 1,
            (2, b'd' | b'D') => 3,
            (3, b'8' | b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                has_half = true;
                0
            }
            _ => 0,
        };
        is_empty = false;
    }
    !is_empty && !has_half
}

/// The next byte that is not white space.
fn token(bytes: &mut impl Iterator<Item = u8>) -> Option<u8> {
    bytes.find(|byte| !is_blank(*byte))
}

/// Whether the text whose opening quote was passed is `wanted`; passes it and its closing quote.
fn is_text_of(bytes: &mut impl Iterator<Item = u8>, wanted: &[u8]) -> bool {
    let (mut len, mut is_same) = (0, true);
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return is_same && len == wanted.len(),
            b'\\' => {
                is_same = false;
                bytes.next();
            }
            byte => is_same &= wanted.get(len) == Some(&byte),
        }
        len += 1;
    }
    false
}

/// A record that is too long, while the rest of it goes by: whether it is one license, so that it can be
/// done without.
#[derive(Debug)]
pub(super) struct Outline {
    /// Bytes before it that are still to come.
    lead: usize,
    /// Whether an `id` was seen in what was looked at of it.
    has_id: bool,
    /// How its quotes and brackets stand; `None` before its first byte.
    scan: Option<Scan>,
    is_closed: bool,
    /// Whether something stands behind its end.
    has_more: bool,
    /// Whether another begins where its end is missing.
    layout: Box<Layout>,
}

impl Outline {
    /// Of a record that begins with `head` behind `lead` bytes; nothing of either was taken yet.
    pub(super) fn of(head: impl Iterator<Item = u8>, lead: usize) -> Self {
        Self {
            lead,
            has_id: has_text_id(head.skip(lead)),
            scan: None,
            is_closed: false,
            has_more: false,
            layout: Box::new(Layout::new()),
        }
    }

    pub(super) fn has_id(&self) -> bool {
        self.has_id
    }

    pub(super) fn take(&mut self, bytes: &[u8]) {
        let lead = self.lead.min(bytes.len());
        self.lead -= lead;
        let mut rest = &bytes[lead..];
        self.layout.take(rest);
        if self.scan.is_none() {
            let blanks = rest.iter().take_while(|byte| is_blank(**byte)).count();
            rest = &rest[blanks..];
            let Some(first) = rest.first() else { return };
            self.scan = Some(Scan::of(*first));
        }
        if !self.is_closed
            && let Some(scan) = &mut self.scan
        {
            let Some(end) = scan.end(rest) else { return };
            self.is_closed = true;
            rest = &rest[end..];
        }
        self.has_more |= rest.iter().any(|byte| !is_blank(*byte));
    }

    /// Whether more would have to come to close its quotes and brackets.
    pub(super) fn is_open(&self) -> bool {
        !self.is_closed && matches!(self.scan, Some(Scan::Brackets(_) | Scan::Text { .. }))
    }

    /// Whether it was one license, now that all of it went by.
    pub(super) fn is_license(&self) -> bool {
        let is_one = self.is_closed && !self.has_more && !self.layout.is_torn();
        self.has_id && is_one && !self.layout.may_be_envelope()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_told_from_all_that_looks_like_one() {
        for (object, has_id) in [
            (r#"{"id":"a"}"#, true),
            (r#" { "id" : "a"#, true),
            (r#"{"x":NaN,"y":[{"id":1}],"id":"a"}"#, true),
            (r#"{"x":"\"","id":"a"}"#, true),
            (r#"{"id":"","id":"a"}"#, true),
            (r#"{"id":{},"id":"a"}"#, true),
            (r#"{"id":"a","id":null}"#, false),
            (r#"{"id":"a","id":{"id":"b"},"x":"#, false),
            (r#"{"id":"a","id":""#, false),
            (r#"{"id":"a","x":{"id":null},"y":"id"}"#, true),
            (r#"{"id":"\u0061\"","x":1}"#, true),
            (r#"{"id":"\ud83d"}"#, false),
            (r#"{"id":"x\uDE00 y","x":"#, false),
            (r#"{"id":""}"#, false),
            (r#"{"id":""#, false),
            (r#"{"id":7}"#, false),
            (r#"{"id":["a"]}"#, false),
            (r#"{"x":{"id":"a"}}"#, false),
            (r#"{"x":"id","y":"a"}"#, false),
            (r#"{"x":"id"#, false),
            (r#"{}{"id":"a"}"#, false),
            (r#"["id":"a"]"#, false),
            (r#"x{"id":"a"}"#, false),
            ("", false),
        ] {
            assert_eq!(has_text_id(object.bytes()), has_id, "{object}");
        }
    }

    #[cfg(feature = "stream")]
    #[test]
    fn several_objects_are_told_from_one_that_is_broken() {
        let license = r#"{"id":"a","products":[{"id":"b"},{"id":"c"}]}"#;
        for record in [
            &*license.repeat(3),
            r#"{"id":"a"}  {"id":"b"}"#,
            "{\"id\":\"a\"}\r{\"id\":\"b\"}",
            "{\"id\":\"a\"}\n{ \"id\":\"b",
            r#"{"id":"a"},{"id":"b"}"#,
            r#"x{"id":"a"}{"id":"b"}"#,
            "\u{1e}{\"id\":\"a\"}\u{1e}{\"id\":\"b\"}",
            r#"{"id":"a","na{"id":"b"}{"id":"c"}"#,
            r#"{"id":"a","x":{"id":"b"}{"id":"c"}{"id":"d"}"#,
        ] {
            assert!(has_several(record.as_bytes()), "{record}");
        }
        for record in [
            license,
            &license[..license.len() - 1],
            &license[1..],
            r#"{"id":"a"}x"#,
            r#"{"id":"a"}{}"#,
            r#"{"id":"a"}} {"#,
            r#"{"x":"}{\"","id":7}"#,
            r#"{"x":{"id":{}}"#,
            r#""{\"id\":1}{\"id\":2}""#,
            "a{color:red} b{color:blue}",
            "{",
            "",
        ] {
            assert!(!has_several(record.as_bytes()), "{record}");
        }
        for (record, is) in [
            (r#"[{"id":"a"},{"id":"b"}]"#, true),
            (r#"[{"id":"a"#, true),
            (r#"["x",{"id":"a"}]"#, true),
            (r#"[ "x"  {"id":"a"}]"#, true),
            (r#"["id":"a","roles":[{"id":"b"}]}"#, false),
            (r#"[ "i\"d" : "a","roles":[{"id":"b"}]}"#, false),
            (r#"["x","y"]"#, false),
            ("{}", false),
        ] {
            assert_eq!(is_list(record.as_bytes()), is, "{record}");
        }
    }

    #[test]
    fn a_record_that_goes_by_is_a_license_if_it_is_one_object_with_an_id() {
        for (record, is_license, is_open) in [
            (r#"  {"id":"a","x":{"next_cursor":"]"}}  "#, true, false),
            (r#"{"id":"a","x":[{"y":"{"}]}"#, true, false),
            (r#"{"id":"r","meta":"x","result":[{"id":"a"}]}"#, false, false),
            (r#"{"id":"r","meta":"x","data":[{"id":"a"}]}"#, false, false),
            (r#"{"id":"a","remote_data":{"result":[{"id":"b"}]}}"#, true, false),
            (r#"{"id":"a","x":"y{"id":"b","x":"z" w"}"#, false, false),
            (r#"{"id":"a"} x"#, false, false),
            (r#"{"id":"a"}{"next_cursor":"c"}"#, false, false),
            (r#"{"id":"a","x":"#, false, true),
            (r#"{"next_cursor":"c"}"#, false, false),
            ("\u{feff}{\"id\":\"a\"}", true, false),
            (r#""a text without an end"#, false, true),
            ("a word", false, false),
            ("  ", false, false),
        ] {
            for size in 1..=record.len() {
                let lead = if record.starts_with('\u{feff}') { 3 } else { 0 };
                let mut outline = Outline::of(record.bytes(), lead);
                record.as_bytes().chunks(size).for_each(|chunk| outline.take(chunk));
                assert_eq!(outline.is_license(), is_license, "{record}, {size}");
                assert_eq!(outline.is_open(), is_open, "{record}, {size}");
            }
        }
    }

    #[cfg(feature = "stream")]
    #[test]
    fn a_long_record_that_may_be_more_than_a_license_is_known_before_anything_behind_it() {
        use crate::frame::Shape;
        use crate::frame::chunking::check;

        let good = r#"{"id":"a"}"#;
        let x = "x".repeat(100);
        for (long, in_lines, in_lists) in [
            (format!(r#"{{"id":"{x}","next_cursor":"c"}}"#), true, true),
            (
                format!(r#"{{"id":"a","remote_data":{{"x":"{x}","result":[{good}]}}}}"#),
                false,
                false,
            ),
            (format!(r#"{{"y":[{{"z":"}}"}}],"id":"{x}"}}"#), false, false),
            (format!(r#"{{"name":"{x}","next_cursor":"c"}}"#), true, true),
            (format!(r#"{{"raw_response":"{x}","statusCode":502}}"#), true, true),
            (format!(r#"{{"name":"{x}","id":"a"}}"#), true, true),
            (format!(r#""{x}""#), true, true),
            (format!(r#"{{"id":"{x}"}}{{"next_cursor":"c"}}"#), true, false),
            (format!(r#"{{"id":"{x}","name":{{"#), true, true),
            // A quote that was not escaped, early or late, and another one.
            (format!(r#"{{"id":"a","n":"b}},{{"id":"{x}"}},{{"id":"c","n":"d}}"#), true, true),
            (format!(r#"{{"id":"{x}","n":"b}},{{"id":"{x}"}},{{"id":"c","n":"d}}"#), true, true),
            (
                format!(r#"{{"id":"{x}","n":"1" b"}},{{"id":"b"}},{{"id":"c","n":"2" d"}}"#),
                false,
                true,
            ),
            (format!(r#"{{"id":"{x}","x":{{"y":1,{{"id":"b"}},{{"id":"c","z":2}}}}"#), true, true),
            // Broken otherwise.
            (
                format!(r#"{{"id":"a","n":NaN,"products":[{{"id":"{x}"}},{{"id":"q",}}]}}"#),
                false,
                false,
            ),
        ] {
            for (body, is_doubtful) in [
                (format!("{good}\n{long}\n{good}\n"), in_lines),
                (format!("{long}\n{good}\n"), in_lines),
                (format!("{good}\n\u{feff}\n{long}\n"), in_lines),
                (format!("\u{feff}{long}\n{good}\n"), in_lines),
                (format!("\u{1e}{good}\n\u{1e}{long}\n\u{1e}{good}\n"), in_lines),
                (format!("[{good},{long},{good}]"), in_lists),
                (
                    format!(r#"{{"result":{{"k":{good},"l":{long},"m":{good}}}}}"#),
                    // What is no object ends the result by itself, and behind one that does not close the next
                    // ones are its members.
                    in_lists && long.starts_with('{') && !long.ends_with('{'),
                ),
            ] {
                let framing = check(body.as_bytes(), Shape::Auto);
                let place = body.find(&long).filter(|_| is_doubtful);
                let found =
                    framing.doubtful().map(|(place, records)| (place.byte as usize, records));
                // A byte order mark that opens the body is no part of the record, but of its place.
                let place = place.map(|at| if body.starts_with('\u{feff}') { 0 } else { at });
                assert_eq!(found.map(|(at, _)| at), place, "{body}");
                if let Some((at, records)) = found {
                    let before =
                        framing.records().iter().filter(|(place, _)| place.byte < at as u64);
                    assert_eq!(records, before.count(), "{body}");
                }
            }
        }
    }
}
