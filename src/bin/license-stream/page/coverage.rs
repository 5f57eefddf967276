//! Which fields came, and which the documentation promises.

use license_stream::License;
use license_stream::integration::Support;
use license_stream::sink::parquet::FieldFigures;

use super::groups::Group;
use super::html::Html;
use super::number::share;
use super::table::{Bar, Cell, Column, Table, Tone};
use super::{MOST_ROWS, more_rows};

/// So many integrations are shown open; of more, those that differ from what is promised.
const MOST_OPEN: usize = 4;

/// What came of a field, against what was promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finding {
    /// Promised, and it came.
    Kept,
    /// Promised, and it came in no license.
    Broken,
    /// Not promised, and it came.
    Beyond,
    /// Not promised, and it did not come.
    Absent,
    /// Nobody promised or refused it.
    Open,
    /// No file has its column.
    Unread,
}

impl Finding {
    fn of(field: FieldFigures, support: Option<Support>) -> Self {
        match support {
            _ if field.kept == 0 => Self::Unread,
            None | Some(Support::Unlisted) => Self::Open,
            Some(Support::Listed) if field.given > 0 => Self::Kept,
            Some(Support::Listed) => Self::Broken,
            Some(Support::None) if field.given > 0 => Self::Beyond,
            Some(Support::None) => Self::Absent,
        }
    }

    fn mark(self) -> (Tone, &'static str) {
        match self {
            Self::Kept => (Tone::Good, "promised"),
            Self::Broken => (Tone::Bad, "promised, and never came"),
            Self::Beyond => (Tone::Odd, "came unpromised"),
            Self::Absent => (Tone::Plain, "not promised"),
            Self::Open => (Tone::Plain, "no promise"),
            Self::Unread => (Tone::Fair, "in no file"),
        }
    }
}

pub(super) fn html(groups: &[Group]) -> Html {
    let mut html = Html::new();
    html.markup("<section>\n<h2>Field coverage against what is promised</h2>\n");
    html.markup(
        "<p>The bar is the share of licenses in which a field is not null. Promised is what Truto's documentation \
         lists \
         for the integration, as <code>license-stream integrations</code> shows it. A field that is left out with \
         <code>--columns</code> is in no file, which says nothing of the integration.</p>\n",
    );
    for group in groups.iter().take(MOST_ROWS) {
        html.part(&card(group, groups.len() <= MOST_OPEN));
    }
    html.part(&more_rows(groups.len(), groups.len().min(MOST_ROWS))).markup("</section>\n");
    html
}

fn card(group: &Group, is_open: bool) -> Html {
    const COLUMNS: [(&str, Column); 4] = [
        ("Field", Column::Words),
        ("Licenses that have it", Column::Bars),
        ("Share", Column::Numbers),
        ("Promise", Column::Words),
    ];
    let integration = group.integration();
    let mut table = Table::new("Fields, and in how many licenses they came", &COLUMNS);
    let mut findings = Vec::new();
    for name in License::FIELDS {
        let field = group.figures.field(name);
        let finding = Finding::of(field, integration.map(|it| it.support(name)));
        findings.push(finding);
        let (tone, words) = finding.mark();
        let part = if field.kept > 0 { field.given as f64 / field.kept as f64 } else { 0.0 };
        let title = format!("{name}: in {} of {} licenses", field.given, field.kept);
        let bar = if tone == Tone::Odd { Tone::Odd } else { Tone::Plain };
        let whole = if field.kept > 0 { 1.0 } else { 0.0 };
        table.row(vec![
            Cell::Code(name.to_owned()),
            Cell::Bar(Bar { title, whole, parts: vec![(bar, part)] }),
            Cell::Number(share(field.given as f64, field.kept as f64)),
            Cell::Mark(tone, words.to_owned()),
        ]);
    }
    let count = |finding: Finding| findings.iter().filter(|it| **it == finding).count() as u64;
    let (kept, broken) = (count(Finding::Kept), count(Finding::Broken));
    let beyond = count(Finding::Beyond);
    let mut html = Html::new();
    html.markup(match is_open || broken + beyond > 0 {
        true => "<details open>\n<summary><strong>",
        false => "<details>\n<summary><strong>",
    });
    html.text(group.title()).markup("</strong> ");
    html.text(super::count(group.figures.licenses, "license", "licenses")).markup(" of ");
    html.text(super::count(group.accounts, "account", "accounts"));
    match (integration, &group.name) {
        (Some(_), _) => {
            html.markup(": ").text(kept).markup(" of ").text(kept + broken);
            html.markup(" promised fields came");
            if beyond > 0 {
                html.markup(", and ").text(beyond).markup(" more");
            }
        }
        (None, Some(_)) => drop(html.markup(": not documented, so nothing is promised")),
        (None, None) => drop(html.markup(": so it is not known what is promised")),
    }
    html.markup("</summary>\n").part(&table.html()).markup("</details>\n");
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_is_held_against_what_was_promised() {
        let field = |kept, given| FieldFigures { kept, given };
        let (listed, none) = (Some(Support::Listed), Some(Support::None));
        for (figures, support, finding) in [
            (field(9, 1), listed, Finding::Kept),
            (field(9, 0), listed, Finding::Broken),
            (field(9, 1), none, Finding::Beyond),
            (field(9, 0), none, Finding::Absent),
            (field(9, 1), Some(Support::Unlisted), Finding::Open),
            (field(9, 0), None, Finding::Open),
            (field(0, 0), listed, Finding::Unread),
        ] {
            assert_eq!(Finding::of(figures, support), finding, "{figures:?} {support:?}");
        }
    }
}
