//! A license's fields as slices of its record: checked, told apart, and not yet converted.
//!
//! The whole record is scanned before anything is made of it. So a repeated field is simply
//! overwritten, and a record that breaks off in its last byte has left nothing behind.

use super::json::{Broken, Depth, Kind, Scanner, Value};
use super::name::Name;
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
    /// The fields in the order in which records had them so far.
    order: [u8; field::COUNT],
}

/// The fields' names, by index in [`License::FIELDS`].
static NAMES: [Name; field::COUNT] = Name::list(License::FIELDS);

/// The objects of a list of the schema.
#[derive(Debug)]
pub(super) struct List<'a, const N: usize> {
    pub(super) elements: Vec<Option<[Option<Text<'a>>; N]>>,
    /// Whether nothing in it had another type; where something had, `None` stands in its place.
    pub(super) fits: bool,
    /// Whether an element had members of other names.
    pub(super) has_more: bool,
}

impl<'a> Fields<'a> {
    pub(super) fn new() -> Self {
        Self {
            slots: [None; field::COUNT],
            products: List::new(),
            roles: List::new(),
            unknown: Vec::new(),
            order: std::array::from_fn(|field| field as u8),
        }
    }

    /// Checks a whole record and finds its fields.
    pub(super) fn scan(&mut self, record: &'a [u8], limits: &Limits) -> Result<(), Fault> {
        self.scan_str(utf8(record)?, record.len(), limits)
    }

    /// [`scan`](Self::scan) for the first `len` bytes of `text`.
    pub(super) fn scan_str(
        &mut self,
        text: &'a str,
        len: usize,
        limits: &Limits,
    ) -> Result<(), Fault> {
        Scanner::record(text, len, limits, |scanner, depth| self.members(scanner, depth))
    }

    fn members(&mut self, scanner: &Scanner<'a>, depth: Depth) -> Result<usize, Broken> {
        self.slots = [None; field::COUNT];
        self.unknown.clear();
        // Where in the order the next field is looked for.
        let mut place = 0;
        scanner.members(0, depth, |at, depth| {
            if let Some(head) = scanner.head(at) {
                let mut next = place;
                while let Some(field) = self.order.get(next) {
                    next += 1;
                    let field = usize::from(*field);
                    if let Some(len) = NAMES[field].begins(head) {
                        place = next;
                        return self.take(scanner, at + len, depth, field);
                    }
                }
            }
            let (at, name) = scanner.name(at)?;
            if let Some(field) = License::FIELDS.iter().position(|field| name.is(field)) {
                place = self.reorder(field, place);
                return self.take(scanner, at, depth, field);
            }
            let (at, value) = scanner.value(at, depth)?;
            self.unknown.push((name, value.raw));
            Ok(at)
        })
    }

    /// Learns that `field` stands at `place` and not before it; answers the place behind it.
    fn reorder(&mut self, field: usize, place: usize) -> usize {
        let known = self.order.iter().position(|known| usize::from(*known) == field);
        match known {
            Some(known) if known < place => {
                self.order[known..place].rotate_left(1);
                place
            }
            known => known.map_or(place, |known| known + 1),
        }
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

    #[inline(always)]
    fn take(
        &mut self,
        scanner: &Scanner<'a>,
        at: usize,
        depth: Depth,
        field: usize,
    ) -> Result<usize, Broken> {
        let (at, value) = match field {
            field::PRODUCTS => {
                self.products.scan(scanner, at, depth, &PRODUCT_NAMES, Product::FIELDS)?
            }
            field::ROLES => self.roles.scan(scanner, at, depth, &ROLE_NAMES, Role::FIELDS)?,
            _ => scanner.value(at, depth)?,
        };
        self.slots[field] = (value.kind != Kind::Null).then_some(value);
        Ok(at)
    }
}

static PRODUCT_NAMES: [Name; Product::FIELDS.len()] = Name::list(Product::FIELDS);
static ROLE_NAMES: [Name; Role::FIELDS.len()] = Name::list(Role::FIELDS);

impl<'a, const N: usize> List<'a, N> {
    fn new() -> Self {
        Self { elements: Vec::new(), fits: true, has_more: false }
    }

    /// Checks a value and, if it is a list, gathers its elements.
    #[inline(never)]
    fn scan(
        &mut self,
        scanner: &Scanner<'a>,
        at: usize,
        depth: Depth,
        names: &[Name; N],
        fields: [&str; N],
    ) -> Result<(usize, Value<'a>), Broken> {
        self.elements.clear();
        self.has_more = false;
        let (start, first) = scanner.token(at);
        self.fits = first == b'[';
        if !self.fits {
            return scanner.value(start, depth);
        }
        let end = scanner.elements(start, depth, |at, depth| {
            let (at, first) = scanner.token(at);
            if first == b'{' {
                return self.element(scanner, at, depth, names, fields);
            }
            let (at, value) = scanner.value(at, depth)?;
            self.fits &= value.kind == Kind::Null;
            self.elements.push(None);
            Ok(at)
        })?;
        Ok((end, scanner.value_between(start, end, Kind::Array)))
    }

    fn element(
        &mut self,
        scanner: &Scanner<'a>,
        at: usize,
        depth: Depth,
        names: &[Name; N],
        fields: [&str; N],
    ) -> Result<usize, Broken> {
        let mut texts = [None; N];
        let mut fit = [true; N];
        let mut names_are_text = true;
        let mut place = 0;
        let end = scanner.members(at, depth, |at, depth| {
            let guess = scanner.head(at).and_then(|head| names.get(place)?.begins(head));
            let (at, index) = match guess {
                Some(len) => (at + len, Some(place)),
                None => {
                    let (at, name) = scanner.any_name(at)?;
                    names_are_text &= name.is_decodable();
                    (at, fields.iter().position(|known| name.is(known)))
                }
            };
            let (at, value) = scanner.value(at, depth)?;
            match index {
                Some(index) => {
                    place = index + 1;
                    texts[index] = value.as_text().filter(|text| text.is_decodable());
                    fit[index] = texts[index].is_some() || value.kind == Kind::Null;
                }
                None => self.has_more = true,
            }
            Ok(at)
        })?;
        self.fits &= names_are_text && fit == [true; N];
        self.elements.push(names_are_text.then_some(texts));
        Ok(end)
    }
}
