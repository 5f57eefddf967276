//! Names that are known beforehand, compared in words of eight bytes.

use super::json::MARGIN;

/// A member's name that is known beforehand, in quotes and with its colon, to be compared in words.
#[derive(Debug)]
pub(super) struct Name {
    words: [u64; WORDS],
    /// The bytes of `words` that count.
    masks: [u64; WORDS],
    len: usize,
}

/// Words that the longest known name takes, and that may be looked at beyond a record.
const WORDS: usize = MARGIN / 8;

/// The bytes at the beginning of a member, to be compared with names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head([u64; WORDS]);

impl Name {
    pub(super) const fn new(name: &str) -> Self {
        let len = name.len() + 3;
        assert!(len <= WORDS * 8, "the name is longer than a head");
        let (mut words, mut masks) = ([0; WORDS], [0; WORDS]);
        let mut at = 0;
        while at < len {
            let byte = match at {
                0 => b'"',
                _ if at == len - 2 => b'"',
                _ if at == len - 1 => b':',
                _ => name.as_bytes()[at - 1],
            };
            words[at / 8] |= (byte as u64) << (at % 8 * 8);
            masks[at / 8] |= 0xff << (at % 8 * 8);
            at += 1;
        }
        Self { words, masks, len }
    }

    pub(super) const fn list<const N: usize>(names: [&str; N]) -> [Self; N] {
        let mut list = [const { Self { words: [0; WORDS], masks: [0; WORDS], len: 0 } }; N];
        let mut index = 0;
        while index < N {
            list[index] = Self::new(names[index]);
            index += 1;
        }
        list
    }

    /// How many bytes the name takes with quotes and colon, if `head` begins with it.
    #[inline]
    pub(super) fn begins(&self, head: Head) -> Option<usize> {
        let differs = |index: usize| (head.0[index] ^ self.words[index]) & self.masks[index];
        // Most names differ in the first word.
        (differs(0) == 0 && differs(1) | differs(2) == 0).then_some(self.len)
    }
}

impl Head {
    #[inline(always)]
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        let (words, _) = bytes.first_chunk::<MARGIN>()?.as_chunks::<8>();
        Some(Self(std::array::from_fn(|index| u64::from_le_bytes(words[index]))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::license::License;

    #[test]
    fn a_head_begins_with_a_name_exactly_if_its_bytes_do() {
        for (name, known) in License::FIELDS.into_iter().zip(&Name::list(License::FIELDS)) {
            let member = format!("\"{name}\":1,\"next\":\"of some length\"");
            let begins = |bytes: &[u8]| known.begins(Head::of(bytes).expect("bytes enough"));
            assert_eq!(begins(member.as_bytes()), Some(name.len() + 3));
            for at in 0..name.len() + 3 {
                let mut other = member.clone().into_bytes();
                other[at] ^= 0x20;
                assert_eq!(begins(&other), None, "{name} at {at}");
            }
            for other in License::FIELDS.into_iter().filter(|other| *other != name) {
                assert_eq!(begins(member.replace(name, other).as_bytes()), None, "{name} {other}");
            }
        }
    }
}
