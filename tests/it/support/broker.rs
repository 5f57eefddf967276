//! A broker of one test's own, which it may kill.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::python::root;

/// A broker with its data. It is stopped and its data removed when this is dropped.
#[derive(Debug)]
pub(crate) struct Broker {
    directory: TempDir,
    bootstrap: String,
}

impl Broker {
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let bootstrap = kafka_sh("start", directory.path());
        Self { directory, bootstrap }
    }

    /// Its address, also while it is down.
    pub(crate) fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Ends it in an instant.
    pub(crate) fn kill(&self) {
        let pid = std::fs::read_to_string(self.directory.path().join("pid")).unwrap();
        assert!(Command::new("kill").args(["-KILL", pid.trim()]).status().unwrap().success());
    }

    /// Starts it again, with the data that it has.
    pub(crate) fn restart(&self) {
        assert_eq!(kafka_sh("start", self.directory.path()), self.bootstrap);
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        kafka_sh("stop", self.directory.path());
    }
}

fn kafka_sh(verb: &str, directory: &Path) -> String {
    let mut command = Command::new(root().join("scripts/kafka.sh"));
    let output = command.arg(verb).arg(directory).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    // A second panic, while dropping, would hide the first.
    if !output.status.success() && !std::thread::panicking() {
        panic!("{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    text
}
