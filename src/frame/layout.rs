//! Whether the quotes and brackets of a record stand where they may.
//!
//! A quote that was not escaped turns the reading of quotes inside out: what is text passes for structure, and
//! the objects behind it for text, until the next such quote turns it back. A record that was found by its
//! quotes and brackets may then be several. But read inside out, the quotes stand where none may: that of
//! `{"id"` closes a text, and a letter follows. So it is with brackets: one that is missing puts the next
//! record where the name of a member must stand.

use super::blanks::is_blank;
use super::page::is_of_page;
use crate::license::License;

/// How deep it is known what each bracket closes.
const MAX_LEVELS: u64 = 1024;

/// Reads quotes and brackets as [`Structure`](super::structure::Structure) does, and looks what stands beside
/// them. Byte by byte: it is for what is broken, or too long to be looked at otherwise. Carried from chunk to
/// chunk.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    depth: u64,
    /// What is open: one bit each, set for an object.
    objects: [u64; MAX_LEVELS as usize / 64],
    in_string: bool,
    /// Whether the next byte is escaped.
    escaped: bool,
    /// The last byte outside of strings that is not white space: `"` behind a string, 0 before all.
    outer: u8,
    /// The last byte that is not white space, wherever it stands.
    last: u8,
    /// Behind a string, before what follows it: whether `{` stood before its closing quote.
    closed_behind_brace: Option<bool>,
    /// Whether the last byte is a `{` that stands where none may.
    is_brace_misplaced: bool,
    has_begun: bool,
    /// Whether an object with members began within another bracket.
    has_inner: bool,
    is_misplaced: bool,
    has_object_behind: bool,
    is_torn: bool,
    members: Members,
}

/// What the names of members tell where they can be read, whatever is wrong beside them.
#[derive(Clone, Debug, Default)]
struct Members {
    /// The beginning of the string in hand, or of the last one.
    text: Vec<u8>,
    /// Whether the value of a result is next.
    awaits_result: bool,
    /// A result that is a list or an object, at the top level.
    has_result: bool,
    /// A member that says where pages lie, or whether they are whole, at the top level.
    has_cursor: bool,
    /// A field of a license beside the `id`, at the top level.
    has_field: bool,
    /// An `id` further within.
    has_inner_id: bool,
    /// Whether the last member at the top level is one that licenses have.
    is_field: bool,
    /// The value of another one, if it is an object.
    other: Option<OtherObject>,
    /// Whether one before it may be a license.
    has_other_license: bool,
}

/// What the names of an object tell that stands where a member of a license would.
#[derive(Clone, Copy, Debug, Default)]
struct OtherObject {
    has_id: bool,
    /// A field of a license beside the `id`.
    has_field: bool,
    has_other: bool,
}

impl OtherObject {
    fn may_be_license(self) -> bool {
        self.has_id && (self.has_field || !self.has_other)
    }
}

/// One more than the longest name that is looked for has with an escape for each of its bytes.
const MAX_NAME: usize = 6 * "is_partial_response".len() + 1;

impl Members {
    fn begin(&mut self) {
        self.text.clear();
    }

    fn push(&mut self, byte: u8) {
        if self.text.len() < MAX_NAME {
            self.text.push(byte);
        }
    }

    /// Takes the string that was read for the name of a member.
    fn end(&mut self, depth: u64) {
        let unescaped;
        let name = if self.text.contains(&b'\\') {
            let text = [b"\"", &*self.text, b"\""].concat();
            unescaped = serde_json::from_slice::<String>(&text);
            unescaped.as_deref().unwrap_or_default()
        } else {
            str::from_utf8(&self.text).unwrap_or_default()
        };
        let is_field = License::FIELDS.contains(&name);
        self.has_inner_id |= depth > 1 && name == "id";
        match (depth, &mut self.other) {
            (1, other) => {
                self.has_other_license |= other.take().is_some_and(OtherObject::may_be_license);
                self.is_field = is_field;
            }
            (2, Some(other)) if name == "id" => other.has_id = true,
            (2, Some(other)) if is_field => other.has_field = true,
            (2, Some(other)) => other.has_other = true,
            _ => {}
        }
        match name {
            _ if depth != 1 => {}
            "id" => {}
            "result" | "results" => self.awaits_result = true,
            name if is_of_page(name) => self.has_cursor |= name != "result_count",
            _ => self.has_field |= is_field,
        }
    }

    /// Takes the first byte of what follows the colon of a member.
    fn value(&mut self, first: u8, is_top: bool) {
        if is_top && !self.is_field && first == b'{' {
            self.other = Some(OtherObject::default());
        }
        self.has_result |= std::mem::take(&mut self.awaits_result) && matches!(first, b'[' | b'{');
    }
}

