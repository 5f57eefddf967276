//! What is written is what the record says, held to serde's reading of it.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use serde_json::value::RawValue;

use super::*;
use crate::License;
use crate::frame::{Framer, FramerOptions};

const EDGES: &str = include_str!("../../tests/data/edges.ndjson");

fn blocks(body: &str) -> Vec<Block> {
    let mut framer = Framer::new(FramerOptions { block_bytes: 1000, ..FramerOptions::default() });
    framer.push(body.to_owned().into());
    framer.finish();
    std::iter::from_fn(|| framer.next_block().unwrap()).collect()
}

fn encoded(body: &str, options: &EncodeOptions) -> Vec<EncodedBlock> {
    let encode = |block| {
        EncodedBlock::encode(block, options, |reject| panic!("{} is no reject", reject.position))
    };
    blocks(body).into_iter().map(encode).collect()
}

/// The members of `_extra`, of which a repeated one counts as it came last.
fn extra(json: &str) -> BTreeMap<String, String> {
    let members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(json).unwrap();
    let whole = |raw: &RawValue| {
        raw.get().replace(r#"\ud83d""#, r#"\ufffd""#).replace(r"a\ude00b", r"a\ufffdb")
    };
    members.iter().map(|(name, raw)| (name.clone(), whole(raw))).collect()
}

#[test]
fn normalized_json_says_what_the_record_says() {
    let options = EncodeOptions { account: Some("a".into()), ..EncodeOptions::new(Format::Json) };
    let mut count = 0;
    for block in encoded(EDGES, &options) {
        for record in block.records() {
            let mut expected: License = serde_json::from_slice(record.raw.bytes).unwrap();
            let found: License = serde_json::from_slice(record.value).unwrap();
            // What is no object is none of the schema's `remote_data`.
            let other = expected.remote_data.take_if(|raw| !raw.get().starts_with('{'));
            if let Some(raw) = other {
                expected.extra.insert("remote_data".to_owned(), raw);
            }
            assert_eq!((record.id, &found.id), (expected.id.as_str(), &expected.id));
            let numbers = |it: &License| {
                let all = [it.assigned_quantity, it.available_quantity, it.unit_amount];
                all.map(|number| number.map(f64::to_bits))
            };
            assert_eq!(numbers(&found), numbers(&expected), "{}", found.id);
            assert_eq!(found.created_at, expected.created_at);
            assert_eq!(found.updated_at, expected.updated_at);
            assert_eq!(found.is_paid, expected.is_paid);
            assert_eq!(found.currency, expected.currency);
            assert_eq!(found.description, expected.description);
            assert_eq!(found.name, expected.name);
            assert_eq!(found.status, expected.status);
            assert_eq!(found.products, expected.products);
            assert_eq!(found.roles, expected.roles);
            assert_eq!(found.remote_data.is_some(), expected.remote_data.is_some());
            assert_eq!(found.extra["_integrated_account_id"].get(), "\"a\"");
            assert!(!found.extra.contains_key("_snapshot_id"));
            let found = found.extra.get("_extra").map_or("{}", |raw| raw.get());
            let expected = serde_json::to_string(&expected.extra).unwrap();
            assert_eq!(extra(found), extra(&expected), "{}", record.id);
            count += 1;
        }
    }
    assert_eq!(count, EDGES.lines().filter(|line| !line.trim().is_empty()).count());
}

#[test]
fn the_header_names_the_schema() {
    for (format, header) in [
        (Format::Json, &[0, 1, 2, 3, 4][..]),
        (Format::Avro, &[0, 1, 2, 3, 4]),
        (Format::Protobuf, &[0, 1, 2, 3, 4, 0]),
    ] {
        let bare = EncodeOptions::new(format);
        let options = EncodeOptions { schema_id: Some(0x0102_0304), ..bare.clone() };
        for (with, bare) in encoded(EDGES, &options).iter().zip(encoded(EDGES, &bare)) {
            for (with, bare) in with.records().zip(bare.records()) {
                assert_eq!(with.value, [header, bare.value].concat());
            }
        }
    }
}

#[test]
fn a_time_that_a_format_cannot_hold_goes_to_extra() {
    let body = r#"{"id":"a","created_at":"0000-06-01T00:00:00Z","updated_at":"9999-12-31T23:59:59-01:00"}"#;
    let unexpected = |format| {
        let blocks = encoded(body, &EncodeOptions::new(format));
        blocks[0].unexpected().fields().map(|(name, _)| name).collect::<Vec<_>>()
    };
    assert_eq!(unexpected(Format::Json), ["updated_at"]);
    assert_eq!(unexpected(Format::Protobuf), ["created_at", "updated_at"]);
    assert_eq!(unexpected(Format::Avro), ["created_at", "updated_at"]);
    let blocks = encoded(body, &EncodeOptions::new(Format::Json));
    let json = concat!(
        r#"{"id":"a","created_at":"0000-06-01T00:00:00Z","#,
        r#""_extra":{"updated_at":"9999-12-31T23:59:59-01:00"}}"#
    );
    assert_eq!(blocks[0].records().next().unwrap().value, json.as_bytes());
}

#[test]
fn what_is_no_license_leaves_nothing_behind() {
    let body = "{\"id\":\"a\"}\n{\"name\":\"no id\"}\n{\"id\":\"b\",}\n{\"id\":\"c\"}\n{]\n{\"id\":\"d\"}\n";
    for (last, expected) in [(3, &["a", "c", "d"][..]), (2, &["a", "c"])] {
        let mut rejects = 0;
        let block = blocks(body).remove(0);
        let encoded = EncodedBlock::encode(block, &EncodeOptions::new(Format::Json), |_| {
            rejects += 1;
            if rejects > last { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        let found: Vec<_> = encoded.records().map(|record| record.id).collect();
        assert_eq!(found, expected);
        for record in encoded.records() {
            assert_eq!(record.value, format!("{{\"id\":\"{}\"}}", record.id).as_bytes());
        }
    }
}
