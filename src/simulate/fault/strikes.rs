//! Which faults strike which request.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use super::{Fault, FaultEndpoint, FaultKind};
use crate::simulate::generator::seed_from;

/// The most pages of an account that are remembered; beyond, all are forgotten.
const PAGES_LIMIT: usize = 10_000;

/// Counts requests, for accounts that have faults only.
#[derive(Debug, Default)]
pub(in crate::simulate) struct Strikes {
    accounts: Mutex<HashMap<u64, Account>>,
}

#[derive(Debug, Default)]
struct Account {
    /// For each fault, what it has seen.
    counters: Vec<Counter>,
    /// The pages that were answered.
    pages: HashSet<u64>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counter {
    seen: u64,
    struck: u64,
}

/// A request that faults may strike.
#[derive(Clone, Copy, Debug)]
pub(in crate::simulate) struct Visit<'a> {
    /// What chances are drawn from.
    pub(in crate::simulate) seed: u64,
    /// The number of the account, or another one that is no account's.
    pub(in crate::simulate) account: u64,
    pub(in crate::simulate) endpoint: FaultEndpoint,
    /// The cursor that it bears, empty for the first page; `None` where there are no pages.
    pub(in crate::simulate) page: Option<&'a str>,
}

/// A fault that strikes a request.
#[derive(Clone, Copy, Debug)]
pub(in crate::simulate) struct Struck<'a> {
    pub(in crate::simulate) kind: &'a FaultKind,
    /// How often it has struck by now, this time included.
    pub(in crate::simulate) times: u64,
}

impl Strikes {
    /// The faults that strike this request, which is counted.
    pub(in crate::simulate) fn strike<'a>(
        &self,
        faults: &'a [Fault],
        visit: Visit<'_>,
    ) -> Vec<Struck<'a>> {
        let mut struck = Vec::new();
        if faults.iter().all(|fault| fault.on != visit.endpoint) {
            return struck;
        }
        // Nothing panics while this is locked.
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let account = accounts.entry(visit.account).or_default();
        account.counters.resize(faults.len(), Counter::default());
        // Remembered only where something asks for it.
        let page = visit.page.filter(|_| faults.iter().any(|fault| fault.kind.is_about_repeats()));
        let page = page.map(|page| seed_from(0, page));
        let is_repeat = page.is_some_and(|page| account.pages.contains(&page));
        let mut is_answered = true;
        for (place, (fault, counter)) in faults.iter().zip(&mut account.counters).enumerate() {
            if fault.on != visit.endpoint {
                continue;
            }
            let is_eligible = match fault.kind {
                // The first page has no cursor that could be refused.
                FaultKind::RefuseCursor => is_repeat && visit.page != Some(""),
                _ => is_repeat || !fault.kind.is_about_repeats(),
            };
            let strikes = is_eligible && counter.strikes(fault, visit, place);
            // What has changed stays so.
            let lasts = counter.struck > 0 && fault.kind.lasts();
            if strikes || lasts {
                struck.push(Struck { kind: &fault.kind, times: counter.struck });
            }
            if strikes && fault.kind.ends_row() {
                is_answered = false;
                break;
            }
            is_answered &= !(strikes && fault.kind == FaultKind::HangUp);
        }
        if let Some(page) = page.filter(|_| is_answered) {
            if account.pages.len() >= PAGES_LIMIT {
                account.pages.clear();
            }
            account.pages.insert(page);
        }
        struck
    }

    /// The changes that have struck an account.
    pub(in crate::simulate) fn changes<'a>(
        &self,
        faults: &'a [Fault],
        account: u64,
    ) -> Vec<Struck<'a>> {
        let accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let counters = accounts.get(&account).map_or(&[][..], |account| &account.counters);
        faults
            .iter()
            .zip(counters)
            .filter(|(fault, counter)| fault.kind.lasts() && counter.struck > 0)
            .map(|(fault, counter)| Struck { kind: &fault.kind, times: counter.struck })
            .collect()
    }
}

