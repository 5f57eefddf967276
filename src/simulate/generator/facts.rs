//! What one license says in more than one place.

use super::random::{Random, mix, permute_62, scale};
use super::text::{Time, uuid};

/// The values that the fields of one license share, so that they agree with each other.
pub(super) struct Facts {
    pub(super) id: [u8; 36],
    pub(super) assigned: u32,
    pub(super) available: u32,
    pub(super) hundredths: u32,
    pub(super) created: Time,
    pub(super) updated: Time,
    /// Bits that choose the integration.
    pub(super) integration: u32,
    /// Choose among alternatives, in units of 2⁻³².
    kind: u32,
    state: u32,
    seed: u64,
}

impl Facts {
    pub(super) fn new(account: u64, index: u64) -> Self {
        let seed = mix(account ^ index.wrapping_mul(0xD134_2543_DE82_EF95));
        let mut random = Random::new(seed);
        let choices = random.bits();
        let amounts = random.bits();
        // Most licenses are few and some are thousands: a random number of a random length.
        let available = ((amounts as u32) >> (18 + (amounts >> 59) % 13)) + 1;
        let assigned = scale((amounts >> 27) as u32, available + 1);
        let price = random.bits();
        let hundredths = scale(price as u32, 20_000);
        Facts {
            id: uuid(random.bits(), permute_62(index, account)),
            assigned,
            available,
            hundredths: if price >> 62 == 0 { hundredths } else { hundredths / 50 * 50 },
            created: time(random.bits(), 2019, 5),
            updated: time(random.bits(), 2024, 2),
            integration: choices as u32,
            kind: (choices >> 32) as u32,
            state: (choices >> 5) as u32,
            seed,
        }
    }

    /// Which of `alternatives` the license's kind stands for.
    #[inline]
    pub(super) fn kind(&self, alternatives: u32) -> u32 {
        scale(self.kind, alternatives)
    }

    /// Which of `alternatives` the license's state stands for.
    #[inline]
    pub(super) fn state(&self, alternatives: u32) -> u32 {
        scale(self.state, alternatives)
    }

    /// The random bits of one field: another field left out does not change them.
    #[inline]
    pub(super) fn field(&self, field: usize) -> Random {
        Random::new(self.seed ^ ((field as u64 + 1) << 56))
    }

    /// The random bits of the item at `position` of every list of this license.
    #[inline]
    pub(super) fn item(&self, position: u32) -> Random {
        Random::new(self.seed ^ ((u64::from(position) + 1) << 40))
    }

    /// How many of `most` items every list of this license has.
    #[inline]
    pub(super) fn items(&self, least: u32, most: u32) -> u32 {
        least + self.item(u32::MAX - 1).below(most - least + 1)
    }
}

/// A time within `years` years from the beginning of `year`; no month has a 29th day.
fn time(bits: u64, year: u32, years: u32) -> Time {
    let day = scale(bits as u32, years * 12 * 28);
    Time {
        year: year + day / (12 * 28),
        month: day / 28 % 12 + 1,
        day: day % 28 + 1,
        second_of_day: scale((bits >> 32) as u32, 86_400),
        // Any bits will do for digits that nobody compares with the rest.
        nanosecond: scale((bits >> 16) as u32, 1_000_000_000),
    }
}
