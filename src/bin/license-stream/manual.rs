//! `license-stream completions` and `license-stream man`: made from what can be typed, so that they are of this version.

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::Context;
use clap::{Command, CommandFactory};
use clap_complete::Shell;

use crate::args::Args;
use crate::exit::Exit;
use crate::listing::Listing;

pub(crate) fn completions(shell: Shell) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "license-stream", &mut script);
    Listing::begin().write_all(&script)?;
    Ok(Exit::Done)
}

pub(crate) fn pages(out: &Path) -> anyhow::Result<Exit> {
    let failed = || format!("the pages cannot be written to {}: name another --out", out.display());
    fs::create_dir_all(out).with_context(failed)?;
    let mut command = Args::command().disable_help_subcommand(true);
    command.build();
    write(&command, "license-stream", out).with_context(failed)?;
    Ok(Exit::Done)
}

/// The page of `command`, and those of the commands below it.
fn write(command: &Command, name: &str, out: &Path) -> std::io::Result<()> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    fs::write(out.join(format!("{name}.1")), page)?;
    for command in command.get_subcommands() {
        write(command, &format!("{name}-{}", command.get_name()), out)?;
    }
    Ok(())
}
