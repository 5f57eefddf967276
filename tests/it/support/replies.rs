//! A server that says one thing after another, as a test has written it.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::scripted::{read_body, read_head, response, until_closed};
use super::served::Served;

/// What one request is answered with.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// These bytes, and the end of the connection.
    Say(Vec<u8>),
    /// These bytes, and then spaces until the client closes the connection.
    Endless(Vec<u8>),
    /// Nothing, and the end of the connection.
    HangUp,
    /// Nothing, until the client closes the connection.
    Silence,
}

/// A response that is the last on its connection.
pub(crate) fn say(status: &str, headers: &str, body: &str) -> Answer {
    Answer::Say(response(status, &format!("Connection: close\r\n{headers}"), body).into_bytes())
}

/// A response whose body has no end.
pub(crate) fn endless(status: &str) -> Answer {
    Answer::Endless(format!("HTTP/1.1 {status}\r\nETag: \"1\"\r\n\r\n").into_bytes())
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) head: String,
    pub(crate) at: Instant,
}

/// Answers requests on 127.0.0.1, each on a connection of its own, with one answer after the other; the last
/// one again and again.
#[derive(Debug)]
pub(crate) struct Replies {
    requests: Arc<Mutex<Vec<Request>>>,
    served: Served,
}

impl Replies {
    pub(crate) fn of(answers: Vec<Answer>) -> Self {
        let requests = Arc::<Mutex<Vec<Request>>>::default();
        let heard = Arc::clone(&requests);
        let last = answers.last().cloned().unwrap();
        let mut answers = answers.into_iter();
        let served = Served::each(move |mut stream| {
            let answer = answers.next().unwrap_or_else(|| last.clone());
            let head = read_head(&mut stream);
            read_body(&head, &mut stream);
            heard.lock().unwrap().push(Request { head, at: Instant::now() });
            match answer {
                Answer::Say(bytes) => stream.write_all(&bytes).unwrap(),
                Answer::Endless(head) => {
                    let mut bytes = &head[..];
                    while stream.write_all(bytes).is_ok() {
                        bytes = &[b' '; 64 << 10];
                    }
                }
                Answer::HangUp => {}
                Answer::Silence => until_closed(&mut stream),
            }
        });
        Self { requests, served }
    }

    pub(crate) fn port(&self) -> u16 {
        self.served.port()
    }

    pub(crate) fn url(&self) -> String {
        self.served.url()
    }

    /// The requests so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}
