//! Columns that grow by a row at a time, and become Arrow arrays.
//!
//! They are plain vectors: offsets and bytes of text, values, and a bit a row for null. Room for the
//! rows of a block is made at once.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, ListArray, StringArray, StructArray,
    TimestampMicrosecondArray, new_null_array,
};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Fields};

use super::schema;
use crate::decode::fields::List;
use crate::decode::text::Text;

/// Bytes of a short text.
pub(super) const SHORT: usize = 16;

/// A bit a row.
#[derive(Debug, Default)]
pub(super) struct Bits {
    words: Vec<u64>,
    /// The bits that do not fill a word yet, the first row's lowest.
    word: u64,
    len: usize,
    zeros: usize,
}

impl Bits {
    fn reserve(&mut self, rows: usize) {
        self.words.reserve(rows / 64 + 1);
    }

    #[inline]
    pub(super) fn push(&mut self, bit: bool) {
        self.word |= u64::from(bit) << (self.len % 64);
        self.zeros += usize::from(!bit);
        self.len += 1;
        if self.len.is_multiple_of(64) {
            self.words.push(std::mem::take(&mut self.word));
        }
    }

    fn finish(&mut self) -> BooleanBuffer {
        self.words.push(self.word);
        let bits = std::mem::take(self);
        BooleanBuffer::new(Buffer::from_vec(bits.words), 0, bits.len)
    }

    /// The rows that are not null; nothing where none is.
    pub(super) fn finish_nulls(&mut self) -> Option<NullBuffer> {
        let has_nulls = self.zeros > 0;
        let bits = self.finish();
        has_nulls.then(|| NullBuffer::new(bits))
    }
}

/// Text.
#[derive(Debug)]
pub(super) struct TextColumn {
    offsets: Vec<i32>,
    text: String,
    valid: Bits,
}

impl TextColumn {
    pub(super) fn new() -> Self {
        Self { offsets: vec![0], text: String::new(), valid: Bits::default() }
    }

    /// Makes room for `rows` more rows of so many bytes together.
    pub(super) fn reserve(&mut self, rows: usize, bytes: usize) {
        self.offsets.reserve(rows);
        self.text.reserve(bytes);
        self.valid.reserve(rows);
    }

    #[inline]
    pub(super) fn push(&mut self, text: Option<&str>) {
        self.text.push_str(text.unwrap_or_default());
        self.end_row(text.is_some());
    }

    /// Adds what `text` stands for; a null, and answers no, where that is no text.
    #[inline]
    pub(super) fn push_decoded(&mut self, text: Option<Text<'_>>) -> bool {
        let is_text = text.is_some_and(|text| text.decode_to(&mut self.text));
        self.end_row(is_text);
        is_text
    }

    #[inline]
    fn end_row(&mut self, is_valid: bool) {
        self.offsets.push(self.text.len() as i32);
        self.valid.push(is_valid);
    }

    pub(super) fn finish(&mut self) -> ArrayRef {
        let offsets = std::mem::replace(&mut self.offsets, vec![0]);
        let text = std::mem::take(&mut self.text);
        Arc::new(string_array(offsets, text, self.valid.finish_nulls()))
    }
}

/// An array of the pieces of `text` between `offsets`, which are lengths that `text` had as it grew.
///
/// # Panics
/// If `text` is longer than an array can be.
fn string_array(offsets: Vec<i32>, text: String, nulls: Option<NullBuffer>) -> StringArray {
    assert!(i32::try_from(text.len()).is_ok(), "a batch takes less than 2 GiB of text a column");
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    let text = Buffer::from_vec(text.into_bytes());
    if cfg!(debug_assertions) {
        return StringArray::new(offsets, text, nulls);
    }
    // SAFETY: the bytes are those of a `String`, hence UTF-8. Each offset is a length that this
    // `String` had when it was a `str` of its own, so it lies between two characters and within the
    // bytes; none was more than `i32` holds, as the last and longest is not. That offsets do not
    // fall was checked by `OffsetBuffer::new`.
    #[expect(unsafe_code, reason = "to look at each byte once, not once more for every batch")]
    unsafe {
        StringArray::new_unchecked(offsets, text, nulls)
    }
}

/// Numbers.
#[derive(Debug, Default)]
pub(super) struct NumberColumn {
    values: Vec<f64>,
    valid: Bits,
}

impl NumberColumn {
    pub(super) fn reserve(&mut self, rows: usize) {
        self.values.reserve(rows);
        self.valid.reserve(rows);
    }

    #[inline]
    pub(super) fn push(&mut self, value: Option<f64>) {
        self.values.push(value.unwrap_or_default());
        self.valid.push(value.is_some());
    }

    pub(super) fn finish(&mut self) -> ArrayRef {
        let values = ScalarBuffer::from(std::mem::take(&mut self.values));
        Arc::new(Float64Array::new(values, self.valid.finish_nulls()))
    }
}

