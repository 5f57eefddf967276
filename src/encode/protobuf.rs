//! Protobuf's encoding of `schemas/license.proto`: the fields that are set, each behind its number.

use super::EncodeOptions;
use crate::decode::{List, Row, Text};

/// How the value of a field is laid out.
#[derive(Clone, Copy)]
enum Wire {
    Varint = 0,
    Fixed64 = 1,
    Length = 2,
}

pub(super) fn write(row: &Row<'_, '_>, options: &EncodeOptions, out: &mut Vec<u8>) {
    string(out, 1, Some(&row.id));
    double(out, 2, row.assigned_quantity);
    double(out, 3, row.available_quantity);
    time(out, 4, row.created_at);
    text(out, 5, row.currency);
    text(out, 6, row.description);
    if let Some(is_paid) = row.is_paid {
        boolean(out, 7, is_paid);
    }
    text(out, 8, row.name);
    list(out, 9, row.products);
    string(out, 10, row.remote_data.as_deref());
    list(out, 11, row.roles);
    text(out, 12, row.status);
    double(out, 13, row.unit_amount);
    time(out, 14, row.updated_at);
    string(out, 15, options.account.as_deref());
    string(out, 16, options.snapshot_id.as_deref());
    string(out, 17, row.extra.as_deref());
}

fn key(out: &mut Vec<u8>, number: u8, wire: Wire) {
    varint(out, u64::from(number) << 3 | wire as u64);
}

fn double(out: &mut Vec<u8>, number: u8, value: Option<f64>) {
    let Some(value) = value else { return };
    key(out, number, Wire::Fixed64);
    out.extend_from_slice(&value.to_le_bytes());
}

fn boolean(out: &mut Vec<u8>, number: u8, value: bool) {
    key(out, number, Wire::Varint);
    out.push(u8::from(value));
}

fn text(out: &mut Vec<u8>, number: u8, text: Option<Text<'_>>) {
    string(out, number, text.and_then(Text::decode).as_deref());
}

fn string(out: &mut Vec<u8>, number: u8, text: Option<&str>) {
    let Some(text) = text else { return };
    key(out, number, Wire::Length);
    varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// A `google.protobuf.Timestamp`: whole seconds, rounded down, and nanoseconds behind them.
fn time(out: &mut Vec<u8>, number: u8, micros: Option<i64>) {
    let Some(micros) = micros else { return };
    message(out, number, |out| {
        let (seconds, rest) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
        for (number, value) in [(1, seconds), (2, rest * 1000)] {
            // Zero is what a field is that is not there.
            if value != 0 {
                key(out, number, Wire::Varint);
                varint(out, value as u64);
            }
        }
    });
}

fn list<const N: usize>(out: &mut Vec<u8>, number: u8, list: Option<&List<'_, N>>) {
    let Some(list) = list else { return };
    message(out, number, |out| {
        for element in list.elements() {
            message(out, 1, |out| match element {
                Some(members) => {
                    for (number, member) in (1..).zip(members) {
                        text(out, number, member);
                    }
                }
                // The field `is_null` stands behind the members.
                None => boolean(out, N as u8 + 1, true),
            });
        }
    });
}

/// A message within the message. Its length stands before it and is known only behind it.
fn message(out: &mut Vec<u8>, number: u8, write: impl FnOnce(&mut Vec<u8>)) {
    key(out, number, Wire::Length);
    let start = out.len();
    // Nearly all of them are shorter than what one byte can say.
    out.push(0);
    write(out);
    let len = out.len() - start - 1;
    if len < 0x80 {
        out[start] = len as u8;
        return;
    }
    let mut prefix = Vec::with_capacity(5);
    varint(&mut prefix, len as u64);
    out.splice(start..=start, prefix);
}

/// Seven bits a byte, the lowest first.
#[inline]
fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_are_those_of_the_specification() {
        for (value, expected) in [
            (0, &[0][..]),
            (1, &[1]),
            (150, &[0x96, 1]),
            (u64::MAX, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
        ] {
            let mut out = Vec::new();
            varint(&mut out, value);
            assert_eq!(out, expected, "{value}");
        }
    }

    #[test]
    fn a_message_of_any_length_has_it_before_it() {
        for len in [0, 1, 127, 128, 16_383, 16_384] {
            let mut out = b"before".to_vec();
            message(&mut out, 16, |out| out.resize(out.len() + len, b'x'));
            let mut expected = b"before".to_vec();
            expected.extend([0x82, 1]);
            varint(&mut expected, len as u64);
            expected.resize(expected.len() + len, b'x');
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn times_before_1970_count_on_from_a_whole_second() {
        let mut out = Vec::new();
        time(&mut out, 4, Some(-1));
        let minus_one = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
        let nanos = [0x98, 0x8c, 0xeb, 0xdc, 3];
        assert_eq!(out, [&[0x22, 17, 8][..], &minus_one, &[0x10], &nanos].concat());
        out.clear();
        time(&mut out, 4, Some(0));
        assert_eq!(out, [0x22, 0]);
    }
}
