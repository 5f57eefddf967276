//! What a simulator plays, as a value that a file can hold.

use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor, value::MapAccessDeserializer};

use super::generator::{LicenseGenerator, seed_from};
use super::{AccountGroup, Fault, FaultEndpoint, FaultKind, RateTier};
use crate::{Error, ErrorKind};

/// The most accounts that a scenario may have.
const ACCOUNT_LIMIT: u64 = 10_000_000;

/// What a simulator plays: accounts in groups that behave alike, and what they share.
///
/// As JSON, each member has the name of the field here; what is not given has its default.
///
/// ```
/// use license_stream::simulate::{Scenario, Simulator};
///
/// let scenario: Scenario = r#"{
///     "seed": 7,
///     "rate_limits": {"token": {"requests": 500, "seconds": 10}},
///     "accounts": [
///         {"count": 100, "records": 500, "page_records": 100},
///         {"count": 3, "integration": "GitHub", "faults": [{"refuse": 503, "times": 1}]}
///     ]
/// }"#.parse()?;
/// assert_eq!(scenario.account_count(), 103);
/// let simulator = Simulator::from(scenario);
///
/// let error = "{\n \"acounts\": []}".parse::<Scenario>().unwrap_err();
/// assert!(error.to_string().contains("unknown field `acounts`"));
/// assert!(error.to_string().ends_with("at line 2 column 10"));
/// # Ok::<(), license_stream::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scenario {
    /// What ids, licenses and chances follow from.
    pub seed: u64,
    /// How many requests are answered in a time. There are no limits unless they are given.
    pub rate_limits: RateLimits,
    /// How accounts are listed.
    pub listing: Listing,
    /// The accounts. There is one, with the defaults, if none are given.
    #[serde(deserialize_with = "groups")]
    pub accounts: Vec<AccountGroup>,
}

/// How many requests are answered in a time; others get a 429.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimits {
    /// For each token.
    pub token: Option<RateTier>,
    /// For each account, whatever the token.
    pub account: Option<RateTier>,
}

impl RateLimits {
    /// What seem to be Truto's own tiers: 500 requests in 10 s for a token, 50 for an account.
    pub fn likely() -> Self {
        let tier = |requests| Some(RateTier { requests, ..RateTier::default() });
        RateLimits { token: tier(500), account: tier(50) }
    }
}

/// How `GET /integrated-account` answers.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Listing {
    /// Most accounts of a page.
    pub page_records: u64,
    /// How many accounts of the page before a page begins with once more, as where accounts are added
    /// while pages are read.
    pub overlap: u64,
    /// The list is called `results`, not `result`.
    pub results: bool,
    /// What goes wrong with requests for the list: what takes the place of the answer, stalls, trickles,
    /// cuts, wrong lengths, [`Partial`](super::FaultKind::Partial),
    /// [`EmptyPages`](super::FaultKind::EmptyPages) and
    /// [`RepeatCursor`](super::FaultKind::RepeatCursor). Others do nothing.
    #[serde(deserialize_with = "faults_of_listing")]
    pub faults: Vec<Fault>,
}

impl Default for Listing {
    fn default() -> Self {
        Listing { page_records: 100, overlap: 0, results: false, faults: Vec::new() }
    }
}

impl Default for Scenario {
    fn default() -> Self {
        Scenario {
            seed: 0,
            rate_limits: RateLimits::default(),
            listing: Listing::default(),
            accounts: vec![AccountGroup::default()],
        }
    }
}

impl FromStr for Scenario {
    type Err = Error;

    /// Reads JSON.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`], with line and column, or with the group that contradicts itself.
    fn from_str(text: &str) -> Result<Self, Error> {
        let Object::<Scenario>(scenario) = serde_json::from_str(text)
            .map_err(|error| configuration(format!("the scenario cannot be read: {error}")))?;
        scenario.check()?;
        Ok(scenario)
    }
}

