//! `license-stream accounts`

use std::io::{self, BufWriter, Write};

use console::{measure_text_width, truncate_str};
use futures_util::TryStreamExt;
use license_stream::printable;
use license_stream::truto::{AccountFilter, IntegratedAccount};

use crate::args::AccountsArgs;
use crate::exit::Exit;
use crate::input;
use crate::report::human_count;
use crate::screen::say;
use crate::signal::{GRACE, Signals};
use crate::waits::Waits;

/// The table's columns, each with its width: 80 columns with the blanks between them. An id has always
/// room, since it is what other commands are given.
const COLUMNS: [(&str, usize); 4] =
    [("id", 36), ("status", 12), ("integration", 14), ("tenant", 12)];

pub(crate) async fn run(args: AccountsArgs) -> anyhow::Result<Exit> {
    let signals = Signals::listen(GRACE)?;
    let stop = signals.stop();
    let client = input::client(&args.api)?;
    let client = if args.quiet { client } else { Waits::tell(client, args.verbose) };
    let filter = args.filter.filter();
    let is_filtered = filter != AccountFilter::default();
    let mut accounts = std::pin::pin!(client.accounts(filter));
    let mut out = BufWriter::new(io::stdout());
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
        if args.json {
            serde_json::to_writer(&mut out, &account)?;
            out.write_all(b"\n")?;
        } else {
            if listed == 0 {
                print_row(&mut out, COLUMNS.map(|(name, _)| name))?;
            }
            print_account(&mut out, &account)?;
        }
        listed += 1;
    }
    out.flush()?;
    if args.quiet {
        // Nothing more is said.
    } else if listed == 0 && signals.first().is_none() {
        let fits = if is_filtered { " fits the filters" } else { "" };
        say!("no account that the token can see{fits}");
    } else if !args.json {
        say!("{} {}", human_count(listed), if listed == 1 { "account" } else { "accounts" });
    }
    Ok(signals.first().map_or(Exit::Done, Exit::Stopped))
}

fn print_account(out: &mut impl Write, account: &IntegratedAccount) -> io::Result<()> {
    // Longer than any column; what is left is cut at its width.
    let shown = |text: Option<&str>| printable(text.unwrap_or("-"), COLUMNS[0].1 + 1);
    let status = shown(account.status.as_deref());
    let integration = shown(account.integration_name());
    let tenant = shown(account.tenant_id.as_deref());
    print_row(out, [&printable(&account.id, 100), &status, &integration, &tenant])
}

fn print_row(out: &mut impl Write, cells: [&str; COLUMNS.len()]) -> io::Result<()> {
    let mut line = String::new();
    for (cell, (_, width)) in cells.into_iter().zip(COLUMNS) {
        let cell =
            if width == COLUMNS[0].1 { cell.into() } else { truncate_str(cell, width, "…") };
        let padding = width.saturating_sub(measure_text_width(&cell)) + 2;
        line.push_str(&cell);
        line.extend(std::iter::repeat_n(' ', padding));
    }
    writeln!(out, "{}", line.trim_end())
}
