use std::collections::{BTreeMap, HashSet};

use serde_json::Value;

use super::*;

const RECORDS: u64 = 20_000;

fn license(generator: &LicenseGenerator, index: u64) -> Vec<u8> {
    let mut out = Vec::new();
    generator.append(index, &mut out);
    out
}

#[test]
fn licenses_are_valid_and_of_every_kind() {
    let generator = LicenseGenerator::new(7, "account");
    let mut fields = BTreeMap::new();
    let (mut bytes, mut remote_bytes, mut nulls, mut empty_lists) = (0, 0, 0, 0);
    let mut all = String::new();
    for index in 0..RECORDS {
        let record = license(&generator, index);
        let text = std::str::from_utf8(&record).unwrap();
        assert!(!text.contains(['\n', '\r']));
        let value: BTreeMap<String, Value> = serde_json::from_str(text).unwrap();
        for (name, value) in value {
            assert!(FIELDS.contains(&&*name), "{name}");
            nulls += u64::from(value.is_null());
            empty_lists += u64::from(value.as_array().is_some_and(Vec::is_empty));
            if name == "remote_data" {
                assert!(value.is_object());
                remote_bytes += value.to_string().len();
            }
            *fields.entry(name).or_insert(0_u64) += 1;
        }
        bytes += record.len();
        all.push_str(text);
    }
    assert_eq!(fields.len(), 14, "{fields:?}");
    assert!(fields.values().all(|count| *count > RECORDS / 100), "{fields:?}");
    assert_eq!(fields["id"], RECORDS);
    assert!(nulls > RECORDS / 100 && empty_lists > RECORDS / 100);
    let (average, remote) = (bytes / RECORDS as usize, remote_bytes / RECORDS as usize);
    assert!((600..=650).contains(&average), "{average} bytes a record, {remote} of remote_data");
    assert!((300..=400).contains(&remote), "{average} bytes a record, {remote} of remote_data");
    for part in [r#"\""#, r"\n", r"\u0007", r"\ud83d\ude92", "Développeur", "開発", "🚒", ".5"]
    {
        assert!(all.contains(part), "{part}");
    }
}

#[test]
fn a_license_is_a_function_of_seed_account_and_index() {
    let generator = LicenseGenerator::new(7, "a");
    let record = license(&generator, 12_345);
    assert_eq!(record, license(&LicenseGenerator::new(7, "a"), 12_345));
    assert_ne!(record, license(&LicenseGenerator::new(7, "b"), 12_345));
    assert_ne!(record, license(&LicenseGenerator::new(8, "a"), 12_345));
    assert_ne!(record, license(&generator, 12_346));
}

#[test]
fn ids_are_unique() {
    let mut ids = HashSet::new();
    for account in ["a", "b", "c"] {
        let generator = LicenseGenerator::new(7, account);
        for index in (0..RECORDS).chain((1 << 62) - 100..1 << 62) {
            let record = license(&generator, index);
            let id = &record[br#"{"id":""#.len()..][..37];
            assert_eq!(id[36], b'"');
            assert!(ids.insert(id.to_owned()), "{account} {index}");
        }
    }
    assert_eq!((0..1000).map(|number| account_id(7, number)).collect::<HashSet<_>>().len(), 1000);
}

#[test]
fn excluding_fields_leaves_the_others_as_they_are() {
    type Object = BTreeMap<String, Value>;
    let all = LicenseGenerator::new(7, "a");
    let some = all.clone().without_field("remote_data").without_field("id").without_field("nom");
    for index in 0..200 {
        let mut want: Object = serde_json::from_slice(&license(&all, index)).unwrap();
        want.remove("remote_data");
        want.remove("id");
        assert_eq!(serde_json::from_slice::<Object>(&license(&some, index)).unwrap(), want);
    }
    let none = FIELDS.iter().fold(all, |generator, field| generator.without_field(field));
    assert_eq!(license(&none, 0), b"{}");
}

#[test]
fn lists_in_remote_data_are_those_of_the_license() {
    let generator = LicenseGenerator::new(7, "a");
    let mut compared = 0;
    for index in 0..500 {
        let record: Value = serde_json::from_slice(&license(&generator, index)).unwrap();
        let plans = &record["remote_data"]["servicePlans"];
        if let (Some(products), Some(plans)) = (record["products"].as_array(), plans.as_array()) {
            assert_eq!(products.len(), plans.len());
            for (product, plan) in products.iter().zip(plans) {
                assert_eq!(product["id"], plan["servicePlanId"]);
                assert_eq!(product["name"], plan["servicePlanName"]);
                compared += 1;
            }
        }
    }
    assert!(compared > 50);
}

#[test]
fn ndjson_is_one_license_a_line() {
    let generator = LicenseGenerator::new(7, "a");
    let mut out = Vec::new();
    let bytes = generator.write_ndjson(10..1010, &mut out).unwrap();
    assert_eq!(bytes, out.len() as u64);
    let lines: Vec<_> = out.strip_suffix(b"\n").unwrap().split(|byte| *byte == b'\n').collect();
    assert_eq!(lines.len(), 1000);
    assert_eq!(lines[990], license(&generator, 1000));
}
