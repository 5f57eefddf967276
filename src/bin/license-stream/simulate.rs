//! `license-stream simulate`

use std::fs::File;
use std::io::{self, BufWriter, Write};

use license_stream::simulate::{DEFAULT_TOKEN, RunningSimulator, SimulatedShape, Simulator};
use license_stream::{Error, ErrorKind};

use crate::args::SimulateArgs;
use crate::exit::Exit;
use crate::report::{human_count, say};
use crate::signal::Signals;

/// Accounts that are listed; the others follow from the seed all the same.
const LISTED: usize = 10;

pub(crate) async fn run(args: SimulateArgs) -> anyhow::Result<Exit> {
    let shape = SimulatedShape::from(args.shape);
    let mut simulator = Simulator::new()
        .with_addr(args.listen)
        .with_seed(args.seed)
        .with_accounts(args.accounts as usize)
        .with_records(args.records)
        .with_shape(shape)
        .with_chunk_bytes(args.chunk_bytes as usize);
    if let Some(records) = args.page_records {
        simulator = simulator.with_page_records(records);
    }
    if args.cursor_first {
        simulator = simulator.with_cursor_first();
    }
    if let Some(records) = args.error_after {
        simulator = simulator.with_error_after(records);
    }
    if let Some(pace) = args.pace {
        simulator = simulator.with_pace(pace);
    }
    if let Some(bytes) = args.cut_after {
        simulator = simulator.with_cut_after(bytes);
    }
    if let Some(path) = &args.out {
        let out: Box<dyn Write> = if path.as_os_str() == "-" {
            Box::new(io::stdout().lock())
        } else {
            Box::new(File::create(path)?)
        };
        let mut out = BufWriter::with_capacity(1 << 20, out);
        simulator.write_body(&simulator.accounts()[0], &mut out)?;
        out.flush()?;
        return Ok(Exit::Done);
    }
    let signals = Signals::listen()?;
    let running = simulator.start().map_err(|error| {
        let message = format!("{} cannot be listened on: try another --listen", args.listen);
        Error::new(ErrorKind::Configuration, message).caused_by(error)
    })?;
    print_settings(&running, &mut io::stdout().lock())?;
    let accounts = running.accounts().len();
    if accounts > LISTED {
        say!("and {} more accounts", human_count((accounts - LISTED) as u64));
    }
    say!(
        "simulating {} licenses an account as {shape}; the wire format is our reading of what Truto \
         does not publish; Ctrl-C ends it",
        human_count(args.records)
    );
    signals.stop().cancelled().await;
    running.stop().await;
    Ok(signals.first().map_or(Exit::Done, Exit::Stopped))
}

/// What has to be set to read from it. Without a reader there is nobody to serve.
fn print_settings(simulator: &RunningSimulator, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "TRUTO_BASE_URL={}", simulator.base_url())?;
    writeln!(out, "TRUTO_API_TOKEN={DEFAULT_TOKEN}")?;
    for account in simulator.accounts().iter().take(LISTED) {
        writeln!(out, "account={account}")?;
    }
    out.flush()
}
