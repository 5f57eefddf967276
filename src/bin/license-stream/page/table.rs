//! A table, whose bars are its chart: who cannot see them has the numbers beside them.

use super::html::Html;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Words,
    /// Ids of accounts, which stay on one line where there is room.
    Ids,
    /// Sentences.
    Prose,
    Numbers,
    Bars,
}

/// A cell.
#[derive(Debug)]
pub(super) enum Cell {
    Text(String),
    /// A name that a machine gave, which may be broken anywhere.
    Code(String),
    Number(String),
    /// A word with a colour, and what that means.
    Mark(Tone, String),
    Bar(Bar),
}

/// What a colour says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Fair,
    Bad,
    Odd,
    Plain,
}

/// A bar: parts of a whole, one behind the other.
#[derive(Debug)]
pub(super) struct Bar {
    /// What it shows, in words.
    pub(super) title: String,
    /// How much of the width is the whole.
    pub(super) whole: f64,
    pub(super) parts: Vec<(Tone, f64)>,
}

impl Tone {
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Fair => "fair",
            Self::Bad => "bad",
            Self::Odd => "odd",
            Self::Plain => "plain",
        }
    }
}

impl Bar {
    pub(super) fn html(&self) -> Html {
        let mut html = Html::new();
        html.markup("<svg class=\"bar\" role=\"img\" width=\"100%\" height=\"14\"><title>");
        html.text(&self.title);
        html.markup("</title><rect class=\"track\" height=\"14\" rx=\"3\" width=\"");
        html.percent(self.whole).markup("\"/>");
        let mut start = 0.0;
        for (tone, share) in self.parts.iter().filter(|(_, share)| *share > 0.0) {
            html.markup("<rect class=\"").markup(tone.class());
            html.markup("\" height=\"14\" rx=\"3\" x=\"").percent(start);
            html.markup("\" width=\"").percent(share.min(1.0 - start)).markup("\"/>");
            start = (start + share).min(1.0);
        }
        html.markup("</svg>");
        html
    }
}

/// Rows of cells under heads. On a narrow screen each row is a block, and each cell has its head beside it.
#[derive(Debug)]
pub(super) struct Table {
    caption: &'static str,
    columns: &'static [(&'static str, Column)],
    rows: Html,
    count: usize,
}

impl Table {
    pub(super) fn new(caption: &'static str, columns: &'static [(&'static str, Column)]) -> Self {
        Self { caption, columns, rows: Html::new(), count: 0 }
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Adds a row, whose first cell is its head.
    pub(super) fn row(&mut self, cells: Vec<Cell>) {
        self.count += 1;
        let rows = &mut self.rows;
        rows.markup("<tr role=\"row\">");
        for (index, (cell, (head, column))) in cells.into_iter().zip(self.columns).enumerate() {
            rows.markup(match (index, column) {
                (0, Column::Ids) => {
                    "<th scope=\"row\" role=\"rowheader\" class=\"id\" data-head=\""
                }
                (0, _) => "<th scope=\"row\" role=\"rowheader\" class=\"words\" data-head=\"",
                (_, Column::Prose) => "<td role=\"cell\" class=\"prose\" data-head=\"",
                (_, Column::Words | Column::Ids) => {
                    "<td role=\"cell\" class=\"words\" data-head=\""
                }
                (_, Column::Numbers) => "<td role=\"cell\" class=\"number\" data-head=\"",
                (_, Column::Bars) => "<td role=\"cell\" class=\"bars\" data-head=\"",
            });
            rows.text(head).markup("\">");
            match cell {
                Cell::Text(text) | Cell::Number(text) => rows.text(text),
                Cell::Code(text) => rows.markup("<code>").text(text).markup("</code>"),
                Cell::Mark(tone, text) => {
                    rows.markup("<span class=\"mark ").markup(tone.class());
                    rows.markup("\">").text(text).markup("</span>")
                }
                Cell::Bar(bar) => rows.part(&bar.html()),
            };
            rows.markup(if index == 0 { "</th>" } else { "</td>" });
        }
        rows.markup("</tr>\n");
    }

    pub(super) fn html(&self) -> Html {
        let mut html = Html::new();
        html.markup("<table role=\"table\"><caption>").text(self.caption).markup("</caption>\n");
        html.markup("<thead role=\"rowgroup\"><tr role=\"row\">");
        for (head, column) in self.columns {
            html.markup(match column {
                Column::Words | Column::Ids | Column::Prose => {
                    "<th scope=\"col\" role=\"columnheader\" class=\"words\">"
                }
                Column::Numbers => "<th scope=\"col\" role=\"columnheader\" class=\"number\">",
                Column::Bars => "<th scope=\"col\" role=\"columnheader\" class=\"bars\">",
            });
            html.text(head).markup("</th>");
        }
        html.markup("</tr></thead>\n<tbody role=\"rowgroup\">\n").part(&self.rows);
        html.markup("</tbody></table>\n");
        html
    }
}
