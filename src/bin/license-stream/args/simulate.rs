//! `license-stream simulate`, as it is typed.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};
use license_stream::simulate::{Fault, SimulatedShape};

use super::Size;

pub(super) const SIMULATE_HELP: &str = "\
Truto does not publish the wire format of its streams: what is played here is
our own reading, and so is every --shape of it. Responses say so in their
x-simulated header.

Examples:
  license-stream simulate --records 1000000 --listen 127.0.0.1:8080
  license-stream simulate --shape pretty-envelope --page-records 1000
  license-stream simulate --fault '{\"refuse\":503,\"times\":2}' \\
    --fault '{\"cut_at\":5000}'
  license-stream simulate --scenario examples/scenarios/customers.json
  license-stream simulate --records 1000000 --out body.ndjson

  TRUTO_API_TOKEN=simulator-token license-stream ndjson \\
    --base-url http://127.0.0.1:8080 --account (as printed)";

#[derive(Debug, ClapArgs)]
#[command(after_help = SIMULATE_HELP)]
pub(crate) struct SimulateArgs {
    /// Licenses of each account
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub(crate) records: u64,
    /// Integrated accounts
    #[arg(long, value_name = "N", default_value_t = 1,
        value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(crate) accounts: u64,
    /// What the licenses are made from: the same seed makes the same licenses
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// How licenses stand in a body
    #[arg(long, value_enum, default_value_t = SimulatedShapeArg::Lines)]
    pub(crate) shape: SimulatedShapeArg,
    /// Most licenses that one request is answered with; a cursor leads to the next ones. All of them if
    /// it is not given, and in an array or a sequence, which cannot bear a cursor
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) page_records: Option<u64>,
    /// Put the cursor before the licenses, not behind them
    #[arg(long)]
    pub(crate) cursor_first: bool,
    /// Send an error of the API in the place of the license after this many, and end the body there
    #[arg(long, value_name = "N")]
    pub(crate) error_after: Option<u64>,
    /// Play what a JSON file says: groups of accounts, what they hold and what goes wrong
    /// (docs/simulator.md)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["records", "accounts", "seed", "shape",
        "page_records", "cursor_first", "chunk_bytes", "pace", "encoding"])]
    pub(crate) scenario: Option<PathBuf>,
    /// Let something go wrong with each account, spelled as in a scenario; repeatable
    #[arg(long = "fault", value_name = "JSON", value_parser = fault)]
    pub(crate) faults: Vec<Fault>,
    /// Compress bodies: `accepted` goes by what a request accepts, the others come unasked
    #[arg(long, value_name = "ENCODING", conflicts_with = "out",
        value_parser = ["accepted", "zstd", "brotli", "gzip", "deflate", "raw-deflate"])]
    pub(crate) encoding: Option<String>,
    /// Answer with 429 beyond what seem to be Truto's tiers: in 10 s, 500 requests of a token and 50 of
    /// an account
    #[arg(long)]
    pub(crate) rate_limits: bool,
    /// Address to listen on
    #[arg(
        long,
        value_name = "HOST:PORT",
        default_value = "127.0.0.1:8080",
        conflicts_with = "out"
    )]
    pub(crate) listen: SocketAddr,
    /// Bytes of a chunk of the body
    #[arg(long, value_name = "BYTES", default_value_t = Size(64 << 10), conflicts_with = "out",
        value_parser = Size::within(1..=16 << 20))]
    pub(crate) chunk_bytes: Size,
    /// Bytes of the body a second; as fast as possible if it is not given
    #[arg(long, value_name = "BYTES", conflicts_with = "out")]
    pub(crate) pace: Option<Size>,
    /// Cut the connection after this many bytes of a body
    #[arg(long, value_name = "BYTES", conflicts_with = "out", value_parser = Size::or_none)]
    pub(crate) cut_after: Option<u64>,
    /// Print each request to standard error as it is answered: its method, its path with the query, and the
    /// status. Never its token
    #[arg(long, conflicts_with = "out")]
    pub(crate) log: bool,
    /// Write the first account's first body to a file instead of serving; `-` is standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

fn fault(text: &str) -> Result<Fault, serde_json::Error> {
    serde_json::from_str(text)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SimulatedShapeArg {
    /// One license a line
    Lines,
    /// One `{"result":[…],"next_cursor":…}` of up to 100 licenses a line
    Pages,
    /// One `{"result":[…],"next_cursor":…}`
    Envelope,
    /// The same over many lines
    PrettyEnvelope,
    /// The same with the licenses by id, as with truto_key_by=id
    KeyedEnvelope,
    /// A bare array
    Array,
    /// A JSON text sequence (RFC 7464)
    Sequence,
}

/// Licenses of a line that is a page.
const LINE_RECORDS: u64 = 100;

impl From<SimulatedShapeArg> for SimulatedShape {
    fn from(shape: SimulatedShapeArg) -> Self {
        match shape {
            SimulatedShapeArg::Lines => Self::Lines,
            SimulatedShapeArg::Pages => Self::Pages { records: LINE_RECORDS },
            SimulatedShapeArg::Envelope => Self::Envelope,
            SimulatedShapeArg::PrettyEnvelope => Self::PrettyEnvelope,
            SimulatedShapeArg::KeyedEnvelope => Self::KeyedEnvelope,
            SimulatedShapeArg::Array => Self::Array,
            SimulatedShapeArg::Sequence => Self::Sequence,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_behind_the_help_fits_a_terminal() {
        let widest = SIMULATE_HELP.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(78), "{widest:?}");
    }

    #[test]
    fn shapes_have_the_names_that_the_simulator_prints() {
        for arg in SimulatedShapeArg::value_variants() {
            let name = arg.to_possible_value().expect("a shape that can be typed");
            assert_eq!(SimulatedShape::from(*arg).to_string(), name.get_name());
        }
    }
}
