//! Which accounts there are: numbers, ids and groups, each found from the other without a list.

use super::generator::{account_id, account_number};
use super::{AccountGroup, LicenseGenerator, Scenario};

/// One account of a scenario.
#[derive(Clone, Debug)]
pub(super) struct Account<'a> {
    /// Its place among all accounts.
    pub(super) number: u64,
    pub(super) id: String,
    pub(super) group: &'a AccountGroup,
}

impl Scenario {
    /// How many accounts there are.
    pub fn account_count(&self) -> u64 {
        self.accounts.iter().fold(0, |sum, group| sum.saturating_add(group.accounts()))
    }

    /// The account at a place among all.
    pub(super) fn account_at(&self, number: u64) -> Option<Account<'_>> {
        let mut place = number;
        for group in &self.accounts {
            if place < group.accounts() {
                let id = match group.ids.get(usize::try_from(place).ok()?) {
                    Some(id) => id.clone(),
                    None => account_id(self.seed, number),
                };
                return Some(Account { number, id, group });
            }
            place -= group.accounts();
        }
        None
    }

    /// The account that has an id.
    pub(super) fn account(&self, id: &str) -> Option<Account<'_>> {
        let derived = account_number(self.seed, id).and_then(|number| self.account_at(number));
        derived.filter(|account| account.id == id).or_else(|| {
            let mut start = 0;
            for group in &self.accounts {
                if let Some(place) = group.ids.iter().position(|known| known == id) {
                    return self.account_at(start + place as u64);
                }
                start += group.accounts();
            }
            None
        })
    }

    /// The first place at or behind `number` whose group is one that `wanted` takes.
    ///
    /// Groups that it does not take cost one look, however many accounts they have.
    pub(super) fn next_in(
        &self,
        number: u64,
        wanted: impl Fn(&AccountGroup) -> bool,
    ) -> Option<u64> {
        let mut start = 0;
        for group in &self.accounts {
            let end = start + group.accounts();
            if number < end && wanted(group) {
                return Some(number.max(start));
            }
            start = end;
        }
        None
    }
}

impl Account<'_> {
    /// Its licenses, as they are before anything changes.
    pub(super) fn licenses(&self, seed: u64) -> LicenseGenerator {
        let licenses = LicenseGenerator::new(seed, &self.id);
        let licenses = match &self.group.integration {
            Some(name) => licenses.clone().of_integration(name).unwrap_or(licenses),
            None => licenses,
        };
        if self.group.unknown_fields { licenses.with_unknown_fields() } else { licenses }
    }
}

/// The ids of all accounts, one after the other.
pub(super) fn ids(scenario: &Scenario) -> impl Iterator<Item = String> + '_ {
    let mut group_start = 0;
    scenario.accounts.iter().flat_map(move |group| {
        let start = group_start;
        group_start += group.accounts();
        let derived = (start..group_start).map(|number| account_id(scenario.seed, number));
        let count = if group.ids.is_empty() { usize::MAX } else { 0 };
        group.ids.iter().cloned().chain(derived.take(count))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_found_by_number_and_by_id() {
        let group = |count| AccountGroup { count, ..AccountGroup::default() };
        let named = ["a", "b"].map(str::to_owned).into();
        let accounts =
            vec![group(3), group(0), AccountGroup { ids: named, ..group(7) }, group(1000)];
        let scenario = Scenario { seed: 5, accounts, ..Scenario::default() };
        assert_eq!(scenario.account_count(), 1005);
        let all: Vec<String> = ids(&scenario).collect();
        assert_eq!((all.len(), &*all[3], &*all[4]), (1005, "a", "b"));
        for (number, id) in all.iter().enumerate() {
            let number = number as u64;
            assert_eq!(scenario.account_at(number).unwrap().id, *id);
            let found = scenario.account(id).unwrap();
            assert_eq!((found.number, found.id), (number, id.clone()));
        }
        assert_eq!(scenario.next_in(1, |group| group.count == 1000), Some(5));
        assert_eq!(scenario.next_in(1004, |group| group.count == 3), None);
        assert!(scenario.account_at(1005).is_none());
        for id in [account_id(5, 3), account_id(5, 1005), account_id(6, 0), "c".to_owned()] {
            assert!(scenario.account(&id).is_none(), "{id}");
        }
    }
}
