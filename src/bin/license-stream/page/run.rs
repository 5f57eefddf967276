//! What a run did, as a part of the page.

use super::finished::{Finished, Job, Snapshot, Summary};
use super::groups::{Integrations, UNKNOWN};
use super::html::Html;
use super::number::share;
use super::table::{Bar, Cell, Column, Table, Tone};
use super::{MOST_ROWS, count, more_rows, tile, tile_of_word};
use crate::report::{human_bytes, human_count};

/// The outcomes of accounts, the ones that need somebody first.
const OUTCOMES: [(&str, Tone, &str); 7] = [
    ("failed", Tone::Bad, "failed"),
    ("interrupted", Tone::Fair, "interrupted"),
    ("abandoned", Tone::Fair, "begun anew"),
    ("rejected", Tone::Fair, "with rejected records"),
    ("skipped", Tone::Odd, "skipped"),
    ("not_begun", Tone::Plain, "not begun"),
    ("done", Tone::Good, "done"),
];

pub(super) fn html(finished: &Finished) -> Html {
    let mut html = Html::new();
    if finished.runs_before > 0 {
        html.markup("<p class=\"note\">The file has ").text(human_count(finished.runs_before + 1));
        html.markup(" runs: this is the last of them.</p>\n");
    }
    for job in &finished.jobs {
        html.markup("<section>\n");
        match &job.name {
            None => html.markup("<h2>The run</h2>\n"),
            Some((name, to)) => html
                .markup("<h2>Job ")
                .text(name)
                .markup(" <span class=\"of\">to ")
                .text(to)
                .markup("</span></h2>\n"),
        };
        html.part(&job_html(job)).markup("</section>\n");
    }
    html
}

/// What became of each account: a list that may be long, and so stands behind all that is short.
pub(super) fn accounts_html(finished: &Finished, integrations: &Integrations) -> Html {
    let mut html = Html::new();
    for job in &finished.jobs {
        let Some(summary) = job.summary.as_ref().filter(|it| !it.snapshots().is_empty()) else {
            continue;
        };
        html.markup("<section>\n<h2>Each account");
        if let Some((name, _)) = &job.name {
            html.markup(" of job ").text(name);
        }
        html.markup("</h2>\n").part(&accounts(summary, integrations)).markup("</section>\n");
    }
    html
}

fn job_html(job: &Job) -> Html {
    let mut html = Html::new();
    let (tone, words) = tone_of(&job.outcome);
    html.markup("<div class=\"tiles\">\n");
    html.part(&tile_of_word("outcome", &words, tone));
    if let Some(summary) = &job.summary {
        let seconds = format!("{:.1} s", summary.elapsed_seconds);
        html.part(&tile("licenses written", &human_count(summary.records), None));
        let rejected = summary.rejected.saturating_add(summary.rejected_before);
        let tone = (rejected > 0).then_some(Tone::Fair);
        html.part(&tile("records rejected", &human_count(rejected), tone));
        html.part(&tile("took", &seconds, None));
    }
    html.markup("</div>\n");
    if let Some(error) = &job.error {
        html.markup("<p class=\"error\">").text(error).markup("</p>\n");
    }
    let Some(summary) = &job.summary else {
        html.markup("<p>It did not come so far as to have a summary.</p>\n");
        return html;
    };
    html.markup("<p>").text(human_bytes(summary.bytes_read)).markup(" read in ");
    html.text(count(summary.requests, "request", "requests"));
    if summary.retries > 0 {
        html.markup(", ").text(human_count(summary.retries)).markup(" of them repeated");
    }
    html.markup("; ");
    html.text(human_bytes(summary.bytes_written)).markup(" written.</p>\n");
    html.part(&outcomes(summary)).part(&rejects(summary)).part(&fields(summary));
    html
}

