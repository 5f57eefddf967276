//! Seats that are assigned, of those that there are.

use super::groups::Group;
use super::html::Html;
use super::number::{quantity, share, sum};
use super::table::{Bar, Cell, Column, Table, Tone};
use super::{MOST_ROWS, more_rows};
use crate::report::human_count;

pub(super) fn html(groups: &[Group]) -> Html {
    const COLUMNS: [(&str, Column); 8] = [
        ("Integration", Column::Words),
        ("Assigned of available", Column::Bars),
        ("Used", Column::Numbers),
        ("Assigned", Column::Numbers),
        ("Available", Column::Numbers),
        ("Beyond", Column::Numbers),
        ("Licenses with both", Column::Numbers),
        ("Licenses", Column::Numbers),
    ];
    let mut html = Html::new();
    html.markup("<section>\n<h2>Seats assigned against available</h2>\n");
    html.markup(
        "<p>The bar and its numbers are of licenses that have both quantities: of others it is not known how many of \
         their seats are used. What is available includes what is assigned. <em>Beyond</em> are seats that are \
         assigned though a license has no more.</p>\n",
    );
    let widest = |group: &Group| group.figures.seats.available.max(group.figures.seats.assigned);
    let most = groups.iter().map(widest).fold(0.0, f64::max);
    let mut table = Table::new("Seats by integration, of licenses with both quantities", &COLUMNS);
    let mut alone = Table::new("Seats of all licenses that have the quantity", &ALONE);
    for group in groups.iter().take(MOST_ROWS) {
        let (figures, seats) = (&group.figures, &group.figures.seats);
        let title = format!(
            "{}: {} of {} seats assigned",
            group.title(),
            quantity(seats.assigned),
            quantity(seats.available)
        );
        let part = |seats: f64| if most > 0.0 { seats / most } else { 0.0 };
        let parts = vec![
            (Tone::Plain, part(seats.assigned - seats.excess)),
            (Tone::Bad, part(seats.excess)),
        ];
        let beyond = match seats.exceeded {
            _ if seats.licenses == 0 => "–".to_owned(),
            0 => "0".to_owned(),
            licenses => format!("{} in {}", quantity(seats.excess), human_count(licenses)),
        };
        table.row(vec![
            Cell::Text(group.title()),
            Cell::Bar(Bar { title, whole: part(seats.available), parts }),
            Cell::Number(share(seats.assigned, seats.available)),
            Cell::Number(sum(seats.licenses, seats.assigned)),
            Cell::Number(sum(seats.licenses, seats.available)),
            Cell::Number(beyond),
            Cell::Number(human_count(seats.licenses)),
            Cell::Number(human_count(figures.licenses)),
        ]);
        let nulls = |licenses: u64| human_count(figures.licenses.saturating_sub(licenses));
        alone.row(vec![
            Cell::Text(group.title()),
            Cell::Number(sum(figures.assigned.licenses, figures.assigned.sum)),
            Cell::Number(nulls(figures.assigned.licenses)),
            Cell::Number(sum(figures.available.licenses, figures.available.sum)),
            Cell::Number(nulls(figures.available.licenses)),
        ]);
    }
    html.markup("<p class=\"key\"><span class=\"swatch plain\"></span>assigned ");
    html.markup("<span class=\"swatch track\"></span>available ");
    html.markup("<span class=\"swatch bad\"></span>assigned beyond</p>\n");
    html.part(&table.html()).part(&more_rows(groups.len(), table.len()));
    html.markup(
        "<details>\n<summary>Sums of each quantity for itself, with the licenses in which it is ",
    );
    html.markup("null</summary>\n").part(&alone.html());
    html.markup("</details>\n</section>\n");
    html
}

const ALONE: [(&str, Column); 5] = [
    ("Integration", Column::Words),
    ("Assigned", Column::Numbers),
    ("Null assigned", Column::Numbers),
    ("Available", Column::Numbers),
    ("Null available", Column::Numbers),
];
