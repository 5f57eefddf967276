//! Chance that follows from a seed.

/// Numbers that are the same for the same seed, on every machine: SplitMix64.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut number = self.0;
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((number ^ (number >> 31)) % bound as u64) as usize
    }

    /// One of `all`, each as likely as any other.
    pub(crate) fn pick<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }

    /// `count` different ones of `all`, or all of them.
    pub(crate) fn some<T>(&mut self, count: usize, mut all: Vec<T>) -> Vec<T> {
        while all.len() > count {
            all.swap_remove(self.below(all.len()));
        }
        all
    }
}
