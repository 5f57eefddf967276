//! A server that says exactly what a test has written, for what the simulator does not play.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;

use tokio::net::TcpSocket;

/// Answers one request on 127.0.0.1.
#[derive(Debug)]
pub(crate) struct Scripted {
    port: u16,
    served: JoinHandle<String>,
}

impl Scripted {
    /// Sends `answer` and closes the connection.
    pub(crate) fn answer(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::play(move |stream| stream.write_all(&answer).unwrap())
    }

    /// Sends `answer`, and keeps the connection open until the client closes it.
    pub(crate) fn answer_and_stay(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::play(move |stream| {
            stream.write_all(&answer).unwrap();
            until_closed(stream);
        })
    }

    fn play(script: impl FnOnce(&mut TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let served = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let request = read_head(&mut stream);
            script(&mut stream);
            request
        });
        Self { port, served }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Waits until the request has been answered, and answers its head.
    pub(crate) fn request(self) -> String {
        self.served.join().unwrap()
    }
}

/// A port that nobody may connect to.
#[derive(Debug)]
pub(crate) struct Untouched(TcpListener);

impl Untouched {
    pub(crate) fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    pub(crate) fn port(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }

    /// Fails if anyone has connected: whoever did so before it ended is in the queue.
    pub(crate) fn assert(self) {
        let error = self.0.accept().expect_err("somebody has connected");
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
    }
}

/// A port that refuses connections: it is taken, and nobody listens on it.
#[derive(Debug)]
pub(crate) struct Refusing(TcpSocket);

impl Refusing {
    pub(crate) fn take() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        Self(socket)
    }

    pub(crate) fn port(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }
}

/// A response of `status`, with `headers` of which each ends in CRLF, and a body of announced length.
pub(crate) fn response(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n{body}")
}

pub(crate) fn read_head(stream: &mut impl Read) -> String {
    head(stream).expect("a whole head of a request")
}

/// The head of a request; `None` where the client goes away before it has sent one.
pub(super) fn head(stream: &mut impl Read) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    Some(String::from_utf8(head).unwrap())
}

/// The body that `head` announces, if it does. Closed before it is read, a connection is reset, and the answer can
/// be lost with it.
pub(super) fn read_body(head: &str, stream: &mut impl Read) -> Vec<u8> {
    let length = head.to_ascii_lowercase();
    let length = length.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length = length.map_or(0, |length| length.trim().parse().expect("a length"));
    let mut body = Vec::new();
    stream.take(length).read_to_end(&mut body).expect("a whole body");
    body
}

pub(super) fn until_closed(stream: &mut TcpStream) {
    // A reset closes it too.
    while stream.read(&mut [0; 1024]).is_ok_and(|length| length > 0) {}
}

#[test]
#[should_panic(expected = "somebody has connected")]
fn a_connection_is_noticed() {
    let untouched = Untouched::listen();
    let _client = TcpStream::connect(("127.0.0.1", untouched.port())).unwrap();
    untouched.assert();
}
