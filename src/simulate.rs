//! A Truto API of our own, for tests, benches and demonstrations.
//!
//! [`Simulator`] plays `GET /unified/user-directory/licenses` over real sockets, with invented
//! licenses from a [`LicenseGenerator`].
//!
//! **It is our reading of an API whose wire format is not published.** Truto says of
//! `truto_response_format=stream` only that it "returns the response as a stream". Which shape such a
//! body has, its content type, where its cursor stands and how an error shows in it are assumptions:
//! a [`SimulatedShape`] for each form that it may take, NDJSON with one license a line unless another
//! is asked for. So is the status for an account that does not exist. Every response bears an
//! `x-simulated` header that says so, and a stream's names the shape.
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
//! HTTP/1.1 is written by hand on a tokio `TcpStream`, with `httparse` for the requests' heads. A server
//! library keeps the chunks and the end of a response well-formed, and this one is there to get them
//! wrong: to drop the connection within a chunk, after an exact byte, or to stand still there.
//!
//! A body is made while it is sent, a chunk at a time and no faster than the client reads, so that a
//! body of any size takes the memory of one chunk.

mod answer;
mod body;
mod connection;
mod endpoint;
mod generator;
mod hold;
mod pace;
mod page;
mod query;
mod request;
mod server;
mod shape;
mod transfer;
mod wire;

use std::fmt;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU64;
use std::sync::Arc;

pub use generator::LicenseGenerator;
pub use server::RunningSimulator;
pub use shape::SimulatedShape;

use body::Body;
use hold::HoldPoint;
use page::Pager;
use wire::Wire;

/// The bearer token that a simulator accepts unless it is given another: no secret.
pub const DEFAULT_TOKEN: &str = "simulator-token";

/// The largest chunk, which is also what a response keeps in memory.
const MAX_CHUNK_BYTES: usize = 16 * 1024 * 1024;

/// A simulator to be: what it has, and how it misbehaves.
///
/// By default one account with 1000 licenses, sent as fast as the client reads, in chunks of 64 KiB, on
/// a free port of 127.0.0.1.
#[derive(Clone)]
pub struct Simulator {
    addr: SocketAddr,
    seed: u64,
    accounts: Arc<[String]>,
    records: u64,
    wire: Wire,
    token: String,
    chunk_bytes: usize,
    bytes_per_second: Option<NonZeroU64>,
    cut_after: Option<u64>,
    cut_times: u64,
    hold: Option<HoldPoint>,
}

impl Default for Simulator {
    fn default() -> Self {
        Simulator {
            addr: (Ipv4Addr::LOCALHOST, 0).into(),
            seed: 0,
            accounts: generator::account_ids(0, 1).collect(),
            records: 1000,
            wire: Wire::default(),
            token: DEFAULT_TOKEN.to_owned(),
            chunk_bytes: 64 * 1024,
            bytes_per_second: None,
            cut_after: None,
            cut_times: u64::MAX,
            hold: None,
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

    /// Sets what the ids of the accounts and all of the licenses follow from.
    #[must_use]
    pub fn with_seed(self, seed: u64) -> Self {
        let accounts = generator::account_ids(seed, self.accounts.len()).collect();
        Simulator { seed, accounts, ..self }
    }

    /// Sets how many accounts there are.
    #[must_use]
    pub fn with_accounts(self, accounts: usize) -> Self {
        let accounts = generator::account_ids(self.seed, accounts).collect();
        Simulator { accounts, ..self }
    }

    /// Sets how many licenses each account has.
    #[must_use]
    pub fn with_records(self, records: u64) -> Self {
        Simulator { records, ..self }
    }

    /// Sets the bearer token that requests must bear.
    #[must_use]
    pub fn with_token(self, token: impl Into<String>) -> Self {
        Simulator { token: token.into(), ..self }
    }

    /// Sets the size of chunks, from 1 byte to 16 MiB: beyond, the nearest of these holds.
    ///
    /// The last chunk is smaller, and so may be those next to a hold, or at a slow pace.
    #[must_use]
    pub fn with_chunk_bytes(self, bytes: usize) -> Self {
        Simulator { chunk_bytes: bytes.clamp(1, MAX_CHUNK_BYTES), ..self }
    }

    /// Sends each body no faster than that, evenly.
    #[must_use]
    pub fn with_pace(self, bytes_per_second: NonZeroU64) -> Self {
        Simulator { bytes_per_second: Some(bytes_per_second), ..self }
    }

    /// Drops the connection when so many bytes of a body have been sent.
    ///
    /// The chunk that these bytes end in is announced in full and never completed; the terminator is
    /// not sent, not even if these bytes are the whole body. A body of fewer bytes is not cut.
    #[must_use]
    pub fn with_cut_after(self, bytes: u64) -> Self {
        Simulator { cut_after: Some(bytes), ..self }
    }

    /// Cuts no more streams than that: those of the first requests.
    #[must_use]
    pub fn with_cut_times(self, times: u64) -> Self {
        Simulator { cut_times: times, ..self }
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

    /// The ids of the accounts, which look like UUIDs and follow from the seed.
    pub fn accounts(&self) -> &[String] {
        &self.accounts
    }

    /// The licenses that an account's bodies hold, from the first on: to compare what was received.
    pub fn licenses(&self, account: &str) -> LicenseGenerator {
        LicenseGenerator::new(self.seed, account)
    }

    /// Writes the body that answers the first request for an account's licenses, in bounded memory;
    /// answers the number of bytes.
    ///
    /// # Errors
    ///
    /// Those of `to`; what was written until then is a part.
    pub fn write_body(&self, account: &str, to: &mut impl Write) -> io::Result<u64> {
        let pager = Pager::new(self, account, None);
        let page = pager.first_page();
        Body::new(self.licenses(account), pager, page, &self.wire, false).write(to)
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
            .field("seed", &self.seed)
            .field("accounts", &self.accounts.len())
            .field("records", &self.records)
            .field("wire", &self.wire)
            .field("chunk_bytes", &self.chunk_bytes)
            .field("bytes_per_second", &self.bytes_per_second)
            .field("cut_after", &self.cut_after)
            .field("cut_times", &self.cut_times)
            .field("hold", &self.hold)
            .finish_non_exhaustive()
    }
}
