//! A thread that serves whoever connects.

use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// Serves one connection to a port of 127.0.0.1 after the other, until it is dropped. A test fails with what the thread
/// panics with.
#[derive(Debug)]
pub(crate) struct Served {
    port: u16,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Served {
    pub(crate) fn each(mut serve: impl FnMut(TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let is_over = Arc::new(AtomicBool::new(false));
        let thread = {
            let is_over = Arc::clone(&is_over);
            std::thread::spawn(move || {
                loop {
                    let (stream, _) = listener.accept().unwrap();
                    if is_over.load(Ordering::SeqCst) {
                        return;
                    }
                    serve(stream);
                }
            })
        };
        Self { port, is_over, thread: Some(thread) }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        // It waits for a connection.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        let ended = self.thread.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            ended.unwrap().unwrap();
        }
    }
}
