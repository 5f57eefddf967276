//! A simulated Truto for the command to read from.

use std::ops::Range;
use std::process::Command;
use std::time::Duration;

use license_stream::simulate::{LicenseGenerator, RunningSimulator, Simulator};
use tokio::runtime::Runtime;

use super::command::license_stream;
use super::process::TOKEN;

const GIVE_UP: Duration = Duration::from_secs(120);

/// A simulator that runs beside the test, until it is dropped.
#[derive(Debug)]
pub(crate) struct Truto {
    plan: Simulator,
    running: RunningSimulator,
    runtime: Runtime,
}

impl Truto {
    /// Starts `simulator`, with the token of all tests.
    pub(crate) fn start(simulator: Simulator) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let plan = simulator.with_token(TOKEN);
        let running = runtime.block_on(async { plan.clone().start() }).unwrap();
        Self { plan, running, runtime }
    }

    pub(crate) fn url(&self) -> String {
        self.running.base_url()
    }

    pub(crate) fn account(&self) -> &str {
        &self.running.accounts()[0]
    }

    /// How many requests have come.
    pub(crate) fn requests(&self) -> u64 {
        self.running.requests()
    }

    /// The licenses of its account as NDJSON.
    pub(crate) fn licenses(&self, indexes: Range<u64>) -> Vec<u8> {
        let mut lines = Vec::new();
        self.plan.licenses(self.account()).write_ndjson(indexes, &mut lines).unwrap();
        lines
    }

    /// The same without one of their fields.
    pub(crate) fn licenses_without(&self, field: &str, indexes: Range<u64>) -> Vec<u8> {
        let mut lines = Vec::new();
        let licenses = self.plan.licenses(self.account()).without_field(field);
        licenses.write_ndjson(indexes, &mut lines).unwrap();
        lines
    }

    /// The licenses of one of several accounts.
    pub(crate) fn licenses_of(&self, account: &str) -> LicenseGenerator {
        self.plan.licenses(account)
    }

    /// The licenses that an account holds by now, what has changed since the start included, as NDJSON
    /// without one of their fields.
    pub(crate) fn held_by(&self, account: &str, without: Option<&str>) -> Vec<u8> {
        let mut lines = Vec::new();
        let mut licenses = self.running.licenses(account).expect("an account of the simulator");
        if let Some(field) = without {
            licenses = licenses.without_field(field);
        }
        let records = self.running.records(account).expect("an account of the simulator");
        licenses.write_ndjson(0..records, &mut lines).unwrap();
        lines
    }

    /// How many requests for licenses have come; of those that the simulator was told to log.
    pub(crate) fn requests_for_licenses(&self) -> usize {
        let log = self.running.log();
        log.iter().filter(|request| request.path.ends_with("/user-directory/licenses")).count()
    }

    /// Waits until a response is being held; gives up where nobody asks for one.
    pub(crate) fn until_held(&self) {
        self.until_so_many_held(1);
    }

    /// Waits until so many responses are being held at once.
    pub(crate) fn until_so_many_held(&self, count: usize) {
        let held = async { tokio::time::timeout(GIVE_UP, self.running.until_held(count)).await };
        self.runtime.block_on(held).expect("requests whose responses are held");
    }

    /// Lets the held response go on.
    pub(crate) fn release(&self) {
        self.running.release();
    }

    /// `license-stream VERB`, with this as its source.
    pub(crate) fn command(&self, verb: &str) -> Command {
        api_command(verb, &self.url(), self.account())
    }
}

/// `license-stream VERB` for an account of the API at `url`, with the token of all tests.
pub(crate) fn api_command(verb: &str, url: &str, account: &str) -> Command {
    let mut command = license_stream();
    command.env("TRUTO_API_TOKEN", TOKEN);
    // What is asked for beside the licenses is the subject of `requests::lookup`.
    command.args([verb, "--base-url", url, "--account", account, "--no-lookup"]);
    command
}
