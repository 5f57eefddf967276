//! Our scanner beside serde_json, on invented records, on records with broken bytes, and on those that
//! a fuzzer finds: both must accept the same, and say the same of every field.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch};
use serde_json::value::RawValue;

use super::arrow::{BatchOptions, LicenseBatchBuilder};
use super::text::without_lone_surrogates;
use super::{Limits, identify};
use crate::License;
use crate::frame::chunking;

/// serde_json passes over raw text of any depth, so no more levels are allowed here than a record of a
/// fuzzer can have.
const LIMITS: Limits = Limits { max_depth: Limits::MAX_DEPTH };

/// Records of a batch that are tried: none beside it, some, and more than there are.
const BATCHES: [usize; 3] = [1, 3, 1000];

/// Bytes that may stand behind a record in its block, and that the scanner may look at: none of them is
/// the record's.
const BETWEEN: &[u8] = b"\n,]}\x1e";

/// The Arrow path's reading of each record, `None` for a reject: all by one builder, in batches of `size`,
/// each of one block.
fn arrow(records: &[&[u8]], size: usize, between: u8) -> Vec<Option<RecordBatch>> {
    let mut builder =
        LicenseBatchBuilder::new(BatchOptions { limits: LIMITS, ..BatchOptions::default() });
    let mut rows = Vec::new();
    for run in records.chunks(size) {
        let mut rejected = BTreeSet::new();
        builder.append(&chunking::block(run, between), |reject| {
            rejected.insert(reject.position.record);
            ControlFlow::Continue(())
        });
        let batch = builder.flush();
        assert_eq!(batch.num_rows(), run.len() - rejected.len());
        let mut row = 0..;
        rows.extend((0..run.len() as u64).map(|record| {
            let is_row = !rejected.contains(&record);
            is_row.then(|| batch.slice(row.next().unwrap_or_default(), 1))
        }));
    }
    rows
}

/// Whether serde_json takes it for a license, and that license.
fn serde(record: &[u8]) -> Option<License> {
    serde_json::from_slice(record).ok()
}

fn text<'a>(batch: &'a RecordBatch, column: &str) -> Option<&'a str> {
    let column = batch.column_by_name(column)?.as_string::<i32>();
    column.is_valid(0).then(|| column.value(0))
}

fn number(batch: &RecordBatch, column: &str) -> Option<u64> {
    let column = batch.column_by_name(column)?.as_primitive::<Float64Type>();
    column.is_valid(0).then(|| column.value(0).to_bits())
}

fn time(batch: &RecordBatch, column: &str) -> Option<i64> {
    let column = batch.column_by_name(column)?.as_primitive::<TimestampMicrosecondType>();
    column.is_valid(0).then(|| column.value(0))
}

type Elements = Option<Vec<Option<Vec<Option<String>>>>>;

fn list(batch: &RecordBatch, column: &str) -> Elements {
    let column = batch.column_by_name(column)?.as_list::<i32>();
    let elements = column.is_valid(0).then(|| column.value(0))?;
    let elements = elements.as_struct();
    let member = |column: &dyn Array, row| {
        let column = column.as_string::<i32>();
        column.is_valid(row).then(|| column.value(row).to_owned())
    };
    let element = |row| {
        elements
            .is_valid(row)
            .then(|| elements.columns().iter().map(|column| member(column, row)).collect())
    };
    Some((0..elements.len()).map(element).collect())
}

/// The text of a column of JSON: as it came, save for lone surrogates.
fn whole_characters(value: &RawValue) -> String {
    without_lone_surrogates(value.get()).into_owned()
}

/// Reads `records` by every path, alone and beside each other, and holds the answers to each other.
pub(crate) fn compare<R: AsRef<[u8]>>(records: &[R]) {
    let records: Vec<_> = records.iter().map(AsRef::as_ref).collect();
    for between in BETWEEN {
        // One record makes one batch.
        for size in BATCHES.into_iter().filter(|size| *size == 1 || records.len() > 1) {
            for (record, row) in records.iter().zip(arrow(&records, size, *between)) {
                compare_row(record, row);
            }
        }
    }
}

