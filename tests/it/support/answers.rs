//! A server that says one thing after another, as a test has written it.

use std::io::Write;
use std::sync::{Arc, Mutex};

use super::scripted::{head, response, until_closed};
use super::served::Served;

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
    requests: Arc<Mutex<Vec<String>>>,
    served: Served,
}

impl Answers {
    pub(crate) fn of(answers: Vec<Answer>) -> Self {
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let heads = Arc::clone(&requests);
        let last = answers.last().cloned().unwrap();
        let mut answers = answers.into_iter();
        let served = Served::each(move |mut stream| {
            let answer = answers.next().unwrap_or_else(|| last.clone());
            // A run that fails may go before it has asked.
            let Some(head) = head(&mut stream) else { return };
            heads.lock().unwrap().push(head);
            match answer {
                // A client that has heard enough may have gone.
                Answer::Say(bytes) => drop(stream.write_all(&bytes)),
                Answer::SayAndStay(bytes) => {
                    let _ = stream.write_all(&bytes);
                    until_closed(&mut stream);
                }
                Answer::HangUp => {}
            }
        });
        Self { requests, served }
    }

    pub(crate) fn url(&self) -> String {
        self.served.url()
    }

    /// The heads of the requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}