fn tone_of(outcome: &str) -> (Tone, String) {
    let known = OUTCOMES.iter().find(|(name, ..)| *name == outcome);
    known.map_or((Tone::Plain, outcome.to_owned()), |(_, tone, words)| (*tone, (*words).to_owned()))
}

/// How many accounts ended in which way: one bar, and what its colours are.
fn outcomes(summary: &Summary) -> Html {
    let mut html = Html::new();
    let all = summary.accounts.values().fold(0, |all: u64, count| all.saturating_add(*count));
    html.markup("<h3>Accounts by outcome</h3>\n");
    if all == 0 {
        html.markup("<p>No account was come to.</p>\n");
        return html;
    }
    const COLUMNS: [(&str, Column); 4] = [
        ("Outcome", Column::Words),
        ("Of all", Column::Bars),
        ("Accounts", Column::Numbers),
        ("Share", Column::Numbers),
    ];
    let mut table = Table::new("How many accounts ended in which way", &COLUMNS);
    let counts: Vec<_> = OUTCOMES
        .iter()
        .filter_map(|(name, tone, words)| {
            let count = *summary.accounts.get(*name)?;
            (count > 0).then_some((*tone, *words, count))
        })
        .collect();
    for (tone, words, count) in counts {
        let part = count as f64 / all as f64;
        let title = format!("{count} of {all} accounts {words}");
        table.row(vec![
            Cell::Mark(tone, words.to_owned()),
            Cell::Bar(Bar { title, whole: 1.0, parts: vec![(tone, part)] }),
            Cell::Number(human_count(count)),
            Cell::Number(share(count as f64, all as f64)),
        ]);
    }
    html.part(&table.html());
    if !summary.snapshots().is_empty() {
        html.markup("<p class=\"note\">Each of them is at the end of the page.</p>\n");
    }
    html
}

fn accounts(summary: &Summary, integrations: &Integrations) -> Html {
    const COLUMNS: [(&str, Column); 6] = [
        ("Account", Column::Ids),
        ("Integration", Column::Words),
        ("Outcome", Column::Words),
        ("Licenses", Column::Numbers),
        ("Rejected", Column::Numbers),
        ("Notes", Column::Prose),
    ];
    let mut html = Html::new();
    let rank = |snapshot: &Snapshot| {
        OUTCOMES.iter().position(|(name, ..)| *name == snapshot.outcome).unwrap_or_default()
    };
    let mut snapshots: Vec<_> = summary.snapshots().iter().collect();
    // Stable: within an outcome they stay in their order.
    snapshots.sort_by_key(|snapshot| rank(snapshot));
    let mut table = Table::new("What became of each account", &COLUMNS);
    for snapshot in snapshots.iter().take(MOST_ROWS) {
        let (tone, words) = tone_of(&snapshot.outcome);
        let account = snapshot.account.as_deref();
        let name = account.and_then(|account| integrations.name_of(account, None));
        let why = snapshot.error.as_ref().map(|error| error.message.as_str());
        let mut notes: Vec<_> =
            why.or(snapshot.reason.as_deref()).map(str::to_owned).into_iter().collect();
        if snapshot.retries > 0 {
            let retried = human_count(snapshot.retries);
            let requests = count(snapshot.requests, "request", "requests");
            notes.push(format!("{retried} of {requests} repeated"));
        }
        let notes = if notes.is_empty() { "–".to_owned() } else { notes.join("; ") };
        table.row(vec![
            account.map_or(Cell::Text("not named".to_owned()), |it| Cell::Code(it.into())),
            Cell::Text(name.unwrap_or_else(|| UNKNOWN.to_owned())),
            Cell::Mark(tone, words),
            Cell::Number(human_count(snapshot.records)),
            Cell::Number(human_count(snapshot.all_rejected())),
            Cell::Text(notes),
        ]);
    }
    if !integrations.are_any() {
        html.markup(
            "<p class=\"note\">The run did not know which integration an account is of: \
             <code>--accounts-file</code> says it.</p>\n",
        );
    }
    html.part(&table.html()).part(&more_rows(snapshots.len(), table.len()));
    html
}

