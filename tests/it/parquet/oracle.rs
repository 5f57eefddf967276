//! The row that a record becomes by docs/data.md: slow, obvious, and with nothing of ours but names.

use std::collections::BTreeMap;

use license_stream::License;
use license_stream::license::{Product, Role};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::support::body::members;

/// A row by column. Values are text in which two that differ at all look different.
pub(crate) type Row = BTreeMap<String, String>;

const NUMBERS: [&str; 3] = ["assigned_quantity", "available_quantity", "unit_amount"];
const TIMES: [&str; 2] = ["created_at", "updated_at"];

/// What a record becomes, and which of its known fields went to `_extra`.
pub(crate) fn expected(
    record: &[u8],
    account: Option<&str>,
    snapshot_id: &str,
) -> (Row, Vec<&'static str>) {
    expected_of(record, account, snapshot_id, true)
}

/// The same; unless `remote_data` may be `any_remote_data`, it has to be an object.
pub(crate) fn expected_of(
    record: &[u8],
    account: Option<&str>,
    snapshot_id: &str,
    any_remote_data: bool,
) -> (Row, Vec<&'static str>) {
    let mut known = BTreeMap::new();
    let mut extra = Vec::new();
    for (name, raw) in members(record).expect("a license is an object") {
        match License::FIELDS.into_iter().find(|field| *field == name) {
            Some(field) => drop(known.insert(field, raw)),
            None => extra.push((name, json_text(&raw))),
        }
    }
    let mut row = Row::new();
    let mut unexpected = Vec::new();
    for field in License::FIELDS {
        let raw = known.get(field).filter(|raw| raw.get() != "null");
        let (cell, is_whole) = match raw {
            None => ("null".to_owned(), true),
            Some(raw)
                if field == "remote_data" && !any_remote_data && !raw.get().starts_with('{') =>
            {
                ("null".to_owned(), false)
            }
            Some(raw) => cell(field, raw),
        };
        if let (Some(raw), false) = (raw, is_whole) {
            unexpected.push(field);
            extra.push((field.to_owned(), json_text(raw)));
        }
        row.insert(field.to_owned(), cell);
    }
    row.insert("_integrated_account_id".to_owned(), json!(account).to_string());
    row.insert("_snapshot_id".to_owned(), json!(snapshot_id).to_string());
    row.insert("_extra".to_owned(), members_text(extra));
    (row, unexpected)
}

/// A row as a reader printed it.
pub(crate) fn seen(line: &str) -> Row {
    let cells: BTreeMap<String, Box<RawValue>> = serde_json::from_str(line).unwrap();
    let text = |name: &str, raw: &RawValue| match name {
        name if NUMBERS.contains(&name) => number(raw).map_or("null".to_owned(), float_text),
        "_extra" => {
            let object: Option<String> = serde_json::from_str(raw.get()).unwrap();
            members_text(object.map_or_else(Vec::new, |object| {
                let members = members(object.as_bytes()).expect("`_extra` is an object");
                assert!(!members.is_empty(), "`_extra` is null where there is nothing");
                members.into_iter().map(|(name, raw)| (name, raw.get().to_owned())).collect()
            }))
        }
        _ => serde_json::from_str::<Value>(raw.get()).unwrap().to_string(),
    };
    cells.iter().map(|(name, raw)| (name.clone(), text(name, raw))).collect()
}

/// The cell of a value that is not null, and whether it says all of the value.
fn cell(field: &str, raw: &RawValue) -> (String, bool) {
    let text = || serde_json::from_str::<String>(raw.get()).ok();
    let cell = match field {
        "products" => return list(raw, &Product::FIELDS),
        "roles" => return list(raw, &Role::FIELDS),
        "remote_data" => Some(json!(json_text(raw)).to_string()),
        "is_paid" => Some(raw.get()).filter(|raw| matches!(*raw, "true" | "false")).map(Into::into),
        field if NUMBERS.contains(&field) => number(raw).map(float_text),
        field if TIMES.contains(&field) => {
            text().and_then(|text| micros(&text)).map(|micros| micros.to_string())
        }
        _ => text().map(|text| json!(text).to_string()),
    };
    cell.map_or(("null".to_owned(), false), |cell| (cell, true))
}

