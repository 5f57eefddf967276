//! A license's fields as slices of its record: checked, told apart, and not yet converted.
//!
//! The whole record is scanned before anything is made of it. So a repeated field is simply
//! overwritten, and a record that breaks off in its last byte has left nothing behind.

use super::json::{Broken, Depth, Kind, Scanner, Value};
use super::name::Names;
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
    /// What was found last, of this record or of one before.
    slots: [Value<'a>; field::COUNT],
    /// The slots that are of this record, as bits by index, and no null.
    present: u16,
    pub(super) products: List<'a, { Product::FIELDS.len() }>,
    pub(super) roles: List<'a, { Role::FIELDS.len() }>,
    /// Members that the schema does not know: name between the quotes, and value.
    pub(super) unknown: Vec<(Text<'a>, &'a str)>,
    /// Whether there is an escape anywhere in the record.
    pub(super) is_escaped: bool,
    names: Names<{ field::COUNT }>,
}

/// The objects of a list of the schema.
#[derive(Debug)]
pub(crate) struct List<'a, const N: usize> {
    /// The text that `elements` are places in.
    text: &'a str,
    elements: Vec<[Place; N]>,
    /// Whether nothing in it had another type; where something had, `None` stands in its place.
    pub(super) fits: bool,
    /// Whether an element had members of other names.
    pub(super) has_more: bool,
    fields: [&'static str; N],
    names: Names<N>,
}

/// A string of an element, as its place in the text of the record.
///
/// An element can be as short as `{},`, and a record can hold millions of them: what is kept of each must
/// not be many times its length. A record is at most 1 GiB long, so that a place fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    start: u32,
    /// Its length, and in the highest bit whether it has escapes.
    len: u32,
}

impl Place {
    const ESCAPED: u32 = 1 << 31;
    /// Of a member that is absent or null.
    const NONE: Self = Self { start: u32::MAX, len: 0 };
    /// In place of the first member: the element itself is null.
    const NO_ELEMENT: Self = Self { start: u32::MAX, len: u32::MAX };

    fn of(member: Text<'_>, text: &str) -> Self {
        let start = member.raw().as_ptr().addr() - text.as_ptr().addr();
        let escaped = if member.is_escaped() { Self::ESCAPED } else { 0 };
        Self { start: start as u32, len: member.raw().len() as u32 | escaped }
    }

    #[inline]
    fn within(self, text: &str) -> Option<Text<'_>> {
        if self == Self::NONE {
            return None;
        }
        let (start, len) = (self.start as usize, (self.len & !Self::ESCAPED) as usize);
        Some(Text::new(&text[start..start + len], self.len & Self::ESCAPED != 0))
    }
}

impl<'a> Fields<'a> {
    pub(super) fn new() -> Self {
        Self {
            slots: [Value::NULL; field::COUNT],
            present: 0,
            products: List::new(Product::FIELDS),
            roles: List::new(Role::FIELDS),
            unknown: Vec::new(),
            is_escaped: false,
            names: Names::new(License::FIELDS),
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
        self.present = 0;
        self.unknown.clear();
        let mut place = 0;
        let end = scanner.members(0, depth, |at, depth| {
            let head = scanner.head(at);
            if let Some((field, len)) = head.and_then(|head| self.names.find(head, &mut place)) {
                return self.take(scanner, at + len, depth, field);
            }
            let (at, name) = scanner.name(at)?;
            if let Some(field) = License::FIELDS.iter().position(|field| name.is(field)) {
                place = self.names.learn(field, place);
                return self.take(scanner, at, depth, field);
            }
            let (at, value) = scanner.value(at, depth)?;
            self.unknown.push((name, value.raw()));
            Ok(at)
        });
        self.is_escaped = scanner.is_escaped();
        end
    }

    /// The value of `field`; `None` where it is absent or `null`.
    #[inline]
    pub(super) fn get(&self, field: usize) -> Option<Value<'a>> {
        (self.present & 1 << field != 0).then(|| self.slots[field])
    }

    /// The `id`, escapes undone.
    pub(super) fn id(&self) -> Result<std::borrow::Cow<'a, str>, Fault> {
        super::usable_id(self.get(field::ID))
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
            field::PRODUCTS => self.products.scan(scanner, at, depth)?,
            field::ROLES => self.roles.scan(scanner, at, depth)?,
            _ => scanner.value(at, depth)?,
        };
        self.slots[field] = value;
        // Without a branch: which fields are null, nobody foresees.
        let is_present = u16::from(value.kind() != Kind::Null);
        self.present = self.present & !(1 << field) | is_present << field;
        Ok(at)
    }
}

impl<'a, const N: usize> List<'a, N> {
    fn new(fields: [&'static str; N]) -> Self {
        let names = Names::new(fields);
        Self { text: "", elements: Vec::new(), fits: true, has_more: false, fields, names }
    }

    /// How many elements there are.
    pub(crate) fn len(&self) -> usize {
        self.elements.len()
    }

    /// The strings of each element; `None` for one that is null.
    #[inline]
    pub(crate) fn elements(&self) -> impl Iterator<Item = Option<[Option<Text<'a>>; N]>> {
        let text = self.text;
        self.elements.iter().map(move |places| {
            (places[0] != Place::NO_ELEMENT).then(|| places.map(|place| place.within(text)))
        })
    }

    /// Checks a value and, if it is a list, gathers its elements.
    #[inline(never)]
    fn scan(
        &mut self,
        scanner: &Scanner<'a>,
        at: usize,
        depth: Depth,
    ) -> Result<(usize, Value<'a>), Broken> {
        self.elements.clear();
        self.text = scanner.text();
        self.has_more = false;
        let (start, first) = scanner.token(at);
        self.fits = first == b'[';
        if !self.fits {
            return scanner.value(start, depth);
        }
        let end = scanner.elements(start, depth, |at, depth| {
            let (at, first) = scanner.token(at);
            if first == b'{' {
                return self.element(scanner, at, depth);
            }
            let (at, value) = scanner.value(at, depth)?;
            self.fits &= value.kind() == Kind::Null;
            self.elements.push([Place::NO_ELEMENT; N]);
            Ok(at)
        })?;
        Ok((end, scanner.array_between(start, end)))
    }

    fn element(&mut self, scanner: &Scanner<'a>, at: usize, depth: Depth) -> Result<usize, Broken> {
        let mut places = [Place::NONE; N];
        let mut fit = [true; N];
        let mut names_are_text = true;
        let mut place = 0;
        let end = scanner.members(at, depth, |at, depth| {
            let head = scanner.head(at);
            let found = head.and_then(|head| self.names.find(head, &mut place));
            let (at, index) = match found {
                Some((index, len)) => (at + len, Some(index)),
                None => {
                    let (at, name) = scanner.any_name(at)?;
                    names_are_text &= name.is_decodable();
                    let index = self.fields.iter().position(|field| name.is(field));
                    if let Some(index) = index {
                        place = self.names.learn(index, place);
                    }
                    (at, index)
                }
            };
            let (at, value) = scanner.value(at, depth)?;
            match index {
                Some(index) => {
                    let text = value.as_text().filter(|text| text.is_decodable());
                    places[index] = text.map_or(Place::NONE, |text| Place::of(text, self.text));
                    fit[index] = text.is_some() || value.kind() == Kind::Null;
                }
                None => self.has_more = true,
            }
            Ok(at)
        })?;
        self.fits &= names_are_text && fit == [true; N];
        self.elements.push(if names_are_text { places } else { [Place::NO_ELEMENT; N] });
        Ok(end)
    }
}