/// Holds a record's row, if it has become one, to what serde_json says of the record.
fn compare_row(record: &[u8], batch: Option<RecordBatch>) {
    let license = serde(record);
    let shown = String::from_utf8_lossy(record);
    assert_eq!(batch.is_some(), license.is_some(), "{}", shown);
    assert_eq!(identify(record, &LIMITS).is_ok(), license.is_some(), "{}", shown);
    let (Some(batch), Some(license)) = (batch, license) else { return };

    let strings = [
        ("id", Some(license.id.as_str())),
        ("currency", license.currency.as_deref()),
        ("description", license.description.as_deref()),
        ("name", license.name.as_deref()),
        ("status", license.status.as_deref()),
    ];
    for (column, expected) in strings {
        assert_eq!(text(&batch, column), expected, "{} of {}", column, shown);
    }
    let remote_data = license.remote_data.as_deref().map(whole_characters);
    assert_eq!(text(&batch, "remote_data"), remote_data.as_deref(), "{}", shown);
    let numbers = [
        ("assigned_quantity", license.assigned_quantity),
        ("available_quantity", license.available_quantity),
        ("unit_amount", license.unit_amount),
    ];
    for (column, expected) in numbers {
        assert_eq!(number(&batch, column), expected.map(f64::to_bits), "{}", shown);
    }
    let times = [("created_at", license.created_at), ("updated_at", license.updated_at)];
    for (column, expected) in times {
        let expected = expected.map(crate::Timestamp::as_micros);
        assert_eq!(time(&batch, column), expected, "{}", shown);
    }
    let is_paid = batch.column_by_name("is_paid").expect("a column").as_boolean();
    assert_eq!(is_paid.is_valid(0).then(|| is_paid.value(0)), license.is_paid, "{}", shown);
    let products: Elements = license.products.map(|products| {
        let members =
            |product: crate::license::Product| vec![product.id, product.name, product.status];
        products.into_iter().map(|product| product.map(members)).collect()
    });
    assert_eq!(list(&batch, "products"), products, "{}", shown);
    let roles: Elements = license.roles.map(|roles| {
        let members = |role: crate::license::Role| vec![role.id, role.name];
        roles.into_iter().map(|role| role.map(members)).collect()
    });
    assert_eq!(list(&batch, "roles"), roles, "{}", shown);
    // The last of a repeated unknown name counts in a map; the column has them all.
    let extra: BTreeMap<String, &RawValue> = match text(&batch, "_extra") {
        Some(extra) => serde_json::from_str(extra).expect("an object"),
        None => BTreeMap::new(),
    };
    let texts = |(name, value): (&String, &&RawValue)| (name.clone(), value.get().to_owned());
    let extra: BTreeMap<_, _> = extra.iter().map(texts).collect();
    let expected: BTreeMap<_, _> =
        license.extra.iter().map(|(name, value)| (name.clone(), whole_characters(value))).collect();
    assert_eq!(extra, expected, "{}", shown);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    use super::*;
    use crate::decode::check;

    /// JSON strings with their quotes.
    fn string() -> impl Strategy<Value = String> {
        prop_oneof![
            "[ -~]{0,40}".prop_map(|text| serde_json::to_string(&text).expect("a string")),
            "\\PC{0,8}".prop_map(|text| serde_json::to_string(&text).expect("a string")),
            prop::sample::select(vec![
                r#""""#,
                r#""\u0000""#,
                r#""\ud83d\ude00""#,
                r#""\ud83d""#,
                r#""\ude00x""#,
                r#""\/\b\f\n\r\t\"\\""#,
                r#""2024-09-01T10:00:00Z""#,
                r#""2024-09-01 10:00:00""#,
                r#""2024-09-01T10:00:00.123456789-08:00""#,
                r#""2024-02-30T10:00:00Z""#,
                r#""2024-09-01T10:00:0\u0030Z""#,
                r#""active""#,
            ])
            .prop_map(str::to_owned),
        ]
    }

    /// JSON values of every kind, with their text.
    fn value() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            string(),
            any::<f64>().prop_map(|number| serde_json::to_string(&number).expect("a number")),
            any::<i64>().prop_map(|number| number.to_string()),
            prop::sample::select(vec![
                "null",
                "true",
                "false",
                "0",
                "-0",
                "-0.0",
                "1e400",
                "-1e-400",
                "9007199254740993",
                "123456789012345",
                "1234567890123456",
                "0.1e1",
                "1E+2",
                "12345678901234567890123",
                "{}",
                "[]",
                " null ",
                "\t7\n",
            ])
            .prop_map(str::to_owned),
        ];
        leaf.prop_recursive(3, 12, 4, |value| {
            prop_oneof![
                prop::collection::vec(value.clone(), 0..4)
                    .prop_map(|values| format!("[{}]", values.join(" ,"))),
                prop::collection::vec((name(), value), 0..4).prop_map(|members| object(&members)),
            ]
        })
    }

    fn name() -> impl Strategy<Value = String> {
        let known = License::FIELDS.map(|field| format!("\"{field}\"")).to_vec();
        prop_oneof![
            6 => prop::sample::select(known),
            1 => string(),
            1 => prop::sample::select(vec![r#""i\u0064""#, r#""st\u0061tus""#, r#""sku""#, r#""""#])
                .prop_map(str::to_owned),
        ]
    }

    fn object(members: &[(String, String)]) -> String {
        let members: Vec<_> =
            members.iter().map(|(name, value)| format!("{name}:{value}")).collect();
        format!("{{{}}}", members.join(","))
    }

    fn record() -> impl Strategy<Value = String> {
        (prop::bool::weighted(0.9), prop::collection::vec((name(), value()), 0..8)).prop_map(
            |(has_id, mut members)| {
                if has_id {
                    members.insert(0, (r#""id""#.to_owned(), r#""a""#.to_owned()));
                }
                object(&members)
            },
        )
    }

    /// Records with some bytes that are others.
    fn broken() -> impl Strategy<Value = Vec<u8>> {
        let breaks = prop::collection::vec((any::<prop::sample::Index>(), 0..4, any::<u8>()), 1..3);
        (record(), breaks).prop_map(|(record, breaks)| {
            let mut bytes = record.into_bytes();
            for (index, how, byte) in breaks {
                let at = index.index(bytes.len());
                // The bytes of JSON's own structure break more than others do.
                let structural = br#"{}[]",:\0-e.tn"#;
                match how {
                    0 => bytes[at] = byte,
                    1 => bytes[at] = structural[byte as usize % structural.len()],
                    2 => bytes.insert(at, structural[byte as usize % structural.len()]),
                    _ if bytes.len() > 1 => drop(bytes.remove(at)),
                    _ => {}
                }
            }
            bytes
        })
    }

    #[test]
    fn a_record_without_bytes_is_rejected() {
        compare(&[&b""[..], b" ", b"{\"id\":\"a\"}", b"", b" {\"id\":\"b\"} "]);
    }

    #[test]
    fn a_deep_record_is_read_as_serde_json_reads_it() {
        for depth in [100, 127, 128, 200, 500] {
            let (open, close) = ("[".repeat(depth), "]".repeat(depth));
            for field in ["remote_data", "products", "name", "sku"] {
                compare(&[format!(r#"{{"id":"a","{field}":{open}{close}}}"#)]);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 8 } else { 2048 }))]

        #[test]
        fn invented_records_are_read_as_serde_json_reads_them(record in record()) {
            compare(&[record]);
        }

        #[test]
        fn broken_records_are_rejected_as_serde_json_rejects_them(record in broken()) {
            compare(&[record]);
        }

        #[test]
        fn any_text_is_accepted_exactly_if_serde_json_accepts_it(text in "[\\[\\]{}\",:\\\\0-9eE.+ntrulfas -]{0,16}") {
            let ours = check(text.as_bytes(), &Limits::default()).is_ok();
            prop_assert_eq!(ours, serde_json::from_str::<IgnoredAny>(&text).is_ok());
        }
    }

    proptest! {
        // Each is of several records, read fifteen times.
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 1 } else { 128 }))]

        #[test]
        fn a_record_is_read_alike_whatever_stands_beside_it(
            records in prop::collection::vec(
                prop_oneof![2 => record().prop_map(String::into_bytes), 1 => broken()],
                2..8,
            ),
        ) {
            compare(&records);
        }
    }
}