impl Layout {
    pub(super) fn new() -> Self {
        Self {
            depth: 0,
            objects: [0; MAX_LEVELS as usize / 64],
            in_string: false,
            escaped: false,
            outer: 0,
            last: 0,
            closed_behind_brace: None,
            is_brace_misplaced: false,
            has_begun: false,
            has_inner: false,
            is_misplaced: false,
            has_object_behind: false,
            is_torn: false,
            members: Members::default(),
        }
    }

    #[cfg(feature = "stream")]
    pub(super) fn of(record: &[u8]) -> Self {
        let mut layout = Self::new();
        layout.take(record);
        layout
    }

    /// Whether a quote or a bracket stands where none may, so that what follows may be something else than it
    /// is read as.
    pub(super) fn is_misplaced(&self) -> bool {
        self.is_misplaced
    }

    /// Whether an object with members may begin there or behind, in a text or not; where a bracket closes one of
    /// another kind, before it too.
    #[cfg(feature = "stream")]
    pub(super) fn has_object_behind(&self) -> bool {
        self.has_object_behind
    }

    /// Whether an object with members begins at the first place where something stands that may not: as where
    /// the end of a record is missing and the next one stands right behind.
    pub(super) fn is_torn(&self) -> bool {
        self.is_torn
    }

    /// Whether it has at its top level what envelopes have and licenses do not.
    pub(super) fn tells_page(&self) -> bool {
        self.members.has_result || self.members.has_cursor
    }

    /// The same; or whether, read to its end, it has objects with an `id` within and no field of a license beside
    /// its own `id`.
    pub(super) fn may_be_envelope(&self) -> bool {
        self.tells_page() || (self.members.has_inner_id && !self.members.has_field)
    }

    /// Whether a member at its top level that licenses do not have may be a license: an object with an `id`, and
    /// another field of one or nothing else. So it is where the end of a record is missing in an object of records,
    /// and those behind it became members of it.
    pub(super) fn may_hold_neighbours(&self) -> bool {
        self.members.has_other_license
            || self.members.other.is_some_and(OtherObject::may_be_license)
    }

    pub(super) fn take(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.see(*byte);
        }
    }

    fn see(&mut self, byte: u8) {
        let is_blank = is_blank(byte);
        let is_escaped = std::mem::take(&mut self.escaped);
        let was_misplaced = self.is_misplaced;
        if !is_blank {
            let is_member = self.last == b'{' && byte == b'"';
            self.has_inner |= is_member && self.depth > 1;
            self.has_object_behind |= was_misplaced && is_member;
            self.is_torn |= std::mem::take(&mut self.is_brace_misplaced) && is_member;
            if !self.in_string && self.outer == b':' {
                self.members.value(byte, self.depth == 1);
            }
            if let Some(behind_brace) = self.closed_behind_brace.take() {
                match byte {
                    b':' => self.members.end(self.depth),
                    b',' | b'}' | b']' => {}
                    _ => {
                        self.is_misplaced = true;
                        self.has_object_behind |= behind_brace;
                        self.is_torn |= behind_brace && !was_misplaced;
                    }
                }
            }
        }
        if self.in_string && (byte != b'"' || is_escaped) {
            self.members.push(byte);
        }
        match byte {
            // Outside of strings too, an escaped quote is none; an escaped bracket is one there.
            b'"' | b'\\' if is_escaped => self.stand(byte),
            b'\\' => {
                self.escaped = true;
                self.stand(byte);
            }
            b'"' if self.in_string => {
                self.in_string = false;
                self.closed_behind_brace = Some(self.last == b'{');
                self.outer = byte;
            }
            b'"' => {
                self.is_misplaced |= !matches!(self.outer, 0 | b'{' | b'[' | b',' | b':');
                self.in_string = true;
                self.members.begin();
            }
            b'{' | b'[' if !self.in_string => self.open(byte, was_misplaced),
            b'}' | b']' if !self.in_string => self.close(byte),
            byte if !is_blank => self.stand(byte),
            _ => {}
        }
        if !is_blank {
            self.last = byte;
        }
    }

    /// Passes a byte that neither begins nor ends anything.
    fn stand(&mut self, byte: u8) {
        if !self.in_string {
            self.outer = byte;
        }
    }

    fn open(&mut self, bracket: u8, was_misplaced: bool) {
        let may_stand = match self.is_object() {
            None if self.depth == 0 => !self.has_begun,
            None => matches!(self.outer, b':' | b'[' | b','),
            Some(true) => self.outer == b':',
            Some(false) => matches!(self.outer, b'[' | b','),
        };
        if !may_stand {
            self.is_misplaced = true;
            self.is_brace_misplaced = bracket == b'{' && !was_misplaced;
        }
        if self.depth < MAX_LEVELS {
            let (word, bit) = (self.depth as usize / 64, self.depth % 64);
            self.objects[word] &= !(1 << bit);
            self.objects[word] |= u64::from(bracket == b'{') << bit;
        }
        self.depth += 1;
        self.has_begun = true;
        self.outer = bracket;
    }

    fn close(&mut self, bracket: u8) {
        if self.is_object().is_some_and(|is_object| is_object != (bracket == b'}')) {
            self.is_misplaced = true;
            self.has_object_behind |= self.has_inner;
        }
        self.depth = self.depth.saturating_sub(1);
        self.outer = bracket;
    }

    /// Whether the innermost bracket is that of an object; `None` where none is open, or too many are.
    fn is_object(&self) -> Option<bool> {
        let top = self.depth.checked_sub(1).filter(|top| *top < MAX_LEVELS)?;
        Some(self.objects[top as usize / 64] >> (top % 64) & 1 != 0)
    }
}

