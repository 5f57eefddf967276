//! The `license-stream` command: what was typed, turned once into the library's objects, then run.

mod accounts;
mod again;
#[cfg(target_os = "linux")]
mod allocator;
mod args;
mod arrow;
mod beginnings;
mod certificates;
mod check;
mod checkpoints;
mod compact;
mod connection;
mod demo;
mod distinct;
mod exit;
mod export;
mod failure;
mod input;
mod inspect;
mod integrations;
mod job;
mod kafka;
mod layouts;
mod letters;
mod listing;
mod log;
mod lookup;
mod manual;
mod metrics;
mod ndjson;
mod page;
mod parquet;
mod partial;
mod place;
mod progress;
mod records;
mod remarks;
mod report;
mod run;
mod schema;
mod screen;
mod settings;
mod signal;
mod simulate;
mod sinks;
mod snapshots;
mod stall;
mod tally;
mod turns;
mod unfinished;
mod values;
mod waits;
mod wanted;

use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use license_stream::masked;

use args::{Args, Command};
use exit::Exit;
use failure::Failure;

/// How long what is still being closed is waited for when all is done: a client of Kafka takes a tenth of a second.
/// No longer, since a thread may wait for a line of standard input that never comes.
const CLOSING: Duration = Duration::from_millis(300);

/// Says what is wrong with the command line, or what was asked for of it: without the secrets of addresses that were
/// typed.
fn refuse(error: &clap::Error) -> ! {
    let told = error.render().to_string();
    let shown = masked(&told);
    if shown == told {
        error.exit();
    }
    // Nobody is left to be told that nobody reads it.
    let _ = std::io::stderr().write_all(shown.as_bytes());
    std::process::exit(error.exit_code());
}

fn main() -> ExitCode {
    let args = Args::try_parse().unwrap_or_else(|error| refuse(&error));
    let begun = Instant::now();
    let mut failure = Failure::of(&args.command);
    let work = || -> anyhow::Result<Exit> {
        log::begin(&args.command)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let exit = runtime.block_on(async {
            match args.command {
                Command::Parquet(args) => parquet::run(args).await,
                Command::Kafka(args) => kafka::run(*args).await,
                Command::Ndjson(args) => ndjson::run(args).await,
                Command::Run(args) => run::run(args, &mut failure).await,
                Command::Check(args) => check::run(args).await,
                Command::Checkpoint(args) => checkpoints::run(args).await,
                Command::Inspect(args) => inspect::run(args).await,
                Command::Report(args) => page::run(args).await,
                Command::Compact(args) => compact::run(args).await,
                Command::Accounts(args) => accounts::run(args).await,
                Command::Schema(args) => schema::run(&args),
                Command::Integrations(args) => integrations::run(&args),
                Command::Simulate(args) => simulate::run(args).await,
                Command::Completions { shell } => manual::completions(shell),
                Command::Man { out } => manual::pages(&out),
                Command::Demo(args) => demo::run(args).await,
            }
        });
        runtime.shutdown_timeout(CLOSING);
        exit
    };
    match work() {
        Ok(exit) => exit.into(),
        Err(error) => {
            let exit = Exit::of(&error);
            failure.print(&report::told(&error), exit, begun.elapsed());
            report::print_error(&error);
            exit.into()
        }
    }
}
