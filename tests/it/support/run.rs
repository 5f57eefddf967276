//! A run of the command, from its start to its end.

use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// A run that has ended.
#[derive(Debug)]
pub(crate) struct Run {
    code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Starts `command`, without input.
pub(crate) fn start(command: &mut Command) -> Child {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// Runs `command` to its end, without input.
pub(crate) fn run(command: &mut Command) -> Run {
    Run::of(start(command))
}

impl Run {
    /// Waits for the end of `child`.
    pub(crate) fn of(child: Child) -> Self {
        let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
        Self {
            code: status.code(),
            stdout: String::from_utf8(stdout).expect("the command prints UTF-8"),
            stderr: String::from_utf8(stderr).expect("the command prints UTF-8"),
        }
    }

    /// This run, which must have ended with `code`.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// This run, whose `--json` summary must say that it failed before anything was begun, with the reason that
    /// standard error has.
    #[track_caller]
    pub(crate) fn began_nothing(&self) {
        let summary = self.summary();
        assert_eq!(summary["outcome"], "failed", "{self:#?}");
        assert_eq!(summary["records"], 0, "{self:#?}");
        assert_eq!(summary["requests"], 0, "{self:#?}");
        let error = summary["error"].as_str().unwrap_or_else(|| panic!("no reason: {self:#?}"));
        assert!(self.stderr.contains(error), "{self:#?}");
    }

    /// The `--json` summary, which must be all of standard output.
    #[track_caller]
    pub(crate) fn summary(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}