#[cfg(all(test, feature = "stream"))]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    /// What is found in `record`, in whatever chunks.
    fn found(record: &[u8]) -> (bool, bool, bool) {
        let of =
            |layout: &Layout| (layout.is_misplaced(), layout.has_object_behind(), layout.is_torn());
        let found = of(&Layout::of(record));
        for size in 1..record.len().min(20) {
            let mut layout = Layout::new();
            record.chunks(size).for_each(|chunk| layout.take(chunk));
            assert_eq!(of(&layout), found, "{size}: {}", record.escape_ascii());
        }
        found
    }

    #[test]
    fn what_stands_where_it_may_not_is_found() {
        let deep = format!(r#"{}1{}"#, r#"{"a":["#.repeat(2000), "]}".repeat(2000));
        for (record, expected) in [
            // Broken, and each quote and bracket in its place.
            (r#"{"id":"a","products":[{"id":"p"},{"id":"q"}]}"#, (false, false, false)),
            (
                r#"{"x":NaN,"y":01,"z":tru,"products":[{"id":"p"},{"id":"q",}]}"#,
                (false, false, false),
            ),
            (r#"{"x":"\q{\"a\":1}","y":"a\\","z":[],"w":{ } }"#, (false, false, false)),
            (r#"{,"id":"a",,"x":,"y":[,],"z":{"w":}}"#, (false, false, false)),
            (r#" "a text" "#, (false, false, false)),
            (&deep, (false, false, false)),
            // A quote that was not escaped, with nothing behind, with a list, and with the next record.
            (r#"{"id":"a","name":"19" rack"}"#, (true, false, false)),
            (r#"{"id":"a","name":"a "word" of it","x":"{}"}"#, (true, false, false)),
            (r#"{"id":"a","name":"19" rack","products":[{"id":"p"}]}"#, (true, true, false)),
            (
                r#"{"id":"a","name":"19" rack"},{ "id":"b"},{"id":"c","name":"24" rack"}"#,
                (true, true, false),
            ),
            (r#"{"id":"a","name":"x},{"id":"d","name":"y}"#, (true, true, true)),
            // One that is missing.
            (r#"{"id:"a","name":"x"}"#, (true, false, false)),
            (r#"{"id":a","x":{"y":1}}"#, (true, true, false)),
            (r#"{"id":"a","name":"},{"id":"b"}"#, (true, true, true)),
            // A backslash that was not escaped.
            (r#"{"id":"a","path":"c:\"},{"id":"b"}"#, (true, true, true)),
            // Brackets.
            (r#"{"id":"a","x":{"y":1,{"id":"b"},{"id":"c"}}"#, (true, true, true)),
            (r#"{"id":"a","x":[{"y":1},{"id":"b"},{"id":"c"}}"#, (true, true, false)),
            (r#"{"id":"a","x":[1},{"id":"b"},{"id":"c"]}"#, (true, true, false)),
            (r#"["id":"a","roles":[{"id":"b"}]}"#, (true, true, false)),
            (r#"["id":"a"}"#, (true, false, false)),
            // Torn, with the next one right behind.
            (r#"{"id":"a","name":"x{"id":"b","name":"good"}"#, (true, true, true)),
            (r#"{"id":"a","na{ "id":"b"}"#, (true, true, true)),
            (r#"{"id":"a",{"id":"b"}"#, (true, true, true)),
            (r#"{"id":"a","x":1{"id":"b"}"#, (true, true, true)),
            (r#"{"id":"a"{"id":"b"}"#, (true, true, true)),
            (r#"{{"id":"b"}"#, (true, true, true)),
            (r#"{"id":"a"}{"id":"b"}"#, (true, true, true)),
            (r#"x{"id":"b"}"#, (false, false, false)),
        ] {
            assert_eq!(found(record.as_bytes()), expected, "{record}");
        }
    }

    fn json() -> impl Strategy<Value = Value> {
        let text = || r#"[a{}\[\]",: \\\n]{0,6}"#;
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i32>().prop_map(Value::from),
            text().prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 24, 4, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map(text(), inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn in_json_everything_stands_where_it_may(value in json(), is_pretty: bool) {
            let text = if is_pretty { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) };
            prop_assert_eq!(found(&text.unwrap()), (false, false, false));
        }
    }
}
