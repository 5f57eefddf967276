//! Random bits that are the same everywhere and for ever: SplitMix64.

const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

/// A stream of random bits, set entirely by its seed.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Random(seed)
    }

    #[inline]
    pub(super) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GAMMA);
        mix(self.0)
    }

    /// A number below `bound`; 0 if `bound` is 0.
    #[inline]
    pub(super) fn below(&mut self, bound: u32) -> u32 {
        scale((self.bits() >> 32) as u32, bound)
    }
}

/// SplitMix64's finalizer: a permutation of the 64-bit numbers that leaves no pattern.
#[inline]
pub(super) fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

/// Maps `fraction`, in units of 2⁻³², onto the numbers below `bound`.
#[inline]
pub(super) fn scale(fraction: u32, bound: u32) -> u32 {
    ((u64::from(fraction) * u64::from(bound)) >> 32) as u32
}

/// A seed out of another seed and a text.
pub(in crate::simulate) fn seed_from(seed: u64, text: &str) -> u64 {
    text.bytes().fold(mix(seed.wrapping_add(GAMMA)), |hash, byte| mix(hash ^ u64::from(byte)))
}

const MASK: u64 = (1 << 62) - 1;

/// A permutation of the numbers below 2⁶², different for each key.
///
/// Numbers of 2⁶² and above share their image with the one 2⁶² below.
#[inline]
pub(super) fn permute_62(number: u64, key: u64) -> u64 {
    // Each step can be undone within 62 bits: adding, multiplying by an odd number, xor with a shift.
    let mut bits = number.wrapping_add(key) & MASK;
    bits = bits.wrapping_mul(0xBF58_476D_1CE4_E5B9) & MASK;
    bits ^= bits >> 31;
    bits = bits.wrapping_mul(0x94D0_49BB_1331_11EB) & MASK;
    bits ^ (bits >> 29)
}

/// The number that [`permute_62`] makes `permuted` of.
pub(super) fn restore_62(permuted: u64, key: u64) -> u64 {
    let mut bits = permuted & MASK;
    bits ^= (bits >> 29) ^ (bits >> 58);
    bits = bits.wrapping_mul(inverse(0x94D0_49BB_1331_11EB)) & MASK;
    bits ^= bits >> 31;
    bits = bits.wrapping_mul(inverse(0xBF58_476D_1CE4_E5B9)) & MASK;
    bits.wrapping_sub(key) & MASK
}

/// What undoes a multiplication by an odd number, by Newton's method: each step doubles the bits.
fn inverse(odd: u64) -> u64 {
    (0..6).fold(odd, |guess, _| guess.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(guess))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permutation_can_be_undone() {
        for key in [0, 1, 0xDEAD_BEEF_0BAD_F00D, u64::MAX] {
            for number in (0..1000).chain([1 << 61, MASK]) {
                assert_eq!(restore_62(permute_62(number, key), key), number);
            }
        }
    }
}
