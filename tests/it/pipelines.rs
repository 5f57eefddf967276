//! `license-stream run`: jobs of a file, against a simulated Truto.

mod check;
mod config;
mod every;
mod file;
mod jobs;

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::support::command::license_stream;
use crate::support::process::TOKEN;
use crate::support::truto::Truto;

/// A directory with a file of jobs in it, in which the command runs.
#[derive(Debug)]
struct Pipeline {
    directory: TempDir,
}

impl Pipeline {
    fn new(text: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("pipeline.yaml"), text).unwrap();
        Self { directory }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    /// What is in a file that a job wrote.
    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// `license-stream run pipeline.yaml`, with the token of all tests.
    fn run(&self) -> Command {
        let mut command = license_stream();
        command.current_dir(self.path()).env("TRUTO_API_TOKEN", TOKEN).env("COLUMNS", "100");
        command.args(["run", "pipeline.yaml"]);
        command
    }
}

/// The beginning of a file whose jobs read the only account of `truto`.
fn defaults(truto: &Truto) -> String {
    format!(
        "defaults:\n  base-url: {}\n  account: {}\n  no-lookup: true\n  retries: 0\n",
        truto.url(),
        truto.account()
    )
}
