//! What licenses cost, each currency for itself.

use std::collections::BTreeSet;

use super::groups::Group;
use super::html::Html;
use super::number::amount;
use super::table::{Bar, Cell, Column, Table, Tone};
use super::{MOST_ROWS, more_rows};
use crate::report::human_count;

pub(super) fn html(groups: &[Group]) -> Html {
    const COLUMNS: [(&str, Column); 7] = [
        ("Integration", Column::Words),
        ("Assigned, and available", Column::Bars),
        ("Cost of assigned", Column::Numbers),
        ("Licenses (assigned)", Column::Numbers),
        ("Cost of available", Column::Numbers),
        ("Licenses (available)", Column::Numbers),
        ("Licenses with a price", Column::Numbers),
    ];
    let mut html = Html::new();
    html.markup("<section>\n<h2>Cost by integration</h2>\n");
    let (licenses, priced, unkept) = groups.iter().fold((0, 0, 0), |(all, priced, unkept), it| {
        let figures = &it.figures;
        (all + figures.licenses, priced + figures.priced, unkept + figures.unkept_currencies)
    });
    html.markup("<p>Cost is <code>unit_amount</code> × quantity, of licenses that have both. ");
    html.text(human_count(priced)).markup(" of ").text(human_count(licenses));
    html.markup(
        " licenses have a <code>unit_amount</code>. Currencies are never added up or converted; whether an amount is \
         in dollars or in cents, and for a month or a year, is not documented.</p>\n",
    );
    if unkept > 0 {
        html.markup("<p class=\"note\">").text(human_count(unkept));
        html.markup(
            " licenses have a currency that is one of too many, or too long for one: they are in no sum.</p>\n",
        );
    }
    if priced == 0 {
        html.markup("</section>\n");
        return html;
    }
    html.markup("<p class=\"key\"><span class=\"swatch plain\"></span>cost of assigned ");
    html.markup(
        "<span class=\"swatch track\"></span>cost of available, which may be of other licenses: ",
    );
    html.markup("their numbers are beside it</p>\n");
    let currencies: BTreeSet<_> =
        groups.iter().flat_map(|group| group.figures.costs.keys()).collect();
    // Those that name none last.
    let (unnamed, named): (Vec<_>, Vec<_>) =
        currencies.into_iter().partition(|currency| currency.is_none());
    for currency in named.into_iter().chain(unnamed).take(MOST_ROWS) {
        let costs = |group: &Group| group.figures.costs.get(currency).copied();
        let rows: Vec<_> = groups.iter().filter_map(|it| Some((it, costs(it)?))).collect();
        let most = rows
            .iter()
            .map(|(_, cost)| cost.assigned.sum.max(cost.available.sum))
            .fold(0.0, f64::max);
        let mut table = Table::new("Cost by integration, in this currency", &COLUMNS);
        for (group, cost) in rows.iter().take(MOST_ROWS) {
            let part = |sum: f64| if most > 0.0 { sum / most } else { 0.0 };
            let known = |licenses: u64, sum: f64| match licenses {
                0 => "–".to_owned(),
                _ => amount(sum),
            };
            let assigned = known(cost.assigned.licenses, cost.assigned.sum);
            let available = known(cost.available.licenses, cost.available.sum);
            let title = format!("{}: assigned {assigned}, available {available}", group.title());
            let parts = vec![(Tone::Plain, part(cost.assigned.sum))];
            table.row(vec![
                Cell::Text(group.title()),
                Cell::Bar(Bar { title, whole: part(cost.available.sum), parts }),
                Cell::Number(assigned),
                Cell::Number(human_count(cost.assigned.licenses)),
                Cell::Number(available),
                Cell::Number(human_count(cost.available.licenses)),
                Cell::Number(human_count(cost.priced)),
            ]);
        }
        match currency {
            Some(currency) => html.markup("<h3>In ").text(currency).markup("</h3>\n"),
            None => html.markup("<h3>In a currency that is not given</h3>\n"),
        };
        html.part(&table.html()).part(&more_rows(rows.len(), table.len()));
    }
    html.markup("</section>\n");
    html
}
