//! A broker of one test's own, which it may kill, stop, or cut off.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::process::kill;
use super::python::root;
use super::relay::Relay;
use super::tls::Certified;

/// A broker with its data. It is stopped and its data removed when this is dropped.
#[derive(Debug)]
pub(crate) struct Broker {
    directory: TempDir,
    bootstrap: String,
}

impl Broker {
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let bootstrap = kafka_sh("start", directory.path(), &[]);
        Self { directory, bootstrap }
    }

    /// One that can be reached through `relay` too, and tells those who come through it to stay with it.
    pub(crate) fn start_behind(relay: &Relay) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let port = relay.port().to_string();
        let bootstrap = kafka_sh("start", directory.path(), &["--relay-port", &port]);
        let relayed = std::fs::read_to_string(directory.path().join("relayed")).unwrap();
        relay.lead_to(relayed.trim().parse().unwrap());
        Self { directory, bootstrap }
    }

    /// One of `tests/kafka/secured.properties`. It shows `server`, and where it is expired `expired`;
    /// clients have certificates of `authority`.
    pub(crate) fn secured(authority: &Certified, server: &Certified, expired: &Certified) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        server.write(path, "server.pem");
        expired.write(path, "expired.pem");
        std::fs::write(path.join("authority.pem"), authority.certificate_pem()).unwrap();
        let properties = root().join("tests/kafka/secured.properties");
        let bootstrap = kafka_sh("start", path, &["--properties", properties.to_str().unwrap()]);
        Self { directory, bootstrap }
    }

    /// The address of a listener.
    pub(crate) fn listener(&self, name: &str) -> String {
        let file = self.directory.path().join("server.properties");
        let properties = std::fs::read_to_string(file).unwrap();
        let listeners = properties.lines().rfind(|line| line.starts_with("listeners=")).unwrap();
        let begin = format!("{name}://");
        let addresses = listeners["listeners=".len()..].split(',');
        addresses.filter_map(|it| it.strip_prefix(&begin)).next().unwrap().to_owned()
    }

    /// The directory of a partition's segments.
    pub(crate) fn partition(&self, topic: &str, partition: u32) -> PathBuf {
        self.directory.path().join(format!("data/{topic}-{partition}"))
    }

    /// Its address, also while it is down.
    pub(crate) fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Ends it in an instant.
    pub(crate) fn kill(&self) {
        self.signal("KILL");
    }

    /// Lets it stand still: connections stay, and nobody answers.
    pub(crate) fn stand_still(&self) {
        self.signal("STOP");
    }

    /// Lets it go on after it stood still.
    pub(crate) fn go_on(&self) {
        self.signal("CONT");
    }

    /// Starts it again, with the data that it has.
    pub(crate) fn restart(&self) {
        assert_eq!(kafka_sh("start", self.directory.path(), &[]), self.bootstrap);
    }

    fn signal(&self, name: &str) {
        let pid = std::fs::read_to_string(self.directory.path().join("pid")).unwrap();
        assert!(kill(name, pid.trim().parse().unwrap()));
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        kafka_sh("stop", self.directory.path(), &[]);
    }
}

fn kafka_sh(verb: &str, directory: &Path, options: &[&str]) -> String {
    let mut command = Command::new(root().join("scripts/kafka.sh"));
    let output = command.arg(verb).arg(directory).args(options).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    // A second panic, while dropping, would hide the first.
    if !output.status.success() && !std::thread::panicking() {
        panic!("{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    text
}
