//! A hash of bytes, to tell whether they are the same again.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use twox_hash::xxhash3_128;

/// The XXH3 hash of some bytes, 128 bits wide.
///
/// It tells bytes apart that differ by accident: a page that was changed, a file that was cut. It is no
/// signature, and need not be one: who could forge a body is its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digest(u128);

impl Digest {
    /// The digest of nothing.
    pub fn of_nothing() -> Self {
        Digester::default().digest()
    }
}

/// 32 hexadecimal digits, as `xxhsum -H2` prints them.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for Digest {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WHAT: &str = "a digest is 32 hexadecimal digits";
        let is_plain = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let value = is_plain.then(|| u128::from_str_radix(text, 16).ok()).flatten();
        value.map(Self).ok_or(WHAT)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// Makes the [`Digest`] of bytes that come piece by piece; where they are cut does not matter.
#[derive(Clone)]
pub struct Digester(xxhash3_128::Hasher);

impl Digester {
    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
    }

    /// The digest of the bytes so far.
    pub fn digest(&self) -> Digest {
        Digest(self.0.finish_128())
    }
}

impl Default for Digester {
    fn default() -> Self {
        Self(xxhash3_128::Hasher::new())
    }
}

impl fmt::Debug for Digester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Digester").field(&self.digest()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_does_not_depend_on_the_pieces_and_survives_being_written() {
        // From the reference implementation's `xxhsum -H2` of nothing.
        assert_eq!(Digest::of_nothing().to_string(), "99aa06d3014798d86001c324468d497f");
        let bytes: Vec<u8> = (0..2000_u32).map(|number| number as u8).collect();
        let mut whole = Digester::default();
        whole.update(&bytes);
        for size in [1, 7, 256, 1999] {
            let mut pieces = Digester::default();
            bytes.chunks(size).for_each(|piece| pieces.update(piece));
            assert_eq!(pieces.digest(), whole.digest(), "pieces of {size}");
        }
        let json = serde_json::to_string(&whole.digest()).unwrap();
        assert_eq!(serde_json::from_str::<Digest>(&json).unwrap(), whole.digest());
        for text in ["", "+9aa06d3014798d86001c324468d497f", "99aa06d3014798d86001c324468d497"] {
            assert!(text.parse::<Digest>().is_err(), "{text}");
        }
    }
}
