//! JSON in one spelling, by `schemas/license.normalized.schema.json`.

use std::io::Write;

use super::{EncodeOptions, number};
use crate::decode::{List, Row, Text};
use crate::license::{License, Product, Role};
use crate::timestamp::Timestamp;

pub(super) fn write(row: &Row<'_, '_>, options: &EncodeOptions, out: &mut Vec<u8>) {
    let [
        id,
        assigned_quantity,
        available_quantity,
        created_at,
        currency,
        description,
        is_paid,
        name,
        products,
        remote_data,
        roles,
        status,
        unit_amount,
        updated_at,
    ] = License::FIELDS;
    let mut object = Object::open(out);
    object.member(id, Some(&*row.id), string);
    object.member(assigned_quantity, row.assigned_quantity, number::write);
    object.member(available_quantity, row.available_quantity, number::write);
    object.member(created_at, row.created_at, time);
    object.member(currency, row.currency, text);
    object.member(description, row.description, text);
    object.member(is_paid, row.is_paid, |out, is_paid| {
        out.extend_from_slice(if is_paid { b"true" } else { b"false" });
    });
    object.member(name, row.name, text);
    object.member(products, row.products, |out, it| list(out, it, Product::FIELDS));
    object.member(remote_data, row.remote_data.as_deref(), verbatim);
    object.member(roles, row.roles, |out, it| list(out, it, Role::FIELDS));
    object.member(status, row.status, text);
    object.member(unit_amount, row.unit_amount, number::write);
    object.member(updated_at, row.updated_at, time);
    object.member("_integrated_account_id", options.account.as_deref(), string);
    object.member("_snapshot_id", options.snapshot_id.as_deref(), string);
    object.member("_extra", row.extra.as_deref(), verbatim);
    object.close();
}

/// An object that is being written.
struct Object<'o> {
    out: &'o mut Vec<u8>,
    before: u8,
}

impl<'o> Object<'o> {
    fn open(out: &'o mut Vec<u8>) -> Self {
        Self { out, before: b'{' }
    }

    /// A member, if it has a value. No name needs escapes.
    fn member<T>(&mut self, name: &str, value: Option<T>, write: impl FnOnce(&mut Vec<u8>, T)) {
        let Some(value) = value else { return };
        self.out.extend_from_slice(&[self.before, b'"']);
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        write(self.out, value);
        self.before = b',';
    }

    fn close(self) {
        self.out.extend_from_slice(if self.before == b'{' { b"{}" } else { b"}" });
    }
}

/// JSON text that was checked.
fn verbatim(out: &mut Vec<u8>, json: &str) {
    out.extend_from_slice(json.as_bytes());
}

fn time(out: &mut Vec<u8>, micros: i64) {
    // Writing to a Vec cannot fail.
    let _ = write!(out, "\"{}\"", Timestamp::from_micros(micros));
}

fn list<const N: usize>(out: &mut Vec<u8>, list: &List<'_, N>, fields: [&'static str; N]) {
    let mut before = b'[';
    for element in list.elements() {
        out.push(before);
        before = b',';
        let Some(members) = element else {
            out.extend_from_slice(b"null");
            continue;
        };
        let mut object = Object::open(out);
        for (field, member) in fields.iter().zip(members) {
            object.member(field, member, text);
        }
        object.close();
    }
    out.extend_from_slice(if before == b'[' { b"[]" } else { b"]" });
}

fn text(out: &mut Vec<u8>, text: Text<'_>) {
    string(out, &text.decode().unwrap_or_default());
}

/// Escapes what must be escaped, as RFC 8785 does.
fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut written = 0;
    loop {
        let at = crate::decode::special(bytes, written);
        out.extend_from_slice(&bytes[written..at]);
        let Some(byte) = bytes.get(at) else { break };
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            0x08 => out.extend_from_slice(b"\\b"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            0x0c => out.extend_from_slice(b"\\f"),
            b'\r' => out.extend_from_slice(b"\\r"),
            _ => {
                // Writing to a Vec cannot fail.
                let _ = write!(out, "\\u{byte:04x}");
            }
        }
        written = at + 1;
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_spelled_as_rfc_8785_has_it() {
        for (text, expected) in [
            ("", r#""""#),
            ("plain 開発 \u{2028} \u{7f} /", "\"plain 開発 \u{2028} \u{7f} /\""),
            ("€$\u{f}\nA'B\"\\\\\"/", r#""€$\u000f\nA'B\"\\\\\"/""#),
            ("\u{0}\u{8}\t\u{b}\u{c}\r\u{1f}", r#""\u0000\b\t\u000b\f\r\u001f""#),
        ] {
            let mut out = Vec::new();
            string(&mut out, text);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
            assert_eq!(serde_json::from_str::<String>(expected).unwrap(), text);
        }
    }
}
