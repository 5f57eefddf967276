//! `license-stream compact`

use std::io::Write;

use anyhow::anyhow;
use license_stream::pipeline::Outcome;
use license_stream::sink::parquet::{Compaction, CompactionPlan, CompactionSummary};
use serde::Serialize;

use crate::args::CompactArgs;
use crate::exit::Exit;
use crate::place::Place;
use crate::report::{counted, human_bytes};
use crate::screen::say;
use crate::signal::{GRACE, Signals};

/// What `--json` prints.
#[derive(Serialize)]
struct JsonOutcome<T> {
    outcome: &'static str,
    error: Option<String>,
    #[serde(flatten)]
    found: T,
}

pub(crate) async fn run(args: CompactArgs) -> anyhow::Result<Exit> {
    let mut compaction = Compaction::new(args.place.lake()?);
    compaction.file_bytes = args.file_bytes.0;
    if let Some(compression) = args.compression {
        compaction = compaction.with_compression(compression.codec());
    }
    if args.dry_run {
        let plan = compaction.plan().await?;
        told(&args, Outcome::Done, &plan, &plan_text(&plan, &args.place))?;
        return Ok(Exit::Done);
    }
    let signals = Signals::listen(GRACE)?;
    let summary = compaction.run(&signals.stop()).await?;
    let stopped = signals.first().filter(|_| !summary.is_complete);
    let mut text = summary_text(&summary, &args.place);
    if let Some(signal) = stopped {
        text.push_str(&format!("\nstopped by {}: the next run merges the rest", signal.name()));
    }
    let outcome = if stopped.is_some() { Outcome::Interrupted } else { Outcome::Done };
    told(&args, outcome, &summary, &text)?;
    Ok(stopped.map_or(Exit::Done, Exit::Stopped))
}

/// Tells people or machines of what was found or done.
fn told(
    args: &CompactArgs,
    outcome: Outcome,
    found: &impl Serialize,
    text: &str,
) -> anyhow::Result<()> {
    if args.json {
        let printed = print(outcome, found);
        printed.map_err(|error| anyhow!("standard output cannot be written to: {error}"))?;
    }
    if !args.quiet && !args.json {
        say!("{text}");
    }
    Ok(())
}

fn print(outcome: Outcome, found: impl Serialize) -> std::io::Result<()> {
    let outcome = JsonOutcome { outcome: outcome.as_str(), error: None, found };
    let mut json = serde_json::to_vec_pretty(&outcome)?;
    json.push(b'\n');
    std::io::stdout().lock().write_all(&json)
}

fn nothing_to_merge(place: &Place) -> String {
    format!("nothing to merge in {place}: no two small files of complete snapshots lie together")
}

fn plan_text(plan: &CompactionPlan, place: &Place) -> String {
    if plan.groups.is_empty() {
        return nothing_to_merge(place);
    }
    let files = plan.groups.iter().map(|group| group.files.len() as u64).sum();
    let bytes = plan.groups.iter().map(|group| group.bytes).sum();
    let made = plan.groups.len() as u64;
    let mut text = format!(
        "would merge {} of {} into {} in {place}",
        noun(files, "file", "files"),
        human_bytes(bytes),
        noun(made, "file", "files"),
    );
    for group in &plan.groups {
        let directory = license_stream::printable(&group.directory, 200);
        text.push_str(&format!(
            "\n{}{} of {}, {}",
            if directory.is_empty() { String::new() } else { format!("{directory}: ") },
            noun(group.files.len() as u64, "file", "files"),
            human_bytes(group.bytes),
            noun(group.rows, "row", "rows"),
        ));
    }
    text
}

fn summary_text(summary: &CompactionSummary, place: &Place) -> String {
    if summary.groups == 0 && summary.is_complete {
        return nothing_to_merge(place);
    }
    format!(
        "merged {} of {} into {} of {}, {}, in {place}",
        noun(summary.files_before, "file", "files"),
        human_bytes(summary.bytes_before),
        noun(summary.files_after, "file", "files"),
        human_bytes(summary.bytes_after),
        noun(summary.rows, "row", "rows"),
    )
}

fn noun(count: u64, one: &'static str, many: &'static str) -> String {
    let (count, noun) = counted(count, one, many);
    format!("{count} {noun}")
}
