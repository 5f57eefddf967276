//! What there is in a lake, as a part of the page.

use license_stream::sink::parquet::{LakeSurvey, LicenseFigures, SnapshotState};

use super::groups::{Group, Integrations, UNKNOWN};
use super::html::Html;
use super::number::{quantity, share, sum};
use super::table::{Bar, Cell, Column, Table, Tone};
use super::{MOST_ROWS, costs, count, coverage, more_rows, seats, tile};
use crate::report::{human_bytes, human_count};

pub(super) fn html(survey: &LakeSurvey, integrations: &Integrations) -> Html {
    let groups = Group::all(&survey.counted, integrations);
    let mut all = LicenseFigures::default();
    groups.iter().for_each(|group| all.merge(&group.figures));
    let mut html = Html::new();
    html.markup("<section>\n<h2>The licenses</h2>\n").part(&tiles(survey, &all));
    html.part(&counted(survey, &groups)).markup("</section>\n");
    if !survey.counted.is_empty() {
        html.part(&seats::html(&groups)).part(&costs::html(&groups));
        html.part(&coverage::html(&groups)).part(&accounts(survey, integrations));
    }
    html.part(&not_counted(survey));
    html
}

fn tiles(survey: &LakeSurvey, all: &LicenseFigures) -> Html {
    let mut html = Html::new();
    let accounts = survey.counted.len() as u64;
    html.markup("<div class=\"tiles\">\n");
    html.part(&tile("accounts", &human_count(accounts), None));
    html.part(&tile("licenses", &human_count(all.licenses), None));
    html.part(&tile("seats assigned", &quantity(all.assigned.sum), None));
    html.part(&tile("seats available", &quantity(all.available.sum), None));
    let used = share(all.seats.assigned, all.seats.available);
    html.part(&tile("used, where both are known", &used, None));
    html.markup("</div>\n");
    html
}

/// What is in the sums, in words.
fn counted(survey: &LakeSurvey, groups: &[Group]) -> Html {
    let mut html = Html::new();
    let lake = &survey.inspection;
    html.markup("<p>Counted is the last complete snapshot of each account, and nothing else: ");
    let licenses = groups.iter().map(|group| group.figures.licenses).sum();
    html.text(count(licenses, "license", "licenses")).markup(" of the ");
    html.text(human_count(lake.rows())).markup(" in the directory, which has ");
    html.text(count(lake.files.len() as u64, "file", "files"))
        .markup(" of ")
        .text(human_bytes(lake.bytes()))
        .markup(". ");
    html.markup(match lake.success {
        true => "<code>_SUCCESS</code> is there: what was begun is complete.</p>\n",
        false => "There is no <code>_SUCCESS</code>: something is unfinished.</p>\n",
    });
    let unknown: u64 = groups.iter().filter(|it| it.name.is_none()).map(|it| it.accounts).sum();
    if unknown > 0 {
        html.markup("<p class=\"note\">The integration of ");
        html.text(count(unknown, "account", "accounts"));
        html.markup(
            " is not known, and nothing is guessed: nothing in the directory says it; \
             <code>--accounts-file</code> does.</p>\n",
        );
    }
    let rejected: u64 = survey.counted.iter().map(|snapshot| snapshot.rejected).sum();
    if rejected > 0 {
        html.markup("<p class=\"note\">Rejected in these snapshots, as no licenses: ");
        html.text(count(rejected, "record", "records"));
        html.markup(
            ". A lake does not say why: the summaries of the runs do, and so do dead letters.</p>\n",
        );
    }
    html
}

fn accounts(survey: &LakeSurvey, integrations: &Integrations) -> Html {
    const COLUMNS: [(&str, Column); 7] = [
        ("Account", Column::Ids),
        ("Integration", Column::Words),
        ("Licenses", Column::Numbers),
        ("Rejected", Column::Numbers),
        ("Assigned", Column::Numbers),
        ("Available", Column::Numbers),
        ("Used", Column::Numbers),
    ];
    let mut table = Table::new("The snapshot that is counted of each account", &COLUMNS);
    for snapshot in survey.counted.iter().take(MOST_ROWS) {
        let figures = &snapshot.figures;
        let said = snapshot.integration.as_deref();
        let name = integrations.name_of(&snapshot.account, said);
        table.row(vec![
            Cell::Code(snapshot.account.clone()),
            Cell::Text(name.unwrap_or_else(|| UNKNOWN.to_owned())),
            Cell::Number(human_count(figures.licenses)),
            Cell::Number(human_count(snapshot.rejected)),
            Cell::Number(sum(figures.assigned.licenses, figures.assigned.sum)),
            Cell::Number(sum(figures.available.licenses, figures.available.sum)),
            Cell::Number(share(figures.seats.assigned, figures.seats.available)),
        ]);
    }
    let mut html = Html::new();
    html.markup("<section>\n<h2>Accounts</h2>\n");
    html.part(&table.html()).part(&more_rows(survey.counted.len(), table.len()));
    html.markup("</section>\n");
    html
}

