//! Responses that stand still until they are told to go on.

use tokio::sync::watch;

/// Where a response stands still.
#[derive(Clone, Copy, Debug)]
pub(super) enum HoldPoint {
    Bytes(u64),
    Records(u64),
}

/// Lets responses wait for their release.
#[derive(Debug)]
pub(super) struct Gate {
    open: watch::Sender<bool>,
    waiting: watch::Sender<usize>,
}

impl Gate {
    pub(super) fn closed() -> Self {
        Gate { open: watch::Sender::new(false), waiting: watch::Sender::new(0) }
    }

    /// Releases who waits now and who would wait later.
    pub(super) fn open(&self) {
        self.open.send_replace(true);
    }

    /// Waits until the gate is open.
    pub(super) async fn pass(&self) {
        let _waiting = Waiting::new(&self.waiting);
        // The sender is borrowed for as long as this waits: it cannot be gone.
        let _ = self.open.subscribe().wait_for(|open| *open).await;
    }

    /// How many wait now.
    pub(super) fn waiting(&self) -> usize {
        *self.waiting.borrow()
    }

    /// Waits until that many wait.
    pub(super) async fn until_waiting(&self, count: usize) {
        let _ = self.waiting.subscribe().wait_for(|waiting| *waiting >= count).await;
    }
}

/// Counts one that waits, also when it is dropped while waiting.
struct Waiting<'a>(&'a watch::Sender<usize>);

impl<'a> Waiting<'a> {
    fn new(count: &'a watch::Sender<usize>) -> Self {
        count.send_modify(|count| *count += 1);
        Waiting(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}
