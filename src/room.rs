//! A bound in bytes on what is under way.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes that may be under way, however many share them. Who waits for room gets it in turn, so that
/// none starves. Clones are the same room.
#[derive(Clone, Debug)]
pub(crate) struct Room {
    free: Arc<Semaphore>,
    bytes: u32,
}

impl Room {
    /// Room for `bytes`, 4 GiB at most.
    pub(crate) fn new(bytes: usize) -> Self {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX).max(1);
        Self { free: Arc::new(Semaphore::new(bytes as usize)), bytes }
    }

    /// Takes `bytes` once they are free. What is larger than all of the room takes all of it, and so
    /// passes alone.
    pub(crate) async fn take(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX).clamp(1, self.bytes);
        // It is never closed, so there is always a permit.
        Arc::clone(&self.free).acquire_many_owned(bytes).await.ok()
    }
}
