//! A server that says one thing after another, as a test has written it.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

use super::scripted::{read_body, read_head, response, until_closed};

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
    port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
    is_over: Arc<AtomicBool>,
    served: Option<JoinHandle<()>>,
}

impl Replies {
    pub(crate) fn of(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::<Mutex<Vec<Request>>>::default();
        let is_over = Arc::new(AtomicBool::new(false));
        let served = {
            let (requests, is_over) = (Arc::clone(&requests), Arc::clone(&is_over));
            std::thread::spawn(move || {
                let last = answers.last().cloned().unwrap();
                for answer in answers.into_iter().chain(std::iter::repeat(last)) {
                    let (mut stream, _) = listener.accept().unwrap();
                    if is_over.load(Ordering::SeqCst) {
                        return;
                    }
                    let head = read_head(&mut stream);
                    read_body(&head, &mut stream);
                    requests.lock().unwrap().push(Request { head, at: Instant::now() });
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
                }
            })
        };
        Self { port, requests, is_over, served: Some(served) }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The requests so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Replies {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        // It waits for a connection.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        let served = self.served.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            served.unwrap().unwrap();
        }
    }
}
