//! What a field's value says, if it is of the column's type.

use super::json::{Kind, Value};
use super::number;
use crate::timestamp::Timestamp;

#[inline]
pub(super) fn as_number(value: Value<'_>) -> Option<f64> {
    match value.kind() {
        Kind::Number => number::value(value.raw()),
        _ => None,
    }
}

#[inline]
pub(super) fn as_bool(value: Value<'_>) -> Option<bool> {
    match value.kind() {
        Kind::True => Some(true),
        Kind::False => Some(false),
        _ => None,
    }
}

/// Microseconds since 1970.
#[inline]
pub(super) fn as_time(value: Value<'_>) -> Option<i64> {
    value.as_text()?.decode()?.parse().ok().map(Timestamp::as_micros)
}
