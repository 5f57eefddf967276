//! The few pages over HTTP that others look at a run by.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use license_stream::{Error, ErrorKind, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::Board;
use crate::args::ReportArgs;
use crate::screen::say;

/// Connections at once. Further ones wait until one of these has ended, by [`PATIENCE`] at the latest.
const CONNECTIONS: usize = 16;

/// How long a connection may take, from its beginning to its end.
const PATIENCE: Duration = Duration::from_secs(5);

/// Bytes of the head of a request, and lines in it.
const MAX_HEAD: usize = 8 << 10;
const MAX_HEADERS: usize = 64;

/// How long to wait where no connection can be taken for lack of something.
const PAUSE: Duration = Duration::from_millis(100);

const PLAIN: &str = "text/plain; charset=utf-8";
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Answers until it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    serving: JoinHandle<()>,
}

impl Server {
    /// Listens on `address`, tells so, and answers with what is on the board.
    ///
    /// # Errors
    /// [`ErrorKind::Unreachable`] where the address is taken, or is none of this machine.
    pub(crate) fn listen(
        address: SocketAddr,
        board: impl Into<Arc<Board>>,
        report: ReportArgs,
    ) -> Result<Self> {
        let listen = || {
            let listener = std::net::TcpListener::bind(address)?;
            listener.set_nonblocking(true)?;
            Ok((listener.local_addr()?, TcpListener::from_std(listener)?))
        };
        let (address, listener) = listen().map_err(|error: std::io::Error| {
            let message = format!("{address} cannot be listened on (--metrics)");
            Error::new(ErrorKind::Unreachable, message).caused_by(error)
        })?;
        if !report.quiet {
            say!("metrics: http://{address}/metrics");
        }
        Ok(Self { serving: tokio::spawn(serve(listener, board.into())) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, board: Arc<Board>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        // It is never closed.
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let board = Arc::clone(&board);
        tokio::spawn(async move {
            // Whoever is gone, or too slow, gets no answer.
            let _ = tokio::time::timeout(PATIENCE, answer(stream, &board)).await;
            drop(place);
        });
    }
}

async fn answer(mut stream: TcpStream, board: &Board) -> std::io::Result<()> {
    let mut head = Vec::new();
    let response = loop {
        match read(&head) {
            Head::Whole { method, path } => break respond(&method, &path, board),
            Head::Broken => break Response::new(400, PLAIN, "this is no HTTP request\n"),
            Head::Part if head.len() > MAX_HEAD => {
                break Response::new(431, PLAIN, "the head of the request is too long\n");
            }
            Head::Part => {}
        }
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    };
    stream.write_all(&response.bytes()).await?;
    stream.shutdown().await?;
    // What was sent behind the head is taken: closed with it unread, the answer might be lost on its way.
    let mut rest = [0; 1024];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

/// The head of a request, as far as it has come.
enum Head {
    Part,
    Whole { method: String, path: String },
    Broken,
}

fn read(bytes: &[u8]) -> Head {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(bytes) {
        Ok(httparse::Status::Complete(_)) => {
            let path = request.path.unwrap_or_default();
            let path = path.split('?').next().unwrap_or_default();
            Head::Whole {
                method: request.method.unwrap_or_default().to_owned(),
                path: path.to_owned(),
            }
        }
        Ok(httparse::Status::Partial) => Head::Part,
        Err(_) => Head::Broken,
    }
}

fn respond(method: &str, path: &str, board: &Board) -> Response {
    let response = match path {
        "/metrics" => match board.text() {
            Ok(text) => Response::new(200, METRICS, text),
            Err(error) => Response::new(500, PLAIN, format!("{error}\n")),
        },
        "/healthz" => Response::new(200, PLAIN, "ok\n"),
        "/readyz" if board.is_ready() => Response::new(200, PLAIN, "ready\n"),
        "/readyz" => {
            Response::new(503, PLAIN, "not ready: no license has come yet, or the run stops\n")
        }
        _ => Response::new(404, PLAIN, "there are /metrics, /healthz and /readyz\n"),
    };
    match method {
        "GET" => response,
        "HEAD" => Response { is_head: true, ..response },
        _ => Response::new(405, PLAIN, "only GET and HEAD\n"),
    }
}

struct Response {
    status: u16,
    content_type: &'static str,
    body: String,
    /// Whether only its head was asked for.
    is_head: bool,
}

impl Response {
    fn new(status: u16, content_type: &'static str, body: impl Into<String>) -> Self {
        Self { status, content_type, body: body.into(), is_head: false }
    }

    fn bytes(&self) -> Vec<u8> {
        let reason = match self.status {
            200 => "OK",
            400 => "Bad Request",
            404 => "Not Found",
            405 => "Method Not Allowed",
            431 => "Request Header Fields Too Large",
            503 => "Service Unavailable",
            _ => "Internal Server Error",
        };
        let allow = if self.status == 405 { "Allow: GET, HEAD\r\n" } else { "" };
        let mut bytes = format!(
            "HTTP/1.1 {} {reason}\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
             {allow}Connection: close\r\n\r\n",
            self.status,
            self.content_type,
            self.body.len()
        );
        if !self.is_head {
            bytes.push_str(&self.body);
        }
        bytes.into_bytes()
    }
}
