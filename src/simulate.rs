//! A Truto API of our own, for tests, benches and demonstrations.
//!
//! [`Simulator`] plays `GET /unified/user-directory/licenses`, and what goes with it, over real sockets,
//! with invented licenses from a [`LicenseGenerator`]. A [`Scenario`] says which accounts there are, in
//! groups that behave alike ([`AccountGroup`]), and what goes wrong with each ([`Fault`]); what all
//! accounts have in common can be set on the simulator itself. `docs/simulator.md` is the guide.
//!
//! **It is our reading of an API whose wire format is not published.** Truto says of
//! `truto_response_format=stream` only that it "returns the response as a stream". Which shape such a
//! body has, its content type, where its cursor stands and how an error shows in it are assumptions:
//! a [`SimulatedShape`] for each form that it may take, NDJSON with one license a line unless another
//! is asked for. So are the other things that the guide lists. Every response bears an `x-simulated`
//! header that says so, and a stream's names the shape.
//!
//! ```
//! use license_stream::simulate::{DEFAULT_TOKEN, Simulator};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let simulator = Simulator::new().with_records(10_000).start()?;
//! println!(
//!     "curl -gNH 'Authorization: Bearer {DEFAULT_TOKEN}' \
//!      '{}/unified/user-directory/licenses?integrated_account_id={}&truto_response_format=stream'",
//!     simulator.base_url(),
//!     simulator.accounts()[0],
//! );
//! simulator.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! # How it works
//!
//! A request goes one way: the endpoint that it is for finds an answer, which is a status, a content and a
//! delivery; the faults that strike it change either. The content is made piece by piece, encoded,
//! and sent as the delivery says.
//!
//! HTTP/1.1 is written by hand on a tokio `TcpStream`, with `httparse` for the requests' heads. A server
//! library keeps the chunks and the end of a response well-formed, and this one is there to get them
//! wrong: to drop the connection within a chunk, after an exact byte, or to stand still there.
//!
//! A body is made while it is sent, a chunk at a time and no faster than the client reads, so that a
//! body of any size takes the memory of one chunk.

mod accounts;
mod answer;
mod body;
mod connection;
mod content;
mod delivery;
mod encoding;
mod endpoint;
mod fault;
mod generator;
mod group;
mod hold;
mod log;
mod pace;
mod page;
mod query;
mod rate_limit;
mod request;
mod scenario;
mod server;
mod settings;
mod shape;
mod transfer;
mod wire;
mod world;

use std::fmt;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};

pub use delivery::SimulatedFraming;
pub use encoding::SimulatedEncoding;
pub use fault::{
    BreakRecords, Breakage, Fault, FaultEndpoint, FaultKind, Refuse, RefuseForm, Stall,
};
pub use generator::LicenseGenerator;
pub use group::AccountGroup;
pub use log::LoggedRequest;
pub use rate_limit::{RateTier, RateWindow};
pub use scenario::{Listing, RateLimits, Scenario};
pub use server::RunningSimulator;
pub use shape::SimulatedShape;

use hold::HoldPoint;

/// The bearer token that a simulator accepts unless it is given another: no secret.
pub const DEFAULT_TOKEN: &str = "simulator-token";

/// What stands in the `context` of each account that is listed: no secret, but it must reach nobody, as
/// a customer's own settings must not. Look for it in what you make of a listing.
pub const PLANTED_SECRET: &str = "planted-secret-of-an-account-context";

/// The largest chunk, which is also what a response keeps in memory.
const MAX_CHUNK_BYTES: usize = 16 * 1024 * 1024;

type Watch = dyn Fn(&LoggedRequest) + Send + Sync;

/// A simulator to be: what it has, and how it misbehaves.
///
/// By default one account with 1000 licenses, sent as fast as the client reads, in chunks of 64 KiB, on
/// a free port of 127.0.0.1.
#[derive(Clone)]
pub struct Simulator {
    addr: SocketAddr,
    token: String,
    scenario: Scenario,
    hold: Option<HoldPoint>,
    log_limit: Option<usize>,
    /// Who is told of each request.
    watch: Option<Arc<Watch>>,
    /// The ids of the accounts, once someone has wanted them all.
    listed: OnceLock<Vec<String>>,
}

impl Default for Simulator {
    fn default() -> Self {
        Self::from(Scenario::default())
    }
}

impl From<Scenario> for Simulator {
    /// A simulator that plays it, on a free port of 127.0.0.1.
    fn from(scenario: Scenario) -> Self {
        Simulator {
            addr: (Ipv4Addr::LOCALHOST, 0).into(),
            token: DEFAULT_TOKEN.to_owned(),
            scenario,
            hold: None,
            log_limit: None,
            watch: None,
            listed: OnceLock::new(),
        }
    }
}