/// Text as it came, without the half characters that the edges have.
fn json_text(raw: &RawValue) -> String {
    raw.get().replace(r#"\ud83d""#, r#"\ufffd""#).replace(r"a\ude00b", r"a\ufffdb")
}

fn number(raw: &RawValue) -> Option<f64> {
    let is_number = raw.get().starts_with(|first: char| first == '-' || first.is_ascii_digit());
    raw.get().parse().ok().filter(|value: &f64| is_number && value.is_finite())
}

fn float_text(value: f64) -> String {
    format!("{value:?}")
}

fn list(raw: &RawValue, names: &[&str]) -> (String, bool) {
    let Ok(elements) = serde_json::from_str::<Vec<Box<RawValue>>>(raw.get()) else {
        return ("null".to_owned(), false);
    };
    let mut is_whole = true;
    let mut element = |raw: &RawValue| {
        let Some(members) = members(raw.get().as_bytes()) else {
            is_whole &= raw.get() == "null";
            return Value::Null;
        };
        is_whole &= members.iter().all(|(name, _)| names.contains(&name.as_str()));
        let mut object = Map::new();
        for name in names {
            let last = members.iter().rfind(|member| member.0 == *name);
            let text = last.and_then(|(_, raw)| serde_json::from_str::<String>(raw.get()).ok());
            is_whole &= text.is_some() || last.is_none_or(|(_, raw)| raw.get() == "null");
            object.insert((*name).to_owned(), json!(text));
        }
        Value::Object(object)
    };
    let elements: Vec<_> = elements.iter().map(|raw| element(raw)).collect();
    (json!(elements).to_string(), is_whole)
}

/// The members of `_extra`: their order is not promised.
fn members_text(mut members: Vec<(String, String)>) -> String {
    members.sort();
    let members: Vec<_> =
        members.iter().map(|(name, value)| format!("{name:?}: {value}")).collect();
    if members.is_empty() { "null".to_owned() } else { format!("{{{}}}", members.join(", ")) }
}

/// Microseconds since 1970, counted day by day.
fn micros(text: &str) -> Option<i64> {
    if !text.is_ascii() || text.len() < 19 {
        return None;
    }
    let number = |from: usize, to: usize| {
        let digits = &text[from..to];
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<i64>().ok())?
    };
    let is_leap = |year: i64| (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let month_days = |year: i64, month: i64| match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let marks = [4, 7, 10, 13, 16].map(|at| text.as_bytes()[at]);
    let has_space = marks[2] == b' ';
    if [marks[0], marks[1], marks[3], marks[4]] != *b"--::"
        || !(has_space || marks[2].eq_ignore_ascii_case(&b'T'))
        || !(1..=12).contains(&month)
        || !(1..=month_days(year, month)).contains(&day)
        || hour > 23
        || minute > 59
        || second > 60
    {
        return None;
    }
    let rest = &text[19..];
    let (fraction, zone) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())),
        None => ("0", rest),
    };
    let fraction = format!("{:0<6}", (!fraction.is_empty()).then_some(fraction)?);
    let digits: String = zone.chars().filter(char::is_ascii_digit).collect();
    let offset = match (zone.chars().next(), digits.len()) {
        (None, _) if has_space => 0,
        (Some('Z' | 'z'), 0) => 0,
        (Some(sign @ ('+' | '-')), 2 | 4) => {
            let digits = format!("{digits:0<4}").parse::<i64>().ok()?;
            (digits / 100 * 60 + digits % 100) * if sign == '+' { 1 } else { -1 }
        }
        _ => return None,
    };
    let mut days = day - 1;
    for before in 1..month {
        days += month_days(year, before);
    }
    for before in year.min(1970)..year.max(1970) {
        let length = 365 + i64::from(is_leap(before));
        days += if year > 1970 { length } else { -length };
    }
    let seconds = days * 86_400 + hour * 3600 + (minute - offset) * 60 + second;
    Some(seconds * 1_000_000 + fraction[..6].parse::<i64>().ok()?)
}

#[test]
fn the_oracle_knows_some_times() {
    for (text, expected) in [
        ("1970-01-01T00:00:00Z", Some(0)),
        ("2024-09-01T12:00:00.25+02:00", Some(1_725_184_800_250_000)),
        ("1969-12-31 23:59:59.9", Some(-100_000)),
        ("2000-02-29T00:00:00-0130", Some(951_787_800_000_000)),
        ("2024-09-01T10:00:00", None),
        ("2023-02-29T10:00:00Z", None),
    ] {
        assert_eq!(micros(text), expected, "{text}");
    }
}
