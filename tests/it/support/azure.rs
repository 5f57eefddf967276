//! The server of Azure's Blob protocol that `make test` starts.

use std::path::Path;
use std::process::Command;

use super::kafka::topic;
use super::python::azure;

/// `http://HOST:PORT/ACCOUNT` of a server in which containers may be made.
pub(crate) fn endpoint() -> String {
    match std::env::var("LICENSE_STREAM_AZURE_ENDPOINT") {
        Ok(endpoint) if endpoint.starts_with("http") => endpoint,
        _ => panic!(
            "this test needs a server of Azure's Blob protocol: run `make test`, `scripts/with-services.sh cargo test \
             …`, or set LICENSE_STREAM_AZURE_ENDPOINT to an emulator that may be written to"
        ),
    }
}

/// A container that no other test has.
#[derive(Debug)]
pub(crate) struct Container {
    name: String,
}

impl Container {
    pub(crate) fn make(prefix: &str) -> Self {
        let name = topic(prefix).to_ascii_lowercase();
        azure(&endpoint(), &["make", &name]);
        Self { name }
    }

    /// Where the command writes to.
    pub(crate) fn url(&self) -> String {
        format!("az://{}/lake/licenses", self.name)
    }

    /// The same by the other address that it has.
    pub(crate) fn url_with_account(&self) -> String {
        format!("abfss://{}@{ACCOUNT}.dfs.core.windows.net/lake/licenses", self.name)
    }

    /// Copies what is there into `directory`: as the command would have left it in one.
    pub(crate) fn get(&self, directory: &Path) {
        let copy = tempfile::tempdir_in(directory.parent().unwrap()).unwrap();
        azure(&endpoint(), &["get", &self.name, copy.path().to_str().unwrap()]);
        let lake = copy.path().join("lake/licenses");
        if lake.exists() {
            std::fs::rename(lake, directory).unwrap();
        }
    }

    /// Removes what the command has written as `name`.
    pub(crate) fn remove(&self, name: &str) {
        azure(&endpoint(), &["remove", &self.name, &format!("lake/licenses/{name}")]);
    }

    /// A shared access signature of it.
    pub(crate) fn signature(&self) -> String {
        azure(&endpoint(), &["sas", &self.name]).trim().to_owned()
    }

    /// The names of what is there.
    pub(crate) fn keys(&self) -> Vec<String> {
        let text = azure(&endpoint(), &["keys", &self.name]);
        text.lines().map(str::to_owned).collect()
    }

    /// What is there of uploads that have neither been completed nor given up.
    pub(crate) fn uploads(&self) -> Vec<String> {
        let mut keys = self.keys();
        keys.retain(|key| key.contains("/_license-stream/uploads/"));
        keys
    }
}

/// The settings by which `command` finds the server.
pub(crate) fn settings(command: &mut Command) -> &mut Command {
    command
        .env("AZURE_STORAGE_ENDPOINT", endpoint())
        .env("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT)
        .env("AZURE_STORAGE_ACCOUNT_KEY", KEY)
}

/// What all emulators have.
pub(crate) const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
