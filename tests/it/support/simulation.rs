//! A Truto API inside of the test, for the command to read from.

use std::process::{Child, Command};
use std::time::Duration;

use license_stream::simulate::{DEFAULT_TOKEN, RunningSimulator, Simulator};
use tokio::runtime::Runtime;

const LOOK_AFTER: Duration = Duration::from_millis(100);

/// A simulator that runs until it is dropped.
#[derive(Debug)]
pub(crate) struct Simulation {
    simulator: RunningSimulator,
    runtime: Runtime,
}

impl Simulation {
    pub(crate) fn start(simulator: Simulator) -> Self {
        let runtime = Runtime::new().unwrap();
        let simulator = {
            let _guard = runtime.enter();
            simulator.start().unwrap()
        };
        Self { simulator, runtime }
    }

    /// The first account.
    pub(crate) fn account(&self) -> &str {
        &self.simulator.accounts()[0]
    }

    pub(crate) fn url(&self) -> String {
        self.simulator.base_url()
    }

    /// Where it listens on this machine.
    pub(crate) fn port(&self) -> u16 {
        let url = self.url();
        url.rsplit_once(':').unwrap().1.trim_end_matches('/').parse().unwrap()
    }

    /// Lets `command` read the licenses of the first account.
    pub(crate) fn source<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .args(["--base-url", &self.simulator.base_url(), "--account", self.account()])
            .arg("--no-lookup")
            .env("TRUTO_API_TOKEN", DEFAULT_TOKEN)
    }

    /// How many requests were received.
    pub(crate) fn requests(&self) -> u64 {
        self.simulator.requests()
    }

    /// Waits until the response to `child` stands still, as the simulator was told.
    pub(crate) fn until_held(&self, child: &mut Child) {
        let held = self.simulator.until_held(1);
        self.runtime.block_on(async {
            tokio::pin!(held);
            // Should the command end before that, nothing else would tell.
            while tokio::time::timeout(LOOK_AFTER, &mut held).await.is_err() {
                assert_eq!(child.try_wait().unwrap(), None, "the command has ended");
            }
        });
    }

    /// Lets what stands still go on.
    pub(crate) fn release(&self) {
        self.simulator.release();
    }
}
