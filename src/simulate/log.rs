//! What was asked.

use std::collections::VecDeque;
use std::time::Duration;

/// A request that a simulator has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoggedRequest {
    /// When it came, since the simulator was started.
    pub at: Duration,
    /// Its method.
    pub method: String,
    /// Its path and query as they came.
    pub target: String,
    /// Its path, without the query.
    pub path: String,
    /// The parameters of its query, decoded, in their order.
    pub query: Vec<(String, String)>,
    /// Its headers, names in lower case, in their order; of `authorization` only the scheme.
    pub headers: Vec<(String, String)>,
    /// The status that it was answered with.
    pub status: u16,
}

impl LoggedRequest {
    /// The value of the first parameter of that name.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let pair = self.query.iter().find(|(given, _)| given == name);
        pair.map(|(_, value)| value.as_str())
    }

    /// The value of the first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let pair = self.headers.iter().find(|(given, _)| given.eq_ignore_ascii_case(name));
        pair.map(|(_, value)| value.as_str())
    }
}

/// The last requests, no more than a limit.
#[derive(Debug)]
pub(super) struct Log {
    limit: usize,
    requests: VecDeque<LoggedRequest>,
}

impl Log {
    pub(super) fn new(limit: usize) -> Self {
        Log { limit, requests: VecDeque::new() }
    }

    pub(super) fn push(&mut self, request: LoggedRequest) {
        if self.requests.len() >= self.limit {
            self.requests.pop_front();
        }
        if self.limit > 0 {
            self.requests.push_back(request);
        }
    }

    pub(super) fn to_vec(&self) -> Vec<LoggedRequest> {
        self.requests.iter().cloned().collect()
    }
}
