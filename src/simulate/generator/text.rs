//! Numbers, identifiers and times as text, without `format!` and without allocating.

/// "00" to "99", one after the other.
static PAIRS: [u8; 200] = {
    let mut pairs = [0; 200];
    let mut n = 0;
    while n < 100 {
        pairs[2 * n] = b'0' + (n / 10) as u8;
        pairs[2 * n + 1] = b'0' + (n % 10) as u8;
        n += 1;
    }
    pairs
};

#[inline]
fn put_pair(n: u32, to: &mut [u8]) {
    let at = 2 * (n % 100) as usize;
    to[..2].copy_from_slice(&PAIRS[at..at + 2]);
}

/// Appends the first `length` bytes of `text`: with a copy of one size, which needs no call.
#[inline]
fn append_first<const N: usize>(text: &[u8; N], length: usize, out: &mut Vec<u8>) {
    debug_assert!(length <= N);
    let end = out.len() + length;
    out.extend_from_slice(text);
    out.truncate(end);
}

/// Appends `n` in decimal.
#[inline]
pub(super) fn append_decimal(n: u64, out: &mut Vec<u8>) {
    if n >= 10_000 {
        return append_long_decimal(n, out);
    }
    let n = n as u32;
    let mut text = [0; 4];
    put_pair(n / 100, &mut text);
    put_pair(n, &mut text[2..]);
    let zeros = usize::from(n < 10) + usize::from(n < 100) + usize::from(n < 1000);
    let text = u32::from_le_bytes(text) >> (8 * zeros);
    append_first(&text.to_le_bytes(), 4 - zeros, out);
}

fn append_long_decimal(mut n: u64, out: &mut Vec<u8>) {
    let mut text = [0; 20];
    let mut start = text.len();
    while n >= 10 {
        start -= 2;
        put_pair((n % 100) as u32, &mut text[start..]);
        n /= 100;
    }
    // What is left is one digit, or none because a pair has just taken the last two.
    if n > 0 || start == text.len() {
        start -= 1;
        text[start] = b'0' + n as u8;
    }
    out.extend_from_slice(&text[start..]);
}

/// Appends hundredths as a JSON number, without zeros at its end: `12`, `12.5`, `12.05`.
pub(super) fn append_hundredths(hundredths: u32, out: &mut Vec<u8>) {
    append_decimal(u64::from(hundredths / 100), out);
    let mut fraction = [b'.', 0, 0];
    put_pair(hundredths % 100, &mut fraction[1..]);
    let length = match hundredths % 100 {
        0 => 0,
        cents if cents % 10 == 0 => 2,
        _ => 3,
    };
    out.extend_from_slice(&fraction[..length]);
}

/// The hexadecimal digits of `bits`, most significant first.
#[inline]
fn hex(bits: u64) -> [u8; 16] {
    let mut digits = [0; 16];
    let halves = [(bits >> 32) as u32, bits as u32];
    for (half, to) in halves.into_iter().zip(digits.chunks_exact_mut(8)) {
        // Spreads eight nibbles over eight bytes, then turns them into digits all at once.
        let mut n = u64::from(half);
        n = ((n << 16) | n) & 0x0000_FFFF_0000_FFFF;
        n = ((n << 8) | n) & 0x00FF_00FF_00FF_00FF;
        n = ((n << 4) | n) & 0x0F0F_0F0F_0F0F_0F0F;
        let letters = ((n + 0x0606_0606_0606_0606) >> 4) & 0x0101_0101_0101_0101;
        let text = n + 0x3030_3030_3030_3030 + letters * u64::from(b'a' - b'0' - 10);
        to.copy_from_slice(&text.to_be_bytes());
    }
    digits
}

/// Appends up to 16 hexadecimal digits of `bits`.
#[inline]
pub(super) fn append_hex(bits: u64, digits: usize, out: &mut Vec<u8>) {
    append_first(&hex(bits), digits, out);
}

/// Appends up to 10 letters and digits out of `bits`.
#[inline]
pub(super) fn append_alphanumeric(mut bits: u64, digits: usize, out: &mut Vec<u8>) {
    static ALPHABET: &[u8; 64] =
        b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ01";
    let mut text = [0; 10];
    for byte in &mut text {
        *byte = ALPHABET[(bits & 63) as usize];
        bits >>= 6;
    }
    append_first(&text, digits, out);
}