impl Simulator {
    /// A simulator with the defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Listens there; port 0 is any free one.
    #[must_use]
    pub fn with_addr(self, addr: SocketAddr) -> Self {
        Simulator { addr, ..self }
    }

    /// Sets what the ids of the accounts, all of the licenses and the chances of faults follow from.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.scenario.seed = seed;
        Simulator { listed: OnceLock::new(), ..self }
    }

    /// Sets how many accounts the first group has, which is the only one unless others were given.
    #[must_use]
    pub fn with_accounts(mut self, accounts: usize) -> Self {
        if let Some(group) = self.scenario.accounts.first_mut() {
            group.count = accounts as u64;
            group.ids.clear();
        }
        Simulator { listed: OnceLock::new(), ..self }
    }

    /// Has these accounts and no others.
    #[must_use]
    pub fn with_groups(mut self, groups: impl Into<Vec<AccountGroup>>) -> Self {
        self.scenario.accounts = groups.into();
        Simulator { listed: OnceLock::new(), ..self }
    }

    /// Answers only so many requests in a time.
    #[must_use]
    pub fn with_rate_limits(mut self, limits: RateLimits) -> Self {
        self.scenario.rate_limits = limits;
        self
    }

    /// Lists accounts so.
    #[must_use]
    pub fn with_listing(mut self, listing: Listing) -> Self {
        self.scenario.listing = listing;
        self
    }

    /// Sets the bearer token that requests must bear.
    #[must_use]
    pub fn with_token(self, token: impl Into<String>) -> Self {
        Simulator { token: token.into(), ..self }
    }

    /// Keeps what the last `requests` requests asked for: see [`RunningSimulator::log`].
    #[must_use]
    pub fn with_log(self, requests: usize) -> Self {
        Simulator { log_limit: Some(requests), ..self }
    }

    /// Tells `watch` of each request as it is answered, before the answer is sent: for a log. It must not
    /// block.
    #[must_use]
    pub fn with_watch(self, watch: impl Fn(&LoggedRequest) + Send + Sync + 'static) -> Self {
        Simulator { watch: Some(Arc::new(watch)), ..self }
    }

    /// Stands still when so many bytes of a body have been sent, with the chunk complete and the
    /// connection open, until [`RunningSimulator::release`] or until the client closes it.
    ///
    /// A body of just so many bytes is held before its terminator; a shorter one is not held.
    #[must_use]
    pub fn with_hold_after_bytes(self, bytes: u64) -> Self {
        Simulator { hold: Some(HoldPoint::Bytes(bytes)), ..self }
    }

    /// The same, when so many records have been sent.
    #[must_use]
    pub fn with_hold_after_records(self, records: u64) -> Self {
        Simulator { hold: Some(HoldPoint::Records(records)), ..self }
    }

    /// What it plays.
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// The ids of the accounts, all in memory: for few accounts. They look like UUIDs and follow from
    /// the seed, unless the scenario gives others.
    pub fn accounts(&self) -> &[String] {
        self.listed.get_or_init(|| self.account_ids().collect())
    }

    /// The ids of the accounts, made one after the other: for many accounts.
    pub fn account_ids(&self) -> impl Iterator<Item = String> + '_ {
        accounts::ids(&self.scenario)
    }

    /// A token that is good for one account only, whose requests need not name it.
    pub fn account_token(&self, account: &str) -> String {
        format!("{}.{account}", self.token)
    }

    /// The licenses that an account's bodies hold, from the first on, while nothing changes: to compare
    /// what was received. An account that is not there has licenses of a mixture.
    pub fn licenses(&self, account: &str) -> LicenseGenerator {
        let seed = self.scenario.seed;
        match self.scenario.account(account) {
            Some(account) => account.licenses(seed),
            None => LicenseGenerator::new(seed, account),
        }
    }

    /// Writes the body that answers the first request for an account's licenses, in bounded memory and
    /// without what is done to it on its way; answers the number of bytes.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotFound`] if there is no such account; those of `to`, and then what was
    /// written is a part.
    pub fn write_body(&self, account: &str, to: &mut impl Write) -> io::Result<u64> {
        let account = self.scenario.account(account).ok_or(io::ErrorKind::NotFound)?;
        endpoint::first_body(self, &account).write(to)
    }

    /// Starts to answer requests, on the tokio runtime that this is called in.
    ///
    /// # Errors
    ///
    /// If the address cannot be listened on, or outside of a runtime.
    ///
    /// # Panics
    ///
    /// If the runtime has no I/O or no time driver.
    pub fn start(self) -> io::Result<RunningSimulator> {
        RunningSimulator::start(self)
    }
}

impl fmt::Debug for Simulator {
    /// Shows all but the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulator")
            .field("addr", &self.addr)
            .field("scenario", &self.scenario)
            .field("hold", &self.hold)
            .field("log_limit", &self.log_limit)
            .finish_non_exhaustive()
    }
}
