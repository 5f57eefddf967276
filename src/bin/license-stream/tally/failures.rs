//! Why accounts failed, as far as people are told.

use std::collections::BTreeMap;

use license_stream::{Error, ErrorKind};

use crate::report::{chain, human_count};

/// Accounts that failed and that people are told the reasons of.
const TOLD: usize = 20;

/// Of those, how many of one reason: others are to be told too.
const ALIKE: usize = 5;

/// The first reasons, and how many there are of others.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    told: Vec<String>,
    /// Accounts that failed because of the token, which is told of one of them.
    unauthorized: u64,
    /// Those that failed for reasons that are not told, by kind.
    untold: BTreeMap<&'static str, u64>,
}

impl Failures {
    /// Adds one; whether it is told.
    pub(super) fn add(&mut self, error: &Error) -> bool {
        if error.kind() == ErrorKind::Unauthorized {
            self.unauthorized += 1;
            if self.unauthorized > 1 {
                return false;
            }
        }
        let reason = error.message();
        let alike = self.told.iter().filter(|failure| failure.contains(reason)).count();
        let is_told = self.told.len() < TOLD && alike < ALIKE;
        if is_told {
            self.told.push(chain(error));
        } else {
            *self.untold.entry(error.kind().as_str()).or_default() += 1;
        }
        is_told
    }

    /// The first reasons, in the order in which accounts ended.
    pub(crate) fn told(&self) -> &[String] {
        &self.told
    }

    /// Accounts that failed for reasons that are not told.
    pub(crate) fn untold(&self) -> u64 {
        self.untold.values().sum()
    }

    /// How many of them failed in which way, the most frequent first: `18 forbidden, 3 upstream`.
    pub(crate) fn untold_kinds(&self) -> String {
        let mut kinds: Vec<_> = self.untold.iter().collect();
        kinds.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let kinds = kinds.iter().map(|(kind, count)| format!("{} {kind}", human_count(**count)));
        kinds.collect::<Vec<_>>().join(", ")
    }
}
