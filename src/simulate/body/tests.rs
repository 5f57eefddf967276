//! Every body, read whole by serde_json, holds the generator's licenses.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::super::Simulator;
use super::*;

const SHAPES: [SimulatedShape; 7] = [
    SimulatedShape::Lines,
    SimulatedShape::Pages { records: 3 },
    SimulatedShape::Envelope,
    SimulatedShape::PrettyEnvelope,
    SimulatedShape::KeyedEnvelope,
    SimulatedShape::Array,
    SimulatedShape::Sequence,
];

/// What a body holds: its records as they are spelled, and what its last page says.
#[derive(Debug, Default, PartialEq)]
struct Read {
    records: Vec<String>,
    /// What stands among the records and is none.
    errors: Vec<String>,
    cursor: Option<String>,
    partial: bool,
}

#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow, alias = "results")]
    result: &'a RawValue,
    next_cursor: Option<String>,
    #[serde(default)]
    is_partial_response: bool,
}

impl Read {
    fn value(&mut self, text: &str) {
        let value: Value = serde_json::from_str(text).unwrap();
        if value.get("statusCode").is_some() {
            self.errors.push(text.to_owned());
        } else if value.get("id").is_none() {
            self.cursor = value["next_cursor"].as_str().map(str::to_owned);
            self.partial |= value["is_partial_response"] == true;
        } else {
            self.records.push(text.to_owned());
        }
    }

    fn envelope(&mut self, text: &str) {
        let Ok(members) = serde_json::from_str::<Members<'_>>(text) else {
            return self.value(text);
        };
        let result = members.result.get();
        if result.starts_with('[') {
            let list: Vec<&RawValue> = serde_json::from_str(result).unwrap();
            list.iter().for_each(|record| self.value(record.get()));
        } else {
            let keyed: Keyed<'_> = serde_json::from_str(result).unwrap();
            for (key, record) in keyed.0 {
                let value: Value = serde_json::from_str(record.get()).unwrap();
                assert!(value["id"] == key || key == "error", "{key}: {value}");
                self.value(record.get());
            }
        }
        self.cursor = members.next_cursor;
        self.partial |= members.is_partial_response;
    }
}

/// An object in its order.
struct Keyed<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Keyed<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> serde::de::Visitor<'de> for Members {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Members).map(Keyed)
    }
}

fn read(shape: SimulatedShape, body: &str) -> Read {
    let mut read = Read::default();
    match shape {
        SimulatedShape::Lines => body.lines().for_each(|line| read.value(line)),
        SimulatedShape::Pages { .. } => body.lines().for_each(|line| read.envelope(line)),
        SimulatedShape::Array => {
            let list: Vec<&RawValue> = serde_json::from_str(body).unwrap();
            list.iter().for_each(|record| read.value(record.get()));
        }
        SimulatedShape::Sequence => {
            let mut texts = body.split('\u{1e}');
            assert_eq!(texts.next(), Some(""));
            texts.for_each(|text| read.value(text.strip_suffix('\n').unwrap()));
        }
        _ => read.envelope(body),
    }
    read
}

/// What bodies of the first account are made with.
fn parts(simulator: &Simulator) -> (Wire, Pager) {
    let scenario = simulator.scenario();
    let group = &scenario.accounts[0];
    let wire = Wire::of(group);
    let id = &simulator.accounts()[0];
    let pager = Pager::new(scenario.seed, id, group.records, &wire, None);
    (wire, pager)
}

fn text(simulator: &Simulator) -> String {
    let mut body = Vec::new();
    let bytes = simulator.write_body(&simulator.accounts()[0], &mut body).unwrap();
    assert_eq!(bytes, body.len() as u64);
    String::from_utf8(body).unwrap()
}

/// The licenses at `indexes` as the generator spells them.
fn licenses(simulator: &Simulator, indexes: std::ops::Range<u64>) -> Vec<String> {
    let mut body = Vec::new();
    simulator.licenses(&simulator.accounts()[0]).write_ndjson(indexes, &mut body).unwrap();
    String::from_utf8(body).unwrap().lines().map(str::to_owned).collect()
}

/// Compares records; those over many lines by what they say.
fn assert_same(shape: SimulatedShape, found: &[String], want: &[String]) {
    if shape == SimulatedShape::PrettyEnvelope {
        type Object = BTreeMap<String, Value>;
        let parse = |records: &[String]| -> Vec<Object> {
            records.iter().map(|record| serde_json::from_str(record).unwrap()).collect()
        };
        assert_eq!(parse(found), parse(want));
        assert!(found.iter().all(|record| record.contains('\n')));
    } else {
        assert_eq!(found, want, "{shape}");
    }
}