/// The snapshots that are in no sum, and why.
fn not_counted(survey: &LakeSurvey) -> Html {
    const COLUMNS: [(&str, Column); 5] = [
        ("Snapshots", Column::Words),
        ("Of all", Column::Bars),
        ("How many", Column::Numbers),
        ("Licenses", Column::Numbers),
        ("Why they are not counted", Column::Prose),
    ];
    const KINDS: [(Option<SnapshotState>, Tone, &str, &str); 5] = [
        (None, Tone::Plain, "superseded", "complete; a later one of the account is too"),
        (
            Some(SnapshotState::Part),
            Tone::Odd,
            "part",
            "begun at a cursor: what is on the pages before is in no file",
        ),
        (
            Some(SnapshotState::Unfinished),
            Tone::Fair,
            "unfinished",
            "a run is writing it, or the next one goes on with it or removes it",
        ),
        (
            Some(SnapshotState::Damaged),
            Tone::Bad,
            "damaged",
            "files are missing, or not as they were",
        ),
        (
            Some(SnapshotState::Orphaned),
            Tone::Bad,
            "orphaned",
            "no manifest, and no run knows of it",
        ),
    ];
    let snapshots = &survey.inspection.snapshots;
    let is_counted = |account: &str, id: &str| {
        survey.counted.iter().any(|it| it.snapshot_id == id && it.account == account)
    };
    let mut html = Html::new();
    let mut table = Table::new("Snapshots that are in none of the sums above", &COLUMNS);
    for (state, tone, name, why) in KINDS {
        let of_kind = snapshots.iter().filter(|it| match state {
            Some(state) => it.state == state,
            None => {
                it.state == SnapshotState::Complete && !is_counted(&it.account, &it.snapshot_id)
            }
        });
        let (count, rows) = of_kind
            .fold((0_u64, 0_u64), |(count, rows), it| (count + 1, rows.saturating_add(it.rows)));
        if count == 0 {
            continue;
        }
        let title = format!("{count} of {} snapshots are {name}", snapshots.len());
        let parts = vec![(tone, count as f64 / snapshots.len() as f64)];
        table.row(vec![
            Cell::Mark(tone, name.to_owned()),
            Cell::Bar(Bar { title, whole: 1.0, parts }),
            Cell::Number(human_count(count)),
            Cell::Number(human_count(rows)),
            Cell::Text(why.to_owned()),
        ]);
    }
    let broken = &survey.inspection.broken;
    let mut without: Vec<_> = snapshots.iter().map(|it| it.account.as_str()).collect();
    without.retain(|account| !survey.counted.iter().any(|it| it.account == *account));
    without.dedup();
    if table.len() == 0 && broken.is_empty() {
        return html;
    }
    html.markup("<section>\n<h2>Not counted</h2>\n");
    if table.len() > 0 {
        html.part(&table.html());
    }
    if !without.is_empty() {
        html.markup(
            "<p>Accounts without any complete snapshot, of which nothing is counted:</p>\n<ul>\n",
        );
        for account in without.iter().take(MOST_ROWS) {
            html.markup("<li><code>").text(account).markup("</code></li>\n");
        }
        html.markup("</ul>\n").part(&more_rows(without.len(), without.len().min(MOST_ROWS)));
    }
    if !broken.is_empty() {
        html.markup("<p>Files that are not what their names say:</p>\n<ul>\n");
        for file in broken.iter().take(MOST_ROWS) {
            html.markup("<li><code>").text(&file.name).markup("</code>: ");
            html.text(&file.reason).markup("</li>\n");
        }
        html.markup("</ul>\n").part(&more_rows(broken.len(), broken.len().min(MOST_ROWS)));
    }
    html.markup("</section>\n");
    html
}
