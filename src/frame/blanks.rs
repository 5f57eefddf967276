//! What may stand around a record and is no part of it.

/// A byte order mark, which may open a body.
pub(super) const BOM: &[u8] = b"\xef\xbb\xbf";

/// White space around a record that does not count as its length.
pub(super) const MAX_BLANKS: usize = 1 << 10;

/// The white space of RFC 8259, and no other.
pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

pub(super) fn trimmed_start(mut text: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = text
        && is_blank(*first)
    {
        text = rest;
    }
    text
}

pub(super) fn trimmed_end(mut text: &[u8]) -> &[u8] {
    while let [rest @ .., last] = text
        && is_blank(*last)
    {
        text = rest;
    }
    text
}

/// `text` without the white space around it.
pub(super) fn trimmed(text: &[u8]) -> &[u8] {
    trimmed_end(trimmed_start(text))
}
