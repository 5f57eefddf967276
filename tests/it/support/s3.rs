//! The server of the S3 protocol that `make test` starts.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::kafka::topic;
use super::process::kill;
use super::python::{root, s3};

/// `http://HOST:PORT` of a server in which buckets may be made.
pub(crate) fn endpoint() -> String {
    match std::env::var("LICENSE_STREAM_S3_ENDPOINT") {
        Ok(endpoint) if !endpoint.is_empty() => endpoint,
        _ => panic!(
            "this test needs a server of the S3 protocol: run `make test`, `scripts/with-services.sh cargo \
             test …`, or set LICENSE_STREAM_S3_ENDPOINT to one that may be written to"
        ),
    }
}

/// A server of the S3 protocol of a test's own, which can stand still.
#[derive(Debug)]
pub(crate) struct Store {
    directory: TempDir,
    endpoint: String,
}

impl Store {
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let endpoint = s3_sh("start", directory.path());
        Self { directory, endpoint }
    }

    /// `http://HOST:PORT`.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Sends it a signal: `STOP`, and it stands still until `CONT`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = std::fs::read_to_string(self.directory.path().join("pid")).unwrap();
        assert!(kill(name, pid.trim().parse().unwrap()));
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // What stands still takes no other signal.
        self.signal("CONT");
        s3_sh("stop", self.directory.path());
    }
}

fn s3_sh(verb: &str, directory: &Path) -> String {
    let output = Command::new(root().join("scripts/s3.sh")).arg(verb).arg(directory).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A bucket that no other test has.
#[derive(Debug)]
pub(crate) struct Bucket {
    name: String,
}

impl Bucket {
    pub(crate) fn make(prefix: &str) -> Self {
        let name = topic(prefix);
        s3(&endpoint(), &["make", &name]);
        Self { name }
    }

    /// Where the command writes to.
    pub(crate) fn url(&self) -> String {
        format!("s3://{}/lake/licenses", self.name)
    }

    /// Copies what is there into `directory`: as the command would have left it in one.
    pub(crate) fn get(&self, directory: &Path) {
        let copy = tempfile::tempdir_in(directory.parent().unwrap()).unwrap();
        s3(&endpoint(), &["get", &self.name, copy.path().to_str().unwrap()]);
        let lake = copy.path().join("lake/licenses");
        if lake.exists() {
            std::fs::rename(lake, directory).unwrap();
        }
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Makes the object `key` of what `file` holds.
    pub(crate) fn put(&self, key: &str, file: &Path) {
        s3(&endpoint(), &["put", &self.name, key, file.to_str().unwrap()]);
    }

    /// Removes what the command has written as `name`.
    pub(crate) fn remove(&self, name: &str) {
        s3(&endpoint(), &["remove", &self.name, &format!("lake/licenses/{name}")]);
    }

    /// The keys of uploads that have neither been completed nor given up.
    pub(crate) fn uploads(&self) -> Vec<String> {
        let text = s3(&endpoint(), &["uploads", &self.name]);
        text.lines().map(str::to_owned).collect()
    }
}

/// The settings by which `command` finds the server at `endpoint`.
pub(crate) fn settings<'a>(command: &'a mut Command, endpoint: &str) -> &'a mut Command {
    command
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", SECRET)
}

/// What must not be shown.
pub(crate) const SECRET: &str = "s3cret-of-the-store";
