//! What the requests that a simulator answers have in common.

use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::Simulator;
use super::answer::Answer;
use super::fault::{Fault, FaultEndpoint, FaultKind, Strikes, Struck, Visit};
use super::generator::LicenseGenerator;
use super::log::{Log, LoggedRequest};
use super::rate_limit::{Allowance, RateLimit};
use super::request::Request;

/// The account number of requests that are about no account.
const NO_ACCOUNT: u64 = u64::MAX;

/// A simulator's settings, and what it remembers of the requests so far.
#[derive(Debug)]
pub(super) struct World {
    pub(super) simulator: Simulator,
    strikes: Strikes,
    limits: Mutex<Limits>,
    log: Option<Mutex<Log>>,
    pub(super) started: Instant,
    pub(super) requests: AtomicU64,
    /// How many requests were too many.
    pub(super) limited: AtomicU64,
}

#[derive(Debug)]
struct Limits {
    token: Option<RateLimit<Caller>>,
    account: Option<RateLimit<u64>>,
}

/// Whose token a request bears.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Caller {
    /// That of the whole environment.
    Environment,
    /// That of the account with this number.
    Account(u64),
}

/// What the faults make of a request.
#[derive(Debug)]
pub(super) struct Fate<'a> {
    pub(super) struck: Vec<Struck<'a>>,
    /// What takes the place of the answer.
    pub(super) instead: Option<Answer>,
}

impl World {
    pub(super) fn new(simulator: Simulator) -> Self {
        let limits = simulator.scenario.rate_limits;
        World {
            strikes: Strikes::default(),
            limits: Mutex::new(Limits {
                token: limits.token.map(RateLimit::new),
                account: limits.account.map(RateLimit::new),
            }),
            log: simulator.log_limit.map(|limit| Mutex::new(Log::new(limit))),
            started: Instant::now(),
            requests: AtomicU64::new(0),
            limited: AtomicU64::new(0),
            simulator,
        }
    }

    /// Counts a request against the limits; the one that is nearest to its end, if there is any.
    pub(super) fn allow(&self, caller: Caller, account: Option<u64>) -> Option<Allowance> {
        let now = Instant::now();
        let mut limits = lock(&self.limits);
        let Limits { token, account: by_account } = &mut *limits;
        let mut found: Vec<Allowance> = Vec::new();
        found.extend(token.as_mut().map(|limit| limit.look(caller, now)));
        if let (Some(limit), Some(number)) = (by_account.as_mut(), account) {
            found.push(limit.look(number, now));
        }
        // A request that is too many for one tier does not count for the other either.
        if found.iter().all(|allowance| allowance.is_allowed) {
            found.clear();
            found.extend(token.as_mut().map(|limit| limit.count(caller, now)));
            if let (Some(limit), Some(number)) = (by_account.as_mut(), account) {
                found.push(limit.count(number, now));
            }
            for allowance in &mut found {
                allowance.is_allowed = true;
            }
        }
        found.into_iter().min_by_key(|found| (found.is_allowed, found.remaining))
    }

    /// Lets the faults strike a request.
    pub(super) fn strike<'a>(
        &self,
        faults: &'a [Fault],
        endpoint: FaultEndpoint,
        account: Option<u64>,
        page: Option<&str>,
        request: &Request,
    ) -> Fate<'a> {
        let account = account.unwrap_or(NO_ACCOUNT);
        let visit = Visit { seed: self.simulator.scenario.seed, account, endpoint, page };
        let struck = self.strikes.strike(faults, visit);
        let instead = struck.last().and_then(|last| instead(last.kind, request));
        let instead = instead.map(|answer| answer.with_faults(&struck));
        Fate { struck, instead }
    }

    /// An account's licenses as they are by now; `None` if there is no such account.
    pub(super) fn licenses(&self, id: &str) -> Option<LicenseGenerator> {
        let scenario = &self.simulator.scenario;
        let account = scenario.account(id)?;
        let changes = self.strikes.changes(&account.group.faults, account.number);
        Some(changed(account.licenses(scenario.seed), &changes))
    }

    /// How many licenses an account has by now; `None` if there is no such account.
    pub(super) fn records(&self, id: &str) -> Option<u64> {
        let account = self.simulator.scenario.account(id)?;
        let changes = self.strikes.changes(&account.group.faults, account.number);
        Some(count(account.group.records, &changes))
    }

    /// Keeps what was asked, and tells of it, if the simulator is to.
    pub(super) fn log(&self, request: &Request, status: u16) {
        if self.log.is_none() && self.simulator.watch.is_none() {
            return;
        }
        let logged = LoggedRequest {
            at: self.started.elapsed(),
            method: request.method.clone(),
            target: request.target.clone(),
            path: request.path.clone(),
            query: request.query.clone(),
            headers: request.headers.clone(),
            status,
        };
        if let Some(watch) = &self.simulator.watch {
            watch(&logged);
        }
        if let Some(log) = &self.log {
            lock(log).push(logged);
        }
    }

    /// What was asked, as far as it is kept.
    pub(super) fn logged(&self) -> Vec<LoggedRequest> {
        self.log.as_ref().map(|log| lock(log).to_vec()).unwrap_or_default()
    }
}

/// The licenses as the changes among `struck` leave them.
pub(super) fn changed(licenses: LicenseGenerator, struck: &[Struck<'_>]) -> LicenseGenerator {
    struck.iter().fold(licenses, |licenses, fault| match fault.kind {
        FaultKind::ChangeFromRecord(from) => licenses.changed(*from, fault.times),
        _ => licenses,
    })
}

/// How many licenses an account has as the changes among `struck` leave it.
pub(super) fn count(records: u64, struck: &[Struck<'_>]) -> u64 {
    struck.iter().fold(records, |records, fault| match fault.kind {
        FaultKind::ChangeCount(count) => *count,
        _ => records,
    })
}

/// What a fault answers in place of the licenses.
fn instead(kind: &FaultKind, request: &Request) -> Option<Answer> {
    use super::answer::Refusal;
    match kind {
        FaultKind::Refuse(refuse) => Some(refuse.answer()),
        FaultKind::Redirect(url) => {
            let has_path = url.split_once("://").is_some_and(|(_, rest)| rest.contains('/'));
            let target = if has_path { "" } else { &request.target };
            let answer = Answer::whole(307, "text/plain", Vec::new());
            Some(answer.with_header("Location", format!("{url}{target}")))
        }
        FaultKind::RefuseCursor => {
            Some(Refusal::new(400, "next_cursor was taken before: it is good once").answer())
        }
        _ => None,
    }
}

/// Locks; nothing that is locked here is left half done by a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