/// Instants, as microseconds.
#[derive(Debug, Default)]
pub(super) struct TimeColumn {
    values: Vec<i64>,
    valid: Bits,
}

impl TimeColumn {
    pub(super) fn reserve(&mut self, rows: usize) {
        self.values.reserve(rows);
        self.valid.reserve(rows);
    }

    #[inline]
    pub(super) fn push(&mut self, micros: Option<i64>) {
        self.values.push(micros.unwrap_or_default());
        self.valid.push(micros.is_some());
    }

    pub(super) fn finish(&mut self) -> ArrayRef {
        let values = ScalarBuffer::from(std::mem::take(&mut self.values));
        let times = TimestampMicrosecondArray::new(values, self.valid.finish_nulls());
        Arc::new(times.with_timezone(schema::UTC))
    }
}

/// Truth values.
#[derive(Debug, Default)]
pub(super) struct BoolColumn {
    values: Bits,
    valid: Bits,
}

impl BoolColumn {
    pub(super) fn reserve(&mut self, rows: usize) {
        self.values.reserve(rows);
        self.valid.reserve(rows);
    }

    #[inline]
    pub(super) fn push(&mut self, value: Option<bool>) {
        self.values.push(value.unwrap_or_default());
        self.valid.push(value.is_some());
    }

    pub(super) fn finish(&mut self) -> ArrayRef {
        Arc::new(BooleanArray::new(self.values.finish(), self.valid.finish_nulls()))
    }
}

/// A list of objects of `N` strings each.
#[derive(Debug)]
pub(super) struct ListColumn<const N: usize> {
    offsets: Vec<i32>,
    lists: Bits,
    elements: Bits,
    members: [TextColumn; N],
}

impl<const N: usize> ListColumn<N> {
    pub(super) fn new() -> Self {
        Self {
            offsets: vec![0],
            lists: Bits::default(),
            elements: Bits::default(),
            members: std::array::from_fn(|_| TextColumn::new()),
        }
    }

    /// Makes room for `rows` more lists of about one element each.
    pub(super) fn reserve(&mut self, rows: usize) {
        self.offsets.reserve(rows);
        self.lists.reserve(rows);
        self.elements.reserve(rows);
        for column in &mut self.members {
            column.reserve(rows, rows * SHORT);
        }
    }

    #[inline]
    pub(super) fn push(&mut self, list: Option<&List<'_, N>>) {
        if let Some(list) = list {
            for element in list.elements() {
                self.elements.push(element.is_some());
                let texts = element.unwrap_or([None; N]);
                for (column, text) in self.members.iter_mut().zip(texts) {
                    column.push_decoded(text);
                }
            }
        }
        self.lists.push(list.is_some());
        self.offsets.push(self.elements.len as i32);
    }

    pub(super) fn finish(&mut self, fields: &Fields) -> ArrayRef {
        let members = self.members.iter_mut().map(TextColumn::finish).collect();
        let elements = StructArray::new(fields.clone(), members, self.elements.finish_nulls());
        let offsets = std::mem::replace(&mut self.offsets, vec![0]);
        Arc::new(ListArray::new(
            Arc::new(schema::element(fields)),
            OffsetBuffer::new(ScalarBuffer::from(offsets)),
            Arc::new(elements),
            self.lists.finish_nulls(),
        ))
    }
}

/// The same text, or null, in every row.
pub(super) fn constant(text: Option<&str>, rows: usize) -> ArrayRef {
    match text {
        Some(text) => Arc::new(StringArray::new_repeated(text, rows)),
        None => new_null_array(&DataType::Utf8, rows),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::Array;
    use arrow_array::cast::AsArray;

    #[test]
    fn bits_are_those_that_were_pushed_whatever_their_number() {
        for len in [0, 1, 63, 64, 65, 127, 128, 200] {
            let mut column = BoolColumn::default();
            let expected: Vec<_> =
                (0..len).map(|row| (row % 3 != 0).then_some(row % 5 == 0)).collect();
            // Twice, since a column goes on after it was finished.
            for _ in 0..2 {
                expected.iter().for_each(|value| column.push(*value));
                assert_eq!(column.finish().as_boolean(), &BooleanArray::from(expected.clone()));
            }
        }
    }

    #[test]
    fn what_is_no_text_leaves_nothing_behind() {
        let mut column = TextColumn::new();
        assert!(column.push_decoded(Some(Text::new("é", false))));
        assert!(!column.push_decoded(Some(Text::new(r"lost \ud83d", true))));
        assert!(column.push_decoded(Some(Text::new(r"\u00e9", true))));
        assert!(!column.push_decoded(None));
        let array = column.finish();
        assert_eq!(array.as_string(), &StringArray::from(vec![Some("é"), None, Some("é"), None]));
        assert_eq!(array.nulls().map(NullBuffer::null_count), Some(2));
    }
}
