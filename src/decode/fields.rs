//! A license's fields as slices of its record: checked, told apart, and not yet converted.
//!
//! The whole record is scanned before anything is made of it. So a repeated field is simply
//! overwritten, and a record that breaks off in its last byte has left nothing behind.

use super::json::{Broken, Kind, Scanner, Value};
use super::text::Text;
use super::{Fault, Limits, utf8};
use crate::license::{License, Product, Role};

/// Index of each field in [`License::FIELDS`].
pub(super) mod field {
    pub(crate) const ID: usize = 0;
    pub(crate) const ASSIGNED_QUANTITY: usize = 1;
    pub(crate) const AVAILABLE_QUANTITY: usize = 2;
    pub(crate) const CREATED_AT: usize = 3;
    pub(crate) const CURRENCY: usize = 4;
    pub(crate) const DESCRIPTION: usize = 5;
    pub(crate) const IS_PAID: usize = 6;
    pub(crate) const NAME: usize = 7;
    pub(crate) const PRODUCTS: usize = 8;
    pub(crate) const REMOTE_DATA: usize = 9;
    pub(crate) const ROLES: usize = 10;
    pub(crate) const STATUS: usize = 11;
    pub(crate) const UNIT_AMOUNT: usize = 12;
    pub(crate) const UPDATED_AT: usize = 13;
    pub(crate) const COUNT: usize = 14;
}

/// What a record says of each field.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    slots: [Option<Value<'a>>; field::COUNT],
    pub(super) products: List<'a, { Product::FIELDS.len() }>,
    pub(super) roles: List<'a, { Role::FIELDS.len() }>,
    /// Members that the schema does not know: name between the quotes, and value.
    pub(super) unknown: Vec<(Text<'a>, &'a str)>,
    /// Which field followed which in the records before; what is first stands behind the last.
    next: [u8; field::COUNT + 1],
}

/// The objects of a list of the schema.
#[derive(Debug)]
pub(super) struct List<'a, const N: usize> {
    pub(super) elements: Vec<Option<[Option<Text<'a>>; N]>>,
    /// Whether nothing in it had another type; where something had, `None` stands in its place.
    pub(super) fits: bool,
    /// Whether an element had members of other names.
    pub(super) has_more: bool,
}

/// In place of the field before the first.
const START: usize = field::COUNT;

impl<'a> Fields<'a> {
    pub(super) fn new() -> Self {
        let mut next = [0; field::COUNT + 1];
        for (field, next) in next[..field::COUNT].iter_mut().enumerate() {
            *next = ((field + 1) % field::COUNT) as u8;
        }
        Self {
            slots: [None; field::COUNT],
            products: List::new(),
            roles: List::new(),
            unknown: Vec::new(),
            next,
        }
    }

    /// Checks a whole record and finds its fields.
    pub(super) fn scan(&mut self, record: &'a [u8], limits: &Limits) -> Result<(), Fault> {
        self.scan_str(utf8(record)?, limits)
    }

    /// [`scan`](Self::scan) for a record that is known to be UTF-8.
    pub(super) fn scan_str(&mut self, record: &'a str, limits: &Limits) -> Result<(), Fault> {
        self.slots = [None; field::COUNT];
        self.unknown.clear();
        let mut previous = START;
        Scanner::new(record, limits.max_depth).whole(|scanner| {
            scanner.members(|scanner| {
                let guess = self.next[previous] as usize;
                if scanner.guess(License::FIELDS[guess]) {
                    previous = guess;
                    return self.take(scanner, guess);
                }
                let name = scanner.name()?;
                if let Some(field) = License::FIELDS.iter().position(|field| name.is(field)) {
                    self.next[previous] = field as u8;
                    previous = field;
                    return self.take(scanner, field);
                }
                let value = scanner.value()?;
                self.unknown.push((name, value.raw));
                Ok(())
            })
        })
    }

    /// The value of `field`; `None` where it is absent or `null`.
    #[inline]
    pub(super) fn get(&self, field: usize) -> Option<Value<'a>> {
        self.slots[field]
    }

    /// The `id`, escapes undone.
    pub(super) fn id(&self) -> Result<std::borrow::Cow<'a, str>, Fault> {
        super::usable_id(self.slots[field::ID])
    }

    #[inline]
    fn take(&mut self, scanner: &mut Scanner<'a>, field: usize) -> Result<(), Broken> {
        let value = match field {
            field::PRODUCTS => self.products.scan(scanner, Product::FIELDS)?,
            field::ROLES => self.roles.scan(scanner, Role::FIELDS)?,
            _ => scanner.value()?,
        };
        self.slots[field] = (value.kind != Kind::Null).then_some(value);
        Ok(())
    }
}

impl<'a, const N: usize> List<'a, N> {
    fn new() -> Self {
        Self { elements: Vec::new(), fits: true, has_more: false }
    }

    /// Checks a value and, if it is a list, gathers its elements.
    fn scan(&mut self, scanner: &mut Scanner<'a>, names: [&str; N]) -> Result<Value<'a>, Broken> {
        self.elements.clear();
        self.has_more = false;
        self.fits = scanner.peek() == Some(b'[');
        if !self.fits {
            return scanner.value();
        }
        let start = scanner.at();
        scanner.array(|scanner| {
            let element = if scanner.peek() == Some(b'{') {
                self.element(scanner, names)?
            } else {
                self.fits &= scanner.skip()? == Kind::Null;
                None
            };
            self.elements.push(element);
            Ok(())
        })?;
        Ok(scanner.value_since(start, Kind::Array))
    }

    fn element(
        &mut self,
        scanner: &mut Scanner<'a>,
        names: [&str; N],
    ) -> Result<Option<[Option<Text<'a>>; N]>, Broken> {
        let mut texts = [None; N];
        let mut fit = [true; N];
        let mut names_are_text = true;
        scanner.members(|scanner| {
            let index = match names.iter().position(|name| scanner.guess(name)) {
                Some(index) => Some(index),
                None => {
                    let name = scanner.any_name()?;
                    names_are_text &= name.is_decodable();
                    names.iter().position(|known| name.is(known))
                }
            };
            let value = scanner.value()?;
            match index {
                Some(index) => {
                    texts[index] = value.as_text().filter(|text| text.is_decodable());
                    fit[index] = texts[index].is_some() || value.kind == Kind::Null;
                }
                None => self.has_more = true,
            }
            Ok(())
        })?;
        self.fits &= names_are_text && fit == [true; N];
        Ok(names_are_text.then_some(texts))
    }
}
