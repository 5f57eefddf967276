//! Sums over licenses, and how many of them have what is summed.

use std::collections::BTreeMap;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, Float64Array, RecordBatch, StringArray};
use serde::Serialize;

use crate::decode::arrow::remote::{EXTRA, TYPED};
use crate::license::License;

/// Currencies that are kept apart: there are some 180, and a field that holds anything else has no end of values.
const MOST_CURRENCIES: usize = 200;

/// The longest text that is taken for a currency, in bytes.
const LONGEST_CURRENCY: usize = 32;

/// What licenses add up to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LicenseFigures {
    /// The licenses.
    pub licenses: u64,
    /// How many of them have each field, in the order of [`License::FIELDS`].
    pub fields: [FieldFigures; License::FIELDS.len()],
    /// `assigned_quantity` of those that have one.
    pub assigned: Quantity,
    /// `available_quantity` of those that have one.
    pub available: Quantity,
    /// The licenses that have both.
    pub seats: SeatFigures,
    /// Licenses with a `unit_amount`.
    pub priced: u64,
    /// What those cost that have the quantity for it, by currency; `None` where they name none. Sums of different
    /// currencies are no sum.
    pub costs: BTreeMap<Option<String>, CostFigures>,
    /// Licenses with a `unit_amount` whose currency is one of too many, or longer than any: they are in no sum.
    pub unkept_currencies: u64,
}

/// Licenses that have a field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FieldFigures {
    /// Licenses in files that have its column, or in directories that are named for it.
    pub kept: u64,
    /// Those of them in which it is not null.
    pub given: u64,
}

/// A sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Quantity {
    /// The licenses that it is of.
    pub licenses: u64,
    /// The sum.
    pub sum: f64,
}

/// Licenses of which it is known how many seats are assigned, and of how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct SeatFigures {
    /// The licenses.
    pub licenses: u64,
    /// Their assigned seats.
    pub assigned: f64,
    /// All of their seats.
    pub available: f64,
    /// Seats that are assigned beyond those that there are.
    pub excess: f64,
    /// The licenses of those.
    pub exceeded: u64,
}

/// What licenses cost in one currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct CostFigures {
    /// Licenses with a price in it.
    pub priced: u64,
    /// `unit_amount` × `assigned_quantity`.
    pub assigned: Quantity,
    /// `unit_amount` × `available_quantity`.
    pub available: Quantity,
}

impl Default for LicenseFigures {
    fn default() -> Self {
        Self {
            licenses: 0,
            fields: [FieldFigures::default(); License::FIELDS.len()],
            assigned: Quantity::default(),
            available: Quantity::default(),
            seats: SeatFigures::default(),
            priced: 0,
            costs: BTreeMap::new(),
            unkept_currencies: 0,
        }
    }
}

impl Quantity {
    fn add(&mut self, value: f64) {
        self.merge(&Self { licenses: 1, sum: value });
    }

    fn merge(&mut self, other: &Self) {
        self.licenses += other.licenses;
        self.sum += other.sum;
    }
}

impl CostFigures {
    fn merge(&mut self, other: &Self) {
        self.priced += other.priced;
        self.assigned.merge(&other.assigned);
        self.available.merge(&other.available);
    }
}

impl LicenseFigures {
    /// Adds those of other licenses.
    pub fn merge(&mut self, other: &Self) {
        self.licenses += other.licenses;
        for (field, other) in self.fields.iter_mut().zip(&other.fields) {
            field.kept += other.kept;
            field.given += other.given;
        }
        self.assigned.merge(&other.assigned);
        self.available.merge(&other.available);
        self.seats.licenses += other.seats.licenses;
        self.seats.assigned += other.seats.assigned;
        self.seats.available += other.seats.available;
        self.seats.excess += other.seats.excess;
        self.seats.exceeded += other.seats.exceeded;
        self.priced += other.priced;
        self.unkept_currencies += other.unkept_currencies;
        for (currency, cost) in &other.costs {
            match self.cost(currency.as_deref()) {
                Some(own) => own.merge(cost),
                None => self.unkept_currencies += cost.priced,
            }
        }
    }

    /// The figures of a field of [`License::FIELDS`].
    pub fn field(&self, name: &str) -> FieldFigures {
        let index = License::FIELDS.iter().position(|field| *field == name);
        index.map(|index| self.fields[index]).unwrap_or_default()
    }

    /// Counts, of `licenses`, those that have field `name`.
    pub(super) fn count(&mut self, name: &str, licenses: u64, given: u64) {
        if let Some(index) = License::FIELDS.iter().position(|field| *field == name) {
            self.fields[index].kept += licenses;
            self.fields[index].given += given;
        }
    }

