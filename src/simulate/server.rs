//! The simulator while it runs.

use std::io::{self, IoSlice};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};

use super::answer::Answer;
use super::connection::{Connection, Received};
use super::content::Content;
use super::delivery::Framing;
use super::endpoint;
use super::hold::Gate;
use super::transfer::{self, End, Transfer};
use super::world::World;
use super::{LicenseGenerator, LoggedRequest, Simulator};

/// How many connections are served at once; others wait to be accepted.
const CONNECTION_LIMIT: usize = 256;

/// A simulator that answers requests, until it is stopped or dropped.
#[derive(Debug)]
pub struct RunningSimulator {
    addr: SocketAddr,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    world: World,
    gate: Gate,
    body_bytes: AtomicU64,
}

impl RunningSimulator {
    pub(super) fn start(simulator: Simulator) -> io::Result<Self> {
        let runtime = tokio::runtime::Handle::try_current().map_err(io::Error::other)?;
        let listener = std::net::TcpListener::bind(simulator.addr)?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let addr = listener.local_addr()?;
        let shared = Arc::new(Shared {
            world: World::new(simulator),
            gate: Gate::closed(),
            body_bytes: AtomicU64::new(0),
        });
        let (stop, stopped) = watch::channel(false);
        let accepting = runtime.spawn(accept(listener, Arc::clone(&shared), stopped));
        Ok(RunningSimulator { addr, shared, stop, accepting })
    }

    /// The address that it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The URL to use in place of `https://api.truto.one`.
    pub fn base_url(&self) -> String {
        let mut addr = self.addr;
        if addr.ip().is_unspecified() {
            addr.set_ip(match addr {
                SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
                SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
            });
        }
        format!("http://{addr}")
    }

    /// The ids of the accounts, all in memory: for few accounts.
    pub fn accounts(&self) -> &[String] {
        self.shared.world.simulator.accounts()
    }

    /// What it was started as.
    pub fn simulator(&self) -> &Simulator {
        &self.shared.world.simulator
    }

    /// The licenses of an account as they are by now, with what faults have changed; `None` if there is
    /// no such account.
    pub fn licenses(&self, account: &str) -> Option<LicenseGenerator> {
        self.shared.world.licenses(account)
    }

    /// How many licenses an account has by now; `None` if there is no such account.
    pub fn records(&self, account: &str) -> Option<u64> {
        self.shared.world.records(account)
    }

    /// How many requests have been received.
    pub fn requests(&self) -> u64 {
        self.shared.world.requests.load(Ordering::Relaxed)
    }

    /// How many requests were answered with 429 because they were too many; those that a fault refuses
    /// so do not count.
    pub fn rate_limited(&self) -> u64 {
        self.shared.world.limited.load(Ordering::Relaxed)
    }

    /// The last requests that were answered, without their tokens, in the order of their answers.
    ///
    /// Empty unless [`Simulator::with_log`] was called.
    pub fn log(&self) -> Vec<LoggedRequest> {
        self.shared.world.logged()
    }

    /// How many bytes of streams the sockets have taken, without heads and chunk framing.
    pub fn body_bytes(&self) -> u64 {
        self.shared.body_bytes.load(Ordering::Relaxed)
    }

    /// How many responses are being held now.
    pub fn held(&self) -> usize {
        self.shared.gate.waiting()
    }

    /// Waits until at least `count` responses are being held at once.
    pub async fn until_held(&self, count: usize) {
        self.shared.gate.until_waiting(count).await;
    }

    /// Lets every held response go on; from now on none is held.
    pub fn release(&self) {
        self.shared.gate.open();
    }

    /// Closes the port and every connection, and waits until they are closed.
    ///
    /// Responses that are under way are cut. Dropping the simulator does the same without waiting.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        // The task fails only when it panicked, which has been reported by then.
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for RunningSimulator {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Serves whoever connects. The connections live no longer than this.
async fn accept(listener: TcpListener, shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    let slots = Arc::new(Semaphore::new(CONNECTION_LIMIT));
    let mut connections = JoinSet::new();
    let accepting = async {
        loop {
            while connections.try_join_next().is_some() {}
            let slot = Arc::clone(&slots).acquire_owned().await;
            match listener.accept().await {
                Ok((stream, _)) => {
                    let shared = Arc::clone(&shared);
                    connections.spawn(async move {
                        let _slot = slot;
                        // A connection that broke is the client's affair.
                        let _ = serve(stream, &shared).await;
                    });
                }
                // No file descriptor is free, say: one that closes will make room.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    };
    tokio::select! {
        () = accepting => {}
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
    drop(listener);
    connections.shutdown().await;
}

/// Answers one request after the other.
async fn serve(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let mut connection = Connection::new(stream)?;
    loop {
        let request = match connection.receive().await? {
            Received::Request(request) => request,
            Received::Unreadable(refusal) => {
                shared.send(refusal.answer(), true, false, &mut connection).await?;
                break;
            }
            Received::End => return Ok(()),
        };
        shared.world.requests.fetch_add(1, Ordering::Relaxed);
        let answer = endpoint::answer(&request, &shared.world);
        shared.world.log(&request, answer.status);
        let with_body = request.method != "HEAD";
        if !shared.send(answer, with_body, request.keep_alive, &mut connection).await? {
            break;
        }
    }
    connection.close().await;
    Ok(())
}

impl Shared {
    /// Sends an answer; says whether another request may follow on the connection.
    async fn send(
        &self,
        mut answer: Answer,
        with_body: bool,
        keep_alive: bool,
        to: &mut Connection,
    ) -> io::Result<bool> {
        let delivery = &answer.delivery;
        let content = std::mem::take(&mut answer.content);
        let framing = transfer::framing(&content, delivery).await?;
        let keep_alive = keep_alive && framing != Framing::Close && delivery.length_off == 0;
        if let Some(stall) = delivery.stall_head {
            tokio::select! {
                () = stall.pass() => {}
                () = to.left() => return Ok(false),
            }
        }
        if delivery.hang_up {
            return Ok(false);
        }
        let head = answer.head(framing, keep_alive);
        to.send(&mut [IoSlice::new(head.as_bytes())]).await?;
        if !with_body {
            return Ok(keep_alive);
        }
        let nowhere = AtomicU64::new(0);
        let body_bytes = match content {
            Content::Licenses(_) => &self.body_bytes,
            Content::Whole(_) => &nowhere,
        };
        let transfer = Transfer { delivery, framing, gate: &self.gate, body_bytes };
        let end = transfer.send(content, to).await?;
        if end == End::Cut && delivery.reset {
            to.reset_on_close()?;
        }
        Ok(keep_alive && end == End::Complete)
    }
}

#[cfg(test)]
mod tests;
