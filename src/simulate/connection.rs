//! One client's connection: bytes in, requests out, and bytes back.

use std::io::{self, IoSlice};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use super::answer::Refusal;
use super::request::{HEAD_LIMIT, Request};

/// How long a connection may be silent between requests.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a head may take from its first byte on.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long, and how much, a client may still send when it has been answered for the last time.
const LINGER_TIMEOUT: Duration = Duration::from_secs(1);
const LINGER_LIMIT: u64 = 1024 * 1024;

/// A connection, with what has been received and not been looked at.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    inbox: Vec<u8>,
    is_reset: bool,
}

/// What a client sent.
#[derive(Debug)]
pub(super) enum Received {
    Request(Request),
    /// Something that must be answered so, and then no more can be understood.
    Unreadable(Refusal),
    /// Nothing more.
    End,
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Connection { stream, inbox: Vec::new(), is_reset: false })
    }

    /// Waits for the next request.
    pub(super) async fn receive(&mut self) -> io::Result<Received> {
        if self.inbox.is_empty() {
            match timeout(IDLE_TIMEOUT, self.read()).await {
                Ok(0) | Err(_) => return Ok(Received::End),
                Ok(_) => {}
            }
        }
        let deadline = Instant::now() + HEAD_TIMEOUT;
        loop {
            match Request::parse(&self.inbox) {
                Ok(Some((request, length))) => {
                    self.inbox.drain(..length);
                    return Ok(Received::Request(request));
                }
                Ok(None) => {}
                Err(refusal) => return Ok(Received::Unreadable(refusal)),
            }
            match timeout_at(deadline, self.read()).await {
                Ok(0) => return Ok(Received::End),
                Ok(_) => {}
                Err(_) => {
                    let refusal = Refusal::new(408, "the request's head took too long");
                    return Ok(Received::Unreadable(refusal));
                }
            }
        }
    }

    /// Reads into the inbox; 0 when the client has closed the connection or broken it.
    async fn read(&mut self) -> usize {
        let mut buffer = [0; 2048];
        // Who has broken the connection has left it, and nobody asks how.
        let length = self.stream.read(&mut buffer).await.unwrap_or(0);
        self.inbox.extend_from_slice(&buffer[..length]);
        length
    }

    /// Waits until the client closes the connection, or its sending half.
    pub(super) async fn left(&mut self) {
        while self.inbox.len() < HEAD_LIMIT {
            if self.read().await == 0 {
                return;
            }
        }
        // It sends and sends, so it is there; to read on would need ever more memory.
        std::future::pending::<()>().await;
    }

    /// Sends all of the parts, in as few system calls as the socket allows.
    pub(super) async fn send(&mut self, mut parts: &mut [IoSlice<'_>]) -> io::Result<()> {
        // Empty parts at the front would look like a connection that takes nothing.
        IoSlice::advance_slices(&mut parts, 0);
        while !parts.is_empty() {
            match self.stream.write_vectored(parts).await? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                sent => IoSlice::advance_slices(&mut parts, sent),
            }
        }
        Ok(())
    }

    /// Makes the connection end with a reset when it is closed.
    pub(super) fn reset_on_close(&mut self) -> io::Result<()> {
        self.is_reset = true;
        self.stream.set_zero_linger()
    }

    /// Closes the connection so that what was sent still arrives, unless it is to be reset.
    pub(super) async fn close(mut self) {
        if self.is_reset {
            return;
        }
        if self.stream.shutdown().await.is_ok() {
            // To close with bytes unread would make the system reset the connection, and the client
            // lose what it has not read.
            let mut rest = (&mut self.stream).take(LINGER_LIMIT);
            let mut nowhere = tokio::io::sink();
            let _ = timeout(LINGER_TIMEOUT, tokio::io::copy(&mut rest, &mut nowhere)).await;
        }
    }
}
