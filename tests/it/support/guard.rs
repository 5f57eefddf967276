//! Someone who asks for credentials before a server that does not.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::scripted::{read_head, response};
use super::served::Served;

/// Passes requests on whose header `Authorization` is the right one; each on a connection of its own.
#[derive(Debug)]
pub(crate) struct Guard {
    refused: Arc<AtomicUsize>,
    served: Served,
}

impl Guard {
    /// Stands before the server at `address`, and lets those pass who send `authorization`.
    pub(crate) fn before(address: SocketAddr, authorization: &'static str) -> Self {
        let refused = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&refused);
        let served = Served::each(move |mut client| {
            if !pass(&mut client, address, authorization) {
                counted.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { refused, served }
    }

    pub(crate) fn port(&self) -> u16 {
        self.served.port()
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
