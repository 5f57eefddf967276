//! `GET /integrated-account`, and what it says of each account.

use serde_json::{Value, json};

use crate::integration::is_same_name;
use crate::simulate::accounts::Account;
use crate::simulate::answer::{Answer, Refusal};
use crate::simulate::fault::{FaultEndpoint, FaultKind};
use crate::simulate::generator::seed_from;
use crate::simulate::request::Request;
use crate::simulate::world::World;
use crate::simulate::{AccountGroup, PLANTED_SECRET, Scenario};

/// What a filter can ask of an account.
const FILTERS: [&str; 5] =
    ["tenant_id", "status", "integration.name", "is_sandbox", "environment_id"];

/// Ends the cursor of a page that an empty one came before.
const BEHIND_EMPTY: char = '/';

/// What the integration of accounts without one is called.
const MIXTURE: &str = "Simulated mixture";

/// The accounts that a request's filters take, a page of them.
pub(super) fn answer(request: &Request, world: &World) -> Result<Answer, Refusal> {
    let scenario = &world.simulator.scenario;
    let filter = Filter::of(request)?;
    let cursor = request.given("next_cursor");
    let unknown = || Refusal::new(400, "next_cursor is none that a page of accounts bears");
    let is_behind_empty = cursor.is_some_and(|cursor| cursor.ends_with(BEHIND_EMPTY));
    let start = match cursor {
        None => 0,
        Some(cursor) => {
            decode(scenario.seed, cursor.trim_end_matches(BEHIND_EMPTY)).ok_or_else(unknown)?
        }
    };
    let limit = match request.given("limit").map(str::parse) {
        None => u64::MAX,
        Some(Ok(limit @ 1..)) => limit,
        Some(_) => return Err(Refusal::new(400, "limit is a number from 1 on")),
    };
    let visit = Some(cursor.unwrap_or_default());
    let faults = &scenario.listing.faults;
    let fate = world.strike(faults, FaultEndpoint::Licenses, None, visit, request);
    if let Some(instead) = fate.instead {
        return Ok(instead);
    }
    let strikes = |kind| fate.struck.iter().any(|fault| *fault.kind == kind);
    let (list, next_cursor) = if strikes(FaultKind::EmptyPages) && !is_behind_empty {
        let again = format!("{}{BEHIND_EMPTY}", encode(scenario.seed, start));
        (Vec::new(), Some(again))
    } else {
        let limit = limit.min(scenario.listing.page_records.max(1));
        let (mut list, next) = page(scenario, &filter, start, limit);
        let before = start.saturating_sub(scenario.listing.overlap)..start;
        let before = before.filter_map(|number| scenario.account_at(number));
        let before = before.filter(|it| filter.takes_group(it.group) && filter.takes(it));
        list.splice(0..0, before.map(|it| describe(&it)));
        // Back to this very page: whoever follows it has met the cursor then.
        let next = next.or(strikes(FaultKind::RepeatCursor).then_some(start));
        (list, next.map(|number| encode(scenario.seed, number)))
    };
    let name = if scenario.listing.results { "results" } else { "result" };
    let mut page = json!({ name: list, "next_cursor": next_cursor });
    if strikes(FaultKind::Partial) {
        page["is_partial_response"] = true.into();
    }
    Ok(Answer::json(&page).with_faults(&fate.struck))
}

/// No more than `limit` accounts from a place on, and the place that the next ones begin at.
fn page(
    scenario: &Scenario,
    filter: &Filter<'_>,
    start: u64,
    limit: u64,
) -> (Vec<Value>, Option<u64>) {
    let mut list = Vec::new();
    let mut next = scenario.next_in(start, |group| filter.takes_group(group));
    while let Some(number) = next
        && (list.len() as u64) < limit
    {
        let account = scenario.account_at(number);
        list.extend(account.filter(|account| filter.takes(account)).map(|it| describe(&it)));
        next = scenario.next_in(number + 1, |group| filter.takes_group(group));
    }
    (list, next)
}

/// What an account must be, each with the values that it may have.
#[derive(Debug, Default)]
struct Filter<'a>(Vec<(&'static str, Vec<&'a str>)>);

impl<'a> Filter<'a> {
    fn of(request: &'a Request) -> Result<Self, Refusal> {
        let mut filter = Filter::default();
        for (name, value) in &request.query {
            if matches!(&**name, "next_cursor" | "limit") || value.is_empty() {
                continue;
            }
            let plain = name.strip_suffix("[in]").unwrap_or(name);
            let known = FILTERS.iter().find(|known| **known == plain).ok_or_else(|| {
                Refusal::new(400, format!("accounts cannot be filtered by {name}"))
            })?;
            let values = if plain == name { vec![&**value] } else { value.split(',').collect() };
            filter.0.push((known, values));
        }
        Ok(filter)
    }

    /// Whether accounts of the group can be among them, whatever their own tenants are.
    fn takes_group(&self, group: &AccountGroup) -> bool {
        self.0.iter().all(|(name, values)| match *name {
            "tenant_id" => group.tenant.as_deref().is_none_or(|tenant| values.contains(&tenant)),
            "status" => values.contains(&&*group.status),
            "integration.name" => {
                let name = group.integration.as_deref().unwrap_or(MIXTURE);
                values.iter().any(|value| is_same_name(value, name))
            }
            "is_sandbox" => values.contains(&if group.sandbox { "true" } else { "false" }),
            _ => values.contains(&&*group.environment),
        })
    }

    /// Whether an account of such a group is one of them.
    fn takes(&self, account: &Account<'_>) -> bool {
        let tenant = tenant(account);
        self.0.iter().all(|(name, values)| *name != "tenant_id" || values.contains(&&*tenant))
    }
}

fn tenant(account: &Account<'_>) -> String {
    account.group.tenant.clone().unwrap_or_else(|| format!("tenant-{}", account.number))
}

/// An account as it is listed.
pub(super) fn describe(account: &Account<'_>) -> Value {
    let group = account.group;
    let name = group.integration.as_deref().unwrap_or(MIXTURE);
    let day = account.number % 28 + 1;
    json!({
        "id": account.id,
        "tenant_id": tenant(account),
        "environment_id": group.environment,
        "status": group.status,
        "is_sandbox": group.sandbox,
        "authentication_method": "oauth2",
        "region": "eu",
        "context": { "subdomain": "simulated", "api_key": PLANTED_SECRET },
        "integration": {
            "id": format!("simulated-{:x}", seed_from(0, name)),
            "name": name,
            "category": "user-directory",
        },
        // Both forms of times that the API is known for.
        "created_at": format!("2024-09-{day:02} 10:00:00"),
        "updated_at": format!("2025-03-{day:02}T10:00:00.000Z"),
    })
}

/// Opaque to whoever gets it, and of characters that a URL does not take as they are.
fn encode(seed: u64, number: u64) -> String {
    format!("{number:x}+{:x}==", seed_from(seed ^ number, "listing"))
}

fn decode(seed: u64, cursor: &str) -> Option<u64> {
    let number = u64::from_str_radix(cursor.split_once('+')?.0, 16).ok()?;
    (encode(seed, number) == cursor).then_some(number)
}