impl Scenario {
    /// Finds what contradicts itself; a simulator that is started with it plays it in some way.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`], which names the group.
    pub fn check(&self) -> Result<(), Error> {
        if self.account_count() == 0 {
            return Err(configuration("the scenario has no account: leave out `accounts` for one"));
        }
        if self.account_count() > ACCOUNT_LIMIT {
            return Err(configuration(format!(
                "the scenario has {} accounts: the most is {ACCOUNT_LIMIT}",
                self.account_count()
            )));
        }
        let tiers = [self.rate_limits.token, self.rate_limits.account];
        if let Some(mistake) = tiers.into_iter().flatten().find_map(RateTier::mistake) {
            return Err(configuration(format!("the scenario's rate_limits: {mistake}")));
        }
        if self.listing.page_records == 0 {
            return Err(configuration("the scenario's listing: page_records is at least 1"));
        }
        if self.listing.faults.iter().any(|fault| fault.endpoint() != FaultEndpoint::default()) {
            return Err(configuration(
                "the scenario's listing: its faults are for the list, and have no `on`",
            ));
        }
        let mut ids = HashSet::new();
        for (place, group) in self.accounts.iter().enumerate() {
            let of_group = |mistake: String| {
                configuration(format!("group {} of the scenario's accounts: {mistake}", place + 1))
            };
            if let Some(name) = &group.integration
                && LicenseGenerator::new(0, "").of_integration(name).is_none()
            {
                return Err(of_group(format!(
                    "no integration is called `{name}`: see `license-stream integrations`"
                )));
            }
            let needs_page = |fault: &&Fault| {
                fault.endpoint() == FaultEndpoint::default() && fault.kind().is_of_a_page()
            };
            if !group.shape.has_cursor() && group.faults.iter().any(|fault| needs_page(&fault)) {
                return Err(of_group(format!(
                    "the shape {} says nothing of its page, so there is no place for partial, empty_pages, \
                     repeat_cursor or refuse_cursor",
                    group.shape
                )));
            }
            if group.count != 1 && !group.ids.is_empty() {
                return Err(of_group(
                    "it has both a count and ids: the ids are the count".to_owned(),
                ));
            }
            if let Some(id) = group.ids.iter().find(|id| !is_id(id)) {
                return Err(of_group(format!(
                    "`{}` is no id: letters, digits and hyphens, 100 at most",
                    id.escape_debug()
                )));
            }
            if let Some(id) = group.ids.iter().find(|id| !ids.insert(seed_from(0, id))) {
                return Err(of_group(format!("the id {id} comes twice")));
            }
        }
        Ok(())
    }
}

/// A value that is written as an object. Derived readers take an array of its members too, and an empty one
/// for one of which nothing is given.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }
        deserializer.deserialize_map(Members(PhantomData)).map(Self)
    }
}

fn groups<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<AccountGroup>, D::Error> {
    let groups = Vec::<Object<AccountGroup>>::deserialize(deserializer)?;
    if groups.is_empty() {
        return Err(de::Error::custom(
            "there is no group of accounts: leave it out for one account",
        ));
    }
    Ok(groups.into_iter().map(|Object(group)| group).collect())
}

/// A fault that can strike requests for the list of accounts.
struct ListingFault(Fault);

impl<'de> Deserialize<'de> for ListingFault {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fault = Fault::deserialize(deserializer)?;
        match fault.kind() {
            FaultKind::CutEncoding(_)
            | FaultKind::Bomb(_)
            | FaultKind::ErrorAfter(_)
            | FaultKind::ChangeFromRecord(_)
            | FaultKind::ChangeCount(_)
            | FaultKind::ChangeFromByte(_)
            | FaultKind::BreakRecords(_) => Err(de::Error::custom(
                "this goes wrong with licenses, and not with the list of accounts",
            )),
            _ => Ok(Self(fault)),
        }
    }
}

fn faults_of_listing<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Fault>, D::Error> {
    let faults = Vec::<ListingFault>::deserialize(deserializer)?;
    Ok(faults.into_iter().map(|ListingFault(fault)| fault).collect())
}