    /// Adds rows. `directories` are the values of the fields that directories are named for.
    ///
    /// # Errors
    /// The column that is of another type than this crate writes.
    pub(super) fn add(
        &mut self,
        rows: &RecordBatch,
        directories: &BTreeMap<String, Option<String>>,
    ) -> Result<(), &'static str> {
        let count = rows.num_rows() as u64;
        self.licenses += count;
        for field in License::FIELDS {
            if let Some(given) = given(rows, field) {
                self.count(field, count, given);
            } else if let Some(value) = directories.get(field) {
                self.count(field, count, if value.is_some() { count } else { 0 });
            }
        }
        let assigned = numbers(rows, "assigned_quantity")?;
        let available = numbers(rows, "available_quantity")?;
        let prices = numbers(rows, "unit_amount")?;
        let currencies = match rows.column_by_name("currency") {
            Some(column) => Some(column.as_string_opt::<i32>().ok_or("currency")?),
            None => None,
        };
        let directory = directories.get("currency").and_then(Option::as_deref);
        for row in 0..rows.num_rows() {
            let (assigned, available) = (value(assigned, row), value(available, row));
            self.add_seats(assigned, available);
            if let Some(price) = value(prices, row) {
                let currency = currencies.map_or(directory, |column| text(column, row));
                self.add_price(price, currency, assigned, available);
            }
        }
        Ok(())
    }

    fn add_seats(&mut self, assigned: Option<f64>, available: Option<f64>) {
        if let Some(assigned) = assigned {
            self.assigned.add(assigned);
        }
        if let Some(available) = available {
            self.available.add(available);
        }
        if let Some((assigned, available)) = assigned.zip(available) {
            self.seats.licenses += 1;
            self.seats.assigned += assigned;
            self.seats.available += available;
            if assigned > available {
                self.seats.exceeded += 1;
                self.seats.excess += assigned - available;
            }
        }
    }

    fn add_price(
        &mut self,
        price: f64,
        currency: Option<&str>,
        assigned: Option<f64>,
        available: Option<f64>,
    ) {
        self.priced += 1;
        let Some(cost) = self.cost(currency.filter(|text| !text.trim().is_empty())) else {
            self.unkept_currencies += 1;
            return;
        };
        cost.priced += 1;
        if let Some(assigned) = assigned {
            cost.assigned.add(price * assigned);
        }
        if let Some(available) = available {
            cost.available.add(price * available);
        }
    }

    /// What there is in that currency, if it is kept apart.
    fn cost(&mut self, currency: Option<&str>) -> Option<&mut CostFigures> {
        let key = currency.map(str::to_owned);
        let is_new = !self.costs.contains_key(&key);
        let is_odd = currency.is_some_and(|text| text.len() > LONGEST_CURRENCY);
        if is_odd || is_new && currency.is_some() && self.costs.len() >= MOST_CURRENCIES {
            return None;
        }
        Some(self.costs.entry(key).or_default())
    }
}

/// How many rows have `field`, if there is a column of it. What is typed is in one of two, or in both.
fn given(rows: &RecordBatch, field: &str) -> Option<u64> {
    let beside = rows.column_by_name(EXTRA).filter(|_| field == TYPED);
    let nulls = match (rows.column_by_name(field), beside) {
        (None, None) => return None,
        (Some(column), None) | (None, Some(column)) => column.null_count(),
        (Some(typed), Some(beside)) => {
            let is_null = |row: &usize| typed.is_null(*row) && beside.is_null(*row);
            (0..rows.num_rows()).filter(is_null).count()
        }
    };
    Some((rows.num_rows() - nulls) as u64)
}

/// A column of numbers, if it is there.
fn numbers<'a>(
    rows: &'a RecordBatch,
    name: &'static str,
) -> Result<Option<&'a Float64Array>, &'static str> {
    match rows.column_by_name(name) {
        Some(column) => column.as_primitive_opt::<Float64Type>().map(Some).ok_or(name),
        None => Ok(None),
    }
}

fn value(column: Option<&Float64Array>, row: usize) -> Option<f64> {
    column.filter(|column| column.is_valid(row)).map(|column| column.value(row))
}