impl Counter {
    fn strikes(&mut self, fault: &Fault, visit: Visit<'_>, place: usize) -> bool {
        self.seen += 1;
        if self.seen <= fault.after || self.struck >= fault.times {
            return false;
        }
        let strikes = fault.chance.is_none_or(|chance| {
            let key = visit.seed ^ visit.account.rotate_left(32) ^ (place as u64).rotate_left(16);
            let drawn = seed_from(key.wrapping_add(self.seen), "fault");
            // The upper 53 bits: as many as a fraction has.
            ((drawn >> 11) as f64) < chance * (1_u64 << 53) as f64
        });
        self.struck += u64::from(strikes);
        strikes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visit(account: u64, page: &str) -> Visit<'_> {
        let endpoint = FaultEndpoint::Licenses;
        Visit { seed: 1, account, endpoint, page: Some(page) }
    }

    /// The statuses, or kinds, of what strikes.
    fn strike(strikes: &Strikes, faults: &[Fault], visit: Visit<'_>) -> Vec<String> {
        let struck = strikes.strike(faults, visit);
        struck
            .iter()
            .map(|struck| match struck.kind {
                FaultKind::Refuse(refuse) => refuse.status.to_string(),
                kind => format!("{kind:?}"),
            })
            .collect()
    }

    #[test]
    fn faults_come_one_after_the_other() {
        let faults = [
            Fault::status(500).after(1).times(2),
            Fault::new(FaultKind::Partial).times(2),
            Fault::status(429).times(1),
        ];
        let strikes = Strikes::default();
        let seen: Vec<_> = (0..6).map(|_| strike(&strikes, &faults, visit(1, ""))).collect();
        let want: [&[&str]; 6] = [&["Partial", "429"], &["500"], &["500"], &["Partial"], &[], &[]];
        assert_eq!(seen, want);
        assert_eq!(strike(&strikes, &faults, visit(2, "")), ["Partial", "429"], "another account");
    }

    #[test]
    fn a_fault_belongs_to_its_endpoint() {
        let faults = [Fault::status(500).on(FaultEndpoint::Meta).times(1)];
        let strikes = Strikes::default();
        assert!(strike(&strikes, &faults, visit(1, "")).is_empty());
        let meta = Visit { endpoint: FaultEndpoint::Meta, page: None, ..visit(1, "") };
        assert_eq!(strike(&strikes, &faults, meta), ["500"]);
        assert!(strike(&strikes, &faults, meta).is_empty());
    }

    #[test]
    fn chances_follow_from_the_seed() {
        let faults = [Fault::status(500).with_chance(0.3)];
        let draw = |seed| -> Vec<bool> {
            let strikes = Strikes::default();
            (0..1000)
                .map(|_| !strikes.strike(&faults, Visit { seed, ..visit(1, "") }).is_empty())
                .collect()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        let hits = draw(1).iter().filter(|hit| **hit).count();
        assert!((250..350).contains(&hits), "{hits}");
        for (chance, all) in [(0.0, false), (1.0, true)] {
            let faults = [Fault::status(500).with_chance(chance)];
            let strikes = Strikes::default();
            assert_eq!(!strike(&strikes, &faults, visit(1, "")).is_empty(), all);
        }
    }

    #[test]
    fn a_page_is_changed_when_it_is_asked_for_again_and_stays_so() {
        let faults = [Fault::new(FaultKind::ChangeFromRecord(5)).times(1)];
        let strikes = Strikes::default();
        assert!(strike(&strikes, &faults, visit(1, "a")).is_empty());
        assert!(strike(&strikes, &faults, visit(1, "b")).is_empty());
        assert!(strikes.changes(&faults, 1).is_empty());
        for page in ["a", "a", "c"] {
            assert_eq!(strike(&strikes, &faults, visit(1, page)), ["ChangeFromRecord(5)"]);
            assert_eq!(strikes.changes(&faults, 1)[0].times, 1);
        }
        assert!(strikes.changes(&faults, 2).is_empty());
    }

    #[test]
    fn a_page_that_was_refused_was_not_there_before() {
        let faults = [
            Fault::status(502).times(1),
            Fault::new(FaultKind::HangUp).times(1),
            Fault::new(FaultKind::ChangeCount(5)).times(1),
        ];
        let strikes = Strikes::default();
        let mut seen = Vec::new();
        for _ in 0..5 {
            seen.push(strike(&strikes, &faults, visit(1, "")).join(" "));
        }
        assert_eq!(seen, ["502", "HangUp", "", "ChangeCount(5)", "ChangeCount(5)"]);
    }
}
