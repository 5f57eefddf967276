//! Names that are known beforehand, compared in words of eight bytes.

use super::json::MARGIN;

/// A name in quotes and with its colon.
#[derive(Clone, Copy, Debug)]
struct Name {
    words: [u64; WORDS],
    /// The bytes of `words` that count.
    masks: [u64; WORDS],
    len: usize,
    /// Which of its object's known members it is.
    index: usize,
}

/// The names of an object's known members, in the order in which objects had them so far.
///
/// Objects of one source tend to have their members in one order, so a member is looked for behind
/// the one before it: one that an object leaves out costs a comparison of a word.
#[derive(Clone, Debug)]
pub(super) struct Names<const N: usize>([Name; N]);

/// Words that the longest known name takes, and that may be looked at beyond a record.
const WORDS: usize = MARGIN / 8;

/// The bytes at the beginning of a member, to be compared with names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head([u64; WORDS]);

impl Name {
    const EMPTY: Self = Self { words: [0; WORDS], masks: [0; WORDS], len: 0, index: 0 };

    const fn new(name: &str, index: usize) -> Self {
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
        Self { words, masks, len, index }
    }

    #[inline(always)]
    fn begins(&self, head: Head) -> bool {
        let differs = |word: usize| (head.0[word] ^ self.words[word]) & self.masks[word];
        // Most names differ in the first word.
        differs(0) == 0 && differs(1) | differs(2) == 0
    }
}

impl<const N: usize> Names<N> {
    pub(super) const fn new(texts: [&str; N]) -> Self {
        let mut names = [Name::EMPTY; N];
        let mut index = 0;
        while index < N {
            names[index] = Name::new(texts[index], index);
            index += 1;
        }
        Self(names)
    }

    /// Looks for the name that `head` begins with at `place` and behind it, and moves `place` behind
    /// the name; answers which it is, and how many bytes it takes.
    #[inline(always)]
    pub(super) fn find(&self, head: Head, place: &mut usize) -> Option<(usize, usize)> {
        let found = self.0.get(*place..)?.iter().position(|name| name.begins(head))?;
        *place += found + 1;
        let name = &self.0[*place - 1];
        Some((name.index, name.len))
    }

    /// Learns that the name of this index stands at `place` and not before it; answers the place behind
    /// it.
    pub(super) fn learn(&mut self, index: usize, place: usize) -> usize {
        let known = self.0.iter().position(|name| name.index == index);
        match known {
            Some(known) if known < place => {
                self.0[known..place].rotate_left(1);
                place
            }
            known => known.map_or(place, |known| known + 1),
        }
    }
}

impl Head {
    #[inline(always)]
    pub(super) fn of(bytes: &[u8; MARGIN]) -> Self {
        let (words, _) = bytes.as_chunks::<8>();
        Self(std::array::from_fn(|index| u64::from_le_bytes(words[index])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::license::License;

    const NAMES: Names<{ License::FIELDS.len() }> = Names::new(License::FIELDS);

    fn find(member: &[u8], mut place: usize) -> Option<(usize, usize)> {
        let head = member.first_chunk().expect("bytes enough");
        NAMES.find(Head::of(head), &mut place)
    }

    #[test]
    fn a_name_is_found_exactly_if_each_of_its_bytes_is_there() {
        for (index, name) in License::FIELDS.into_iter().enumerate() {
            let member = format!("\"{name}\":1,\"next\":\"of some length\"");
            assert_eq!(find(member.as_bytes(), 0), Some((index, name.len() + 3)));
            assert_eq!(find(member.as_bytes(), index), Some((index, name.len() + 3)));
            assert_eq!(find(member.as_bytes(), index + 1), None, "it stands before");
            for at in 0..name.len() + 3 {
                let mut other = member.clone().into_bytes();
                other[at] ^= 0x20;
                assert_eq!(find(&other, 0), None, "{name} at {at}");
            }
        }
    }

    #[test]
    fn another_order_is_learnt_from_one_object() {
        let mut names = NAMES;
        let order = [13, 0, 7, 1, 2, 3, 12, 4, 5, 6, 8, 9, 10, 11];
        let place = order.iter().fold(0, |place, index| {
            let behind = names.0[place..].iter().position(|name| name.index == *index);
            behind.map_or_else(|| names.learn(*index, place), |found| place + found + 1)
        });
        assert_eq!(place, order.len());
        assert_eq!(names.0.map(|name| name.index), order);
    }
}