fn text(column: &StringArray, row: usize) -> Option<&str> {
    column.is_valid(row).then(|| column.value(row))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Int64Array};

    use super::*;

    /// Assigned, available, price and currency.
    type Told<'a> = (Option<f64>, Option<f64>, Option<f64>, Option<&'a str>);

    fn rows(licenses: &[Told<'_>]) -> RecordBatch {
        let number = |of: fn(&Told<'_>) -> Option<f64>| {
            Arc::new(licenses.iter().map(of).collect::<Float64Array>()) as ArrayRef
        };
        let currencies: StringArray = licenses.iter().map(|license| license.3).collect();
        RecordBatch::try_from_iter_with_nullable([
            ("assigned_quantity", number(|license| license.0), true),
            ("available_quantity", number(|license| license.1), true),
            ("unit_amount", number(|license| license.2), true),
            ("currency", Arc::new(currencies) as ArrayRef, true),
        ])
        .unwrap()
    }

    fn figures(rows: &RecordBatch) -> LicenseFigures {
        let mut figures = LicenseFigures::default();
        figures.add(rows, &BTreeMap::new()).unwrap();
        figures
    }

    #[test]
    fn null_is_in_no_sum_and_currencies_are_never_added_up() {
        let rows = rows(&[
            (Some(3.0), Some(10.0), Some(2.5), Some("EUR")),
            (Some(7.0), None, Some(1.0), Some("USD")),
            (None, Some(5.0), Some(4.0), Some("EUR")),
            (Some(9.0), Some(4.0), None, Some("EUR")),
            (None, None, Some(8.0), None),
            (Some(1.0), Some(1.0), Some(1.0), Some(" ")),
        ]);
        let all = figures(&rows);
        let of = |licenses, sum| Quantity { licenses, sum };
        assert_eq!((all.licenses, all.priced, all.unkept_currencies), (6, 5, 0));
        assert_eq!((all.assigned, all.available), (of(4, 20.0), of(4, 20.0)));
        let seats =
            SeatFigures { licenses: 3, assigned: 13.0, available: 15.0, excess: 5.0, exceeded: 1 };
        assert_eq!(all.seats, seats);
        let cost = |currency: Option<&str>| all.costs[&currency.map(str::to_owned)];
        let eur = CostFigures { priced: 2, assigned: of(1, 7.5), available: of(2, 45.0) };
        assert_eq!(cost(Some("EUR")), eur);
        let usd = CostFigures { priced: 1, assigned: of(1, 7.0), available: of(0, 0.0) };
        assert_eq!(cost(Some("USD")), usd);
        let unnamed = CostFigures { priced: 2, assigned: of(1, 1.0), available: of(1, 1.0) };
        assert_eq!((cost(None), all.costs.len()), (unnamed, 3));
        assert_eq!(all.field("assigned_quantity"), FieldFigures { kept: 6, given: 4 });
        assert_eq!(all.field("status"), FieldFigures::default());

        // In parts it is the same.
        for at in 0..=rows.num_rows() {
            let mut parts = figures(&rows.slice(0, at));
            parts.merge(&figures(&rows.slice(at, rows.num_rows() - at)));
            assert_eq!(parts, all, "{at}");
        }
    }

    #[test]
    fn a_field_that_directories_are_named_for_is_theirs() {
        let licenses = [(Some(2.0), None, Some(3.0), None); 4];
        let rows = rows(&licenses).project(&[0, 1, 2]).unwrap();
        for (value, given) in [(Some("EUR".to_owned()), 4), (None, 0)] {
            let mut all = LicenseFigures::default();
            let directories = [("currency".to_owned(), value.clone())].into();
            all.add(&rows, &directories).unwrap();
            assert_eq!(all.field("currency"), FieldFigures { kept: 4, given });
            assert_eq!(all.costs[&value].assigned, Quantity { licenses: 4, sum: 24.0 });
        }
    }

    #[test]
    fn currencies_without_end_are_counted_and_not_kept() {
        let names: Vec<_> = (0..1000).map(|number| format!("c{number}")).collect();
        let license = |name| (Some(1.0), None, Some(1.0), Some(name));
        let mut licenses: Vec<_> = names.iter().map(|name| license(name.as_str())).collect();
        let long = "x".repeat(LONGEST_CURRENCY + 1);
        licenses.extend([license(&long), (Some(1.0), None, Some(1.0), None)]);
        let mut all = figures(&rows(&licenses));
        // Those that name none are always told.
        assert_eq!((all.costs.len(), all.priced, all.unkept_currencies), (201, 1002, 801));
        all.merge(&figures(&rows(&[license("other")])));
        assert_eq!((all.costs.len(), all.priced, all.unkept_currencies), (201, 1003, 802));
    }

    #[test]
    fn a_column_of_another_type_is_named() {
        let column: ArrayRef = Arc::new(Int64Array::from(vec![1]));
        let rows = RecordBatch::try_from_iter([("unit_amount", column)]).unwrap();
        let refused = LicenseFigures::default().add(&rows, &BTreeMap::new());
        assert_eq!(refused, Err("unit_amount"));
    }
}
