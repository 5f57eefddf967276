//! A run with `--metrics`, looked at while it goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use super::process::{TOKEN, kill};

/// How long a run may take to come where a test wants it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A run under way, whose metrics are served. Dropped before its end, it is killed.
#[derive(Debug)]
pub(crate) struct Watched {
    child: Child,
    address: SocketAddr,
    /// What standard error had behind the address, once it is closed.
    rest: Receiver<String>,
}

/// What a path was answered with.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// The samples of a scrape: `name{label="value",…}`, and its value.
pub(crate) type Samples = BTreeMap<String, f64>;

impl Watched {
    /// Starts `command`, whose standard output is thrown away unless it was set.
    pub(crate) fn start(command: &mut Command) -> Self {
        command.args(["--metrics", "127.0.0.1:0"]).stdin(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        let address =
            line.split_once("metrics: http://").and_then(|(_, rest)| rest.split_once("/metrics"));
        let address = address.unwrap_or_else(|| panic!("no address: {line}")).0.parse().unwrap();
        let (sender, rest) = channel();
        std::thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).unwrap();
            let _ = sender.send(text);
        });
        Self { child, address, rest }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn get(&self, path: &str) -> Page {
        get(self.address, &format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"))
    }

    pub(crate) fn scrape(&self) -> Samples {
        let page = self.get("/metrics");
        assert_eq!(page.status, 200, "{page:?}");
        assert!(page.head.contains("Content-Type: text/plain; version=0.0.4"), "{}", page.head);
        assert!(!page.body.contains(TOKEN));
        samples(&page.body)
    }

    /// The first scrape of which `is_wanted` holds.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, mut is_wanted: impl FnMut(&Samples) -> bool) -> Samples {
        let begun = Instant::now();
        loop {
            let samples = self.scrape();
            if is_wanted(&samples) {
                return samples;
            }
            assert!(begun.elapsed() < PATIENCE, "{what}: {samples:#?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Sends a signal, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        assert!(kill(name, self.child.id()));
    }

    /// Whether it has not ended yet.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub(crate) fn take_stdout(&mut self) -> std::process::ChildStdout {
        self.child.stdout.take().unwrap()
    }

    /// Waits for the end: its exit code, and what it said behind the address.
    pub(crate) fn finish(mut self) -> (Option<i32>, String) {
        let begun = Instant::now();
        while self.is_running() {
            assert!(begun.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
        let code = self.child.wait().unwrap().code();
        let said = self.rest.recv().unwrap();
        assert!(!said.contains(TOKEN), "{said}");
        assert!(!said.contains("panicked at"), "{said}");
        (code, said)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // It has ended already where its end was waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What `request` is answered with.
pub(crate) fn get(address: SocketAddr, request: &str) -> Page {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Page { status, head: head.to_owned(), body: body.to_owned() }
}

/// The samples of Prometheus' text format.
pub(crate) fn samples(text: &str) -> Samples {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let sample = |line: &str| {
        let (series, value) = line.rsplit_once(' ').unwrap();
        (series.to_owned(), value.parse().unwrap())
    };
    let samples: Vec<_> = lines.map(sample).collect();
    let count = samples.len();
    let samples: Samples = samples.into_iter().collect();
    assert_eq!(samples.len(), count, "a series stands there twice: {text}");
    samples
}

/// The series without their values.
pub(crate) fn series(samples: &Samples) -> BTreeSet<&str> {
    samples.keys().map(String::as_str).collect()
}

/// The value of one series of this command's own, of those of `sink`; `name` may have a further label in braces.
#[track_caller]
pub(crate) fn value(samples: &Samples, sink: &str, name: &str) -> f64 {
    labelled(samples, name, vec![format!("sink=\"{sink}\"")])
}

/// The same of a job of `run`.
#[track_caller]
pub(crate) fn value_of_job(samples: &Samples, job: &str, sink: &str, name: &str) -> f64 {
    let labels = vec![format!("pipeline_job=\"{job}\""), format!("sink=\"{sink}\"")];
    labelled(samples, name, labels)
}

#[track_caller]
fn labelled(samples: &Samples, name: &str, mut labels: Vec<String>) -> f64 {
    let (name, label) = name.split_once('{').unwrap_or((name, ""));
    let label = label.trim_end_matches('}');
    labels.extend((!label.is_empty()).then(|| label.to_owned()));
    // As they are written.
    labels.sort();
    let series = format!("license_stream_{name}{{{}}}", labels.join(","));
    *samples.get(&series).unwrap_or_else(|| panic!("no {series} in {samples:#?}"))
}
