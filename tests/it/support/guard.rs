//! Someone who asks for credentials before a server that does not.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

use super::scripted::{read_head, response};

/// Passes requests on whose header `Authorization` is the right one; each on a connection of its own.
#[derive(Debug)]
pub(crate) struct Guard {
    port: u16,
    refused: Arc<AtomicUsize>,
    is_over: Arc<AtomicBool>,
    served: Option<JoinHandle<()>>,
}

impl Guard {
    /// Stands before the server at `address`, and lets those pass who send `authorization`.
    pub(crate) fn before(address: SocketAddr, authorization: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (is_over, refused) = (Arc::new(AtomicBool::new(false)), Arc::<AtomicUsize>::default());
        let served = {
            let (is_over, refused) = (Arc::clone(&is_over), Arc::clone(&refused));
            std::thread::spawn(move || {
                loop {
                    let (mut client, _) = listener.accept().unwrap();
                    if is_over.load(Ordering::SeqCst) {
                        return;
                    }
                    if !pass(&mut client, address, authorization) {
                        refused.fetch_add(1, Ordering::SeqCst);
                    }
                }
            })
        };
        Self { port, refused, is_over, served: Some(served) }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// How many requests did not pass.
    pub(crate) fn refused(&self) -> usize {
        self.refused.load(Ordering::SeqCst)
    }
}

/// One request; whether it passed.
fn pass(client: &mut TcpStream, server: SocketAddr, authorization: &str) -> bool {
    let head = read_head(client);
    let header = |name: &str| {
        let lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|line| line.0.eq_ignore_ascii_case(name)).map(|line| line.1)
    };
    let length = header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    client.read_exact(&mut body).unwrap();
    if header("authorization") != Some(authorization) {
        // As a careless one may, it says back what it was sent.
        let said = format!("{:?} is not known here", header("authorization").unwrap_or_default());
        let said = serde_json::json!({"error_code": 401, "message": said}).to_string();
        let answer = response("401 Unauthorized", "Connection: close\r\n", &said);
        client.write_all(answer.as_bytes()).unwrap();
        return false;
    }
    let mut server = TcpStream::connect(server).unwrap();
    // The server's end of the connection is then the end of its answer.
    let head = head.replacen("\r\n", "\r\nConnection: close\r\n", 1);
    server.write_all(head.as_bytes()).unwrap();
    server.write_all(&body).unwrap();
    std::io::copy(&mut server, client).unwrap();
    true
}

impl Drop for Guard {
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
