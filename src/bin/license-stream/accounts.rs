//! `license-stream accounts`

use std::io::{self, BufWriter, Write};

use console::{Term, measure_text_width, truncate_str};
use futures_util::TryStreamExt;
use license_stream::printable;
use license_stream::truto::{AccountFilter, IntegratedAccount};

use crate::args::AccountsArgs;
use crate::exit::Exit;
use crate::input;
use crate::listing::Listing;
use crate::report::human_count;
use crate::screen::say;
use crate::signal::{GRACE, Signals};
use crate::waits::Waits;

/// The table's columns, each with its width: 80 columns with the blanks between them. An id has always
/// room, since it is what other commands are given.
const COLUMNS: [(&str, usize); 4] =
    [("id", ID), ("status", 12), ("integration", INTEGRATION), ("tenant", 12)];

const ID: usize = 36;
const INTEGRATION: usize = 14;

/// The columns of a terminal that the table is made for.
const NARROW: usize = 80;

/// The most that a name of an integration is given: no more is known to be needed.
const MOST: usize = 48;

/// How the table is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Widths {
    integration: usize,
    /// Whether what is longer than its column is cut: where lines would else wrap.
    is_cut: bool,
}

impl Widths {
    /// For a terminal of so many columns; where there is none, everything is whole, as another program may read it.
    fn of(columns: Option<usize>) -> Self {
        let room = columns.map_or(MOST, |columns| INTEGRATION + columns.saturating_sub(NARROW));
        let integration = if columns.is_some() { room.min(MOST) } else { INTEGRATION };
        Self { integration, is_cut: columns.is_some() }
    }
}

pub(crate) async fn run(args: AccountsArgs) -> anyhow::Result<Exit> {
    let signals = Signals::listen(GRACE)?;
    let stop = signals.stop();
    let client = input::client(&args.api)?;
    let client = if args.quiet { client } else { Waits::tell(client, args.verbose) };
    let filter = args.filter.filter();
    let is_filtered = filter != AccountFilter::default();
    let mut accounts = std::pin::pin!(client.accounts(filter));
    let mut out = BufWriter::new(Listing::begin());
    let widths = Widths::of(Term::stdout().size_checked().map(|(_, columns)| columns.into()));
    let mut listed = 0;
    loop {
        let account = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            account = accounts.try_next() => account,
        };
        // What came before an error is printed all the same.
        let account = match account {
            Ok(account) => account,
            Err(error) => {
                out.flush()?;
                return Err(error.into());
            }
        };
        let Some(account) = account else { break };
        if out.get_ref().is_left() {
            return Ok(Exit::Done);
        }
        if args.json {
            serde_json::to_writer(&mut out, &account)?;
            out.write_all(b"\n")?;
        } else {
            if listed == 0 {
                print_row(&mut out, COLUMNS.map(|(name, _)| name), widths)?;
            }
            print_account(&mut out, &account, widths)?;
        }
        listed += 1;
    }
    out.flush()?;
    if args.quiet || out.get_ref().is_left() {
        // Nothing more is said.
    } else if listed == 0 && signals.first().is_none() {
        let fits = if is_filtered { " fits the filters" } else { "" };
        say!("no account that the token can see{fits}");
    } else if !args.json {
        say!("{} {}", human_count(listed), if listed == 1 { "account" } else { "accounts" });
    }
    Ok(signals.first().map_or(Exit::Done, Exit::Stopped))
}

fn print_account(
    out: &mut impl Write,
    account: &IntegratedAccount,
    widths: Widths,
) -> io::Result<()> {
    // Longer than any column; what is left is cut at its width.
    let shown = |text: Option<&str>| printable(text.unwrap_or("-"), 100);
    let status = shown(account.status.as_deref());
    let integration = shown(account.integration_name());
    let tenant = shown(account.tenant_id.as_deref());
    print_row(out, [&printable(&account.id, 100), &status, &integration, &tenant], widths)
}

fn print_row(out: &mut impl Write, cells: [&str; COLUMNS.len()], widths: Widths) -> io::Result<()> {
    let mut line = String::new();
    for (cell, (name, width)) in cells.into_iter().zip(COLUMNS) {
        let width = if name == "integration" { widths.integration } else { width };
        let is_whole = width == ID || !widths.is_cut;
        let cell = if is_whole { cell.into() } else { truncate_str(cell, width, "…") };
        let padding = width.saturating_sub(measure_text_width(&cell)) + 2;
        line.push_str(&cell);
        line.extend(std::iter::repeat_n(' ', padding));
    }
    writeln!(out, "{}", line.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(columns: Option<usize>) -> String {
        let mut out = Vec::new();
        let cells = ["i", "post_install_error", "Jira Service Management", "t"];
        print_row(&mut out, cells, Widths::of(columns)).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_name_of_an_integration_is_whole_where_there_is_room() {
        for columns in [None, Some(200), Some(89)] {
            assert!(row(columns).contains("Jira Service Management  "), "{columns:?}");
        }
        assert!(row(None).contains("post_install_error  "));
        for columns in [Some(80), Some(40)] {
            let row = row(columns);
            assert!(row.contains("  Jira Service …  t"), "{row}");
            assert!(measure_text_width(&row) <= 80, "{row}");
        }
    }
}
