//! A server that says one thing after another, as a test has written it.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use super::scripted::{head, response, until_closed};

/// What one request is answered with.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// These bytes, and the end of the connection.
    Say(Vec<u8>),
    /// These bytes, and nothing more until the client closes the connection.
    SayAndStay(Vec<u8>),
    /// Nothing, and the end of the connection.
    HangUp,
}

/// A response that is the last on its connection.
pub(crate) fn say(status: &str, headers: &str, body: &str) -> Answer {
    Answer::Say(response(status, &format!("Connection: close\r\n{headers}"), body).into_bytes())
}

/// Gives one answer after the other on 127.0.0.1, each on a connection of its own; the last one again and
/// again.
#[derive(Debug)]
pub(crate) struct Answers {
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
    is_over: Arc<AtomicBool>,
    served: Option<JoinHandle<()>>,
}

impl Answers {
    pub(crate) fn of(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::<Mutex<Vec<String>>>::default();
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
                    // A run that fails may go before it has asked.
                    let Some(head) = head(&mut stream) else { continue };
                    requests.lock().unwrap().push(head);
                    match answer {
                        // A client that has heard enough may have gone.
                        Answer::Say(bytes) => drop(stream.write_all(&bytes)),
                        Answer::SayAndStay(bytes) => {
                            let _ = stream.write_all(&bytes);
                            until_closed(&mut stream);
                        }
                        Answer::HangUp => {}
                    }
                }
            })
        };
        Self { port, requests, is_over, served: Some(served) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The heads of the requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Answers {
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
