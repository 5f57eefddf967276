//! `license-stream simulate`

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::num::NonZeroU64;
use std::path::Path;

use license_stream::simulate::{
    DEFAULT_TOKEN, RateLimits, RunningSimulator, Scenario, SimulatedEncoding, SimulatedShape,
    Simulator,
};
use license_stream::{Error, ErrorKind, printable};

use crate::args::{SimulateArgs, Size};
use crate::exit::Exit;
use crate::report::human_count;
use crate::screen::say;
use crate::signal::{GRACE, Signals};

/// Characters of a request that are shown of its path and query, and of its method.
const MAX_TARGET: usize = 2000;
const MAX_METHOD: usize = 20;

/// Accounts that are listed; the others follow from the seed all the same.
const LISTED: u64 = 10;

pub(crate) async fn run(args: SimulateArgs) -> anyhow::Result<Exit> {
    let simulator = simulator(&args)?;
    if let Some(path) = &args.out {
        let out: Box<dyn Write> = if path.as_os_str() == "-" {
            Box::new(io::stdout().lock())
        } else {
            Box::new(File::create(path)?)
        };
        let mut out = BufWriter::with_capacity(1 << 20, out);
        let account = simulator.account_ids().next().ok_or_else(|| {
            Error::new(ErrorKind::Configuration, "the scenario has no account to write a body of")
        })?;
        simulator.write_body(&account, &mut out)?;
        out.flush()?;
        return Ok(Exit::Done);
    }
    let signals = Signals::listen(GRACE)?;
    let running = simulator.start().map_err(|error| {
        let message = format!("{} cannot be listened on: try another --listen", args.listen);
        Error::new(ErrorKind::Configuration, message).caused_by(error)
    })?;
    print_settings(&running, &mut io::stdout().lock())?;
    let accounts = running.simulator().scenario().account_count();
    if accounts > LISTED {
        say!("and {} more accounts", human_count(accounts - LISTED));
    }
    let what = match &args.scenario {
        Some(path) => format!("the scenario {}", path.display()),
        None => {
            let shape = SimulatedShape::from(args.shape);
            format!("{} licenses an account as {shape}", human_count(args.records))
        }
    };
    say!(
        "simulating {what}; the wire format is our reading of what Truto does not publish; Ctrl-C ends it"
    );
    signals.stop().cancelled().await;
    running.stop().await;
    Ok(signals.first().map_or(Exit::Done, Exit::Stopped))
}

/// What is to be played.
fn simulator(args: &SimulateArgs) -> anyhow::Result<Simulator> {
    let mut simulator = match &args.scenario {
        Some(path) => Simulator::from(scenario(path)?),
        None => accounts(args),
    };
    if args.rate_limits {
        simulator = simulator.with_rate_limits(RateLimits::likely());
    }
    if let Some(records) = args.error_after {
        simulator = simulator.with_error_after(records);
    }
    if let Some(bytes) = args.cut_after {
        simulator = simulator.with_cut_after(bytes);
    }
    if args.log {
        simulator = simulator.with_watch(|request| {
            let target = printable(&request.target, MAX_TARGET);
            say!("{} {target} {}", printable(&request.method, MAX_METHOD), request.status);
        });
    }
    let simulator = args.faults.iter().cloned().fold(simulator, Simulator::with_fault);
    simulator.scenario().check()?;
    Ok(simulator.with_addr(args.listen))
}

fn scenario(path: &Path) -> anyhow::Result<Scenario> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        let message = format!("{} cannot be read", path.display());
        Error::new(ErrorKind::Configuration, message).caused_by(error)
    })?;
    text.parse().map_err(|error: Error| {
        Error::new(ErrorKind::Configuration, path.display().to_string()).caused_by(error).into()
    })
}

/// Accounts that are all alike.
fn accounts(args: &SimulateArgs) -> Simulator {
    let mut simulator = Simulator::new()
        .with_seed(args.seed)
        .with_accounts(args.accounts as usize)
        .with_records(args.records)
        .with_shape(args.shape.into())
        .with_chunk_bytes(args.chunk_bytes.0 as usize);
    if let Some(records) = args.page_records {
        simulator = simulator.with_page_records(records);
    }
    if args.cursor_first {
        simulator = simulator.with_cursor_first();
    }
    if let Some(pace) = args.pace.and_then(|Size(pace)| NonZeroU64::new(pace)) {
        simulator = simulator.with_pace(pace);
    }
    simulator.with_encoding(match args.encoding.as_deref() {
        None => SimulatedEncoding::Identity,
        Some("zstd") => SimulatedEncoding::Zstd,
        Some("brotli") => SimulatedEncoding::Brotli,
        Some("gzip") => SimulatedEncoding::Gzip,
        Some("deflate") => SimulatedEncoding::Deflate,
        Some("raw-deflate") => SimulatedEncoding::RawDeflate,
        Some(_) => SimulatedEncoding::Accepted,
    })
}

/// What has to be set to read from it. Without a reader there is nobody to serve.
fn print_settings(simulator: &RunningSimulator, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "TRUTO_BASE_URL={}", simulator.base_url())?;
    writeln!(out, "TRUTO_API_TOKEN={DEFAULT_TOKEN}")?;
    for account in simulator.simulator().account_ids().take(LISTED as usize) {
        writeln!(out, "account={account}")?;
    }
    out.flush()
}