/// The UUID of version 4 that holds the low 60 bits of `high` and the low 62 of `low`.
#[inline]
pub(super) fn uuid(high: u64, low: u64) -> [u8; 36] {
    let high = hex(((high << 4) & !0xFFFF) | 0x4000 | (high & 0x0FFF));
    let low = hex((low & !(3 << 62)) | (2 << 62));
    let mut text = [b'-'; 36];
    text[..8].copy_from_slice(&high[..8]);
    text[9..13].copy_from_slice(&high[8..12]);
    text[14..18].copy_from_slice(&high[12..]);
    text[19..23].copy_from_slice(&low[..4]);
    text[24..].copy_from_slice(&low[4..]);
    text
}

/// A point in time of the Gregorian calendar, in UTC.
pub(super) struct Time {
    pub(super) year: u32,
    pub(super) month: u32,
    pub(super) day: u32,
    pub(super) second_of_day: u32,
    pub(super) nanosecond: u32,
}

impl Time {
    /// Appends `2024-02-28`.
    #[inline]
    pub(super) fn append_day(&self, out: &mut Vec<u8>) {
        let mut text = *b"0000-00-00";
        put_pair(self.year / 100, &mut text);
        put_pair(self.year, &mut text[2..]);
        put_pair(self.month, &mut text[5..]);
        put_pair(self.day, &mut text[8..]);
        out.extend_from_slice(&text);
    }

    /// Appends `2024-02-28T09:10:11.123`, with up to nine digits after the point, and no zone.
    #[inline]
    pub(super) fn append(&self, fraction_digits: usize, out: &mut Vec<u8>) {
        self.append_day(out);
        let mut text = *b"T00:00:00.000000000";
        put_pair(self.second_of_day / 3600, &mut text[1..]);
        put_pair(self.second_of_day / 60 % 60, &mut text[4..]);
        put_pair(self.second_of_day % 60, &mut text[7..]);
        text[10] = b'0' + (self.nanosecond / 100_000_000) as u8;
        put_pair(self.nanosecond / 1_000_000, &mut text[11..]);
        put_pair(self.nanosecond / 10_000, &mut text[13..]);
        put_pair(self.nanosecond / 100, &mut text[15..]);
        put_pair(self.nanosecond, &mut text[17..]);
        let length = if fraction_digits == 0 { 9 } else { 10 + fraction_digits };
        append_first(&text, length, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(append: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        append(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn decimals_are_those_of_the_standard_library() {
        let mut numbers = vec![u64::MAX];
        numbers.extend((0..20).map(|digits| 10_u64.pow(digits)).flat_map(|n| [n - 1, n, n + 1]));
        for n in numbers {
            assert_eq!(text(|out| append_decimal(n, out)), n.to_string());
        }
    }

    #[test]
    fn hundredths_end_without_zeros() {
        for (hundredths, want) in
            [(0, "0"), (5, "0.05"), (1200, "12"), (1250, "12.5"), (99, "0.99")]
        {
            assert_eq!(text(|out| append_hundredths(hundredths, out)), want);
        }
    }

    #[test]
    fn hex_is_that_of_the_standard_library() {
        for bits in [0, 1, 0x0123_4567_89AB_CDEF, 0x9A9A_0F0F_F0F0_A9A9, u64::MAX] {
            assert_eq!(text(|out| append_hex(bits, 16, out)), format!("{bits:016x}"));
        }
        assert_eq!(text(|out| append_hex(0xABCD << 48, 3, out)), "abc");
    }

    #[test]
    fn uuids_are_of_version_4_and_keep_their_bits() {
        let text = uuid(0x0FED_CBA9_8765_4321, u64::MAX);
        assert_eq!(&text, b"fedcba98-7654-4321-bfff-ffffffffffff");
    }

    #[test]
    fn times_have_as_many_digits_of_fraction_as_asked_for() {
        let time =
            Time { year: 2024, month: 2, day: 9, second_of_day: 86_399, nanosecond: 12_345_678 };
        assert_eq!(text(|out| time.append(0, out)), "2024-02-09T23:59:59");
        assert_eq!(text(|out| time.append(3, out)), "2024-02-09T23:59:59.012");
        assert_eq!(text(|out| time.append(9, out)), "2024-02-09T23:59:59.012345678");
        assert_eq!(text(|out| time.append_day(out)), "2024-02-09");
    }
}