fn is_id(id: &str) -> bool {
    (1..=100).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

fn configuration(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Configuration, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_given_is_the_default() {
        assert_eq!("{}".parse::<Scenario>().unwrap(), Scenario::default());
        assert_eq!(Scenario::default().account_count(), 1);
    }

    #[test]
    fn an_integration_is_known_however_it_is_spelt() {
        let scenario: Scenario = r#"{"accounts":[{"integration":"github"}]}"#.parse().unwrap();
        assert_eq!(scenario.accounts[0].integration.as_deref(), Some("GitHub"));
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        for (text, want) in [
            ("{\n\"seed\": }", "the scenario cannot be read: expected value at line 2 column 9"),
            ("{\n\"sed\": 1}", "the scenario cannot be read: unknown field `sed`, expected one of"),
            (
                r#"{"accounts":[{"recods":5}]}"#,
                "the scenario cannot be read: unknown field `recods`",
            ),
            (
                r#"{"accounts":[{"faults":[{"x":5}]}]}"#,
                "the scenario cannot be read: unknown field `x`",
            ),
            (
                r#"{"accounts":[{"shape":"x"}]}"#,
                "the scenario cannot be read: no shape is called `x`",
            ),
            (
                "{\"accounts\":[{},\n{\"integration\":\"X\"}]}",
                "the scenario cannot be read: no integration is called `X`: see `license-stream \
                    integrations` at line 2 column ",
            ),
            (
                "[]",
                "the scenario cannot be read: invalid type: sequence, expected an object at line 1",
            ),
            (
                r#"{"accounts":[]}"#,
                "the scenario cannot be read: there is no group of accounts: leave it out for one \
                    account at line 1 column ",
            ),
            (r#"{"accounts":[{"count":0}]}"#, "the scenario has no account"),
            (
                r#"{"accounts":[[]]}"#,
                "the scenario cannot be read: invalid type: sequence, expected an",
            ),
            (
                r#"{"accounts":[{"faults":[{"refuse":200}]}]}"#,
                "the scenario cannot be read: 200 is no refusal",
            ),
            (
                r#"{"listing":{"faults":[{"partial":true},{"error_after":1}]}}"#,
                "the scenario cannot be read: this goes wrong with licenses, and not with the list of \
                    accounts at line 1 column ",
            ),
            (
                r#"{"accounts":[{"faults":[{"error_after":1,"on":"capabilities"}]}]}"#,
                "the scenario cannot be read: this goes wrong with licenses, and does nothing",
            ),
            (
                r#"{"accounts":[{"faults":[{"on":"account","partial":true}]}]}"#,
                "the scenario cannot be read: this goes wrong with licenses, and does nothing",
            ),
            (
                r#"{"accounts":[{"faults":[{"empty_pages":true,"on":"meta"}]}]}"#,
                "the scenario cannot be read: this goes wrong with licenses, and does nothing",
            ),
            (
                r#"{"accounts":[{"count":2,"ids":["a"]}]}"#,
                "group 1 of the scenario's accounts: it has",
            ),
            (
                r#"{"accounts":[{"ids":["a"]},{"ids":["a"]}]}"#,
                "group 2 of the scenario's accounts: the id",
            ),
            (
                r#"{"accounts":[{"ids":["a b"]}]}"#,
                "group 1 of the scenario's accounts: `a b` is no id",
            ),
            (r#"{"accounts":[{"count":99999999}]}"#, "the scenario has 99999999 accounts"),
            (
                r#"{"rate_limits":{"token":{"requests":0}}}"#,
                "the scenario's rate_limits: requests ",
            ),
            (
                r#"{"listing":{"faults":[{"refuse":500,"on":"meta"}]}}"#,
                "the scenario's listing: its faults",
            ),
            (r#"{"listing":{"page_records":0}}"#, "the scenario's listing: page_records"),
        ] {
            let error = text.parse::<Scenario>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration);
            assert!(error.to_string().starts_with(want), "{text}: {error}");
        }
    }
    /// The names that an object can have, as the error for another one lists them.
    fn names(text: &str) -> Vec<String> {
        let error = text.parse::<Scenario>().unwrap_err().to_string();
        let names = error.split("expected one of ").nth(1).unwrap().split(" at line").next();
        names.unwrap().split(", ").map(str::to_owned).collect()
    }

    #[test]
    fn the_guide_names_all_that_a_scenario_can_say() {
        let guide = include_str!("../../docs/simulator.md");
        let mut seen = 0;
        for object in [
            r#"{"":1}"#,
            r#"{"listing":{"":1}}"#,
            r#"{"rate_limits":{"token":{"":1}}}"#,
            r#"{"accounts":[{"":1}]}"#,
            r#"{"accounts":[{"faults":[{"":1}]}]}"#,
            r#"{"accounts":[{"faults":[{"refuse":{"":1}}]}]}"#,
            r#"{"accounts":[{"encoding":""}]}"#,
            r#"{"accounts":[{"framing":""}]}"#,
            r#"{"accounts":[{"faults":[{"on":""}]}]}"#,
            r#"{"accounts":[{"faults":[{"refuse":{"form":""}}]}]}"#,
            r#"{"accounts":[{"faults":[{"break_records":{"records":[],"as":""}}]}]}"#,
        ] {
            for name in names(object) {
                let quoted = name.replace('`', "\"");
                assert!(guide.contains(&name) || guide.contains(&quoted), "{name}");
                seen += 1;
            }
        }
        assert!(seen > 70, "{seen}");
    }
}
