//! Avro's binary encoding of `schemas/license.avsc`: the fields one after another, without names.

use super::EncodeOptions;
use crate::decode::{List, Row, Text};

/// Branches of a union with null.
const NULL: u8 = 0;
const VALUE: u8 = 2; // 1, in zigzag

pub(super) fn write(row: &Row<'_, '_>, options: &EncodeOptions, out: &mut Vec<u8>) {
    bytes(out, row.id.as_bytes());
    double(out, row.assigned_quantity);
    double(out, row.available_quantity);
    time(out, row.created_at);
    text(out, row.currency);
    text(out, row.description);
    match row.is_paid {
        None => out.push(NULL),
        Some(is_paid) => out.extend_from_slice(&[VALUE, u8::from(is_paid)]),
    }
    text(out, row.name);
    list(out, row.products);
    string(out, row.remote_data.as_deref());
    list(out, row.roles);
    text(out, row.status);
    double(out, row.unit_amount);
    time(out, row.updated_at);
    string(out, options.account.as_deref());
    string(out, options.snapshot_id.as_deref());
    string(out, row.extra.as_deref());
}

fn double(out: &mut Vec<u8>, value: Option<f64>) {
    let Some(value) = value else { return out.push(NULL) };
    out.push(VALUE);
    out.extend_from_slice(&value.to_le_bytes());
}

fn time(out: &mut Vec<u8>, micros: Option<i64>) {
    let Some(micros) = micros else { return out.push(NULL) };
    out.push(VALUE);
    long(out, micros);
}

fn text(out: &mut Vec<u8>, text: Option<Text<'_>>) {
    string(out, text.and_then(Text::decode).as_deref());
}

fn string(out: &mut Vec<u8>, text: Option<&str>) {
    let Some(text) = text else { return out.push(NULL) };
    out.push(VALUE);
    bytes(out, text.as_bytes());
}

fn list<const N: usize>(out: &mut Vec<u8>, list: Option<&List<'_, N>>) {
    let Some(list) = list else { return out.push(NULL) };
    out.push(VALUE);
    // One block of all items, unless there is none, and the block of none that ends an array.
    if list.len() > 0 {
        long(out, list.len() as i64);
        for element in list.elements() {
            let Some(members) = element else {
                out.push(NULL);
                continue;
            };
            out.push(VALUE);
            members.iter().for_each(|member| text(out, *member));
        }
    }
    out.push(0);
}

fn bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    long(out, bytes.len() as i64);
    out.extend_from_slice(bytes);
}

/// Zigzag, then seven bits a byte, the lowest first.
#[inline]
fn long(out: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longs_are_those_of_the_specification() {
        for (value, expected) in [
            (0, &[0][..]),
            (-1, &[1]),
            (1, &[2]),
            (-64, &[0x7f]),
            (64, &[0x80, 1]),
            (8192, &[0x80, 0x80, 1]),
            (i64::MAX, &[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
            (i64::MIN, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
        ] {
            let mut out = Vec::new();
            long(&mut out, value);
            assert_eq!(out, expected, "{value}");
        }
    }
}
