//! The simulator gives of each integration what is known of it.

use std::collections::BTreeSet;

use license_stream::{License, schema};
use serde_json::Value;

/// The simulator's table: the name and the fields of each integration.
fn simulated() -> Vec<(&'static str, BTreeSet<&'static str>)> {
    let table = include_str!("../../../src/simulate/generator/integrations.txt");
    let sections = table.split("\n== ").skip(1);
    sections
        .map(|section| {
            let (name, fields) = section.split_once('\n').unwrap();
            // A line that goes on is indented; so is its continuation.
            let fields = fields.lines().filter(|line| !line.starts_with(' ') && !line.is_empty());
            let fields = fields.map(|line| line.split_once(": ").unwrap().0);
            let mut fields: BTreeSet<_> = fields.filter(|field| *field != "weight").collect();
            // It is always there, and not named in the table.
            assert!(fields.insert("id"));
            (name, fields)
        })
        .collect()
}

#[test]
fn the_simulator_gives_the_documented_fields_of_each_integration() {
    let data: Value = serde_json::from_str(schema::INTEGRATIONS).unwrap();
    let texts = |value: &Value| -> Vec<String> { serde_json::from_value(value.clone()).unwrap() };
    assert_eq!(texts(&data["fields"]), License::FIELDS);
    let anybody_s = texts(&data["fields_without_listing"]);
    let documented = data["integrations"].as_array().unwrap();

    let simulated = simulated();
    assert_eq!(simulated.len(), documented.len());
    for ((name, fields), documented) in simulated.iter().zip(documented) {
        let mut expected: BTreeSet<_> = texts(&documented["fields"]).into_iter().collect();
        expected.extend(anybody_s.iter().cloned());
        assert_eq!(*name, documented["name"]);
        assert!(fields.iter().eq(&expected), "{name}: {fields:?}, not {expected:?}");
    }
}
