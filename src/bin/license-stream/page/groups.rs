//! Accounts by what they are connected to, as far as that is known.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use license_stream::sink::parquet::{LicenseFigures, SurveyedSnapshot};
use license_stream::{Integration, Result};

use super::finished::Finished;
use crate::wanted;

/// Which integration an account is of.
#[derive(Debug, Default)]
pub(super) struct Integrations {
    /// By the account's id in lower case, if a file says it, or the run, or the lake.
    by_account: HashMap<String, String>,
}

impl Integrations {
    pub(super) fn read(file: Option<&Path>) -> Result<Self> {
        let by_account = file.map(wanted::integration_names).transpose()?;
        Ok(Self { by_account: by_account.unwrap_or_default() })
    }

    /// Takes in what a run knew of accounts of which nothing was said before.
    pub(super) fn learn_of_run(&mut self, finished: &Finished) {
        for snapshot in finished.snapshots() {
            if let (Some(account), Some(name)) = (&snapshot.account, &snapshot.integration) {
                self.learn(account, name);
            }
        }
    }

    /// Takes in what a lake says of accounts of which nothing was said before.
    pub(super) fn learn_of_lake(&mut self, counted: &[SurveyedSnapshot]) {
        for snapshot in counted {
            if let Some(name) = &snapshot.integration {
                self.learn(&snapshot.account, name);
            }
        }
    }

    fn learn(&mut self, account: &str, name: &str) {
        let account = account.to_ascii_lowercase();
        self.by_account.entry(account).or_insert_with(|| name.to_owned());
    }

    /// The name of that of `account`, as it is documented if it is; otherwise as it is `said` to be, if anything
    /// says it.
    pub(super) fn name_of(&self, account: &str, said: Option<&str>) -> Option<String> {
        let named = self.by_account.get(&account.to_ascii_lowercase());
        let name = named.map(String::as_str).or(said)?;
        Some(Integration::by_name(name).map_or(name, Integration::name).to_owned())
    }

    /// Whether any account's is known.
    pub(super) fn are_any(&self) -> bool {
        !self.by_account.is_empty()
    }
}

/// The accounts of one integration together.
#[derive(Debug)]
pub(super) struct Group {
    /// The integration; `None` for the accounts of which it is not known.
    pub(super) name: Option<String>,
    pub(super) accounts: u64,
    pub(super) figures: LicenseFigures,
}

impl Group {
    /// All that are, by name, with those that are not known last.
    pub(super) fn all(counted: &[SurveyedSnapshot], integrations: &Integrations) -> Vec<Self> {
        let mut groups: BTreeMap<(bool, Option<String>), Self> = BTreeMap::new();
        for snapshot in counted {
            let said = snapshot.integration.as_deref();
            let name = integrations.name_of(&snapshot.account, said);
            let figures = LicenseFigures::default();
            let group = groups
                .entry((name.is_none(), name.as_deref().map(str::to_lowercase)))
                .or_insert_with(|| Self { name, accounts: 0, figures });
            group.accounts += 1;
            group.figures.merge(&snapshot.figures);
        }
        groups.into_values().collect()
    }

    /// What people call it.
    pub(super) fn title(&self) -> String {
        self.name.clone().unwrap_or_else(|| UNKNOWN.to_owned())
    }

    /// The integration, if it is documented.
    pub(super) fn integration(&self) -> Option<&'static Integration> {
        self.name.as_deref().and_then(Integration::by_name)
    }
}

/// In the place of a name.
pub(super) const UNKNOWN: &str = "not known";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_of_what_a_file_says_then_of_what_the_lake_says_then_of_nothing_known() {
        let snapshot = |account: &str, integration: Option<&str>| SurveyedSnapshot {
            account: account.to_owned(),
            snapshot_id: String::new(),
            integration: integration.map(str::to_owned),
            rejected: 0,
            figures: LicenseFigures { licenses: 1, ..LicenseFigures::default() },
        };
        let by_account = HashMap::from([("a1".to_owned(), "webex".to_owned())]);
        let integrations = Integrations { by_account };
        let counted = [
            snapshot("A1", Some("zoom")),
            snapshot("b", Some("git-hub")),
            snapshot("c", Some("github")),
            snapshot("d", Some("acme")),
            snapshot("e", None),
        ];
        let mut learnt = Integrations { by_account: integrations.by_account.clone() };
        learnt.learn_of_lake(&counted);
        assert_eq!(learnt.name_of("a1", None).as_deref(), Some("Webex"));
        assert_eq!(learnt.name_of("B", None).as_deref(), Some("GitHub"));
        assert_eq!(learnt.name_of("e", None), None);
        let groups = Group::all(&counted, &integrations);
        let seen: Vec<_> =
            groups.iter().map(|it| (it.title(), it.accounts, it.figures.licenses)).collect();
        let of = |name: &str, count| (name.to_owned(), count, count);
        assert_eq!(seen, [of("acme", 1), of("GitHub", 2), of("Webex", 1), of("not known", 1)]);
        let documented: Vec<_> = groups.iter().map(|it| it.integration().is_some()).collect();
        assert_eq!(documented, [false, true, true, false]);
    }
}
