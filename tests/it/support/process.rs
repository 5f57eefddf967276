//! Runs of the command: to their end, or watched while they run.
//!
//! However a run ends, what it printed and the files below its working directory are searched for the
//! API token, and standard error for a panic.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// The API token of all tests: long enough that it cannot be met by chance.
pub(crate) const TOKEN: &str = "s3cret-token-2c4f6ab1";

/// A run that takes longer hangs: it is killed, so that the test fails and does not hang too.
const LIMIT: Duration = Duration::from_secs(120);

/// A run that has ended.
#[derive(Debug)]
pub(crate) struct Run {
    /// The exit code; `None` where a signal killed it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

/// A run under way. Dropped before its end, it is killed.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    /// Standard input; closed when it is taken and dropped, or when the end is waited for.
    pub(crate) stdin: Option<ChildStdin>,
    stdout: Option<BufReader<ChildStdout>>,
    directory: Option<Box<Path>>,
    /// Dropped, it calls the watchdog off.
    _watched: Sender<()>,
}

/// Runs `command` to its end, without any standard input.
pub(crate) fn run(command: &mut Command) -> Run {
    start(command.stdin(Stdio::null())).finish()
}

/// Runs `command` to its end, with `input` as its standard input. It may end before it has read all of it: what it
/// says then is what counts.
pub(crate) fn run_with_input(command: &mut Command, input: &[u8]) -> Run {
    let mut running = start(command.stdin(Stdio::piped()));
    let mut stdin = running.stdin.take().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || match std::io::Write::write_all(&mut stdin, input) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => panic!("{error}"),
            _ => {}
        });
        running.finish()
    })
}

/// Starts `command`.
pub(crate) fn start(command: &mut Command) -> Running {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (_watched, ended) = channel();
    let pid = child.id();
    std::thread::spawn(move || {
        if ended.recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout) {
            kill("KILL", pid);
        }
    });
    let stdin = child.stdin.take();
    let stdout = child.stdout.take().map(BufReader::new);
    let directory = command.get_current_dir().map(Box::from);
    Running { child, stdin, stdout, directory, _watched }
}

impl Running {
    /// Waits for the next line of standard output; it keeps its line feed.
    pub(crate) fn line(&mut self) -> Vec<u8> {
        let mut line = Vec::new();
        self.stdout.as_mut().unwrap().read_until(b'\n', &mut line).unwrap();
        line
    }

    /// Waits for one byte of standard output.
    pub(crate) fn byte(&mut self) -> u8 {
        let mut byte = [0];
        self.stdout.as_mut().unwrap().read_exact(&mut byte).unwrap();
        byte[0]
    }

    /// Closes the reading end of its standard output.
    pub(crate) fn close_stdout(&mut self) {
        self.stdout = None;
    }

    /// Closes the reading end of its standard error.
    pub(crate) fn close_stderr(&mut self) {
        self.child.stderr = None;
    }

    /// Sends a signal, such as `INT`.
    pub(crate) fn signal(&self, name: &str) {
        assert!(kill(name, self.child.id()));
    }

    /// Waits for the end while nobody reads what it prints.
    pub(crate) fn wait(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// The same, and what it said on standard error, which is little.
    pub(crate) fn wait_and_hear(mut self) -> (Option<i32>, String) {
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (self.child.wait().unwrap().code(), said)
    }

    /// Waits for the end; what was read of standard output before is not in the answer.
    pub(crate) fn finish(mut self) -> Run {
        self.stdin = None;
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let (rest, errors) = (self.stdout.take(), self.child.stderr.take());
        // Both at once: a pipe that nobody empties would hold the run up.
        std::thread::scope(|scope| {
            scope.spawn(|| errors.map(|mut errors| errors.read_to_end(&mut stderr).unwrap()));
            rest.map(|mut rest| rest.read_to_end(&mut stdout).unwrap());
        });
        let code = self.child.wait().unwrap().code();
        assert!(!holds_token(&stdout), "the token is in standard output");
        let stderr = String::from_utf8(stderr).expect("messages are UTF-8");
        assert!(!holds_token(stderr.as_bytes()), "the token is in standard error: {stderr}");
        assert!(!stderr.contains("panicked at"), "{stderr}");
        if let Some(directory) = &self.directory {
            assert_no_token_below(directory);
        }
        Run { code, stdout, stderr }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already where its end was waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Run {
    /// Standard output as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }
}

/// Sends a signal; whether there was a process to send it to.
pub(crate) fn kill(signal: &str, pid: u32) -> bool {
    let kill = ["-c", "kill -s \"$0\" \"$1\"", signal, &pid.to_string()];
    Command::new("sh").args(kill).status().unwrap().success()
}

fn holds_token(bytes: &[u8]) -> bool {
    bytes.windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes())
}

/// Searches all files below `directory` for the token; answers how they are called.
pub(crate) fn assert_no_token_below(directory: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            names.extend(assert_no_token_below(&entry.path()));
        } else if kind.is_file() {
            if holds_token(&std::fs::read(entry.path()).unwrap()) {
                panic!("the token is in {}", entry.path().display());
            }
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names
}

#[test]
#[should_panic(expected = "the token is in standard output")]
fn a_token_in_the_output_is_noticed() {
    run(Command::new("echo").arg(TOKEN));
}

#[test]
#[should_panic(expected = "the token is in standard error")]
fn a_token_in_a_message_is_noticed() {
    run(Command::new("sh").args(["-c", "echo \"$0\" >&2", TOKEN]));
}

#[test]
#[should_panic(expected = "the token is in /")]
fn a_token_in_a_file_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let script = "mkdir a; echo \"$0\" >a/.b";
    run(Command::new("sh").args(["-c", script, TOKEN]).current_dir(directory.path()));
}
