//! What is asked for, by whom, and what answers it.

mod accounts;
mod capabilities;
mod licenses;
mod requirements;

use std::sync::atomic::Ordering;

use super::Scenario;
use super::accounts::Account;
use super::answer::{Answer, Refusal};
use super::fault::FaultEndpoint;
use super::rate_limit::Allowance;
use super::request::Request;
use super::world::{Caller, World};

pub(super) use licenses::first_body;

const LICENSES: &str = "/unified/user-directory/licenses";
const LICENSES_META: &str = "/unified/user-directory/licenses/meta/list";
const ACCOUNTS: &str = "/integrated-account";

/// What is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Endpoint<'a> {
    Licenses,
    Meta,
    Accounts,
    /// This one, or that of the token.
    Account(Option<&'a str>),
    /// Of this account.
    Capabilities(&'a str),
}

/// The id by which the token of one account asks for it.
const ME: &str = "me";

impl<'a> Endpoint<'a> {
    fn of(path: &'a str) -> Option<Self> {
        match path {
            LICENSES => Some(Self::Licenses),
            LICENSES_META => Some(Self::Meta),
            ACCOUNTS => Some(Self::Accounts),
            _ => {
                let id = path.strip_prefix(ACCOUNTS)?.strip_prefix('/')?;
                match id.strip_suffix("/capabilities") {
                    Some(id) => Some(Self::Capabilities(id)),
                    None if id.contains('/') => None,
                    None => Some(Self::Account((id != ME).then_some(id))),
                }
            }
        }
    }

    /// The account that a request is about; `None` if it is about all of them.
    fn account<'s>(
        self,
        request: &Request,
        caller: Caller,
        scenario: &'s Scenario,
    ) -> Result<Option<Account<'s>>, Refusal> {
        let id = match self {
            Self::Accounts if caller == Caller::Environment => return Ok(None),
            Self::Accounts => {
                return Err(Refusal::new(403, "a token of one account cannot list accounts"));
            }
            Self::Account(Some(_)) if caller != Caller::Environment => {
                return Err(Refusal::new(403, "a token of one account asks for it as `me`"));
            }
            Self::Account(None) if caller == Caller::Environment => {
                return Err(Refusal::new(400, "`me` is the account of a token of one account"));
            }
            Self::Account(id) => id,
            Self::Capabilities(id) => Some(id),
            Self::Licenses | Self::Meta => request.given("integrated_account_id"),
        };
        let account = match (id, caller) {
            (Some(id), _) => scenario.account(id),
            // Who has the token of one account need not name it.
            (None, Caller::Account(number)) => scenario.account_at(number),
            (None, Caller::Environment) => {
                return Err(Refusal::new(400, "integrated_account_id is required"));
            }
        };
        let unknown = || {
            let id = id.unwrap_or_default();
            Refusal::new(404, format!("no integrated account has the id {id}"))
        };
        let account = account.ok_or_else(unknown)?;
        match caller {
            Caller::Account(number) if number != account.number => {
                Err(Refusal::new(403, "the token is that of another account"))
            }
            _ => Ok(Some(account)),
        }
    }
}

/// Answers a request.
pub(super) fn answer(request: &Request, world: &World) -> Answer {
    try_answer(request, world).unwrap_or_else(|refusal| refusal.answer())
}

fn try_answer(request: &Request, world: &World) -> Result<Answer, Refusal> {
    let scenario = &world.simulator.scenario;
    let caller = caller(request, world).ok_or_else(|| {
        Refusal::new(401, "the bearer token is missing or not that of this simulator")
    })?;
    let endpoint = Endpoint::of(&request.path)
        .ok_or_else(|| Refusal::new(404, format!("no such path: {}", request.path)))?;
    if request.method != "GET" {
        return Err(Refusal::new(405, format!("{} takes GET only", request.path)));
    }
    let account = endpoint.account(request, caller, scenario)?;
    let allowance = world.allow(caller, account.as_ref().map(|account| account.number));
    if let Some(allowance) = &allowance
        && !allowance.is_allowed
    {
        world.limited.fetch_add(1, Ordering::Relaxed);
        let answer = Refusal::new(429, "too many requests: see Retry-After").answer();
        let answer = answer.with_header("Retry-After", allowance.reset.to_string());
        return Ok(with_allowance(answer, allowance));
    }
    let answer = match (endpoint, account) {
        (Endpoint::Licenses, Some(account)) => licenses::answer(request, &account, world),
        (Endpoint::Meta, Some(account)) => {
            let answer = requirements::answer(&account);
            Ok(faulty(request, world, &account, FaultEndpoint::Meta, answer))
        }
        (Endpoint::Account(_), Some(account)) => {
            let answer = accounts::describe(&account);
            Ok(faulty(request, world, &account, FaultEndpoint::Account, Answer::json(&answer)))
        }
        (Endpoint::Capabilities(_), Some(account)) => {
            let answer = capabilities::answer(request, &account)?;
            Ok(faulty(request, world, &account, FaultEndpoint::Capabilities, answer))
        }
        (_, _) => accounts::answer(request, world),
    };
    let answer = answer.unwrap_or_else(|refusal| refusal.answer());
    Ok(match &allowance {
        Some(allowance) => with_allowance(answer, allowance),
        None => answer,
    })
}

/// Who asks; `None` if the token is none.
fn caller(request: &Request, world: &World) -> Option<Caller> {
    let simulator = &world.simulator;
    let rest = request.bearer.as_deref()?.strip_prefix(simulator.token.as_str())?;
    if rest.is_empty() {
        return Some(Caller::Environment);
    }
    let account = simulator.scenario.account(rest.strip_prefix('.')?)?;
    Some(Caller::Account(account.number))
}

/// The answer about an account as its faults leave it.
fn faulty(
    request: &Request,
    world: &World,
    account: &Account<'_>,
    endpoint: FaultEndpoint,
    answer: Answer,
) -> Answer {
    let faults = &account.group.faults;
    let fate = world.strike(faults, endpoint, Some(account.number), None, request);
    fate.instead.unwrap_or_else(|| answer.with_faults(&fate.struck))
}

fn with_allowance(answer: Answer, allowance: &Allowance) -> Answer {
    let tier = allowance.tier;
    answer
        .with_header("ratelimit-limit", format!("{};w={}", tier.requests, tier.seconds))
        .with_header("ratelimit-remaining", allowance.remaining.to_string())
        .with_header("ratelimit-reset", allowance.reset.to_string())
}

#[cfg(test)]
mod tests;