/// What the reasons mean, by `reject.schema.json`.
const REASONS: [(&str, &str); 9] = [
    ("syntax", "no JSON"),
    ("utf8", "bytes that are no UTF-8"),
    ("too_long", "longer than --max-record-bytes"),
    ("too_deep", "nested deeper than --max-depth"),
    ("not_an_object", "JSON, but no object"),
    ("missing_id", "no id, or none that is a text"),
    ("unexpected_type", "with --strict: a value of another type than its field"),
    ("too_large", "a message larger than the broker takes"),
    ("unroutable", "a value that no topic or key can be made of"),
];

fn rejects(summary: &Summary) -> Html {
    const COLUMNS: [(&str, Column); 5] = [
        ("Reason", Column::Words),
        ("Of all", Column::Bars),
        ("Records", Column::Numbers),
        ("Share", Column::Numbers),
        ("What that is", Column::Prose),
    ];
    let mut html = Html::new();
    html.markup("<h3>Rejects by reason</h3>\n");
    if summary.rejected_before > 0 {
        html.markup("<p class=\"note\">Earlier runs had rejected ");
        html.text(human_count(summary.rejected_before));
        html.markup(
            " records of the snapshots that this one went on with: why is in their summaries.</p>\n",
        );
    }
    let mut reasons: Vec<_> =
        summary.rejects_by_reason.iter().filter(|(_, count)| **count > 0).collect();
    if reasons.is_empty() {
        html.markup("<p>This run rejected no record.</p>\n");
        return html;
    }
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let all = reasons.iter().fold(0, |all: u64, (_, count)| all.saturating_add(**count)) as f64;
    let mut table = Table::new("Records that are no licenses, by what is wrong", &COLUMNS);
    for (reason, count) in reasons.iter().take(MOST_ROWS) {
        let meaning = REASONS.iter().find(|(name, _)| name == reason).map(|(_, words)| *words);
        let title = format!("{count} records: {reason}");
        let parts = vec![(Tone::Fair, **count as f64 / all)];
        table.row(vec![
            Cell::Code((*reason).clone()),
            Cell::Bar(Bar { title, whole: 1.0, parts }),
            Cell::Number(human_count(**count)),
            Cell::Number(share(**count as f64, all)),
            Cell::Text(meaning.unwrap_or("–").to_owned()),
        ]);
    }
    html.part(&table.html());
    html
}

/// What fitted no column.
fn fields(summary: &Summary) -> Html {
    const COLUMNS: [(&str, Column); 3] =
        [("Field", Column::Words), ("Known", Column::Words), ("Licenses", Column::Numbers)];
    let mut html = Html::new();
    if summary.fields_unexpected.is_empty() && summary.fields_unknown_total == 0 {
        return html;
    }
    let mut table = Table::new("Fields with values that are kept in _extra", &COLUMNS);
    let known = summary.fields_unexpected.iter().map(|field| (field, true));
    let unknown = summary.fields_unknown.iter().map(|field| (field, false));
    for ((name, count), is_known) in known.chain(unknown).take(MOST_ROWS) {
        let words = match is_known {
            true => Cell::Mark(Tone::Fair, "a value that its column cannot hold".to_owned()),
            false => Cell::Mark(Tone::Odd, "not in the schema".to_owned()),
        };
        table.row(vec![Cell::Code(name.clone()), words, Cell::Number(human_count(*count))]);
    }
    html.markup("<h3>Fields that did not fit</h3>\n").part(&table.html());
    let listed = summary.fields_unknown.values().fold(0, |all: u64, it| all.saturating_add(*it));
    let more = summary.fields_unknown_total.saturating_sub(listed);
    if more > 0 {
        html.markup("<p class=\"note\">And ").text(human_count(more));
        html.markup(" values of unknown fields that the summary has no room to name.</p>\n");
    }
    html
}
