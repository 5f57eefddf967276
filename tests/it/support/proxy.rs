//! What stands between the command and a server: a proxy that leads wherever the test wants, one that cuts
//! connections, and one that says of what was done that it was not.

use std::io::{Read, Write, copy};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use super::scripted::{head, read_body, read_head};
use super::served::Served;

/// Connects whoever asks with a port of 127.0.0.1, whatever host they ask for: tunnels where CONNECT is
/// asked for, and passes requests on as they are otherwise.
#[derive(Debug)]
pub(crate) struct Proxy {
    heads: Arc<Mutex<Vec<String>>>,
    served: Served,
}

impl Proxy {
    pub(crate) fn to(target: u16) -> Self {
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let heard = Arc::clone(&heads);
        let served = Served::each(move |mut client| {
            let head = read_head(&mut client);
            let mut server = TcpStream::connect(("127.0.0.1", target)).unwrap();
            if head.starts_with("CONNECT ") {
                client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
            } else {
                server.write_all(head.as_bytes()).unwrap();
            }
            heard.lock().unwrap().push(head);
            join(client, server);
        });
        Self { heads, served }
    }

    pub(crate) fn url(&self) -> String {
        self.served.url()
    }

    /// The heads that it was asked with so far.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

/// Passes on what either says, until both have ended.
fn join(mut client: TcpStream, mut server: TcpStream) {
    let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let there = std::thread::spawn(move || {
        let _ = copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    let _ = copy(&mut server, &mut client);
    let _ = client.shutdown(Shutdown::Both);
    there.join().unwrap();
}

/// Leads to a port of 127.0.0.1, and cuts each connection at a byte by chance in either direction: every other
/// one early, and the next not before the longest request of a test can have come through, so that few
/// retries are enough. It ends with the tests.
#[derive(Debug)]
pub(crate) struct Cutter {
    port: u16,
    cuts: Arc<AtomicU32>,
}

impl Cutter {
    pub(crate) fn to(target: u16, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let cuts = Arc::<AtomicU32>::default();
        let counted = Arc::clone(&cuts);
        std::thread::spawn(move || {
            let mut random = fastrand::Rng::with_seed(seed);
            for (number, client) in listener.incoming().flatten().enumerate() {
                let server = TcpStream::connect(("127.0.0.1", target)).unwrap();
                let bytes = if number % 2 == 1 { 250_000..400_000 } else { 1..4_000 };
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let (limit, cuts) = (random.u64(bytes.clone()), Arc::clone(&counted));
                    std::thread::spawn(move || pass_on(&from, to, limit, &cuts));
                }
            }
        });
        Self { port, cuts }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How many connections it has cut.
    pub(crate) fn cuts(&self) -> u32 {
        self.cuts.load(Ordering::SeqCst)
    }
}

/// Passes on what `from` says, up to `limit` bytes: then both directions are cut.
fn pass_on(from: &TcpStream, mut to: TcpStream, limit: u64, cuts: &AtomicU32) {
    let mut limited = from.take(limit);
    let _ = copy(&mut limited, &mut to);
    if limited.limit() == 0 {
        cuts.fetch_add(1, Ordering::SeqCst);
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    } else {
        let _ = to.shutdown(Shutdown::Write);
    }
}

/// Leads to a port of 127.0.0.1, a request a connection, and answers every so-manieth write by status 500 once the
/// server has done it. It ends with the tests.
#[derive(Debug)]
pub(crate) struct Denier {
    port: u16,
    denied: Arc<AtomicU32>,
}

impl Denier {
    pub(crate) fn to(target: u16, every: u32) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (denied, writes) = (Arc::<AtomicU32>::default(), Arc::<AtomicU32>::default());
        let counted = Arc::clone(&denied);
        std::thread::spawn(move || {
            for mut client in listener.incoming().flatten() {
                let (writes, counted) = (Arc::clone(&writes), Arc::clone(&counted));
                std::thread::spawn(move || {
                    let Some(head) = head(&mut client) else { return };
                    let body = read_body(&head, &mut client);
                    let mut server = TcpStream::connect(("127.0.0.1", target)).unwrap();
                    // So that the answer has an end.
                    let asked = head.replacen("\r\n\r\n", "\r\nconnection: close\r\n\r\n", 1);
                    server.write_all(&[asked.as_bytes(), &body].concat()).unwrap();
                    let mut answer = Vec::new();
                    server.read_to_end(&mut answer).unwrap();
                    let is_write = head.starts_with("PUT ") || head.starts_with("POST ");
                    let is_done = answer.starts_with(b"HTTP/1.1 2");
                    if is_write
                        && is_done
                        && (writes.fetch_add(1, Ordering::SeqCst) + 1).is_multiple_of(every)
                    {
                        counted.fetch_add(1, Ordering::SeqCst);
                        answer = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\
                                   connection: close\r\n\r\n"
                            .to_vec();
                    }
                    let _ = client.write_all(&answer);
                });
            }
        });
        Self { port, denied }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How many writes were done and answered so.
    pub(crate) fn denied(&self) -> u32 {
        self.denied.load(Ordering::SeqCst)
    }
}
