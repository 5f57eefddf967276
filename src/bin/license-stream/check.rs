//! `license-stream check`, and `run --check`: live probes of what a run would need. No license is read, and nothing is
//! left behind.

mod findings;
mod kafka;
mod place;
mod source;

use crate::args::{CheckArgs, Command, NdjsonArgs, ParquetArgs, RejectArgs};
use crate::exit::Exit;
use crate::kafka::check_delivery;
use crate::place::Place;
use crate::{checkpoints, input, layouts, parquet};
pub(crate) use findings::Findings;

pub(crate) async fn run(args: CheckArgs) -> anyhow::Result<Exit> {
    let (report, command) = match args {
        CheckArgs::Parquet(args) => (args.report, Command::Parquet(*args)),
        CheckArgs::Kafka(args) => (args.report, Command::Kafka(args)),
        CheckArgs::Ndjson(args) => (args.report, Command::Ndjson(*args)),
    };
    let mut findings = Findings::new(report);
    probe(&command, &mut findings).await;
    Ok(findings.exit())
}

/// Looks at what a run of `command` would need.
pub(crate) async fn probe(command: &Command, findings: &mut Findings) {
    match command {
        Command::Parquet(args) => {
            source::probe(&args.source, findings).await;
            parquet_files(args, findings).await;
        }
        Command::Kafka(args) => {
            let asked = source::probe(&args.source, findings).await;
            let checked = check_delivery(args).and_then(|()| input::check_rejects(&args.rejects));
            if let Err(error) = checked {
                return findings.failed("settings", &error);
            }
            findings.look("brokers and topics");
            kafka::probe(args, &asked, findings).await;
            if let Some(place) = &args.checkpoint.checkpoint {
                place::probe("checkpoints", place, findings).await;
            }
            letters(&args.rejects, findings);
        }
        Command::Ndjson(args) => {
            source::probe(&args.source, findings).await;
            ndjson(args, findings);
        }
        _ => {}
    }
}

async fn parquet_files(args: &ParquetArgs, findings: &mut Findings) {
    let checked = args.source.check_columns().and_then(|()| args.check_form());
    let checked = checked.and_then(|()| args.check_contradictions());
    let checked = checked.and_then(|()| input::check_rejects(&args.rejects));
    let options = checked.and_then(|()| parquet::options(args, args.source.accounts.at_once()));
    let options = match options {
        Ok(options) => options,
        Err(error) => return findings.failed("settings", &error),
    };
    match &args.out {
        Place::Directory(path) if path.as_os_str() == "-" => {
            findings.good("out", "standard output");
        }
        out => {
            findings.look("out");
            place::probe("out", out, findings).await;
            // Where something is wrong already, nobody waits for a store once more.
            let is_good = matches!(findings.exit(), Exit::Done);
            if is_good
                && let Ok(others) = options.other_layouts().await
                && let Some(words) = layouts::words(&out.to_string(), &others)
            {
                findings.warning("layout", &words);
            }
        }
    }
    if let Some(place) = &args.checkpoint.checkpoint
        && !place.is_same(&checkpoints::folder(&args.out))
    {
        place::probe("checkpoints", place, findings).await;
    }
    letters(&args.rejects, findings);
}

fn ndjson(args: &NdjsonArgs, findings: &mut Findings) {
    if let Err(error) = input::check_rejects(&args.rejects) {
        return findings.failed("settings", &error);
    }
    match &args.out {
        None => findings.good("out", "standard output"),
        Some(out) if args.source.accounts.are_many() => place::directory("out", out, findings),
        Some(out) => place::file("out", out, findings),
    }
    letters(&args.rejects, findings);
}

/// The file of dead letters, if there is one.
fn letters(args: &RejectArgs, findings: &mut Findings) {
    if let Some((_, path)) = input::letters_file(args) {
        place::file("dead letters", path, findings);
    }
}
