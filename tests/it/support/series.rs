//! A server that answers several requests, each as a test has written.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;

/// Answers requests on 127.0.0.1 in their order, each on a connection of its own.
#[derive(Debug)]
pub(crate) struct Series {
    port: u16,
    served: JoinHandle<Vec<String>>,
}

impl Series {
    /// Sends `answers`; a request beyond them is told so, and counts.
    pub(crate) fn answer(answers: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let served = std::thread::spawn(move || {
            let mut answers = answers.into_iter();
            let mut heads = Vec::new();
            loop {
                let (mut stream, _) = listener.accept().unwrap();
                let head = read_head(&stream);
                if head.is_empty() {
                    return heads;
                }
                heads.push(head);
                let beyond = "HTTP/1.1 418 Enough\r\nContent-Length: 0\r\n\r\n".to_owned();
                stream.write_all(answers.next().unwrap_or(beyond).as_bytes()).unwrap();
            }
        });
        Self { port, served }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The heads of all requests, once no more can come.
    pub(crate) fn requests(self) -> Vec<String> {
        // A connection without a request is the end.
        drop(TcpStream::connect(("127.0.0.1", self.port)).unwrap());
        self.served.join().unwrap()
    }
}

/// Empty if the connection was closed before a head had come whole.
fn read_head(stream: &TcpStream) -> String {
    let mut head = String::new();
    let mut reader = BufReader::new(stream);
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap() == 0 {
            return String::new();
        }
    }
    head
}
