//! A way to a server on which connections can be cut, and which can stop passing anything on.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

/// Passes bytes between whoever connects and a port of 127.0.0.1, in both directions.
///
/// Its threads end with their connections, and the one that listens with the test.
#[derive(Debug)]
pub(crate) struct Relay {
    port: u16,
    way: Arc<Way>,
}

#[derive(Debug)]
struct Way {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// Nobody is connected further before it is known where to.
    target: Option<u16>,
    is_frozen: bool,
    cuts: Option<Cuts>,
    cut: u32,
}

/// When connections are cut.
#[derive(Debug)]
struct Cuts {
    random: fastrand::Rng,
    longest: u64,
    left: u32,
}

impl Relay {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = State { target: None, is_frozen: false, cuts: None, cut: 0 };
        let way = Arc::new(Way { state: Mutex::new(state), changed: Condvar::new() });
        let shared = Arc::clone(&way);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (client, way) = (client.unwrap(), Arc::clone(&shared));
                std::thread::spawn(move || way.serve(client));
            }
        });
        Self { port, way }
    }

    pub(crate) fn to(target: u16) -> Self {
        let relay = Self::new();
        relay.lead_to(target);
        relay
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn lead_to(&self, target: u16) {
        self.way.change(|state| state.target = Some(target));
    }

    /// Passes nothing on from now on; connections stay open, and new ones are taken.
    pub(crate) fn freeze(&self) {
        self.way.change(|state| state.is_frozen = true);
    }

    /// Passes on again, and first what was held back.
    pub(crate) fn thaw(&self) {
        self.way.change(|state| state.is_frozen = false);
    }

    /// Cuts each of the next `count` connections after a random number of bytes, up to `longest`.
    pub(crate) fn cut(&self, seed: u64, count: u32, longest: u64) {
        let random = fastrand::Rng::with_seed(seed);
        self.way.change(|state| state.cuts = Some(Cuts { random, longest, left: count }));
    }

    /// How many connections were cut.
    pub(crate) fn was_cut(&self) -> u32 {
        self.way.lock().cut
    }
}

impl Way {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    /// The state once something may be passed on.
    fn open(&self) -> MutexGuard<'_, State> {
        let is_closed = |state: &mut State| state.is_frozen || state.target.is_none();
        self.changed.wait_while(self.lock(), is_closed).unwrap()
    }

    fn serve(self: Arc<Self>, client: TcpStream) {
        let (target, bytes) = {
            let mut state = self.open();
            let cuts = state.cuts.as_mut().filter(|cuts| cuts.left > 0);
            let bytes = cuts.map(|cuts| {
                cuts.left -= 1;
                cuts.random.u64(1..=cuts.longest)
            });
            (state.target.unwrap(), bytes)
        };
        // A server that is away is for the client to notice.
        let Ok(server) = TcpStream::connect(("127.0.0.1", target)) else { return };
        let left = Arc::new(Mutex::new(bytes));
        let back = {
            let (way, left) = (Arc::clone(&self), Arc::clone(&left));
            let (server, client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            std::thread::spawn(move || way.pass(server, client, &left))
        };
        self.pass(client, server, &left);
        back.join().unwrap();
    }

    /// Passes on what `from` says until it ends, or until no bytes of both directions are `left`.
    fn pass(&self, mut from: TcpStream, mut to: TcpStream, left: &Mutex<Option<u64>>) {
        let mut bytes = vec![0; 64 << 10];
        loop {
            let length = match from.read(&mut bytes) {
                Ok(length) if length > 0 => length,
                _ => break,
            };
            drop(self.open());
            let mut passed = length;
            if let Some(left) = left.lock().unwrap().as_mut() {
                passed = passed.min(usize::try_from(*left).unwrap());
                *left -= passed as u64;
            }
            let is_cut = passed < length;
            if to.write_all(&bytes[..passed]).is_err() || is_cut {
                self.lock().cut += u32::from(is_cut);
                // Both directions, for both sides.
                let _ = from.shutdown(Shutdown::Both);
                break;
            }
        }
        let _ = to.shutdown(if left.lock().unwrap().is_some() {
            Shutdown::Both
        } else {
            Shutdown::Write
        });
    }
}
