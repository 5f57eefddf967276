//! What a record says of each column, not yet written in any format.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use super::fields::{self, Fields, field};
use super::json::{Kind, Value};
use super::read::{as_bool, as_number, as_time};
use super::text::{Text, without_lone_surrogates};
use super::unexpected::Unexpected;
use super::{Fault, Limits, strict};
use crate::license::{License, Product, Role};

pub(crate) use fields::List;

/// The columns of one record. Absent and null are both `None`.
#[derive(Debug)]
pub(crate) struct Row<'r, 'a> {
    pub(crate) id: Cow<'a, str>,
    pub(crate) assigned_quantity: Option<f64>,
    pub(crate) available_quantity: Option<f64>,
    /// Microseconds since 1970, as `updated_at`.
    pub(crate) created_at: Option<i64>,
    pub(crate) currency: Option<Text<'a>>,
    pub(crate) description: Option<Text<'a>>,
    pub(crate) is_paid: Option<bool>,
    pub(crate) name: Option<Text<'a>>,
    pub(crate) products: Option<&'r List<'a, { Product::FIELDS.len() }>>,
    /// JSON text.
    pub(crate) remote_data: Option<Cow<'a, str>>,
    pub(crate) roles: Option<&'r List<'a, { Role::FIELDS.len() }>>,
    pub(crate) status: Option<Text<'a>>,
    pub(crate) unit_amount: Option<f64>,
    pub(crate) updated_at: Option<i64>,
    /// JSON text of an object: what no other column holds.
    pub(crate) extra: Option<Cow<'r, str>>,
}

/// Which values a format can hold. What it cannot goes the way of a value of another type, to `_extra`.
#[derive(Clone, Debug)]
pub(crate) struct Fit {
    /// Microseconds since 1970.
    pub(crate) times: RangeInclusive<i64>,
    /// Whether `remote_data` may be something else than an object.
    pub(crate) any_remote_data: bool,
    /// Whether a record with a known field that does not fit is refused. Otherwise the column is null, and
    /// the value goes to `_extra`.
    pub(crate) strict: bool,
}

/// Reads the rows of a block one by one, in the room of the one before.
#[derive(Debug)]
pub(crate) struct Rows<'a> {
    fields: Fields<'a>,
    /// The members of the row's `_extra`.
    members: String,
    kept: Kept,
    fit: Fit,
}

/// The known fields of which the row's `_extra` has a value, as bits by index.
#[derive(Clone, Copy, Debug, Default)]
struct Kept {
    all: u16,
    /// Those of which it is not only members that the schema does not know.
    unfit: u16,
}

impl<'a> Rows<'a> {
    pub(crate) fn new(fit: Fit) -> Self {
        Self { fields: Fields::new(), members: String::new(), kept: Kept::default(), fit }
    }

    /// Reads `record`; `known` is the text from its first byte on, where that is known to be UTF-8.
    pub(crate) fn read(
        &mut self,
        record: &'a [u8],
        known: Option<&'a str>,
        limits: &Limits,
    ) -> Result<Row<'_, 'a>, Fault> {
        match known {
            Some(text) => self.fields.scan_str(text, record.len(), limits)?,
            None => self.fields.scan(record, limits)?,
        }
        let id = self.fields.id()?;
        let (fields, members) = (&self.fields, &mut self.members);
        members.clear();
        let mut rest = Rest { fields, members, kept: Kept::default() };
        let times = &self.fit.times;
        let time = |value| as_time(value).filter(|micros| times.contains(micros));
        let assigned_quantity = rest.read(field::ASSIGNED_QUANTITY, as_number);
        let available_quantity = rest.read(field::AVAILABLE_QUANTITY, as_number);
        let created_at = rest.read(field::CREATED_AT, time);
        let currency = rest.read(field::CURRENCY, as_decodable);
        let description = rest.read(field::DESCRIPTION, as_decodable);
        let is_paid = rest.read(field::IS_PAID, as_bool);
        let name = rest.read(field::NAME, as_decodable);
        let products = rest.list(field::PRODUCTS, &fields.products);
        let any = self.fit.any_remote_data;
        let remote_data = rest.read(field::REMOTE_DATA, |value| {
            (any || value.kind() == Kind::Object).then(|| match fields.is_escaped {
                true => without_lone_surrogates(value.raw()),
                false => Cow::Borrowed(value.raw()),
            })
        });
        let roles = rest.list(field::ROLES, &fields.roles);
        let status = rest.read(field::STATUS, as_decodable);
        let unit_amount = rest.read(field::UNIT_AMOUNT, as_number);
        let updated_at = rest.read(field::UPDATED_AT, time);
        self.kept = rest.kept;
        if self.fit.strict && self.kept.unfit != 0 {
            return Err(strict::fault(self.kept.unfit.trailing_zeros() as usize));
        }
        for (name, value) in &fields.unknown {
            push_member(members, name.raw(), value);
        }
        if !members.is_empty() {
            members.push('}');
        }
        let extra = (!members.is_empty()).then(|| without_lone_surrogates(members));
        Ok(Row {
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
            extra,
        })
    }

    /// Adds what the row that was read last has no column for.
    pub(crate) fn count(&self, unexpected: &mut Unexpected) {
        let mut rest = self.kept.all;
        while rest != 0 {
            unexpected.count(rest.trailing_zeros() as usize);
            rest &= rest - 1;
        }
        self.fields.unknown.iter().for_each(|(name, _)| unexpected.count_unknown(*name));
    }
}

/// Takes what a column cannot say of a value.
struct Rest<'t, 'r, 'a> {
    fields: &'r Fields<'a>,
    members: &'t mut String,
    kept: Kept,
}

impl<'r, 'a> Rest<'_, 'r, 'a> {
    #[inline]
    fn read<T>(&mut self, field: usize, read: impl FnOnce(Value<'a>) -> Option<T>) -> Option<T> {
        let value = self.fields.get(field)?;
        let read = read(value);
        if read.is_none() {
            self.kept.unfit |= 1 << field;
            self.keep(field, value);
        }
        read
    }

    #[inline]
    fn list<const N: usize>(
        &mut self,
        field: usize,
        list: &'r List<'a, N>,
    ) -> Option<&'r List<'a, N>> {
        let value = self.fields.get(field)?;
        if !list.fits || list.has_more {
            self.kept.unfit |= u16::from(!list.fits) << field;
            self.keep(field, value);
        }
        (value.kind() == Kind::Array).then_some(list)
    }

    #[cold]
    fn keep(&mut self, field: usize, value: Value<'_>) {
        self.kept.all |= 1 << field;
        push_member(self.members, License::FIELDS[field], value.raw());
    }
}

fn as_decodable(value: Value<'_>) -> Option<Text<'_>> {
    value.as_text().filter(|text| text.is_decodable())
}

/// Adds a member to an object whose closing brace is still missing. `name` is escaped already.
pub(super) fn push_member(object: &mut String, name: &str, value: &str) {
    object.push_str(if object.is_empty() { "{\"" } else { ",\"" });
    object.push_str(name);
    object.push_str("\":");
    object.push_str(value);
}