#[test]
fn each_shape_holds_the_generator_s_licenses() {
    for shape in SHAPES {
        for records in [0, 1, 3, 10] {
            let plain = Simulator::new().with_records(records).with_shape(shape);
            for simulator in [
                plain.clone(),
                plain.clone().with_cursor_first(),
                plain.clone().with_results().with_unknown_members(),
                plain.clone().with_cursor_first().with_unknown_members(),
            ] {
                let read = read(shape, &text(&simulator));
                assert_same(shape, &read.records, &licenses(&simulator, 0..records));
                assert_eq!((read.cursor, read.errors.len(), read.partial), (None, 0, false));
            }
        }
    }
}

#[test]
fn a_page_bears_the_cursor_of_the_next() {
    for shape in SHAPES {
        let plain = Simulator::new().with_records(10).with_page_records(4).with_shape(shape);
        for simulator in [plain.clone(), plain.with_cursor_first()] {
            let (wire, pager) = parts(&simulator);
            let mut page = pager.first_page();
            let mut records = Vec::new();
            let mut bodies = 0;
            loop {
                let cursor = page.next_cursor.clone();
                let licenses = simulator.licenses(&simulator.accounts()[0]);
                let body = Body::new(licenses, pager.clone(), page, &wire);
                let mut out = Vec::new();
                body.write(&mut out).unwrap();
                let read = read(shape, str::from_utf8(&out).unwrap());
                assert_eq!(read.cursor, cursor);
                records.extend(read.records);
                bodies += 1;
                let Some(cursor) = cursor else { break };
                page = pager.page(&cursor).unwrap();
            }
            assert_same(shape, &records, &licenses(&simulator, 0..10));
            assert_eq!(bodies, if shape.has_cursor() { 3 } else { 1 });
        }
    }
}

#[test]
fn pages_on_lines_bear_cursors_that_work() {
    let simulator =
        Simulator::new().with_records(7).with_shape(SimulatedShape::Pages { records: 3 });
    let body = text(&simulator);
    let (_, pager) = parts(&simulator);
    let mut starts = Vec::new();
    for line in body.lines() {
        let members: Members<'_> = serde_json::from_str(line).unwrap();
        starts.push(members.next_cursor.map(|cursor| pager.page(&cursor).unwrap().records.start));
    }
    assert_eq!(starts, [Some(3), Some(6), None]);
}

#[test]
fn an_error_stands_where_the_next_license_would() {
    for shape in SHAPES {
        for after in [0, 2, 3, 7] {
            let simulator = Simulator::new().with_records(7).with_shape(shape);
            let read = read(shape, &text(&simulator.clone().with_error_after(after)));
            assert_same(shape, &read.records, &licenses(&simulator, 0..after));
            assert_eq!(read.errors.len(), 1, "{shape} {after}");
            let error: Value = serde_json::from_str(&read.errors[0]).unwrap();
            assert_eq!(
                (&error["statusCode"], &error["error"]),
                (&502.into(), &"Bad Gateway".into())
            );
        }
        let simulator = Simulator::new().with_records(7).with_shape(shape);
        assert_eq!(text(&simulator.clone().with_error_after(8)), text(&simulator));
    }
}

#[test]
fn a_partial_response_says_so_where_it_can() {
    for shape in SHAPES {
        let simulator = Simulator::new().with_records(4).with_shape(shape).with_partial_response();
        let read = read(shape, &text(&simulator));
        assert_same(shape, &read.records, &licenses(&simulator, 0..4));
        assert_eq!(read.partial, shape.has_cursor());
    }
}

#[test]
fn any_shape_of_envelope_can_be_keyed() {
    for shape in SHAPES.into_iter().filter(|shape| shape.has_envelope()) {
        let simulator = Simulator::new().with_records(7).with_shape(shape);
        let (wire, pager) = parts(&simulator);
        let wire = Wire { keyed: true, ..wire };
        let page = pager.first_page();
        let licenses_of = simulator.licenses(&simulator.accounts()[0]);
        let mut out = Vec::new();
        Body::new(licenses_of, pager, page, &wire).write(&mut out).unwrap();
        let out = String::from_utf8(out).unwrap();
        assert!(out.replace([' ', '\n'], "").starts_with("{\"result\":{\""), "{out}");
        assert_same(shape, &read(shape, &out).records, &licenses(&simulator, 0..7));
    }
}
