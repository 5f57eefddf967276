//! Comparisons of many bytes at once, as bit masks: one bit a byte, the first byte lowest.
//!
//! On x86-64 they are SSE2, which every such processor has; elsewhere words of eight bytes.

/// Bytes of a lane.
pub(crate) const LANE: usize = 16;

/// The `N` bytes of `bytes` from `at` on, if there are so many.
#[inline(always)]
pub(crate) fn window<const N: usize>(bytes: &[u8], at: usize) -> Option<&[u8; N]> {
    // Where so many begin. It stays the same for a text, so that each look takes one comparison; that of a range
    // takes two.
    let places = (bytes.len() + 1).saturating_sub(N);
    if at >= places {
        return None;
    }
    // SAFETY: `at < bytes.len() + 1 - N`, hence `at + N <= bytes.len()`: `N` bytes of the slice are there. An
    // array of bytes may lie anywhere.
    #[expect(unsafe_code, reason = "to compare once for each few bytes")]
    Some(unsafe { &*bytes.as_ptr().add(at).cast() })
}

/// The bytes that end the plain run of a JSON string: quotes, backslashes and control characters.
#[inline]
pub(crate) fn specials(lane: &[u8; LANE]) -> u32 {
    #[cfg(target_arch = "x86_64")]
    {
        // SAFETY: SSE2 is part of x86-64.
        #[expect(unsafe_code, reason = "to call SSE2 functions")]
        unsafe {
            sse2::specials(lane)
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    words::specials(lane)
}

/// The bytes of `lane` that decide over the structure of JSON.
#[inline]
pub(crate) fn structure(lane: &[u8; LANE]) -> Structure {
    #[cfg(target_arch = "x86_64")]
    {
        // SAFETY: SSE2 is part of x86-64.
        #[expect(unsafe_code, reason = "to call SSE2 functions")]
        unsafe {
            sse2::structure(lane)
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    words::structure(lane)
}

/// See [`structure`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Structure {
    pub(crate) quote: u32,
    pub(crate) backslash: u32,
    /// `{` and `[`.
    pub(crate) open: u32,
    /// `}` and `]`.
    pub(crate) close: u32,
}

/// The bit that tells `[` from `{`, and `]` from `}`.
const BRACE: u8 = 0x20;

#[cfg(target_arch = "x86_64")]
mod sse2 {
    use std::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128,
        _mm_set1_epi8,
    };

    use super::{BRACE, LANE, Structure};

    #[inline]
    #[target_feature(enable = "sse2")]
    fn load(lane: &[u8; LANE]) -> __m128i {
        // SAFETY: a reference to 16 bytes is valid for a read of 16 bytes; `loadu` asks for no
        // alignment.
        #[expect(unsafe_code, reason = "to load a register")]
        unsafe {
            _mm_loadu_si128(lane.as_ptr().cast())
        }
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    fn equal(bytes: __m128i, byte: u8) -> __m128i {
        _mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte as i8))
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    fn mask(bytes: __m128i) -> u32 {
        _mm_movemask_epi8(bytes) as u32
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn specials(lane: &[u8; LANE]) -> u32 {
        let bytes = load(lane);
        let control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
        mask(_mm_or_si128(control, _mm_or_si128(equal(bytes, b'"'), equal(bytes, b'\\'))))
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn structure(lane: &[u8; LANE]) -> Structure {
        let bytes = load(lane);
        let folded = _mm_or_si128(bytes, _mm_set1_epi8(BRACE as i8));
        Structure {
            quote: mask(equal(bytes, b'"')),
            backslash: mask(equal(bytes, b'\\')),
            open: mask(equal(folded, b'{')),
            close: mask(equal(folded, b'}')),
        }
    }
}

#[cfg(any(test, not(target_arch = "x86_64")))]
mod words {
    use super::{BRACE, LANE, Structure};

    pub(super) fn specials(lane: &[u8; LANE]) -> u32 {
        mask(lane, |word| zeros(word & repeat(0xe0)) | equal(word, b'"') | equal(word, b'\\'))
    }

    pub(super) fn structure(lane: &[u8; LANE]) -> Structure {
        Structure {
            quote: mask(lane, |word| equal(word, b'"')),
            backslash: mask(lane, |word| equal(word, b'\\')),
            open: mask(lane, |word| equal(word | repeat(BRACE), b'{')),
            close: mask(lane, |word| equal(word | repeat(BRACE), b'}')),
        }
    }

    fn mask(lane: &[u8; LANE], find: impl Fn(u64) -> u64) -> u32 {
        let (words, _) = lane.as_chunks::<8>();
        words.iter().enumerate().fold(0, |mask, (index, word)| {
            let high = find(u64::from_le_bytes(*word));
            // Gathers the eight high bits in the highest byte, the first byte's lowest.
            let bits = (high >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56;
            mask | (bits as u32) << (index * 8)
        })
    }

    const fn repeat(byte: u8) -> u64 {
        u64::from_ne_bytes([byte; 8])
    }

    fn equal(word: u64, byte: u8) -> u64 {
        zeros(word ^ repeat(byte))
    }

    /// The high bit of each byte that is zero, and no other bit.
    fn zeros(word: u64) -> u64 {
        const LOW: u64 = repeat(0x7f);
        !(((word & LOW) + LOW) | word | LOW)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_there_where_all_of_its_bytes_are() {
        let bytes = *b"0123456789";
        for len in 0..=bytes.len() {
            let bytes = &bytes[..len];
            for at in [0, 1, 2, 5, 6, 7, 8, 10, 11, usize::MAX - 3, usize::MAX] {
                let wanted = at.checked_add(4).and_then(|end| bytes.get(at..end));
                assert_eq!(
                    window::<4>(bytes, at).map(<[u8; 4]>::as_slice),
                    wanted,
                    "{at} of {len}"
                );
            }
        }
    }

    #[test]
    fn masks_mark_exactly_the_bytes_asked_for() {
        for byte in 0..=255_u8 {
            for at in 0..LANE {
                for around in [b'x', 0xff, b'"', 0x00, b'{'] {
                    let mut lane = [around; LANE];
                    lane[at] = byte;
                    let mask = |is: fn(u8) -> bool| {
                        lane.iter().rev().fold(0, |mask, byte| mask << 1 | u32::from(is(*byte)))
                    };
                    let expected = mask(|byte| byte < 0x20 || byte == b'"' || byte == b'\\');
                    assert_eq!([specials(&lane), words::specials(&lane)], [expected; 2]);
                    let expected = Structure {
                        quote: mask(|byte| byte == b'"'),
                        backslash: mask(|byte| byte == b'\\'),
                        open: mask(|byte| byte == b'{' || byte == b'['),
                        close: mask(|byte| byte == b'}' || byte == b']'),
                    };
                    assert_eq!([structure(&lane), words::structure(&lane)], [expected; 2]);
                }
            }
        }
    }
}
